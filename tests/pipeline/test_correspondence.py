"""Which joint stands for which: checked on bodies that stand upright, as each sensor or estimator sees them."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from hacm.errors import UserError
from hacm.skeletons.correspondence import How, JointMap, map_joints
from hacm.skeletons.shipped import (
    BODY_25,
    COCO_17,
    COCO_18,
    H36M_17,
    HALPE_26,
    KARD_15,
    KINECT_V1,
    KINECT_V2,
    MEDIAPIPE_33,
    MSR_ACTION3D,
    TOPOLOGIES,
    UI_PRMD,
)
from hacm.skeletons.topology import Topology
from pipeline.datasets import registry
from pipeline.datasets.ui_prmd import UI_PRMD_KINECT

Place = tuple[float, float, float]

# Standing upright with the arms stretched out sideways, metres: outward (the left side's), up from the hips, ahead. By
# mean bone lengths of kinect-sim's people, of UTD-MHAD, UI-PRMD, MSR Action3D and KARD; those of pictures by a common
# body. The `*` stands for left and for right.
PICTURE: dict[str, Place] = {
    "nose": (0, 0.66, 0.1), "* eye": (0.03, 0.7, 0.08), "* ear": (0.07, 0.68, 0),
    "* shoulder": (0.17, 0.47, 0), "* elbow": (0.45, 0.47, 0), "* wrist": (0.7, 0.47, 0),
    "* hip": (0.1, 0, 0), "* knee": (0.1, -0.42, 0), "* ankle": (0.1, -0.83, 0),
}  # fmt: skip
FEET: dict[str, Place] = {
    "* big toe": (0.09, -0.89, 0.15), "* small toe": (0.14, -0.89, 0.12), "* heel": (0.1, -0.89, -0.04),
}  # fmt: skip
TRUNK: dict[str, Place] = {"neck": (0, 0.47, 0), "mid hip": (0, 0, 0)}
UPRIGHT: dict[str, dict[str, Place]] = {
    KINECT_V2.name: {
        "spine base": (0, 0.03, 0), "spine mid": (0, 0.27, 0), "spine shoulder": (0, 0.49, 0), "neck": (0, 0.56, 0),
        "head": (0, 0.71, 0),
        "* shoulder": (0.18, 0.46, 0), "* elbow": (0.47, 0.46, 0), "* wrist": (0.73, 0.46, 0),
        "* hand": (0.81, 0.46, 0), "* hand tip": (0.9, 0.46, 0), "* thumb": (0.86, 0.46, 0.05),
        "* hip": (0.08, 0, 0), "* knee": (0.08, -0.41, 0), "* ankle": (0.08, -0.82, 0), "* foot": (0.09, -0.87, 0.12),
    },
    KINECT_V1.name: {
        "hip centre": (0, 0.07, 0), "spine": (0, 0.14, 0), "shoulder centre": (0, 0.48, 0), "head": (0, 0.67, 0),
        "* shoulder": (0.16, 0.36, 0), "* elbow": (0.42, 0.36, 0), "* wrist": (0.66, 0.36, 0), "* hand": (0.73, 0.36, 0),
        "* hip": (0.08, 0, 0), "* knee": (0.08, -0.45, 0), "* ankle": (0.08, -0.8, 0), "* foot": (0.09, -0.84, 0.06),
    },
    UI_PRMD.name: {
        "waist": (0, 0, 0), "spine": (0, 0.27, 0), "chest": (0, 0.47, 0), "neck": (0, 0.48, 0), "head": (0, 0.54, 0),
        "head tip": (0, 0.69, 0),
        "* collar": (0.02, 0.48, 0), "* upper arm": (0.15, 0.47, 0), "* forearm": (0.4, 0.47, 0),
        "* hand": (0.65, 0.47, 0), "* upper leg": (0.07, 0, 0), "* lower leg": (0.08, -0.35, 0),
        "* foot": (0.08, -0.73, 0), "* toes": (0.09, -0.77, 0.12),
    },
    MSR_ACTION3D.name: {
        "hip centre": (0, 0.02, 0), "spine": (0, 0.23, 0), "neck": (0, 0.43, 0), "head": (0, 0.68, 0),
        "* shoulder": (0.18, 0.38, 0), "* elbow": (0.45, 0.38, 0), "* wrist": (0.74, 0.38, 0), "* hand": (0.81, 0.38, 0),
        "* hip": (0.14, 0, 0), "* knee": (0.14, -0.54, 0), "* ankle": (0.14, -0.97, 0), "* foot": (0.14, -1.01, 0.14),
    },
    KARD_15.name: {
        "torso": (0, 0.22, 0), "neck": (0, 0.43, 0), "head": (0, 0.66, 0),
        "* shoulder": (0.17, 0.43, 0), "* elbow": (0.47, 0.43, 0), "* hand": (0.76, 0.43, 0),
        "* hip": (0.1, 0, 0), "* knee": (0.1, -0.44, 0), "* foot": (0.1, -0.85, 0),
    },
    COCO_17.name: PICTURE | TRUNK,
    COCO_18.name: PICTURE | TRUNK,
    HALPE_26.name: PICTURE | FEET | {"head": (0, 0.8, 0), "neck": (0, 0.47, 0), "hip": (0, 0, 0)},
    BODY_25.name: PICTURE | FEET | TRUNK,
    H36M_17.name: {
        "hip": (0, 0, 0), "spine": (0, 0.24, 0), "thorax": (0, 0.47, 0), "nose": (0, 0.62, 0.1), "head": (0, 0.75, 0),
        **{joint: place for joint, place in PICTURE.items() if joint not in ("nose", "* eye", "* ear")},
    },
    MEDIAPIPE_33.name: PICTURE | TRUNK | {
        "* eye inner": (0.02, 0.7, 0.09), "* eye outer": (0.04, 0.7, 0.07), "mouth *": (0.02, 0.62, 0.09),
        "* pinky": (0.78, 0.47, -0.03), "* index": (0.79, 0.47, 0.03), "* thumb": (0.74, 0.47, 0.05),
        "* heel": (0.1, -0.89, -0.04), "* foot index": (0.1, -0.89, 0.15),
    },
}  # fmt: skip
NEARLY = 0.08  # a joint this much further away than the nearest may be meant
PAIRS = list(itertools.permutations(TOPOLOGIES.values(), 2))
STICK = Topology("stick", ("hip", "chest", "left hand", "right hand"), (-1, 0, 1, 1), (0, 1), 1)


def upright(topology: Topology) -> np.ndarray:
    places = {}
    for joint, place in UPRIGHT[topology.name].items():
        for side, sign in (("left", 1), ("right", -1)):
            places[joint.replace("*", side)] = np.array(place) * (sign, 1, 1)
    assert set(places) == set(topology.joints)
    return np.array([places[joint] for joint in topology.joints])


def side_of(joint: str) -> str:
    return next((side for side in ("left", "right") if side in joint.split()), "middle")


def mirrored(joint: str) -> str:
    return joint.replace(side_of(joint), {"left": "right", "right": "left", "middle": "middle"}[side_of(joint)])


def sources_of(joints: JointMap) -> dict[str, set[str]]:
    """For each joint those that it is read from, by name."""
    return {
        name: {joints.source.joints[joint] for joint in sources}
        for name, sources in zip(joints.to.joints, joints.sources, strict=True)
    }


@pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=lambda each: each.name)
def test_within_a_skeleton_every_joint_is_itself(topology: Topology) -> None:
    joints = map_joints(topology, topology)
    assert joints.sources == tuple((joint,) for joint in range(len(topology.joints)))
    assert joints.describe() == []
    np.testing.assert_array_equal(joints.read(upright(topology)), upright(topology))


@pytest.mark.parametrize(("to", "source"), PAIRS, ids=lambda each: each.name)
def test_each_joint_is_read_from_the_nearest_or_better(to: Topology, source: Topology) -> None:
    joints = map_joints(to, source)
    own_place, their_place, read = upright(to), upright(source), joints.read(upright(source))
    for joint, name in enumerate(to.joints):
        nearest = np.linalg.norm(their_place - own_place[joint], axis=1).min()
        assert np.linalg.norm(read[joint] - own_place[joint]) <= nearest + NEARLY, (name, sources_of(joints)[name])


@pytest.mark.parametrize(("to", "source"), PAIRS, ids=lambda each: each.name)
def test_left_stays_left_and_both_sides_alike(to: Topology, source: Topology) -> None:
    joints = map_joints(to, source)
    named = sources_of(joints)
    for joint, sources in named.items():
        assert named[mirrored(joint)] == {mirrored(one) for one in sources}
        if side_of(joint) != "middle":
            assert {side_of(one) for one in sources} <= {side_of(joint), "middle"}, (joint, sources)
    outward = joints.read(upright(source))[:, 0]
    for joint, place in zip(to.joints, outward, strict=True):
        assert {"left": place >= 0, "right": place <= 0, "middle": abs(place) < 1e-9}[side_of(joint)], joint


@pytest.mark.parametrize(("to", "source"), PAIRS, ids=lambda each: each.name)
def test_what_clips_are_centred_on_stays_near_the_centre(to: Topology, source: Topology) -> None:
    read, centre = map_joints(to, source).read(upright(source))[to.centre], upright(source)[source.centre]
    assert np.linalg.norm(read - centre) < 0.28
    if {to.name, source.name} <= {KINECT_V1.name, KINECT_V2.name, UI_PRMD.name, MSR_ACTION3D.name}:
        np.testing.assert_array_equal(read, centre)


@pytest.mark.parametrize(("to", "source"), PAIRS, ids=lambda each: each.name)
def test_bones_keep_plausible_lengths(to: Topology, source: Topology) -> None:
    """Those of limbs within 20 cm of the skeleton's own; trunks are cut up differently, Kinect v1's spine lies low.

    Where two joints are read from one there is no bone between them.
    """
    joints = map_joints(to, source)
    read = joints.read(upright(source))
    for joint, parent in to.bones:
        if joints.sources[joint] == joints.sources[parent]:
            continue
        own_length = np.linalg.norm(upright(to)[joint] - upright(to)[parent])
        allowed = 0.22 if side_of(to.joints[joint]) == "middle" else 0.2
        assert abs(np.linalg.norm(read[joint] - read[parent]) - own_length) < allowed, to.joints[joint]


@pytest.mark.parametrize(("to", "source"), PAIRS, ids=lambda each: each.name)
def test_there_and_back_a_joint_that_is_the_same_is_the_same_and_others_lie_near(
    to: Topology, source: Topology
) -> None:
    there, back = map_joints(to, source), map_joints(source, to)
    body = upright(source) + np.array([0.3, 1.1, 2.5])
    again = back.read(there.read(body))
    for joint, how in enumerate(back.how):
        name = source.joints[joint]
        (first, *_) = back.sources[joint]
        if how is How.SAME and there.how[first] is How.SAME:
            assert there.sources[first] == (joint,)
            np.testing.assert_array_equal(again[joint], body[joint])
        # Hands are read back from wrists, and faces from the middle of the head.
        assert np.linalg.norm(again[joint] - body[joint]) < (0.2 if side_of(name) == "middle" else 0.26), name


def test_there_and_back_nothing_is_lost_between_skeletons_with_the_same_landmarks() -> None:
    generator = np.random.default_rng(0)
    for one, other in ((KINECT_V1, MSR_ACTION3D), (MSR_ACTION3D, KINECT_V1)):
        there, back = map_joints(other, one), map_joints(one, other)
        body = generator.normal(size=(2, 7, 20, 3)).astype(np.float32)
        np.testing.assert_array_equal(back.read(there.read(body)), body)
        assert there.describe() == back.describe() == []


def test_what_is_lost_derived_and_approximated_is_said() -> None:
    assert map_joints(KINECT_V1, COCO_17).describe() == [
        "head: derived from left ear and right ear",
        "shoulder centre: derived from neck",
        "spine: derived from mid hip and neck",
        "hip centre: derived from mid hip",
        "left hand: approximated from left wrist",
        "right hand: approximated from right wrist",
        "left foot: approximated from left ankle",
        "right foot: approximated from right ankle",
        "lost: nose, left eye, right eye",
    ]
    assert map_joints(KARD_15, MSR_ACTION3D).describe() == [
        "lost: hip centre, left hand, right hand, left foot, right foot"
    ]
    assert map_joints(KARD_15, BODY_25).describe() == [
        "head: derived from left ear and right ear",
        "torso: derived from mid hip and neck",
        "lost: nose, right eye, left eye, left big toe, left small toe, left heel, right big toe, right small toe, right heel",
    ]
    joints = map_joints(KINECT_V2, MEDIAPIPE_33)
    assert joints.how[KINECT_V2.joints.index("left hand")] is How.DERIVED
    assert "left hand: derived from left index and left pinky" in joints.describe()
    assert "left hand tip: approximated from left index" in joints.describe()
    assert joints.lost == (
        "nose", "left eye inner", "left eye", "left eye outer", "right eye inner", "right eye", "right eye outer",
        "mouth left", "mouth right", "left heel", "right heel",
    )  # fmt: skip


def test_a_derived_joint_is_the_mean_by_hand() -> None:
    body = np.zeros((19, 3))
    body[COCO_17.joints.index("left ear")] = (1, 2, 3)
    body[COCO_17.joints.index("right ear")] = (3, 6, -3)
    body[COCO_17.joints.index("neck")] = (0, 1, 0)
    body[COCO_17.joints.index("mid hip")] = (1, 0, 0)
    read = map_joints(KINECT_V1, COCO_17).read(body)
    assert read[KINECT_V1.joints.index("head")].tolist() == [2, 4, 0]
    assert read[KINECT_V1.joints.index("spine")].tolist() == [0.5, 0.5, 0]
    assert read[KINECT_V1.joints.index("hip centre")].tolist() == [1, 0, 0]


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch):
    """Put a correspondence into a data set of the user's own."""

    def put(correspondence: dict[str, str]) -> None:
        dataset = replace(
            UI_PRMD_KINECT, name="gym", topology=STICK, correspondences={(STICK.name, KINECT_V1.name): correspondence}
        )
        monkeypatch.setattr(registry, "find_own", lambda: {"gym": dataset})

    return put


