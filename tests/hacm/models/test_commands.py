"""hacm predict and hacm models, in this process: what they print, write and refuse."""

import csv
import io
import json
import re
import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import hacm
from hacm.commands import embed, inputs, models, predict
from hacm.errors import UserError
from hacm.models import building, finding, folder
from tests.helpers import utd_mhad_mat
from tests.helpers.small_model import CLASSES, TOPOLOGY, build


@pytest.fixture(scope="module")
def built():
    return build()


@pytest.fixture(scope="module")
def model(built, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "small"
    folder.save(path, built.parts)
    return path


@pytest.fixture
def recordings(built, tmp_path):
    """A folder of arrays in three formats, unlabelled, one of which cannot be read and one of which is no person."""
    one, two, *_ = [clip for clip in built.test_clips() if len(clip) == 1]
    both = next(clip for clip in built.test_clips() if len(clip) == 2)
    place = tmp_path / "recordings"
    (place / "deeper").mkdir(parents=True)
    np.save(place / "one.npy", one[0])
    np.savez(place / "deeper/both.npz", joints=both, fps=30)
    header = ",".join(f"{joint} {axis}" for joint in TOPOLOGY.joints for axis in "xyz")
    np.savetxt(place / "two.csv", two[0].reshape(len(two[0]), -1), delimiter=",", header=header, comments="")
    (place / "broken.npz").write_bytes(b"PK")
    np.save(place / "huge.npy", one[0] * 1000)
    (place / "notes.txt").write_text("nothing")
    return place


@pytest.fixture
def empty_box(tmp_path, monkeypatch):
    """Nothing is shipped."""
    monkeypatch.setattr(finding, "SHIPPED", tmp_path / "shipped")


def call(command, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["hacm predict", *map(str, words)])
    return command.main()


def test_a_row_for_each_recording_also_for_those_that_cannot_be_used(built, model, recordings, monkeypatch, capsys):
    assert call(predict, monkeypatch, recordings, "--model", model, "--json") == 1
    said = capsys.readouterr()
    rows = {row["recording"]: row for row in json.loads(said.out)}
    assert list(rows) == ["broken", "deeper/both", "huge", "one", "two"]
    loaded = hacm.load(model)
    clips = built.test_clips()
    one, two = [clip for clip in clips if len(clip) == 1][:2]
    both = next(clip for clip in clips if len(clip) == 2)
    for name, clip in {"one": one, "two": two, "deeper/both": both}.items():
        (expected,) = loaded.predict(clip, doubt="warn")
        np.testing.assert_allclose(rows[name]["scores"], expected.score_K, atol=1e-5)
        assert rows[name]["class"] == expected.label
        assert rows[name]["probability"] == pytest.approx(expected.probability, abs=1e-4)
        assert rows[name]["familiar"] == expected.familiar
    assert rows["deeper/both"]["person"] == "1+2"
    assert "say --unit=mm" in rows["huge"]["error"]
    assert rows["broken"]["class"] is None
    assert [line.split(":")[1].strip() for line in said.err.splitlines()] == ["broken", "huge"]


@pytest.mark.filterwarnings("ignore::hacm.models.model.UnusualRecording")
def test_the_forms_say_the_same(model, recordings, tmp_path, monkeypatch, capsys):
    words = [recordings / "one.npy", recordings / "deeper", "--model", model, "--top", "2", "--people", "apart"]
    assert call(predict, monkeypatch, *words, "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert call(predict, monkeypatch, *words, "--csv") == 0
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert call(predict, monkeypatch, *words, "--parquet", tmp_path / "p.parquet") == 0
    parquet = pl.read_parquet(tmp_path / "p.parquet")
    assert call(predict, monkeypatch, *words) == 0
    shown = capsys.readouterr().out
    assert [row["person"] for row in rows] == ["1", "1", "2"]
    for row, line, stored in zip(rows, table, parquet.iter_rows(named=True), strict=True):
        for name in ("recording", "person", "class"):
            assert row[name] == line[name] == stored[name]
            assert row[name] in shown
        assert row["probability"] == float(line["probability"]) == stored["probability"]
        assert row["top"][1]["class"] == line["class_2"] == stored["class_2"]
        np.testing.assert_allclose(row["scores"], stored["scores"], rtol=1e-6)


@pytest.mark.filterwarnings("ignore::hacm.models.model.UnusualRecording")
@pytest.mark.parametrize("words", [["--unseen", "-1", "0"], ["--least-confidence", "0.5"]])
def test_joints_that_were_not_seen_are_filled_as_if_they_were_nan(built, model, tmp_path, monkeypatch, capsys, words):
    joints = next(clip for clip in built.test_clips() if len(clip) == 1)[0].copy()
    seen = np.ones(joints.shape[:2])
    seen[2:4, 3] = 0
    joints[2:4, 3] = -1
    np.savez(tmp_path / "a.npz", joints=joints, confidence=seen)
    unfilled, *_ = hacm.load(model).predict(joints, doubt="warn")
    joints[2:4, 3] = np.nan
    expected, *_ = hacm.load(model).predict(joints, doubt="warn")
    assert call(predict, monkeypatch, tmp_path / "a.npz", "--model", model, "--json", "--doubtful", *words) == 0
    (row,) = json.loads(capsys.readouterr().out)
    np.testing.assert_allclose(row["scores"], expected.score_K, atol=1e-5)
    assert abs(unfilled.score_K - expected.score_K).max() > 1e-4
    joints[2:4, 3] = -1
    (said,) = hacm.load(model).predict(joints, unseen=(-1,), doubt="warn")
    np.testing.assert_array_equal(said.score_K, expected.score_K)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (["empty"], "empty: no recording of a known format in it"),
        (["one.npy", "--skeleton", "spider"], "unknown skeleton 'spider'"),
        (["one.npy", "--unit", "mile"], "unknown unit 'mile'"),
        (["one.npy", "--unit", "-1"], "must be a positive number"),
    ],
)
def test_mistakes_are_one_line(model, recordings, monkeypatch, words, line):
    monkeypatch.chdir(recordings)
    (recordings / "empty").mkdir()
    with pytest.raises(UserError, match=line):
        call(predict, monkeypatch, *words, "--model", model)


