"""What pose estimators write: MediaPipe, OpenPose, COCO, AlphaPose, MMPose. Values are exact."""

import csv
import io
import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hacm.errors import BadRecording, UserError
from hacm.recordings import Excluded, Recording
from hacm.recordings.anywhere import Finder
from hacm.recordings.arrays import ArrayReader
from hacm.recordings.poses import PoseReader
from hacm.recordings.poses.people import follow_people
from hacm.recordings.poses.reader import bring_to_rate, read_poses
from hacm.skeletons.shipped import BODY_25, COCO_17, COCO_18, H36M_17, HALPE_26, KINECT_V2, MEDIAPIPE_33

NAMES = [name.upper().replace(" ", "_") for name in MEDIAPIPE_33.recorded]
RNG = np.random.default_rng(0)
CASE = Path("/work/shared/cases/own/30-mediapipe33-csv")


def landmarks(frames=4, columns=4):
    """x, y, z and visibility, as a table can hold them exactly."""
    return np.round(RNG.uniform(0.1, 0.9, (frames, 33, columns)), 4)


def table(header, rows):
    stream = io.StringIO()
    csv.writer(stream).writerows([header, *rows])
    return stream.getvalue().encode()


def header_of(style):
    values = ("x", "y", "z", "visibility")
    return {
        "names": [f"{name}_{value}" for name in NAMES for value in values],
        "from one": [f"{value[0]}{number}" for number in range(1, 34) for value in values],
        "from zero": [f"{value[0]}{number}" for number in range(33) for value in values],
        "landmark": [f"landmark_{number}_{value}" for number in range(33) for value in values],
        "spoken": [f"{name.replace('_', ' ').title()} {value.upper()}" for name in NAMES for value in values],
    }[style]


@pytest.mark.parametrize("style", ["names", "from one", "from zero", "landmark", "spoken"])
def test_mediapipe_csv_in_every_style(style):
    values = landmarks()
    poses = read_poses(table(header_of(style), values.reshape(4, -1).tolist()), "a.csv")
    np.testing.assert_array_equal(poses.values_MTVC[0], values[..., :3])
    np.testing.assert_array_equal(poses.confidence_MTV[0], values[..., 3])
    assert (poses.joints, poses.up, poses.pictured, poses.metres) == (MEDIAPIPE_33.recorded, "-y", True, None)


def test_mediapipe_csv_with_a_word_before_the_numbers_and_frames_left_out():
    values = landmarks()
    rows = [[frame, "wave", *row] for frame, row in zip((3, 4, 7, 8), values.reshape(4, -1).tolist(), strict=True)]
    poses = read_poses(table(["frame", "class", *header_of("from one")], rows), "a.csv")
    assert poses.values_MTVC.shape == (1, 6, 33, 3)
    np.testing.assert_array_equal(poses.values_MTVC[0, [0, 1, 4, 5]], values[..., :3])
    assert np.isnan(poses.values_MTVC[0, [2, 3]]).all()
    assert [note.text for note in poses.notes] == [
        "not read: 'class'",
        "frames that its numbers or times leave out, taken as absent: 2 of 6",
    ]


def test_a_number_too_many_is_no_landmark():
    values = landmarks()
    rows = np.concatenate([values.reshape(4, -1), np.ones((4, 1))], axis=1)
    poses = read_poses(table([*header_of("from zero"), "v33"], rows.tolist()), "a.csv")
    np.testing.assert_array_equal(poses.values_MTVC[0], values[..., :3])
    assert [note.text for note in poses.notes] == ["not read: 'v33'"]


@pytest.mark.parametrize("named", [True, False])
def test_mediapipe_csv_a_line_a_landmark(named):
    values = landmarks()
    rows = [
        [frame, NAMES[joint] if named else joint, *values[frame, joint].tolist()]
        for frame in range(4)
        for joint in range(33)
    ]
    data = table(["frame", "landmark", "x", "y", "z", "visibility"], rows)
    poses = read_poses(data, "a.csv")
    np.testing.assert_array_equal(poses.values_MTVC[0], values[..., :3])
    np.testing.assert_array_equal(poses.confidence_MTV[0], values[..., 3])
    with pytest.raises(
        BadRecording, match="line 134: landmark 0 occurs twice in frame 3; several people need a column"
    ):
        read_poses(data + table([3, 0, 1, 1, 1, 1], []), "a.csv")