def test_ones_own_skeleton_is_declared_with_its_data_set(declare) -> None:
    declare({"hip": "hip centre", "chest": "shoulder centre"})
    joints = map_joints(STICK, KINECT_V1, registry.own_correspondences())
    assert joints.sources == ((3,), (1,), (7,), (11,))
    assert [how.value for how in joints.how] == ["approximated", "approximated", "same", "same"]


def test_what_is_lacking_is_one_line_that_says_what_to_do(declare) -> None:
    with pytest.raises(
        UserError, match=r"from stick to kinect-v2-25: add \('kinect-v2-25', 'stick'\) to `corr"
    ) as caught:
        map_joints(KINECT_V2, STICK, registry.own_correspondences())
    assert "\n" not in str(caught.value)
    declare({"hip": "hip centre"})
    with pytest.raises(UserError, match="kinect-v1-20 has no joint 'chest'; say from which of its joints 'chest' is"):
        map_joints(STICK, KINECT_V1, registry.own_correspondences())
    declare({"hip": "hip center", "chest": "spine"})
    with pytest.raises(UserError, match="kinect-v1-20 has no joint 'hip center'"):
        map_joints(STICK, KINECT_V1, registry.own_correspondences())
    declare({"hip": "hip centre", "chest": "spine", "tail": "spine"})
    with pytest.raises(UserError, match="stick has no joint 'tail'; mend its name"):
        map_joints(STICK, KINECT_V1, registry.own_correspondences())
