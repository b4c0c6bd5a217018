"""Skeletons: each mistake in one is told in one line."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hacm.errors import UserError
from hacm.skeletons.shipped import BODY_25, COCO_17, COCO_18, H36M_17, HALPE_26, KINECT_V2, MEDIAPIPE_33, TOPOLOGIES
from hacm.skeletons.topology import Topology
from pipeline.datasets.registry import find_topology

BODY = Topology("stick", ("hip", "chest", "left hand", "right hand"), (-1, 0, 1, 1), (0, 1), 1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"parents": (-1, 0, 1)}, "4 joint names but 3 parents"),
        ({"joints": ("hip", "chest", "hand", "hand")}, "joint names repeat"),
        ({"joints": ("hip", "chest", "hand", "")}, "'' in joints is not a name"),
        ({"joints": ["hip", "chest", "left hand", "right hand"]}, "joints must be a tuple, (…), not list"),
        ({"joints": (), "parents": (), "roots": ()}, "exactly one joint must have parent -1"),
        ({"parents": (-1, -1, 1, 1)}, "exactly one joint must have parent -1"),
        ({"parents": (1, 0, 1, 1)}, "exactly one joint must have parent -1"),
        ({"parents": (-1, 0, 3, 2)}, "parents form a loop at joint left hand"),
        ({"parents": (-1, 0, 1, 3)}, "parents form a loop at joint right hand"),
        ({"parents": (-1, 0, 1, 4)}, "a parent lies outside 0..3"),
        ({"parents": (-1, 0, 1, -2)}, "a parent lies outside 0..3"),
        ({"parents": (-1, 0, 1, "chest")}, "'chest' in parents is not the number of a joint"),
        ({"parents": (None, 0, 1, 1)}, "None in parents is not the number of a joint"),
        ({"roots": ()}, "at least one joint and leave at least one"),
        ({"roots": (0, 1, 2, 3)}, "at least one joint and leave at least one"),
        ({"roots": (1, 0)}, "roots must be ascending joint numbers"),
        ({"roots": (0, 0)}, "roots must be ascending joint numbers"),
        ({"roots": (0, 4)}, "roots must be ascending joint numbers"),
        ({"roots": (0.0,)}, "0.0 in roots is not the number of a joint"),
        ({"roots": 0}, "roots must be a tuple"),
        ({"centre": 4}, "centre 4 is not a joint"),
        ({"centre": -1}, "centre -1 is not a joint"),
        ({"centre": "chest"}, "centre 'chest' is not the number of a joint"),
        ({"name": ""}, "the name must be a text"),
        ({"derived": [("hip", ("chest",))]}, "derived must be a tuple of pairs, ((name, (joint, joint)),)"),
        ({"derived": (("right hand", "chest"),)}, "derived must be a tuple of pairs, ((name, (joint, joint)),)"),
        ({"derived": (("left hand", ("chest",)),)}, "derived joints left hand must be the last ones, in that order"),
        ({"derived": (("right hand", ()),)}, "right hand is derived from '', which no file holds"),
        ({"derived": (("right hand", ("hip", "right hand")),)}, "is derived from 'right hand', which no file holds"),
        ({"derived": (("right hand", ("hip", "tail")),)}, "right hand is derived from 'tail', which no file holds"),
    ],
)
def test_each_mistake_is_one_line(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError) as caught:
        replace(BODY, **change)
    message = str(caught.value)
    assert message.startswith("topology ")
    assert reason in message
    assert "\n" not in message


@given(st.lists(st.integers(-1, 6), min_size=2, max_size=7))
def test_a_skeleton_is_accepted_if_and_only_if_it_is_one_tree(parents: list[int]) -> None:
    count = len(parents)
    depth = {joint: 0 for joint in range(count) if parents[joint] == -1}
    for _ in range(count):  # whoever hangs on a joint that is reached is reached
        depth |= {joint: 1 for joint in range(count) if parents[joint] in depth}
    is_tree = parents.count(-1) == 1 and len(depth) == count
    try:
        Topology("any", tuple(map(str, range(count))), tuple(parents), (0,), 0)
    except UserError:
        assert not is_tree
    else:
        assert is_tree


def test_known_ones_are_found_and_described() -> None:
    for name, topology in TOPOLOGIES.items():
        assert find_topology(name) is topology
        assert Topology.described(name, json.loads(json.dumps(topology.describe()))) == topology
    with pytest.raises(UserError, match=f"unknown topology 'stick'; known: {KINECT_V2.name}"):
        find_topology("stick")


# As their makers list them; L and R stand for left and right. Each was compared on 2026-11-30 with
#   body-25    CMU-Perceptual-Computing-Lab/openpose 0e341c83, doc/02_output.md: POSE_BODY_25_BODY_PARTS
#   coco-18    the same project, include/openpose/pose/poseParameters.hpp: POSE_COCO_BODY_PARTS
#   halpe-26   Fang-Haoshu/Halpe-FullBody 5b4887d9, README.md, and open-mmlab/mmpose 537bd8e5, configs/_base_/datasets/halpe26.py
#   coco-17    facebookresearch/detectron2 0dd2b657, detectron2/data/datasets/builtin_meta.py: COCO_PERSON_KEYPOINT_NAMES
#   h36m-17    Walter0807/MotionBERT 20db205a, lib/data/dataset_action.py: coco2h36m; and sides and parents below
ORDERS = {
    BODY_25: "Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist MidHip RHip RKnee RAnkle LHip LKnee LAnkle REye "
    "LEye REar LEar LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel",
    HALPE_26: "Nose LEye REye LEar REar LShoulder RShoulder LElbow RElbow LWrist RWrist LHip RHip LKnee RKnee LAnkle "
    "RAnkle Head Neck Hip LBigToe RBigToe LSmallToe RSmallToe LHeel RHeel",
    COCO_18: "Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist RHip RKnee RAnkle LHip LKnee LAnkle REye LEye REar "
    "LEar",
    COCO_17: "Nose LEye REye LEar REar LShoulder RShoulder LElbow RElbow LWrist RWrist LHip RHip LKnee RKnee LAnkle "
    "RAnkle",
    H36M_17: "Hip RHip RKnee RAnkle LHip LKnee LAnkle Spine Thorax Nose Head LShoulder LElbow LWrist RShoulder RElbow "
    "RWrist",
}
# google-ai-edge/mediapipe 017c1dc7, mediapipe/python/solutions/pose.py: PoseLandmark; compared on the same day.
LANDMARKS = """NOSE LEFT_EYE_INNER LEFT_EYE LEFT_EYE_OUTER RIGHT_EYE_INNER RIGHT_EYE RIGHT_EYE_OUTER LEFT_EAR RIGHT_EAR
MOUTH_LEFT MOUTH_RIGHT LEFT_SHOULDER RIGHT_SHOULDER LEFT_ELBOW RIGHT_ELBOW LEFT_WRIST RIGHT_WRIST LEFT_PINKY RIGHT_PINKY
LEFT_INDEX RIGHT_INDEX LEFT_THUMB RIGHT_THUMB LEFT_HIP RIGHT_HIP LEFT_KNEE RIGHT_KNEE LEFT_ANKLE RIGHT_ANKLE LEFT_HEEL
RIGHT_HEEL LEFT_FOOT_INDEX RIGHT_FOOT_INDEX"""


@pytest.mark.parametrize("topology", ORDERS, ids=lambda each: each.name)
def test_joints_are_in_the_order_of_the_estimators(topology: Topology) -> None:
    words = [re.sub(r"^([LR])(?=[A-Z])", {"L": "Left", "R": "Right"}.get(word[0], ""), word)
             for word in ORDERS[topology].split()]  # fmt: skip
    assert topology.recorded == tuple(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", word).lower() for word in words)


def test_mediapipe_in_the_order_of_its_enumeration() -> None:
    assert MEDIAPIPE_33.recorded == tuple(word.lower().replace("_", " ") for word in LANDMARKS.split())


def test_human36m_as_it_comes_from_its_32_joints() -> None:
    """facebookresearch/VideoPose3D 11e90ad9, common/h36m_dataset.py: parents and sides of the 32, and which are dropped.

    An early open-mmlab/mmpose (0570890f, configs/_base_/datasets/h36m.py) calls the legs the other way round; Human3.6M's
    own joints 1 to 3 are the right leg's.
    """
    parents = [-1, 0, 1, 2, 3, 4, 0, 6, 7, 8, 9, 0, 11, 12, 13, 14, 12, 16, 17, 18, 19, 20, 19, 22, 12, 24, 25, 26, 27,
               28, 27, 30]  # fmt: skip
    left = {6, 7, 8, 9, 10, 16, 17, 18, 19, 20, 21, 22, 23}
    right = {1, 2, 3, 4, 5, 24, 25, 26, 27, 28, 29, 30, 31}
    dropped = {4, 5, 9, 10, 11, 16, 20, 21, 22, 23, 24, 28, 29, 30, 31}
    kept = [joint for joint in range(32) if joint not in dropped]
    sides = ["left" if joint in left else "right" if joint in right else "" for joint in kept]
    assert [name.partition(" ")[0] if " " in name else "" for name in H36M_17.joints] == sides

    def parent_of(joint: int) -> int:
        """The nearest that is kept."""
        above = parents[joint]
        return above if above in kept or above < 0 else parent_of(above)

    expected = [-1 if joint == 0 else kept.index(parent_of(joint)) for joint in kept]
    expected[11] = expected[14] = 8  # there the shoulders are hung on the thorax afterwards
    assert H36M_17.parents == tuple(expected)


@pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=TOPOLOGIES)
def test_each_side_is_the_others_mirror_image(topology: Topology) -> None:
    """Joint for joint: what a left joint hangs on, whether it is pruned, and what it is derived from."""
    other = {"left": "right", "right": "left"}

    def mirror(name: str) -> str:
        return " ".join(other.get(word, word) for word in name.split())

    parent = {name: topology.joints[topology.parents[joint]] for joint, name in enumerate(topology.joints)}
    for joint, name in enumerate(topology.joints):
        twin = topology.joints.index(mirror(name))
        assert parent[mirror(name)] == mirror(parent[name]) or topology.parents[joint] == -1
        assert (joint in topology.roots) == (twin in topology.roots)
        assert joint not in (topology.centre, topology.parents.index(-1)) or twin == joint
    for name, sources in topology.derived:
        assert {mirror(source) for source in sources} == set(sources), name


def test_sizes() -> None:
    assert {name: len(topology.recorded) for name, topology in TOPOLOGIES.items()} == {
        "kinect-v2-25": 25, "kinect-v1-20": 20, "ui-prmd-22": 22, "msr-action3d-20": 20, "kard-15": 15, "coco-17": 17, "coco-18": 18,
        "halpe-26": 26, "body-25": 25, "h36m-17": 17, "mediapipe-33": 33,
    }  # fmt: skip
    derived = {name: topology.joints[len(topology.recorded) :] for name, topology in TOPOLOGIES.items()}
    assert {name: joints for name, joints in derived.items() if joints} == {
        "coco-17": ("neck", "mid hip"),
        "coco-18": ("mid hip",),
        "mediapipe-33": ("neck", "mid hip"),
    }
