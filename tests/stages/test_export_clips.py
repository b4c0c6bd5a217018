"""The command that hands a benchmark's clips to other codebases: all of them, and nothing but what the split was made of."""

import json
import pickle
import shutil

import numpy as np
import polars as pl
import pytest

from hacm.files import SEAL, seal
from hacm.recordings import Clip, Identity
from hacm.skeletons.shipped import KINECT_V1
from pipeline.datasets.registry import find_dataset
from pipeline.store.store import SkeletonStore, StoreWriter
from stages import split
from stages.tools import export_clips
from tests.conftest import end_of, write_small_params

NAME = "kinect-sim-xsub"


def call(monkeypatch, stage, folder, *options) -> str:
    """The line of a stage's error, run in this process."""
    monkeypatch.chdir(folder)
    return end_of(stage.main, *options)


@pytest.fixture
def expected(small_project):
    """Per part: name → (clip, class), from the store and the split as they lie on disk."""
    store = SkeletonStore.open(small_project / "data/kinect-sim/clips")
    parts = pl.read_parquet(small_project / "data/benchmarks" / NAME / "split" / "split.parquet")
    classes = {label: number for number, label in enumerate(sorted(set(store.manifest["label"])))}
    assert list(classes) == [5, 7, 22, 57]
    found = {"train": {}, "test": {}}
    for name, part in parts.select("name", "part").iter_rows():
        found[part][name] = (store[name], classes[store.row(name)["label"]])
    assert {len(clip) for clip, _ in found["test"].values()} == {1, 2}
    return found


def test_npz_of_a_whole_project(small_project, expected, tmp_path, monkeypatch, capsys):
    out = tmp_path / "new" / "x.npz"
    assert (
        call(monkeypatch, export_clips, small_project, "--benchmark", NAME, "--format", "ntu-npz", "--out", out) == ""
    )
    version = SkeletonStore.open(small_project / "data/kinect-sim/clips").version
    assert f"x.npz: 16 training and 16 test clips of version {version}" in capsys.readouterr().err
    with np.load(out) as file:
        assert str(file["data_version"]) == version
        assert file["classes"].tolist() == [find_dataset("kinect-sim").class_name(label) for label in (5, 7, 22, 57)]
        for part, clips in expected.items():
            assert file[f"names_{part}"].tolist() == sorted(clips)
            for name, padded, hot in zip(file[f"names_{part}"], file[f"x_{part}"], file[f"y_{part}"], strict=True):
                clip, number = clips[name]
                assert np.flatnonzero(hot).tolist() == [number]
                frames = int((padded.sum(axis=1) != 0).sum())  # as loaders of this layout count them
                rest = np.zeros((2, frames, 25, 3), np.float32)
                rest[: len(clip)] = clip
                assert padded[:frames].tobytes() == rest.swapaxes(0, 1).tobytes()
                assert not padded[frames:].any()


def test_pyskl_of_a_whole_project(small_project, expected, tmp_path, monkeypatch):
    out = tmp_path / "x.pkl"
    assert call(monkeypatch, export_clips, small_project, "--benchmark", NAME, "--format", "pyskl", "--out", out) == ""
    read = pickle.loads(out.read_bytes())
    assert read["split"] == {"xsub_train": sorted(expected["train"]), "xsub_val": sorted(expected["test"])}
    clips = expected["train"] | expected["test"]
    assert [note["frame_dir"] for note in read["annotations"]] == sorted(clips)
    for note in read["annotations"]:
        clip, number = clips[note["frame_dir"]]
        assert note["label"] == number
        assert note["total_frames"] == clip.shape[1]
        assert note["keypoint"].dtype == np.float32
        assert note["keypoint"].shape == clip.shape
        assert note["keypoint"].tobytes() == clip.tobytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--benchmark kinect-sim-xsbu --format pyskl --out {tmp}/x.pkl", "unknown benchmark 'kinect-sim-xsbu'"),
        (
            "--benchmark kinect-sim-xview --format pyskl --out {tmp}/x.pkl",
            "kinect-sim-xview/split/split.json: not found",
        ),
        (f"--benchmark {NAME} --format pyskl --out {{tmp}}/x.pickle", "expect a name ending in .pkl"),
        (f"--benchmark {NAME} --format ntu-npz --out {{tmp}}/here.npz", "here.npz: exists; move it away"),
        (f"--benchmark {NAME} --format pyskl --out {{tmp}}/x.pkl --frames 64", "--frames: an option of ntu-npz"),
        (f"--benchmark {NAME} --format pyskl --out {{tmp}}/x.pkl --compress", "--compress: an option of ntu-npz"),
        (
            f"--benchmark {NAME} --format ntu-npz --out {{tmp}}/x.npz --frames 5",
            "clips of more than 5 frames: 32, namely S0",
        ),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(options, words, small_project, tmp_path, monkeypatch):
    (tmp_path / "here.npz").write_text("kept")
    code = call(monkeypatch, export_clips, small_project, *options.format(tmp=tmp_path).split())
    assert isinstance(code, str)
    assert code.startswith("error: ")
    assert words in code
    assert "\n" not in code
    assert [path.name for path in tmp_path.iterdir()] == ["here.npz"]


