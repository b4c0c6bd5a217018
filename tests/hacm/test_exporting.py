"""Exported models: every runtime says what the model says; the preprocessing in NumPy is the project's own; the folder
works without this project; the hub's library reads its card."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from huggingface_hub import ModelCard, ModelCardData
from huggingface_hub.utils import validate_repo_id

import hacm
from hacm.cleaning import CleaningSettings, denoise
from hacm.clips.augment import sample_batch
from hacm.clips.ragged import pack_clips
from hacm.commands import export
from hacm.errors import UserError
from hacm.exporting import hugging_face, preprocessing, writing
from hacm.exporting.facts import facts_of
from hacm.exporting.graph import Graph
from hacm.files import hash_tree
from hacm.models import folder
from hacm.models.card import write_card
from hacm.models.finding import find
from hacm.models.model import Model
from hacm.recordings import Identity, Recording
from hacm.recordings.anywhere import Finder
from hacm.recordings.arrays import ArrayReader
from tests.conftest import PROJECT, end_of
from tests.helpers.small_model import TOPOLOGY, build

ALIKE = 1e-4
EXAMPLES = PROJECT / "examples"


def real_clips(model, count=100):
    """So many clips of the recordings in examples/, which are of UI-PRMD, as arrays in the model's skeleton."""
    arrays = ArrayReader(topology=model.topology, fps=30.0, nameless=True)
    recordings = [one for one in Finder(arrays).find(EXAMPLES) if isinstance(one, Recording)]
    draw = np.random.default_rng(0)
    for number in range(count):
        recording = recordings[number % len(recordings)]
        bodies_MTVC = model._map_from(recording.topology).read(recording.bodies_MTVC)
        length = int(draw.integers(20, min(130, bodies_MTVC.shape[1])))
        start = int(draw.integers(0, bodies_MTVC.shape[1] - length + 1))
        yield bodies_MTVC[0, start : start + length]


def call_onnx(path, inputs, facts):
    session = onnxruntime.InferenceSession(path / "model.onnx", providers=["CPUExecutionProvider"])
    return dict(zip(facts["outputs"], session.run(facts["outputs"], inputs), strict=True))


def call_torch(path, inputs, facts):
    program = torch.export.load(path / "model.pt2").module()
    return dict(zip(facts["outputs"], program(*map(torch.from_numpy, inputs.values())), strict=True))


CALLS = {"onnx": call_onnx, "torch-export": call_torch}


@pytest.fixture(scope="module", params=["ui-prmd", "utd-mhad"])
def exported(request, tmp_path_factory):
    """A model in the box, and the folder of its exports, one of each form."""
    place = tmp_path_factory.mktemp("exported")
    for form in CALLS:
        writing.write(place / form, Graph(folder.load(find(request.param)), head=True), form)
    return hacm.load(request.param), place


@pytest.mark.filterwarnings("ignore::hacm.models.model.UnusualRecording")
def test_every_runtime_says_the_same_of_real_clips(exported):
    model, place = exported
    clips = list(real_clips(model))
    taken = list(model.take(clips, doubt="warn"))
    features_ND, scores_NK = model.run(taken)
    said = model.describe(taken)
    expected = {
        "features": features_ND,
        "scores": scores_NK,
        "probabilities": np.stack([one.probability_K for one in said]),
        "distance": [one.distance for one in said],
    }
    for form, call in CALLS.items():
        facts = json.loads((place / form / "facts.json").read_text())
        found = call(place / form, preprocessing.prepare(clips, facts), facts)
        assert list(found) == list(expected)
        for output, values in expected.items():
            np.testing.assert_allclose(found[output], values, atol=ALIKE, rtol=0, err_msg=f"{form} {output}")
        labels = [facts["classes"][place] for place in np.asarray(found["probabilities"]).argmax(1)]
        assert labels == [one.label for one in said]
        familiar = [distance <= facts["threshold"] for distance in np.asarray(found["distance"]).tolist()]
        assert familiar == [one.familiar for one in said]
        one = call(place / form, preprocessing.prepare(clips[7:8], facts), facts)  # another number of clips
        np.testing.assert_allclose(one["scores"], scores_NK[7:8], atol=ALIKE)


