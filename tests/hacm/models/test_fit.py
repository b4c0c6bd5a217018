"""hacm fit: classes of one's own on a trained encoder, with figures from who was left out."""

import csv
import io
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

import hacm
from hacm.commands import fit, predict
from hacm.errors import UserError
from hacm.models import fitting, folder
from hacm.models.building import take_clips
from hacm.models.fitting import Labelled, group
from hacm.models.model import Taken
from hacm.recordings import Clip, Identity
from hacm.settings import FinetuneSettings, LinearSettings
from tests.helpers.small_model import TOPOLOGY, build

pytestmark = pytest.mark.filterwarnings("ignore::hacm.models.model.UnusualRecording")


@pytest.fixture(scope="module")
def built():
    return build()


@pytest.fixture
def base(built, tmp_path):
    folder.save(tmp_path / "base", built.parts)
    return tmp_path / "base"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(fitting, "LINEAR", LinearSettings(epochs=12, views=2, batch=8))
    monkeypatch.setattr(fitting, "FINETUNE", FinetuneSettings(epochs=12, warmup_epochs=1, lr=0.003, batch=8, hidden=16))


@pytest.fixture
def recordings(built, tmp_path):
    """slow/ and fast/ of the made-up clips, in folders of four people."""
    place = tmp_path / "exercises"
    for number, clip in enumerate(take_clips(built.task.clips, torch.arange(24))):
        path = place / ("fast" if number % 2 else "slow") / f"person {number * 4 // 24}"
        path.mkdir(parents=True, exist_ok=True)
        np.save(path / f"{number}.npy", clip)
    return place


def call(monkeypatch, command, *words):
    monkeypatch.setattr(sys, "argv", ["hacm fit", *map(str, words)])
    return command.main()


def labelled(label, recording, subject=None, person=1):
    clip = Clip(Identity(recording, None, 0), 30.0, TOPOLOGY, np.ones((1, 4, 6, 3), np.float32))
    return Labelled(Taken(recording, (person,), clip), label, subject)


