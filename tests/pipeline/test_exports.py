"""What other codebases would read from an exported file is what was put in, to the last bit."""

import io
import pickle
import time
import tracemalloc
import zipfile
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from hacm.errors import UserError
from pipeline.exports import LabelledClips, ntu_npz, pyskl

JOINTS = 25
NAMES = {"builtins": {"list", "bytearray"}, "numpy": {"ndarray"}}


def moving(bodies, frames, seed, joints=JOINTS):
    """A clip in which no frame is all zero, with values that a rounding or a text format would change."""
    values = np.random.default_rng(seed).normal(size=(bodies, frames, joints, 3)).astype(np.float32)
    values[0, 0, 0] = (-0.0, np.float32(1e-42), np.nextafter(np.float32(1), np.float32(2)))
    return values


def made_up_clips():
    """One or two bodies, one of them absent throughout or in some frames, and as long and as short as clips get."""
    clips = {
        f"S001C00{number}P001R001A00{number}": moving(1 + number % 2, 20 + number, number) for number in range(1, 6)
    }
    clips["absent_second"] = moving(2, 31, 10)
    clips["absent_second"][1] = 0
    clips["absent_at_times"] = moving(2, 40, 11)
    clips["absent_at_times"][1, :7] = 0
    clips["absent_at_times"][0, 30:] = 0
    clips["one_frame"] = moving(1, 1, 12)
    clips["full"] = moving(2, 300, 13)
    return clips


def labelled(clips, joints=JOINTS):
    rows = [
        {
            "name": name,
            "part": ("train", "test")[place % 3 == 1],
            "class": place % 4,
            "bodies": len(clips[name]),
            "frames": clips[name].shape[1],
        }
        for place, name in enumerate(sorted(clips))
    ]
    classes = ["drink", "eat", "brush teeth", "point at Ωμέγα"]
    return LabelledClips("xsub", "0123456789abcdef" * 2, classes, joints, pl.DataFrame(rows), clips.__getitem__)


@pytest.fixture
def clips():
    return made_up_clips()


def same(found, expected):
    """Equal bit for bit: −0 is not 0."""
    return (
        found.dtype == expected.dtype == np.float32
        and found.shape == expected.shape
        and found.tobytes() == expected.tobytes()
    )


def load_as_those_scripts_do(path, part, joints=JOINTS):
    """What a loader of the `.npz` makes of it: (C, T, V, M) a clip, cut after as many frames as do not sum to zero."""
    with np.load(path) as file:
        x, y = file[f"x_{part}"], file[f"y_{part}"]
    data = x.reshape(len(x), x.shape[1], 2, joints, 3).transpose(0, 4, 1, 3, 2)
    valid = [int(np.sum(clip.sum(0).sum(-1).sum(-1) != 0)) for clip in data]
    return [clip[:, :count] for clip, count in zip(data, valid, strict=True)], np.where(y > 0)[1]


@pytest.mark.parametrize("compress", [False, True])
def test_npz_gives_its_loaders_every_clip(clips, tmp_path, compress):
    content = labelled(clips)
    assert ntu_npz.write(content, tmp_path / "x.npz", compress=compress) == []
    for part in ("train", "test"):
        rows = content.part(part)
        data, classes = load_as_those_scripts_do(tmp_path / "x.npz", part)
        assert classes.tolist() == rows["class"].to_list()
        for name, found_CTVM in zip(rows["name"], data, strict=True):
            expected_MTVC = clips[name]
            bodies = len(expected_MTVC)
            assert same(np.ascontiguousarray(found_CTVM.transpose(3, 1, 2, 0)[:bodies]), expected_MTVC)
            assert not found_CTVM[..., bodies:].any()


