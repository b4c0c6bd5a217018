"""Checks params.yaml as a whole: the first unknown key, wrong type or impossible combination, with file and line."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hacm import protocols
from hacm.cleaning import CleaningSettings
from hacm.errors import SettingsError, UserError
from hacm.settings import SHARED, HierarchySettings, TrainSettings, token_budget
from hacm.skeletons.correspondence import map_joints
from pipeline.datasets.definition import DataSet
from pipeline.datasets.registry import find_benchmark, known_datasets, own_correspondences
from pipeline.datasets.splits import LABEL_DRAWS
from pipeline.layers import LIKE, layers
from pipeline.yaml_tree import ABSENT, look_up
from stages.shared.parameters.renamed import check_names
from stages.shared.parameters.sections import (
    Active,
    IngestSettings,
    Resamples,
    evaluation_kind,
    source_kind,
    ways_to_evaluate,
)
from stages.shared.parameters.validation import Source

TOP_LEVEL = ("active", "datasets", "cleaning", "hierarchy", "train", "variants", "evaluate", "recipes", "benchmarks")
RESERVED = ("baseline",)
"""Names that a variant must not have, because results/ uses them beside the variants."""
DATASET_KEYS = ("source", "ingest", "cleaning", "tree_split")
BENCHMARK_KEYS = ("train", "evaluate")


def check_file(path: Path) -> None:
    """UserError for the first thing wrong in the file; a missing section is not an error here.

    The stage that needs it reports it.
    """
    check(Source.read(path))


def check(source: Source) -> None:
    """The same for a file that was read already."""
    check_names(source)
    _only(source, "", TOP_LEVEL)
    kinds: dict[str, Any] = {
        "active": Active,
        "cleaning": CleaningSettings,
        "hierarchy": HierarchySettings,
        "train": TrainSettings,
    }
    for key, kind in kinds.items():
        _check_section(source, key, kind)
    _check_evaluate(source)
    _check_recipes(source)
    for name in source.mapping("datasets"):
        _check_dataset(source, name)
    for name in source.mapping("benchmarks"):
        _check_benchmark(source, name)
    for name in source.mapping("variants"):
        _check_variant(source, name)
    _check_active(source)


def _only(source: Source, key: str, known: tuple[str, ...]) -> None:
    for name in source.mapping(key) if key else source.tree:
        if name not in known:
            full = f"{key}.{name}" if key else str(name)
            source.fail(full, f"unknown key; remove it or mend its spelling (known: {', '.join(known)})")


def _check_section(source: Source, key: str, kind: Any, **names: str) -> Any:
    """The section with all that lies over it for these names must make a `kind`; None if it is not there."""
    if look_up(source.tree, key) is ABSENT:
        return None
    found = layers(source.tree, key, **names)
    return source.validate(found, kind) if key in found else None


def _check_evaluate(source: Source) -> None:
    _only(source, "evaluate", ("bootstrap", *SHARED, *ways_to_evaluate()))
    for name in source.mapping("evaluate"):
        if name == "bootstrap":
            _check_section(source, "evaluate.bootstrap", Resamples)
            continue
        _check_shared(source, name)
        _check_section(source, f"evaluate.{name}", evaluation_kind(name))


def _check_shared(source: Source, name: str) -> None:
    """What a section of `evaluate` may be like: a recipe that all its settings belong to."""
    key = f"evaluate.{name}.{LIKE}"
    begun = look_up(source.tree, key)
    if begun is ABSENT:
        return
    own = evaluation_kind(name)
    fitting = [shared for shared, kind in SHARED.items() if name not in SHARED and issubclass(own, kind)]
    if begun not in fitting:
        source.fail(key, f"{begun!r} is no recipe of {name}; it can be like {' or '.join(fitting) or 'none'}")
    if look_up(source.tree, f"evaluate.{begun}") is ABSENT:
        source.fail(key, f"evaluate.{begun} is missing; add it")


def _check_recipes(source: Source) -> None:
    """Whether they are mappings of known keys; values are checked where a benchmark is like them."""
    _only(source, "recipes", BENCHMARK_KEYS)
    for name in source.mapping("recipes.train"):
        _check_keys(source, f"recipes.train.{name}", source.tree.get("train"))
    for name in source.mapping("recipes.evaluate"):
        _only(source, f"recipes.evaluate.{name}", (*SHARED, *ways_to_evaluate()))


def _check_dataset(source: Source, name: str) -> None:
    key, known = f"datasets.{name}", known_datasets()
    if name not in known:
        source.fail(key, f"unknown data set; known: {', '.join(known)}")
    _only(source, key, DATASET_KEYS)
    kinds: dict[str, Any] = {"source": source_kind(name), "ingest": IngestSettings, "tree_split": str}
    _check_section(source, "cleaning", CleaningSettings, dataset=name)
    for part, kind in kinds.items():
        _check_section(source, f"{key}.{part}", kind)
    rule = look_up(source.tree, f"{key}.tree_split")
    if rule is not ABSENT and rule not in known[name].splits:
        rules = ", ".join(known[name].splits)
        source.fail(f"{key}.tree_split", f"unknown split rule {rule!r}; {name} has: {rules}")


def _check_benchmark(source: Source, name: str) -> None:
    key = f"benchmarks.{name}"
    _only(source, key, BENCHMARK_KEYS)
    _check_benchmark_name(source, key, name)
    for part in BENCHMARK_KEYS:
        _check_like(source, f"{key}.{part}", f"recipes.{part}")
    _only(source, f"{key}.evaluate", (LIKE, *SHARED, *ways_to_evaluate()))
    _check_section(source, "train", TrainSettings, benchmark=name)
    for way in (*SHARED, *ways_to_evaluate()):
        _check_section(source, f"evaluate.{way}", evaluation_kind(way), benchmark=name)


def _check_like(source: Source, key: str, recipes: str) -> None:
    """Whether the recipe that the section at `key` is like is there; of a part of the file nothing can be said."""
    known = look_up(source.tree, recipes)
    like = source.mapping(key).get(LIKE, ABSENT)
    if like is not ABSENT and known is not ABSENT and like not in known:
        source.fail(f"{key}.{LIKE}", f"{like!r} is none of {recipes}; known: {', '.join(known)}")


def _check_variant(source: Source, name: str) -> None:
    """Whether its name can be a folder's and its keys are some of `train`'s; values are checked where it is active.

    Which variants make sense depends on `train`: an experiment that changes it must not fail for one that is not run.
    """
    key = f"variants.{name}"
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) or name in RESERVED:
        reason = f"must be words of small letters and digits with - between them, and none of {', '.join(RESERVED)}"
        source.fail(key, reason)
    _check_keys(source, key, source.tree.get("train"))


def _check_keys(source: Source, key: str, known: Any) -> None:
    for name in source.mapping(key) if isinstance(known, dict) else ():
        if name not in known:
            source.fail(f"{key}.{name}", "unknown key; remove it or mend its spelling")
        _check_keys(source, f"{key}.{name}", known[name])


def _check_benchmark_name(source: Source, key: str, name: str) -> str:
    try:
        return find_benchmark(name)[0].name
    except UserError as error:
        source.fail(key, str(error))


def _check_active(source: Source) -> None:
    active = source.mapping("active")
    kinds = {"datasets": tuple(known_datasets()), "protocols": protocols.names()}
    if "variants" in source.tree:
        kinds["variants"] = tuple(source.tree["variants"])
    for part, known in kinds.items():
        for name in active.get(part, ()):
            if name not in known:
                source.fail(f"active.{part}", f"{name!r} is unknown; known: {', '.join(known)}")
    for part in (*kinds, "seeds"):
        for value in active.get(part, ()):
            if active[part].count(value) > 1:
                source.fail(f"active.{part}", f"names {value} more than once")
    for name in active.get("datasets", ()):
        _check_cleaning(source, name)
    for name, dataset in source.mapping("active.benchmarks").items():
        _check_active_benchmark(source, active, name, dataset)
    _check_transfer(source, active)


def _check_cleaning(source: Source, name: str) -> None:
    """Whether the standard cleaning, which takes frames and bodies for absent, is asked for NTU's format alone."""
    settings = _check_section(source, "cleaning", CleaningSettings, dataset=name)
    reason = unfit_cleaning(known_datasets()[name], settings) if settings else None
    if reason is not None:
        sections = list(reversed(layers(source.tree, "cleaning", dataset=name)))
        source.fail(source.key_of(sections, ["strategy"]), reason)


