"""The members of a .tar, plain or compressed, as they are stored."""

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from hacm.archives.rules import (
    EXPANDS_TOO_MUCH,
    EXPANSION_FLOOR_BYTES,
    MOST_EXPANSION,
    Entry,
    is_junk,
    refusal_of,
    tidy,
)

# Long names and extended headers of a tar, which tarfile reads into memory whole.
HEADER_TYPES = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
LONGEST_HEADER_BYTES = 2**20

CHUNK_BYTES = 2**20

TAR_OPENERS: dict[str, Callable[[Path], object]] = {
    ".tar": partial(open, mode="rb"),
    ".tar.gz": gzip.open,
    ".tgz": gzip.open,
    ".tar.bz2": bz2.open,
    ".tbz2": bz2.open,
    ".tar.xz": lzma.open,
    ".txz": lzma.open,
}


class _StrictTarInfo(tarfile.TarInfo):
    """A tar header of which nothing damaged passes: tarfile by itself takes a bad header for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str | None, errors: str) -> "_StrictTarInfo":
        try:
            info = super().frombuf(buf, encoding, errors)  # type: ignore[arg-type]
        except tarfile.HeaderError as error:
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):
                raise
            raise tarfile.ReadError(f"bad header: {error}") from error
        if info.type in HEADER_TYPES and info.size > LONGEST_HEADER_BYTES:
            raise tarfile.ReadError("oversized header")
        return info


def tar_entries(path: Path, opener: Callable[[Path], BinaryIO], limit_bytes: int) -> Iterator[Entry]:
    """The members in the archive's order; opener: undoes the compression."""
    most_bytes = MOST_EXPANSION * path.stat().st_size + EXPANSION_FLOOR_BYTES
    with opener(path) as stream:
        options = {"mode": "r|", "bufsize": CHUNK_BYTES, "tarinfo": _StrictTarInfo}
        with tarfile.open(fileobj=stream, **options) as archive:  # type: ignore[call-overload]
            for info in archive:
                name = tidy(info.name)
                if info.offset_data + info.size > most_bytes:
                    # To pass over it would mean to unpack it; the rest of such an archive is not worth that.
                    yield Entry(name, EXPANDS_TOO_MUCH, bytes, last=True)
                    return
                if not info.isdir() and not is_junk(name):
                    refusal = refusal_of(name, plain=info.isreg(), size=info.size, limit_bytes=limit_bytes)
                    yield Entry(name, refusal, partial(_read_tar_member, archive, info))
        _read_to_end(stream, most_bytes)


def _read_tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    content = archive.extractfile(info)
    assert content is not None, "only plain files are read"
    data = content.read()
    if len(data) != info.size:
        raise tarfile.ReadError(f"{info.name} ends early")
    return data


def _read_to_end(stream: BinaryIO, most_bytes: int) -> None:
    """Reads what follows the last member, because the checksums of compressed streams stand at their end."""
    while stream.read(CHUNK_BYTES):
        if stream.tell() > most_bytes:
            raise tarfile.ReadError("too much padding after the last member")