def test_npz_layout_and_members_beside_it(clips, tmp_path):
    content = labelled(clips)
    ntu_npz.write(content, tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz", allow_pickle=False) as file:
        members = {name: file[name] for name in file.files}
    parts = {part: content.part(part) for part in ("train", "test")}
    assert list(members)[:4] == ["x_train", "y_train", "x_test", "y_test"]
    for part, rows in parts.items():
        assert members[f"x_{part}"].shape == (len(rows), 300, 150)
        assert members[f"x_{part}"].dtype == np.float32
        assert members[f"y_{part}"].shape == (len(rows), 4)
        assert (members[f"y_{part}"].sum(axis=1) == 1).all()
        for member, column in {"names": "name", "frames": "frames", "bodies": "bodies"}.items():
            assert members[f"{member}_{part}"].tolist() == rows[column].to_list()
    assert members["classes"].tolist() == content.classes
    assert str(members["data_version"]) == content.data_version
    place = parts["test"]["name"].to_list().index("full")
    assert members["x_test"][place, 17, 75 + 3 * 4 + 2] == clips["full"][1, 17, 4, 2]


def test_npz_frames_without_a_body_are_told_and_kept(clips, tmp_path):
    clips["absent_at_times"][:, 12] = 0
    clips["full"][:, 295:] = 0
    content = labelled(clips)
    assert sorted(ntu_npz.write(content, tmp_path / "x.npz")) == ["absent_at_times", "full"]
    with np.load(tmp_path / "x.npz") as file:
        for part in ("train", "test"):
            data, _ = load_as_those_scripts_do(tmp_path / "x.npz", part)
            stored = zip(
                file[f"names_{part}"], file[f"x_{part}"], file[f"frames_{part}"], file[f"bodies_{part}"], strict=True
            )
            for (name, padded, frames, bodies), cut in zip(stored, data, strict=True):
                whole = padded.reshape(300, 2, JOINTS, 3)[:frames, :bodies].swapaxes(0, 1)
                assert same(np.ascontiguousarray(whole), clips[name])
                assert cut.shape[1] == frames - {"absent_at_times": 1, "full": 5}.get(name, 0)


def test_npz_of_another_skeleton(tmp_path):
    clips = {"a": moving(1, 5, 0, joints=20), "b": moving(2, 9, 1, joints=20)}
    ntu_npz.write(labelled(clips, joints=20), tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as file:
        assert file["x_train"].shape == (1, 300, 120)
    data, _ = load_as_those_scripts_do(tmp_path / "x.npz", "test", joints=20)
    assert same(np.ascontiguousarray(data[0].transpose(3, 1, 2, 0)), clips["b"])


def test_npz_never_cuts_a_clip(clips, tmp_path):
    clips |= {f"long{number}": moving(1, 301 + number, number) for number in range(4)}
    message = r"clips of more than 300 frames: 4, namely long0 \(301\), long1 \(302\), long2 \(303\) …; pad to more with --frames 304"
    with pytest.raises(UserError, match=message):
        ntu_npz.write(labelled(clips), tmp_path / "x.npz")
    assert list(tmp_path.iterdir()) == []
    ntu_npz.write(labelled(clips), tmp_path / "x.npz", frames=304)
    with np.load(tmp_path / "x.npz") as file:
        assert file["x_train"].shape[1:] == (304, 150)
        place = file["names_train"].tolist().index("long3")
        assert same(file["x_train"][place, :, :75].reshape(1, 304, 25, 3), clips["long3"])


def test_npz_members_may_pass_the_size_of_a_plain_zip(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1 << 12)
    ntu_npz.write(labelled(clips), tmp_path / "x.npz")
    assert len(load_as_those_scripts_do(tmp_path / "x.npz", "train")[0]) == 6


class NamedOnly(pickle.Unpickler):
    """Reads a pickle that names nothing but NAMES: whatever else it asked for, no NumPy of another version need have."""

    def find_class(self, module, name):
        assert name in NAMES[module], (module, name)
        return super().find_class(module, name)


def test_pyskl_gives_back_every_clip(clips, tmp_path):
    content = labelled(clips)
    pyskl.write(content, tmp_path / "x.pkl")
    read = NamedOnly(io.BytesIO((tmp_path / "x.pkl").read_bytes())).load()
    assert read["split"] == {
        "xsub_train": content.part("train")["name"].to_list(),
        "xsub_val": content.part("test")["name"].to_list(),
    }
    assert [note["frame_dir"] for note in read["annotations"]] == sorted(clips)
    for place, note in enumerate(read["annotations"]):
        expected = clips[note["frame_dir"]]
        assert set(note) == {"frame_dir", "label", "total_frames", "keypoint"}
        assert same(note["keypoint"], expected)
        assert (type(note["label"]), note["label"]) == (int, place % 4)
        assert (type(note["total_frames"]), note["total_frames"]) == (int, expected.shape[1])
        note["keypoint"] -= 1  # some of PYSKL's steps work in place
    assert (read["classes"], read["data_version"]) == (content.classes, content.data_version)


def test_pyskl_annotations_of_one_part(clips, tmp_path):
    """As PYSKL's PoseDataset chooses them."""
    content = labelled(clips)
    pyskl.write(content, tmp_path / "x.pkl")
    read = pickle.loads((tmp_path / "x.pkl").read_bytes())
    chosen = [note for note in read["annotations"] if note["frame_dir"] in read["split"]["xsub_val"]]
    assert [note["frame_dir"] for note in chosen] == content.part("test")["name"].to_list()


WRITERS = {"x.npz": ntu_npz.write, "x.pkl": pyskl.write}


@pytest.mark.parametrize("name", WRITERS)
def test_equal_clips_are_equal_files(name, clips, tmp_path, monkeypatch):
    """Whenever they are written, however their arrays lie in memory, whichever strings are one object."""
    WRITERS[name](labelled(clips), tmp_path / f"first_{name}")
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    copies = {"".join(list(key)): np.asfortranarray(clip) for key, clip in reversed(clips.items())}
    WRITERS[name](labelled(copies), tmp_path / f"second_{name}")
    first, second = ((tmp_path / f"{which}_{name}").read_bytes() for which in ("first", "second"))
    assert first == second
    copies["full"] = copies["full"] + np.float32(1e-3)
    WRITERS[name](labelled(copies), tmp_path / f"third_{name}")
    assert (tmp_path / f"third_{name}").read_bytes() != first


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_is_whole_or_absent(name, clips, tmp_path):
    def break_down(clip):
        if clip == "one_frame":
            raise UserError("the disk broke")
        return clips[clip]

    (tmp_path / name).write_text("what was here before")
    with pytest.raises(UserError, match="the disk broke"):
        WRITERS[name](replace(labelled(clips), read=break_down), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "what was here before"


@pytest.mark.parametrize("name", WRITERS)
def test_memory_does_not_grow_with_the_number_of_clips(name, tmp_path):
    def peak(count):
        names = [f"clip{number:04d}" for number in range(count)]
        rows = {
            "name": names,
            "part": ["train", "test"] * (count // 2),
            "class": [0] * count,
            "bodies": [2] * count,
            "frames": [100] * count,
        }
        content = LabelledClips(
            "xsub", "0" * 32, ["one"], JOINTS, pl.DataFrame(rows), lambda clip: moving(2, 100, int(clip[4:]))
        )
        tracemalloc.start()
        try:
            WRITERS[name](content, tmp_path / name)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(4)  # what is loaded at the first use
    few, many = peak(20), peak(200)
    clip = moving(2, 100, 0).nbytes
    assert (tmp_path / name).stat().st_size > 200 * clip
    assert few < 15 * clip
    assert many < few + 2 * clip