def unfit_cleaning(dataset: DataSet, settings: CleaningSettings) -> str | None:
    """Why the standard cleaning must not be used on a data set; None where it may, or is not."""
    if settings.strategy != "standard" or dataset.in_ntu_format:
        return None
    return (
        f"standard is the published cleaning of NTU's .skeleton files, which {dataset.name} is not; it would take "
        f"frames and bodies for absent that its reader found; set datasets.{dataset.name}.cleaning.strategy to none"
    )


def _check_active_benchmark(source: Source, active: Mapping[str, Any], name: str, dataset: str) -> None:
    key = f"active.benchmarks.{name}"
    needed = _check_benchmark_name(source, key, name)
    if "benchmarks" in source.tree and name not in source.tree["benchmarks"]:
        source.fail(key, f"has no recipe; add benchmarks.{name}: {{train: {{}}, evaluate: {{}}}}")
    if dataset != needed:
        source.fail(key, f"is a benchmark of {needed}, not {dataset!r}")
    if needed not in active.get("datasets", ()):
        source.fail("active.datasets", f"{name} needs the data set {needed}; add it")
    for variant in active.get("variants", ()):
        _check_tokens(source, name, variant)
    for way in active.get("protocols", ()):
        _check_draws(source, name, way)


def _check_tokens(source: Source, benchmark: str, variant: str) -> None:
    """Whether masking leaves tokens to see and tokens to predict on the benchmark's skeleton."""
    settings = _check_section(source, "train", TrainSettings, benchmark=benchmark, variant=variant)
    if settings is None:
        return
    topology = find_benchmark(benchmark)[0].topology
    joints = len(topology.kept) if settings.model.prune else len(topology.joints)
    try:
        token_budget(joints, settings.model, settings.masking)
    except SettingsError as error:
        sections = list(reversed(layers(source.tree, "train", benchmark=benchmark, variant=variant)))
        source.fail(
            source.key_of(sections, ["masking.ratio", "model.frames"]),
            f"{error} ({benchmark}, variant {variant}, {joints} joints)",
        )


