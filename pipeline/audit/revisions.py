"""A data set as some revision of the project has it: a git revision, tag or experiment, or the workspace.

Read by DVC from its cache or a remote, without checking anything out; dvc.lock must have been committed.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from hacm.errors import UserError, in_one_line
from hacm.files import read_json
from pipeline.audit.versions import Held
from pipeline.datasets.definition import DataSet
from pipeline.datasets.splits import assign
from pipeline.graph.lock import LockedStage, read_lock
from pipeline.params import flatten_sections
from pipeline.store.format_3 import convert_store, update_excluded, update_manifest
from pipeline.store.store import SkeletonStore, read_parquet

STAGES = ("download", "ingest", "normalize")
"""Those that make a data set's clips."""

WORKSPACE = "workspace"
NOTHING = LockedStage("", {}, {}, {})


@dataclass(frozen=True)
class Place:
    """Where a data set's clips and its benchmarks' splits lie in the project, relative to its top folder."""

    clips: Path
    splits: dict[str, Path]


@dataclass(frozen=True)
class Revision:
    """A data set at a revision. rev: None for the workspace. lock: dvc.lock, {} where there is none."""

    rev: str | None
    version: str
    held: Held
    lock: dict[str, LockedStage]

    @property
    def name(self) -> str:
        """How to call it."""
        return self.rev or WORKSPACE


def read_revision(rev: str | None, place: Place, dataset: DataSet) -> Revision:
    """The manifest, exclusions and splits of a revision; UserError naming what it does not have."""
    with _open_tables(rev, place) as folder:
        manifest = update_manifest(read_parquet(folder / "manifest.parquet"))
        excluded = update_excluded(read_parquet(folder / "excluded.parquet"))
        version = str(read_json(folder / "store.json")["version"])
        parts = assign(manifest, dataset.splits)
        for rule in place.splits:
            file = folder / f"{rule}.split.parquet"
            if file.exists():
                listed = read_parquet(file).select("name", pl.col("part").alias(rule))
                parts = parts.drop(rule).join(listed, on="name", how="left", maintain_order="left")
        lock = folder / "dvc.lock"
        stages = read_lock(lock.read_text(encoding="utf-8"), f"dvc.lock of {rev or WORKSPACE}") if lock.exists() else {}
    return Revision(rev, version, Held(manifest, excluded, parts.select("name", *dataset.splits)), stages)


@contextmanager
def _open_tables(rev: str | None, place: Place) -> Iterator[Path]:
    """A folder with the small files of a revision: the store's tables, the splits, dvc.lock."""
    needed = {name: place.clips / name for name in ("manifest.parquet", "excluded.parquet", "store.json")}
    optional = {f"{rule}.split.parquet": path / "split.parquet" for rule, path in place.splits.items()}
    optional["dvc.lock"] = Path("dvc.lock")
    with TemporaryDirectory(prefix="hacm-revision-") as name:
        folder = Path(name)
        files = Files(rev)
        for file, path in needed.items():
            files.fetch(path, folder / file)
        for file, path in optional.items():
            with suppress(UserError):
                files.fetch(path, folder / file)
        yield folder


class Files:
    """The project's files, tracked by git or DVC, as a revision has them; rev: None for the workspace."""

    def __init__(self, rev: str | None) -> None:
        self.rev = rev
        self._system = None if rev is None else _open_revision(rev)

    def holds(self, path: Path) -> bool:
        """Whether there is such a file; one that DVC tracks may still be in no cache."""
        return path.exists() if self._system is None else bool(self._system.exists(path.as_posix()))

    def fetch(self, path: Path, target: Path) -> None:
        """Bring it to `target`; UserError if it is not there, or neither the cache nor a remote has it."""
        from dvc.exceptions import DvcException

        if self._system is None:
            if not path.exists():
                raise UserError(f"{path}: not found in the workspace; run dvc repro, or name a revision")
            target.symlink_to(path.resolve())
            return
        try:
            if not self.holds(path):
                raise UserError(f"{path}: not in {self.rev}; was dvc.lock committed there after dvc repro?")
            self._system.get_file(path.as_posix(), str(target))
        except (DvcException, OSError) as error:
            raise _unavailable(path, str(self.rev), error) from error


def _unavailable(path: Path, rev: str, error: BaseException) -> UserError:
    reason = in_one_line(error)
    return UserError(
        f"{path}: {rev} has it, but neither the cache nor a remote does ({reason}); dvc push it from there"
    )


def _open_revision(rev: str) -> Any:
    """DVC's view of the project at a revision; UserError if there is none."""
    from dvc.api import DVCFileSystem

    return DVCFileSystem(url=".", rev=resolve(rev))


def resolve(rev: str) -> str:
    """The commit of a git revision, tag or experiment; UserError if there is none."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc.scm import resolve_rev
    from scmrepo.exceptions import SCMError

    try:
        with Repo(".") as repo:
            return str(resolve_rev(repo.scm, rev))
    except (DvcException, SCMError) as error:
        raise UserError(f"{rev}: no git revision, tag or experiment of this project ({in_one_line(error)})") from error


@contextmanager
def open_store(revision: Revision, place: Place) -> Iterator[SkeletonStore | None]:
    """The whole store of a revision, while the block lasts; None where neither the cache nor a remote has it."""
    if revision.rev is None:
        yield SkeletonStore.open(place.clips)
        return
    from dvc.exceptions import DvcException

    with TemporaryDirectory(prefix="hacm-revision-") as name:
        try:
            _open_revision(revision.rev).get(place.clips.as_posix(), name + "/store", recursive=True)
            convert_store(Path(name) / "store")
            store: SkeletonStore | None = SkeletonStore.open(Path(name) / "store")
        except (DvcException, OSError, UserError):
            store = None
        yield store


def find_causes(before: Revision, after: Revision, dataset: str) -> list[dict[str, Any]]:
    """What dvc.lock says has changed of what the clips were made of: parameters, code, raw data.

    Of code, the commits between the two revisions that touched it, where git can tell.
    """
    causes = []
    for stage in STAGES:
        old, new = (revision.lock.get(f"{stage}@{dataset}", NOTHING) for revision in (before, after))
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


def list_commits(before: str | None, after: str | None, path: str) -> list[str]:
    """One line a commit that touched a path between two revisions, the latest first; empty where git cannot tell."""
    if before is None:
        return []
    span = f"{resolve(before)}..{resolve(after) if after else 'HEAD'}"
    done = subprocess.run(
        ["git", "log", "--oneline", "--no-decorate", span, "--", path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines() if done.returncode == 0 else []
    changed = after is None and subprocess.run(["git", "diff", "--quiet", "HEAD", "--", path], check=False).returncode
    return (["uncommitted changes"] if changed else []) + lines
