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

from hacm.cleaning import CleaningSettings, clean
from hacm.errors import UserError
from hacm.recordings import Excluded, RawFile, RawRecording, Recording
from hacm.recordings.notes import Kind
from hacm.recordings.prepared import NtuNpz, PysklAnnotations, StGcnArrays
from hacm.recordings.prepared.clips import PreparedReader
from hacm.skeletons.shipped import KINECT_V2, UI_PRMD
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
        "flat": "has 2 coordinates a joint; only files of x, y and z are read",
        "more": "has 9 frames, but says total_frames 10",
        "words": "its annotation says no class (label)",
        "no label": "its annotation says no class (label)",
        "axes": "its annotation has no keypoint of four axes (bodies, frames, joints, coordinates)",
        "few": "joints of shape (1, 9, 17, 3) instead of (frames, 25, 3) or (bodies, frames, 25, 3)",
        "no keypoint": "its annotation has no keypoint of four axes (bodies, frames, joints, coordinates)",
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
        ({"names": "x"}, "names 'x'"),
    ):
        with pytest.raises(UserError, match=reason):
            NtuNpz(KINECT_V2, **wrong)  # type: ignore[arg-type]