def test_frames_and_compress(small_project, tmp_path, monkeypatch):
    base = ["--benchmark", NAME, "--format", "ntu-npz", "--out"]
    assert call(monkeypatch, export_clips, small_project, *base, tmp_path / "plain.npz", "--frames", 400) == ""
    assert (
        call(monkeypatch, export_clips, small_project, *base, tmp_path / "small.npz", "--frames", 400, "--compress")
        == ""
    )
    with np.load(tmp_path / "plain.npz") as plain, np.load(tmp_path / "small.npz") as small:
        assert plain["x_train"].shape == (16, 400, 150)
        assert all(np.array_equal(plain[name], small[name]) for name in plain.files)
    assert (tmp_path / "small.npz").stat().st_size < (tmp_path / "plain.npz").stat().st_size / 4


@pytest.fixture
def artefacts(small_project, tmp_path):
    """A copy of what the command reads, to break."""
    for part in ("kinect-sim/clips", f"benchmarks/{NAME}"):
        shutil.copytree(small_project / "data" / part, tmp_path / "project" / "data" / part)
    return tmp_path / "project"


@pytest.mark.parametrize(("format", "out"), [("ntu-npz", "x.npz"), ("pyskl", "x.pkl")])
def test_another_version_than_the_split_s_is_refused(format, out, artefacts, tmp_path, monkeypatch):
    facts = artefacts / "data/benchmarks" / NAME / "split" / "split.json"
    said = {key: value for key, value in json.loads(facts.read_text()).items() if key != SEAL}
    facts.write_text(json.dumps(seal(said | {"data_version": "f" * 32})))
    code = call(monkeypatch, export_clips, artefacts, "--benchmark", NAME, "--format", format, "--out", tmp_path / out)
    assert "computed from data version ffffffffffff…" in str(code)
    assert not (tmp_path / out).exists()


@pytest.mark.parametrize(("format", "out"), [("ntu-npz", "x.npz"), ("pyskl", "x.pkl")])
def test_a_clip_that_is_not_the_manifest_s_is_refused(format, out, artefacts, tmp_path, monkeypatch):
    path = artefacts / "data/kinect-sim/clips/manifest.parquet"
    manifest = pl.read_parquet(path)
    hit = manifest["name"].to_list()[7]
    damaged = pl.when(pl.col("name") == hit).then(pl.lit("0" * 32)).otherwise(pl.col("hash")).alias("hash")
    manifest.with_columns(damaged).write_parquet(path)
    code = call(monkeypatch, export_clips, artefacts, "--benchmark", NAME, "--format", format, "--out", tmp_path / out)
    assert "manifest.parquet: its bytes are not those recorded in files.json" in str(code)
    assert [path.name for path in tmp_path.iterdir()] == ["project"]


def test_another_skeleton_in_another_order_with_a_gap(tmp_path, monkeypatch, capsys):
    """UTD-MHAD's twenty joints; the store not in name order; one frame of one clip without a body."""
    random = np.random.default_rng(3)
    clips = {
        f"a{label}_s{who}_t1": random.normal(size=(1, 6 + who, 20, 3)).astype(np.float32)
        for who in (8, 3, 2, 1)
        for label in (4, 2)
    }
    clips["a4_s3_t1"][:, 4] = 0
    with StoreWriter(tmp_path / "data/utd-mhad/clips", "utd-mhad", KINECT_V1, {"partial": True}) as store:
        for name, clip in clips.items():
            who = Identity(name, subject=int(name[4]), action=int(name[1]))
            store.add(Clip(who, 30.0, KINECT_V1, clip), name, "0" * 64)
    write_small_params(tmp_path / "params.yaml")
    assert call(monkeypatch, split, tmp_path, "--benchmark", "utd-mhad-xsub") == ""
    options = ["--benchmark", "utd-mhad-xsub", "--format", "ntu-npz", "--out", "x.npz"]
    assert call(monkeypatch, export_clips, tmp_path, *options) == ""
    assert "clips with a frame without a body: 1 (the first a4_s3_t1)" in capsys.readouterr().err
    with np.load(tmp_path / "x.npz") as file:
        assert file["names_train"].tolist() == ["a2_s1_t1", "a2_s3_t1", "a4_s1_t1", "a4_s3_t1"]
        assert file["names_test"].tolist() == ["a2_s2_t1", "a2_s8_t1", "a4_s2_t1", "a4_s8_t1"]
        assert file["y_test"].argmax(axis=1).tolist() == [0, 0, 1, 1]
        for name, padded, frames in zip(file["names_train"], file["x_train"], file["frames_train"], strict=True):
            assert np.array_equal(padded.reshape(300, 2, 20, 3)[:frames, 0], clips[name][0])
