"""Which joint stands for which: checked on bodies that stand upright, as each sensor sees them."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from hacm.errors import UserError
from hacm.skeletons.correspondence import CORRESPONDENCES, read_joints
from hacm.skeletons.topology import KINECT_V1, KINECT_V2, TOPOLOGIES, UI_PRMD, Topology
from pipeline.datasets import registry
from pipeline.datasets.ui_prmd import UI_PRMD_KINECT

# Standing upright with the arms stretched out sideways, metres: outward (the left side's), up from the hips, ahead, by
# mean bone lengths: of kinect-sim's people, of UTD-MHAD, of UI-PRMD.
UPRIGHT: dict[str, dict[str, tuple[float, float, float]]] = {
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
}  # fmt: skip
NEARLY = 0.05  # a joint this much further away than the nearest may be meant
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
    return joint.split()[0] if joint.split()[0] in ("left", "right") else "middle"


def test_every_two_skeletons_of_the_project_are_declared() -> None:
    assert set(CORRESPONDENCES) == {(encoder.name, clips.name) for encoder, clips in PAIRS}


@pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=lambda each: each.name)
def test_within_a_skeleton_every_joint_is_itself(topology: Topology) -> None:
    assert read_joints(topology, topology) == tuple(range(len(topology.joints)))


@pytest.mark.parametrize(("encoder", "clips"), PAIRS, ids=lambda each: each.name)
def test_each_joint_is_read_from_the_nearest(encoder: Topology, clips: Topology) -> None:
    read = read_joints(encoder, clips)
    own_place, their_place = upright(encoder), upright(clips)
    for joint, (name, source) in enumerate(zip(encoder.joints, read, strict=True)):
        away = np.linalg.norm(their_place - own_place[joint], axis=1)
        assert away[source] <= away.min() + NEARLY, (name, clips.joints[source], clips.joints[int(away.argmin())])


@pytest.mark.parametrize(("encoder", "clips"), PAIRS, ids=lambda each: each.name)
def test_left_stays_left_and_both_sides_alike(encoder: Topology, clips: Topology) -> None:
    read = dict(zip(encoder.joints, (clips.joints[joint] for joint in read_joints(encoder, clips)), strict=True))
    for joint, source in read.items():
        if side_of(joint) != "middle":
            other = {"left": "right", "right": "left"}[side_of(joint)]
            mirrored = read[joint.replace(side_of(joint), other)]
            assert mirrored == source.replace(side_of(source), other)
        assert side_of(source) in (side_of(joint), "middle"), (joint, source)


@pytest.mark.parametrize(("encoder", "clips"), PAIRS, ids=lambda each: each.name)
def test_what_clips_are_centred_on_stays_the_centre(encoder: Topology, clips: Topology) -> None:
    assert read_joints(encoder, clips)[encoder.centre] == clips.centre


@pytest.mark.parametrize(("encoder", "clips"), PAIRS, ids=lambda each: each.name)
def test_bones_keep_plausible_lengths(encoder: Topology, clips: Topology) -> None:
    """Those of limbs within 12 cm of the encoder's own; trunks are cut up differently, Kinect v1's spine lies low."""
    read = upright(clips)[list(read_joints(encoder, clips))]
    for joint, parent in encoder.bones:
        own_length = np.linalg.norm(upright(encoder)[joint] - upright(encoder)[parent])
        allowed = 0.22 if side_of(encoder.joints[joint]) == "middle" else 0.12
        assert abs(np.linalg.norm(read[joint] - read[parent]) - own_length) < allowed, encoder.joints[joint]


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
    assert read_joints(STICK, KINECT_V1, registry.known_correspondences()) == (3, 1, 7, 11)


def test_what_is_lacking_is_one_line_that_says_what_to_do(declare) -> None:
    with pytest.raises(
        UserError, match=r"from stick to kinect-v2-25: add \('kinect-v2-25', 'stick'\) to `corr"
    ) as caught:
        read_joints(KINECT_V2, STICK, registry.known_correspondences())
    assert "\n" not in str(caught.value)
    declare({"hip": "hip centre"})
    with pytest.raises(UserError, match="kinect-v1-20 has no joint 'chest'; say from which of its joints 'chest' is"):
        read_joints(STICK, KINECT_V1, registry.known_correspondences())
    declare({"hip": "hip center", "chest": "spine"})
    with pytest.raises(UserError, match="kinect-v1-20 has no joint 'hip center'"):
        read_joints(STICK, KINECT_V1, registry.known_correspondences())
    declare({"hip": "hip centre", "chest": "spine", "tail": "spine"})
    with pytest.raises(UserError, match="stick has no joint 'tail'; mend its name"):
        read_joints(STICK, KINECT_V1, registry.known_correspondences())
