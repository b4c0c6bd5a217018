"""The whole of params.yaml as one schema, and how a stage gets the part it declares.

Method sections are dataclasses of hacm.settings, data sections those of pipeline; this file only puts them together.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from hacm import protocols
from hacm.settings import HierarchySettings, TrainSettings
from pipeline.cleaning import CleaningSettings
from pipeline.datasets import find_benchmark, known_datasets
from pipeline.errors import UserError
from pipeline.kinect_sim import SimulatorSettings
from pipeline.params import ABSENT, Params, line_of, look_up, merge, plain, read_yaml, validate

PARAMS_FILE = Path("params.yaml")


class Section(BaseModel):
    """A section of params.yaml: unknown keys are errors, nothing has a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Active(Section):
    """What the default run covers. benchmarks: each with its data set, which dvc.yaml needs for its paths."""

    datasets: Annotated[list[str], Field(min_length=1)]
    benchmarks: Annotated[dict[str, str], Field(min_length=1)]
    protocols: Annotated[list[str], Field(min_length=1)]


class SourceSettings(Section):
    """Where a real data set comes from. verify: check every recording against its known checksum."""

    verify: bool


class IngestSettings(Section):
    """How raw files are read. limit: this many recordings only, spread over the data set (null: all).

    strict: a recording that cannot be read stops the run; otherwise it is excluded, named and counted.
    allow_partial: accept another number of clips than the data set's authors state.
    """

    limit: Annotated[int, Field(gt=0)] | None
    strict: bool
    allow_partial: bool


Resamples = Annotated[int, Field(ge=100)]
"""evaluate.bootstrap: resamples behind each 95 % interval."""

SOURCES: dict[str, type[Any]] = {"kinect-sim": SimulatorSettings}
TOP_LEVEL = ("active", "seed", "datasets", "cleaning", "hierarchy", "train", "evaluate", "benchmarks")
TRANSFER = "transfer"
DATASET_KEYS = ("source", "ingest", "cleaning", "tree_split")
BENCHMARK_KEYS = ("train", "evaluate")


def load(declared: tuple[str, ...], path: Path = PARAMS_FILE, **names: str) -> Params:
    """What a stage declared of params.yaml, once all that is in the file has been checked.

    declared: keys as in dvc.yaml with {dataset}, {benchmark}, {protocol} to be filled in from `names`.
    """
    check_file(path)
    return Params(path, [key.format(**names) for key in declared])


def check_file(path: Path = PARAMS_FILE, *, protocol_settings: bool = False) -> None:
    """UserError for the first unknown key, wrong type or impossible combination anywhere in the file.

    A section that is absent is no error here: the stage that needs it says so. protocol_settings: also what the
    protocols' sections hold, for which their code (and so torch) is imported; the stage that uses one checks it anyway.
    """
    tree = read_yaml(path)
    _only(tree, "", TOP_LEVEL, path)
    kinds: dict[str, Any] = {
        "active": Active,
        "seed": int,
        "cleaning": CleaningSettings,
        "hierarchy": HierarchySettings,
        "train": TrainSettings,
    }
    for key, kind in kinds.items():
        if key in tree:
            validate(plain(tree[key]), kind, path, tree, (key,))
    _check_evaluate(tree, path, protocol_settings=protocol_settings)
    for name in _mapping(tree, "datasets", path):
        _check_dataset(tree, name, path)
    for name in _mapping(tree, "benchmarks", path):
        _check_benchmark(tree, name, path, protocol_settings=protocol_settings)
    _check_active(tree, path)


def source_kind(dataset: str) -> type[Any]:
    """The type of datasets.NAME.source."""
    return SOURCES.get(dataset, SourceSettings)


def judgements() -> tuple[str, ...]:
    """Sections of `evaluate` that say how an encoder is judged: the protocols, and transfer to another benchmark."""
    return (*protocols.names(), TRANSFER)


def judgement_settings(name: str) -> type[Any]:
    """What such a section holds; its code (and so torch) is imported for it."""
    if name != TRANSFER:
        kind: type[Any] = protocols.find(name).Settings
        return kind
    from hacm.evaluation.transfer import Settings

    return Settings


def _fail(tree: Any, path: Path, key: str, reason: str) -> None:
    raise UserError(f"{path}:{line_of(tree, key)}: {key}: {reason}")


