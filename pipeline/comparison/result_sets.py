"""Sets of results to compare: all or some of a revision, with what dvc.lock says they were made from."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass, fields
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hacm.errors import UserError, name_some
from hacm.files import hash_file, read_json
from pipeline.comparison.naming import ResultKey, ResultSelection, key_of_metrics, parse_selection
from pipeline.graph.former_names import rename_details
from pipeline.graph.lock import LOCK_FILE, LockedStage, read_lock
from pipeline.graph.revisions import RevisionFiles, resolve_revision
from pipeline.results.writing import DETAILS, check_result_file

METRICS = "metrics.json"


class ResultSet:
    """Results of one revision: all, or those selected. Their files are fetched into `folder` when they are asked for.

    name: as the user wrote it.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.rev, self.selection = parse_selection(name)
        self._files, self._folder = RevisionFiles(self.rev), folder

    @cached_property
    def commit(self) -> str | None:
        """None for the workspace."""
        return None if self.rev is None else resolve_revision(self.rev)

    @cached_property
    def lock(self) -> dict[str, LockedStage]:
        """What was recorded of every stage; nothing where there is no dvc.lock."""
        if not self._files.holds(LOCK_FILE):
            return {}
        return read_lock(self.path(LOCK_FILE).read_text(encoding="utf-8"), f"dvc.lock of {self.name}")

    @cached_property
    def keys(self) -> list[ResultKey]:
        """The selected results, in path order; in the workspace those that lie there, else those of the graph."""
        if self.rev is None:
            paths = sorted(Path("results").rglob(METRICS))
        else:
            outs = sorted({Path(out) for stage in self.lock.values() for out in stage.outs if out.endswith(METRICS)})
            paths = [path for path in outs if key_of_metrics(path) and self._files.holds(path)]
        keys = [key for path in paths if (key := key_of_metrics(path))]
        selected = (
            [key for key in keys if selection.covers(key)]
            for selection in (self.selection, self.selection.under_present_names)
        )
        return next(filter(None, selected), [])

    def path(self, path: Path) -> Path:
        """A readable copy of one of the revision's files; UserError if it cannot be had."""
        copy = self._folder / path
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            self._files.fetch(path, copy)
        return copy

    def metrics(self, key: ResultKey) -> dict[str, Any]:
        """A result's flat figures."""
        return dict(read_json(self.table(key, METRICS)))

    def table(self, key: ResultKey, name: str) -> Path:
        """A readable copy of one of a result's files; UserError unless it is as it was written."""
        path = self.path(key.folder / name)
        self.path(key.folder / DETAILS)
        check_result_file(path, key.folder / name)
        return path

    def details(self, key: ResultKey) -> dict[str, Any]:
        """Where a result comes from."""
        return rename_details(read_json(self.table(key, DETAILS)))

    def holds(self, key: ResultKey) -> bool:
        """Whether it has a result, selected or not."""
        return self._files.holds(key.folder / METRICS)

    def recorded(self, key: ResultKey) -> LockedStage | None:
        """What dvc.lock says of a result; None if it says nothing, or something of another result."""
        stage, path = self.lock.get(key.stage), key.folder / METRICS
        if stage is None or stage.outs.get(path.as_posix()) != hash_file(self.path(path), "md5"):
            return None
        return stage


@contextmanager
def open_result_sets(names: Sequence[str]) -> Iterator[list[ResultSet]]:
    """Sets of results, readable while the block lasts. UserError for an unknown revision, or one without such
    results."""
    with ExitStack() as stack:
        sets = []
        for name in names:
            folder = stack.enter_context(TemporaryDirectory(prefix="hacm-compare-"))
            results = ResultSet(name, Path(folder))
            if not results.keys:
                if results.rev is not None and not results.lock:
                    remedy = "git add dvc.lock fingerprints.json and commit them after dvc repro"
                    raise UserError(f"{name}: has no dvc.lock, which says what its results are; {remedy}")
                raise UserError(f"{name}: has no such results; run dvc repro, or name runs of another revision")
            sets.append(results)
        yield sets


@dataclass(frozen=True)
class Match:
    """One result of each set, in the sets' order."""

    keys: tuple[ResultKey, ...]

    @property
    def name(self) -> str:
        """The result, or what the sets' results have in common."""
        if len(set(self.keys)) == 1:
            return str(self.keys[0])
        common = [
            f"seed-{values[0]}" if field.name == "seed" else str(values[0])
            for field, values in zip(fields(ResultKey), zip(*map(astuple, self.keys), strict=True), strict=True)
            if len(set(values)) == 1
        ]
        return "/".join(common) or " : ".join(map(str, self.keys))


def match_results(sets: Sequence[ResultSet]) -> list[Match]:
    """The results that all sets have, matched by benchmark, variant, seed and protocol, except for parts that every set
    names.

    UserError if there is none.
    """
    matched = [
        field.name for field in fields(ResultSelection) if not all(field.name in one.selection.fixed for one in sets)
    ]
    found = [{tuple(getattr(key, name) for name in matched): key for key in results.keys} for results in sets]
    common = [values for values in found[0] if all(values in other for other in found[1:])]
    if not common:
        have = "; ".join(f"{results.name} has {name_some([str(key) for key in results.keys])}" for results in sets)
        raise UserError(f"nothing to compare: no result with the same {', '.join(matched)} in every one ({have})")
    return [Match(tuple(one[values] for one in found)) for values in common]
