"""hacm view, in this process: the page that it writes, and what it refuses."""

import base64
import json
import re
import sys
import threading

import numpy as np
import pytest

import hacm
from hacm.commands import view
from hacm.errors import UserError
from hacm.models import finding, folder
from hacm.recordings import Identity, Recording
from hacm.segmentation.segmenting import Settings, segment
from hacm.viewing import server
from tests.helpers.posting import post_files
from tests.helpers.small_model import TOPOLOGY, build


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A model, and three recordings of which one cannot be read and one cannot be a person."""
    place, built = tmp_path_factory.mktemp("view"), build()
    folder.save(place / "small", built.parts)
    (place / "recordings").mkdir()
    clips = [clip for clip in built.test_clips() if len(clip) == 1]
    np.save(place / "recordings/long.npy", np.concatenate([clip[0] for clip in clips]))
    np.save(place / "recordings/huge.npy", clips[0][0] * 1000)
    (place / "recordings/broken.npz").write_bytes(b"PK")
    return place


def call(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["hacm view", *map(str, words)])
    return view.main()


def scenes_of(page):
    return [json.loads(text) for text in re.findall(r'<script type="application/json">(.*?)</script>', page)]


def test_the_page_says_what_the_other_commands_say(place, tmp_path, monkeypatch, capsys):
    out = tmp_path / "page.html"
    recording, small = place / "recordings/long.npy", place / "small"
    assert call(monkeypatch, recording, "--model", small, "--doubtful", "--out", out) == 0
    assert f"the page: {out} (" in capsys.readouterr().out
    page = out.read_text(encoding="utf-8")
    (scene,) = scenes_of(page)
    model, values = hacm.load(small), np.load(recording)
    (said,) = model.predict(values, doubt="warn")
    assert f"<strong>{said.label}</strong> {100 * said.probability:.0f} %" in page
    fps = model.description.seen.fps
    (found,) = segment(
        model, Recording(Identity("long", None, None), fps, TOPOLOGY, values[None]), Settings(doubt="warn")
    )
    assert [(one["start"], one["stop"]) for one in scene["timelines"][0]["stretches"]] == [
        (round(span.start / fps, 3), round(span.stop / fps, 3)) for span in found.spans
    ]
    assert (scene["frames"], scene["joints"]) == (len(values), list(TOPOLOGY.joints))
    raw = np.frombuffer(base64.b64decode(scene["panels"][0]["points"]), "<i2").reshape(values.shape)
    assert np.ptp(raw * scene["step"] - values, axis=(0, 1)).max() < 1e-3


def test_what_cannot_be_read_is_named_and_the_rest_is_shown(place, tmp_path, monkeypatch, capsys):
    out = tmp_path / "page.html"
    assert call(monkeypatch, place / "recordings", "--model", place / "small", "--out", out) == 1
    assert "not used: broken: " in capsys.readouterr().err
    page = out.read_text(encoding="utf-8")
    assert [scene["title"] for scene in scenes_of(page)] == ["huge", "long"]  # one looks at what the model refuses
    assert re.search(r"<h2>Not used</h2>.*broken.*huge.*--unit=mm", page, re.DOTALL)


def test_without_a_fitting_model_it_is_shown_and_nothing_is_said(place, tmp_path, monkeypatch):
    """None in the box: the skeleton must then be known."""
    monkeypatch.setattr(finding, "SHIPPED", tmp_path / "none")
    np.save(tmp_path / "halpe.npy", np.random.default_rng(1).normal(size=(9, 17, 3)))
    words = (tmp_path / "halpe.npy", "--out", tmp_path / "page.html")
    with pytest.raises(UserError, match="say which model"):
        call(monkeypatch, *words)
    assert call(monkeypatch, *words, "--skeleton", "coco-17") == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Without a model" in page
    assert scenes_of(page)[0]["timelines"] == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--out", "x.html"], "--out: only with recordings"),
        (["one.npy", "--port", "80"], "--port: only without recordings"),
        (["nothing-here"], "nothing-here"),
    ],
)
def test_mistakes_are_one_line(monkeypatch, tmp_path, words, line):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=line):
        call(monkeypatch, *words)
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_show_is_a_mistake(place, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="broken: "):
        call(monkeypatch, place / "recordings/broken.npz", "--model", place / "small", "--out", tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_without_recordings_it_serves_what_the_page_would_be(place, monkeypatch, capsys):
    """The same readers and the same model answer what is dropped."""
    started = threading.Event()
    answers = []

    def run(self):
        started.set()
        thread = threading.Thread(
            target=lambda: answers.append(post_files(self.address, [place / "recordings/long.npy"]))
        )
        thread.start()
        waiter = threading.Thread(target=lambda: (thread.join(60), self.stop()))
        waiter.start()
        self._server.serve_forever()
        waiter.join(60)

    monkeypatch.setattr(server.Server, "run", run)
    assert call(monkeypatch, "--model", place / "small", "--doubtful") == 0
    assert started.is_set()
    assert "http://127.0.0.1:" in capsys.readouterr().out
    status, page = answers[0]
    assert status == 200
    assert [scene["title"] for scene in scenes_of(page)] == ["long"]
    assert "person 1" in page