def test_from_a_folder_to_predictions(base, recordings, tmp_path, monkeypatch, capsys):
    before = (base / "weights.safetensors").read_bytes()
    assert call(monkeypatch, fit, recordings, "--from", base, "--out", tmp_path / "mine") == 0
    said = capsys.readouterr().out
    model = hacm.load(tmp_path / "mine")
    assert model.classes == ("fast", "slow")
    about = model.description
    assert about.judged_on == "left-out subjects"
    assert (about.origin.clips, about.origin.subjects, about.figures["n"]) == (24, 4, 24)
    assert f"top-1 {about.figures['top1']:.1f} %" in said
    assert about.figures["top1_low"] <= about.figures["top1"] <= about.figures["top1_high"]
    assert about.origin.encoder_from.startswith("16 clips of Made-up (data version ffff")
    assert (base / "weights.safetensors").read_bytes() == before
    card = (tmp_path / "mine/card.md").read_text()
    for words in (
        "Its head was trained on 24 clips of 4 people from exercises",
        "without the person in it",
        "fast, slow",
    ):
        assert words in card
    assert call(monkeypatch, predict, recordings / "fast", "--model", tmp_path / "mine", "--csv") == 0
    named = [row["class"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert len(named) == 12
    assert named.count("fast") > 8


def test_the_encoder_is_trained_as_well_when_asked(base, recordings, tmp_path, monkeypatch, capsys):
    """A copy of it: the model it is from stays as it is."""
    before = (base / "weights.safetensors").read_bytes()
    assert call(monkeypatch, fit, recordings, "--from", base, "--out", tmp_path / "mine", "--finetune") == 0
    assert (base / "weights.safetensors").read_bytes() == before
    first, tuned = (folder.tensors_of(folder.load(path)) for path in (base, tmp_path / "mine"))
    names = [name for name in first if name.startswith("encoder.")]
    assert any(not torch.equal(first[name], tuned[name]) for name in names)
    model = hacm.load(tmp_path / "mine")
    assert (model.description.head, model.classes, model.description.figures["n"]) == ("finetune", ("fast", "slow"), 24)
    assert "Encoder and head were then trained on 24 clips of 4 people" in (tmp_path / "mine/card.md").read_text()
    assert call(monkeypatch, predict, recordings / "fast", "--model", tmp_path / "mine", "--csv") == 0
    capsys.readouterr()


def test_the_same_again_is_the_same(base, recordings, tmp_path, monkeypatch):
    for name in ("first", "second"):
        call(monkeypatch, fit, recordings, "--from", base, "--out", tmp_path / name, "--name", "mine")
    for name in ("model.json", "weights.safetensors", "card.md"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_who_is_left_out_together():
    known = [labelled(label, f"{subject}/1", subject) for label in "ab" for subject in ("x", "y", "z")]
    assert group(known)[0].tolist() == [0, 1, 2, 0, 1, 2]
    assert group(known)[1] == "left-out subjects"
    several = [labelled("a", str(number // 2), person=1 + number % 2) for number in range(14)]
    numbers, judged_on = group([*several, labelled("b", "0"), labelled("b", "1")])
    assert numbers.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 0, 0, 1, 1, 0, 1]  # a recording's people stay together
    assert judged_on == "left-out recordings"
    assert group([*known, labelled("a", "q")])[1] == "left-out recordings"
    assert group([labelled("a", str(number), "x") for number in range(3)])[1] == "left-out recordings"


def test_figures_are_of_heads_that_did_not_see_the_clip(built):
    """Labels that follow from nothing but the recording cannot be guessed by who has not seen it."""
    clips = list(take_clips(built.task.clips, torch.arange(24)))
    one = next(clip for clip in clips if len(clip) == 1)
    random = np.random.default_rng(0)
    many = [
        Labelled(
            Taken(str(n), (1,), Clip(Identity(str(n), None, 0), 30.0, TOPOLOGY, one + random.normal(0, 1e-3, 3).astype("f4"))),
            "ab"[int(random.integers(2))],
            f"person {n % 4}",
        )
        for n in range(80)
    ]  # fmt: skip
    figures = fitting.fit(built.parts, many, "x", "x").description.figures
    assert 25 < figures["top1"] < 75


def test_a_fitted_head_is_fitted_again(base, recordings, tmp_path, monkeypatch):
    """The encoder's origin stays the first one's."""
    call(monkeypatch, fit, recordings, "--from", base, "--out", tmp_path / "mine")
    call(monkeypatch, fit, recordings, "--from", tmp_path / "mine", "--out", tmp_path / "again")
    first, second = (hacm.load(tmp_path / name).description.origin for name in ("mine", "again"))
    assert first.encoder_from == second.encoder_from


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["nowhere"], "nowhere: no such folder"),
        (["exercises/fast"], "0 class|1 class|class person 0: "),
        (["exercises/fast/person 0"], "no folders in it; put the recordings of each class into a folder of its name"),
    ],
)
def test_mistakes_are_one_line(base, recordings, tmp_path, monkeypatch, words, line):
    monkeypatch.chdir(tmp_path)
    if words == ["exercises/fast"]:
        words = ["one"]
        (tmp_path / "one").mkdir()
        (recordings / "fast").rename(tmp_path / "one/fast")
    with pytest.raises(UserError, match=line):
        call(monkeypatch, fit, *words, "--from", base, "--out", tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("dimensions", [2, 3])
def test_clips_of_pictures_stay_in_their_plane(built, dimensions):
    clips = [labelled("slow", "a"), labelled("fast", "b")]
    description = replace(built.parts.description, dimensions=dimensions)
    task = fitting.make_task(description, clips, ["fast", "slow"], np.arange(2))
    assert task.clips.flat == (dimensions == 2)
