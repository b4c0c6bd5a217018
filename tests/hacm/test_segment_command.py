"""hacm segment, in this process: what it prints, draws and refuses."""

import csv
import io
import json
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import hacm
from hacm.commands import segment
from hacm.errors import UserError
from hacm.models import folder
from hacm.recordings import Identity, Recording
from hacm.segmentation import segmenting
from hacm.segmentation.timeline import draw, shorten, ticks
from tests.helpers.small_model import TOPOLOGY, build


@pytest.fixture
def place(tmp_path):
    """A model, and a long recording of its test clips."""
    built = build()
    folder.save(tmp_path / "small", built.parts)
    clips = [clip[0] for clip in built.test_clips() if len(clip) == 1]
    np.save(tmp_path / "long.npy", np.concatenate(clips))
    np.save(tmp_path / "huge.npy", clips[0] * 1000)
    return tmp_path


def call(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["hacm segment", *map(str, words)])
    return segment.main()


def test_every_form_says_the_same_spans(place, monkeypatch, capsys):
    words = (place / "long.npy", "--model", place / "small", "--doubtful")
    assert call(monkeypatch, *words, "--json", "--picture", place / "t.svg") == 0
    rows = json.loads(capsys.readouterr().out)
    assert call(monkeypatch, *words, "--csv") == 0
    assert [row["class"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))] == [
        row["class"] for row in rows
    ]
    assert call(monkeypatch, *words) == 0
    assert all(row["class"].split()[0] in capsys.readouterr().out for row in rows[:1])

    model, values = hacm.load(place / "small"), np.load(place / "long.npy")
    fps = model.description.seen.fps
    recording = Recording(Identity("long", None, None), fps, TOPOLOGY, values[None])
    (found,) = segmenting.segment(model, recording, segmenting.Settings(doubt="warn"))
    assert [(row["start"], row["end"]) for row in rows] == [
        (round(span.start / fps, 3), round(span.stop / fps, 3)) for span in found.spans
    ]
    picture = ET.fromstring((place / "t.svg").read_text())
    assert len(picture.findall(".//{http://www.w3.org/2000/svg}rect")) == len(found.spans)
    assert draw([found]) == (place / "t.svg").read_text()


def test_what_cannot_be_is_one_line_and_the_others_are_done(place, monkeypatch, capsys):
    paths = (place / "huge.npy", place / "long.npy")
    assert call(monkeypatch, *paths, "--model", place / "small", "--json") == 1
    said = capsys.readouterr()
    assert {row["recording"] for row in json.loads(said.out)} <= {"long"}
    assert "not used: huge: " in said.err
    assert "--unit=mm" in said.err


def test_a_picture_of_another_kind_is_refused_before_anything_is_read(monkeypatch, tmp_path):
    with pytest.raises(UserError, match=r"must end in .svg"):
        call(monkeypatch, tmp_path, "--picture", "t.png")


def test_texts_fit_and_times_are_round():
    assert shorten("deep squat", 200) == "deep squat"
    assert len(shorten("deep squat", 32)) * 6 <= 32
    assert shorten("deep squat", 2) == ""
    assert ticks(2.5) == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
    for seconds in (1, 7, 95, 3600, 86400):
        assert len(ticks(seconds)) <= max(11, seconds // 3600 + 1)
