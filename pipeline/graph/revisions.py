"""Reads the project's files at a revision: a git revision, tag or DVC experiment, or the workspace.

Read by DVC from git, its cache or a remote, without checking anything out; dvc.lock must have been committed.
"""

from pathlib import Path
from typing import Any

from hacm.errors import UserError, in_one_line
from pipeline.graph.former_names import former_path
from pipeline.graph.git import ask_git, folder_in_repository, inside_repository, is_as_committed
from pipeline.graph.lock import LOCK_FILE, LockedStage, read_lock
from pipeline.graph.no_git import WITHOUT

WORKSPACE = "workspace"


class RevisionFiles:
    """The files that git or DVC tracks, as a revision has them. rev: None for the workspace.

    Paths are relative to the project's top folder, which may lie below git's; what had another name there is found by
    its present one. UserError if there is no such revision.
    """

    def __init__(self, rev: str | None) -> None:
        self.rev = rev
        self._system = None if rev is None else _open_revision(rev)
        self._top = "" if rev is None else folder_in_repository()

    def holds(self, path: Path) -> bool:
        """Whether there is such a file; one that DVC tracks may still be in no cache."""
        return path.exists() if self._system is None else self._find(path) is not None

    def fetch(self, path: Path, target: Path) -> None:
        """Bring a file or a folder to `target`; UserError if it is not there, or neither the cache nor a remote has it.

        Of the workspace `target` becomes a link.
        """
        from dvc.exceptions import DvcException

        if self._system is None:
            if not path.exists():
                raise UserError(f"{path}: not found in the workspace; run dvc repro, or name a revision")
            target.symlink_to(path.resolve())
            return
        try:
            name = self._find(path)
            if name is None:
                raise UserError(f"{path}: not in {self.rev}; was dvc.lock committed there after dvc repro?")
            if self._system.isdir(name):
                self._system.get(name, str(target), recursive=True)
            else:
                self._system.get_file(name, str(target))
        except (DvcException, OSError) as error:
            raise _unavailable(path, str(self.rev), error) from error

    def _find(self, path: Path) -> str | None:
        """What DVC's file system, which begins at git's top folder, calls it; None if it has no such file."""
        assert self._system is not None
        names = dict.fromkeys(self._top + one for one in (path.as_posix(), former_path(path.as_posix())))
        return next((name for name in names if self._system.exists(name)), None)


def _unavailable(path: Path, rev: str, error: BaseException) -> UserError:
    reason = in_one_line(error)
    return UserError(
        f"{path}: {rev} has it, but neither the cache nor a remote does ({reason}); dvc push it from there"
    )


def _open_revision(rev: str) -> Any:
    """DVC's view of git's repository at a revision."""
    from dvc.api import DVCFileSystem

    # A DVC project below git's top folder is a "subrepo" to DVC, which it passes over unless told not to.
    return DVCFileSystem(url=".", rev=resolve_revision(rev), subrepos=bool(folder_in_repository()))


def resolve_revision(rev: str) -> str:
    """The commit of a git revision, tag or experiment; UserError if there is none."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc.scm import resolve_rev
    from scmrepo.exceptions import SCMError

    if not inside_repository():
        raise UserError(f"{rev}: {WITHOUT}")
    try:
        with Repo(".") as repo:
            return str(resolve_rev(repo.scm, rev))
    except (DvcException, SCMError) as error:
        raise UserError(f"{rev}: no git revision, tag or experiment of this project ({in_one_line(error)})") from error


def read_lock_at(rev: str) -> dict[str, LockedStage]:
    """dvc.lock at a git revision, tag or experiment; UserError if there is no such revision, or it has no dvc.lock."""
    text = ask_git("show", f"{resolve_revision(rev)}:./{LOCK_FILE}")
    if text is None:
        raise UserError(f"{rev}: has no dvc.lock; was it committed there after dvc repro?")
    return read_lock(text, f"dvc.lock of {rev}")


def list_commits(before: str | None, after: str | None, path: str) -> list[str]:
    """One line per commit that touched a path between two revisions, the latest first; empty where git cannot tell.

    before, after: None for the workspace.
    """
    if before is None:
        return []
    span = f"{resolve_revision(before)}..{resolve_revision(after) if after else 'HEAD'}"
    lines = (ask_git("log", "--oneline", "--no-decorate", span, "--", path) or "").splitlines()
    changed = after is None and not is_as_committed("HEAD", path)
    return (["uncommitted changes"] if changed else []) + lines
