"""Prepared files of other codebases: each clip comes out as the script put it in, one at a time, or is named with why not."""

import pickle
import random
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from hacm.cleaning import CleaningSettings, clean
from hacm.errors import UserError
from hacm.recordings import Excluded, RawFile, RawRecording, Recording
from hacm.recordings.bodies import as_bodies
from hacm.recordings.notes import Kind
from hacm.recordings.prepared import NtuNpz, PysklAnnotations, StGcnArrays
from hacm.recordings.prepared.clips import PreparedReader
from hacm.skeletons.shipped import COCO_17, KINECT_V2, UI_PRMD
from pipeline.datasets import DataSet, SplitRule
from pipeline.exports import LabelledClips, ntu_npz, pyskl
from pipeline.ingest.gathering import find_files, find_unread, hash_raw, member_names_of, read_raw
from pipeline.ingest.parsing import read_recordings
from tests.helpers.prepared_files import Bodies, write_ntu_npz, write_pyskl, write_st_gcn

NTU_NAMES = "S{setup}C{camera}P{subject}R{replication}A{action}"
AS_IT_IS = CleaningSettings(strategy="none")


def moving(bodies: int, frames: int, seed: int) -> Bodies:
    """A clip as the scripts have it: the spine of the first body's first frame is the origin."""
    values = np.random.default_rng(seed).normal(size=(bodies, frames, 25, 3)).astype(np.float32)
    return values - values[0, 0, 1]


def made_up() -> dict[str, tuple[Bodies, int]]:
    """By name, bodies and label: one or two bodies, the second at times absent, and as short and long as clips are."""
    shapes = [(1, 20), (2, 31), (1, 300), (2, 300), (1, 1), (2, 44), (1, 87)]
    clips = {
        f"S{number:03}C{1 + number % 3:03}P{number:03}R002A{1 + number % 4:03}": (moving(*shape, number), number % 4)
        for number, shape in enumerate(shapes, start=1)
    }
    clips["S006C001P006R002A003"][0][1, 10:20] = 0
    return clips


def dataset(reader: PreparedReader, **changes: Any) -> DataSet:
    definition = DataSet(
        name="theirs", title="Theirs", topology=reader.topology, reader=reader, actions=("a", "b", "c", "d"),
        splits={"xsub": SplitRule("xsub_part", frozenset({"train"}))}, contents="one prepared file",
    )  # fmt: skip
    return replace(definition, **changes)


def ingest(folder: Path, reader: PreparedReader) -> dict[str, Recording | Excluded]:
    """All that is read of a folder of raw files, as the stages read it."""
    source = dataset(reader)
    found = [
        one
        for r in read_recordings(read_raw(find_files(folder, source), source, None), source, workers=1)
        for one in r.found
    ]
    named = {one.name if isinstance(one, Excluded) else one.identity.name: one for one in found}
    assert len(named) == len(found)
    return named


def same_values(found: Recording | Excluded, bodies: Bodies) -> bool:
    """Whether the clip that is made of a recording has these values, to the last bit."""
    assert isinstance(found, Recording)
    cleaned = clean(found, AS_IT_IS).bodies_MTVC
    return cleaned.shape == bodies.shape and cleaned.tobytes() == bodies.tobytes()


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    return folder


def in_parts(clips: dict[str, tuple[Bodies, int]]) -> dict[str, list[tuple[Bodies, int]]]:
    values = list(clips.values())
    return {"train": values[:4], "test": values[4:]}


@pytest.mark.parametrize("one_hot", [True, False])
def test_npz_of_the_ntu_scripts(raw: Path, one_hot: bool) -> None:
    parts = in_parts(made_up())
    write_ntu_npz(raw / "NTU60_CS.npz", parts, one_hot=one_hot)
    found = ingest(raw, NtuNpz(KINECT_V2))
    assert list(found) == [f"{part}-{number:06}" for part in parts for number in range(len(parts[part]))]
    for part, clips in parts.items():
        for number, (bodies, label) in enumerate(clips):
            one = found[f"{part}-{number:06}"]
            assert same_values(one, bodies)
            assert isinstance(one, Recording)
            assert (one.identity.action, one.identity.xsub_part, one.identity.xview_part) == (label, part, None)
            assert (one.identity.subject, one.identity.camera) == (None, None)
            assert (one.fps, one.notes) == (30, ())


