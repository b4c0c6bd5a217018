"""Outputs are whole or absent; hashes are those of the standard tools."""

import errno
import hashlib
import os
import platform
import subprocess
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from hacm.errors import UserError
from hacm.files import explain_disk_errors, hash_file, hash_tree, read_json, replace_directory, replace_file, write_json


def test_directory_appears_only_when_complete(tmp_path):
    target = tmp_path / "out"
    with pytest.raises(RuntimeError), replace_directory(target) as folder:
        (folder / "half").write_text("x")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with replace_directory(target) as folder:
        (folder / "a").write_text("1")
        assert not target.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_directory_replaces_the_old_one_whole(tmp_path):
    target = tmp_path / "out"
    for name in ("old", "new"):
        with replace_directory(target) as folder:
            (folder / name).write_text(name)
    assert [path.name for path in target.iterdir()] == ["new"]


def test_failure_keeps_the_old_directory(tmp_path):
    target = tmp_path / "out"
    with replace_directory(target) as folder:
        (folder / "old").write_text("old")
    with pytest.raises(RuntimeError), replace_directory(target):
        raise RuntimeError
    assert (target / "old").read_text() == "old"


def test_a_killed_predecessor_leaves_no_trace(tmp_path):
    (tmp_path / ".out.incomplete").mkdir()
    (tmp_path / ".out.incomplete" / "rest").write_text("x")
    with replace_directory(tmp_path / "out") as folder:
        assert list(folder.iterdir()) == []


def test_file_failure_keeps_the_old_file(tmp_path):
    target = tmp_path / "a.json"
    write_json(target, {"a": 1})
    with pytest.raises(RuntimeError), replace_file(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert read_json(target) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def write_often(path: Path, what: str) -> None:
    for _ in range(100):
        write_json(path, [what] * 1000)


def test_several_processes_write_one_file(tmp_path):
    """As stages of one graph do, or the processes of one training: the file is always one of theirs, whole."""
    target = tmp_path / "shared.json"
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        done = [pool.submit(write_often, target, name) for name in "abcd"]
        while not all(one.done() for one in done):
            if target.exists():
                content = read_json(target)
                assert content == [content[0]] * 1000
        for one in done:
            one.result()
    assert [path.name for path in tmp_path.iterdir()] == ["shared.json"]


def test_only_what_a_killed_process_left_is_cleared(tmp_path):
    killed = subprocess.Popen(["true"])
    killed.wait()
    begun = {
        number: tmp_path / f".a.json.{platform.node()}-{number}.incomplete" for number in (killed.pid, os.getppid())
    }
    elsewhere = tmp_path / f".a.json.{platform.node()}x-{killed.pid}.incomplete"
    for path in (*begun.values(), elsewhere):
        path.write_text("half")
    write_json(tmp_path / "a.json", 1)
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "a.json", begun[os.getppid()], elsewhere])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_disk_errors_become_one_line(tmp_path, number):
    with pytest.raises(UserError) as caught, explain_disk_errors(tmp_path / "x"):
        raise OSError(number, "strange wording", str(tmp_path / "x"))
    assert str(tmp_path / "x") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [OSError, RuntimeError])
def test_disk_errors_hidden_in_a_library_message_are_recognised(tmp_path, kind):
    """The compiled codec pipeline raises RuntimeError('No space left on device (os error 28)')."""
    with pytest.raises(UserError, match="no space left"), explain_disk_errors(tmp_path):
        raise kind("No space left on device (os error 28)")


def test_other_errors_pass(tmp_path):
    with pytest.raises(FileNotFoundError), explain_disk_errors(tmp_path):
        (tmp_path / "absent").read_text()


def test_full_disk_is_reported_and_nothing_is_left():
    """/dev/full refuses every write with ENOSPC, as a full disk does."""
    with (
        pytest.raises(UserError, match="no space left"),
        explain_disk_errors("/dev/full"),
        open("/dev/full", "w") as stream,
    ):
        stream.write("x" * 100_000)


def test_damaged_json_names_the_file(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(UserError, match=r"a\.json"):
        read_json(tmp_path / "a.json")
    with pytest.raises(UserError, match=r"b\.json: not found"):
        read_json(tmp_path / "b.json")


def test_hashes_are_sha256(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c").write_bytes(b"x" * 3_000_000)
    expected = hashlib.sha256(b"x" * 3_000_000).hexdigest()
    assert hash_file(tmp_path / "b" / "c") == expected
    assert hash_tree(tmp_path) == {"b/c": expected}
