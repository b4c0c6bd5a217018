"""Which joint of one skeleton stands for which of another, so that an encoder can be shown clips of another sensor.

Each joint of a shipped skeleton is a *landmark* of the body. One skeleton is read from another landmark by landmark:
where the other has it, it is that joint; else it is derived, as the middle of others, or a joint nearby stands for it.
Skeletons of a user's own have no landmarks: their data set declares which joint is
read from which (docs/protocols.md).
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hacm.errors import UserError
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

SIDES = ("left", "right")

LANDMARKS: dict[str, dict[str, str]] = {
    KINECT_V2.name: {"spine base": "pelvis", "spine mid": "spine", "spine shoulder": "chest"},
    KINECT_V1.name: {"hip centre": "pelvis", "shoulder centre": "chest"},
    # Its software names a joint after the segment that begins there: "left hand" is the wrist, "head" the upper end of
    # the neck.
    UI_PRMD.name: {
        "waist": "pelvis", "neck": "neck base", "head": "neck", "head tip": "head",
        "* upper arm": "* shoulder", "* forearm": "* elbow", "* hand": "* wrist",
        "* upper leg": "* hip", "* lower leg": "* knee", "* foot": "* ankle", "* toes": "* foot",
    },
    MSR_ACTION3D.name: {"neck": "chest", "hip centre": "pelvis"},
    # By the lengths of its bones, its hand is the wrist and its foot the ankle.
    KARD_15.name: {"neck": "chest", "torso": "spine", "* hand": "* wrist", "* foot": "* ankle"},
    COCO_17.name: {"neck": "chest", "mid hip": "pelvis"},
    COCO_18.name: {"neck": "chest", "mid hip": "pelvis"},
    HALPE_26.name: {"head": "head top", "neck": "chest", "hip": "pelvis"},
    BODY_25.name: {"neck": "chest", "mid hip": "pelvis"},
    H36M_17.name: {"hip": "pelvis", "thorax": "chest", "head": "head top"},
    MEDIAPIPE_33.name: {"* foot index": "* foot", "neck": "chest", "mid hip": "pelvis"},
}  # fmt: skip
"""By skeleton, the landmark of each joint that is not called after it. `*` stands for left and for right.

