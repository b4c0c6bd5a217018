"""Recordings of no data set: any format, in files, folders and archives, without labels."""

import io
import pickle
import tarfile
import zipfile

import numpy as np
import pytest

from hacm.errors import UserError
from hacm.recordings import Excluded, Recording, ntu, ui_prmd, utd_mhad
from hacm.recordings.anywhere import Finder
from hacm.recordings.arrays import ArrayReader
from hacm.skeletons.shipped import COCO_17, KINECT_V1, KINECT_V2, UI_PRMD
from tests.helpers import ntu_text, prepared_files, utd_mhad_mat
from tests.helpers.pku_text import pku_texts

FINDER = Finder(ArrayReader(KINECT_V1, fps=30.0, nameless=True))
NTU = ntu_text.write([[("7", ntu_text.body(0.5))], [("7", ntu_text.body(0.6))]])
MAT = utd_mhad_mat.mat(d_skel=utd_mhad_mat.numbers())
RNG = np.random.default_rng(0)


def text(values):
    return (
        "".join(" ".join(f"{value:.6f}" for value in frame.flat) + "\n" for frame in values)
        .encode()
        .replace(b" ", b",")
    )


POSITIONS, ANGLES = (text(RNG.normal(0, 30, (3, 22, 3))) for _ in range(2))
FILES = {
    "my walk.skeleton": NTU,
    "people/anna.mat": MAT,
    "physio/Positions/m03_s02_e10_positions.txt": POSITIONS,
    "physio/Angles/m03_s02_e10_angles.txt": ANGLES,
    "readme.txt": b"nothing",
}
NAMES = {"my walk": KINECT_V2, "people/anna": KINECT_V1, "physio/m03_s02_e10": UI_PRMD}


def put(folder, files=FILES):
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def tarred(files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def check_all(found, beginning=""):
    assert {one.identity.name: one.topology for one in found} == {beginning + name: one for name, one in NAMES.items()}
    by_name = {one.identity.name.removeprefix(beginning): one for one in found}
    expected = {
        "my walk": ntu.parse(NTU, "S001C001P001R001A001").bodies_MTVC,
        "people/anna": utd_mhad.parse(MAT, "a1_s1_t1_skeleton.mat").bodies_MTVC,
    }
    for name, bodies_MTVC in expected.items():
        np.testing.assert_array_equal(by_name[name].bodies_MTVC, bodies_MTVC)
    offsets, angles = (
        np.array([line.split(b",") for line in data.splitlines()], float).reshape(3, 22, 3)
        for data in (POSITIONS, ANGLES)
    )
    placed_TVC = 0.01 * ui_prmd.place_joints(offsets, angles)
    np.testing.assert_allclose(by_name["physio/m03_s02_e10"].bodies_MTVC[0], placed_TVC, atol=1e-5)


def test_a_folder(tmp_path):
    check_all(list(FINDER.find(put(tmp_path))))


@pytest.mark.parametrize(("name", "pack"), [("all.zip", zipped), ("all.tar.gz", tarred)])
def test_an_archive_and_one_in_a_folder(tmp_path, name, pack):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / name).write_bytes(pack(FILES))
    check_all(list(FINDER.find(tmp_path / "deep" / name)))
    check_all(list(FINDER.find(tmp_path)), f"deep/{name}/")


def test_a_file_by_itself_finds_what_belongs_to_it(tmp_path):
    put(tmp_path)
    put(tmp_path, {"beside/m03_s02_e10_positions.txt": POSITIONS, "beside/m03_s02_e10_angles.txt": ANGLES})
    for path, name in {
        "my walk.skeleton": "my walk",
        "people/anna.mat": "anna",
        "beside/m03_s02_e10_positions.txt": "m03_s02_e10",
    }.items():
        (one,) = FINDER.find(tmp_path / path)
        assert one.identity.name == name


def test_what_cannot_be_read_is_named(tmp_path):
    put(tmp_path, {"a.skeleton": NTU[:40], "b.mat": b"no", "m01_s01_e01_positions.txt": POSITIONS, "c.npy": b"x"})
    found = list(FINDER.find(tmp_path))
    assert all(isinstance(one, Excluded) for one in found)
    assert [one.name for one in found] == ["a", "b", "c", "m01_s01_e01"]
    assert "angles" in str(found[-1].reason)
    assert found[0].source == f"{tmp_path}/a.skeleton"