def test_a_model_must_be_named_where_there_is_not_one_alone(recordings, empty_box, monkeypatch):
    with pytest.raises(UserError, match=r"say which model \(--model NAME\); shipped are: none"):
        call(predict, monkeypatch, recordings)


@pytest.mark.filterwarnings("ignore::hacm.models.model.UnusualRecording")
def test_features_are_written_with_their_names(built, model, recordings, tmp_path, monkeypatch, capsys):
    words = [recordings, "--model", model, "--doubtful", "--people", "apart"]
    monkeypatch.setattr(building, "CLIPS_AT_ONCE", 2)
    assert call(embed, monkeypatch, *words, "--out", tmp_path / "f.parquet") == 1  # broken.npz
    assert call(embed, monkeypatch, *words, "--out", tmp_path / "f.npz") == 1
    said = capsys.readouterr()
    assert f"{tmp_path}/f.npz: 5 rows of 16 features by small" in said.out
    assert said.err.count("not used: broken") == 2
    table = pl.read_parquet(tmp_path / "f.parquet")
    arrays = dict(np.load(tmp_path / "f.npz"))
    assert table["recording"].to_list() == ["deeper/both", "deeper/both", "huge", "one", "two"]
    assert table["person"].to_list() == ["1", "2", "1", "1", "1"]
    assert "not metres" in table["remarks"][2]
    for name in ("recording", "person", "frames", "fps", "remarks", "model"):
        assert arrays[name].tolist() == table[name].to_list()
    np.testing.assert_array_equal(arrays["features"], table["features"].to_numpy())
    one = next(clip for clip in built.test_clips() if len(clip) == 1)
    np.testing.assert_allclose(arrays["features"][3], hacm.load(model).features(one)[0], atol=1e-5)
    with pytest.raises(UserError, match=r"must end in \.parquet or \.npz"):
        call(embed, monkeypatch, *words, "--out", tmp_path / "f.txt")


def array(values):
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


