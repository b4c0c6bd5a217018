"""All that the stages left under results/, put together: benchmarks with their runs, data sets, transfers.

Results that do not belong together (other data, other test clips) are a UserError of one line, like files that are
missing or malformed. Accuracies are percent.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from hacm.errors import UserError
from pipeline.report.audits import Audit
from pipeline.report.fields import read_csv, read_json
from pipeline.report.landscapes import Spot, read_landscape
from pipeline.report.model import (
    BaselineMetrics,
    ClassAccuracy,
    ConditionAccuracy,
    EpochLoss,
    EvaluationDetails,
    Example,
    HierarchyMetrics,
    Prediction,
    PretrainDetails,
    PretrainMetrics,
    ProtocolMetrics,
    Recipe,
    TreeJoint,
)
from pipeline.report.predictions import Scores, read_guesses, read_scores
from pipeline.results.writing import LANDSCAPE, PREDICTIONS, check_result

REFERENCE = "hacm"
"""The variant that others are compared with, where it is among them."""


@dataclass(frozen=True)
class Run:
    """One protocol on one pretrained encoder. folder: where its files lie.

    classes, predictions, scores, landscape: of the runs that are drawn (Benchmark.drawn) alone. guesses: with a
    landscape, what the encoder and what random weights took each of its clips for. settings: those in force.
    """

    benchmark: str
    variant: str
    seed: int
    protocol: str
    folder: Path
    metrics: ProtocolMetrics
    details: EvaluationDetails
    conditions: tuple[ConditionAccuracy, ...] = ()
    classes: tuple[ClassAccuracy, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    scores: Scores | None = None
    landscape: tuple[Spot, ...] = ()
    guesses: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Pretraining:
    """One pretraining. losses, example: of the one that is drawn alone. settings: those in force."""

    variant: str
    seed: int
    metrics: PretrainMetrics
    details: PretrainDetails
    losses: tuple[EpochLoss, ...] = ()
    example: Example | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Baseline:
    """The raw-joint ridge baseline of a benchmark. folder: where its files lie."""

    folder: Path
    metrics: BaselineMetrics
    details: EvaluationDetails


@dataclass(frozen=True)
class Benchmark:
    """All results of one benchmark. dataset, version, synthetic and dimensions hold for every one of them.

    pretrainings, runs: of every variant and seed. left_out: runs on the training subjects' clips, each scored by what
    was fitted without its subject; they are compared with no test result. reference: the variant that the others are
    compared with; of its first seed, the classes, confusions, losses and masks are drawn.
    """

    name: str
    dataset: str
    version: str
    synthetic: bool
    reference: str
    pretrainings: tuple[Pretraining, ...]
    runs: tuple[Run, ...]
    baseline: Baseline
    left_out: tuple[Run, ...] = ()
    dimensions: int = 3

    @property
    def title(self) -> str:
        """Its name, and how many dimensions its joints have if these are not three."""
        return self.name if self.dimensions == 3 else f"{self.name} [{self.dimensions}-D]"

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
        """The runs of a variant by a protocol, one per seed."""
        return tuple(run for run in self.runs if (run.variant, run.protocol) == (variant, protocol))


@dataclass(frozen=True)
class Transfer:
    """An encoder pretrained on the benchmark `source`, fine-tuned and evaluated on the benchmark `target`."""

    source: str
    target: str
    variant: str
    seed: int
    metrics: ProtocolMetrics
    details: EvaluationDetails


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
        check_result(part)
        metrics = read_json(part / "metrics.json", ProtocolMetrics)
        entry = Transfer(source, target, variant, seed, metrics, read_json(part / "details.json", EvaluationDetails))
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
    check_result(folder / "baseline")
    baseline = Baseline(
        folder=folder / "baseline",
        metrics=read_json(folder / "baseline" / "metrics.json", BaselineMetrics),
        details=read_json(folder / "baseline" / "details.json", EvaluationDetails),
    )
    first = pretrainings[0].details
    others = [(folder / entry.variant / f"seed-{entry.seed}" / "pretrain", entry.details) for entry in pretrainings[1:]]
    for path, details in [
        *others,
        *((run.folder, run.details) for run in runs),
        (folder / "baseline", baseline.details),
    ]:
        for fact in ("data_version", "dataset", "synthetic", "dimensions"):
            _check_same(path / "details.json", fact, getattr(first, fact), getattr(details, fact))
    left_out = [run for run in runs if run.details.part == "train"]
    runs = [run for run in runs if run.details.part == "test"]
    for run in runs:
        _check_clips(run, runs[0], baseline)
    return Benchmark(
        name=name,
        dataset=first.dataset,
        version=first.data_version,
        synthetic=first.synthetic,
        reference=reference,
        pretrainings=tuple(pretrainings),
        runs=tuple(runs),
        baseline=baseline,
        left_out=tuple(left_out),
        dimensions=first.dimensions,
    )


def _check_same(path: Path, field: str, pretrained: str | int, found: str | int) -> None:
    """UserError unless a result was measured on the data that the encoder was pretrained on."""
    if found != pretrained:
        raise UserError(
            f"{path}: {field} is {found} but pretraining has {pretrained}; run both again on the same data (dvc repro)"
        )


def _check_clips(run: Run, first: Run, baseline: Baseline) -> None:
    """UserError unless all results of a benchmark count the same test clips."""
    for found in (first.metrics, baseline.metrics):
        if (run.metrics.n, run.metrics.classes) != (found.n, found.classes):
            raise UserError(
                f"{run.folder / 'metrics.json'}: n is {run.metrics.n} of {run.metrics.classes} classes, but another"
                f" result of the benchmark has {found.n} of {found.classes}; run both again (dvc repro)"
            )


def _read_pretraining(folder: Path, variant: str, seed: int, *, drawn: bool) -> Pretraining:
    check_result(folder)
    return Pretraining(
        variant=variant,
        seed=seed,
        metrics=read_json(folder / "metrics.json", PretrainMetrics),
        details=read_json(folder / "details.json", PretrainDetails),
        losses=read_csv(folder / "loss.csv", EpochLoss) if drawn else (),
        example=read_json(folder / "example.json", Example) if drawn else None,
        settings=_read_settings(folder),
    )


def _read_settings(folder: Path) -> Mapping[str, Any]:
    return read_json(folder / "details.json", Recipe).settings or {}


def _read_run(folder: Path, benchmark: str, variant: str, seed: int, *, drawn: bool) -> Run:
    check_result(folder)
    run = Run(
        benchmark=benchmark,
        variant=variant,
        seed=seed,
        protocol=folder.name,
        folder=folder,
        metrics=read_json(folder / "metrics.json", ProtocolMetrics),
        details=read_json(folder / "details.json", EvaluationDetails),
        conditions=read_csv(folder / "conditions.csv", ConditionAccuracy, may_be_empty=True),
        settings=_read_settings(folder),
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
    scores = read_scores(folder / PREDICTIONS)
    if len(scores.names) == len(predictions):  # elsewhere the comparison refuses them
        predictions = tuple(replace(row, clip=name) for row, name in zip(predictions, scores.names, strict=True))
    run = replace(run, classes=classes, predictions=predictions, scores=scores, landscape=read_landscape(folder))
    if not run.landscape:
        return run
    if tuple(spot.clip for spot in run.landscape) != scores.names:
        raise UserError(f"{folder / LANDSCAPE}: not of the clips of {PREDICTIONS}; run the protocol again")
    ours, untrained = read_guesses(folder / PREDICTIONS)
    return replace(run, guesses=(tuple(ours), tuple(untrained)))


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
