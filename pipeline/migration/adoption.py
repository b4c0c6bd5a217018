"""Finds the recorded stages that were up to date at commit aaa4aa5 and are the same work today.

Their outputs are entered as finished work under the present fingerprint, so that `dvc repro` takes them over. That the
present code computes the same as the commit's is a claim, which tests/stages/test_migrate.py checks stage by stage.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hacm.errors import UserError, name_some
from pipeline.datasets.registry import find_own
from pipeline.graph.code import PACKAGES
from pipeline.graph.declared import Declared, declare, kinds, names_of, options_of
from pipeline.graph.fingerprint import HASHES, PARAMS_FILE, datasets_of
from pipeline.graph.former_names import ADDED, former_path
from pipeline.graph.lock import LOCK_FILE, LockedStage, read_lock
from pipeline.graph.run_records import Contents
from pipeline.lineage.in_force import in_force
from pipeline.migration import former_project
from pipeline.migration.journal import Journal
from pipeline.yaml_tree import ABSENT, look_up, plain, read_shared

WRITTEN_ANEW = ("audit", "report")
"""Stages that only look at what others made, and say more, or in other words, today: they run, and soon are done."""

WHOLE_METHOD = "hacm"
SHORT = 8


@dataclass(frozen=True)
class Stage:
    """A stage of the old dvc.lock that dvc.yaml still has. name: as DVC calls it. names: by option."""

    name: str
    kind: str
    names: dict[str, str]
    locked: LockedStage

    @property
    def code(self) -> dict[str, str | None]:
        """The code that it depended on, but for the user's own: MD5 by path."""
        deps = self.locked.deps.items()
        return {path: md5 for path, md5 in deps if path.split("/")[0] in PACKAGES and path != former_project.OWN}

    @property
    def is_former(self) -> bool:
        """Whether it was run before the change: since then stages depend on all of hacm, not on files of it."""
        return WHOLE_METHOD not in self.locked.deps

    @cached_property
    def declared(self) -> Declared:
        """What dvc.yaml says of it now; UserError for a benchmark or data set that is no longer known."""
        return declare(self.kind, self.names)


def read_stages() -> dict[str, LockedStage]:
    """What dvc.lock records; nothing where there is none."""
    return read_lock(LOCK_FILE.read_text(encoding="utf-8") if LOCK_FILE.exists() else "")


def list_stages() -> Iterator[Stage]:
    """The stages that dvc.lock records, as far as dvc.yaml still has them."""
    for name, locked in read_stages().items():
        kind, names = name.partition("@")[0], names_of(locked.cmd)
        if kind in kinds() and names is not None and names.keys() == set(options_of(kind)):
            yield Stage(name, kind, names, locked)


class Examiner:
    """Says of stages whether they are the same work now; trusting: also of what other code than the commit's made."""

    def __init__(self, journal: Journal, *, trusting: bool = False) -> None:
        self.journal, self.trusting = journal, trusting
        self._contents = Contents()
        self._contents.recall(HASHES)
        self._params = read_shared(PARAMS_FILE)
        self._recorded_params = {key: value for one in read_stages().values() for key, value in one.params.items()}
        """By key: for a stage that did not declare all that it declares now."""

    def reason_against(self, stage: Stage) -> str | None:
        """Why a stage's work cannot be taken over, in words; None if it can."""
        try:
            declared = stage.declared
        except UserError as error:
            return str(error)
        return (
            self._code(stage)
            or self._paths(declared, stage.locked)
            or next(self._params_that_differ(declared, stage.locked.params), None)
        )

    def keep_hashes(self) -> None:
        """Remember what was hashed."""
        self._contents.keep(HASHES)

    def _code(self, stage: Stage) -> str | None:
        if self.trusting:
            return None
        known, used = former_project.code_of(stage.kind, stage.names), stage.code
        other = [path for path in sorted(known.keys() | used.keys()) if known.get(path, "") != used.get(path)]
        other += [] if self._is_published(stage) else [former_project.OWN]
        if not other:
            return None
        return (
            f"made by other code than that of {former_project.COMMIT} ({name_some(other)}); if you know that today's "
            "does the same: hacm migrate --trust-code"
        )

    def _is_published(self, stage: Stage) -> bool:
        """Whether no data set of the stage is the user's own."""
        return find_own().keys().isdisjoint(one.name for one in datasets_of(stage.names))

    def _paths(self, declared: Declared, locked: LockedStage) -> str | None:
        outs = {path: locked.outs.get(path) for path in declared.outs}
        later = [path for path in outs if path not in locked.outs]
        if later:
            return f"it did not write {name_some(later)} at {former_project.COMMIT}"
        for path, md5 in (*outs.items(), *((path, locked.deps.get(path)) for path in declared.inputs)):
            if md5 is None:
                return f"{LOCK_FILE} does not say what {path} was"
            now = self._contents.of(path) or self._contents.of(former_path(path))
            if now is None:
                return f"{path} is not here; dvc checkout, or dvc pull, of the old commit brings it back"
            if now.md5 != md5 and not self.journal.is_from(path, now.md5, md5):
                return f"{path} is not what {LOCK_FILE} says ({now.md5[:SHORT]}… for {md5[:SHORT]}…)"
        return None

    def _params_that_differ(self, declared: Declared, before: Mapping[str, Any]) -> Iterator[str]:
        values = {key: look_up(self._params, key) for key in declared.params}
        missing = [key for key, value in values.items() if value is ABSENT]
        if missing:
            yield f"{PARAMS_FILE} has no {name_some(missing)}"
            return
        new = in_force({key: plain(value) for key, value in values.items()})
        others = {key: self._recorded_params[key] for key in declared.params if key in self._recorded_params}
        old = in_force({**others, **before})
        for key in sorted(old.keys() | new.keys()):
            was, now = (one[key].value if key in one else ADDED.get(key, ABSENT) for one in (old, new))
            if was != now:
                said = " → ".join("absent" if value is ABSENT else json.dumps(value) for value in (was, now))
                yield f"{PARAMS_FILE}: {key}: {said}"
