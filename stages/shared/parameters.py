"""The whole of params.yaml as one schema, and how a stage gets the part it declares.

Method sections are dataclasses of hacm.settings, data sections those of pipeline; this file only puts them together.
"""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from hacm import protocols
from hacm.cleaning import CleaningSettings
from hacm.errors import UserError
from hacm.settings import EVALUATIONS, HierarchySettings, TrainSettings
from pipeline.datasets.registry import find_benchmark, known_datasets
from pipeline.kinect_sim import SimulatorSettings
from pipeline.params import ABSENT, Params, line_of, look_up, merge, plain, read_yaml, validate

PARAMS_FILE = Path("params.yaml")


class Section(BaseModel):
    """A section of params.yaml: unknown keys are errors, nothing has a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Transfer(Section):
    """Benchmarks whose encoders are evaluated on other benchmarks, and those others. Both may be empty."""

    sources: list[str]
    targets: list[str]


class Active(Section):
    """What the default run covers. benchmarks: each with its data set, which dvc.yaml needs for its paths.

    Every benchmark × variant × seed is pretrained and evaluated by every protocol; transfer is from every source to
    every target.
    """

    datasets: Annotated[list[str], Field(min_length=1)]
    benchmarks: Annotated[dict[str, str], Field(min_length=1)]
    variants: Annotated[list[str], Field(min_length=1)]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    protocols: Annotated[list[str], Field(min_length=1)]
    transfer: Transfer


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
TOP_LEVEL = ("active", "datasets", "cleaning", "hierarchy", "train", "variants", "evaluate", "benchmarks")
RESERVED = ("baseline",)
"""Names that a variant must not have, as they stand beside the variants under results/."""
TRANSFER = "transfer"
DATASET_KEYS = ("source", "ingest", "cleaning", "tree_split")
BENCHMARK_KEYS = ("train", "evaluate")


def load(declared: tuple[str, ...], path: Path = PARAMS_FILE, **names: str) -> Params:
    """What a stage declared of params.yaml, once all that is in the file has been checked.

    declared: keys as in dvc.yaml with {dataset}, {benchmark}, {variant}, {protocol} to be filled in from `names`.
    """
    check_file(path)
    return Params(path, [key.format(**names) for key in declared])


TRAIN = ("train", "benchmarks.{benchmark}.train", "variants.{variant}")
"""What a pretraining is shaped by: each over the one before it."""


def train_settings(params: Params, benchmark: str, variant: str) -> TrainSettings:
    """How this variant is trained on this benchmark; the keys of TRAIN must be declared."""
    base, *overrides = (key.format(benchmark=benchmark, variant=variant) for key in TRAIN)
    return params.section(base, TrainSettings, *overrides)


def check_file(path: Path = PARAMS_FILE, *, protocol_settings: bool = False) -> None:
    """UserError for the first unknown key, wrong type or impossible combination anywhere in the file.

    A section that is absent is no error here: the stage that needs it says so. protocol_settings: also what the
    protocols' sections hold, for which their code (and so torch) is imported; the stage that uses one checks it anyway.
    """
    tree = read_yaml(path)
    _only(tree, "", TOP_LEVEL, path)
    kinds: dict[str, Any] = {
        "active": Active,
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
    for name in _mapping(tree, "variants", path):
        _check_variant(tree, name, path)
    _check_active(tree, path)


def source_kind(dataset: str) -> type[Any]:
    """The type of datasets.NAME.source."""
    return SOURCES.get(dataset, SourceSettings)


def evaluations() -> tuple[str, ...]:
    """Sections of `evaluate` that say how an encoder is evaluated: the protocols, and transfer to another benchmark."""
    return (*protocols.names(), TRANSFER)


def evaluation_settings(name: str) -> type[Any]:
    """What such a section holds; for a protocol of the user's own its code (and so torch) is imported."""
    kind: type[Any] = EVALUATIONS[name] if name in EVALUATIONS else protocols.find(name).Settings
    return kind


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
    _only(tree, "evaluate", ("bootstrap", *evaluations()), path)
    for name, value in _mapping(tree, "evaluate", path).items():
        if name == "bootstrap":
            validate(plain(value), Resamples, path, tree, ("evaluate.bootstrap",))
        elif protocol_settings:
            validate(plain(value), evaluation_settings(name), path, tree, (f"evaluate.{name}",))