def test_npz_by_cameras_compressed_and_other_arrays(raw: Path) -> None:
    parts = in_parts(made_up())
    write_ntu_npz(raw / "plain.npz", parts)
    with np.load(raw / "plain.npz") as file:
        np.savez_compressed(raw / "NTU60_CV.npz", **file, x_val=np.zeros(3))
    (raw / "plain.npz").unlink()
    found = ingest(raw, NtuNpz(KINECT_V2, rule="xview"))
    one = found["test-000002"]
    assert same_values(one, parts["test"][2][0])
    assert isinstance(one, Recording)
    assert (one.identity.xsub_part, one.identity.xview_part) == (None, "test")
    assert [(note.kind, note.words) for note in one.notes] == [(Kind.NOT_READ, "x_val")]


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_annotations_of_pyskl(raw: Path, dtype: str, protocol: int) -> None:
    clips = made_up()
    names = list(clips)
    split = {"xsub_train": names[:3], "xsub_val": names[3:6], "xview_train": names[::2], "xview_val": names[1::2]}
    write_pyskl(raw / "ntu60_3danno.pkl", clips, split, dtype=dtype, protocol=protocol)
    found = ingest(raw, PysklAnnotations(KINECT_V2, names=NTU_NAMES, xview=("xview_train", "xview_val")))
    assert list(found) == names
    for number, (name, (bodies, label)) in enumerate(clips.items()):
        one = found[name]
        rounded = bodies.astype(dtype).astype(np.float32)
        assert same_values(one, rounded - rounded[0, 0, 1])
        assert isinstance(one, Recording)
        identity = one.identity
        assert (identity.setup, identity.camera, identity.subject) == tuple(int(name[at : at + 3]) for at in (1, 5, 9))
        assert (identity.action, identity.replication) == (label, 2)
        assert identity.xsub_part == ("train" if number < 3 else "test" if number < 6 else None)
        assert identity.xview_part == ("train" if number % 2 == 0 else "test")


def filmed(bodies: int, frames: int, seed: int) -> tuple[Bodies, NDArray[np.float32]]:
    """Pixels of COCO's 17 joints (M, T, 17, 2), y downwards, and their scores; joints of score 0 stand at 0, 0."""
    chance = np.random.default_rng(seed)
    pixels = np.round(chance.uniform((300, 200), (700, 900), (bodies, frames, 17, 2))).astype(np.float32)
    scores = chance.uniform(0.5, 1, (bodies, frames, 17)).astype(np.float32)
    lost = chance.random(scores.shape) < 0.1
    pixels[lost], scores[lost] = 0, 0
    return pixels, scores


def in_metres(pixels: Bodies, scores: NDArray[np.float32], least: float) -> Bodies:
    """What a file of such pixels says, joint by joint: 1.7 m is the median of what bodies span, and y grows upwards."""
    spans = []
    for body, frame in np.ndindex(pixels.shape[:2]):
        there = [tuple(map(float, pixels[body, frame, j])) for j in range(17) if scores[body, frame, j] >= least]
        spans.append(max(max(axis) - min(axis) for axis in zip(*there, strict=True)))
    unit = 1.7 / float(np.median(spans))
    found = np.full((*pixels.shape[:2], 19, 3), np.nan)
    for body, frame, joint in np.ndindex(scores.shape):
        if scores[body, frame, joint] >= least:
            x, y = pixels[body, frame, joint]
            found[body, frame, joint] = (float(x) * unit, -float(y) * unit, 0)
    found[:, :, 17] = (found[:, :, 5] + found[:, :, 6]) / 2  # the neck, between the shoulders
    found[:, :, 18] = (found[:, :, 11] + found[:, :, 12]) / 2  # the mid hip
    return found.astype(np.float32)


FILMED = PysklAnnotations(COCO_17, dimensions=2, up="-y", xsub=("train", "val"), least_confidence=0.3)


