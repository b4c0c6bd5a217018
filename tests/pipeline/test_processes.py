"""Work in processes: in order, few items ahead, and with an end that a user can understand."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hacm.archives.rules import DamagedFile
from hacm.errors import UserError
from pipeline import processes
from pipeline.processes import AHEAD, BATCH_BYTES, map_in_processes

THIRD = BATCH_BYTES // 3 + 1
"""Three of this weight make a batch."""


def weigh(_: object) -> int:
    return THIRD


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_order_beside_their_items(workers):
    def work(number: int) -> int:
        time.sleep(0.002 * (number % 3 == 0))
        return number * number

    found = list(map_in_processes(work, range(40), workers, weigh))
    assert found == [(number, number * number) for number in range(40)]


def test_nothing_to_do():
    assert list(map_in_processes(str, [], 2, weigh)) == []


def test_the_first_item_is_worked_on_here_and_the_others_elsewhere():
    found = list(map_in_processes(lambda _: os.getpid(), range(12), 2, weigh))
    assert found[0] == (0, os.getpid())
    assert os.getpid() not in {process for _, process in found[1:]}


def test_one_worker_is_this_process():
    assert {process for _, process in map_in_processes(lambda _: os.getpid(), range(9), 1, weigh)} == {os.getpid()}


def test_two_workers_work_at_the_same_time(tmp_path):
    """Each waits until another process has been there, too."""

    def work(number: int) -> int:
        if number:
            (tmp_path / str(os.getpid())).touch()
            end = time.monotonic() + 10
            while len(list(tmp_path.iterdir())) < 2:
                assert time.monotonic() < end
                time.sleep(0.01)
        return number

    assert [number for number, _ in map_in_processes(work, range(7), 2, weigh)] == list(range(7))


def test_few_items_are_taken_ahead():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    for number, _ in map_in_processes(str, items(), 2, weigh):
        assert len(taken) <= number + 3 * (AHEAD * 2 + 2)
    assert len(taken) == 100


def test_what_the_function_knows_needs_no_copying():
    """Such as a reader of the user's own, which is no module's: only items and results travel."""
    add = 3
    assert list(map_in_processes(lambda number: number + add, range(5), 2, weigh))[4] == (4, 7)


@pytest.mark.parametrize("error", [ValueError("three"), UserError("three: mend it"), MemoryError()], ids=repr)
def test_an_error_comes_where_its_batch_would_have_come(error):
    def work(number: int) -> int:
        if number == 5:
            raise error
        return number

    found = []
    with pytest.raises(type(error)) as raised:
        for number, _ in map_in_processes(work, range(40), 2, weigh):
            found.append(number)
    assert found == [0, 1, 2, 3]  # the first by itself, then threes
    assert str(raised.value) == str(error)


def test_a_damaged_archive_is_told_as_it_is_without_processes():
    def work(number: int) -> int:
        if number:
            raise DamagedFile(Path("a.zip"), "cut short")
        return number

    with pytest.raises(DamagedFile, match=r"^a\.zip: cut short; download or copy it again$") as raised:
        list(map_in_processes(work, range(4), 2, weigh))
    assert (raised.value.path, raised.value.reason) == (Path("a.zip"), "cut short")


def test_a_killed_worker_is_one_line():
    def work(number: int) -> int:
        if number == 8:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    with pytest.raises(UserError, match="a worker process was killed"):
        list(map_in_processes(work, range(40), 2, weigh))


def children() -> list[str]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(os.getpid())], capture_output=True, text=True)
    return [one for one in listed.stdout.split() if Path(f"/proc/{one}/cmdline").exists()]


def test_an_unfinished_reading_leaves_no_process():
    before = children()
    results = map_in_processes(str, range(1000), 3, weigh)
    assert [next(results) for _ in range(2)] == [(0, "0"), (1, "1")]
    assert len(children()) == len(before) + 3
    results.close()
    assert children() == before


PROGRAM = """
import os, sys, time
from pathlib import Path
from pipeline.processes import map_in_processes
def work(number):
    if number:
        Path(sys.argv[1], str(os.getpid())).touch()
        time.sleep(60 if sys.argv[2] == "long" else 0.2)
    return number
def main():
    for _ in map_in_processes(work, range(1000), 2, lambda _: 1 << 20):
        pass
from hacm.errors import run_program
run_program(main)
"""


def start(folder: Path, length: str) -> subprocess.Popen[str]:
    """A program whose two workers have begun."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), length],
        cwd=Path(processes.__file__).parents[1],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 60
    while len(list(folder.iterdir())) < 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    return process


def is_there(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for_the_end(folder: Path) -> None:
    end = time.monotonic() + 20
    while any(is_there(int(one.name)) for one in folder.iterdir()):
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_parent(tmp_path, number):
    process = start(tmp_path, "long")
    process.send_signal(number)
    assert process.communicate()[1] == ""
    assert process.returncode == -number
    wait_for_the_end(tmp_path)


def test_ctrl_c_is_one_line(tmp_path):
    """A terminal sends it to the workers as well."""
    process = start(tmp_path, "short")
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "interrupted; nothing is saved: the same command starts again from the beginning\n"
    wait_for_the_end(tmp_path)
