"""Repairs files that a killed DVC left half written, at which every further DVC command would stop.

.dvc/tmp/rwlock lists the paths that running DVC commands read and write; dvc.lock records what was run.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from hacm.errors import UserError
from hacm.files import read_json, replace_file
from pipeline.graph.lock import LOCK_FILE, read_lock

KEPT = Path(".state/dvc.lock")
"""A copy of the last complete dvc.lock."""
FOLDER = Path(".dvc/tmp")
RWLOCK = FOLDER / "rwlock"

CONFLICT = re.compile(rb"^(<{7}|={7}|>{7})( |\r?$)", re.MULTILINE)
LAST_LINE = re.compile(r" +(size|nfiles): \d+|schema: .*|stages: \{\}")
MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


def mend_dvc_files(show: Callable[[str], None]) -> None:
    """Repair what is only half written, and say what; UserError if a person has to do it."""
    if _is_damaged_rwlock():
        RWLOCK.unlink()
        show(f"{RWLOCK}: left half written by a DVC that was killed; removed, DVC makes it again")
    if not LOCK_FILE.exists():
        return
    content = LOCK_FILE.read_bytes()
    if conflict := CONFLICT.search(content):
        line = content.count(b"\n", 0, conflict.start()) + 1
        raise UserError(
            f"{LOCK_FILE}:{line}: a merge conflict; take one side (git checkout --ours {LOCK_FILE}, or --theirs), then "
            "dvc repro, which takes what either side ran from its cache"
        )
    fault = _find_fault(content)
    if fault is not None:
        with hold_dvc():  # nobody is writing it just now
            fault = _find_fault(content := LOCK_FILE.read_bytes())
    if fault is None:
        _keep(content)
    elif fault.line is not None:
        raise UserError(
            f"{LOCK_FILE}:{fault.line}: {fault.text}; correct that line, or git checkout {LOCK_FILE}: dvc repro takes "
            "what ran since from its cache"
        )
    else:
        show(f"{LOCK_FILE}: {fault.text}; {_put_back(fault)}")


@dataclass(frozen=True)
class Fault:
    """What is wrong with a dvc.lock. line: where a person must look; None: only a killed DVC or a disk leaves it so."""

    text: str
    line: int | None = None


CUT = Fault("left half written by a DVC that was killed")


def _keep(content: bytes) -> None:
    """Keep what a whole dvc.lock has."""
    if not (KEPT.exists() and KEPT.read_bytes() == content):
        with replace_file(KEPT) as temporary:
            temporary.write_bytes(content)


def _is_damaged_rwlock() -> bool:
    """Whether it is there and not whole, and nobody is writing it just now."""
    if not RWLOCK.exists() or _is_json(RWLOCK):
        return False
    with hold_dvc("rwlock.lock"):
        return RWLOCK.exists() and not _is_json(RWLOCK)


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


def _find_fault(content: bytes) -> Fault | None:
    """What is wrong with the content of dvc.lock; it is parsed, unless it is the last whole one."""
    if KEPT.exists() and KEPT.read_bytes() == content:
        return None
    if not content.strip() or (not content.endswith(b"\n") and _is_beginning(content)):
        return CUT
    if b"\0" in content:
        return Fault("holds zero bytes, as after a loss of power")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return Fault("is no text")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        stages = read_lock(text).values()
    except UserError as error:
        return _explain(error.__cause__, len(text.splitlines()))
    # A text that was cut may be YAML all the same; then something of its last stage is missing.
    whole = (
        bool(LAST_LINE.fullmatch(lines[-1]))
        and (bool(stages) or "stages: {}" in lines)
        and all(
            stage.outs and all(MD5.fullmatch(str(md5)) for md5 in (*stage.deps.values(), *stage.outs.values()))
            for stage in stages
        )
    )
    return None if whole else CUT


def _explain(error: BaseException | None, lines: int) -> Fault:
    """Why YAML could not be read: an error before the last lines is none of a text that was cut."""
    mark = getattr(error, "problem_mark", None)
    if mark is None or mark.line >= lines - 1:
        return CUT
    return Fault(str(getattr(error, "problem", "is no YAML")).split(" with value ")[0], mark.line + 1)


def _is_beginning(content: bytes) -> bool:
    """Whether it is the last whole one, cut: by more than the end of its last line."""
    kept = KEPT.read_bytes() if KEPT.exists() else b""
    return kept.startswith(content) and bool(kept[len(content) :].strip())


def _put_back(fault: Fault) -> str:
    """Replace the damaged file, if there is something to replace it with; what is rejected stays beside it."""
    empty = LOCK_FILE.stat().st_size == 0
    if not empty and not KEPT.exists():
        raise UserError(
            f"{LOCK_FILE}: {fault.text}; git checkout {LOCK_FILE}, or delete it: dvc repro"
            " takes what ran before from its cache"
        )
    kept = "" if empty else f" (it is kept as {_set_aside()})"
    if KEPT.exists():
        _copy(KEPT, LOCK_FILE)
        return f"put back as it was before{kept}; dvc repro takes what ran since from its cache"
    LOCK_FILE.unlink()
    return "nothing was in it, removed; dvc repro takes what ran before from its cache"


def _set_aside() -> Path:
    """A copy of dvc.lock under a name that is free."""
    names = (LOCK_FILE.with_name(f"{LOCK_FILE.name}.damaged{number or ''}") for number in count())
    aside = next(path for path in names if not path.exists())
    _copy(LOCK_FILE, aside)
    return aside


def _copy(source: Path, target: Path) -> None:
    with replace_file(target) as temporary:
        shutil.copyfile(source, temporary)
