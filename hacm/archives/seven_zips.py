"""The members of a .7z by the rules of all archives; the format itself is read in seven_zip.py."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from hacm.archives.rules import (
    EXPANDS_TOO_MUCH,
    EXPANSION_FLOOR_BYTES,
    MOST_EXPANSION,
    Entry,
    is_junk,
    refusal_of,
    tidy,
)
from hacm.archives.seven_zip import SevenZip, SevenZipMember

ANOTHER_REFUSED = "another member of that name cannot be read"


def seven_zip_entries(path: Path, limit_bytes: int, wanted: Callable[[str], bool] | None) -> Iterator[Entry]:
    """The members in the archive's order. wanted: says by its name whether one is unpacked."""
    with SevenZip(path) as archive:
        listed = list(
            _list_seven_zip(archive, MOST_EXPANSION * path.stat().st_size + EXPANSION_FLOOR_BYTES, limit_bytes)
        )
        # Members are asked for by name, which several may have.
        refused = {member.name for member, _, refusal in listed if refusal}
        chosen = frozenset(
            member.name for member, name, _ in listed if member.name not in refused and (wanted is None or wanted(name))
        )
        with closing(archive.read(chosen)) as contents:
            for member, name, refusal in listed:
                if refusal is None and member.name in refused:
                    refusal = ANOTHER_REFUSED
                read = partial(_next_content, contents, member) if member.size else bytes
                yield Entry(name, refusal, read, last=refusal == EXPANDS_TOO_MUCH)


def _list_seven_zip(
    archive: SevenZip, most_bytes: int, limit_bytes: int
) -> Iterator[tuple[SevenZipMember, str, str | None]]:
    """Each member with its tidied name and why it is not read."""
    total = 0
    for member in archive.members:
        name = tidy(member.name)
        total += member.size
        if total > most_bytes:
            # No more is unpacked of a member than is declared here; but all that stands before it in its block is.
            yield member, name, EXPANDS_TOO_MUCH
            return
        if not is_junk(name):
            refusal = refusal_of(name, plain=member.plain, size=member.size, limit_bytes=limit_bytes)
            yield member, name, refusal or ("encrypted" if archive.encrypted else None)


def _next_content(contents: Iterator[tuple[SevenZipMember, bytes]], member: SevenZipMember) -> bytes:
    return next(data for found, data in contents if found is member)
