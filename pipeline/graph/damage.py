"""Repairs files that a killed DVC left half written, at which every further DVC command would stop.

.dvc/tmp/rwlock lists the paths that running DVC commands read and write; dvc.lock records what was run.
"""

import filecmp
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hacm.errors import UserError
from hacm.files import read_json, replace_file
from pipeline.graph.lock import LOCK_FILE

KEPT = Path(".state/dvc.lock")
"""A copy of the last whole one."""
FOLDER = Path(".dvc/tmp")


def mend_dvc_files(show: Callable[[str], None]) -> None:
    """Put right what is only half written, and say what; UserError where that takes a person."""
    if _is_damaged(FOLDER / "rwlock", _is_json, guard="rwlock.lock"):
        (FOLDER / "rwlock").unlink()
        show(f"{FOLDER / 'rwlock'}: left half written by a DVC that was killed; removed, DVC makes it anew")
    if _is_damaged(LOCK_FILE, _is_whole_lock, guard="lock"):
        show(f"{LOCK_FILE}: left half written by a DVC that was killed; {_put_back()}")
    elif LOCK_FILE.exists() and not (KEPT.exists() and filecmp.cmp(LOCK_FILE, KEPT, shallow=False)):
        _copy(LOCK_FILE, KEPT)


def _is_damaged(path: Path, is_whole: Callable[[Path], bool], guard: str) -> bool:
    """Whether a file is there and not whole, and nobody is writing it just now."""
    if not path.exists() or is_whole(path):
        return False
    with hold_dvc(guard):
        return path.exists() and not is_whole(path)


@contextmanager
def hold_dvc(guard: str = "lock") -> Iterator[None]:
    """DVC's own lock, which it holds while it writes; UserError if it has it for long."""
    from dvc.lock import LockError, make_lock

    try:
        with make_lock(str(FOLDER / guard), tmp_dir=str(FOLDER)):
            yield
    except LockError as error:
        raise UserError(f"DVC is at work ({error}); wait for it, then start again") from error


def _is_json(path: Path) -> bool:
    try:
        read_json(path)
    except UserError:
        return False
    return True


def _is_whole_lock(path: Path) -> bool:
    """All but certain, and in no time: to read the YAML of a thousand stages takes seconds."""
    content = path.read_bytes()
    return content.startswith(b"schema:") and content.endswith(b"\n")


def _put_back() -> str:
    if KEPT.exists():
        _copy(KEPT, LOCK_FILE)
        return "put back as it was before; what ran since, dvc repro takes from its cache"
    if LOCK_FILE.stat().st_size == 0:
        LOCK_FILE.unlink()
        return "nothing was in it, removed; what ran before, dvc repro takes from its cache"
    raise UserError(
        f"{LOCK_FILE}: half written, by a DVC that was killed; git checkout {LOCK_FILE}, or delete it: dvc repro takes"
        " what ran before from its cache"
    )


def _copy(source: Path, target: Path) -> None:
    with replace_file(target) as temporary:
        shutil.copyfile(source, temporary)