def test_mediapipe_world_coordinates_are_metres():
    values = landmarks()
    values[..., :3] = np.round(values[..., :3] - values[:, [23, 24], :3].mean(axis=1, keepdims=True), 6)
    both = np.concatenate([landmarks().reshape(4, -1), values.reshape(4, -1)], axis=1)
    header = header_of("names") + [f"world_{name}" for name in header_of("names")]
    poses = read_poses(table(header, both.tolist()), "a.csv")
    np.testing.assert_array_equal(poses.values_MTVC[0], values[..., :3])
    assert (poses.metres, poses.pictured) == (1.0, False)
    recording = PoseReader(MEDIAPIPE_33, fps=30, nameless=True).finish(poses, "a.csv")
    turned = (values[..., :3] * [1, -1, -1]).astype(np.float32)
    np.testing.assert_array_equal(recording.bodies_MTVC[0, :, :33], turned)


def point(row):
    return dict(zip(("x", "y", "z", "visibility"), row, strict=True))


@pytest.mark.parametrize("form", ["list", "objects", "several", "lists", "protocol"])
def test_mediapipe_json(form):
    values = landmarks()
    frames = [[point(row) for row in frame] for frame in values.tolist()]
    content = {
        "list": frames,
        "objects": {"fps": 25, "frames": [{"frame": at, "pose_landmarks": one} for at, one in enumerate(frames)]},
        "several": [{"landmarks": [one]} for one in frames],
        "lists": values.tolist(),
        "protocol": [{"poseLandmarks": {"landmark": one}} for one in frames],
    }[form]
    poses = read_poses(json.dumps(content).encode(), "a.json")
    np.testing.assert_array_equal(poses.values_MTVC[0], values[..., :3])
    np.testing.assert_array_equal(poses.confidence_MTV[0], values[..., 3])
    assert poses.fps == (25 if form == "objects" else None)


def test_mediapipe_json_where_nobody_is_seen():
    values = landmarks().tolist()
    poses = read_poses(json.dumps([None, values[0], [], values[1]]).encode(), "a.json")
    assert poses.values_MTVC.shape == (1, 4, 33, 3)
    assert np.isnan(poses.values_MTVC[0, [0, 2]]).all()
    assert poses.notes == ()


@pytest.mark.skipif(not CASE.exists(), reason="the case is not here")
def test_mediapipe_as_somebody_wrote_it():
    words = ("clap", "kick", "squat", "wave")
    reader = PoseReader(MEDIAPIPE_33, names="{action}/P{subject}_{replication}", fps=30, actions=words)
    for path in sorted(CASE.rglob("*.csv")):
        recording = reader.parse(path.read_bytes(), path.relative_to(CASE).as_posix())
        rows = list(csv.DictReader(io.StringIO(path.read_text())))
        at = [int(row["frame"]) - int(rows[0]["frame"]) for row in rows]
        wanted = np.array([[[float(row[f"{name}_{axis}"]) for axis in "xyz"] for name in NAMES] for row in rows])
        seen = recording.bodies_MTVC[0, at][:, :33]
        scale = 1.7 / np.median(np.ptp(wanted, axis=1).max(axis=-1))
        np.testing.assert_allclose(seen, wanted * scale * [1, -1, -1], rtol=1e-6, atol=1e-7)
        assert recording.bodies_MTVC.shape[1] == at[-1] + 1
        assert recording.identity.action == words.index(path.parent.name)
        assert recording.identity.subject == int(path.name[1])


def people(count, joints, seed=0):
    """x, y and confidence, pixels; the second joint of the first was not found."""
    values = np.random.default_rng(seed).integers(100, 900, (count, joints, 3)).astype(float)
    values[..., 2] = 0.5
    values[:1, 1] = 0
    return values


def openpose_frame(values, who=None):
    persons = [
        {"person_id": [-1 if who is None else who[number]], "pose_keypoints_2d": one.ravel().tolist()}
        for number, one in enumerate(values)
    ]
    return json.dumps({"version": 1.3, "people": persons}).encode()


@pytest.mark.parametrize("topology", [BODY_25, COCO_18])
def test_openpose(topology):
    values = people(1, len(topology.recorded))
    poses = read_poses(openpose_frame(values), "a_000000000000_keypoints.json")
    wanted = values[..., :2].copy()
    wanted[0, 1] = np.nan
    np.testing.assert_array_equal(poses.values_MTVC[:, 0], wanted)
    np.testing.assert_array_equal(poses.confidence_MTV[:, 0], values[..., 2])
    assert poses.joints == topology.recorded
    recording = PoseReader(topology, fps=30, dimensions=2, up="-y", nameless=True).finish(poses, "a.json")
    assert recording.bodies_MTVC.shape == (1, 1, len(topology.joints), 3)
    assert np.nanmax(np.ptp(recording.bodies_MTVC[0, 0][~np.isnan(recording.bodies_MTVC[0, 0, :, 0])], axis=0)) == (
        pytest.approx(1.7, rel=1e-6)
    )


