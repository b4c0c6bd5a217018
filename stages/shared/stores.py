"""Opens what the data stages wrote. Files that an earlier version wrote without checksums are read, with a warning."""

from pathlib import Path

import polars as pl

from hacm.errors import UserError
from hacm.files import damaged, read_json
from hacm.skeletons.topology import Topology
from pipeline.datasets.definition import DataSet
from pipeline.datasets.registry import find_benchmark
from pipeline.store.rows import RowReader
from pipeline.store.seal import FILES, check_folder
from pipeline.store.split_files import read_split
from pipeline.store.store import SkeletonStore
from stages.shared import places
from stages.shared.progress import say

WRITERS = {"recordings": "ingest", "clips": "normalize"}
"""The stage that writes a store of each kind."""


def open_store(path: Path) -> SkeletonStore:
    """The store at a path; UserError naming what is missing or damaged."""
    store = SkeletonStore.open(path)
    if not store.has_checksums:
        say_unchecked(path, WRITERS.get(str(store.facts.get("kind")), ""), str(store.facts.get("dataset")))
    return store


def open_benchmark(name: str) -> tuple[DataSet, SkeletonStore, pl.DataFrame]:
    """A benchmark's data set, its clean store, and its split in name order: `name`, `part` (train, test, unlabelled)
    and for the training clips `draw_0` … (pipeline/datasets/splits.py).

    UserError if the clean store is not the version that the split was computed from, or not of the data set's skeleton.
    """
    dataset, _ = find_benchmark(name)
    store = open_store(places.clips(dataset.name))
    expect_skeleton(store, dataset.topology)
    split, facts = read_split(places.split(name))
    if facts.get("benchmark", name) != name:
        raise UserError(f"{places.split(name)}: is the split of {facts['benchmark']}; delete it and run dvc repro")
    expect_version(store, facts["data_version"], places.split(name))
    return dataset, store, split


def list_labels(dataset: DataSet, store: SkeletonStore) -> list[int]:
    """The data set's label of each class: all of them if the authors state their number, otherwise those that occur."""
    return list(range(dataset.classes or 0)) or sorted(store.manifest["label"].drop_nulls().unique().to_list())


def expect_version(store: SkeletonStore, version: str | None, source: Path) -> None:
    """UserError unless the store holds the data version that `source` was computed from (None: no version at all)."""
    if version is not None and version != store.version:
        raise UserError(
            f"{source}: computed from data version {version[:12]}…, {store.path} holds {store.version[:12]}…; "
            "run dvc repro"
        )


def expect_skeleton(store: SkeletonStore, topology: Topology) -> None:
    """UserError unless the store's clips have the skeleton that the code has under the topology's name."""
    if store.facts.get("skeleton") != topology.describe():
        raise UserError(f"{store.path}: holds another skeleton than {topology.name} is now; run dvc repro")


def open_hierarchies(folder: Path, dataset: str, *, whole: bool = False) -> tuple[str, RowReader]:
    """The data version that hierarchies were computed from, and a reader of their rows, (R, J); UserError if damaged.

    whole: check all rows at once.
    """
    listed = (folder / FILES).exists()
    if listed:
        check_folder(folder, whole=whole)
    version = str(read_json(folder / "hierarchy.json")["data_version"])
    reader = RowReader(folder / "hierarchy.zarr")
    if reader.checksums is not None and not listed:
        raise damaged(folder / FILES, "is missing", folder)
    if not listed:
        say_unchecked(folder, "hierarchy", dataset)
    return version, reader


def say_unchecked(path: Path, stage: str, dataset: str) -> None:
    """Warn that damage to a folder would not be noticed, and say what to do."""
    say(
        f"{path}: written by an earlier version, without checksums, so that damage to it goes unnoticed; "
        f"python -m stages.{stage} --dataset {dataset} writes it again, with them"
    )