STANDING = np.array([[0, 0, 0], [0, 0.5, 0], [-0.3, 0.5, 0], [-0.3, 0.2, 0], [0.3, 0.5, 0], [0.3, 0.2, 0]])
"""A body of the six joints."""


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [
        ("a.npy", b"", "the file is empty"),
        ("a.npy", array(np.zeros((0, 6, 3))), r"joints of shape \(0, 6, 3\) instead of \(frames, 6, 3\)"),
        ("a.npy", array(np.zeros((9, 6, 3))), "nobody is seen in it"),
        ("a.npy", array(np.full((9, 6, 3), np.nan)), "nobody is seen in it"),
        ("a.npy", array(np.stack([STANDING])), "1 frame: a movement has at least 2"),
        ("a.npy", array(np.stack([STANDING + 0.01 * t for t in range(9)])[..., [0, 2, 1]]), "y does not point up: . does, so say --up=."),
        ("a.npy", array(np.ones((9, 25, 3))), r"25 joints, and six-joints has 6; if they are .*, say so \(--skeleton kinect-v2-25\)"),
        ("a.csv", b"", "the file is empty"),
        ("a.npz", b"PK\x03\x04", "not an .npz file, or damaged"),
        ("a.skeleton", b"3\n1\n", "line 1: announces 3, more than the rest of the file can hold"),
        ("a.mat", b"MATLAB", "not a MATLAB file: shorter than its header"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_row_and_one_line(model, tmp_path, monkeypatch, capsys, name, data, line):
    """Never a traceback, never a class."""
    (tmp_path / name).write_bytes(data)
    assert call(predict, monkeypatch, tmp_path / name, "--model", model, "--json") == 1
    said = capsys.readouterr()
    (row,) = json.loads(said.out)
    assert row["class"] is None
    assert re.search(line, row["error"]), row["error"]
    assert "reader" not in row["error"]
    assert said.err == f"not used: a: {row['error']}\n"


@pytest.fixture
def shipped(built, tmp_path, monkeypatch):
    """Two models in the box: one of Kinect v1's skeleton and one of six joints."""
    monkeypatch.setattr(finding, "SHIPPED", tmp_path / "shipped")
    folder.save(tmp_path / "shipped/six", built.parts)
    return tmp_path / "shipped"


def test_the_only_model_in_the_box_is_taken(shipped, recordings, monkeypatch, capsys):
    assert call(predict, monkeypatch, recordings / "one.npy", "--csv") == 0
    assert "one,1," in capsys.readouterr().out


def test_the_models_in_the_box_are_listed(shipped, monkeypatch, capsys):
    call(models, monkeypatch)
    assert capsys.readouterr().out == "six: Made-up, 2 classes, skeleton six-joints, top-1 75.0 %\n"


def test_of_several_the_one_of_the_skeleton(built, shipped, recordings, monkeypatch):
    other = replace(built.parts.description, topology={**built.parts.description.topology, "name": "kinect-v1-20"})
    folder.save(shipped / "other", replace(built.parts, description=other))
    (recordings / "a.mat").write_bytes(utd_mhad_mat.mat(d_skel=utd_mhad_mat.numbers()))

    def choose(*words):
        monkeypatch.setattr(sys, "argv", ["hacm predict", *map(str, words)])
        options = predict.command_line().parse_args()
        return inputs.choose_shipped(options.paths, options)

    assert choose(recordings / "a.mat") == "other"
    assert choose(recordings / "one.npy", "--skeleton", "kinect-v1-20") == "other"
    with pytest.raises(UserError, match=r"say which model \(--model NAME\); shipped are: other, six"):
        choose(recordings / "one.npy")
    with pytest.raises(UserError, match="none is of the recordings' skeleton, coco-17; shipped are: other, six"):
        choose(recordings / "one.npy", "--skeleton", "coco-17")


def test_a_card_is_shown(model, empty_box, monkeypatch, capsys):
    call(models, monkeypatch, model)
    assert capsys.readouterr().out == (model / "card.md").read_text()
    call(models, monkeypatch)
    assert "none is shipped" in capsys.readouterr().out


def test_classes_are_those_of_the_model(model):
    assert hacm.load(model).classes == tuple(CLASSES)
