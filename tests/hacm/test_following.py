"""A growing recording: windows as they are complete, as the whole recording would say; bad lines by their number."""

import io
import json
import sys
import threading
import time

import numpy as np
import pytest

from hacm.commands import segment
from hacm.errors import UserError
from hacm.models import folder
from hacm.models.model import Model
from hacm.segmentation.following import follow, growing_lines, read_frames
from hacm.segmentation.segmenting import Settings
from hacm.segmentation.windows import Windowing
from tests.helpers.small_model import build

FPS = 30.0


@pytest.fixture(scope="module")
def built():
    return build()


def as_lines(bodies_MTVC: np.ndarray) -> list[str]:
    frames = [frame.tolist() for frame in bodies_MTVC.swapaxes(0, 1)]
    return [json.dumps(frame if len(frame) > 1 else frame[0]) + "\n" for frame in frames]


@pytest.mark.filterwarnings("ignore::hacm.models.model.UnusualRecording")
@pytest.mark.parametrize("bodies", [1, 2])
def test_every_window_is_what_predict_says_of_its_frames(built, bodies):
    clip = max((clip for clip in built.test_clips() if len(clip) == bodies), key=lambda clip: clip.shape[1])
    model = Model(built.parts)
    settings = Settings(length=0.3, stride=0.1, doubt="warn")
    frames = read_frames(iter(as_lines(clip)), 6, "-")
    found = list(follow(model, frames, FPS, settings))
    windows = Windowing(9, 3).windows(clip.shape[1])[: 1 + (clip.shape[1] - 9) // 3]
    assert len(found) == len(windows) * bodies
    for number, window in enumerate(windows):
        for person in range(bodies):
            moment = found[number * bodies + person]
            assert (moment.start, moment.end, moment.person) == (
                round(window.start / FPS, 3),
                round(window.stop / FPS, 3),
                person + 1,
            )
            (said,) = model.describe(list(model.take(clip[person, window.start : window.stop], fps=FPS, doubt="warn")))
            assert moment.label in (None, said.label)
            assert moment.probability == pytest.approx(said.probability, abs=1e-4)


def test_joints_and_people_that_are_not_seen():
    seen = [[0.0, 1.0, 2.0]] * 6
    lines = ["null\n", "[]\n", "\n", json.dumps([*seen[:5], None]), json.dumps([seen, seen])]
    nobody, nobody_either, one, two = read_frames(iter(lines), 6, "-")
    assert len(nobody) == len(nobody_either) == 0
    assert np.isnan(one[0, 5]).all()
    assert two.shape == (2, 6, 3)


@pytest.mark.parametrize(
    "line", ["{", "3", '"x"', "[[1, 2, 3]]", "[[[1]]]", "[1, 2]", '[["a", 1, 2]]', "[" * 5000, "{}", "[" * 2**21]
)
def test_what_is_no_frame_is_told_by_its_line(line):
    frames = read_frames(iter(["null\n", line + "\n"]), 6, "poses.jsonl")
    next(frames)
    with pytest.raises(UserError, match=r"poses.jsonl:2: not a frame of 6 joints"):
        next(frames)


def test_the_command_reads_standard_input(built, tmp_path, monkeypatch, capsys):
    folder.save(tmp_path / "small", built.parts)
    clip = next(clip for clip in built.test_clips() if len(clip) == 1)
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(as_lines(clip))))
    words = ["hacm segment", "-", "--follow", "--model", str(tmp_path / "small"), "--window", "0.3", "--doubtful"]
    monkeypatch.setattr(sys, "argv", words)
    assert segment.main() == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows
    assert all(row["delay"] < 30 for row in rows)


def test_lines_of_a_file_come_as_they_are_written(tmp_path):
    path, found = tmp_path / "poses.jsonl", []
    path.write_text("first\nsec")

    def look():
        for line in growing_lines(path):
            found.append(line)
            if line == "third\n":
                return

    reader = threading.Thread(target=look, daemon=True)
    reader.start()
    for part in ("ond\n", "third\n"):
        time.sleep(0.2)
        with open(path, "a") as stream:
            stream.write(part)
    reader.join(30)
    assert found == ["first\n", "second\n", "third\n"]


def test_the_first_window_must_be_plausible(built):
    clip = next(clip for clip in built.test_clips() if len(clip) == 1) * 1000
    frames = read_frames(iter(as_lines(clip)), 6, "-")
    with pytest.raises(ValueError, match="unit=mm"):
        list(follow(Model(built.parts), frames, FPS, Settings(length=0.3)))