@pytest.mark.parametrize("dtype", ["f2", "f4"])
def test_annotations_of_pyskl_of_two_dimensions(raw: Path, dtype: str) -> None:
    """Whole numbers of pixels are the same in half precision."""
    made = {f"clip{number}": filmed(*shape, number) for number, shape in enumerate([(1, 20), (2, 9), (1, 1), (2, 40)])}
    scores = {name: scores for name, (_, scores) in made.items()}
    split = {"train": ["clip0", "clip2"], "val": ["clip1", "clip3"]}
    clips = {name: (pixels, number) for number, (name, (pixels, _)) in enumerate(made.items())}
    write_pyskl(raw / "hrnet.pkl", clips, split, dtype=dtype, scores=scores)
    found = ingest(raw, FILMED)
    assert list(found) == list(made)
    for name, (pixels, label) in clips.items():
        one = found[name]
        assert isinstance(one, Recording)
        np.testing.assert_allclose(one.bodies_MTVC, in_metres(pixels, scores[name], 0.3), rtol=2e-6, atol=1e-6)
        assert np.isnan(one.bodies_MTVC[:, :, :17]).any(axis=3).sum() == (scores[name] == 0).sum()
        assert (one.identity.action, one.identity.xsub_part) == (label, "train" if name in split["train"] else "test")
        assert (one.topology, one.notes) == (COCO_17, ())


def test_scores_are_read_where_they_are_asked_for_and_fit(raw: Path) -> None:
    pixels, scores = filmed(1, 9, 1)
    wrong = {"few": scores[:, :8], "flat": scores[0], "words": "0.9"}
    annotations = [
        {"frame_dir": name, "label": 0, "keypoint": pixels, "keypoint_score": one, "total_frames": 9}
        for name, one in ({"fine": scores} | wrong).items()
    ]
    annotations.append({"frame_dir": "none", "label": 0, "keypoint": pixels, "total_frames": 9})
    names = [one["frame_dir"] for one in annotations]
    (raw / "a.pkl").write_bytes(pickle.dumps({"split": {"train": names, "val": []}, "annotations": annotations}))
    faults = {name: str(one.reason) for name, one in ingest(raw, FILMED).items() if isinstance(one, Excluded)}
    assert faults == {
        "few": "its keypoint_score of shape (1, 8, 17) does not fit keypoint of (1, 9, 17, 2)",
        "flat": "its annotation has no array keypoint_score of the axes bodies, frames, joints",
        "words": "its annotation has no array keypoint_score of the axes bodies, frames, joints",
        "none": "it has no confidence for its joints, which least_confidence needs",
    }
    ignored = ingest(raw, replace(FILMED, least_confidence=0.0))
    for name, one in ignored.items():
        assert isinstance(one, Recording)
        unread = [] if name == "none" else [(Kind.NOT_READ, "keypoint_score")]
        assert [(note.kind, note.words) for note in one.notes] == unread
        assert np.isfinite(one.bodies_MTVC).all()


def test_what_coordinates_mean_may_be_said_of_any_prepared_file(raw: Path) -> None:
    """Mirrored, with −1 for what was not seen: in an .npz and in arrays as in as_bodies."""
    bodies = moving(1, 12, 1)
    bodies[0, 3, 7], bodies[0, 4] = -1, -1
    write_ntu_npz(raw / "x.npz", {"train": [(bodies, 0)], "test": [(bodies, 1)]})
    write_st_gcn(raw, "train", {"a": (bodies, 0)})
    expected, _ = as_bodies(bodies, KINECT_V2, mirrored=True, unseen=(-1,))
    assert np.isnan(expected).all(axis=3).sum() == 1 + 25
    for reader, name in (
        (NtuNpz(KINECT_V2, mirrored=True, unseen=(-1,)), "train-000000"),
        (StGcnArrays(KINECT_V2, mirrored=True, unseen=(-1,)), "a"),
    ):
        one = ingest(raw, reader)[name]
        assert isinstance(one, Recording)
        np.testing.assert_array_equal(one.bodies_MTVC, expected)


def test_an_npz_of_two_dimensions(raw: Path) -> None:
    pixels, _ = filmed(2, 9, 1)
    pixels[pixels == 0] = 500
    rows = np.concatenate(
        [np.concatenate([frame.reshape(-1) for frame in both]) for both in pixels.transpose(1, 0, 2, 3)]
    )
    x = np.concatenate([rows.reshape(1, 9, 68), np.zeros((1, 3, 68))], axis=1).astype(np.float32)
    np.savez(raw / "x.npz", x_train=x, y_train=np.eye(1, 2), x_test=x, y_test=np.eye(1, 2))
    one = ingest(raw, NtuNpz(COCO_17, dimensions=2, up="-y"))["train-000000"]
    assert isinstance(one, Recording)
    np.testing.assert_allclose(one.bodies_MTVC, in_metres(pixels, np.ones((2, 9, 17)), 0), rtol=2e-6, atol=1e-6)


