"""What a log says of work under way."""

import pytest

from stages.shared import progress


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