def test_json_that_holds_no_poses_is_told_only_of_the_file_that_was_asked_for(tmp_path):
    np.save(tmp_path / "wave.npy", np.zeros((5, 20, 3)))
    (tmp_path / "receipt.json").write_text('{"files": []}')
    (tmp_path / "cut.json").write_text('{"files": [')
    found = {one.identity.name if isinstance(one, Recording) else one.name: one for one in FINDER.find(tmp_path)}
    assert set(found) == {"wave", "cut"}
    (refused,) = FINDER.find(tmp_path / "receipt.json")
    assert "none of the known forms" in str(refused.reason)


def test_arrays_need_no_label_and_no_rate(tmp_path):
    joints = RNG.normal(size=(2, 5, 20, 3)).astype(np.float32)
    np.save(tmp_path / "x.npy", joints)
    np.savez(tmp_path / "y.npz", joints=joints, fps=60, action=7)
    first, second = FINDER.find(tmp_path)
    assert isinstance(first, Recording)
    assert (first.fps, second.fps) == (30.0, 60.0)
    for one in (first, second):
        np.testing.assert_array_equal(one.bodies_MTVC, joints)


def test_labels_are_not_looked_at_whatever_they_say(tmp_path):
    joints = RNG.normal(size=(4, 20, 3)).astype(np.float32)
    np.savez(tmp_path / "a.npz", joints=joints, action="raise both", subject="Ann", fps=25)
    header = ",".join(["action", *(f"{joint} {axis}" for joint in KINECT_V1.joints for axis in "xyz")])
    lines = [",".join(["raise both", *map(str, frame.flat)]) for frame in joints]
    (tmp_path / "b.csv").write_text("\n".join([header, *lines]))
    (tmp_path / "labels.csv").write_text("file,action\na.npz,kick\n")
    first, second = FINDER.find(tmp_path)
    for one in (first, second):
        np.testing.assert_allclose(one.bodies_MTVC[0], joints, rtol=1e-6)
        assert (one.identity.action, one.identity.subject) == (None, None)
        assert any("'action'" in str(note) for note in one.notes)
    assert first.fps == 25


def test_texts_of_a_line_a_joint(tmp_path):
    places_TVC = RNG.normal(size=(2, 20, 3))
    lines = "".join(f"{x:.4f} {y:.4f} {z:.4f} 1\n" for x, y, z in places_TVC.reshape(-1, 3))
    put(tmp_path, {"whatever_skeleton3D.txt": lines.encode()})
    (one,) = FINDER.find(tmp_path)
    assert (one.identity.name, one.topology.name, one.fps) == ("whatever", "msr-action3d-20", 15.0)
    np.testing.assert_allclose(one.bodies_MTVC[0], places_TVC, atol=1e-4)


def test_nothing_to_read(tmp_path):
    with pytest.raises(UserError, match="no such file or folder"):
        list(FINDER.find(tmp_path / "nowhere"))
    put(tmp_path, {"readme.txt": b"nothing", "m01_s01_e01_angles.txt": ANGLES})
    with pytest.raises(UserError, match="no recording of a known format"):
        list(FINDER.find(tmp_path))


def table(topology, axes="xyz", lines=3):
    names = [f"{joint} {axis}" for joint in topology.recorded for axis in axes]
    rows = RNG.normal(0, 1, (lines, len(names)))
    return (",".join(names) + "\n" + "\n".join(",".join(map(str, row)) for row in rows)).encode()