def test_openpose_in_three_dimensions_as_one_recording_of_many_files(tmp_path):
    values = np.random.default_rng(3).uniform(0.5, 1, (3, 25, 4))
    for frame, one in zip((10, 11, 13), values, strict=True):
        person = {"pose_keypoints_2d": [], "pose_keypoints_3d": one.ravel().tolist()}
        file = tmp_path / "takes" / f"wave_{frame:012}_keypoints.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"people": [person]}))
    finder = Finder(ArrayReader(BODY_25, fps=30.0, nameless=True))
    (found,) = finder.find(tmp_path)
    assert isinstance(found, Recording)
    assert (found.identity.name, found.topology) == ("takes/wave", BODY_25)
    np.testing.assert_array_equal(found.bodies_MTVC[0, [0, 1, 3]], values[..., :3].astype(np.float32))
    assert np.isnan(found.bodies_MTVC[0, 2]).all()
    (tmp_path / "takes" / "wave_000000000012_keypoints.json").write_text("{")
    (left_out,) = finder.find(tmp_path)
    assert isinstance(left_out, Excluded)
    assert str(left_out.reason) == (
        "wave_000000000012_keypoints.json: line 1, column 2: no JSON from here on; is the file cut?"
    )


def test_places_in_a_picture_are_refused_where_a_model_takes_the_room(tmp_path):
    (tmp_path / "a_000000000000_keypoints.json").write_bytes(openpose_frame(people(1, 25)))
    (left_out,) = Finder(ArrayReader(BODY_25, fps=30.0, nameless=True)).find(tmp_path)
    assert isinstance(left_out, Excluded)
    assert "two dimensions" in str(left_out.reason)


def results(frames, joints, form="coco"):
    """Two people in `frames` pictures as a list of results, and what they are (frames, 2, joints, 3)."""
    values = np.stack([people(2, joints, seed) for seed in range(frames)])
    rows = [
        {
            "image_id": frame + 1 if form == "coco" else f"{frame}.jpg",
            "category_id": 1,
            "keypoints": values[frame, who].ravel().tolist(),
            "score": 2.5,
            ("track_id" if form == "coco" else "idx"): who + 1,
        }
        for frame in range(frames)
        for who in range(2)
    ]
    return rows, values


@pytest.mark.parametrize(("form", "joints", "topology"), [("coco", 17, COCO_17), ("alphapose", 26, HALPE_26)])
def test_results_of_coco_and_alphapose(form, joints, topology):
    rows, values = results(3, joints, form)
    poses = read_poses(json.dumps(rows[::-1]).encode(), "a.json")
    wanted = values[..., :2].copy()
    wanted[:, 0, 1] = np.nan
    np.testing.assert_array_equal(np.sort(poses.values_MTVC, axis=0), np.sort(wanted.swapaxes(0, 1), axis=0))
    assert poses.joints == topology.recorded
    assert poses.notes == ()


def test_annotations_of_coco_with_names_of_pictures_and_a_gap():
    rows, values = results(3, 17)
    images = [{"id": 7 + at, "file_name": f"take/img_{5 + (at, 1, 3)[at]:05}.jpg"} for at in range(3)]
    annotations = [row | {"id": at, "image_id": row["image_id"] + 6} for at, row in enumerate(rows)]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
    poses = read_poses(json.dumps(content).encode(), "a.json")
    assert poses.values_MTVC.shape == (2, 4, 17, 2)
    np.testing.assert_array_equal(poses.values_MTVC[1, [0, 1, 3]], values[:, 1, :, :2])
    assert np.isnan(poses.values_MTVC[:, 2]).all()
    images[0]["file_name"] = "other/img_00005.jpg"
    with pytest.raises(BadRecording, match="pictures of 2 folders in one file"):
        read_poses(json.dumps(content).encode(), "a.json")


@pytest.mark.parametrize("wrapped", [True, False])
def test_mmpose(wrapped):
    values = np.stack([people(2, 17, seed) for seed in range(3)])
    frames = [
        {
            "frame_id": at,
            "instances": [
                {"keypoints": one[:, :2].tolist(), "keypoint_scores": one[:, 2].tolist(), "track_id": who}
                for who, one in enumerate(frame)
            ],
        }
        for at, frame in enumerate(values)
    ]
    content = {"meta_info": {"dataset_name": "coco"}, "instance_info": frames} if wrapped else frames
    poses = read_poses(json.dumps(content).encode(), "a.json")
    np.testing.assert_array_equal(poses.values_MTVC[1], values[:, 1, :, :2])
    np.testing.assert_array_equal(poses.confidence_MTV[0], values[:, 0, :, 2])
    assert np.isnan(poses.values_MTVC[0, :, 1]).all()


