"""What the stages left under results/, read into typed records.

One dataclass a file, its fields named as the file's keys; keys that the report does not use are ignored. Whatever is
missing or malformed ends in a one-line UserError that names the file and the field. Accuracies are percent.
"""

import csv
import dataclasses
import math
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from pipeline.errors import UserError

Percent = Annotated[float, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0)]
Record = TypeVar("Record")
REFERENCE = "hacm"
"""The variant that others are compared with, where it is among them."""
FINITE: dict[str, Any] = {"allow_inf_nan": False}


@dataclass(frozen=True)
class Estimate:
    """A measured accuracy with its bootstrap 95 % interval, all in percent."""

    value: float
    low: float
    high: float

    def __neg__(self) -> "Estimate":
        """Of a difference, the one the other way round."""
        return Estimate(-self.value, -self.high, -self.low)


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
    """details.json: where a result comes from. seconds: cost of its stage. The floor has no seed and no encoder."""

    data_version: str
    dataset: str
    synthetic: bool
    code: str | None
    dirty: bool
    machine: dict[str, Any]
    seconds: Annotated[float, Field(ge=0)]
    seed: int | None = None
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
class InputSettings:
    """What the network was fed."""

    stream: str


@dataclass(frozen=True)
class TrainedBy:
    """Of the settings of a pretraining, those that the report needs."""

    augment: InputSettings


@dataclass(frozen=True)
class JudgedDetails(Details):
    """details.json of a protocol or the floor. bootstrap: resamples behind each interval."""

    bootstrap: Annotated[int, Field(gt=0)] = field(kw_only=True)


@dataclass(frozen=True)
class PretrainDetails(Details):
    """details.json of a pretraining."""

    settings: TrainedBy = field(kw_only=True)

    @property
    def stream(self) -> str:
        """What the network was fed: joint, bone or motion."""
        return self.settings.augment.stream


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
class ConditionAccuracy:
    """A row of conditions.csv: top-1 under one condition of several. level: in its natural unit; draw: from 0."""

    kind: str
    level: float
    draw: Count
    top1: Percent
    top1_low: Percent
    top1_high: Percent
    random_top1: Percent
    __pydantic_config__: ClassVar[Any] = FINITE

    def __post_init__(self) -> None:
        _ordered("top1", self.top1_low, self.top1_high)


@dataclass(frozen=True)
class Run:
    """One protocol on one pretrained encoder. folder: where its files lie.

    classes, predictions: of the runs that are drawn (Benchmark.drawn) alone.
    """

    benchmark: str
    variant: str
    seed: int
    protocol: str
    folder: Path
    metrics: ProtocolMetrics
    details: JudgedDetails
    conditions: tuple[ConditionAccuracy, ...] = ()
    classes: tuple[ClassAccuracy, ...] = ()
    predictions: tuple[Prediction, ...] = ()


@dataclass(frozen=True)
class Pretraining:
    """One pretraining. losses, example: of the one that is drawn alone."""

    variant: str
    seed: int
    metrics: PretrainMetrics
    details: PretrainDetails
    losses: tuple[EpochLoss, ...] = ()
    example: Example | None = None


@dataclass(frozen=True)
class Floor:
    """The raw-joint ridge floor of a benchmark. folder: where its files lie."""

    folder: Path
    metrics: FloorMetrics
    details: JudgedDetails


