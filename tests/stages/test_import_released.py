"""The command that takes in a released checkpoint, and what stages.evaluate makes of it."""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import hacm
from hacm.checkpoints import checkpoint
from hacm.clips.ragged import pack_clips
from hacm.errors import UserError
from hacm.evaluation.features import extract
from hacm.models import fitting
from hacm.models.card import write_card
from hacm.models.fitting import Labelled
from hacm.models.model import Model
from hacm.models.released import people_in_general
from hacm.settings import AugmentSettings, LinearSettings
from hacm.skeletons.shipped import KINECT_V2
from stages.shared.stores import expect_version
from stages.tools import import_released
from tests.conftest import PROJECT, end_of, run
from tests.helpers.release_format import made_up


@pytest.fixture
def file(tmp_path):
    """HA-CM on Kinect v2, as small as it gets."""
    path = tmp_path / "released.pth"
    torch.save({"model": made_up("HA-CM", joints=18, segments=24, dim=16, blocks=1), "epoch": 499}, path)
    return path


@pytest.mark.parametrize("stream", ["motion", "bone"])
def test_a_checkpoint_with_all_facts(file, tmp_path, monkeypatch, capsys, stream):
    assert end_of(import_released.main, file, "--out", tmp_path / "model", "--stream", stream) == ""
    said = capsys.readouterr().err
    assert "HA-CM, D 16, 1 + 1 blocks, 24 segments of 3 frames, 18 joints" in said
    assert f"taken on trust, as the file does not say: --heads 8, --stream {stream}" in said
    assert "never used by its code: decoder_embed_s.bias, " in said
    model, facts = checkpoint.load(tmp_path / "model")
    assert model.model_settings.heads == 8
    assert facts["data_version"] is None
    assert facts["settings"]["augment"]["stream"] == stream
    assert facts["released"]["method"] == "HA-CM"
    assert facts["released"]["file"] == "released.pth"
    assert facts["released"]["epoch"] == 499
    assert len(facts["released"]["unused"]) == 12
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "released.pth"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("{tmp}/absent.pth --out {tmp}/model", "absent.pth: cannot be read"),
        ("{file} --out {tmp}/model --topology kinect-v1-20", "HA-CM for 18 token joints, but on a skeleton of 20"),
        ("{file} --out {tmp}/model --topology kinect", "unknown topology 'kinect'"),
        ("{file} --out {tmp}/model --heads 3", "dim 16 is not divisible by heads 3"),
        ("{file} --out {tmp}", "exists; move it away"),
        ("{file} --out {file}", "exists; move it away"),
        ("{file} --model {tmp}", "--model {tmp}: exists; move it away"),
        ("{file}", "say --out FOLDER for a checkpoint to evaluate, --model FOLDER"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(options, words, file, tmp_path, monkeypatch):
    code = end_of(import_released.main, *options.format(file=file, tmp=tmp_path).split())
    assert isinstance(code, str)  # which Python prints and ends with 1
    assert code.startswith("error: ")
    assert words.format(tmp=tmp_path) in code
    assert "\n" not in code
    assert list(tmp_path.iterdir()) == [file]


def test_exit_code_of_the_program(tmp_path):
    (tmp_path / "page.pth").write_text("<html>404</html>")
    command = ["hacm", "import-released", f"{tmp_path}/page.pth", "--out", f"{tmp_path}/model"]
    done = run(PROJECT, *command, check=False)
    assert done.returncode == 1
    assert done.stderr == f"error: {tmp_path}/page.pth: damaged, or not a file of torch.save\n"


def test_no_data_version_fits_every_store():
    store = SimpleNamespace(version="a" * 32, path=Path("data/x/clips"))
    expect_version(store, None, Path("models/x"))
    expect_version(store, "a" * 32, Path("models/x"))
    with pytest.raises(UserError, match="models/x: computed from data version bbb"):
        expect_version(store, "b" * 32, Path("models/x"))


@pytest.fixture
def model(file, tmp_path):
    assert end_of(import_released.main, file, "--model", tmp_path / "model", "--stream", "bone") == ""
    return hacm.load(tmp_path / "model")


def walk(seed, frames=60):
    """Somebody of Kinect v2's joints: upright, a little different with every seed."""
    random = np.random.default_rng(seed)
    height_V = np.array(people_in_general(KINECT_V2).height_V)
    joints_TVC = np.zeros((frames, 25, 3))
    joints_TVC[..., 1] = height_V
    joints_TVC[..., 0] = 0.05 * random.standard_normal(25)
    joints_TVC[:, :, 2] += np.linspace(0, random.uniform(0.2, 1), frames)[:, None]
    return joints_TVC + 0.01 * random.standard_normal(joints_TVC.shape)


def test_a_model_gives_the_features_of_its_encoder(file, model, tmp_path):
    """Against hacm.evaluation.features, which stages.evaluate uses."""
    assert end_of(import_released.main, file, "--out", tmp_path / "checkpoint", "--stream", "bone") == ""
    encoder, facts = checkpoint.load(tmp_path / "checkpoint")
    joints_TVC = walk(0)
    joints_TVC[..., :] -= joints_TVC[0, KINECT_V2.centre]
    clips = pack_clips([torch.from_numpy(joints_TVC[np.newaxis].astype(np.float32))], [0], parents=KINECT_V2.parents)
    augment = AugmentSettings(**facts["settings"]["augment"])
    expected_ND = extract(encoder, clips, torch.arange(1), augment, training=False, absent_bodies="drop")
    np.testing.assert_allclose(model.features(joints_TVC), expected_ND.numpy(), atol=1e-5)
    with pytest.raises(UserError, match="has no head"):
        model.predict(joints_TVC)


def test_its_card_says_what_is_known_and_what_is_not(model, tmp_path):
    card = (tmp_path / "model/card.md").read_text()
    digest = hashlib.sha256((tmp_path / "released.pth").read_bytes()).hexdigest()
    for words in (
        f"by the authors of HA-CM (their file released.pth, epoch 499, SHA-256 {digest}) on recordings that",
        "- data version: not stated",
        "what it was trained on is not known",
        "Whom it has seen, and by which sensors, is not known",
        "it has 8 attention heads and the input stream bone: both are taken on trust",
    ):
        assert words in card
    assert "None" not in card


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda joints: joints * 1000, "say unit=mm"),
        (lambda joints: joints[..., [0, 2, 1]], "y does not point up: z does"),
        (lambda joints: joints * [1, -1, 1], "y does not point up: -y does"),
    ],
)
def test_what_is_no_person_upright_in_metres_is_refused(model, change, line):
    model.features(walk(1))
    with pytest.raises(UserError, match=line):
        model.features(change(walk(1)))


