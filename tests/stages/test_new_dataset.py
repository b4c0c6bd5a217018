"""hacm new-dataset: what is found in a folder, and that what is written reads the recordings."""

import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from hacm.errors import UserError
from hacm.skeletons.shipped import BODY_25, COCO_17, KINECT_V1, MEDIAPIPE_33
from pipeline.new_dataset.definition_text import choose_split, describe, write_definition, write_params
from pipeline.new_dataset.naming import guess_naming
from pipeline.new_dataset.survey import look_at, with_name
from pipeline.yaml_tree import editor, read_yaml
from stages.tools.new_dataset import join_frames
from tests.conftest import copy_project, run

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["wave/P1_2", "sit down/P2_1"], "{action}/P{subject}_{replication}"),
        (["all/wave/P1_2", "all/sit/P2_1"], "{action}/P{subject}_{replication}"),
        (["s1_a1_t1", "s2_a3_t2"], "s{subject}_a{action}_t{replication}"),
        (["s1_a1_t1", "s2_a3_t1"], "s{subject}_a{action}_t1"),
        (["S001C001P002R001A001", "S002C003P001R002A009"], "S{setup}C{camera}P{subject}R{replication}A{action}"),
        (["wave/anna", "wave/ben", "sit/ben"], "{action}/{subject}"),
        (["anna-wave-01", "ben-sit-02"], "{action}-{subject}-{replication}"),
        (["subject 1/action 2", "subject 2/action 1"], "subject {subject}/action {action}"),
        (["1/2/7", "2/1/8"], "{subject}/{replication}/{camera}"),
        (["wave/1", "sit/2"], "{action}/{replication}"),
        (["a/b", "c"], None),
        (["wave1", "sit2"], None),
        (["one"], None),
    ],
)
def test_what_names_say_is_guessed(names, pattern):
    assert guess_naming(names).pattern == pattern


def test_words_and_numbers_of_names_are_given():
    naming = guess_naming(["Sit_Down/P1_1", "wave/P2_1"])
    assert naming.words == {"action": ("sit down", "wave")}
    assert naming.values["subject"] == ("1", "2")
    assert naming.guessed == ("action",)


def put_mediapipe(folder, frames=20):
    """A person who stands, MediaPipe's image coordinates, in two actions of three people."""
    header = [f"{name.upper().replace(' ', '_')}_{axis}" for name in MEDIAPIPE_33.recorded for axis in "xyz"]
    for action in ("wave", "sit down"):
        for person in (1, 2, 3):
            values = RNG.uniform(0.3, 0.7, (frames + person, 33, 3)).round(4)
            file = folder / action / f"P{person}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savetxt(
                file, values.reshape(len(values), -1), delimiter=",", header=",".join(header), comments="", fmt="%g"
            )
    return folder


def test_a_folder_of_mediapipe(tmp_path):
    survey = look_at(put_mediapipe(tmp_path))
    assert (survey.kind, survey.topology, survey.up, survey.fps) == ("poses", MEDIAPIPE_33, "-y", None)
    assert survey.frames == (21, 22, 23)
    said = describe(survey, choose_split(survey))
    assert "actions (2): sit down, wave" in said
    assert "split xsub: subjects 1, 2 train, the other 1 test" in said
    assert not any("looks wrong" in line for line in said)


def test_what_looks_wrong_is_said(tmp_path):
    put_mediapipe(tmp_path)
    (tmp_path / "wave" / "P2.csv").write_text("frame,nose\n1,2\n")
    (tmp_path / "wave" / "notes.txt").write_text("")
    (tmp_path / "sit down" / "P1.csv").unlink()
    (tmp_path / "sit down" / "P2.csv").unlink()
    survey = look_at(tmp_path)
    said = "\n".join(describe(survey, choose_split(survey)))
    assert "looks wrong: cannot be read: 1 of the files looked at: wave/P2.csv: line 1: " in said
    assert "looks wrong: not of this format, and left out unless the reader takes them: 1 files: wave/notes.txt" in said
    assert "looks wrong: actions that nobody does who trains: sit down" in said


