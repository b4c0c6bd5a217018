"""Raw data as it was downloaded: a folder, a .zip, .7z or .tar(.gz, .bz2, .xz), read in place, never unpacked to disk.

An archive comes from elsewhere, so nothing in it is trusted: see rules.py.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from hacm.archives.folders import Opened, check_link, entries_below, file_entries, folder_entries
from hacm.archives.raw_file import RawFile, leave_packed
from hacm.archives.rules import DAMAGE, LIMIT_BYTES, Entry, Refused, as_user_error
from hacm.archives.tars import TAR_OPENERS, tar_entries
from hacm.archives.zips import zip_entries
from hacm.errors import UserError

READ_SUFFIXES = (".zip", ".7z", *TAR_OPENERS)
UNREAD_SUFFIXES = (".rar",)
"""Packings that people use for recordings and that can only be read here once they are unpacked."""


def members(
    path: Path,
    *,
    limit_bytes: int = LIMIT_BYTES,
    wanted: Callable[[str], bool] | None = None,
    opened: Opened | None = None,
) -> Iterator[RawFile | Refused]:
    """The files below a folder or inside an archive, one at a time; any other file is a folder of that one file.

    wanted: says by its name whether a file is read; others are passed over unless they are refused. opened: what is in
    a file that holds many recordings; these are then members in its place.

    Order: by name in folders and zips, as stored in tars and .7z. Directories and what macOS leaves behind
    (`__MACOSX/`, `.DS_Store`, `._*`) are passed over. Refused are names that lead outside, links, devices, encrypted
    members, files over limit_bytes and members that unpack to more than MOST_EXPANSION times their size. UserError,
    naming the file and the remedy, where path does not exist, is an archive of a kind that is not read here, is damaged
    or cut short (DamagedFile); in a compressed tar or .7z that may only be found after intact members have been handed
    out, and in a zip when a member's content is asked for.
    """
    try:
        for entry in _entries(Path(path), limit_bytes, wanted, opened):
            if entry.refusal is not None:
                yield Refused(entry.name, entry.refusal, entry.last)
            elif wanted is None or wanted(entry.name):
                yield RawFile(entry.name, entry.read(), _explain_damage(Path(path), entry.unpack))
    except DAMAGE as error:
        raise as_user_error(Path(path), error) from error


def _explain_damage(path: Path, unpack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return unpack if unpack is leave_packed else partial(_unpack, path, unpack)


def _unpack(path: Path, unpack: Callable[[bytes], bytes], packed: bytes) -> bytes:
    try:
        return unpack(packed)
    except DAMAGE as error:
        raise as_user_error(path, error) from error


def member_names(path: Path, *, limit_bytes: int = LIMIT_BYTES, opened: Opened | None = None) -> list[str]:
    """The names that `members` would read, in its order, without those it would refuse. Raises as `members` does."""
    try:
        return [entry.name for entry in _entries(Path(path), limit_bytes, None, opened) if entry.refusal is None]
    except DAMAGE as error:
        raise as_user_error(Path(path), error) from error


def _entries(
    path: Path, limit_bytes: int, wanted: Callable[[str], bool] | None, opened: Opened | None
) -> Iterator[Entry]:
    """wanted: as `members` has it, for packings that are read in one go."""
    if path.is_dir():
        return folder_entries(path, limit_bytes, opened)
    check_link(path)
    if not path.exists():
        raise UserError(f"{path}: no such file or folder; put the data there or correct the path")
    inside = opened(path) if opened is not None else None
    if inside is not None:
        return entries_below(path.name, inside)
    name = path.name.lower()
    if name.endswith(".zip"):
        return zip_entries(path, limit_bytes)
    if name.endswith(".7z"):
        # Here and not above, because it loads decompressors that no other archive needs.
        from hacm.archives.seven_zips import seven_zip_entries

        return seven_zip_entries(path, limit_bytes, wanted)
    for suffix, opener in TAR_OPENERS.items():
        if name.endswith(suffix):
            return tar_entries(path, cast(Callable[[Path], BinaryIO], opener), limit_bytes)
    if name.endswith(UNREAD_SUFFIXES):
        raise UserError(f"{path}: this kind of archive is not read here; unpack it and give the folder")
    return file_entries(path, limit_bytes)


def is_pack(path: Path) -> bool:
    """Whether `members` takes it for a folder or an archive, judged by what it is called."""
    return path.is_dir() or path.name.lower().endswith(READ_SUFFIXES)


def is_called_like_an_archive(name: str) -> bool:
    """Whether a file of that name is an archive, be it of a kind that is read here or not."""
    return name.lower().endswith((*READ_SUFFIXES, *UNREAD_SUFFIXES))
