"""What the stages left under results/, read into typed records.

One dataclass a file, its fields named as the file's keys; keys that the report does not use are ignored. Whatever is
missing or malformed ends in a one-line UserError that names the file and the field. Accuracies are percent.
"""

import csv
import dataclasses
import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from pipeline.errors import UserError

Percent = Annotated[float, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0)]
Record = TypeVar("Record")
FINITE: dict[str, Any] = {"allow_inf_nan": False}


@dataclass(frozen=True)
class Estimate:
    """A measured accuracy with its bootstrap 95 % interval, all in percent."""

    value: float
    low: float
    high: float

    def overlaps(self, other: "Estimate") -> bool:
        """Whether the two intervals share a point."""
        return self.low <= other.high and other.low <= self.high


def _ordered(name: str, low: float, high: float) -> None:
    """ValueError, which becomes a UserError naming the file, unless low ≤ high."""
    if low > high:
        raise ValueError(f"{name}_low {low} lies above {name}_high {high}")


@dataclass(frozen=True)
class ProtocolMetrics:
    """metrics.json of a protocol: the encoder's accuracies on n test clips and those of the same encoder untrained.

    best_epoch_as_released_top1: the best epoch on the test split, which the released code reports (hacm.md §6).
    """

    n: Annotated[int, Field(gt=0)]
    classes: Annotated[int, Field(gt=0)]
    top1: Percent
    top1_low: Percent
    top1_high: Percent
    top5: Percent
    top5_low: Percent
    top5_high: Percent
    mean_class: Percent
    random_top1: Percent
    random_top1_low: Percent
    random_top1_high: Percent
    random_top5: Percent
    best_epoch_as_released_top1: Percent | None = None
    __pydantic_config__: ClassVar[Any] = FINITE

    def __post_init__(self) -> None:
        _ordered("top1", self.top1_low, self.top1_high)
        _ordered("top5", self.top5_low, self.top5_high)
        _ordered("random_top1", self.random_top1_low, self.random_top1_high)

    @property
    def first(self) -> Estimate:
        """Top-1 of the pretrained encoder."""
        return Estimate(self.top1, self.top1_low, self.top1_high)

    @property
    def fifth(self) -> Estimate:
        """Top-5 of the pretrained encoder."""
        return Estimate(self.top5, self.top5_low, self.top5_high)

    @property
    def random(self) -> Estimate:
        """Top-1 of the same encoder with random weights."""
        return Estimate(self.random_top1, self.random_top1_low, self.random_top1_high)


@dataclass(frozen=True)
class FloorMetrics:
    """metrics.json of the ridge floor on raw joints (data.md §3)."""

    n: Annotated[int, Field(gt=0)]
    classes: Annotated[int, Field(gt=0)]
    top1: Percent
    top1_low: Percent
    top1_high: Percent
    top5: Percent
    strength: float | None = None
    __pydantic_config__: ClassVar[Any] = FINITE

    def __post_init__(self) -> None:
        _ordered("top1", self.top1_low, self.top1_high)

    @property
    def first(self) -> Estimate:
        """Top-1 of the floor."""
        return Estimate(self.top1, self.top1_low, self.top1_high)


@dataclass(frozen=True)
class Details:
    """details.json: where a result comes from. seconds: cost of its stage. encoder_hash: null for the floor."""

    seed: int
    data_version: str
    dataset: str
    synthetic: bool
    code: str | None
    dirty: bool
    machine: dict[str, Any]
    seconds: Annotated[float, Field(ge=0)]
    encoder_hash: str | None = None
    __pydantic_config__: ClassVar[Any] = FINITE


@dataclass(frozen=True)
class ClassAccuracy:
    """A row of per_class.csv; the column `class` is called name here, a class without test clips has NaN."""

    name: str
    n: Count
    top1: float
    random_top1: float


@dataclass(frozen=True)
class Prediction:
    """A row of confusion.csv: one test clip."""

    actual: str
    predicted: str


@dataclass(frozen=True)
class PretrainMetrics:
    """metrics.json of pretraining; losses are the last epoch's means."""

    epochs: Count
    loss: float
    clips: Count
    parameters: Count


@dataclass(frozen=True)
class EpochLoss:
    """A row of loss.csv. Not-a-number is allowed: a run that diverged is reported, too."""

    epoch: int
    loss: float
    reconstruction: float
    contrast: float
    lr: float


@dataclass(frozen=True)
class Branches:
    """The segments of each branch; both empty when the masking strategy has no branches."""

    temporal: tuple[int, ...]
    spatial: tuple[int, ...]


