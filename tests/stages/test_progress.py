"""What a log and a terminal say of work under way."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from stages.shared import progress
from tests.conftest import PROJECT

COLUMNS = 80
WORK = """
import time
from stages.shared.progress import Work
with Work("robustness, random weights", None, "clips") as work:
    time.sleep(0.3)
    work.total = 23_040
    work.update(256, "epoch 3/60 loss 1.1058 (reconstruction 1.1058, contrast 0.0000) and more than a line holds")
    time.sleep(0.3)
"""


def on_a_terminal(program):
    """The lines, without their colours, that a Python program writes to a terminal of 80 columns."""
    mine, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    surroundings = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "CI")}
    surroundings |= {"TERM": "xterm-256color", "PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen([sys.executable, "-c", program], stdin=its, stdout=its, stderr=its, env=surroundings)
    os.close(its)
    written = b""
    while True:
        try:
            block = os.read(mine, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
        if not block:
            break
        written += block
    os.close(mine)
    assert process.wait() == 0, written
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.decode())
    return [line for line in re.split(r"[\r\n]+", plain) if line.strip()]


def test_80_columns_hold_bar_count_rate_and_time_left_of_a_total_that_comes_later():
    lines = on_a_terminal(WORK)
    assert max(map(len, lines)) <= COLUMNS
    bars = [line for line in lines if "256/23,040" in line]
    assert bars
    assert all("robustness, random weights" in line and "━" in line and "clips/s" in line for line in bars)
    assert all(re.search(r"\d:\d\d:\d\d left", line) for line in bars)
    assert not any("/?" in line for line in lines)
    assert any(line.strip().startswith("epoch 3/60 loss 1.1058") and line.rstrip().endswith("…") for line in lines)


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test turns."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_rate_and_time_left_are_those_of_the_last_half_minute(clock, capsys):
    """A start of a minute at one clip a second, then a hundred a second."""
    with progress.Work("parsing", 12_060, "clips") as work:
        for _ in range(60):
            clock[0] += 1
            work.advance()
        for second in range(60):
            clock[0] += 1
            work.update(60 + 100 * (second + 1))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "parsing: 10/12,060 clips, 1.0 clips/s, 12,050 s left"
    assert lines[-2] == "parsing: 6,060/12,060 clips, 100 clips/s, 60 s left"
    assert lines[-1] == "parsing: 6,060 clips in 120.0 s"


def test_work_of_unknown_size_has_no_time_left(clock, capsys):
    with progress.Work("downloading", None, "MB") as work:
        clock[0] += 20
        work.update(40)
    assert capsys.readouterr().err.splitlines()[0] == "downloading: 40 MB, 2.0 MB/s"


def test_what_was_done_before_a_run_went_on_is_no_speed(clock, capsys):
    """A run taken up at 5,000 that does ten a second."""
    with progress.Work("pretraining", 10_000, "clips") as work:
        for second in range(1, 21):
            clock[0] += 1
            work.update(5_000 + 10 * second)
    assert capsys.readouterr().err.splitlines()[0] == "pretraining: 5,100/10,000 clips, 10 clips/s, 490 s left"


def test_a_part_of_an_epoch_counts_and_slow_work_is_told_per_minute(clock, capsys):
    """Half an epoch in 20 seconds: 1.5 a minute, and 9.5 left take 380 s."""
    with progress.Work("linear", 10, "epochs") as work:
        clock[0] += 20
        work.update(0.5)
    assert capsys.readouterr().err.splitlines()[0] == "linear: 0/10 epochs, 1.5 epochs/min, 380 s left"