@pytest.mark.filterwarnings("ignore::hacm.models.model.UnusualRecording")
def test_it_learns_classes(model, monkeypatch):
    """And is then held against those recordings."""
    monkeypatch.setattr(fitting, "LINEAR", LinearSettings(epochs=3, views=1, batch=8))
    clips = [
        Labelled(taken, label, f"person {number % 3}")
        for number in range(12)
        for label, stretch in (("low", [1, 1, 1]), ("wide", [3, 1, 1]))
        for taken in model.take(walk(number) * stretch, doubt="warn")
    ]
    parts = fitting.fit(model.parts, clips, "mine", "exercises")
    assert parts.description.seen.size != model.description.seen.size
    card = write_card(parts.description)
    assert "by the authors of HA-CM" in card
    assert "Its head was trained on 24 clips of 3 people from exercises" in card
    found = Model(parts).predict([walk(20), walk(21) * [3, 1, 1]], doubt="warn")
    assert {one.label for one in found} <= {"low", "wide"}


def test_it_can_be_judged_on_a_benchmark(file, project_copy):
    name = "kinect-sim-xsub"
    model = f"models/{name}/released/seed-0"
    run(project_copy, "hacm", "import-released", str(file), "--out", model)
    options = ("--benchmark", name, "--variant", "released", "--protocol", "knn")
    run(project_copy, "python", "-m", "stages.evaluate", *options)
    results = project_copy / "results/benchmarks" / name / "released/seed-0/knn"
    details = json.loads((results / "details.json").read_text())
    assert details["released"]["method"] == "HA-CM"
    assert details["encoder_hash"] == checkpoint.encoder_hash(checkpoint.load(project_copy / model)[0])
    assert json.loads((results / "metrics.json").read_text())["n"] == 16
    export = ("hacm", "export-model", "--benchmark", name, "--variant", "released", "--protocol", "none")
    run(project_copy, *export, "--out", "exported")
    card = (project_copy / "exported/card.md").read_text()
    assert "by the authors of HA-CM (their file released.pth" in card
    assert "Distances are measured to 16 clips of" in card