@dataclass(frozen=True)
class Example:
    """example.json: one resampled clip and what pretraining hid of it.

    segment: frames a token. bodies: M × T × V × 3 metres. masked: M × S × J, 1 where the token of a kept joint is
    hidden from the encoder.
    """

    name: str
    label: int | str
    segment: Annotated[int, Field(gt=0)]
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    kept: tuple[int, ...]
    bodies: tuple[tuple[tuple[tuple[float, float, float], ...], ...], ...]
    masked: tuple[tuple[tuple[Annotated[int, Field(ge=0, le=1)], ...], ...], ...]
    branch: Branches
    __pydantic_config__: ClassVar[Any] = FINITE

    def __post_init__(self) -> None:
        joints = len(self.joints)
        if len(self.parents) != joints or any(not -1 <= parent < joints for parent in self.parents):
            raise ValueError(f"parents must hold {joints} joint numbers or -1")
        if any(not 0 <= joint < joints for joint in self.kept):
            raise ValueError(f"kept must hold joint numbers below {joints}")
        if not self.bodies or len(self.bodies) != len(self.masked):
            raise ValueError(f"{len(self.bodies)} bodies but {len(self.masked)} masks")
        if any(len(frame) != joints for body in self.bodies for frame in body):
            raise ValueError(f"every frame of bodies must hold {joints} joints")
        for body, mask in zip(self.bodies, self.masked, strict=True):
            if len(body) != len(mask) * self.segment or any(len(row) != len(self.kept) for row in mask):
                raise ValueError("masked must be segments × kept joints, with segments = frames / segment")
        segments = len(self.masked[0])
        if any(not 0 <= segment < segments for segment in self.branch.temporal + self.branch.spatial):
            raise ValueError(f"branch must hold segment numbers below {segments}")


@dataclass(frozen=True)
class Run:
    """One protocol on one benchmark."""

    benchmark: str
    protocol: str
    metrics: ProtocolMetrics
    details: Details
    classes: tuple[ClassAccuracy, ...]
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True)
class Floor:
    """The raw-joint ridge floor of a benchmark."""

    metrics: FloorMetrics
    details: Details


@dataclass(frozen=True)
class Benchmark:
    """All results of one benchmark. dataset, version and synthetic hold for every one of them."""

    name: str
    dataset: str
    version: str
    synthetic: bool
    pretrain: PretrainMetrics
    pretrain_details: Details
    losses: tuple[EpochLoss, ...]
    example: Example
    runs: tuple[Run, ...]
    floor: Floor


@dataclass(frozen=True)
class Split:
    """Clips on each side of a split rule; expected: what the data set's authors' rule gives, null where unknown."""

    train: Count
    test: Count
    expected_train: Count | None = None
    expected_test: Count | None = None
    train_subjects: tuple[int | str, ...] = ()
    test_subjects: tuple[int | str, ...] = ()


@dataclass(frozen=True)
class ClassCount:
    """Clips of one action class."""

    label: int
    name: str
    clips: Count
    train: Count
    test: Count


@dataclass(frozen=True)
class SubjectCount:
    """Clips of one performer."""

    subject: int | str
    clips: Count


