"""Where artefacts lie, relative to the project's top folder: the paths of dvc.yaml, in one place for the code."""

from pathlib import Path

RESULTS = Path("results")
REPORT = Path("report")


def raw(dataset: str) -> Path:
    """Archives as they came, and the receipt that says what was verified."""
    return Path("data", dataset, "raw")


def recordings(dataset: str) -> Path:
    """The raw store: parsed recordings, nothing cleaned."""
    return Path("data", dataset, "recordings")


def shards(dataset: str) -> Path:
    """Parts of the raw store that several processes parsed, until one makes the whole of them. Not an output."""
    return Path(".state", "ingest", dataset)


def differences(dataset: str) -> Path:
    """How the recordings found differ from the complete data set, when they do; no artefact, only for reading."""
    return Path("data", dataset, "differences.txt")


def clips(dataset: str) -> Path:
    """The clean store."""
    return Path("data", dataset, "clips")


def split(benchmark: str) -> Path:
    """Which clips of which version of the clean store a benchmark trains and tests on."""
    return Path("data", "benchmarks", benchmark)


def hierarchy(dataset: str) -> Path:
    """Per-frame joint hierarchies, row for row beside the clean store."""
    return Path("data", dataset, "hierarchy")


def model(benchmark: str) -> Path:
    """The pretrained model's checkpoint."""
    return Path("models", benchmark)


def dataset_results(dataset: str) -> Path:
    """Small files that say something of a data set."""
    return RESULTS / "datasets" / dataset


def benchmark_results(benchmark: str, part: str) -> Path:
    """Small files that say something of a benchmark: part is pretrain, floor or a protocol."""
    return RESULTS / "benchmarks" / benchmark / part


def resume_state(benchmark: str) -> Path:
    """Where an unfinished pretraining keeps what it needs to go on. Not an output: DVC would delete it."""
    return Path(".state", "pretrain", benchmark)