CASE = Path(__file__).parents[2].parent / "shared" / "cases" / "own" / "32-coco17" / "coco17.pkl"


@pytest.mark.real
@pytest.mark.skipif(not CASE.exists(), reason="the cases are not here")
def test_a_file_of_coco_17_that_somebody_made(raw: Path) -> None:
    (raw / CASE.name).write_bytes(CASE.read_bytes())
    reader = replace(FILMED, names="P{subject}_A{action}_{replication}", first_action=0)
    found = ingest(raw, reader)
    theirs = {one["frame_dir"]: one for one in pickle.loads(CASE.read_bytes())["annotations"]}
    assert (len(found), set(found)) == (36, set(theirs))
    lost = 0
    for name, one in found.items():
        assert isinstance(one, Recording)
        pixels, scores = theirs[name]["keypoint"].astype(np.float32), theirs[name]["keypoint_score"]
        np.testing.assert_allclose(one.bodies_MTVC, in_metres(pixels, scores, 0.3), rtol=2e-6, atol=1e-6)
        assert (one.identity.subject, one.identity.action) == (int(name[1]), theirs[name]["label"])
        assert one.identity.xsub_part == ("test" if name.startswith("P3") else "train")
        lost += int(np.isnan(one.bodies_MTVC[..., :17, 0]).sum())
    assert lost == sum(int((one["keypoint_score"] < 0.3).sum()) for one in theirs.values()) > 0


def test_arrays_of_st_gcn(raw: Path) -> None:
    clips = made_up()
    train, val = dict(list(clips.items())[:5]), dict(list(clips.items())[5:])
    write_st_gcn(raw / "xsub", "train", {f"{name}.skeleton": clip for name, clip in train.items()})
    write_st_gcn(raw / "xsub", "val", val)
    np.save(raw / "xsub" / "train_data_bone.npy", np.zeros(3))
    found = ingest(raw, StGcnArrays(KINECT_V2, names=NTU_NAMES))
    assert set(found) == set(clips)
    for name, (bodies, label) in clips.items():
        one = found[name]
        assert same_values(one, bodies)
        assert isinstance(one, Recording)
        assert (one.identity.action, one.identity.subject) == (label, int(name[9:12]))
        assert one.identity.xsub_part == ("train" if name in train else "test")
    source = dataset(StGcnArrays(KINECT_V2))
    unread, count = find_unread(raw, find_files(raw, source), source)
    assert ([path.name for path in unread], count) == (["train_data_bone.npy"], 5)


def test_arrays_of_cmd_and_usdrl(raw: Path) -> None:
    """Labels are float64, what follows a clip's end repeats it, and a clip of over 300 frames was cut."""
    clips = {f"0002-L.txt_{number}": clip for number, clip in enumerate(made_up().values())}
    clips["0003-M.txt_0"] = (moving(2, 412, 99), 2)
    for part in ("train", "val"):
        chosen = {
            name: clip for number, (name, clip) in enumerate(clips.items()) if (number % 3 == 1) == (part == "val")
        }
        write_st_gcn(raw, part, chosen, name="data_joint", frames=True, labels=np.float64)
    found = ingest(raw, StGcnArrays(KINECT_V2))
    assert set(found) == set(clips)
    for name, (bodies, label) in clips.items():
        one = found[name]
        assert same_values(one, bodies[:, :300])
        assert isinstance(one, Recording)
        assert one.identity.action == label
    cut = found["0003-M.txt_0"]
    assert isinstance(cut, Recording)
    assert [note.text for note in cut.notes] == ["cut at 300 of 412 frames when the file was made"]


def test_labels_alone_as_npy(raw: Path) -> None:
    clips = made_up()
    write_st_gcn(raw, "train", clips)
    (raw / "train_label.pkl").unlink()
    np.save(raw / "train_label.npy", np.array([label for _, label in clips.values()]))
    found = ingest(raw, StGcnArrays(KINECT_V2))
    assert list(found) == [f"train-{number:06}" for number in range(len(clips))]
    assert [one.identity.action for one in found.values() if isinstance(one, Recording)] == [
        label for _, label in clips.values()
    ]