@dataclass(frozen=True)
class Exclusion:
    """A clip that is not in the data set, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class CleaningNote:
    """One thing that cleaning did, and to how many clips."""

    note: str
    clips: Count


@dataclass(frozen=True)
class Finding:
    """Something the audit wants read."""

    severity: str
    text: str
    kind: str = ""


@dataclass(frozen=True)
class WorstMoment:
    """Where the worst clip of a finding has its worst frame, and the poses of one body around it.

    marked: joints at fault. frames: those of the poses (frames, V, 3), metres.
    """

    kind: str
    clip: str
    body: int
    frame: int
    joints: tuple[str, ...]
    marked: tuple[int, ...]
    frames: tuple[int, ...]
    parents: tuple[int, ...]
    poses: tuple[tuple[tuple[float, float, float], ...], ...]
    __pydantic_config__: ClassVar[Any] = FINITE

    def __post_init__(self) -> None:
        if len(self.poses) != len(self.frames) or any(len(pose) != len(self.parents) for pose in self.poses):
            raise ValueError("poses must be one a frame, and of as many joints as parents")


@dataclass(frozen=True)
class Alteration:
    """What was done to how many clips, by which rule."""

    action: str
    rule: str
    clips: Count


@dataclass(frozen=True)
class FrameCounts:
    """Frames a clip: least, median, most; and all of them together."""

    least: Count
    median: float
    most: Count
    total: Count


@dataclass(frozen=True)
class Audit:
    """audit.json: what is in a data set and what was taken out of it. benchmarks: by split rule."""

    dataset: str
    synthetic: bool
    version: str
    topology: str
    clips: Count
    excluded: Count
    bodies: dict[str, Count]
    frames: FrameCounts
    benchmarks: dict[str, Split]
    classes: tuple[ClassCount, ...]
    subjects: tuple[SubjectCount, ...]
    exclusions: tuple[Exclusion, ...]
    cleaning: tuple[CleaningNote, ...]
    findings: tuple[Finding, ...]
    alterations: tuple[Alteration, ...] = ()
    values: dict[str, dict[str, float | None]] = dataclasses.field(default_factory=dict)
    worst: tuple[WorstMoment, ...] = ()
    __pydantic_config__: ClassVar[Any] = FINITE

    def split(self, benchmark: str) -> Split | None:
        """The split of a benchmark, which is called <data set>-<rule>; None if the audit has no such rule."""
        return self.benchmarks.get(benchmark.removeprefix(f"{self.dataset}-"), self.benchmarks.get(benchmark))


@dataclass(frozen=True)
class HierarchyMetrics:
    """Distortion of the embedded kinematic tree (hacm.md §3): optimised, and two baselines of the same dimension."""

    tree_distortion: float
    tree_distortion_random: float
    tree_distortion_euclidean: float
    scale: float
    __pydantic_config__: ClassVar[Any] = FINITE


@dataclass(frozen=True)
class TreeJoint:
    """A row of tree.csv: a joint's place in the Poincaré disk. radius: geodesic. token: 1, or 0 for the root set."""

    joint: int
    parent: int
    name: str
    x: float
    y: float
    radius: float
    token: bool
    __pydantic_config__: ClassVar[Any] = FINITE

    def __post_init__(self) -> None:
        if math.hypot(self.x, self.y) >= 1:
            raise ValueError(f"({self.x}, {self.y}) lies outside the unit disk")


@dataclass(frozen=True)
class Dataset:
    """A data set's audit and its joint hierarchy."""

    name: str
    audit: Audit
    hierarchy: HierarchyMetrics
    tree: tuple[TreeJoint, ...]


@dataclass(frozen=True)
class Results:
    """Everything the report shows."""

    benchmarks: tuple[Benchmark, ...]
    datasets: tuple[Dataset, ...]

    def audit(self, dataset: str) -> Audit:
        """The audit of a data set that is part of these results."""
        return next(entry.audit for entry in self.datasets if entry.name == dataset)


def read_results(
    folder: Path, benchmarks: Collection[str], datasets: Collection[str], protocols: Collection[str]
) -> Results:
    """Reads what the report needs of the folder results/.

    Raises UserError, one line, where a file is missing or malformed, where results of one benchmark come from
    different data versions, or where they do not fit the audit of their data set.
    """
    if not benchmarks or not protocols:
        raise UserError("nothing to report: name at least one benchmark and one protocol in params.yaml")
    results = Results(
        benchmarks=tuple(_read_benchmark(folder / "benchmarks" / name, name, protocols) for name in benchmarks),
        datasets=tuple(_read_dataset(folder / "datasets" / name, name) for name in datasets),
    )
    for benchmark in results.benchmarks:
        _check_audit(folder, results, benchmark)
    return results


def _read_benchmark(folder: Path, name: str, protocols: Collection[str]) -> Benchmark:
    runs = tuple(_read_run(folder / protocol, name, protocol) for protocol in protocols)
    floor = Floor(
        metrics=read_json(folder / "floor" / "metrics.json", FloorMetrics),
        details=read_json(folder / "floor" / "details.json", Details),
    )
    first = read_json(folder / "pretrain" / "details.json", Details)
    for result, details in [*((run.protocol, run.details) for run in runs), ("floor", floor.details)]:
        for field in ("data_version", "dataset", "synthetic"):
            _check_same(folder, field, getattr(first, field), getattr(details, field), result)
    return Benchmark(
        name=name,
        dataset=first.dataset,
        version=first.data_version,
        synthetic=first.synthetic,
        pretrain=read_json(folder / "pretrain" / "metrics.json", PretrainMetrics),
        pretrain_details=first,
        losses=read_csv(folder / "pretrain" / "loss.csv", EpochLoss),
        example=read_json(folder / "pretrain" / "example.json", Example),
        runs=runs,
        floor=floor,
    )


