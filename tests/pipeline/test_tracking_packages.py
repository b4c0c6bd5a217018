"""C3D, DeepLabCut, Lightning Pose, SLEAP and Anipose: files by each one's own writer, and damaged ones."""

import io
import os
import struct
import sys

import numpy as np
import pytest

from hacm.errors import BadRecording, UserError
from hacm.recordings.poses import PoseReader, apart
from hacm.recordings.poses.contents import NoPoses
from hacm.recordings.poses.reader import read_poses
from hacm.skeletons.topology import Topology

c3d = pytest.importorskip("c3d")
pd = pytest.importorskip("pandas")
sleap_io = pytest.importorskip("sleap_io")

RNG = np.random.default_rng(0)
JOINTS = ("hip", "head", "left hand")
STICK = Topology("stick-3", JOINTS, (-1, 0, 1), (0,), 0)


def write_c3d(points, labels=("hip", "head", "LHND"), unit="mm", y_screen="+Z", rate=120, residual=None):
    """points: (T, V, 3); residual: (T, V), negative where a marker was not seen."""
    writer = c3d.Writer(point_rate=rate, analog_rate=0, point_scale=-1.0)
    residual = np.zeros(points.shape[:2]) if residual is None else residual
    for frame, rest in zip(points, residual, strict=True):
        row = np.column_stack([frame, rest, np.zeros(len(frame))]).astype(np.float32)
        writer.add_frames([(row, np.array([[]]))])
    writer.set_point_labels(list(labels))
    writer.point_group.set_str("UNITS", "", unit, len(unit))
    writer.set_screen_axis("+X", y_screen)
    stream = io.BytesIO()
    writer.write(stream)
    return stream.getvalue()


@pytest.fixture(scope="module")
def c3d_file():
    points = RNG.uniform(-900, 900, (7, 3, 3)).astype(np.float32)
    residual = np.zeros((7, 3))
    residual[3, 1] = -1
    return points, write_c3d(points, residual=residual)


def test_c3d_as_its_bytes_have_it(c3d_file):
    points, data = c3d_file
    start = 512 * (struct.unpack_from("<H", data, 16)[0] - 1)
    held = np.frombuffer(data, "<f4", 7 * 3 * 4, start).reshape(7, 3, 4)[..., :3].astype(float)
    assert np.array_equal(held[0], points[0])
    held[3, 1] = np.nan
    poses = read_poses(data, "a.c3d")
    assert poses.joints == ("hip", "head", "LHND")
    assert np.array_equal(poses.values_MTVC[0], held, equal_nan=True)
    assert (poses.fps, poses.metres, poses.up) == (120, 0.001, "z")


def test_c3d_becomes_a_recording_in_metres_y_up(c3d_file):
    points, data = c3d_file
    recording = PoseReader(STICK, called={"left hand": "LHND"}, nameless=True).finish(read_poses(data, "a.c3d"), "a")
    turned = points[..., [0, 2, 1]] * np.array([1, 1, -1]) / 1000
    turned[3, 1] = np.nan
    np.testing.assert_allclose(recording.bodies_MTVC[0], turned, rtol=1e-6)
    assert recording.fps == 120


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: data[:600], "no C3D, or cut"),
        (lambda data: b"\x02\x00" + data[2:], "no C3D"),
        (lambda data: data[: len(data) - 512], "is the file cut"),
        (lambda data: data[:512] + b"\xff" * 512 + data[1024:], "damaged|markers|cut"),
        (lambda data: b"<html>" + data, "HTML page"),
    ],
)
def test_c3d_damaged(c3d_file, change, says):
    with pytest.raises(BadRecording, match=says):
        read_poses(change(c3d_file[1]), "a.c3d")


def test_c3d_of_another_unit_or_twice_the_same_marker(c3d_file):
    with pytest.raises(BadRecording, match="POINT:UNITS is 'ells'"):
        read_poses(write_c3d(c3d_file[0], unit="ells"), "a.c3d")
    with pytest.raises(BadRecording, match="two markers are called 'hip'"):
        read_poses(write_c3d(c3d_file[0], labels=("hip", "hip", "head")), "a.c3d")