def test_a_first_body_that_is_never_seen_is_told(raw: Path) -> None:
    bodies = moving(2, 30, 1)
    bodies[0] = 0
    write_ntu_npz(raw / "x.npz", {"train": [(bodies, 0)], "test": [(moving(1, 5, 2), 1)]})
    found = ingest(raw, NtuNpz(KINECT_V2))["train-000000"]
    assert isinstance(found, Recording)
    assert [note.kind for note in found.notes] == [Kind.FIRST_BODY_ABSENT]
    assert found.bodies_MTVC.tobytes() == bodies[1:].tobytes()


def test_what_is_wrong_with_one_clip_is_said_of_it(raw: Path) -> None:
    clips = list(made_up().values())
    write_ntu_npz(raw / "x.npz", {"train": clips, "test": [(np.zeros_like(clips[0][0]), 1)]})
    with np.load(raw / "x.npz") as file:
        arrays = dict(file)
    arrays["y_train"][1] = 0
    arrays["y_train"][2, :2] = 1
    np.savez(raw / "x.npz", **arrays)
    found = ingest(raw, NtuNpz(KINECT_V2))
    faults = {name: str(one.reason) for name, one in found.items() if isinstance(one, Excluded)}
    assert faults == {
        "train-000001": "y_train does not say one class in row 1",
        "train-000002": "y_train does not say one class in row 2",
        "test-000000": "no body in any frame",
    }


def annotated(name: str, **changes: Any) -> dict[str, Any]:
    annotation = {"frame_dir": name, "label": 1, "keypoint": moving(1, 9, 1), "total_frames": 9} | changes
    return {key: value for key, value in annotation.items() if value is not None}


def test_what_is_wrong_with_one_annotation_is_said_of_it(raw: Path) -> None:
    annotations = [
        annotated("fine"), annotated("flat", keypoint=np.ones((1, 9, 25, 2), dtype="f2")), annotated("more", total_frames=10),
        annotated("words", label="wave"), annotated("no label", label=None), annotated("axes", keypoint=np.ones((9, 25, 3))),
        annotated("few", keypoint=np.ones((1, 9, 17, 3))), annotated("no keypoint", keypoint=None),
    ]  # fmt: skip
    split = {"xsub_train": [one["frame_dir"] for one in annotations], "xsub_val": ["gone"]}
    (raw / "a.pkl").write_bytes(pickle.dumps({"split": split, "annotations": annotations}))
    found = ingest(raw, PysklAnnotations(KINECT_V2))
    faults = {name: str(one.reason) for name, one in found.items() if isinstance(one, Excluded)}
    assert faults == {
        "flat": "joints of shape (1, 9, 25, 2) instead of (frames, 25, 3) or (bodies, frames, 25, 3); set dimensions=2 where "
        "the reader is defined",
        "more": "has 9 frames, but says total_frames 10",
        "words": "its annotation says no class (label)",
        "no label": "its annotation says no class (label)",
        "axes": "its annotation has no array keypoint of the axes bodies, frames, joints, coordinates",
        "few": "joints of shape (1, 9, 17, 3) instead of (frames, 25, 3) or (bodies, frames, 25, 3)",
        "no keypoint": "its annotation has no array keypoint of the axes bodies, frames, joints, coordinates",
        "gone": "is in a part of the split, but has no annotation",
    }


def test_a_name_that_says_another_action_than_the_label(raw: Path) -> None:
    name = "S001C001P001R001A005"
    (raw / "a.pkl").write_bytes(
        pickle.dumps({"split": {"xsub_train": [name], "xsub_val": []}, "annotations": [annotated(name)]})
    )
    one = ingest(raw, PysklAnnotations(KINECT_V2, names=NTU_NAMES))[name]
    assert isinstance(one, Excluded)
    assert str(one.reason) == "its label is 1, but action 5 of its name, which is the label 4"


def npz(**arrays: Any) -> dict[str, Any]:
    full = {
        "x_train": np.zeros((2, 9, 150), "f4"),
        "y_train": np.eye(2),
        "x_test": np.zeros((1, 9, 150), "f4"),
        "y_test": np.eye(1, 2),
    }
    return {name: value for name, value in (full | arrays).items() if value is not None}


