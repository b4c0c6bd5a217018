"""dvc.lock as a revision of the project has it."""

from hacm.errors import UserError
from pipeline.audit.revisions import resolve
from pipeline.graph.commits import ask_git
from pipeline.graph.lock import LockedStage, read_lock


def read_lock_at(rev: str) -> dict[str, LockedStage]:
    """What was recorded at a git revision, tag or experiment; UserError if there is none, or it has no dvc.lock."""
    text = ask_git("show", f"{resolve(rev)}:./dvc.lock")
    if text is None:
        raise UserError(f"{rev}: has no dvc.lock; was it committed there after dvc repro?")
    return read_lock(text, f"dvc.lock of {rev}")
