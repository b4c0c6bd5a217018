"""The sections of params.yaml that stages read: each key is written once here, and in dvc.yaml."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from hacm import protocols
from hacm.cleaning import CleaningSettings
from hacm.errors import UserError
from hacm.settings import HierarchySettings, TrainSettings, TransferSettings
from pipeline.datasets.registry import find_benchmark
from pipeline.layers import layers
from pipeline.yaml_tree import ABSENT, look_up
from stages.shared.parameters.checks import check
from stages.shared.parameters.sections import Active, IngestSettings, Resamples, source_kind
from stages.shared.parameters.validation import Source

T = TypeVar("T")
PARAMS_FILE = Path("params.yaml")


@dataclass(frozen=True)
class Declared(Generic[T]):
    """A section that a stage reads, as a `kind`.

    key: its own, with {dataset}, {benchmark}, {protocol} to be filled in. also: the keys of what lies over it or comes
    before it (pipeline.layers). kind_of: chooses the type where it depends on one of these names.
    """

    key: str
    kind: type[T] | None
    also: tuple[str, ...] = ()
    kind_of: Callable[[Mapping[str, str]], type[T]] | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that a result made with this section depends on."""
        return (self.key, *self.also)

    def type_for(self, names: Mapping[str, str]) -> type[T]:
        """The type of the section."""
        kind = self.kind if self.kind_of is None else self.kind_of(names)
        assert kind is not None
        return kind


OF_BENCHMARK = ("recipes.evaluate", "benchmarks.{benchmark}.evaluate")

ACTIVE = Declared("active", Active)
SOURCE: Declared[Any] = Declared("datasets.{dataset}.source", None, kind_of=lambda names: source_kind(names["dataset"]))
INGEST = Declared("datasets.{dataset}.ingest", IngestSettings)
CLEANING = Declared("cleaning", CleaningSettings, ("datasets.{dataset}.cleaning",))
HIERARCHY = Declared("hierarchy", HierarchySettings)
TREE_SPLIT = Declared("datasets.{dataset}.tree_split", str)
BENCHMARK_TRAIN = Declared("train", TrainSettings, ("recipes.train", "benchmarks.{benchmark}.train"))
TRAIN = Declared("train", TrainSettings, (*BENCHMARK_TRAIN.also, "variants.{variant}"))
BOOTSTRAP = Declared("evaluate.bootstrap", Resamples)
EVALUATION: Declared[Any] = Declared(
    "evaluate.{protocol}",
    None,
    ("evaluate.probe", "evaluate.tuning", *OF_BENCHMARK),
    kind_of=lambda names: protocols.find(names["protocol"]).Settings,
)
TRANSFER = Declared("evaluate.transfer", TransferSettings, ("evaluate.tuning", *OF_BENCHMARK))


def keys(*declared: Declared[Any], benchmark: str = "{benchmark}") -> tuple[str, ...]:
    """The keys of them all, each once: a stage's PARAMS. benchmark: what dvc.yaml calls it there, if otherwise."""
    found = dict.fromkeys(key for one in declared for key in one.keys)
    return tuple(key.replace("{benchmark}", benchmark) for key in found)


class Params:
    """The part of params.yaml that a stage declared, for one data set, benchmark, variant or protocol.

    Asking for anything else is a programming error (AssertionError): DVC would not know that the result depends on it.
    """

    def __init__(self, source: Source, declared: tuple[Declared[Any], ...], names: Mapping[str, str]) -> None:
        self.source, self.names = source, names
        self.keys = tuple(key.format(**names) for key in keys(*declared))
        for key in self.keys:
            if look_up(source.tree, key) is ABSENT:
                expect_known(source, names)
                raise UserError(f"{source.path}: {key}: missing; add it (the published params.yaml has every key)")

    def get(self, declared: Declared[T]) -> T:
        """The section with all overrides."""
        key = declared.key.format(**self.names)
        names = {name: self.names.get(name) for name in ("dataset", "benchmark", "variant")}
        found = layers(self.source.tree, key, **names)
        for one in (key, *found):
            covered = any(one == known or one.startswith(f"{known}.") for known in self.keys)
            assert covered, f"{one} is read but not declared; declared: {', '.join(self.keys)}"
        return self.source.validate(found, declared.type_for(self.names))


def expect_known(source: Source, names: Mapping[str, str]) -> None:
    """UserError listing the known names if a benchmark or variant does not exist."""
    if "benchmark" in names:
        find_benchmark(names["benchmark"])
    known = source.mapping("variants")
    if "variant" in names and names["variant"] not in known:
        raise UserError(f"unknown variant {names['variant']!r}; known: {', '.join(known)} ({source.path}, variants)")


def load(*declared: Declared[Any], path: Path = PARAMS_FILE, **names: str) -> Params:
    """The part of params.yaml that a stage declared, after a check of the whole file."""
    source = Source.read(path)
    check(source)
    return Params(source, declared, names)