def standing(frames, metres, up):
    """Kinect's joints of somebody who stands, in some unit, some axis up."""
    height = {"head": 1.7, "left foot": 0.05, "right foot": 0.05, "left ankle": 0.1, "right ankle": 0.1}
    places = np.array([[0.1 * place / 20, height.get(name, 1.0), 0] for place, name in enumerate(KINECT_V1.joints)])
    turned = places[:, ["xyz".index(axis) for axis in {"y": "xyz", "z": "xzy"}[up]]]
    return np.tile(turned / metres, (frames, 1, 1)) + RNG.normal(0, 0.001 / metres, (frames, 20, 3))


def test_a_folder_of_arrays_in_millimetres_with_z_up(tmp_path):
    for subject in (1, 2):
        for action in (1, 2):
            np.savez(tmp_path / f"s{subject}_a{action}.npz", joints=standing(30, 0.001, "z"))
    survey = look_at(tmp_path)
    assert (survey.kind, survey.topology, survey.up, survey.metres) == ("arrays", KINECT_V1, "z", 0.001)
    assert survey.fitting == ("msr-action3d-20",)
    text = write_definition(survey, "mine", "Mine", choose_split(survey))
    assert 'names="s{subject}_a{action}",\n' in text
    assert "metres=0.001,  # by the bodies' size" in text
    assert "topology=KINECT_V1,  # a guess by the number of joints; or msr-action3d-20" in text


def test_a_pickle_of_pyskl_of_two_dimensions(tmp_path):
    names = [f"clip{number}" for number in range(6)]
    annotations = [
        {"frame_dir": name, "label": number % 3, "total_frames": 40, "keypoint": RNG.uniform(0, 500, (1, 40, 17, 2)),
         "keypoint_score": np.ones((1, 40, 17))}
        for number, name in enumerate(names)
    ]  # fmt: skip
    content = {"split": {"train": names[:4], "val": names[4:]}, "annotations": annotations}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content))
    survey = look_at(tmp_path)
    assert (survey.topology, survey.dimensions, survey.parts) == (COCO_17, 2, ("train", "val"))
    text = write_definition(survey, "mine", "Mine", choose_split(survey))
    assert 'xsub=("train", "val"),' in text
    assert 'SplitRule("xsub_part", frozenset({"train"}))' in text


def put_openpose(folder):
    for action in ("wave", "sit"):
        for subject in (1, 2):
            for frame in range(12):
                joints = np.column_stack([RNG.uniform(100, 600, (25, 2)).round(1), np.full(25, 0.9)])
                joints[4] = 0  # not found
                people = [{"person_id": [-1], "pose_keypoints_2d": joints.ravel().tolist()}]
                file = folder / action / f"P{subject}_{frame:012d}_keypoints.json"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(json.dumps({"version": 1.3, "people": people}))
    return folder


def test_frames_of_openpose_are_recordings(tmp_path):
    survey = look_at(put_openpose(tmp_path / "in"))
    assert (survey.kind, survey.topology, survey.dimensions, survey.up) == ("frames", BODY_25, 2, "-y")
    assert survey.files == [f"{action}/P{subject}.npz" for action in ("sit", "wave") for subject in (1, 2)]
    assert survey.frames == (12, 12, 12)
    text = write_definition(survey, "mine", "Mine", choose_split(survey))
    assert "from hacm.recordings.arrays import ArrayReader" in text
    assert 'names="{action}/P{subject}",' in text
    join_frames(tmp_path / "in", tmp_path / "raw")
    scope: dict[str, object] = {}
    exec(text, scope)
    reader = scope["DATASET"].reader  # type: ignore[attr-defined]
    paths = [tmp_path / "raw" / name for name in survey.files]
    recordings = [reader.parse(path.read_bytes(), str(path)) for path in paths]
    assert [one.identity.action for one in recordings] == [0, 0, 1, 1]
    assert all(one.bodies_MTVC.shape == (1, 12, 25, 3) and one.notes == () for one in recordings)
    assert all(np.isnan(one.bodies_MTVC[:, :, 4]).all() for one in recordings)