def array(*shape):
    stream = io.BytesIO()
    np.save(stream, RNG.normal(0, 1, shape))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [
        ("a.npy", array(9, 25, 3), "25 joints, and kinect-v1-20 has 20; if they are kinect-v2-25 or body-25, say so (--skeleton kinect-v2-25)"),
        ("a.npy", array(2, 9, 24, 3), "24 joints, and kinect-v1-20 has 20; the nearest known skeleton is kinect-v2-25 of 25"),
        ("a.npy", array(9, 20, 2), "it has two dimensions; models need three: x, y and z"),
        ("a.npy", array(9, 3), "joints of shape (9, 3) instead of (frames, 20, 3) or (bodies, frames, 20, 3)"),
        ("a.npy", array(0, 20, 3), "joints of shape (0, 20, 3) instead of (frames, 20, 3) or (bodies, frames, 20, 3)"),
        ("a.csv", table(COCO_17), "not joints of kinect-v1-20; if they are coco-17, say so (--skeleton coco-17)"),
        ("a.csv", table(KINECT_V1, "xy"), "not joints of kinect-v1-20; it has two dimensions; models need three: x, y and z"),
        ("a.csv", table(KINECT_V1).replace(b"head x", b"tail x"), "line 1: no column 'head x' (of 1 missing); found: "),
    ],
)  # fmt: skip
def test_another_skeleton_is_named(tmp_path, name, data, line):
    (found,) = FINDER.find(put(tmp_path, {name: data}))
    assert isinstance(found, Excluded)
    assert str(found.reason).startswith(line)
    assert "reader" not in str(found.reason)


def two_clips():
    """Of one body and of two, of 5 and 7 frames, on a skeleton of 25 joints."""
    return [
        (RNG.normal(0, 1, (bodies, frames, 25, 3)).astype("f2").astype("f4"), label)
        for bodies, frames, label in ((1, 5, 3), (2, 7, 0))
    ]


def test_prepared_files(tmp_path):
    """Clip by clip, in a skeleton of their own; labels and parts are not looked at."""
    clips = two_clips()
    prepared_files.write_ntu_npz(tmp_path / "NTU60_CS.npz", {"train": clips[:1], "test": clips[1:]}, length=9)
    prepared_files.write_pyskl(
        tmp_path / "ntu.pkl", {"walk": clips[0], "S001.x": clips[1]}, {"one": ["walk"], "two": ["S001.x"]}
    )
    prepared_files.write_st_gcn(tmp_path / "stgcn", "val", {"a": clips[0], "b": clips[1]}, frames=True, length=9)
    found = {one.identity.name: one for one in FINDER.find(tmp_path)}
    expected = {
        "NTU60_CS.npz/train-000000": 0, "NTU60_CS.npz/test-000000": 1, "ntu.pkl/walk": 0, "ntu.pkl/S001.x": 1,
        "stgcn/val_data.npy/a": 0, "stgcn/val_data.npy/b": 1,
    }  # fmt: skip
    assert found.keys() == expected.keys()
    for name, number in expected.items():
        np.testing.assert_array_equal(found[name].bodies_MTVC, clips[number][0])
        assert found[name].topology == KINECT_V2
        assert found[name].identity.action is found[name].identity.xsub_part is None
    alone = [one.identity.name for one in FINDER.find(tmp_path / "NTU60_CS.npz")]
    assert alone == ["NTU60_CS.npz/train-000000", "NTU60_CS.npz/test-000000"]


def test_a_pickle_of_something_else_is_one_line(tmp_path):
    put(tmp_path, {"walk.skeleton": NTU, "other.pkl": pickle.dumps([1, 2])})
    refused, read = FINDER.find(tmp_path)
    assert str(refused.reason) == "is not PYSKL's: it holds no list of annotations"
    assert read.identity.name == "walk"


@pytest.mark.parametrize("packed", [False, True])
def test_videos_are_cut_by_their_labels(tmp_path, packed):
    """Which are in a folder or an archive of their own; there are no split files."""
    videos, labels = pku_texts()
    if packed:
        put(tmp_path, {"skeletons.zip": zipped(videos), "labels.zip": zipped(labels)})
    else:
        put(tmp_path, {f"skeleton/{name}": data for name, data in videos.items()})
        put(tmp_path, {f"label/{name}": data for name, data in labels.items()})
    found = list(FINDER.find(tmp_path))
    read = [one for one in found if isinstance(one, Recording)]
    assert [one.identity.name for one in read][:3] == ["0002-L-001", "0002-L-002", "0002-L-003"]
    assert [one.bodies_MTVC.shape for one in read][:3] == [(2, 90, 25, 3), (1, 100, 25, 3), (2, 330, 25, 3)]
    assert len(read) + sum(isinstance(one, Excluded) for one in found) == 16


def test_a_video_without_labels_is_refused(tmp_path):
    videos, _ = pku_texts()
    found = list(FINDER.find(put(tmp_path, videos)))
    assert {str(one.reason) for one in found} == {"its label file is not among the raw files"}