def _mapping(tree: Any, key: str, path: Path) -> dict[str, Any]:
    found = look_up(tree, key)
    if found is ABSENT:
        return {}
    if not isinstance(found, dict):
        _fail(tree, path, key, "must be a mapping")
    return found


def _only(tree: Any, key: str, known: tuple[str, ...], path: Path) -> None:
    for name in _mapping(tree, key, path) if key else tree:
        if name not in known:
            full = f"{key}.{name}" if key else str(name)
            _fail(tree, path, full, f"unknown key; remove it or mend its spelling (known: {', '.join(known)})")


def _check_evaluate(tree: Any, path: Path, *, protocol_settings: bool) -> None:
    _only(tree, "evaluate", ("bootstrap", *judgements()), path)
    for name, value in _mapping(tree, "evaluate", path).items():
        if name == "bootstrap":
            validate(plain(value), Resamples, path, tree, ("evaluate.bootstrap",))
        elif protocol_settings:
            validate(plain(value), judgement_settings(name), path, tree, (f"evaluate.{name}",))


def _check_dataset(tree: Any, name: str, path: Path) -> None:
    key, known = f"datasets.{name}", known_datasets()
    if name not in known:
        _fail(tree, path, key, f"unknown data set; known: {', '.join(known)}")
    _only(tree, key, DATASET_KEYS, path)
    present = _mapping(tree, key, path)
    _check_override(tree, path, "cleaning", f"{key}.cleaning", CleaningSettings)
    kinds: dict[str, Any] = {"source": source_kind(name), "ingest": IngestSettings, "tree_split": str}
    for part, kind in kinds.items():
        if part in present:
            validate(plain(present[part]), kind, path, tree, (f"{key}.{part}",))
    rule = look_up(tree, f"{key}.tree_split")
    if rule is not ABSENT and rule not in known[name].splits:
        rules = ", ".join(known[name].splits)
        _fail(tree, path, f"{key}.tree_split", f"unknown split rule {rule!r}; {name} has: {rules}")


def _check_benchmark(tree: Any, name: str, path: Path, *, protocol_settings: bool) -> None:
    key = f"benchmarks.{name}"
    _only(tree, key, BENCHMARK_KEYS, path)
    _check_benchmark_name(tree, key, name, path)
    _only(tree, f"{key}.evaluate", judgements(), path)
    _check_override(tree, path, "train", f"{key}.train", TrainSettings)
    for name in judgements() if protocol_settings else ():
        _check_override(tree, path, f"evaluate.{name}", f"{key}.evaluate.{name}", judgement_settings(name))


def _check_benchmark_name(tree: Any, key: str, name: str, path: Path) -> str:
    try:
        return find_benchmark(name)[0].name
    except UserError as error:
        raise UserError(f"{path}:{line_of(tree, key)}: {key}: {error}") from error


def _check_override(tree: Any, path: Path, base_key: str, key: str, kind: type[Any]) -> None:
    base, over = look_up(tree, base_key), look_up(tree, key)
    if over is ABSENT or base is ABSENT:
        return
    if not isinstance(over, dict):
        _fail(tree, path, key, "must be a mapping, maybe {}")
    validate(merge(plain(base), plain(over)), kind, path, tree, (key, base_key))


def _check_active(tree: Any, path: Path) -> None:
    active = _mapping(tree, "active", path)
    for part, known in {"datasets": tuple(known_datasets()), "protocols": protocols.names()}.items():
        for name in active.get(part, ()):
            if name not in known:
                _fail(tree, path, f"active.{part}", f"{name!r} is unknown; known: {', '.join(known)}")
    for name, dataset in _mapping(tree, "active.benchmarks", path).items():
        key = f"active.benchmarks.{name}"
        needed = _check_benchmark_name(tree, key, name, path)
        if "benchmarks" in tree and name not in tree["benchmarks"]:
            _fail(tree, path, key, f"has no recipe; add benchmarks.{name} (train: {{}}, evaluate: …)")
        if dataset != needed:
            _fail(tree, path, key, f"is a benchmark of {needed}, not {dataset!r}")
        if needed not in active.get("datasets", ()):
            _fail(tree, path, "active.datasets", f"{name} needs the data set {needed}; add it")
