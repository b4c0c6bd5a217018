"""hacm convert: what is written is read again by the readers, with the same values; what is lost is said."""

import json
import sys

import numpy as np
import polars as pl
import pytest

from hacm.commands import convert
from hacm.errors import UserError
from hacm.recordings import ntu
from hacm.recordings.arrays import ArrayReader
from hacm.recordings.poses import PoseReader
from hacm.recordings.poses.reader import read_poses
from hacm.skeletons.shipped import BODY_25, KINECT_V2, MEDIAPIPE_33

RNG = np.random.default_rng(0)


def call(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["hacm convert", *map(str, words)])
    return convert.main()


@pytest.fixture
def kinect(tmp_path):
    """Two people, one of whom comes later."""
    joints = RNG.uniform(-1, 1, (2, 6, 25, 3)).astype(np.float32)
    joints[1, :2] = np.nan
    np.savez(tmp_path / "a.npz", joints=joints, fps=30)
    return joints


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".csv"])
def test_arrays_of_the_room_come_back_the_same(kinect, tmp_path, monkeypatch, suffix):
    out = tmp_path / f"out{suffix}"
    assert call(monkeypatch, tmp_path / "a.npz", out) == 0
    back = ArrayReader(KINECT_V2, fps=30, nameless=True).parse(out.read_bytes(), out.name)
    assert np.array_equal(back.bodies_MTVC, kinect, equal_nan=True)
    assert back.notes == () or suffix == ".csv"
    assert back.fps == 30


def test_ntu_text_and_parquet(kinect, tmp_path, monkeypatch, capsys):
    out = tmp_path / "S001C001P001R001A001.skeleton"
    assert call(monkeypatch, tmp_path / "a.npz", out) == 0
    assert np.array_equal(ntu.parse(out.read_bytes(), out.name).bodies_MTVC, kinect, equal_nan=True)
    assert "lost" not in capsys.readouterr().out
    assert call(monkeypatch, out, tmp_path / "a.parquet") == 0
    table = pl.read_parquet(tmp_path / "a.parquet")
    assert table.height == 12
    assert np.array_equal(table.filter(person=0)["head y"], kinect[0, :, 3, 1])


def test_a_bvh_becomes_a_trc_in_metres(tmp_path, monkeypatch, capsys):
    (tmp_path / "a.bvh").write_text(
        "HIERARCHY\nROOT Hips\n{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\n"
        "End Site\n{\nOFFSET 0 10 0\n}\n}\nMOTION\nFrames: 2\nFrame Time: 0.02\n0 90 0\n5 91 1\n"
    )
    assert call(monkeypatch, tmp_path / "a.bvh", tmp_path / "a.trc", "--unit", "cm") == 0
    poses = read_poses((tmp_path / "a.trc").read_bytes(), "a.trc")
    assert poses.joints == ("Hips", "Hips_end")
    assert (poses.fps, poses.metres) == (50, 1)
    np.testing.assert_allclose(poses.values_MTVC[0, :, 1], [[0, 1.0, 0], [0.05, 1.01, 0.01]], atol=1e-12)
    assert "lost: which joint hangs on which" in capsys.readouterr().out


def test_mediapipe_comes_back_as_mediapipe(tmp_path, monkeypatch, capsys):
    values = RNG.uniform(-0.5, 0.5, (4, 33, 4)).round(4)
    values[:, 23, :3], values[:, 24, :3] = [0.1, 0, 0], [-0.1, 0, 0]
    (tmp_path / "a.json").write_text(json.dumps({"fps": 25, "frames": values.tolist()}))
    assert call(monkeypatch, tmp_path / "a.json", tmp_path / "a.csv") == 0
    assert "lost: frames per second" in capsys.readouterr().out
    one, other = (read_poses((tmp_path / name).read_bytes(), name) for name in ("a.json", "a.csv"))
    assert np.array_equal(one.values_MTVC, other.values_MTVC)
    assert np.array_equal(one.confidence_MTV, other.confidence_MTV)
    assert (one.up, one.metres) == (other.up, other.metres)
    reader = PoseReader(MEDIAPIPE_33, fps=25, nameless=True)
    assert np.array_equal(reader.finish(one, "a").bodies_MTVC, reader.finish(other, "a").bodies_MTVC)


def put_openpose(folder, names, frames=3):
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for name in names:
        made[name] = RNG.uniform(50, 600, (frames, 25, 3)).round(2)
        made[name][0, 4] = 0  # not found
        for frame, one in enumerate(made[name]):
            people = [{"person_id": [-1], "pose_keypoints_2d": one.ravel().tolist()}]
            (folder / f"{name}_{frame:012d}_keypoints.json").write_text(json.dumps({"version": 1.3, "people": people}))
    return made


def test_frames_of_openpose_become_a_file_each_recording(tmp_path, monkeypatch):
    made = put_openpose(tmp_path / "in", ["s1_a1", "s2_a1"])
    assert call(monkeypatch, tmp_path / "in", tmp_path / "out") == 0
    for name, values in made.items():
        with np.load(tmp_path / "out" / f"{name}.npz") as held:
            expected = values[..., :2].copy()
            expected[0, 4] = np.nan
            assert np.array_equal(held["joints"][0], expected, equal_nan=True)
            assert np.array_equal(held["confidence"][0], values[..., 2])
    reader = ArrayReader(BODY_25, names="s{subject}_a{action}", fps=30, dimensions=2, up="-y", least_confidence=0.1)
    assert reader.parse((tmp_path / "out/s1_a1.npz").read_bytes(), "s1_a1.npz").bodies_MTVC.shape == (1, 3, 25, 3)


def test_what_a_format_cannot_hold_is_said(kinect, tmp_path, monkeypatch, capsys):
    put_openpose(tmp_path / "in", ["a", "b"])
    assert call(monkeypatch, tmp_path / "in", tmp_path / "out", "--to", "trc") == 1
    assert "places in a picture, and a .trc holds places in the room" in capsys.readouterr().err
    assert call(monkeypatch, tmp_path / "a.npz", tmp_path / "a.trc") == 1
    assert "2 people, and a .trc holds one" in capsys.readouterr().err
    with pytest.raises(UserError, match="several recordings"):
        call(monkeypatch, tmp_path / "in", tmp_path / "one.npz")
    with pytest.raises(UserError, match="exists"):
        call(monkeypatch, tmp_path / "a.npz", tmp_path / "one.npz")
    with pytest.raises(UserError, match="must end in one of"):
        call(monkeypatch, tmp_path / "a.npz", tmp_path / "a.xyz")
    np.save(tmp_path / "b.npy", kinect[0])
    assert call(monkeypatch, tmp_path / "b.npy", tmp_path / "b.csv") == 1
    assert "its fps is not given; say --fps" in capsys.readouterr().err
