"""Your own data sets, one file each: NAME.py in this folder defines DATASET (docs/own-data.md).

A file that is put here is a data set of the project: params.yaml, every stage and every message know it.
"""

import importlib
import pkgutil
from functools import cache

from hacm.errors import UserError
from hacm.skeletons.topology import TOPOLOGIES, Topology
from pipeline.datasets.definition import DATASETS, OWN, DataSet, describe_fault
from pipeline.store.manifest import SCHEMA

SPLIT_COLUMNS = ("subject", "camera", "setup", "replication", "variant", "xsub_part", "xview_part")
READER = ("COMPANIONS", "part_of", "read")


@cache
def find_own() -> dict[str, DataSet]:
    """The data sets defined in this folder, by name; UserError naming the file, and where it can the line, at fault."""
    found: dict[str, DataSet] = {}
    topologies = dict(TOPOLOGIES)
    for stem in sorted(module.name for module in pkgutil.iter_modules([str(OWN)])):
        file = f"pipeline/own/{stem}.py"
        try:
            dataset = _load(stem)
            _check_topology(dataset.topology, topologies)
        except UserError as error:
            told = str(error).startswith("pipeline/own/")
            raise UserError(str(error) if told else f"{file}: {error}") from error
        found[dataset.name] = dataset
    return found


def _load(stem: str) -> DataSet:
    try:
        module = importlib.import_module(f"{__name__}.{stem}")
    except UserError:
        raise
    except Exception as error:  # whatever it is, it is in a file of the user's
        raise UserError(f"{describe_fault(error) or repr(error)}; mend it, or move the file elsewhere") from error
    dataset = getattr(module, "DATASET", None)
    if not isinstance(dataset, DataSet):
        raise UserError("must define DATASET, a pipeline.datasets.definition.DataSet")
    if dataset.name in DATASETS:
        raise UserError(f"DATASET.name is {dataset.name!r}, which the project has already; take another")
    if dataset.name != stem.replace("_", "-"):
        raise UserError(f"DATASET.name is {dataset.name!r}; call it as the file, {stem.replace('_', '-')!r}")
    _check_splits(dataset)
    _check_reader(dataset)
    return dataset


def _check_topology(topology: Topology, known: dict[str, Topology]) -> None:
    if known.setdefault(topology.name, topology) != topology:
        raise UserError(f"topology {topology.name} is another skeleton's name already; take another")


def _check_splits(dataset: DataSet) -> None:
    for rule, split in dataset.splits.items():
        if not rule.isidentifier():
            raise UserError(f"split rule {rule!r}: a name of letters, digits and _ is needed")
        if split.column not in SPLIT_COLUMNS:
            raise UserError(f"split rule {rule}: unknown column {split.column!r}; known: {', '.join(SPLIT_COLUMNS)}")
        kind = str if SCHEMA[split.column].is_(SCHEMA["variant"]) else int
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
