"""Where artefacts are, relative to the project's top folder: the paths of dvc.yaml, in one place."""

import os
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path("results")
REPORT = Path("report")


def unfinished() -> Path:
    """What a killed stage resumes from. It is not an output, because DVC would delete it.

    An experiment of DVC's queue runs in a folder that nobody finds again once it was killed, so its state is kept in
    the project that it was queued in, which DVC_ROOT names, under its own name.
    """
    state = Path(".state")
    root, experiment = os.environ.get("DVC_ROOT"), os.environ.get("DVC_EXP_NAME")
    if root and experiment and Path.cwd().is_relative_to(Path(root).resolve() / ".dvc"):
        return Path(root).resolve() / state / "experiments" / experiment
    return state


def finished() -> Path:
    """What finished stages wrote, by fingerprint."""
    return unfinished() / "finished"


def raw(dataset: str) -> Path:
    """Archives as they came, and the receipt that says what was verified."""
    return Path("data", dataset, "raw")


def recordings(dataset: str) -> Path:
    """The raw store: parsed recordings, nothing cleaned."""
    return Path("data", dataset, "recordings")


def trial(dataset: str) -> Path:
    """A raw store of a few recordings, to see whether they can be read; no stage reads it."""
    return Path("data", dataset, "trial", "recordings")


def shards(dataset: str) -> Path:
    """Parts of the raw store that several jobs parsed, until one job joins them."""
    return unfinished() / "ingest" / dataset


def differences(dataset: str) -> Path:
    """How the recordings found differ from the complete data set, if they do; for people to read, not an artefact."""
    return Path("data", dataset, "differences.txt")


def clips(dataset: str) -> Path:
    """The clean store."""
    return Path("data", dataset, "clips")


def split(benchmark: str) -> Path:
    """A benchmark's split: its training and test clips, for one version of the clean store."""
    return Path("data", "benchmarks", benchmark, "split")


def inputs(benchmark: str) -> Path:
    """The hashes of what pretraining on a benchmark reads, in one file that dvc.yaml's matrix can name."""
    return Path("data", "benchmarks", benchmark, "inputs.json")


def hierarchy(dataset: str) -> Path:
    """Per-frame joint hierarchies, row for row beside the clean store."""
    return Path("data", dataset, "hierarchy")


def dataset_results(dataset: str) -> Path:
    """Small files with facts about a data set."""
    return RESULTS / "datasets" / dataset


def baseline_results(benchmark: str) -> Path:
    """Small files with the result of a benchmark's baseline."""
    return RESULTS / "benchmarks" / benchmark / "baseline"


def sweep(name: str) -> Path:
    """A sweep's definition, table and chart."""
    return Path("sweeps", name)


@dataclass(frozen=True)
class Run:
    """One pretraining: of a variant of the method (`variants` of params.yaml), on a benchmark, from a seed."""

    benchmark: str
    variant: str
    seed: int

    def __str__(self) -> str:
        return f"{self.benchmark} {self.variant} seed {self.seed}"

    @property
    def names(self) -> dict[str, str]:
        """The options of its stage that tell it from other runs."""
        return {"benchmark": self.benchmark, "variant": self.variant, "seed": str(self.seed)}

    @property
    def model(self) -> Path:
        """The pretrained model's checkpoint."""
        return Path("models") / self._folder

    @property
    def resume_state(self) -> Path:
        """Where an unfinished pretraining keeps its state."""
        return unfinished() / "pretrain" / self._folder

    @property
    def live(self) -> Path:
        """Where its curves are written while it is pretrained (stages/shared/live.py)."""
        return unfinished() / "live" / self._folder

    def results(self, part: str) -> Path:
        """Small files with results of the run. part: `pretrain` or a protocol."""
        return RESULTS / "benchmarks" / self._folder / part

    def transfer_results(self, target: str) -> Path:
        """The same for the run's encoder on another benchmark."""
        return RESULTS / "transfer" / self.benchmark / target / self.variant / f"seed-{self.seed}"

    @property
    def _folder(self) -> Path:
        return Path(self.benchmark, self.variant, f"seed-{self.seed}")