The chest is the middle between the shoulders, which many call neck.
"""

DERIVED: dict[str, tuple[str, ...]] = {
    "pelvis": ("left hip", "right hip"),
    "chest": ("left shoulder", "right shoulder"),
    "spine": ("pelvis", "chest"),
    "head": ("left ear", "right ear"),
    "* hand": ("* index", "* pinky"),
    "* foot": ("* big toe", "* small toe"),
}
"""A landmark that lies in the middle of others."""

NEARBY: dict[str, tuple[tuple[str, ...], ...]] = {
    "neck base": (("chest",),),
    "neck": (("chest",),),
    "* collar": (("chest",),),
    "head": (("nose", "head top"), ("head top",), ("nose",)),
    "head top": (("head",), ("left ear", "right ear")),
    "nose": (("head",),),
    "* eye": (("nose",), ("head",)),
    "* eye inner": (("* eye",), ("nose",), ("head",)),
    "* eye outer": (("* eye",), ("nose",), ("head",)),
    "* ear": (("head",), ("nose", "head top"), ("nose",)),
    "mouth *": (("nose",), ("head",)),
    "* wrist": (("* hand",),),
    "* hand": (("* wrist",),),
    "* hand tip": (("* index",), ("* hand",), ("* wrist",)),
    "* index": (("* hand tip",), ("* hand",), ("* wrist",)),
    "* pinky": (("* hand",), ("* wrist",)),
    "* thumb": (("* hand",), ("* wrist",)),
    "* hip": (("pelvis",),),
    "* ankle": (("* foot",),),
    "* heel": (("* ankle",), ("* foot",)),
    "* foot": (("* ankle",),),
    "* big toe": (("* foot",), ("* ankle",)),
    "* small toe": (("* foot",), ("* ankle",)),
}
"""What stands for a landmark that is neither there nor in the middle of others: the first whose parts are there; of
several parts, their mean."""


class How(Enum):
    """How a joint is read: it is the same landmark, the middle of others, or what lies nearby."""

    SAME = "same"
    DERIVED = "derived"
    APPROXIMATED = "approximated"


@dataclass(frozen=True)
class JointMap:
    """How the joints of one skeleton (V) are read from those of another (U).

    sources: for each joint of `to` the numbers of the joints of `source` whose mean it is, mostly one. how: for each.
    """

    to: Topology
    source: Topology
    sources: tuple[tuple[int, ...], ...]
    how: tuple[How, ...]

    @cached_property
    def lost(self) -> tuple[str, ...]:
        """The joints of `source` that nothing is read from."""
        read = {joint for joints in self.sources for joint in joints}
        return tuple(name for joint, name in enumerate(self.source.joints) if joint not in read)

    def read(self, joints_XUC: NDArray[np.float32]) -> NDArray[np.float32]:
        """(…, V, 3) from (…, U, 3)."""
        if all(len(joints) == 1 for joints in self.sources):
            return joints_XUC[..., [joint for (joint,) in self.sources], :]
        means = [joints_XUC[..., list(joints), :].mean(axis=-2) for joints in self.sources]
        return np.stack(means, axis=-2)

    def describe(self) -> list[str]:
        """A line for each joint that is not the same landmark, and one for those that are lost."""
        lines = []
        for name, joints, how in zip(self.to.joints, self.sources, self.how, strict=True):
            if how is not How.SAME:
                lines.append(f"{name}: {how.value} from {' and '.join(self.source.joints[joint] for joint in joints)}")
        return lines + ([f"lost: {', '.join(self.lost)}"] if self.lost else [])


def map_joints(
    to: Topology, source: Topology, declared: Mapping[tuple[str, str], Mapping[str, str]] | None = None
) -> JointMap:
    """How the joints of `to` (an encoder's skeleton) are read from those of `source` (the clips').

    declared: by (to, source), what data sets of a user's own say: each joint of `to` and the joint of `source` it is
    read from, `*` standing for left and for right; a joint that is not listed is read from the one of the same name.
    UserError, saying what to do, if nothing is known of these two or what is declared names no joint.
    """
    if to.name == source.name:
        return JointMap(to, source, tuple((joint,) for joint in range(len(to.joints))), (How.SAME,) * len(to.joints))
    named = (declared or {}).get((to.name, source.name))
    if named is not None:
        return _map_by_names(to, source, named)
    if to.name in TOPOLOGIES and source.name in TOPOLOGIES:
        return _map_by_landmarks(to, source)
    raise UserError(
        f"no correspondence of joints is declared from {source.name} to {to.name}: add ({to.name!r}, {source.name!r}) "
        "to `correspondences` of the data set in pipeline/own whose skeleton it is (docs/protocols.md)"
    )


def _map_by_landmarks(to: Topology, source: Topology) -> JointMap:
    place = {landmark: joint for joint, landmark in enumerate(find_landmarks(source))}
    made = {source.joints.index(name) for name, _ in source.derived}
    ways = [_find_way(landmark, place.keys()) for landmark in find_landmarks(to)]
    sources = tuple(tuple(place[part] for part in parts) for parts, _ in ways)
    how = tuple(How.DERIVED if joints[0] in made and way is How.SAME else way
                for joints, (_, way) in zip(sources, ways, strict=True))  # fmt: skip
    return JointMap(to, source, sources, how)


def _find_way(landmark: str, there: Set[str]) -> tuple[tuple[str, ...], How]:
    """The landmarks, among those that are there, whose mean stands for one."""
    if landmark in there:
        return (landmark,), How.SAME
    parts = DERIVED_BY_SIDE.get(landmark)
    if parts is not None and there >= set(parts):
        return parts, How.DERIVED
    return next(parts for parts in NEARBY_BY_SIDE[landmark] if there >= set(parts)), How.APPROXIMATED


def find_landmarks(topology: Topology) -> tuple[str, ...]:
    """The landmark of each joint of a shipped skeleton."""
    named = _both_sides(LANDMARKS[topology.name])
    return tuple(named.get(joint, joint) for joint in topology.joints)


def _map_by_names(to: Topology, source: Topology, declared: Mapping[str, str]) -> JointMap:
    pair = f"from {source.name} to {to.name}"
    named = _both_sides(declared)
    for joint in named:
        if joint not in to.joints:
            raise UserError(f"correspondence of joints {pair}: {to.name} has no joint {joint!r}; mend its name")
    names = [named.get(joint, joint) for joint in to.joints]
    for joint, name in zip(to.joints, names, strict=True):
        if name not in source.joints:
            raise UserError(
                f"correspondence of joints {pair}: {source.name} has no joint {name!r}; "
                f"say from which of its joints {joint!r} is read"
            )
    how = tuple(How.SAME if joint == name else How.APPROXIMATED for joint, name in zip(to.joints, names, strict=True))
    return JointMap(to, source, tuple((source.joints.index(name),) for name in names), how)


def _both_sides(declared: Mapping[str, str]) -> dict[str, str]:
    return {joint.replace("*", side): other.replace("*", side) for joint, other in declared.items() for side in SIDES}


def _name_sides(parts: tuple[str, ...], side: str) -> tuple[str, ...]:
    return tuple(part.replace("*", side) for part in parts)


DERIVED_BY_SIDE = {
    landmark.replace("*", side): _name_sides(parts, side) for landmark, parts in DERIVED.items() for side in SIDES
}
NEARBY_BY_SIDE = {
    landmark.replace("*", side): tuple(_name_sides(parts, side) for parts in ways)
    for landmark, ways in NEARBY.items()
    for side in SIDES
}
"""DERIVED and NEARBY with left and right written out."""
