"""Files that DVC writes in place: killed meanwhile, it leaves half of one, and every command of it stops there.

.dvc/tmp/rwlock has the paths that DVC's commands read and write just now; dvc.lock has what was run.
"""

import filecmp
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import UserError
from pipeline.files import replace_file

LOCK = Path("dvc.lock")
KEPT = Path(".state/dvc.lock")
"""A copy of the last whole one."""
FOLDER = Path(".dvc/tmp")


def mend_dvc_files() -> list[str]:
    """Put right what is only half written, and say what; UserError where that takes a person."""
    found = []
    if _is_damaged(FOLDER / "rwlock", _is_json, guard="rwlock.lock"):
        (FOLDER / "rwlock").unlink()
        found.append(f"{FOLDER / 'rwlock'}: left half written by a DVC that was killed; removed, DVC makes it anew")
    if _is_damaged(LOCK, _is_whole_lock, guard="lock"):
        found.append(f"{LOCK}: left half written by a DVC that was killed; {_put_back()}")
    elif LOCK.exists() and not (KEPT.exists() and filecmp.cmp(LOCK, KEPT, shallow=False)):
        _copy(LOCK, KEPT)
    return found


def _is_damaged(path: Path, is_whole: Callable[[str], bool], guard: str) -> bool:
    """Whether a file is there and not whole, and nobody is writing it just now."""
    if not path.exists() or is_whole(path.read_text(encoding="utf-8")):
        return False
    with _held(guard):
        return path.exists() and not is_whole(path.read_text(encoding="utf-8"))


@contextmanager
def _held(guard: str) -> Iterator[None]:
    """DVC's own lock, which it holds while it writes; UserError if it has it for long."""
    from dvc.lock import LockError, make_lock

    try:
        with make_lock(str(FOLDER / guard), tmp_dir=str(FOLDER)):
            yield
    except LockError as error:
        raise UserError(f"DVC is at work ({error}); wait for it, then start again") from error


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _is_whole_lock(text: str) -> bool:
    """All but certain, and in no time: to read the YAML of a thousand stages takes seconds."""
    return text.startswith("schema:") and text.endswith("\n")


def _put_back() -> str:
    if KEPT.exists():
        _copy(KEPT, LOCK)
        return "put back as it was before; what ran since, dvc repro takes from its cache"
    if LOCK.stat().st_size == 0:
        LOCK.unlink()
        return "nothing was in it, removed; what ran before, dvc repro takes from its cache"
    raise UserError(
        f"{LOCK}: half written, by a DVC that was killed; git checkout {LOCK}, or delete it: dvc repro takes what ran"
        " before from its cache"
    )


def _copy(source: Path, target: Path) -> None:
    with replace_file(target) as temporary:
        shutil.copyfile(source, temporary)