FILES = {
    "none of its arrays": (npz(x_train=None, x_test=None), "holds no x_train and x_test, but nothing"),
    "no labels": (npz(y_test=None), "holds x_test without y_test"),
    "labels of others": (npz(y_train=np.eye(3)), r"y_train has shape \(3, 3\), but x_train holds 2 clips"),
    "another skeleton": (npz(x_train=np.zeros((2, 9, 120), "f4")), r"x_train has shape \(2, 9, 120\) instead of \(clips, frames, bodies × 25 joints × 3\)"),
    "another layout": (npz(x_train=np.zeros((2, 3, 9, 25, 2), "f4")), r"x_train has shape \(2, 3, 9, 25, 2\) instead"),
    "objects": (npz(y_train=np.array([{}, {}])), "y_train holds objects, not real numbers"),
    "words": (npz(x_train=np.array(["a"])), "x_train holds text, not real numbers"),
    "frames before the first": (npz(frames_train=np.array([9, -1])), "frames_train does not say a number of frames"),
    "no frames": (npz(frames_train=np.array([0, 9])), "frames_train does not say a number of frames"),
    "frames unknown": (npz(frames_train=np.array([9, np.nan])), "frames_train does not say a number of frames"),
    "a name of nothing": (npz(names_train=np.array(["a", "\a\b"])), r"a clip is called '\\x07\\x08', which is no name"),
    "another order": (npz(x_train=np.asfortranarray(np.zeros((2, 9, 150), "f4"))), "x_train is in Fortran's order"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_an_npz_that_cannot_be_used_is_named_with_the_reason(raw: Path, name: str) -> None:
    arrays, reason = FILES[name]
    np.savez(raw / "x.npz", **arrays)
    with pytest.raises(UserError, match=rf"x\.npz: {reason}.*; make it again, or copy it again$"):
        ingest(raw, NtuNpz(KINECT_V2))


@pytest.mark.parametrize("damage", [slice(1000, 1100), slice(-200, None), slice(0, 4)])
def test_a_damaged_npz_is_named(raw: Path, damage: slice) -> None:
    write_ntu_npz(raw / "x.npz", in_parts(made_up()))
    content = bytearray((raw / "x.npz").read_bytes())
    content[damage] = b"\x07" * len(content[damage])
    (raw / "x.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.npz: (damaged or cut short|not a)"):
        ingest(raw, NtuNpz(KINECT_V2))


def test_pickles_that_cannot_be_used_are_named_with_the_reason(raw: Path) -> None:
    reader = PysklAnnotations(KINECT_V2)
    for content, reason in (
        ([1, 2], "is not PYSKL's: it holds no list of annotations"),
        ({"annotations": []}, "has no parts xsub_train and xsub_val, but none; say xsub and xview where"),
        ({"annotations": [], "split": {"train": []}}, "has no parts xsub_train and xsub_val, but train; say"),
        ({"annotations": [], "split": {"xsub_train": ["a"], "xsub_val": ["a"]}}, "has in xsub_val what is no name, or in xsub_train as well"),
        ({"annotations": [{"label": 1}], "split": {"xsub_train": [], "xsub_val": []}}, "annotation 0 has no frame_dir"),
        ({"annotations": np.array([None]), "split": {}}, "holds an array of O8, not of numbers"),
        (KINECT_V2, "names hacm.skeletons.topology.Topology, which is neither"),
    ):  # fmt: skip
        (raw / "x.pkl").write_bytes(pickle.dumps(content, 4))
        with pytest.raises(UserError, match=rf"x\.pkl: {reason}"):
            ingest(raw, reader)


def test_arrays_without_what_belongs_beside_them(raw: Path) -> None:
    clips = made_up()
    write_st_gcn(raw, "train", clips)
    (raw / "train_label.pkl").write_bytes(pickle.dumps((["a"], [1])))
    with pytest.raises(UserError, match=r"train_data\.npy: holds 7 clips, but train_label says 1; "):
        ingest(raw, StGcnArrays(KINECT_V2))
    (raw / "train_label.pkl").unlink()
    with pytest.raises(UserError, match=r"train_data\.npy: neither train_label\.pkl nor train_label\.npy is beside it"):
        ingest(raw, StGcnArrays(KINECT_V2))
    np.save(raw / "train_label.npy", np.zeros(7))
    with pytest.raises(
        UserError, match=r"train_data\.npy: has shape \(7, 3, 300, 25, 2\) instead of \(clips, 3, frames, 22 joints"
    ):
        ingest(raw, StGcnArrays(UI_PRMD))
    content = (raw / "train_data.npy").read_bytes()
    for shape in ((7, 2, 300, 25, 3), (7, 300, 3, 25, 2), (7, 3, 300, 2, 25)):  # axes in another order
        np.save(raw / "train_data.npy", np.zeros(shape, dtype="f4"))
        with pytest.raises(
            UserError, match=rf"has shape \(7, {shape[1]}, .* instead of \(clips, 3, frames, 25 joints, bod"
        ):
            ingest(raw, StGcnArrays(KINECT_V2))
    (raw / "train_data.npy").write_bytes(content[:-5])
    with pytest.raises(UserError, match="its header says shape"):
        ingest(raw, StGcnArrays(KINECT_V2))


def test_a_prepared_file_in_an_archive_is_told(raw: Path, tmp_path: Path) -> None:
    write_pyskl(tmp_path / "x.pkl", made_up(), {"xsub_train": [], "xsub_val": []})
    with zipfile.ZipFile(raw / "x.zip", "w") as archive:
        archive.write(tmp_path / "x.pkl", "inner/x.pkl")
    (found,) = ingest(raw, PysklAnnotations(KINECT_V2)).values()
    assert isinstance(found, Excluded)
    assert str(found.reason) == "is read clip by clip, which cannot be done inside an archive; take it out of there"


def test_some_of_the_clips(raw: Path) -> None:
    """A limit or a shard takes the same clips as from any archive, and together they are all."""
    write_ntu_npz(raw / "x.npz", in_parts(made_up()))
    source = dataset(NtuNpz(KINECT_V2))
    files = find_files(raw, source)
    everything = [one.name for one in read_raw(files, source, None)]
    assert everything == [name.rsplit("/", 1)[-1] for name in member_names_of(files[0], source)]
    shards = [[one.name for one in read_raw(files, source, None, (number, 3))] for number in range(3)]
    assert sorted(name for shard in shards for name in shard) == sorted(everything)
    assert len(list(read_raw(files, source, 2))) == 2


@pytest.mark.parametrize("compressed", [False, True])
def test_a_large_file_is_never_whole_in_memory(raw: Path, compressed: bool) -> None:
    """80 MB; of one, and of what stands beside all, memory is taken."""
    x = np.zeros((440, 300, 150), dtype=np.float32)
    x[:, :40] = np.random.default_rng(0).normal(size=(40, 150))
    save = np.savez_compressed if compressed else np.savez
    save(raw / "x.npz", x_train=x, y_train=np.eye(60)[np.arange(440) % 60])
    del x
    source = dataset(NtuNpz(KINECT_V2))
    files = find_files(raw, source)
    tracemalloc.start()
    count = sum(
        one.main.data[-4:] == bytes(4) for one in read_raw(files, source, None) if isinstance(one, RawRecording)
    )
    digest = hash_raw(raw, source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (count, len(digest)) == (440, 64)
    assert peak < 12 * 2**20


def exported() -> tuple[LabelledClips, dict[str, tuple[Bodies, int]]]:
    """Clips as this project writes them, the last ending in frames without anybody."""
    clips = made_up()
    clips["S009C001P009R002A001"] = (moving(2, 50, 5), 0)
    clips["S009C001P009R002A001"][0][:, 40:] = 0
    names = sorted(clips)
    table = pl.DataFrame(
        [
            {
                "name": name,
                "part": ("train", "test")[number % 3 == 1],
                "class": clips[name][1],
                "bodies": len(clips[name][0]),
                "frames": clips[name][0].shape[1],
            }
            for number, name in enumerate(names)
        ]
    )
    content = LabelledClips("xsub", "0" * 32, list("abcd"), 25, table, lambda name: clips[name][0])
    return content, {name: clips[name] for name in names}


@pytest.mark.parametrize("kind", ["npz", "npz compressed", "pyskl"])
def test_what_this_project_exports_comes_back_to_the_last_bit(raw: Path, kind: str) -> None:
    content, clips = exported()
    reader: PreparedReader
    if kind == "pyskl":
        pyskl.write(content, raw / "x.pkl")
        reader = PysklAnnotations(KINECT_V2)
    else:
        ntu_npz.write(content, raw / "x.npz", compress=kind != "npz")
        reader = NtuNpz(KINECT_V2)
    found = ingest(raw, reader)
    assert sorted(found) == list(clips)
    for name, part in content.table.select("name", "part").iter_rows():
        one = found[name]
        assert same_values(one, clips[name][0])
        assert isinstance(one, Recording)
        assert (one.identity.xsub_part, one.identity.action, one.notes) == (part, clips[name][1], ())


SMALL = {"a": (moving(1, 5, 1), 0), "b": (moving(2, 4, 2), 1)}
WRITTEN: dict[str, tuple[PreparedReader, Callable[[Path], None]]] = {
    "x.npz": (NtuNpz(KINECT_V2), lambda raw: write_ntu_npz(raw / "x.npz", {"train": [*SMALL.values()], "test": [SMALL["a"]]}, length=6, classes=3)),
    "x.pkl": (PysklAnnotations(KINECT_V2), lambda raw: write_pyskl(raw / "x.pkl", SMALL, {"xsub_train": ["a"], "xsub_val": ["b"]})),
    "train_data.npy": (StGcnArrays(KINECT_V2), lambda raw: write_st_gcn(raw, "train", SMALL, length=6)),
    "train_label.pkl": (StGcnArrays(KINECT_V2), lambda raw: write_st_gcn(raw, "train", SMALL, length=6)),
}  # fmt: skip


def ingest_or_line(folder: Path, reader: PreparedReader) -> tuple[dict[str, Recording | Excluded], str]:
    """What is read, or the line that says why nothing is."""
    try:
        return ingest(folder, reader), ""
    except UserError as told:
        return {}, str(told)


@pytest.mark.parametrize("name", WRITTEN)
def test_any_change_of_a_file_is_read_or_told_in_one_line(raw: Path, name: str) -> None:
    """A changed byte in a header, a directory, a length or a value: recordings, reasons, or one line, never a crash."""
    reader, write = WRITTEN[name]
    write(raw)
    content = (raw / name).read_bytes()
    chance = random.Random(3)
    outcomes = set()
    for _ in range(150):
        data = bytearray(content)
        for _ in range(chance.randint(1, 3)):
            # Most bytes are values; what describes them stands at the ends and in between.
            place = chance.choice((chance.randrange(len(data)), chance.randrange(400), -1 - chance.randrange(400)))
            data[place % len(data)] = chance.randrange(256)
        if chance.random() < 0.2:
            del data[chance.randrange(len(data)) :]
        (raw / name).write_bytes(data)
        found, line = ingest_or_line(raw, reader)
        if line:
            outcomes.add("told")
            assert name.partition("_")[0] in line
            assert line.isprintable()
            assert len(line) < 600
        for one in found.values():
            outcomes.add("left out" if isinstance(one, Excluded) else "read")
            assert isinstance(one, Excluded) or one.bodies_MTVC.dtype == np.float32
    assert {"told", "read"} <= outcomes


def test_raw_files_that_are_no_clips_are_refused() -> None:
    reader = NtuNpz(KINECT_V2)
    for data in (b"", b"{}", b"[]\n", b'{"shape": [1], "axes": "MTVC", "dtype": "O"}\nxxxxxxxx', b"[" * 9999):
        raw = RawRecording("train-000000", RawFile("x.npz/train-000000", data))
        source = dataset(reader)
        (found,) = next(iter(read_recordings([raw], source, workers=1))).found
        assert isinstance(found, Excluded)
        assert str(found.reason).startswith("not a clip of a prepared file")


def test_impossible_settings() -> None:
    for wrong, reason in (
        ({"fps": 0}, "must be positive"),
        ({"metres": -1}, "must be positive"),
        ({"up": "+y"}, "up"),
        ({"most_bodies": 0}, "must be at least 1"),
        ({"dimensions": 4}, "must be 2 or 3"),
        ({"unseen": 0}, "must be a tuple"),
        ({"least_confidence": -1}, "must be at least 0"),
        ({"names": "x"}, "names 'x'"),
    ):
        with pytest.raises(UserError, match=reason):
            NtuNpz(KINECT_V2, **wrong)  # type: ignore[arg-type]
