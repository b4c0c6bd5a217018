"""Names of results to compare: REVISION[:RUN], RUN = [BENCHMARK/]VARIANT[/seed-N[/PROTOCOL]]."""

import re
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

from hacm.errors import UserError
from pipeline.graph.former_names import PROTOCOLS
from pipeline.graph.revisions import WORKSPACE

BASELINE = "baseline"
PRETRAIN = "pretrain"
TRANSFER = "transfer-from-"
RUN = re.compile(
    r"((?P<benchmark>[^/]+)/)?(?P<variant>(?!seed-\d)[^/]+)(/seed-(?P<seed>\d+)(/(?P<protocol>[^/]+))?)?", re.ASCII
)


@dataclass(frozen=True)
class ResultKey:
    """One result. seed: None for the baseline. protocol: its name, `pretrain`, `baseline` or `transfer-from-SOURCE`."""

    benchmark: str
    variant: str
    seed: int | None
    protocol: str

    def __str__(self) -> str:
        return f"{self.benchmark}/{BASELINE}" if self.seed is None else f"{self.run}/{self.protocol}"

    @property
    def run(self) -> str:
        """Without the protocol."""
        return f"{self.benchmark}/{self.variant}/seed-{self.seed}"

    @property
    def source(self) -> str | None:
        """The benchmark that the encoder was pretrained on, where it is another."""
        return self.protocol.removeprefix(TRANSFER) if self.protocol.startswith(TRANSFER) else None

    @property
    def folder(self) -> Path:
        """Where its files lie, relative to the project's top folder."""
        results = Path("results")
        if self.seed is None:
            return results / "benchmarks" / self.benchmark / BASELINE
        if self.source:
            return results / "transfer" / self.source / self.benchmark / self.variant / f"seed-{self.seed}"
        return results / "benchmarks" / self.benchmark / self.variant / f"seed-{self.seed}" / self.protocol

    @property
    def stage(self) -> str:
        """Its name in DVC."""
        if self.seed is None:
            return f"baseline@{self.benchmark}"
        if self.source:
            return f"transfer@{self.source}-{self.benchmark}-{self.variant}-{self.seed}"
        run = f"{self.benchmark}-{self.variant}-{self.seed}"
        return f"pretrain@{run}" if self.protocol == PRETRAIN else f"evaluate@{run}-{self.protocol}"

    @property
    def pretraining(self) -> "ResultKey | None":
        """The one behind it, which may be itself."""
        return (
            None if self.seed is None else ResultKey(self.source or self.benchmark, self.variant, self.seed, PRETRAIN)
        )


def key_of_name(name: str) -> ResultKey:
    """The result of that name; the inverse of str. ValueError for any other text."""
    match name.split("/"):
        case [benchmark, word] if word == BASELINE:
            return ResultKey(benchmark, BASELINE, None, BASELINE)
        case [benchmark, variant, seed, protocol] if seed.startswith("seed-"):
            return ResultKey(benchmark, variant, int(seed.removeprefix("seed-")), protocol)
    raise ValueError(f"{name}: no result's name")


def key_of_metrics(metrics: Path) -> ResultKey | None:
    """The result whose metrics.json that is; None if it is no result's."""
    match metrics.parts:
        case ("results", "benchmarks", benchmark, "baseline", "metrics.json"):
            return ResultKey(benchmark, BASELINE, None, BASELINE)
        case ("results", "benchmarks", benchmark, variant, seed, protocol, "metrics.json") if seed.startswith("seed-"):
            return ResultKey(benchmark, variant, int(seed.removeprefix("seed-")), protocol)
        case ("results", "transfer", source, target, variant, seed, "metrics.json"):
            return ResultKey(target, variant, int(seed.removeprefix("seed-")), f"{TRANSFER}{source}")
    return None


@dataclass(frozen=True)
class ResultSelection:
    """A selection among a revision's results: those that agree with every field that is not None."""

    benchmark: str | None = None
    variant: str | None = None
    seed: int | None = None
    protocol: str | None = None

    def covers(self, key: ResultKey) -> bool:
        """Whether the result is one of them."""
        return all(wanted in (None, found) for wanted, found in zip(astuple(self), astuple(key), strict=True))

    @property
    def under_present_names(self) -> "ResultSelection":
        """What was meant if it was written as at an earlier commit, where the baseline had another name."""
        return self if self.seed is not None else replace(self, variant=PROTOCOLS.get(self.variant or "", self.variant))

    @property
    def fixed(self) -> frozenset[str]:
        """What they have in common."""
        return frozenset(field.name for field in fields(self) if getattr(self, field.name) is not None)


def parse_selection(text: str) -> tuple[str | None, ResultSelection]:
    """The revision (None: the workspace) and the selected results; UserError if the text has another form."""
    revision, colon, run = text.partition(":")
    match = RUN.fullmatch(run) if colon else None
    if not revision or (colon and match is None):
        form = "REVISION[:[BENCHMARK/]VARIANT[/seed-N[/PROTOCOL]]], such as workspace:hacm/seed-0 or HEAD~1"
        raise UserError(f"{text}: must be {form}")
    parts = match.groupdict() if match else {}
    seed = parts.pop("seed", None)
    selection = ResultSelection(**parts, seed=None if seed is None else int(seed))
    return (None if revision == WORKSPACE else revision), selection
