"""Raw data as it was downloaded: a folder, a .zip, .7z or .tar(.gz, .bz2, .xz), read in place, never unpacked to disk.

An archive comes from elsewhere, so nothing in it is trusted: a member whose name would lead out of the archive, that is
no plain file, or that is far larger than a recording can be is refused with a reason, and the others are still read. An
archive that is damaged anywhere ends the reading, because what is missing from it cannot be known.
"""

import bz2
import errno
import gzip
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from isal import isal_zlib

from hacm.errors import UserError, in_one_line
from hacm.recordings import RawFile, leave_packed

if TYPE_CHECKING:
    from hacm.archives.seven_zip import SevenZip, SevenZipMember

# The longest recording of any supported data set is some 15 MB of text.
LIMIT_BYTES = 64 * 2**20

# Text of coordinates packs 3 to 6 times. What unpacks to far more than that is an attack or an accident; the floor
# spares small members, which can be repetitive for good reasons.
MOST_EXPANSION = 200
EXPANSION_FLOOR_BYTES = 2**20

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

LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Of a zip's member: signature, what the directory says as well, lengths of name and extra field."""

REST_NOT_READ = "; rest not read"
ANOTHER_REFUSED = "another member of that name cannot be read"

TAR_OPENERS: dict[str, Callable[[Path], object]] = {
    ".tar": partial(open, mode="rb"),
    ".tar.gz": gzip.open,
    ".tgz": gzip.open,
    ".tar.bz2": bz2.open,
    ".tbz2": bz2.open,
    ".tar.xz": lzma.open,
    ".txz": lzma.open,
}

UNREAD_SUFFIXES = (".rar",)
"""Packings that people use for recordings and that can only be read here once they are unpacked."""

