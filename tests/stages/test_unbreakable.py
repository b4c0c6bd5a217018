"""Everything that can be wrong with raw recordings, in one data set: each is a named reason, or one line under strict."""

import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hacm.recordings.notes import Kind, Note
from pipeline.store.manifest import notes_of
from pipeline.store.store import SkeletonStore
from stages import download, ingest, normalize
from tests.conftest import PROJECT, end_of, environment, shipped_params
from tests.helpers.ntu_text import body, write
from tests.helpers.utd_mhad_mat import mat, numbers

GOOD = write([[("7", body(1)), ("8", body(2))], [("7", body(3))]])
LINES = GOOD.split(b"\n")
ARCHIVE = "nturgbd_skeletons_s001_to_s017.zip"
FOLDER = "nturgb+d_skeletons"


def name(action: int) -> str:
    return f"S001C001P001R001A{action:03}"


def with_line(number: int, line: bytes) -> bytes:
    return b"\n".join([*LINES[: number - 1], line, *LINES[number:]])


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "truncated": (b"\n".join(LINES[:80]) + b"\n", "line 81: the file ends early"),
    "truncated in a line": (b"\n".join(LINES[:80]) + b"\n1.5 0.2", "line 81: 2 fields (a body has 10, a joint 12)"),
    "truncated before a body": (b"\n".join(LINES[:20]) + b"\n", "line 2: announces 2, more than the rest of the file can"),
    "too few joints": (with_line(4, b"24"), "line 4: announces 24 joints instead of 25"),
    "too many joints": (with_line(4, b"26"), "line 4: announces 26 joints instead of 25"),
    "negative count": (with_line(1, b"-2"), "line 1: expected one whole number, a count"),
    "negative bodies": (with_line(2, b"-1"), "line 2: expected one whole number, a count"),
    "absurd count": (with_line(1, b"1000000000"), "line 1: announces 1000000000, more than the rest of the file can hold"),
    "absurd bodies": (with_line(2, b"999999999999"), "line 2: announces 999999999999, more than the rest"),
    "not UTF-8": (GOOD.replace(b"nan", b"n\xe4n", 1), "line 5: a byte that is not plain text"),
    "UTF-16": (GOOD.decode().encode("utf-16"), "line 1: expected one whole number, a count"),
    "empty": (b"", "line 1: the file is empty"),
    "blank": (b"\r\n\r\n", "line 1: the file is empty"),
    "more than announced": (GOOD + b"0\n", "text after the last frame"),
    "something else": (b"<html>please log in</html>", "this is an HTML page, not the file itself; download it again"),
}  # fmt: skip
"""What → its content and the reason."""

NON_FINITE = write([[("7", body(1))], [("7", [("nan", "0", "inf")] * 25)]])
NEVER_FINITE = write([[("7", [("nan", "0", "inf")] * 25)]])
MIXED_ENDS = GOOD.replace(b"\n", b"\r\n", 5)

MatlabFile = tuple[bytes, str]
MATLAB: dict[str, MatlabFile] = {
    "truncated": (mat(d_skel=numbers())[:-40], "damaged MATLAB file: "),
    "wrong joints": (mat(d_skel=np.zeros((25, 3, 4))), "d_skel has shape (25, 3, 4) instead of (20, 3, frames)"),
    "wrong key": (mat(skeleton=numbers()), "no variable d_skel; found: skeleton"),
    "objects": (mat(d_skel=np.array([[1, "text"]], dtype=object)), "d_skel holds cell, not real numbers"),
    "text": (mat(d_skel="text"), "d_skel holds char, not real numbers"),
    "complex": (mat(d_skel=numbers() * 1j), "d_skel holds complex numbers, not real numbers"),
    "empty": (b"", "not a MATLAB file: shorter than its header"),
    "another version": (b"MATLAB 7.3 MAT-file".ljust(124) + bytes([0, 2]) + b"IM", "a MATLAB 7.3 file, which cannot be read"),
    "no frames": (mat(d_skel=np.zeros((20, 3, 0))), "d_skel has shape (20, 3, 0)"),
}  # fmt: skip


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A project's folder to be in, with settings that leave out what cannot be read and accept any number."""
    monkeypatch.chdir(tmp_path)
    set_strict(False)
    return tmp_path


def set_strict(strict: bool) -> None:
    text = (
        shipped_params().replace("allow_partial: false", "allow_partial: true").replace("verify: true", "verify: false")
    )
    for word in ("strict: true", "strict: false"):
        text = text.replace(word, f"strict: {str(strict).lower()}")
    Path("params.yaml").write_text(text)


def run(stage: Callable[[], None], dataset: str, monkeypatch) -> str:
    """The stage in this process; the line of its error, if it ends with one."""
    return end_of(stage, "--dataset", dataset)


def put(archive: zipfile.ZipFile, path: str, data: bytes, mode: int = stat.S_IFREG | 0o644) -> None:
    info = zipfile.ZipInfo(path)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = mode << 16
    archive.writestr(info, data)