def _check_same(folder: Path, field: str, pretrained: str | bool, found: str | bool, result: str) -> None:
    """UserError unless a result was measured on the data that the encoder was pretrained on."""
    if found != pretrained:
        raise UserError(
            f"{folder / result / 'details.json'}: {field} is {found} but pretraining has {pretrained}; "
            "run both again on the same data (dvc repro)"
        )


def _read_run(folder: Path, benchmark: str, protocol: str) -> Run:
    run = Run(
        benchmark=benchmark,
        protocol=protocol,
        metrics=read_json(folder / "metrics.json", ProtocolMetrics),
        details=read_json(folder / "details.json", Details),
        classes=read_csv(folder / "per_class.csv", ClassAccuracy, renamed={"class": "name"}),
        predictions=read_csv(folder / "confusion.csv", Prediction),
    )
    path = folder / "confusion.csv"
    if len(run.predictions) != run.metrics.n:
        raise UserError(f"{path}: {len(run.predictions)} rows but n in metrics.json is {run.metrics.n}; run it again")
    unknown = {row.actual for row in run.predictions} - {row.name for row in run.classes}
    if unknown:
        raise UserError(f"{path}: actual: class {min(unknown)!r} is not in per_class.csv; run the protocol again")
    return run


def _read_dataset(folder: Path, name: str) -> Dataset:
    tree = read_csv(folder / "hierarchy" / "tree.csv", TreeJoint)
    joints = {row.joint for row in tree}
    for row in tree:
        if row.parent != -1 and row.parent not in joints:
            raise UserError(f"{folder / 'hierarchy' / 'tree.csv'}: parent: {row.parent} of {row.name!r} is no joint")
    return Dataset(
        name=name,
        audit=read_json(folder / "audit" / "audit.json", Audit),
        hierarchy=read_json(folder / "hierarchy" / "metrics.json", HierarchyMetrics),
        tree=tree,
    )


def _check_audit(folder: Path, results: Results, benchmark: Benchmark) -> None:
    """UserError unless the benchmark's data set is reported, too, in the version the benchmark was measured on."""
    path = folder / "datasets" / benchmark.dataset / "audit" / "audit.json"
    if benchmark.dataset not in {entry.name for entry in results.datasets}:
        raise UserError(f"{path}: benchmark {benchmark.name} needs data set {benchmark.dataset}; add it to the report")
    audit = results.audit(benchmark.dataset)
    if audit.version != benchmark.version:
        raise UserError(
            f"{path}: version is {audit.version} but {benchmark.name} was measured on {benchmark.version}; "
            "run both again on the same data (dvc repro)"
        )
    if audit.synthetic != benchmark.synthetic:
        raise UserError(f"{path}: synthetic is {audit.synthetic} but details.json of {benchmark.name} disagrees")
    if audit.split(benchmark.name) is None:
        raise UserError(f"{path}: benchmarks: no split for {benchmark.name}; run the audit again")


def read_json(path: Path, kind: type[Record]) -> Record:
    """The file as a record of that dataclass; UserError naming file and field otherwise."""
    text = _read_text(path)
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        raise UserError(f"{path}: {_first_problem(error)}; run the stage that writes it again") from None


def read_csv(path: Path, kind: type[Record], renamed: dict[str, str] | None = None) -> tuple[Record, ...]:
    """The file's rows as records of that dataclass; UserError naming file, line and field otherwise.

    renamed: columns whose name is no Python name, and the field each goes to. A table without rows is an error.
    """
    lines = csv.reader(_read_text(path).splitlines())
    header = [(renamed or {}).get(column, column) for column in next(lines, [])]
    rows = [dict(zip(header, line, strict=False)) for line in lines if line]
    if not rows:
        raise UserError(f"{path}: no rows; run the stage that writes it again")
    try:
        return tuple(TypeAdapter(list[kind]).validate_python(rows))  # type: ignore[valid-type]
    except ValidationError as error:
        line = int(error.errors()[0]["loc"][0]) + 2
        problem = _first_problem(error, skip=1)
        raise UserError(f"{path}: line {line}: {problem}; run the stage that writes it again") from None


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: missing; run the stage that writes it (dvc repro)") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); run the stage that writes it again") from None


def _first_problem(error: ValidationError, skip: int = 0) -> str:
    """`field: what is wrong with it`, without the first parts of the field's path that the caller names itself."""
    problem = error.errors()[0]
    field = ".".join(str(part) for part in problem["loc"][skip:])
    message = " ".join(problem["msg"].removeprefix("Value error, ").split())
    return f"{field}: {message}" if field else message