def _check_dataset(tree: Any, name: str, path: Path) -> None:
    key, known = f"datasets.{name}", known_datasets()
    if name not in known:
        _fail(tree, path, key, f"unknown data set; known: {', '.join(known)}")
    _only(tree, key, DATASET_KEYS, path)
    present = _mapping(tree, key, path)
    _check_override(tree, path, CleaningSettings, "cleaning", f"{key}.cleaning")
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
    _only(tree, f"{key}.evaluate", evaluations(), path)
    _check_override(tree, path, TrainSettings, "train", f"{key}.train")
    for evaluation in evaluations() if protocol_settings else ():
        kind = evaluation_settings(evaluation)
        _check_override(tree, path, kind, f"evaluate.{evaluation}", f"{key}.evaluate.{evaluation}")


def _check_variant(tree: Any, name: str, path: Path) -> None:
    """Whether its name can be a folder's and its keys are some of `train`'s; values are checked where it is active.

    Which variants make sense depends on `train`: an experiment that changes it must not fail for one that is not run.
    """
    key = f"variants.{name}"
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) or name in RESERVED:
        reason = f"must be words of small letters and digits with - between them, and none of {', '.join(RESERVED)}"
        _fail(tree, path, key, reason)
    if "train" in tree:
        _check_keys(tree, path, key, tree["train"])


def _check_keys(tree: Any, path: Path, key: str, known: Any) -> None:
    for name in _mapping(tree, key, path) if isinstance(known, dict) else ():
        if name not in known:
            _fail(tree, path, f"{key}.{name}", "unknown key; remove it or mend its spelling")
        _check_keys(tree, path, f"{key}.{name}", known[name])


def _check_benchmark_name(tree: Any, key: str, name: str, path: Path) -> str:
    try:
        return find_benchmark(name)[0].name
    except UserError as error:
        raise UserError(f"{path}:{line_of(tree, key)}: {key}: {error}") from error


def _check_override(tree: Any, path: Path, kind: type[Any], base_key: str, *keys: str) -> None:
    """What the sections `keys` put over the section `base_key`, one after the other, must make a `kind`."""
    merged = plain(look_up(tree, base_key))
    for key in keys:
        over = look_up(tree, key)
        if over is ABSENT or merged is ABSENT:
            return
        if not isinstance(over, dict):
            _fail(tree, path, key, "must be a mapping, maybe {}")
        merged = merge(merged, plain(over))
    validate(merged, kind, path, tree, (*reversed(keys), base_key))


def _check_active(tree: Any, path: Path) -> None:
    active = _mapping(tree, "active", path)
    kinds = {"datasets": tuple(known_datasets()), "protocols": protocols.names()}
    if "variants" in tree:
        kinds["variants"] = tuple(tree["variants"])
    for part, known in kinds.items():
        for name in active.get(part, ()):
            if name not in known:
                _fail(tree, path, f"active.{part}", f"{name!r} is unknown; known: {', '.join(known)}")
    for part in (*kinds, "seeds"):
        for value in active.get(part, ()):
            if active[part].count(value) > 1:
                _fail(tree, path, f"active.{part}", f"names {value} more than once")
    _check_active_benchmarks(tree, active, path)
    _check_transfer(tree, active, path)


def _check_active_benchmarks(tree: Any, active: Any, path: Path) -> None:
    for name, dataset in _mapping(tree, "active.benchmarks", path).items():
        key = f"active.benchmarks.{name}"
        needed = _check_benchmark_name(tree, key, name, path)
        if "benchmarks" in tree and name not in tree["benchmarks"]:
            _fail(tree, path, key, f"has no recipe; add benchmarks.{name} (train: {{}}, evaluate: …)")
        if dataset != needed:
            _fail(tree, path, key, f"is a benchmark of {needed}, not {dataset!r}")
        if needed not in active.get("datasets", ()):
            _fail(tree, path, "active.datasets", f"{name} needs the data set {needed}; add it")
        for variant in active.get("variants", ()):
            _check_override(tree, path, TrainSettings, "train", f"benchmarks.{name}.train", f"variants.{variant}")


def _check_transfer(tree: Any, active: Any, path: Path) -> None:
    """Sources and targets are active benchmarks, for their models and splits are made as those of any other."""
    transfer = {part: list(names) for part, names in active.get("transfer", {}).items()}
    for part, names in transfer.items():
        for name in names:
            if name not in active.get("benchmarks", ()):
                _fail(tree, path, f"active.transfer.{part}", f"{name} is none of active.benchmarks; add it there")
    both = [name for name in transfer.get("sources", ()) if name in transfer.get("targets", ())]
    if both:
        _fail(tree, path, "active.transfer", f"{both[0]} is both a source and a target; name it once")