def test_mmpose_in_the_room_is_not_mirrored():
    """Somebody faces the camera: the left shoulder is on the right of the picture."""
    camera = np.tile([0.0, 0.0, 4.0], (17, 1))
    left, right, head = (H36M_17.recorded.index(name) for name in ("left shoulder", "right shoulder", "head"))
    camera[left, 0], camera[right, 0], camera[head, 1] = 0.2, -0.2, -0.6  # x to the right, y down, z away
    written = camera[:, [0, 2, 1]] * [-1, 1, -1]  # as MMPose's inferencer has it
    written[:, 2] -= written[:, 2].min()
    frame = {"frame_id": 0, "instances": [{"keypoints": written.tolist(), "keypoint_scores": [0.9] * 17}]}
    poses = read_poses(json.dumps([frame, frame | {"frame_id": 1}]).encode(), "a.json")
    body = PoseReader(H36M_17, fps=30, nameless=True).finish(poses, "a").bodies_MTVC[0, 0]
    facing = np.array([0, 0, 1.0])  # towards the camera, which looks along z: (x, y, z) → (x, −y, −z)
    np.testing.assert_allclose(body[left] - body[right], [0.4, 0, 0], atol=1e-6)
    assert body[head, 1] > body[left, 1]
    np.testing.assert_allclose(np.cross([0, 1, 0], facing), [1, 0, 0])  # the left of somebody who faces so


def test_keypoints_behind_a_known_skeleton_are_told():
    rows, values = results(2, 133)
    poses = read_poses(json.dumps(rows).encode(), "a.json")
    np.testing.assert_array_equal(poses.values_MTVC[1], values[:, 1, :17, :2])
    assert [note.text for note in poses.notes] == ["not read: keypoints behind the first 17: 116"]


def test_who_is_not_told_is_followed():
    """Two people who pass within a body's width of each other, the order in the file at random."""
    frames, body = 30, np.random.default_rng(1).uniform(0, 100, (17, 2))
    ways = np.stack([np.linspace(0, 600, frames), np.linspace(600, 0, frames)])
    rows, who = [], []
    for frame in range(frames):
        order = RNG.permutation(2)
        rows += [body + np.array([ways[one, frame], 160 * one]) for one in order]
        who += order.tolist()
    found = follow_people(np.repeat(np.arange(frames), 2).astype(float), np.stack(rows))
    assert (found == np.array(who) ^ who[0]).all()


def test_somebody_far_away_is_another():
    body = np.random.default_rng(1).uniform(0, 100, (17, 2))
    found = follow_people(np.arange(3.0), np.stack([body, body + 500, body + 10]))
    assert found.tolist() == [0, 1, 0]
    with warnings.catch_warnings(action="error"):
        assert follow_people(np.arange(2.0), np.stack([body, body + 1e300])).tolist() == [0, 1]


def test_who_is_not_told_is_said_where_several_are_seen():
    values = people(2, 25)
    poses = read_poses(openpose_frame(values), "a.json")
    assert [note.text for note in poses.notes] == ["who is who is not said: 2 tracks, followed by nearness"]
    assert read_poses(openpose_frame(values, who=(4, 2)), "a.json").notes == ()
    with pytest.raises(BadRecording, match="the same frame"):
        read_poses(openpose_frame(values, who=(4, 4)), "a.json")


def test_low_confidence_is_not_seen_and_rates_are_brought():
    values = landmarks(5)
    poses = read_poses(table(header_of("names"), values.reshape(5, -1).tolist()), "a.csv")
    reader = PoseReader(MEDIAPIPE_33, fps=30, nameless=True, least_confidence=0.5)
    seen = np.isfinite(reader.finish(poses, "a.csv").bodies_MTVC[0, :, :33, 0])
    np.testing.assert_array_equal(seen, values[..., 3] >= 0.5)
    whole = PoseReader(MEDIAPIPE_33, fps=30, nameless=True).finish(poses, "a.csv")
    halved = PoseReader(MEDIAPIPE_33, fps=30, nameless=True, resample=15).finish(poses, "a.csv")
    np.testing.assert_array_equal(halved.bodies_MTVC, whole.bodies_MTVC[:, ::2])
    assert halved.fps == 15
    assert halved.notes[-1].text == "brought from 30 to 15 frames/s"