def test_a_skeleton_of_the_files_own(tmp_path):
    head = "HIERARCHY\nROOT Hips\n{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\n"
    arms = "".join(
        f"JOINT {side}\n{{\nOFFSET {x} 1 0\nEnd Site\n{{\nOFFSET 0 1 0\n}}\n}}\n" for side, x in (("L", 1), ("R", -1))
    )
    for name in ("wave_1", "wave_2", "sit_1", "sit_2"):
        (tmp_path / f"{name}.bvh").write_text(f"{head}{arms}}}\nMOTION\nFrames: 2\nFrame Time: 0.01\n0 0 0\n0 1 0\n")
    survey = with_name(look_at(tmp_path), "mine")
    assert (survey.topology.name, survey.topology.roots, survey.topology.centre) == ("mine-5", (0,), 0)
    assert survey.fps == pytest.approx(100)
    text = write_definition(survey, "mine", "Mine", choose_split(survey))
    scope: dict[str, object] = {}
    exec(text, scope)
    assert scope["BODY"] == survey.topology
    assert 'splits={"xtake": SplitRule("replication", frozenset({1}))},' in text


@pytest.mark.parametrize("trial", [True, False])
def test_sections_of_params(tmp_path, trial):
    survey = look_at(put_mediapipe(tmp_path))
    written = editor().load(write_params(survey, "mine", choose_split(survey), trial=trial))
    assert written["datasets"]["mine"]["tree_split"] == "xsub"
    assert written["benchmarks"]["mine-xsub"]["train"]["augment"] == {"min_frames": 21}
    assert ("model" in written["benchmarks"]["mine-xsub"]["train"]) == trial


def write(folder, files):
    for name, data in files.items():
        (folder / name).write_bytes(data)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "no known format"),
        ({"a.skeleton": b""}, "it holds 1 .skeleton; .skeleton: ntu60, ntu120"),
        ({"a.npz": b"PK"}, "a.npz is read with no known skeleton"),
        ({"a_000000000001_keypoints.json": b"{}"}, "no recording can be read; a: no frame of OpenPose"),
        ({"a.json": b"{"}, "no file can be read; a.json: line 1, column 2: no JSON"),
        ({"a.pkl": b"x"}, "not a pickle, or damaged"),
        ({"a.trc": b"PathFileType"}, "a TRC has 5 lines of heading"),
    ],
)
def test_nothing_to_be_made_of_it_is_one_line(tmp_path, files, reason):
    write(tmp_path, files)
    with pytest.raises(UserError) as caught:
        look_at(tmp_path)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_that_nothing_can_be_split_by(tmp_path):
    for name in ("wave", "sit"):
        write(tmp_path, {f"{name}.json": json.dumps(RNG.uniform(0, 1, (5, 33, 4)).tolist()).encode()})
    with pytest.raises(UserError, match=r"put a table labels.csv beside them"):
        choose_split(look_at(tmp_path))


READ_ALL = """
from pathlib import Path
from pipeline.datasets.registry import find_dataset
from pipeline.ingest.gathering import find_files, read_raw
from hacm.recordings import RawRecording
dataset = find_dataset("mine")
files = find_files(Path("data/mine/raw"), dataset)
for raw in read_raw(files, dataset, None):
    assert isinstance(raw, RawRecording), raw
    for one in dataset.parse(raw):
        print(one.identity.name, one.identity.subject, one.identity.action, *one.bodies_MTVC.shape)
"""


def test_what_is_written_reads_the_recordings(tmp_path):
    project = copy_project(tmp_path / "project")
    before = (project / "params.yaml").read_text()
    folder = put_mediapipe(tmp_path / "My Recordings")
    look = run(project, "hacm", "new-dataset", str(folder), "--look").stderr
    assert (project / "params.yaml").read_text() == before
    said = run(project, "hacm", "new-dataset", str(folder), "--name", "mine", "--trial").stderr
    assert said.startswith(look)
    assert "next: look through that file, then: hacm activate mine-xsub && dvc repro audit@mine" in said
    run(project, "hacm", "check")
    after = (project / "params.yaml").read_text()
    comments = re.findall("# .*", before)
    assert comments
    assert [one for one in re.findall("# .*", after) if one in comments] == comments
    assert "mine" in read_yaml(Path(project / "params.yaml"))["datasets"]
    found = run(project, "python", "-c", READ_ALL).stdout.splitlines()
    assert found == [
        f"{action}_P{person} {person} {label} 1 {20 + person} 35 3"
        for label, action in enumerate(("sit down", "wave"))
        for person in (1, 2, 3)
    ]
    again = run(project, "hacm", "new-dataset", str(folder), "--name", "mine", check=False)
    assert again.returncode == 1
    assert "there is a data set of that name" in again.stderr