DAMAGE: tuple[type[Exception], ...] = (  # type: ignore[assignment]
    zipfile.BadZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    isal_zlib.error,  # type: ignore[misc]
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


class DamagedFile(UserError):
    """A raw file that is not what it should be, and that another copy would mend. reason: the message's middle."""

    def __init__(self, path: Path, reason: str, remedy: str = "download or copy it again") -> None:
        super().__init__(f"{path}: {reason}; {remedy}")
        self.path, self.reason, self.remedy = path, reason, remedy


@dataclass(frozen=True)
class Refused:
    """A file that is not read: its path inside, and why. last: what follows it in the archive was not read either."""

    path: str
    reason: str

    @property
    def last(self) -> bool:
        return self.reason.endswith(REST_NOT_READ)


@dataclass(frozen=True)
class _Entry:
    """A file before it is read. `read` is called at most once and before the next entry is asked for.

    unpack: turns what was read into the file's content, at any time and on any thread.
    """

    name: str
    refusal: str | None
    read: Callable[[], bytes]
    unpack: Callable[[bytes], bytes] = leave_packed


def members(
    path: Path, *, limit_bytes: int = LIMIT_BYTES, wanted: Callable[[str], bool] | None = None
) -> Iterator[RawFile | Refused]:
    """The files below a folder or inside an archive, one at a time; any other file is a folder of that one file.

    wanted: says by its name whether a file is read; others are passed over unless they are refused.

    Order: by name in folders and zips, as stored in tars and .7z. Directories and what macOS leaves behind
    (`__MACOSX/`, `.DS_Store`, `._*`) are passed over. Refused are names that lead outside, links, devices, encrypted
    members, files over limit_bytes and members that unpack to more than MOST_EXPANSION times their size. UserError,
    naming the file and the remedy, where path does not exist, is an archive of a kind that is not read here, is damaged
    or cut short (DamagedFile); in a compressed tar or .7z that may only be found after intact members have been handed
    out, and in a zip when a member's content is asked for.
    """
    try:
        for entry in _entries(Path(path), limit_bytes, wanted):
            if entry.refusal is not None:
                yield Refused(entry.name, entry.refusal)
            elif wanted is None or wanted(entry.name):
                yield RawFile(entry.name, entry.read(), _explain_damage(Path(path), entry.unpack))
    except DAMAGE as error:
        raise _as_user_error(Path(path), error) from error


def _explain_damage(path: Path, unpack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    if unpack is leave_packed:
        return unpack

    def careful(packed: bytes) -> bytes:
        try:
            return unpack(packed)
        except DAMAGE as error:
            raise _as_user_error(path, error) from error

    return careful


def member_names(path: Path, *, limit_bytes: int = LIMIT_BYTES) -> list[str]:
    """The names that `members` would read, in its order, without those it would refuse. Raises as `members` does."""
    try:
        return [entry.name for entry in _entries(Path(path), limit_bytes) if entry.refusal is None]
    except DAMAGE as error:
        raise _as_user_error(Path(path), error) from error


def _entries(path: Path, limit_bytes: int, wanted: Callable[[str], bool] | None = None) -> Iterator[_Entry]:
    """wanted: as `members` has it, for packings that are read in one go."""
    if path.is_dir():
        return _folder_entries(path, limit_bytes)
    if not path.exists():
        raise UserError(f"{path}: no such file or folder; put the data there or correct the path")
    name = path.name.lower()
    if name.endswith(".zip"):
        return _zip_entries(path, limit_bytes)
    if name.endswith(".7z"):
        return _seven_zip_entries(path, limit_bytes, wanted)
    for suffix, opener in TAR_OPENERS.items():
        if name.endswith(suffix):
            return _tar_entries(path, cast(Callable[[Path], BinaryIO], opener), limit_bytes)
    if name.endswith(UNREAD_SUFFIXES):
        raise UserError(f"{path}: this kind of archive is not read here; unpack it and give the folder")
    return _file_entries(path, limit_bytes)


def is_pack(path: Path) -> bool:
    """Whether `members` takes it for a folder or an archive, judged by what it is called."""
    return path.is_dir() or path.name.lower().endswith((".zip", ".7z", *TAR_OPENERS))


def _as_user_error(path: Path, error: BaseException) -> UserError:
    reason = in_one_line(error)
    if isinstance(error, OSError) and error.errno is not None:
        where = error.filename or path
        remedy = "check the disk" if error.errno == errno.EIO else "check the path and its permissions"
        return UserError(f"{where}: cannot be read ({error.strerror}); {remedy}")
    if isinstance(error, NotImplementedError):
        return UserError(f"{path}: packed in a way that cannot be read here ({reason}); unpack it and give the folder")
    return DamagedFile(path, f"damaged or cut short ({reason})")


def _is_junk(name: str) -> bool:
    parts = name.split("/")
    return "__MACOSX" in parts or parts[-1] == ".DS_Store" or parts[-1].startswith("._")


def _tidy(name: str) -> str:
    """The name with forward slashes and without `./`; what leads upwards or starts at the root stays visible."""
    name = name.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return ("/" if name.startswith("/") else "") + "/".join(parts)


def _refusal(name: str, *, plain: bool, size: int, limit_bytes: int) -> str | None:
    """Why a file of that (tidied) name, kind and size is not read; None if it is."""
    if name.startswith("/") or name[1:2] == ":":
        return "absolute path"
    if ".." in name.split("/"):
        return "path leads out of the archive"
    if not plain:
        return "link or device, not a plain file"
    if size > limit_bytes:
        return f"{size} bytes, over the limit of {limit_bytes}"
    return None


def _file_entries(path: Path, limit_bytes: int) -> Iterator[_Entry]:
    status = path.stat()
    refusal = _refusal(path.name, plain=stat.S_ISREG(status.st_mode), size=status.st_size, limit_bytes=limit_bytes)
    yield _Entry(path.name, refusal, path.read_bytes)


def _folder_entries(folder: Path, limit_bytes: int) -> Iterator[_Entry]:
    def fail(error: OSError) -> None:
        raise error

    found: list[tuple[str, Path]] = []
    for directory, subdirectories, files in os.walk(folder, onerror=fail):
        linked = [name for name in subdirectories if os.path.islink(os.path.join(directory, name))]
        for name in files + linked:
            path = Path(directory, name)
            found.append((path.relative_to(folder).as_posix(), path))
    for name, path in sorted(found):
        if not _is_junk(name):
            status = path.lstat()
            # Not only links: opening a pipe would wait for ever.
            plain = stat.S_ISREG(status.st_mode)
            refusal = _refusal(name, plain=plain, size=status.st_size, limit_bytes=limit_bytes)
            yield _Entry(name, refusal, path.read_bytes)


def _zip_entries(path: Path, limit_bytes: int) -> Iterator[_Entry]:
    with zipfile.ZipFile(path) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            name = _tidy(info.filename)
            if info.is_dir() or _is_junk(name):
                continue
            refusal = _zip_refusal(name, info, limit_bytes)
            if info.compress_type == zipfile.ZIP_DEFLATED:
                yield _Entry(name, refusal, partial(_read_deflated, archive, info), partial(_inflate, info))
            else:
                yield _Entry(name, refusal, partial(read_zip_member, archive, info))


def read_zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """A member's content, of which no more is unpacked than it is said to hold. Raises what is in DAMAGE."""
    if info.compress_type == zipfile.ZIP_DEFLATED:
        return _inflate(info, _read_deflated(archive, info))
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


def _inflate(info: zipfile.ZipInfo, packed: bytes) -> bytes:
    """A member's content, checked against its size and CRC-32; never more than the size in the directory."""
    inflater = isal_zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    data: bytes = inflater.decompress(packed, max_length=info.file_size + 1)
    if len(data) != info.file_size or isal_zlib.crc32(data) != info.CRC:
        raise zipfile.BadZipFile(f"{info.filename} is not what its size and checksum say")
    return data


def _zip_refusal(name: str, info: zipfile.ZipInfo, limit_bytes: int) -> str | None:
    # The upper half holds Unix mode bits, or nothing at all when the archive was made elsewhere.
    kind = stat.S_IFMT(info.external_attr >> 16)
    refusal = _refusal(name, plain=kind in (0, stat.S_IFREG), size=info.file_size, limit_bytes=limit_bytes)
    if refusal is not None:
        return refusal
    if info.file_size > MOST_EXPANSION * info.compress_size + EXPANSION_FLOOR_BYTES:
        return f"unpacks to more than {MOST_EXPANSION} times its size"
    return "encrypted" if info.flag_bits & 1 else None


def _seven_zip_entries(path: Path, limit_bytes: int, wanted: Callable[[str], bool] | None) -> Iterator[_Entry]:
    # Here and not above, because it loads decompressors that no other archive needs.
    from hacm.archives.seven_zip import SevenZip

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
                yield _Entry(name, refusal, partial(_next_content, contents, member) if member.size else bytes)


def _list_seven_zip(
    archive: "SevenZip", most_bytes: int, limit_bytes: int
) -> Iterator[tuple["SevenZipMember", str, str | None]]:
    """Each member with its tidied name and why it is not read."""
    total = 0
    for member in archive.members:
        name = _tidy(member.name)
        total += member.size
        if total > most_bytes:
            # No more is unpacked of a member than is declared here; but all that stands before it in its block is.
            yield member, name, f"archive unpacks to more than {MOST_EXPANSION} times its size{REST_NOT_READ}"
            return
        if not _is_junk(name):
            refusal = _refusal(name, plain=member.plain, size=member.size, limit_bytes=limit_bytes)
            yield member, name, refusal or ("encrypted" if archive.encrypted else None)


def _next_content(contents: Iterator[tuple["SevenZipMember", bytes]], member: "SevenZipMember") -> bytes:
    return next(data for found, data in contents if found is member)


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


def _tar_entries(path: Path, opener: Callable[[Path], BinaryIO], limit_bytes: int) -> Iterator[_Entry]:
    most_bytes = MOST_EXPANSION * path.stat().st_size + EXPANSION_FLOOR_BYTES
    with opener(path) as stream:
        options = {"mode": "r|", "bufsize": CHUNK_BYTES, "tarinfo": _StrictTarInfo}
        with tarfile.open(fileobj=stream, **options) as archive:  # type: ignore[call-overload]
            for info in archive:
                name = _tidy(info.name)
                if info.offset_data + info.size > most_bytes:
                    # To pass over it would mean to unpack it; the rest of such an archive is not worth that.
                    reason = f"archive unpacks to more than {MOST_EXPANSION} times its size{REST_NOT_READ}"
                    yield _Entry(name, reason, bytes)
                    return
                if not info.isdir() and not _is_junk(name):
                    refusal = _refusal(name, plain=info.isreg(), size=info.size, limit_bytes=limit_bytes)
                    yield _Entry(name, refusal, partial(_read_tar_member, archive, info))
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