def test_another_rate_lies_on_straight_lines():
    """A body that moves evenly is where it would be, and what was not seen stays so."""
    way = np.linspace(0, 1, 61, dtype=np.float32)[None, :, None, None] * np.ones((1, 1, 2, 3), np.float32)
    brought = bring_to_rate(way, 60, 25)
    assert brought.shape == (1, 26, 2, 3)
    np.testing.assert_allclose(brought[0, :, 0, 0], np.linspace(0, 1, 26), atol=1e-6)
    way[0, 30] = np.nan
    assert np.isnan(bring_to_rate(way, 60, 60)[0, 30]).all()
    assert np.isfinite(bring_to_rate(way, 60, 20)[0, [9, 11]]).all()


def test_joints_by_other_names():
    values = landmarks()
    poses = replace(read_poses(json.dumps(values.tolist()).encode(), "a.json"), metres=1.0, pictured=False)
    renamed = replace(poses, joints=("NASE", *poses.joints[1:]))
    reader = PoseReader(MEDIAPIPE_33, fps=30, nameless=True)
    with pytest.raises(BadRecording, match="no joint 'nose' of mediapipe-33"):
        reader.finish(renamed, "a.json")
    named = replace(reader, called={"nose": ("NASE", "left eye")}).finish(renamed, "a.json")
    middle = values[:, [0, 2], :3].mean(axis=1) * [1, -1, -1]
    np.testing.assert_array_equal(named.bodies_MTVC[0, :, 0], middle.astype(np.float32))
    with pytest.raises(UserError, match="'snout' is no joint of mediapipe-33"):
        replace(reader, called={"snout": "NASE"})


def test_the_shape_of_the_picture():
    """Shares of a picture twice as wide as high: x, and z with it, count twice."""
    values = landmarks()
    poses = read_poses(json.dumps(values.tolist()).encode(), "a.json")
    (body,) = PoseReader(MEDIAPIPE_33, fps=30, nameless=True, aspect=2).finish(poses, "a.json").bodies_MTVC
    wanted = values[..., :3] * [2, -1, -2]
    np.testing.assert_allclose(body[:, :33] / body[:, :1], wanted / wanted[:, :1], rtol=1e-5)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "line 1, column 1: no JSON from here on; is the file cut?"),
        (b"[" * 100_000, "JSON that is nested too deep, or has a number that is too long"),
        (b"\xff{}", "no UTF-8 text, so no JSON"),
        (b"{}", "JSON of none of the known forms: COCO keypoints, MMPose, OpenPose, MediaPipe"),
        (b'{"people": []}', "nobody is seen in any frame"),
        (b'{"people": [{"pose_keypoints_2d": [1, 2]}]}', "pose_keypoints_2d are 2 numbers, not 3 for each joint"),
        (b'{"people": [{"pose_keypoints_2d": [1, 2, 1]}]}', "a person has 1 joints; known are the models of 25 and 18"),
        (b'{"people": [{"pose_keypoints_2d": "abc"}]}', "pose_keypoints_2d is no regular list of numbers"),
        (b'[{"image_id": 1, "keypoints": [1, 2, 3]}]', "a person has 1 keypoints; known are those of 17, 26, 133, 136"),
        (b'[{"image_id": -1, "keypoints": [1, 2, 3]}]', "image_id is '-1', not a whole number"),
        (b'{"images": [], "annotations": [{"image_id": 4, "keypoints": [1, 2, 3]}]}', "is not among the images"),
        (b'[{"frame_id": 1, "instances": [3]}]', "frame 1: a person is no JSON object"),
        (b"version https://git-lfs.github.com/spec/v1", "git-LFS pointer"),
    ],
)  # fmt: skip
def test_damaged_json_is_one_line(content, reason):
    with pytest.raises(BadRecording) as caught:
        read_poses(content, "a.json")
    assert reason in str(caught.value)


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_file_that_is_cut_is_one_line(cut):
    rows, _ = results(2, 17)
    for data in (json.dumps(rows).encode(), json.dumps(landmarks().tolist()).encode()):
        with pytest.raises(BadRecording, match="is the file cut"):
            read_poses(data[: len(data) * cut // 20], "a.json")


def test_arrays_and_tables_of_another_kind_are_read_as_before(tmp_path):
    np.savetxt(tmp_path / "a.csv", RNG.normal(size=(4, 75)), delimiter=",")
    (tmp_path / "b.json").write_text("{}")
    finder = Finder(ArrayReader(KINECT_V2, fps=30.0, nameless=True))
    (first,) = finder.find(tmp_path)  # a JSON without poses is no recording, unless it is asked for
    (second,) = finder.find(tmp_path / "b.json")
    assert isinstance(first, Recording)
    assert isinstance(second, Excluded)
