"""The members of a .zip, each checked against its size and CRC-32."""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from isal import isal_zlib

from hacm.archives.rules import EXPANSION_FLOOR_BYTES, MOST_EXPANSION, Entry, is_junk, refusal_of, tidy

LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Of a zip's member: signature, what the directory says as well, lengths of name and extra field."""


def zip_entries(path: Path, limit_bytes: int) -> Iterator[Entry]:
    """The members by name. What is deflated is handed out packed, to be inflated on any thread."""
    with zipfile.ZipFile(path) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            name = tidy(info.filename)
            if info.is_dir() or is_junk(name):
                continue
            refusal = _zip_refusal(name, info, limit_bytes)
            if info.compress_type == zipfile.ZIP_DEFLATED:
                yield Entry(
                    name,
                    refusal,
                    partial(_read_deflated, archive, info),
                    partial(_inflate, info.filename, info.file_size, info.CRC),
                )
            else:
                yield Entry(name, refusal, partial(read_zip_member, archive, info))


def read_zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """A member's content, of which no more is unpacked than it is said to hold. Raises what is in DAMAGE."""
    if info.compress_type == zipfile.ZIP_DEFLATED:
        return _inflate(info.filename, info.file_size, info.CRC, _read_deflated(archive, info))
    if info.compress_type == zipfile.ZIP_STORED:
        return archive.read(info)
    # Python's readers of bzip2 and LZMA members cannot be told where to stop.
    raise NotImplementedError(f"compression type {info.compress_type}")


def _read_deflated(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """A member as it is packed. It follows its local header, whose name and extra field have lengths of their own."""
    stream = cast(BinaryIO, archive.fp)
    stream.seek(info.header_offset)
    header = stream.read(LOCAL_HEADER.size)
    signature, name_length, extra_length = LOCAL_HEADER.unpack(header)
    if signature != b"PK\x03\x04":
        raise zipfile.BadZipFile(f"{info.filename} is not where the directory says")
    name = stream.read(name_length)
    if name != info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437"):
        raise zipfile.BadZipFile(f"{info.filename} has another name where it is stored")
    stream.seek(extra_length, os.SEEK_CUR)
    packed = stream.read(info.compress_size)
    if len(packed) != info.compress_size:
        raise EOFError(f"{info.filename} ends early")
    return packed


def _inflate(name: str, size: int, checksum: int, packed: bytes) -> bytes:
    """A member's content, checked against its size and CRC-32; never more than the size in the directory."""
    inflater = isal_zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    data: bytes = inflater.decompress(packed, max_length=size + 1)
    if len(data) != size or isal_zlib.crc32(data) != checksum:
        raise zipfile.BadZipFile(f"{name} is not what its size and checksum say")
    return data


def _zip_refusal(name: str, info: zipfile.ZipInfo, limit_bytes: int) -> str | None:
    # The upper half holds Unix mode bits, or nothing at all when the archive was made elsewhere.
    kind = stat.S_IFMT(info.external_attr >> 16)
    refusal = refusal_of(name, plain=kind in (0, stat.S_IFREG), size=info.file_size, limit_bytes=limit_bytes)
    if refusal is not None:
        return refusal
    if info.file_size > MOST_EXPANSION * info.compress_size + EXPANSION_FLOOR_BYTES:
        return f"unpacks to more than {MOST_EXPANSION} times its size"
    return "encrypted" if info.flag_bits & 1 else None
