"""Reads a data set at a revision of the project, and finds what two revisions made it from."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from hacm.errors import UserError
from hacm.files import read_json
from pipeline.audit.version_differences import VersionTables
from pipeline.datasets.definition import DataSet
from pipeline.graph.lock import LOCK_FILE, LockedStage, read_lock
from pipeline.graph.revisions import WORKSPACE, RevisionFiles, list_commits
from pipeline.store.format_3 import convert_store, update_excluded, update_manifest
from pipeline.store.store import SkeletonStore, read_parquet
from pipeline.yaml_tree import flatten_sections

STAGES = ("download", "ingest", "normalize")
"""Those that make a data set's clips."""

NOT_RECORDED = LockedStage("", {}, {}, {})


@dataclass(frozen=True)
class DataSetPaths:
    """Where a data set's clips and its benchmarks' splits lie in the project, relative to its top folder."""

    clips: Path
    splits: dict[str, Path]


@dataclass(frozen=True)
class DataSetRevision:
    """A data set at a revision. rev: None for the workspace. lock: dvc.lock, {} where there is none."""

    rev: str | None
    version: str
    tables: VersionTables
    lock: dict[str, LockedStage]

    @property
    def name(self) -> str:
        """How to call it."""
        return self.rev or WORKSPACE


def read_revision(rev: str | None, paths: DataSetPaths, dataset: DataSet) -> DataSetRevision:
    """The manifest, exclusions and splits of a revision; UserError naming what it does not have."""
    with _open_tables(rev, paths) as folder:
        manifest = update_manifest(read_parquet(folder / "manifest.parquet"))
        excluded = update_excluded(read_parquet(folder / "excluded.parquet"))
        version = str(read_json(folder / "store.json")["version"])
        tables = VersionTables.by_rule(manifest, excluded, dataset)
        parts = tables.parts
        for rule in paths.splits:
            file = folder / f"{rule}.split.parquet"
            if file.exists():
                listed = read_parquet(file).select("name", pl.col("part").alias(rule))
                parts = parts.drop(rule).join(listed, on="name", how="left", maintain_order="left")
        lock = folder / LOCK_FILE
        stages = read_lock(lock.read_text(encoding="utf-8"), f"dvc.lock of {rev or WORKSPACE}") if lock.exists() else {}
    return DataSetRevision(rev, version, replace(tables, parts=parts.select("name", *dataset.splits)), stages)


@contextmanager
def _open_tables(rev: str | None, paths: DataSetPaths) -> Iterator[Path]:
    """A folder with the small files of a revision: the store's tables, the splits, dvc.lock."""
    needed = {name: paths.clips / name for name in ("manifest.parquet", "excluded.parquet", "store.json")}
    optional = {f"{rule}.split.parquet": path / "split.parquet" for rule, path in paths.splits.items()}
    optional[LOCK_FILE.name] = LOCK_FILE
    with TemporaryDirectory(prefix="hacm-revision-") as name:
        folder = Path(name)
        files = RevisionFiles(rev)
        for file, path in needed.items():
            files.fetch(path, folder / file)
        for file, path in optional.items():
            with suppress(UserError):
                files.fetch(path, folder / file)
        yield folder


@contextmanager
def open_store(revision: DataSetRevision, paths: DataSetPaths) -> Iterator[SkeletonStore | None]:
    """The whole store of a revision, while the block lasts; None where neither the cache nor a remote has it."""
    if revision.rev is None:
        yield SkeletonStore.open(paths.clips)
        return
    with TemporaryDirectory(prefix="hacm-revision-") as name:
        try:
            RevisionFiles(revision.rev).fetch(paths.clips, Path(name) / "store")
            convert_store(Path(name) / "store")
            store: SkeletonStore | None = SkeletonStore.open(Path(name) / "store")
        except UserError:
            store = None
        yield store


def find_causes(before: DataSetRevision, after: DataSetRevision, dataset: str) -> list[dict[str, Any]]:
    """What dvc.lock says has changed of what the clips were made of: parameters, code, raw data.

    Of code, the commits between the two revisions that touched it, where git can tell.
    """
    causes = []
    for stage in STAGES:
        old, new = (revision.lock.get(f"{stage}@{dataset}", NOT_RECORDED) for revision in (before, after))
        params = [flatten_sections(one.params) for one in (old, new)]
        causes += [
            {
                "stage": stage,
                "kind": "parameter",
                "what": key,
                "before": params[0].get(key),
                "after": params[1].get(key),
            }
            for key in sorted(params[0].keys() | params[1].keys())
            if params[0].get(key) != params[1].get(key)
        ]
        for path in sorted(old.deps.keys() | new.deps.keys()):
            if old.deps.get(path) != new.deps.get(path):
                kind = "data" if path.startswith("data/") else "code"
                commits = list_commits(before.rev, after.rev, path) if kind == "code" else []
                causes.append({"stage": stage, "kind": kind, "what": path, "commits": commits})
    return causes
