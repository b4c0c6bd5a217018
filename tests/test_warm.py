"""A program that is forked from a warm process does what one that is started anew does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import environment, warm_place

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are watched by pidfd")
MODULE = """
import os, signal, sys, time
what, *rest = sys.argv[1:]
if what == "show":
    print(sys.argv, sys.path[0], os.getcwd(), os.environ["COLOUR"], __name__, sys.stdin.read(), sep="|")
    print("to the other", file=sys.stderr)
elif what == "fail":
    raise ValueError("no good")
elif what == "exit":
    sys.exit(int(rest[0]) if rest[0].isdigit() else rest[0])
elif what == "wait":
    open("pid", "w").write(str(os.getpid()))
    if rest:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    open("ready", "w").close()
    time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "__init__.py").touch()
    (tmp_path / "stages" / "toy.py").write_text(MODULE)
    place = Path(warm_place())
    for _ in range(600):
        if place.exists():
            break
        time.sleep(0.1)
    assert place.exists()
    return tmp_path


def start(folder: Path, *words: str, warm: bool, **streams) -> subprocess.Popen:
    surroundings = environment() | {"COLOUR": "blue"} | ({"HACM_WARM": warm_place()} if warm else {})
    return subprocess.Popen(["python", "-m", "stages.toy", *words], cwd=folder, env=surroundings, text=True, **streams)


@pytest.mark.parametrize("words", [("show", "a b"), ("fail",), ("exit", "0"), ("exit", "3"), ("exit", "told")])
def test_it_says_and_ends_as_one_started_anew(folder, words):
    ends = []
    for warm in (True, False):
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        process = start(folder, *words, warm=warm, **pipes)
        out, err = process.communicate("what is read\n", timeout=60)
        ends.append((out, err.splitlines()[-1:], process.returncode))
    assert ends[0] == ends[1]


def wait_for(folder: Path, process: subprocess.Popen) -> int:
    while not (folder / "ready").exists():
        assert process.poll() is None
        time.sleep(0.02)
    return int((folder / "pid").read_text())


@pytest.mark.parametrize(("handled", "code"), [(True, 7), (False, -signal.SIGTERM)])
def test_a_signal_reaches_the_program_and_its_end_is_told(folder, handled, code):
    process = start(folder, "wait", *(["handled"] if handled else []), warm=True)
    assert wait_for(folder, process) != process.pid
    process.terminate()
    assert process.wait(30) == code


def test_a_program_does_not_outlive_what_stands_for_it(folder):
    process = start(folder, "wait", warm=True)
    program = wait_for(folder, process)
    process.kill()
    assert process.wait(30) == -signal.SIGKILL
    for _ in range(300):
        try:
            os.kill(program, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    pytest.fail("still there")