@dataclass(frozen=True)
class Benchmark:
    """All results of one benchmark. dataset, version and synthetic hold for every one of them.

    pretrainings, runs: of every variant and seed. reference: the variant that the others are compared with; of its
    first seed, the classes, confusions, losses and masks are drawn.
    """

    name: str
    dataset: str
    version: str
    synthetic: bool
    reference: str
    pretrainings: tuple[Pretraining, ...]
    runs: tuple[Run, ...]
    floor: Floor

    @property
    def variants(self) -> tuple[str, ...]:
        """In the order of params.yaml's list."""
        return tuple(dict.fromkeys(entry.variant for entry in self.pretrainings))

    @property
    def seeds(self) -> tuple[int, ...]:
        """In the order of params.yaml's list."""
        return tuple(dict.fromkeys(entry.seed for entry in self.pretrainings))

    @property
    def protocols(self) -> tuple[str, ...]:
        """In the order of params.yaml's list."""
        return tuple(dict.fromkeys(run.protocol for run in self.runs))

    @property
    def several(self) -> bool:
        """Whether there is more than one variant or seed."""
        return len(self.pretrainings) > 1

    @property
    def drawn(self) -> tuple[Run, ...]:
        """The runs that are drawn: the reference's first seed, by every protocol."""
        return tuple(run for run in self.runs if (run.variant, run.seed) == (self.reference, self.seeds[0]))

    @property
    def pretraining(self) -> Pretraining:
        """The pretraining behind the runs that are drawn."""
        wanted = (self.reference, self.seeds[0])
        return next(entry for entry in self.pretrainings if (entry.variant, entry.seed) == wanted)

    def stream(self, variant: str) -> str:
        """What a variant's networks were fed."""
        return next(entry.details.stream for entry in self.pretrainings if entry.variant == variant)

    def of(self, variant: str, protocol: str) -> tuple[Run, ...]:
        """The runs of a variant by a protocol, one a seed."""
        return tuple(run for run in self.runs if (run.variant, run.protocol) == (variant, protocol))


@dataclass(frozen=True)
class Transfer:
    """An encoder pretrained on the benchmark `source`, fine-tuned and judged on the benchmark `target`."""

    source: str
    target: str
    variant: str
    seed: int
    metrics: ProtocolMetrics
    details: JudgedDetails


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
    transfers: tuple[Transfer, ...] = ()

    def benchmark(self, name: str) -> Benchmark:
        """A benchmark that is part of these results."""
        return next(entry for entry in self.benchmarks if entry.name == name)

    def audit(self, dataset: str) -> Audit:
        """The audit of a data set that is part of these results."""
        return next(entry.audit for entry in self.datasets if entry.name == dataset)


@dataclass(frozen=True)
class Selection:
    """What the report covers: `active` of params.yaml."""

    benchmarks: Collection[str]
    datasets: Collection[str]
    protocols: Collection[str]
    variants: Collection[str] = ("hacm",)
    seeds: Collection[int] = (0,)
    sources: Collection[str] = ()
    targets: Collection[str] = ()


def read_results(folder: Path, selection: Selection) -> Results:
    """Reads what the report needs of the folder results/.

    Raises UserError, one line, where a file is missing or malformed, where results of one benchmark come from
    different data versions, or where they do not fit the audit of their data set.
    """
    if not (selection.benchmarks and selection.protocols and selection.variants and selection.seeds):
        raise UserError("nothing to report: name a benchmark, variant, seed and protocol in params.yaml (active)")
    results = Results(
        benchmarks=tuple(
            _read_benchmark(folder / "benchmarks" / name, name, selection) for name in selection.benchmarks
        ),
        datasets=tuple(_read_dataset(folder / "datasets" / name, name) for name in selection.datasets),
    )
    for benchmark in results.benchmarks:
        _check_audit(folder, results, benchmark)
    return replace(results, transfers=_read_transfers(folder / "transfer", selection, results))


def _read_transfers(folder: Path, selection: Selection, results: Results) -> tuple[Transfer, ...]:
    """Every transfer of the selection; UserError also where one was not measured on its target's data."""
    found = []
    runs = product(selection.sources, selection.targets, selection.variants, selection.seeds)
    for source, target, variant, seed in runs:
        part = folder / source / target / variant / f"seed-{seed}"
        metrics = read_json(part / "metrics.json", ProtocolMetrics)
        entry = Transfer(source, target, variant, seed, metrics, read_json(part / "details.json", JudgedDetails))
        _check_same(
            part / "details.json", "data_version", results.benchmark(target).version, entry.details.data_version
        )
        found.append(entry)
    return tuple(found)