def write_archive(path: Path, *recordings: tuple[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in recordings:
            put(archive, member, data)


def write_everything(path: Path) -> dict[str, str]:
    """An archive with one of each fault; the reason that is expected, by the recording's name."""
    expected = {}
    write_archive(path, (f"{FOLDER}/{name(1)}.skeleton", GOOD), (f"{FOLDER}/{name(2)}.skeleton", NON_FINITE))
    with zipfile.ZipFile(path, "a") as archive:
        put(archive, f"{FOLDER}/{name(3)}.skeleton", MIXED_ENDS)
        put(archive, f"{FOLDER}/{name(4)}.skeleton", NEVER_FINITE)
        for action, (data, reason) in enumerate(UNREADABLE.values(), start=10):
            put(archive, f"{FOLDER}/{name(action)}.skeleton", data)
            expected[name(action)] = reason
        put(archive, f"{FOLDER}/../../{name(30)}.skeleton", GOOD)
        put(archive, f"/{name(31)}.skeleton", GOOD)
        put(archive, f"{FOLDER}/{name(32)}.skeleton", bytes(8 * 2**20))
        put(archive, f"{FOLDER}/{name(33)}.skeleton", b"/etc/passwd", stat.S_IFLNK | 0o777)
        put(archive, f"{FOLDER}/again/{name(1)}.skeleton", GOOD)
        put(archive, f"{FOLDER}/S1C1P1R1A1.skeleton", GOOD)
        put(archive, f"{FOLDER}/S001C003P002R001A055.skeleton", GOOD)
    return expected | {
        name(30): "path leads out of the archive",
        name(31): "absolute path",
        name(32): "unpacks to more than 200 times its size",
        name(33): "link or device, not a plain file",
        name(1): "duplicate name: an earlier recording has it",
        "S1C1P1R1A1": "name 'S1C1P1R1A1.skeleton' is not of the form",
        "S001C003P002R001A055": "listed by the data set's authors as missing or incomplete",
    }


def check_reasons(excluded: pl.DataFrame, expected: dict[str, str]) -> None:
    found = dict(excluded.select("name", "reason").iter_rows())
    assert set(found) == set(expected)
    assert len(found) == len(excluded)
    for recording, reason in expected.items():
        assert reason in found[recording], (recording, found[recording])


def test_every_fault_of_a_skeleton_is_a_named_reason(place, monkeypatch):
    expected = write_everything(place / "data/ntu60/raw" / ARCHIVE)
    for stage in (download.main, ingest.main, normalize.main):
        assert run(stage, "ntu60", monkeypatch) == ""
    store = SkeletonStore.open(place / "data/ntu60/recordings")
    assert sorted(store) == [name(action) for action in (1, 2, 3, 4)]
    check_reasons(store.table("excluded"), expected)
    assert notes_of(store.row(name(2))["notes"]) == (Note(Kind.NOT_FINITE, count=1),)
    assert notes_of(store.row(name(3))["notes"])[0].text.startswith("mixed line ends: 5 of ")
    np.testing.assert_array_equal(store[name(3)], store[name(1)])
    clips = SkeletonStore.open(place / "data/ntu60/clips")
    assert sorted(clips) == [name(action) for action in (1, 2, 3)]
    check_reasons(clips.table("excluded"), expected | {name(4): "no body in any frame"})
    assert all(np.isfinite(clips[clip]).all() for clip in clips)


@pytest.mark.parametrize("fault", UNREADABLE)
def test_under_strict_a_faulty_skeleton_is_one_line(place, monkeypatch, fault):
    set_strict(True)
    data, reason = UNREADABLE[fault]
    bad = f"{FOLDER}/{name(2)}.skeleton"
    write_archive(place / "data/ntu60/raw" / ARCHIVE, (f"{FOLDER}/{name(1)}.skeleton", GOOD), (bad, data))
    assert run(download.main, "ntu60", monkeypatch) == ""
    message = run(ingest.main, "ntu60", monkeypatch)
    assert message.startswith(f"error: {ARCHIVE}/{bad}: ")
    assert reason in message
    assert message.endswith("or set datasets.ntu60.ingest.strict to false")
    assert sorted(path.name for path in (place / "data/ntu60").iterdir()) == ["raw"]


def test_every_fault_of_a_matlab_file_is_a_named_reason(place, monkeypatch):
    expected = {f"a{action}_s1_t1": reason for action, (_, reason) in enumerate(MATLAB.values(), start=3)}
    lost = numbers()
    lost[7, 1, 2] = np.nan
    files = [("a1_s1_t1", mat(d_skel=numbers())), ("a2_s1_t1", mat(d_skel=lost))]
    files += [(clip, data) for clip, (data, _) in zip(expected, MATLAB.values(), strict=True)]
    write_archive(
        place / "data/utd-mhad/raw/Skeleton.zip", *((f"Skeleton/{clip}_skeleton.mat", data) for clip, data in files)
    )
    for stage in (download.main, ingest.main):
        assert run(stage, "utd-mhad", monkeypatch) == ""
    store = SkeletonStore.open(place / "data/utd-mhad/recordings")
    assert sorted(store) == ["a1_s1_t1", "a2_s1_t1"]
    assert notes_of(store.row("a2_s1_t1")["notes"]) == (Note(Kind.NOT_FINITE, count=1),)
    check_reasons(store.table("excluded"), expected)


@pytest.mark.parametrize("fault", MATLAB)
def test_under_strict_a_faulty_matlab_file_is_one_line(place, monkeypatch, fault):
    set_strict(True)
    data, reason = MATLAB[fault]
    files = (("Skeleton/a1_s1_t1_skeleton.mat", mat(d_skel=numbers())), ("Skeleton/a2_s1_t1_skeleton.mat", data))
    write_archive(place / "data/utd-mhad/raw/Skeleton.zip", *files)
    assert run(download.main, "utd-mhad", monkeypatch) == ""
    message = run(ingest.main, "utd-mhad", monkeypatch)
    assert message.startswith("error: Skeleton.zip/Skeleton/a2_s1_t1_skeleton.mat: ")
    assert reason in message


def test_links_and_pipes_in_an_unpacked_folder_are_named(place, monkeypatch):
    folder = place / "data/ntu60/raw" / FOLDER
    folder.mkdir(parents=True)
    (folder / f"{name(1)}.skeleton").write_bytes(GOOD)
    os.mkfifo(folder / f"{name(3)}.skeleton")
    for stage in (download.main, ingest.main):
        assert run(stage, "ntu60", monkeypatch) == ""
    excluded = SkeletonStore.open(place / "data/ntu60/recordings").table("excluded")
    check_reasons(excluded, {name(3): "link or device, not a plain file"})


def test_a_link_in_an_unpacked_folder_stops_the_download_and_is_named(place, monkeypatch):
    folder = place / "data/ntu60/raw" / FOLDER
    folder.mkdir(parents=True)
    (folder / f"{name(1)}.skeleton").write_bytes(GOOD)
    (folder / f"{name(2)}.skeleton").symlink_to(folder / f"{name(1)}.skeleton")
    message = run(download.main, "ntu60", monkeypatch)
    assert f"{FOLDER}/{name(2)}.skeleton: a link to " in message
    assert "not followed" in message


def test_nothing_that_can_be_read_is_one_line(place, monkeypatch):
    write_archive(place / "data/ntu60/raw" / ARCHIVE, (f"{FOLDER}/{name(1)}.skeleton", b""))
    assert run(download.main, "ntu60", monkeypatch) == ""
    message = run(ingest.main, "ntu60", monkeypatch)
    first = f"{ARCHIVE}/{FOLDER}/{name(1)}.skeleton"
    assert f"no recording could be read; the first reason: {first}: line 1: the file is empty" in message


def test_the_first_reason_names_its_file(place, monkeypatch):
    """A loose file that git LFS did not fetch; then one that can be read and of which cleaning leaves nothing."""
    file = place / f"data/ntu60/raw/{name(1)}.skeleton"
    file.parent.mkdir(parents=True)
    for data, stages, words in (
        (b"version https://git-lfs.github.com/spec/v1\n", (), "no recording could be read; the first reason: "
         f"{file.name}: this is a git-LFS pointer"),
        (NEVER_FINITE, (ingest.main,), f"cleaning left no clip; the first reason: {file.name}: no body in any frame"),
    ):  # fmt: skip
        file.write_bytes(data)
        (file.parent / "receipt.json").unlink(missing_ok=True)
        for stage in (download.main, *stages):
            assert run(stage, "ntu60", monkeypatch) == ""
        assert words in run(normalize.main if stages else ingest.main, "ntu60", monkeypatch)


@pytest.mark.parametrize(
    ("options", "words"), [("size=64k", "no space left on the disk"), ("ro", "the disk is read-only")]
)
def test_a_full_and_a_read_only_disk(place, monkeypatch, options, words):
    """On a disk of its own, which only root can make; the raw files lie elsewhere."""
    mount = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs -o {options} none data/ntu60 && exec "$@"', "sh"]
    (place / "data/ntu60").mkdir(parents=True)
    if subprocess.run([*mount, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no disk can be mounted here")
    frames = [[("7", body(frame / 7))] for frame in range(300)]
    write_archive(
        place / "raw" / ARCHIVE, *((f"{FOLDER}/{name(action)}.skeleton", write(frames)) for action in range(1, 9))
    )
    (place / "data/ntu60/raw").symlink_to(place / "raw")
    assert run(download.main, "ntu60", monkeypatch) == ""
    for package in ("hacm", "pipeline", "stages"):
        (place / package).symlink_to(PROJECT / package)
    script = [sys.executable, "-c", UNDER_ANOTHER_PLACE, "--dataset", "ntu60"]
    done = subprocess.run([*mount, *script], capture_output=True, text=True, env=environment(), check=False)
    assert done.returncode == 1, done.stderr
    assert words in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


UNDER_ANOTHER_PLACE = """
from pathlib import Path
from stages import ingest
from stages.shared import places
from stages.shared.command import run
places.raw = lambda dataset: Path("raw")
run(ingest.main)
"""
