"""A folder of files, or one file by itself, as members."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from hacm.archives.rules import Entry, is_junk, refusal_of
from hacm.errors import UserError

Opened = Callable[[Path], Iterator[Entry] | None]
"""What is in a file that holds many recordings, too many to be read whole; None: it is no such file."""


def broken_link(path: Path) -> str | None:
    """Where a link leads that leads nowhere, in words; None for any other path."""
    if not path.is_symlink():
        return None
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return f"a link to {path.readlink()}, which leads back to itself"
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return f"a link to {path.readlink()}, which is not there"
    return None


def check_link(path: Path) -> None:
    """UserError if a path is a link that leads nowhere."""
    broken = broken_link(path)
    if broken:
        raise UserError(f"{path}: {broken}; put there what it should lead to, or remove it")


def file_entries(path: Path, limit_bytes: int) -> Iterator[Entry]:
    """The file, as the one member of a folder."""
    status = path.stat()
    refusal = refusal_of(path.name, plain=stat.S_ISREG(status.st_mode), size=status.st_size, limit_bytes=limit_bytes)
    yield Entry(path.name, refusal, path.read_bytes)


def entries_below(name: str, inside: Iterator[Entry]) -> Iterator[Entry]:
    """What is in a file of that name, as members of a folder of that name."""
    return (replace(entry, name=f"{name}/{entry.name}") for entry in inside)


def folder_entries(folder: Path, limit_bytes: int, opened: Opened | None = None) -> Iterator[Entry]:
    """Every file below a folder, by name, or what is in it; links are refused."""

    def fail(error: OSError) -> None:
        raise error

    found: list[tuple[str, Path]] = []
    for directory, subdirectories, files in os.walk(folder, onerror=fail):
        linked = [name for name in subdirectories if os.path.islink(os.path.join(directory, name))]
        for name in files + linked:
            path = Path(directory, name)
            found.append((path.relative_to(folder).as_posix(), path))
    for name, path in sorted(found):
        if not is_junk(name):
            status = path.lstat()
            # Not only links: opening a pipe would wait for ever.
            plain = stat.S_ISREG(status.st_mode)
            inside = opened(path) if opened is not None and plain else None
            if inside is not None:
                yield from entries_below(name, inside)
                continue
            refusal = refusal_of(name, plain=plain, size=status.st_size, limit_bytes=limit_bytes)
            if path.is_symlink():
                refusal = broken_link(path) or f"a link to {path.readlink()}"
            yield Entry(name, refusal, path.read_bytes)
