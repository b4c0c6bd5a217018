"""Opens what the data stages wrote. What an earlier version wrote without checksums is read, and said to have none."""

from pathlib import Path

from hacm.files import read_json
from pipeline.store.rows import RowReader
from pipeline.store.seal import FILES, check_folder
from pipeline.store.store import SkeletonStore
from stages.shared.progress import say

WRITERS = {"recordings": "ingest", "clips": "normalize"}
"""The stage that writes a store of each kind."""


def open_store(path: Path) -> SkeletonStore:
    """The store at that path; UserError naming what is missing or damaged."""
    store = SkeletonStore.open(path)
    if not store.has_checksums:
        say_unchecked(path, WRITERS.get(str(store.facts.get("kind")), ""), str(store.facts.get("dataset")))
    return store


def open_hierarchies(folder: Path, dataset: str, *, whole: bool = False) -> tuple[str, RowReader]:
    """The data version that hierarchies were computed from, and a reader of their rows, (R, J); UserError if damaged.

    whole: check all rows at once.
    """
    if (folder / FILES).exists():
        check_folder(folder, whole=whole)
    version = str(read_json(folder / "hierarchy.json")["data_version"])
    reader = RowReader(folder / "hierarchy.zarr")
    if reader.checksums is None:
        say_unchecked(folder, "hierarchy", dataset)
    return version, reader


def say_unchecked(path: Path, stage: str, dataset: str) -> None:
    """Say that damage to a folder would not be noticed, and what to do about it."""
    say(
        f"{path}: written by an earlier version, without checksums, so that damage to it goes unnoticed; "
        f"python -m stages.{stage} --dataset {dataset} writes it anew, with them"
    )
