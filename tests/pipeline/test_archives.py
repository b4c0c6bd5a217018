"""Folders and archives read in place: order, junk, refusals, damage."""

import gzip
import io
import os
import random
import stat
import tarfile
import threading
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import py7zr
import pytest

from hacm.archives.members import member_names, members
from hacm.archives.rules import Refused
from hacm.errors import UserError
from hacm.recordings import RawFile

FILES = {"data/b.txt": b"bee " * 500, "data/a.txt": b"ay", "c.txt": b"", "data/deep/d.txt": os.urandom(5000)}
SORTED = sorted(FILES)
JUNK = ("__MACOSX/data/a.txt", "data/.DS_Store", "data/._a.txt", "._c.txt")


def add(archive: tarfile.TarFile, name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> None:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, len(data), link
    archive.addfile(info, io.BytesIO(data))


def make_folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    (path / "empty folder").mkdir(parents=True)
    return path


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    path = path.with_name(path.name + ".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("data")
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def make_7z(path: Path, files: dict[str, bytes], **options: Any) -> Path:
    """One block that holds all members. py7zr checks names when it writes, hence the inner function."""
    path = path.with_name(path.name + ".7z")
    with py7zr.SevenZipFile(path, "w", **options) as archive:
        (path.parent / "empty").mkdir(exist_ok=True)
        archive.write(path.parent / "empty", "data")
        for name, data in files.items():
            archive._writestr(data, name)
    (path.parent / "empty").rmdir()
    return path


def tar_maker(suffix: str) -> Callable[[Path, dict[str, bytes]], Path]:
    def make(path: Path, files: dict[str, bytes]) -> Path:
        path = path.with_name(path.name + suffix)
        mode = {".tar": "w", ".tgz": "w:gz"}.get(suffix) or "w:" + suffix.rsplit(".", 1)[-1]
        with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
            add(archive, "data", kind=tarfile.DIRTYPE)
            for name, data in files.items():
                add(archive, name, data)
        return path

    return make


TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MAKERS = {"folder": make_folder, "zip": make_zip, "7z": make_7z} | {suffix: tar_maker(suffix) for suffix in TARS}


@pytest.mark.parametrize("kind", MAKERS)
def test_content_and_order(kind: str, tmp_path: Path) -> None:
    path = MAKERS[kind](tmp_path / "raw", FILES | dict.fromkeys(JUNK, b"junk"))
    before = sorted(tmp_path.rglob("*"))
    expected = list(FILES) if "t" in kind or kind == "7z" else SORTED
    assert list(members(path)) == [RawFile(name, FILES[name]) for name in expected]
    assert member_names(path) == expected
    assert sorted(tmp_path.rglob("*")) == before, "something was unpacked"


@pytest.mark.parametrize("kind", MAKERS)
def test_limit(kind: str, tmp_path: Path) -> None:
    path = MAKERS[kind](tmp_path / "raw", FILES)
    found = {found.path: found for found in members(path, limit_bytes=3000)}
    assert found["data/deep/d.txt"] == Refused("data/deep/d.txt", "5000 bytes, over the limit of 3000")
    assert sum(isinstance(one, RawFile) for one in found.values()) == 3
    assert "data/deep/d.txt" not in member_names(path, limit_bytes=3000)


UNSAFE = {
    "../up.txt": "path leads out of the archive",
    "data/../../up.txt": "path leads out of the archive",
    "data\\..\\up.txt": "path leads out of the archive",
    "/etc/passwd": "absolute path",
    "C:\\windows.txt": "absolute path",
}


@pytest.mark.parametrize("kind", [kind for kind in MAKERS if kind != "folder"])
def test_unsafe_names_are_refused(kind: str, tmp_path: Path) -> None:
    path = MAKERS[kind](tmp_path / "raw", dict.fromkeys(UNSAFE, b"!") | {"./good.txt": b"good"})
    found = list(members(path))
    assert {one.path: one.reason for one in found if isinstance(one, Refused)} == {
        name.replace("\\", "/"): reason for name, reason in UNSAFE.items()
    }
    assert [one for one in found if isinstance(one, RawFile)] == [RawFile("good.txt", b"good")]


def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "raw.tar"
    with tarfile.open(path, "w") as archive:
        add(archive, "soft", kind=tarfile.SYMTYPE, link="/etc/passwd")
        add(archive, "good", b"good")
        add(archive, "hard", kind=tarfile.LNKTYPE, link="good")
        add(archive, "device", kind=tarfile.CHRTYPE)
        add(archive, "pipe", kind=tarfile.FIFOTYPE)
    found = list(members(path))
    assert [one.path for one in found if isinstance(one, Refused)] == ["soft", "hard", "device", "pipe"]
    assert member_names(path) == ["good"]


def test_links_in_a_zip_and_encrypted_members_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "raw.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("secret", "content")
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1  # the flag in the directory at the end
    path.write_bytes(data)
    assert list(members(path)) == [Refused("link", "link or device, not a plain file"), Refused("secret", "encrypted")]


def test_links_and_pipes_in_a_folder_are_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "raw", {"good": b"good"})
    (folder / "file link").symlink_to("/etc/passwd")
    (folder / "folder link").symlink_to("/etc")
    os.mkfifo(folder / "pipe")
    reason = "link or device, not a plain file"
    assert list(members(folder)) == [
        Refused("file link", "a link to /etc/passwd"),
        Refused("folder link", "a link to /etc"),
        RawFile("good", b"good"),
        Refused("pipe", reason),
    ]


def test_zip_bomb_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "raw", {"bomb": bytes(20 * 2**20), "good": b"good"})
    bomb, good = list(members(path))
    assert isinstance(bomb, Refused)
    assert "200 times" in bomb.reason
    assert good == RawFile("good", b"good")


