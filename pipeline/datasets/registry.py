"""Every data set, benchmark and skeleton that the project knows, by name.

A module in this folder or in pipeline/own that defines data sets is found by itself: `DATASETS`, a tuple of
definitions, or `DATASET`, one alone (docs/own-data.md).
"""

import importlib
import pkgutil
from functools import cache
from pathlib import Path
from types import ModuleType

from hacm.errors import UserError
from hacm.skeletons.shipped import TOPOLOGIES
from hacm.skeletons.topology import Topology
from pipeline.datasets.definition import OWN, DataSet, describe_fault
from pipeline.store.manifest import SCHEMA

SPLIT_COLUMNS = ("subject", "camera", "setup", "replication", "execution", "xsub_part", "xview_part")
READER = ("COMPANIONS", "part_of", "read")


def known_datasets() -> dict[str, DataSet]:
    """Every data set by name, those of pipeline/own last; UserError if a module there cannot be used."""
    return find_shipped() | find_own()


def find_dataset(name: str) -> DataSet:
    """The data set of that name; UserError listing the known ones if there is none."""
    known = known_datasets()
    if name not in known:
        raise UserError(f"unknown data set {name!r}; known: {', '.join(known)} (params.yaml, active.datasets)")
    return known[name]


GONE = "-validation"
"""How benchmarks of held-out training subjects ended."""


def find_benchmark(name: str) -> tuple[DataSet, str]:
    """A benchmark is a data set with a split rule and is called DATASET-RULE; UserError listing the known ones."""
    known = {
        f"{dataset.name}-{rule}": (dataset, rule) for dataset in known_datasets().values() for rule in dataset.splits
    }
    if name not in known and name.endswith(GONE):
        raise UserError(f"{name}: was removed; settings are chosen by the protocol loso: delete it from params.yaml")
    if name not in known:
        raise UserError(f"unknown benchmark {name!r}; known: {', '.join(known)} (params.yaml, active.benchmarks)")
    return known[name]


def known_topologies() -> dict[str, Topology]:
    """The shipped skeletons and those of the data sets in pipeline/own, by name."""
    return TOPOLOGIES | {dataset.topology.name: dataset.topology for dataset in find_own().values()}


def find_topology(name: str) -> Topology:
    """The skeleton of that name; UserError listing the known ones if there is none."""
    known = TOPOLOGIES if name in TOPOLOGIES else known_topologies()
    if name not in known:
        raise UserError(f"unknown topology {name!r}; known: {', '.join(known)}")
    return known[name]


def own_correspondences() -> dict[tuple[str, str], dict[str, str]]:
    """The correspondences between skeletons that the data sets in pipeline/own declare."""
    declared: dict[tuple[str, str], dict[str, str]] = {}
    for dataset in find_own().values():
        declared |= dataset.correspondences
    return declared


@cache
def find_shipped() -> dict[str, DataSet]:
    """The data sets defined in this folder, by name."""
    folder = importlib.import_module("pipeline.datasets")
    modules = [_import(folder, stem) for stem in _list_modules(Path(str(folder.__file__)).parent)]
    return {dataset.name: dataset for module in modules for dataset in getattr(module, "DATASETS", ())}


@cache
def find_own() -> dict[str, DataSet]:
    """The data sets defined in pipeline/own, by name; UserError naming the file, and if possible the line, at fault."""
    found: dict[str, DataSet] = {}
    topologies = dict(TOPOLOGIES)
    for stem in _list_modules(OWN):
        file = f"pipeline/own/{stem}.py"
        try:
            dataset = _load_own(stem)
            _check_topology(dataset.topology, topologies)
        except UserError as error:
            told = str(error).startswith("pipeline/own/")
            raise UserError(str(error) if told else f"{file}: {error}") from error
        found[dataset.name] = dataset
    return found


def _list_modules(folder: Path) -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules([str(folder)]))


def _import(package: ModuleType, stem: str) -> ModuleType:
    return importlib.import_module(f"{package.__name__}.{stem}")


def _load_own(stem: str) -> DataSet:
    try:
        module = importlib.import_module(f"pipeline.own.{stem}")
    except UserError:
        raise
    except Exception as error:  # whatever it is, it is in a file of the user's
        raise UserError(f"{describe_fault(error) or repr(error)}; mend it, or move the file elsewhere") from error
    dataset = getattr(module, "DATASET", None)
    if not isinstance(dataset, DataSet):
        raise UserError("must define DATASET, a pipeline.datasets.DataSet")
    if dataset.name in find_shipped():
        raise UserError(f"DATASET.name is {dataset.name!r}, which the project already has; choose another")
    if dataset.name != stem.replace("_", "-"):
        raise UserError(f"DATASET.name is {dataset.name!r}; name it after the file, {stem.replace('_', '-')!r}")
    _check_splits(dataset)
    _check_reader(dataset)
    return dataset


def _check_topology(topology: Topology, known: dict[str, Topology]) -> None:
    if known.setdefault(topology.name, topology) != topology:
        raise UserError(f"topology {topology.name} is already the name of another skeleton; choose another")


def _check_splits(dataset: DataSet) -> None:
    for rule, split in dataset.splits.items():
        if not rule.isidentifier():
            raise UserError(f"split rule {rule!r}: a name of letters, digits and _ is needed")
        if split.column not in SPLIT_COLUMNS:
            raise UserError(f"split rule {rule}: unknown column {split.column!r}; known: {', '.join(SPLIT_COLUMNS)}")
        kind = str if SCHEMA[split.column].is_(SCHEMA["execution"]) else int
        if not all(isinstance(value, kind) for value in split.train | (split.test or frozenset())):
            raise UserError(f"split rule {rule}: {split.column} is compared with {kind.__name__} values only")


def _check_reader(dataset: DataSet) -> None:
    try:
        reader = dataset.reader_object
    except ImportError as error:
        raise UserError(f"reader {dataset.reader!r}: {error}") from error
    lacking = [name for name in READER if not hasattr(reader, name)]
    if lacking:
        raise UserError(f"its reader defines no {', '.join(lacking)} (see hacm/recordings/__init__.py)")