def _read_benchmark(folder: Path, name: str, selection: Selection) -> Benchmark:
    variants, seeds = list(selection.variants), list(selection.seeds)
    reference = REFERENCE if REFERENCE in variants else variants[0]
    pretrainings, runs = [], []
    for variant, seed in product(variants, seeds):
        drawn = (variant, seed) == (reference, seeds[0])
        part = folder / variant / f"seed-{seed}"
        pretrainings.append(_read_pretraining(part / "pretrain", variant, seed, drawn=drawn))
        runs += [_read_run(part / entry, name, variant, seed, drawn=drawn) for entry in selection.protocols]
    floor = Floor(
        folder=folder / "floor",
        metrics=read_json(folder / "floor" / "metrics.json", FloorMetrics),
        details=read_json(folder / "floor" / "details.json", JudgedDetails),
    )
    first = pretrainings[0].details
    others = [(folder / entry.variant / f"seed-{entry.seed}" / "pretrain", entry.details) for entry in pretrainings[1:]]
    for path, details in [*others, *((run.folder, run.details) for run in runs), (folder / "floor", floor.details)]:
        for fact in ("data_version", "dataset", "synthetic"):
            _check_same(path / "details.json", fact, getattr(first, fact), getattr(details, fact))
    for run in runs:
        _check_clips(run, runs[0], floor)
    return Benchmark(
        name=name,
        dataset=first.dataset,
        version=first.data_version,
        synthetic=first.synthetic,
        reference=reference,
        pretrainings=tuple(pretrainings),
        runs=tuple(runs),
        floor=floor,
    )


def _check_same(path: Path, field: str, pretrained: str | bool, found: str | bool) -> None:
    """UserError unless a result was measured on the data that the encoder was pretrained on."""
    if found != pretrained:
        raise UserError(
            f"{path}: {field} is {found} but pretraining has {pretrained}; run both again on the same data (dvc repro)"
        )


def _check_clips(run: Run, first: Run, floor: Floor) -> None:
    """UserError unless all results of a benchmark count the same test clips."""
    for found in (first.metrics, floor.metrics):
        if (run.metrics.n, run.metrics.classes) != (found.n, found.classes):
            raise UserError(
                f"{run.folder / 'metrics.json'}: n is {run.metrics.n} of {run.metrics.classes} classes, but another"
                f" result of the benchmark has {found.n} of {found.classes}; run both again (dvc repro)"
            )


def _read_pretraining(folder: Path, variant: str, seed: int, *, drawn: bool) -> Pretraining:
    return Pretraining(
        variant=variant,
        seed=seed,
        metrics=read_json(folder / "metrics.json", PretrainMetrics),
        details=read_json(folder / "details.json", PretrainDetails),
        losses=read_csv(folder / "loss.csv", EpochLoss) if drawn else (),
        example=read_json(folder / "example.json", Example) if drawn else None,
    )


def _read_run(folder: Path, benchmark: str, variant: str, seed: int, *, drawn: bool) -> Run:
    run = Run(
        benchmark=benchmark,
        variant=variant,
        seed=seed,
        protocol=folder.name,
        folder=folder,
        metrics=read_json(folder / "metrics.json", ProtocolMetrics),
        details=read_json(folder / "details.json", JudgedDetails),
        conditions=read_csv(folder / "conditions.csv", ConditionAccuracy, may_be_empty=True),
    )
    if not drawn:
        return run
    classes = read_csv(folder / "per_class.csv", ClassAccuracy, renamed={"class": "name"})
    predictions = read_csv(folder / "confusion.csv", Prediction)
    path = folder / "confusion.csv"
    if len(predictions) != run.metrics.n:
        raise UserError(f"{path}: {len(predictions)} rows but n in metrics.json is {run.metrics.n}; run it again")
    unknown = {row.actual for row in predictions} - {row.name for row in classes}
    if unknown:
        raise UserError(f"{path}: actual: class {min(unknown)!r} is not in per_class.csv; run the protocol again")
    return replace(run, classes=classes, predictions=predictions)


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


def read_csv(
    path: Path, kind: type[Record], renamed: dict[str, str] | None = None, *, may_be_empty: bool = False
) -> tuple[Record, ...]:
    """The file's rows as records of that dataclass; UserError naming file, line and field otherwise.

    renamed: columns whose name is no Python name, and the field each goes to. A table without rows is an error unless
    it may be empty.
    """
    lines = csv.reader(_read_text(path).splitlines())
    header = [(renamed or {}).get(column, column) for column in next(lines, [])]
    rows = [dict(zip(header, line, strict=False)) for line in lines if line]
    if not rows and not (may_be_empty and header):
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
    place = ".".join(str(part) for part in problem["loc"][skip:])
    message = " ".join(problem["msg"].removeprefix("Value error, ").split())
    return f"{place}: {message}" if place else message