def _check_draws(source: Source, benchmark: str, way: str) -> None:
    """Whether the splits order the labels for as many draws as a semi-supervised protocol asks for."""
    names = {"benchmark": benchmark}
    draws = getattr(_check_section(source, f"evaluate.{way}", evaluation_kind(way), **names), "draws", 0)
    if way == "semi" and draws > LABEL_DRAWS:
        sections = list(reversed(layers(source.tree, f"evaluate.{way}", **names)))
        source.fail(
            source.key_of(sections, ["draws"]), f"draws {draws} is more than the {LABEL_DRAWS} that a split orders"
        )


def _check_transfer(source: Source, active: Mapping[str, Any]) -> None:
    """Sources and targets are active benchmarks, for their models and splits are made as those of any other."""
    transfer = {part: list(names) for part, names in active.get("transfer", {}).items()}
    for part, names in transfer.items():
        for name in names:
            if name not in active.get("benchmarks", ()):
                source.fail(f"active.transfer.{part}", f"{name} is none of active.benchmarks; add it there")
    sources, targets = transfer.get("sources", ()), transfer.get("targets", ())
    for name in sources:
        if name in targets:
            source.fail("active.transfer", f"{name} is both a source and a target; name it once")
        for target in targets:
            encoder, clips = (find_benchmark(one)[0].topology for one in (name, target))
            try:
                map_joints(encoder, clips, own_correspondences())
            except UserError as error:
                source.fail("active.transfer", f"{name} to {target}: {error}")