@pytest.mark.parametrize("module", ["c3d", "h5py", "sleap_io"])
def test_without_the_package_one_line_with_the_command(module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    path = {"c3d": "a.c3d", "h5py": "a.h5", "sleap_io": "a.slp"}[module]
    with pytest.raises(UserError, match=r"pip install 'hacm-pipeline\[formats\]'"):
        read_poses(b"", path)


def dlc_frame(individuals=(), coords=("x", "y", "likelihood"), frames=6):
    levels = [["DLC_resnet"], *([list(individuals)] if individuals else []), list(JOINTS), list(coords)]
    names = ["scorer", *(["individuals"] if individuals else []), "bodyparts", "coords"]
    columns = pd.MultiIndex.from_product(levels, names=names)
    return pd.DataFrame(np.round(RNG.uniform(0.1, 500, (frames, len(columns))), 6), columns=columns)


def as_csv(frame):
    return frame.to_csv().encode()


def as_hdf5(frame, tmp_path, **how):
    pytest.importorskip("tables")
    frame.to_hdf(tmp_path / "a.h5", key="df_with_missing", mode="w", **how)
    return (tmp_path / "a.h5").read_bytes()


def expect_table(poses, frame, individuals=("",)):
    scorer = frame.columns[0][0]
    assert poses.joints == JOINTS
    assert (poses.up, poses.pictured, poses.fps) == ("-y", True, None)
    for body, who in enumerate(individuals):
        for number, joint in enumerate(JOINTS):
            key = (scorer, who, joint) if who else (scorer, joint)
            held = frame[key]
            assert np.array_equal(poses.values_MTVC[body, :, number], held[["x", "y"]], equal_nan=True)
            assert np.array_equal(poses.confidence_MTV[body, :, number], held["likelihood"], equal_nan=True)


def test_deeplabcut_and_lightning_pose_csv():
    frame = dlc_frame()
    frame.iloc[2, 3] = np.nan  # x of the head alone: the joint is not there
    poses = read_poses(as_csv(frame), "a.csv")
    frame.iloc[2, 4] = np.nan
    expect_table(poses, frame)


def test_deeplabcut_of_several(tmp_path):
    frame = dlc_frame(("mouse1", "mouse2"))
    expect_table(read_poses(as_csv(frame), "a.csv"), frame, ("mouse1", "mouse2"))
    expect_table(read_poses(as_hdf5(frame, tmp_path, format="table"), "a.h5"), frame, ("mouse1", "mouse2"))


def test_deeplabcut_hdf5_is_read_without_unpickling(tmp_path):
    frame = dlc_frame()
    data = as_hdf5(frame, tmp_path, format="table")
    expect_table(read_poses(data, "a.h5"), frame)
    import h5py

    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["df_with_missing"].attrs["non_index_axes"] = np.bytes_(b"cos\nsystem\n(S'touch harmed'\ntR.")
    with pytest.raises(BadRecording, match="system"):
        read_poses((tmp_path / "a.h5").read_bytes(), "a.h5")
    with pytest.raises(BadRecording, match=r"give its \.csv"):
        read_poses(as_hdf5(frame, tmp_path), "a.h5")


def test_deeplabcut_in_the_room_and_with_gaps():
    frame = dlc_frame(coords=("x", "y", "z"))
    frame.index = [3, 4, 6, 7, 8, 9]
    poses = read_poses(as_csv(frame), "a.csv")
    assert poses.values_MTVC.shape == (1, 7, 3, 3)
    assert np.isnan(poses.values_MTVC[0, 2]).all()
    assert np.array_equal(poses.values_MTVC[0, 3:].reshape(4, -1), frame.to_numpy()[2:])
    assert not poses.pictured
    assert poses.confidence_MTV is None


def test_deeplabcut_damaged():
    text = as_csv(dlc_frame())
    for cut, says in (
        (text[:30], "line 2: names of columns without a line bodyparts"),
        (text[: text.index(b"\n0,")], "line 4: no numbers"),
        (text[:-30], "line 9"),
        (text.replace(b"head,head,head", b"head,head"), "line 4"),
        (text.replace(b"x,y,likelihood", b"x,x,likelihood"), "twice"),
        (text.replace(b"\n0,", b"\nlabeled-data/a/img0.png,"), "labels of single pictures"),
    ):
        with pytest.raises(BadRecording, match=says):
            read_poses(cut, "a.csv")


@pytest.fixture(scope="module")
def labels():
    skeleton = sleap_io.Skeleton(list(JOINTS), edges=[("hip", "head"), ("head", "left hand")])
    tracks = [sleap_io.Track("one"), sleap_io.Track("two")]
    video = sleap_io.Video(filename="a.mp4", open_backend=False)
    frames = []
    for number in (2, 3, 5):  # 4 is not there
        made = [
            sleap_io.PredictedInstance.from_numpy(
                RNG.uniform(1, 400, (3, 2)), skeleton=skeleton, point_scores=RNG.random(3), score=0.5, track=track
            )
            for track in tracks
        ]
        frames.append(sleap_io.LabeledFrame(video=video, frame_idx=number, instances=made))
    frames[1].instances[1].points["xy"][2] = np.nan
    return sleap_io.Labels(frames)


@pytest.mark.parametrize("name", ["a.slp", "a.h5"])
def test_sleap(labels, tmp_path, name):
    labels.save(tmp_path / "a.slp")
    sleap_io.save_analysis_h5(labels, tmp_path / "a.h5")
    poses = read_poses((tmp_path / name).read_bytes(), name)
    assert poses.joints == JOINTS
    assert poses.parents == (-1, 0, 1)
    assert poses.values_MTVC.shape == (2, 4, 3, 2)
    import h5py

    with h5py.File(tmp_path / "a.h5") as file:  # (tracks, 2, nodes, frames), from frame 0
        held = file["tracks"][()].transpose(0, 3, 2, 1)[:, 2:]
        scores = file["point_scores"][()].transpose(0, 2, 1)[:, 2:]
    assert np.array_equal(poses.values_MTVC, held, equal_nan=True)
    seen = np.isfinite(held[..., 0])
    assert np.array_equal(poses.confidence_MTV[seen], scores[seen])
    assert np.isnan(poses.values_MTVC[1, 1, 2]).all()


@pytest.mark.parametrize(("seconds", "says"), [(0.0, "took over 0 s"), (60.0, None)])
def test_hdf5_is_read_in_bounded_time(labels, tmp_path, monkeypatch, seconds, says):
    labels.save(tmp_path / "a.slp")
    data = (tmp_path / "a.slp").read_bytes()
    monkeypatch.setattr(apart, "SECONDS", seconds)
    monkeypatch.setattr(apart, "SECONDS_PER_MEGABYTE", 0.0)
    if says is None:  # the next file is read by another process
        assert read_poses(data, "a.slp").joints == JOINTS
        return
    with pytest.raises(BadRecording, match=says):
        read_poses(data, "a.slp")


def test_a_library_that_crashes_takes_nothing_with_it(labels, tmp_path):
    labels.save(tmp_path / "a.slp")
    data = (tmp_path / "a.slp").read_bytes()
    assert read_poses(data, "a.slp").joints == JOINTS
    apart._SERVERS[os.getpid()]._process.kill()
    with pytest.raises(BadRecording, match="did not survive"):
        read_poses(data, "a.slp")
    assert read_poses(data, "a.slp").joints == JOINTS


def test_sleap_damaged(labels, tmp_path):
    labels.save(tmp_path / "a.slp")
    whole = (tmp_path / "a.slp").read_bytes()
    for data in (whole[:100], whole[: len(whole) // 2], whole[:-1000], b"\x89HDF\r\n\x1a\n" + bytes(3000)):
        for path in ("a.slp", "a.h5"):
            with pytest.raises(BadRecording) as caught:
                read_poses(data, path)
            assert "\n" not in str(caught.value)
    import h5py

    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["values"] = np.arange(3)
    with pytest.raises(NoPoses, match="none of the known forms"):
        read_poses((tmp_path / "other.h5").read_bytes(), "other.h5")


def test_a_small_hdf5_that_unpacks_into_gigabytes_is_refused(labels, tmp_path):
    import h5py

    sleap_io.save_analysis_h5(labels, tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["tracks"]
        file.create_dataset("tracks", (2, 2, 3, 10**9), "f8", compression="gzip", chunks=(1, 1, 1, 10**6))
    with pytest.raises(BadRecording, match="more than"):
        read_poses((tmp_path / "a.h5").read_bytes(), "a.h5")


def test_anipose():
    values = np.round(RNG.uniform(-500, 500, (5, 3, 6)), 4)
    names = [
        f"{joint.replace(' ', '_')}_{end}" for joint in JOINTS for end in ("x", "y", "z", "error", "ncams", "score")
    ]
    table = pd.DataFrame(values.reshape(5, -1), columns=names)
    table["M_00"], table["center_0"], table["fnum"] = 1.0, 0.5, np.arange(5)
    table.loc[2, "hip_y"] = np.nan
    poses = read_poses(table.to_csv(index=False).encode(), "a.csv")
    assert poses.joints == ("hip", "head", "left_hand")
    expected = values[..., :3].copy()
    expected[2, 0] = np.nan
    assert np.array_equal(poses.values_MTVC[0], expected, equal_nan=True)
    assert np.array_equal(poses.confidence_MTV[0], values[..., 5])
    recording = PoseReader(STICK, fps=100, metres=0.001, nameless=True).finish(poses, "a.csv")
    np.testing.assert_allclose(recording.bodies_MTVC[0], expected / 1000, rtol=1e-6)
    with pytest.raises(BadRecording, match="line 6"):
        read_poses(table.to_csv(index=False).encode()[:-60], "a.csv")