def test_files_are_of_the_weights_alone_and_name_no_file_of_this_machine(exported):
    model, place = exported
    weights = (find(model.name) / "weights.safetensors").stat().st_size
    for path in (place / "onnx/model.onnx", place / "torch-export/model.pt2"):
        assert path.stat().st_size < weights + 500_000
        assert str(PROJECT).encode() not in path.read_bytes()


@pytest.mark.parametrize("exported", ["ui-prmd"], indirect=True)
@pytest.mark.parametrize("form", CALLS)
def test_a_folder_is_used_as_its_readme_says_without_this_project(exported, form, tmp_path):
    model, place = exported
    recording = next(real_clips(model))
    np.save(tmp_path / "recording.npy", recording)
    (code,) = re.findall(r"^```python\n(.*?)^```$", (place / form / "README.md").read_text(), re.M | re.S)
    alone = f"import sys\nsys.modules.update(hacm=None)\nimport numpy\nrecording = numpy.load({str(tmp_path / 'recording.npy')!r})\n"
    words = [sys.executable, "-c", alone + code]
    done = subprocess.run(
        words, cwd=place / form, capture_output=True, text=True, check=True, env={"OMP_NUM_THREADS": "1"}
    )
    (said,) = model.predict(recording, doubt="warn")
    familiar = "familiar" if said.familiar else "unlike anything in training"
    assert done.stdout.splitlines() == [said.label, familiar]


def test_the_preprocessing_needs_numpy_alone():
    names = re.findall(r"^(?:import|from) (\w+)", Path(preprocessing.__file__).read_text(), re.MULTILINE)
    assert set(names) <= {"numpy", *sys.stdlib_module_names}


# ---- any model -------------------------------------------------------------------------------------------------------

STANDARD = CleaningSettings(strategy="standard", translate="first_frame", ghost_frames=1)
CENTRED = CleaningSettings(strategy="none", translate="first_frame", max_frames=25)
KINDS = {
    "as they are": {},
    "standard": {"cleaning": STANDARD},
    "centred, cut": {"cleaning": CENTRED},
    "held": {"cleaning": replace(CENTRED, missing="hold", longest_gap=2)},
    "left": {"cleaning": replace(CENTRED, missing="leave")},
    "copied": {"cleaning": replace(CENTRED, single_body="copy")},
    "motion": {"stream": "motion"},
    "bones": {"stream": "bone", "readout": "joints"},
    "fine-tuned": {"protocol": "finetune"},
}


def holed_clips(built):
    """Its test clips moved away from the origin, with joints and bodies that were not seen."""
    draw = np.random.default_rng(1)
    for number, clip_MTVC in enumerate(built.test_clips()):
        holed_MTVC = clip_MTVC + np.float32([0.3, 1.0, 2.0])
        if number % 3:
            holed_MTVC[draw.random(holed_MTVC.shape[:3]) < 0.1] = np.nan
            holed_MTVC[:, 2:4, 3] = np.nan
        if number % 3 == 2 and len(clip_MTVC) == 2:
            holed_MTVC[1, :5] = np.nan
        yield holed_MTVC


def model_clips(model, recordings):
    """As the model takes them, all people of each together."""
    return [
        model.take_people(Recording(Identity(str(place), None, None), 30.0, TOPOLOGY, one), tuple(range(len(one))),
                          doubt="warn")
        for place, one in enumerate(recordings)
    ]  # fmt: skip