@pytest.mark.parametrize("kind", [".tar.bz2", ".tar.xz"])
def test_tar_bomb_is_refused_and_the_rest_not_read(kind: str, tmp_path: Path) -> None:
    path = MAKERS[kind](tmp_path / "raw", {"good": b"good", "bomb": bytes(20 * 2**20), "after": b""})
    good, bomb = list(members(path))
    assert good == RawFile("good", b"good")
    assert isinstance(bomb, Refused)
    assert "rest not read" in bomb.reason


def read_fails(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        [one.data for one in members(path) if isinstance(one, RawFile)]
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("kind", [kind for kind in MAKERS if kind != "folder"])
def test_every_truncation_is_found(kind: str, tmp_path: Path) -> None:
    path = MAKERS[kind](tmp_path / "raw", FILES)
    data = path.read_bytes()
    content = len(data)
    if kind == ".tar":  # which ends in blocks of zeros, of which one is needed
        content = len(data.rstrip(b"\0")) + 512
    for size in range(0, content - 1, max(content // 60, 1)):
        path.write_bytes(data[:size])
        assert "damaged or cut short" in read_fails(path)


@pytest.mark.parametrize("kind", ["zip", "7z", ".tar.gz", ".tar.bz2", ".tar.xz"])
def test_flipped_bits_of_content_are_found(kind: str, tmp_path: Path) -> None:
    path = MAKERS[kind](tmp_path / "raw", {"noise": os.urandom(20_000)})
    data = bytearray(path.read_bytes())
    for position in range(2000, 18_000, 4000):
        data[position] ^= 16
        path.write_bytes(data)
        read_fails(path)
        data[position] ^= 16


def padded_tar(path: Path, padding: int) -> Path:
    """A .tar.gz of 50 kB that ends in so many more zeros than it needs, as writers to tapes leave them."""
    plain = MAKERS[".tar"](path, {"noise": os.urandom(50_000)})
    with gzip.open(path.with_name("raw.tar.gz"), "wb") as stream:
        stream.write(plain.read_bytes() + bytes(padding))
    return path.with_name("raw.tar.gz")


def test_checksum_at_the_end_of_a_compressed_tar(tmp_path: Path) -> None:
    path = padded_tar(tmp_path / "raw", 3 * 2**20)
    assert member_names(path) == ["noise"]
    data = bytearray(path.read_bytes())
    data[-8] ^= 1
    path.write_bytes(data)
    assert "CRC" in read_fails(path)


def test_endless_padding_of_a_tar_is_not_read(tmp_path: Path) -> None:
    assert "too much padding" in read_fails(padded_tar(tmp_path / "raw", 30 * 2**20))


def test_damaged_header_inside_a_tar_is_not_taken_for_its_end(tmp_path: Path) -> None:
    path = MAKERS[".tar"](tmp_path / "raw", FILES)
    data = bytearray(path.read_bytes())
    data[data.index(b"c.txt")] ^= 1
    path.write_bytes(data)
    assert "bad header" in read_fails(path)


def test_oversized_tar_header_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "raw.tar.gz"
    with gzip.open(path, "wb") as stream:
        info = tarfile.TarInfo("name")
        info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2**33
        stream.write(info.tobuf(tarfile.GNU_FORMAT))
        stream.write(bytes(4096))
    assert "oversized header" in read_fails(path)


@pytest.mark.parametrize("name", ["page.zip", "page.tar", "page.tar.gz", "page.tar.xz", "page.tar.bz2", "page.7z"])
@pytest.mark.parametrize("content", [b"", b"<html>please log in</html>" * 40])
def test_something_else_under_an_archive_name(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert "download or copy it again" in read_fails(tmp_path / name)


@pytest.mark.parametrize("kind", MAKERS)
def test_only_what_is_wanted_is_read(kind: str, tmp_path: Path) -> None:
    path = MAKERS[kind](tmp_path / "raw", FILES)
    names = sorted(FILES)[1:]
    assert sorted(member.path for member in members(path, wanted=lambda name: name in names)) == names


@pytest.mark.parametrize("name", ["list.txt", "table.csv", "arrays.npz", "file"])
def test_a_plain_file_is_a_folder_of_one_file(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"a, b")
    assert list(members(tmp_path / name)) == [RawFile(name, b"a, b")]
    assert member_names(tmp_path / name) == [name]


def test_a_linked_file_is_read_within_the_limit(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"a, b")
    (tmp_path / "link.txt").symlink_to(tmp_path / "list.txt")
    assert list(members(tmp_path / "link.txt", limit_bytes=2)) == [Refused("link.txt", "4 bytes, over the limit of 2")]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_zip_that_lies_about_sizes_is_not_unpacked(method: int, tmp_path: Path) -> None:
    """100 MB of zeros that are said to be 1000 bytes."""
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a.csv", bytes(100 * 2**20))
    data = bytearray(path.read_bytes())
    for signature, distance in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = data.index(signature) + distance
        data[place : place + 4] = (1000).to_bytes(4, "little")
    path.write_bytes(data)
    tracemalloc.start()
    assert "cannot be read here" in (reason := read_fails(path)) or "damaged" in reason
    assert tracemalloc.get_traced_memory()[1] < 5 * 2**20
    tracemalloc.stop()


def test_missing_and_unknown_paths(tmp_path: Path) -> None:
    assert "no such file" in read_fails(tmp_path / "nothing.zip")
    (tmp_path / "data.rar").write_bytes(b"Rar!")
    assert "unpack it and give the folder" in read_fails(tmp_path / "data.rar")
    with pytest.raises(UserError, match="no such file"):
        member_names(tmp_path / "nothing")


def test_unknown_packing_of_a_zip_has_its_own_remedy(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "raw", {"file": b"content" * 9})
    data = bytearray(path.read_bytes())
    for signature, distance in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        position = data.rindex(signature) + distance
        data[position : position + 2] = (9).to_bytes(2, "little")  # Deflate64
    path.write_bytes(data)
    assert "unpack it and give the folder" in read_fails(path)


# .7z


def test_blocks_of_a_7z_are_read_one_after_the_other(tmp_path: Path) -> None:
    path = make_7z(tmp_path / "raw", {"a": b"first" * 99, "b": b""})
    with py7zr.SevenZipFile(path, "a") as archive:
        for name in "cd":
            archive.writestr(os.urandom(3000), name)
    with py7zr.SevenZipFile(path) as archive:
        assert archive.archiveinfo().blocks == 2
    found = list(members(path))
    assert [one.path for one in found] == ["a", "b", "c", "d"]
    assert isinstance(found[3], RawFile)
    assert list(members(path, wanted=lambda name: name == "d")) == [found[3]]


def test_links_in_a_7z_are_refused(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(b"good")
    (tmp_path / "link").symlink_to("good")
    with py7zr.SevenZipFile(tmp_path / "raw.7z", "w") as archive:
        archive.write(tmp_path / "link", "link")
        archive.write(tmp_path / "good", "good")
    assert list(members(tmp_path / "raw.7z")) == [
        Refused("link", "link or device, not a plain file"),
        RawFile("good", b"good"),
    ]


def test_encrypted_7z(tmp_path: Path) -> None:
    path = make_7z(tmp_path / "raw", {"secret": b"content", "empty": b""}, password="word")
    assert list(members(path)) == [Refused("secret", "encrypted"), Refused("empty", "encrypted")]
    path = make_7z(tmp_path / "raw", {"secret": b"content"}, password="word", header_encryption=True)
    assert "unpack it and give the folder" in read_fails(path)


def test_7z_bomb_is_refused_and_the_rest_not_read(tmp_path: Path) -> None:
    path = make_7z(tmp_path / "raw", {"good": b"good", "bomb": bytes(20 * 2**20), "after": b"!"})
    good, bomb = list(members(path))
    assert good == RawFile("good", b"good")
    assert isinstance(bomb, Refused)
    assert bomb.last


def with_declared_size(path: Path, new: bytes) -> None:
    """A .7z of one member of 1000 bytes; its header then says another size, under checksums that are right."""
    with py7zr.SevenZipFile(path, "w", filters=[{"id": py7zr.FILTER_LZMA2, "preset": 0}]) as archive:
        archive.set_encoded_header_mode(False)
        archive.writestr(os.urandom(1000), "member")
    data = bytearray(path.read_bytes())
    header = 32 + int.from_bytes(data[12:20], "little")
    at = data.index(b"\x83\xe8", header)  # 1000 as 7z writes numbers
    data[at : at + 2] = new
    data[28:32] = zlib.crc32(data[header:]).to_bytes(4, "little")
    data[8:12] = zlib.crc32(data[12:32]).to_bytes(4, "little")
    path.write_bytes(data)


@pytest.mark.parametrize("new", [b"\x83\xe9", b"\x83\xe7", b"\xbf\xff", b"\x80\x00"])
def test_a_7z_that_lies_about_a_size_is_damaged(new: bytes, tmp_path: Path) -> None:
    with_declared_size(tmp_path / "raw.7z", new)
    if new == b"\x80\x00":
        assert list(members(tmp_path / "raw.7z")) == [RawFile("member", b"")]
    else:
        assert "damaged or cut short" in read_fails(tmp_path / "raw.7z")


def test_damage_anywhere_in_a_7z_is_found_or_harmless(tmp_path: Path) -> None:
    path = make_7z(tmp_path / "raw", FILES)
    data, rng = path.read_bytes(), random.Random(3)
    found = 0
    for _ in range(150):
        damaged = bytearray(data)
        start = rng.randrange(len(data))
        damaged[start : start + rng.choice((1, 1, 8))] = rng.randbytes(rng.choice((0, 1, 1, 8)))
        path.write_bytes(damaged)
        try:
            assert list(members(path)) == [RawFile(name, content) for name, content in FILES.items()]
        except UserError:
            found += 1
            read_fails(path)
    assert found > 120


def test_members_of_a_7z_with_the_same_name(tmp_path: Path) -> None:
    path = tmp_path / "raw.7z"
    for sizes, expected in (
        ((5, 6), ["", ""]),
        ((5, 99), ["another member of that name cannot be read", "99 bytes, over the limit of 50"]),
    ):
        with py7zr.SevenZipFile(path, "w") as archive:
            for size in sizes:
                archive.writestr(b"x" * size, "same")
            archive.writestr(b"other", "same_0")
        found = list(members(path, limit_bytes=50))
        assert [getattr(one, "reason", "") for one in found] == [*expected, ""]
        assert found[2] == RawFile("same_0", b"other")


def test_reading_of_a_7z_can_be_left(tmp_path: Path) -> None:
    before = threading.active_count()
    path = make_7z(tmp_path / "raw", {f"{number}": os.urandom(1000) for number in range(50)})
    reading = members(path)
    assert next(reading).path == "0"
    reading.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_few_members_of_a_7z_are_in_memory_at_once(tmp_path: Path) -> None:
    """Nor does what is read ahead pile up: each of these takes an eighth of what py7zr reads at once."""
    size, count = 2**18, 40
    contents = {f"{number}": os.urandom(size // 2).hex().encode() for number in range(count)}
    path = tmp_path / "raw.7z"
    with py7zr.SevenZipFile(path, "w", filters=[{"id": py7zr.FILTER_LZMA2, "preset": 0}]) as archive:
        archive.set_encoded_header_mode(False)  # whose dictionary is larger than all of this
        for name, content in contents.items():
            archive.writestr(content, name)
    assert path.stat().st_size > 18 * size
    list(members(path))  # loads what there is to load
    tracemalloc.start()
    assert sum(isinstance(one, RawFile) for one in members(path)) == count
    assert tracemalloc.get_traced_memory()[1] < 10 * size
    tracemalloc.stop()
