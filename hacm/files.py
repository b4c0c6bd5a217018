"""Files that are either whole or absent, and their hashes.

Every output of a stage is written under a temporary name beside its place and renamed when it is complete, so that a
stage killed at any moment leaves nothing half-written.
"""

import errno
import glob
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hacm.errors import UserError

BLOCK = 1 << 20
SEAL = "sealed"
"""Where a JSON file has the checksum of what else it says."""


@contextmanager
def explain_disk_errors(path: Path) -> Iterator[None]:
    """Turn a full, read-only or forbidden disk into a one-line UserError naming the path."""
    reasons = {
        errno.ENOSPC: "no space left on the disk; free some space or move the project, then run again",
        errno.EDQUOT: "the disk quota is used up; free some space, then run again",
        errno.EROFS: "the disk is read-only; make it writable or move the project",
        errno.EACCES: "permission denied; make the folder writable",
    }
    try:
        yield
    except Exception as error:
        # The compiled writers under zarr and polars raise errors of their own around the operating system's words.
        number = getattr(error, "errno", None) or next((n for n in reasons if os.strerror(n) in str(error)), None)
        if isinstance(error, UserError) or number not in reasons:
            raise
        raise UserError(f"{getattr(error, 'filename', None) or path}: {reasons[number]}") from error


def settle(path: Path) -> None:
    """Bring a file, or all of a folder, onto the disk: after a loss of power it is what it was when this returned."""
    if path.is_symlink() or not path.exists():
        return
    paths = [path]
    if path.is_dir():
        paths = [Path(top, name) for top, _, files in os.walk(path, topdown=False) for name in (*files, "")]
    for one in paths:
        if not one.is_symlink() and (one.is_dir() or one.is_file()):
            settle_folder(one)


def settle_folder(path: Path) -> None:
    """Bring a file, or the names in a folder (not what they name), onto the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a disk that cannot: of some networks, a folder
            raise
    finally:
        os.close(number)


@contextmanager
def replace_directory(path: Path) -> Iterator[Path]:
    """A new empty folder that takes the place of `path` when the block ends well, and vanishes when it does not."""
    path = Path(path)
    temporary, replaced = path.with_name(f".{path.name}.incomplete"), path.with_name(f".{path.name}.replaced")
    with explain_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _delete(replaced)
        _delete(temporary)
        temporary.mkdir()
        try:
            yield temporary
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        settle(temporary)
        # Set aside before it is deleted: nothing half-deleted is ever found under the name.
        if path.is_symlink() or path.exists():
            path.rename(replaced)
        temporary.rename(path)
        settle_folder(path.parent)
        _delete(replaced)


def replace_in_directory(path: Path, files: Mapping[str, bytes], target: Path | None = None) -> None:
    """Write `files`, content by path relative to the folder, in place of those of these names, all at once.

    target: the folder to make of it, if not itself. What stays is the same file under a further name where the file
    system has such; nothing is written into a file that is there.
    """
    with replace_directory(target or path) as folder:
        for source in sorted(path.rglob("*")):
            place = folder / source.relative_to(path)
            if source.is_dir() and not source.is_symlink():
                place.mkdir(parents=True, exist_ok=True)
            elif source.relative_to(path).as_posix() not in files:
                place.parent.mkdir(parents=True, exist_ok=True)
                link_or_copy(source, place)
        for name, content in files.items():
            (folder / name).write_bytes(content)


def link_or_copy(source: Path, target: Path) -> None:
    """The same file under a further name; a copy where the file system has no such thing."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """A path to write to; what was written takes the place of `path` when the block ends well.

    Several processes may do so at once, each at a path of its own: the last one's stays, whole.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{platform.node()}-{os.getpid()}.incomplete")
    with explain_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_abandoned(path)
        try:
            yield temporary
            settle(temporary)
            os.replace(temporary, path)
            settle_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def _clear_abandoned(path: Path) -> None:
    """Delete what processes of this machine that were killed began to write in place of a file."""
    for rest in path.parent.glob(f".{glob.escape(path.name)}.{glob.escape(platform.node())}-*.incomplete"):
        process = rest.name.removesuffix(".incomplete").rpartition("-")[2]
        if process.isdecimal() and not _is_running(int(process)):
            rest.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True


def seal(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts for a JSON file, with the SHA-256 of all of them under SEAL, in place of an earlier one."""
    said = {key: value for key, value in facts.items() if key != SEAL}
    # As it will be read: tuples are lists there, and keys are texts.
    text = json.dumps(json.loads(json.dumps(said)), sort_keys=True, ensure_ascii=False)
    return said | {SEAL: hashlib.sha256(text.encode()).hexdigest()}


def is_as_sealed(facts: Any) -> bool:
    """Whether a JSON file says what was sealed; earlier versions wrote files without a seal."""
    return not isinstance(facts, dict) or SEAL not in facts or seal(facts)[SEAL] == facts[SEAL]


def check_seal(path: Path, facts: Any) -> None:
    """UserError unless a JSON file says what was sealed (is_as_sealed)."""
    if not is_as_sealed(facts):
        raise damaged(path, "is not as it was written", path.parent)


def damaged(path: Path, what: str, folder: Path) -> UserError:
    """The error for a file that is not as it was written; folder: the artefact that it is part of."""
    return UserError(f"{path}: {what}; delete {folder} and run dvc repro to bring it back")


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON, keys in the given order, atomically."""
    with replace_file(path) as temporary:
        temporary.write_bytes(encode_json(content))


def encode_json(content: Any) -> bytes:
    """What write_json writes."""
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_json(path: Path) -> Any:
    """Read JSON; UserError naming the file if it is absent or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: not found; run the stage that writes it (dvc repro)") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not readable as JSON ({error}); delete it and run dvc repro") from error


def hash_file(path: Path, algorithm: str = "sha256") -> str:
    """Hex digest of a file's bytes."""
    digest = hashlib.new(algorithm)
    with open(path, "rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def hash_tree(root: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its path relative to the folder, in path order."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hash_file(path) for path in files}