@pytest.mark.parametrize("absent", ["drop", "keep"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_and_numpy_say_what_the_model_says(kind, absent):
    """One and two people, joints and bodies that were not seen, every cleaning, stream and head."""
    parts = build(**KINDS[kind]).parts
    model = Model(replace(parts, description=replace(parts.description, absent_bodies=absent)))
    graph = Graph(model.parts, head=True)
    recordings = list(holed_clips(build()))
    if kind == "standard":
        # Which tracks are people is not the graph's business: these are found, and back where they were.
        recordings = [
            denoise(Recording(Identity("", None, None), 30.0, TOPOLOGY, one), STANDARD).bodies_MTVC
            for one in recordings
        ]
    assert {len(one) for one in recordings} == {1, 2}
    taken = model_clips(model, recordings)
    facts = facts_of(graph)
    inputs = preprocessing.prepare(recordings, facts)
    clips = pack_clips(
        [torch.from_numpy(one.clip.bodies_MTVC) for one in taken], [0] * len(taken), parents=TOPOLOGY.parents
    )
    batch = sample_batch(
        clips,
        torch.arange(len(clips)),
        graph.description.augment,
        facts["frames"],
        training=False,
        absent_bodies=absent,
    )
    sequences = preprocessing.sequences(inputs, facts)
    there = (
        sequences.reshape(len(taken), graph.bodies, -1).any(axis=2)
        if absent == "drop"
        else np.ones((len(taken), 2), bool)
    )
    np.testing.assert_allclose(sequences[there], batch.x_BTVC, atol=1e-5)

    tensors = [torch.from_numpy(one) for one in inputs.values()]
    np.testing.assert_allclose(graph.prepare(*tensors)[0].unflatten(0, (-1, graph.bodies)), sequences, atol=1e-5)
    found = graph.answer(*tensors)
    features_ND, scores_NK = model.run(taken)
    np.testing.assert_allclose(found.features, features_ND, atol=1e-5)
    np.testing.assert_allclose(found.scores, scores_NK, atol=1e-5)
    said = model.describe(taken)
    np.testing.assert_allclose(found.probabilities, [one.probability_K for one in said], atol=1e-5)
    np.testing.assert_allclose(found.distance, [one.distance for one in said], atol=1e-5)


def test_what_follows_the_last_frame_is_not_looked_at():
    built = build(cleaning=CENTRED)
    graph = Graph(built.parts, head=True)
    inputs = preprocessing.prepare(list(built.test_clips()), facts_of(graph))
    joints, frames = (torch.from_numpy(one) for one in inputs.values())
    further = torch.cat([joints, torch.full_like(joints, 7.0)], dim=2)
    after = torch.arange(further.shape[2]) >= frames[:, None]
    filled = further.where(~after[:, None, :, None, None], 7.0)
    assert len(set(frames.tolist())) > 1
    for one, other in zip(graph(joints, frames), graph(filled, frames), strict=True):
        torch.testing.assert_close(one, other)


def test_a_clip_is_at_no_distance_from_itself():
    built = build()
    graph = Graph(built.parts, head=True)
    features_GD = built.parts.neighbours.features_GD * graph.deviation_D + graph.mean_D
    assert graph.distance(features_GD).max() < 1e-5


def test_a_fine_tuned_model_of_two_people_exports(tmp_path):
    parts = build("finetune", cleaning=CENTRED).parts
    graph = Graph(parts, head=True)
    assert graph.bodies == 2
    writing.write(tmp_path / "out", graph, "torch-export")
    recordings = list(holed_clips(build()))
    facts = json.loads((tmp_path / "out/facts.json").read_text())
    found = call_torch(tmp_path / "out", preprocessing.prepare(recordings, facts), facts)
    model = Model(parts)
    np.testing.assert_allclose(found["scores"], model.run(model_clips(model, recordings))[1], atol=1e-5)


@pytest.mark.parametrize(
    ("recording", "reason"),
    [
        (np.zeros((5, 7, 3)), r"shape \(5, 7, 3\), not \(frames, 6, 3\)"),
        (np.zeros((3, 5, 6, 3)), "of up to 2 bodies"),
        (np.ones((1, 6, 3)), "at least 2"),
        (np.full((5, 6, 3), np.nan), "never seen"),
    ],
)
def test_numpy_refuses_what_is_no_recording(recording, reason):
    with pytest.raises(ValueError, match=reason):
        preprocessing.prepare([recording], facts_of(Graph(build().parts, head=True)))


# ---- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    place = tmp_path_factory.mktemp("small") / "small"
    folder.save(place, build().parts)
    return place


def test_the_encoder_alone(small, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        sys, "argv", ["hacm export", str(small), "--torch-export", "--part", "encoder", "--out", str(tmp_path / "e")]
    )
    export.main()
    assert "encoder of small" in capsys.readouterr().out
    facts = json.loads((tmp_path / "e/facts.json").read_text())
    assert (facts["outputs"], facts["classes"], facts["threshold"]) == (["features"], [], None)
    clips = [clip[0] for clip in build().test_clips() if len(clip) == 1]
    found = call_torch(tmp_path / "e", preprocessing.prepare(clips, facts), facts)
    np.testing.assert_allclose(found["features"], hacm.load(small).features(clips, doubt="warn"), atol=1e-5)


def test_mistakes_are_one_line(small, tmp_path):
    out = ("--out", tmp_path / "new")
    assert "exists" in end_of(export.main, small, "--onnx", "--out", tmp_path)
    assert "no such model" in end_of(export.main, tmp_path / "nowhere", "--onnx", *out)
    assert "--part: goes with" in end_of(export.main, small, "--hugging-face", "--part", "encoder", *out)
    assert "one of the arguments" in end_of(export.main, small, *out)
    headless = replace(folder.load(small), head=None)
    with pytest.raises(UserError, match="--part encoder"):
        Graph(headless, head=True)
    parent = replace(headless.description, cleaning=replace(CENTRED, missing="parent"))
    with pytest.raises(UserError, match="missing: parent"):
        Graph(replace(headless, description=parent), head=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "onnxscript", None)
        assert "hacm-pipeline[export]" in end_of(export.main, small, "--onnx", *out)
    assert not (tmp_path / "new").exists()


# ---- Hugging Face ----------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::hacm.models.model.UnusualRecording")
def test_a_folder_for_hugging_face_is_a_model(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["hacm export", "ui-prmd", "--hugging-face", "--out", str(tmp_path / "hub")])
    export.main()
    assert "hf upload YOU/ui-prmd" in capsys.readouterr().out
    assert set(hash_tree(tmp_path / "hub")) == {"README.md", "config.json", "model.safetensors"}
    ours, theirs = hacm.load("ui-prmd"), hacm.load(tmp_path / "hub")
    assert theirs.description == ours.description
    clips = list(real_clips(ours, 5))
    for one, other in zip(ours.predict(clips, doubt="warn"), theirs.predict(clips, doubt="warn"), strict=True):
        np.testing.assert_array_equal(one.score_K, other.score_K)
        assert one.distance == other.distance


@pytest.mark.parametrize("name", ["ui-prmd", "utd-mhad"])
def test_the_hub_reads_the_card(name, tmp_path):
    hugging_face.save(tmp_path / name, folder.load(find(name)))
    card = ModelCard.load(tmp_path / name / "README.md", ignore_metadata_errors=False)
    description = hacm.load(name).description
    data = card.data
    assert isinstance(data, ModelCardData)
    assert (data.license, data.library_name, data.datasets) == ("apache-2.0", "hacm", [name])
    (result,) = data.eval_results
    assert (result.dataset_type, result.metric_type) == (name, "accuracy")
    assert result.metric_value == description.figures["top1"]
    assert result.metric_args["n"] == description.figures["n"]
    assert write_card(description).rstrip() in card.text
    validate_repo_id(f"you/{hugging_face.repository_name(name)}")


def test_a_card_without_figures_and_of_another_licence_is_read_as_well(tmp_path):
    parts = build().parts
    odd = replace(parts.description, name='a "b": #c', figures={}, licence="ours: ask us")
    data = ModelCard(hugging_face.write_hub_card(odd)).data
    assert (data.license, data.license_name, data.model_name) == ("other", "ours: ask us", 'a "b": #c')
    assert "synthetic" in data.tags
    assert data.eval_results is None
    assert hugging_face.licence_of(None) == {"license": "unknown"}


def test_yaml_is_what_was_meant():
    values = {"a": [1, {"b": "x: y", "c": [True, None]}, "#"], "d": {"e": {"f": 1.5}}, "g": [], "h": "'\"\n"}
    assert yaml.safe_load("\n".join(hugging_face.as_yaml(values))) == values


@pytest.mark.parametrize("name", ["my model", "--x..y--", "ä/b\\c", "a" * 200, "x.git", "...", "a.-b", "model.git.git"])
def test_any_name_makes_a_repository(name):
    validate_repo_id(hugging_face.repository_name(name))
