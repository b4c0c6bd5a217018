"""What the audit says of axes, sides, pictures and numbers that stand for nothing: made-up people turned about, and real
ones."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hacm.recordings import Identity, Recording
from hacm.recordings.arrays import ArrayReader
from hacm.recordings.bodies import UPRIGHT, Up, as_bodies
from hacm.skeletons.shipped import BODY_25, COCO_17, KINECT_V1, MEDIAPIPE_33
from hacm.skeletons.topology import Topology
from pipeline.audit.conventions import find_broken_conventions, find_repeated_point
from pipeline.audit.findings import Finding
from pipeline.datasets import DataSet, SplitRule
from pipeline.store.store import SkeletonStore, StoreWriter

FPS = 25.0

PLACES = {
    "head": (0, 1.7, 0), "shoulder centre": (0, 1.45, 0), "spine": (0, 1.2, 0), "hip centre": (0, 1.0, 0),
    "shoulder": (0.2, 1.4, 0), "elbow": (0.25, 1.1, 0), "wrist": (0.25, 0.9, 0.05), "hand": (0.25, 0.85, 0.06),
    "hip": (0.1, 0.95, 0), "knee": (0.1, 0.5, 0.02), "ankle": (0.1, 0.1, 0), "foot": (0.1, 0.05, 0.15),
}  # fmt: skip
"""Metres; a person who faces z, so that the left is where x grows (y × z)."""


def person(turn: float = 0.0, frames: int = 12, seed: int = 0) -> NDArray[np.float64]:
    """(T, 20, 3) of Kinect v1, turned about y by so many degrees, with some noise."""
    places = []
    for joint in KINECT_V1.joints:
        side, _, rest = joint.partition(" ")
        x, y, z = PLACES[rest if side in ("left", "right") else joint]
        places.append((-x if side == "right" else x, y, z))
    angle = np.radians(turn)
    matrix = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    noise = np.random.default_rng(seed).normal(0, 0.01, (frames, 20, 3))
    return (np.array(places) @ matrix.T + noise) + (0.5, 0, 3)


def findings(
    path: Path, recordings: dict[str, Any], reader: Any = None, topology: Topology = KINECT_V1, **facts: Any
) -> list[Finding]:
    """Of recordings by name, `subject-take`, as that reader would have read them."""
    reader = reader or ArrayReader(topology, fps=FPS)
    with StoreWriter(path / "recordings", "own", topology, {"kind": "recordings", **facts}) as store:
        for name, joints in recordings.items():
            bodies, notes = as_bodies(
                joints, topology, metres=reader.metres, up=reader.up, mirrored=reader.mirrored,
                unseen=reader.unseen, dimensions=reader.dimensions,
            )  # fmt: skip
            identity = Identity(name, int(name.split("-")[0]), 0)
            store.add(Recording(identity, FPS, topology, bodies, notes), f"{name}.npz", "0" * 64)
    dataset = DataSet("own", "Own", topology, reader, {"xsub": SplitRule("subject", frozenset({1}))}, contents="files")
    return find_broken_conventions(SkeletonStore.open(path / "recordings"), dataset)


PEOPLE = {f"{who}-{take}": person(40 * take + who, seed=take) for who in (1, 2) for take in range(4)}


def test_upright_people_in_metres_are_nothing_to_speak_of(tmp_path: Path) -> None:
    assert findings(tmp_path, PEOPLE) == []


@pytest.mark.parametrize("true", UPRIGHT)
@pytest.mark.parametrize("said", UPRIGHT)
def test_the_axis_that_points_up_is_named(tmp_path: Path, true: Up, said: Up) -> None:
    """Files in which `true` points up: what is told is right whatever the reader says, and silent where that is right."""
    axes = [axis for axis, _ in UPRIGHT[true]]
    signs = [sign for _, sign in UPRIGHT[true]]
    files = {}
    for name, joints in PEOPLE.items():
        file = np.empty_like(joints)
        for place, (axis, sign) in enumerate(zip(axes, signs, strict=True)):
            file[..., axis] = joints[..., place] * sign
        files[name] = file
    found = findings(tmp_path, files, ArrayReader(KINECT_V1, fps=FPS, up=said))
    told = [one.text for one in found if one.kind == "upright"]
    assert [text.split("; ")[-1] for text in told] == (
        [] if true == said else [f"set up={true!r} where the reader is defined"]
    )
    assert not [one for one in found if one.kind == "mirrored"]  # a turn leaves left on the left


def test_single_recordings_on_their_heads_are_named(tmp_path: Path) -> None:
    turned = PEOPLE | {"2-3": PEOPLE["2-3"] * (1, -1, -1)}
    (found,) = findings(tmp_path, turned)
    assert (found.kind, found.severity, found.clips) == ("upright", "warning", ("2-3",))
    assert found.text.startswith("1 of 8 recordings (12.5%): people on their heads; 2-3; ")
    assert "up='-y'" in found.text


@pytest.mark.parametrize("wrong", [(1, 2), (2,)])
def test_mirrored_people_are_told_by_their_recordings(tmp_path: Path, wrong: tuple[int, ...]) -> None:
    files = {name: joints * ((-1, 1, 1) if int(name[0]) in wrong else 1) for name, joints in PEOPLE.items()}
    (found,) = findings(tmp_path, files)
    names = tuple(name for name in PEOPLE if int(name[0]) in wrong)
    assert (found.kind, found.severity, found.clips) == ("mirrored", "error", names)
    assert found.text.startswith(f"{len(wrong)} of 2 subjects")
    assert found.text.endswith("set mirrored=True where the reader is defined")
    if wrong == (1, 2):
        assert findings(tmp_path / "mended", files, ArrayReader(KINECT_V1, fps=FPS, mirrored=True)) == []
        (again,) = findings(tmp_path / "again", PEOPLE, ArrayReader(KINECT_V1, fps=FPS, mirrored=True))
        assert again.text.endswith("set mirrored=False where the reader is defined")


def test_of_two_recordings_nothing_is_said(tmp_path: Path) -> None:
    files = {name: joints * (-1, 1, 1) for name, joints in PEOPLE.items() if name[-1] in "01"}
    assert findings(tmp_path, files) == []


@pytest.mark.parametrize("up", ["y", "-y"])
def test_shares_of_a_picture_are_told(tmp_path: Path, up: Up) -> None:
    """Half as high as the picture, whose y is downwards: then they are on their heads too unless the reader says so."""
    files = {name: (joints * (0.3, -0.3, 0.3)) + (0.3, 0.75, 0) for name, joints in PEOPLE.items()}
    found = {one.kind: one for one in findings(tmp_path, files, ArrayReader(KINECT_V1, fps=FPS, up=up))}
    assert found["picture"].severity == "warning"
    assert "bodies span 0.50 (median)" in found["picture"].text
    assert "set dimensions=2 where the reader is defined" in found["picture"].text
    assert ("upright" in found) == (up == "y")
    elsewhere = {name: joints - (0.8, 0, 0) for name, joints in files.items()}
    assert "picture" not in {one.kind for one in findings(tmp_path / "elsewhere", elsewhere)}


@pytest.mark.parametrize("number", [0, -1, -1000])
@pytest.mark.parametrize("up", ["y", "-y", "z"])
@pytest.mark.parametrize("mirrored", [False, True])
def test_numbers_that_stand_for_a_joint_that_was_not_seen_are_told(
    tmp_path: Path, number: float, up: Up, mirrored: bool
) -> None:
    reader = ArrayReader(KINECT_V1, fps=FPS, metres=0.001, up=up, mirrored=mirrored)
    files = {name: 1000 * joints for name, joints in PEOPLE.items()}
    files["1-2"][3:6, 7] = number
    files["1-2"][8:10, 7] = number
    files["2-0"][1:3, [4, 9]] = number
    (found,) = [one for one in findings(tmp_path, files, reader) if one.kind == "unseen"]
    assert (found.severity, found.clips) == ("warning", ("1-2", "2-0"))
    assert found.text.startswith("2 of 8 recordings (25.0%)")
    assert "most: 5 times" in found.text
    assert found.text.endswith(f"set unseen=({number:g},) where the reader is defined")
    mended = findings(tmp_path / "mended", files, replace(reader, unseen=(number,)))
    assert not [one for one in mended if one.kind == "unseen"]


def test_a_joint_that_never_leaves_its_point_or_never_returns_stands_for_itself() -> None:
    joints = np.random.default_rng(0).normal(size=(1, 20, 4, 3))
    joints[:, :, 0] = 0  # centred
    assert find_repeated_point(joints) is None
    joints[:, 5:9, 1] = joints[:, 5:6, 1]  # held for a while
    assert find_repeated_point(joints) is None
    joints[:, 11:14, 2] = (0.5, -0.5, 0.5)
    assert find_repeated_point(joints) == ((0.5, -0.5, 0.5), 3)
    joints[:, 12, 2] += 1
    joints[:, 15, 1] = joints[:, 5, 1]
    assert find_repeated_point(joints) == (tuple(joints[0, 5, 1]), 5)


@pytest.mark.parametrize("topology", [COCO_17, BODY_25, MEDIAPIPE_33])
def test_what_estimators_write_in_a_picture(tmp_path: Path, topology: Topology) -> None:
    """In two dimensions y may point down, but no side can be told, and the size is made up."""
    names = topology.recorded
    joints = np.random.default_rng(0).normal(0, 0.01, (12, len(names), 2))
    low = [any(word in name for word in ("knee", "ankle", "toe", "heel", "foot")) for name in names]
    joints[..., 1] += np.where(low, 0.9, 0.2)
    files = {f"1-{take}": 1000 * joints for take in range(4)}
    for up, told in (("y", ["upright"]), ("-y", [])):
        reader = ArrayReader(topology, fps=FPS, dimensions=2, up=up)
        found = findings(tmp_path / up, files, reader, topology, dimensions=2)
        assert [one.kind for one in found] == told
        assert all("set up='-y'" in one.text for one in found)


@pytest.mark.parametrize(("number", "remedy"), [(0, "unseen=(0,)"), (-1, "unseen=(-1,)"), (None, "")])
def test_pixels_come_back_by_themselves(tmp_path: Path, number: float | None, remedy: str) -> None:
    """People who stand still, in whole pixels: only what lies in the corner, before all others, says something."""
    names = COCO_17.recorded
    walk = np.cumsum(np.random.default_rng(1).normal(0, 0.3, (60, len(names), 2)), axis=0)
    low = [any(word in name for word in ("knee", "ankle")) for name in names]
    joints = np.round(500 + walk + np.where(low, 300, 0)[:, np.newaxis] * (0, 1))
    joints[20:30, 3] = 502  # on the diagonal, among the others
    if number is not None:
        joints[[7, 8, 9, 15, 16], 4] = number
    reader = ArrayReader(COCO_17, fps=FPS, dimensions=2, up="-y")
    found = findings(tmp_path, {"1-1": joints}, reader, COCO_17, dimensions=2)
    assert [one.kind for one in found] == ([] if number is None else ["unseen"])
    assert all(remedy in one.text and "most: 5 times" in one.text for one in found)


CASES = Path(__file__).parents[2].parent / "shared" / "cases" / "own"


@pytest.mark.real
@pytest.mark.skipif(not CASES.exists(), reason="the cases are not here")
@pytest.mark.parametrize("up", ["y", "-y"])
def test_mediapipes_landmarks(tmp_path: Path, up: Up) -> None:
    reader = ArrayReader(MEDIAPIPE_33, names="P{subject}_{action}", fps=FPS, up=up)
    with StoreWriter(tmp_path / "recordings", "own", MEDIAPIPE_33, {"kind": "recordings"}) as store:
        for number, file in enumerate(sorted((CASES / "30-mediapipe33-csv").glob("*/*.csv"))):
            recording = reader.parse(file.read_bytes(), file.name)
            identity = replace(recording.identity, name=str(number))
            store.add(replace(recording, identity=identity), file.name, "0" * 64)
    dataset = DataSet("own", "Own", MEDIAPIPE_33, reader, {"x": SplitRule("subject", frozenset({1}))}, contents="files")
    found = {
        one.kind: one.text for one in find_broken_conventions(SkeletonStore.open(tmp_path / "recordings"), dataset)
    }
    assert found.keys() == ({"upright", "picture"} if up == "y" else {"picture"})
    assert "set up='-y'" in found.get("upright", "set up='-y'")


@pytest.mark.real
@pytest.mark.skipif(not CASES.exists(), reason="the cases are not here")
@pytest.mark.parametrize(("case", "number"), [("03-joint-zero", "0"), ("21-minus-one", "-1")])
def test_cases_of_numbers_that_stand_for_nothing(tmp_path: Path, case: str, number: str) -> None:
    body = Topology("gym-13", tuple(f"joint {one}" for one in range(13)), (-1, *[0] * 12), (0,), 0)
    files = {f"{file.stem[1]}-{file.stem[4]}": np.load(file)["joints"] for file in sorted((CASES / case).glob("*.npz"))}
    found = [one for one in findings(tmp_path, files, topology=body) if one.kind == "unseen"]
    assert [one.text.split("; ")[-1] for one in found] == [
        f"if that says that they were not seen, set unseen=({number},) where the reader is defined"
    ]
    assert len(found[0].clips) == 4
