"""Skeletons: joint names, parents, the root set that pruning takes out, and the joint that clips are centred on.

Everything that depends on a skeleton's shape (number of tokens, tree distances, drawings) follows from a Topology;
nothing else in the project may assume 25 joints.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hacm.errors import UserError


@dataclass(frozen=True)
class Topology:
    """A skeleton.

    name: how stores and params.yaml refer to it. joints: V names. parents: for each joint the index of its parent, -1
    for the root. roots: the root set R, ascending: trunk and limb roots, which spatial pruning takes out. centre: the
    joint that translation and the ridge baseline centre on.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    roots: tuple[int, ...]
    centre: int

    def __post_init__(self) -> None:
        _check_types(self)
        count = len(self.joints)
        if len(self.parents) != count:
            raise UserError(f"topology {self.name}: {count} joint names but {len(self.parents)} parents")
        if len(set(self.joints)) != count:
            raise UserError(f"topology {self.name}: joint names repeat")
        if self.parents.count(-1) != 1:
            raise UserError(f"topology {self.name}: exactly one joint must have parent -1")
        if any(not -1 <= parent < count for parent in self.parents):
            raise UserError(f"topology {self.name}: a parent lies outside 0..{count - 1}")
        if list(self.roots) != sorted(set(self.roots)) or not all(0 <= j < count for j in self.roots):
            raise UserError(f"topology {self.name}: roots must be ascending joint numbers without repeats")
        if not 0 < len(self.roots) < count:
            raise UserError(f"topology {self.name}: roots must name at least one joint and leave at least one")
        if not 0 <= self.centre < count:
            raise UserError(f"topology {self.name}: centre {self.centre} is not a joint")
        for joint in range(count):
            seen = set()
            while joint != -1:
                if joint in seen:
                    raise UserError(f"topology {self.name}: parents form a loop at joint {self.joints[joint]}")
                seen.add(joint)
                joint = self.parents[joint]

    @cached_property
    def kept(self) -> tuple[int, ...]:
        """The joints that become tokens: all but the root set, ascending."""
        return tuple(j for j in range(len(self.joints)) if j not in self.roots)

    def describe(self) -> dict[str, Any]:
        """What stores say of the skeleton beside its name, as JSON has it."""
        return {
            "joints": list(self.joints),
            "parents": list(self.parents),
            "roots": list(self.roots),
            "centre": self.centre,
        }

    @classmethod
    def described(cls, name: str, facts: Mapping[str, Any]) -> "Topology":
        """The inverse of `describe`."""
        parts = {part: tuple(facts[part]) for part in ("joints", "parents", "roots")}
        return cls(name, **parts, centre=facts["centre"])

    @cached_property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(joint, parent) pairs, in joint order."""
        return tuple((joint, parent) for joint, parent in enumerate(self.parents) if parent >= 0)


def _check_types(topology: Topology) -> None:
    """Data sets of a user's own are read without a type checker."""
    name = topology.name
    if not isinstance(name, str) or not name:
        raise UserError(f"topology {name!r}: the name must be a text")
    for part, values, kind in (
        ("joints", topology.joints, str),
        ("parents", topology.parents, int),
        ("roots", topology.roots, int),
    ):
        if not isinstance(values, tuple):
            raise UserError(f"topology {name}: {part} must be a tuple, (…), not {type(values).__name__}")
        for value in values:
            if not isinstance(value, kind) or value == "":
                wanted = "a name" if kind is str else "the number of a joint"
                raise UserError(f"topology {name}: {value!r} in {part} is not {wanted}")
    if not isinstance(topology.centre, int):
        raise UserError(f"topology {name}: centre {topology.centre!r} is not the number of a joint")


KINECT_V2 = Topology(
    name="kinect-v2-25",
    joints=(
        "spine base", "spine mid", "neck", "head",
        "left shoulder", "left elbow", "left wrist", "left hand",
        "right shoulder", "right elbow", "right wrist", "right hand",
        "left hip", "left knee", "left ankle", "left foot",
        "right hip", "right knee", "right ankle", "right foot",
        "spine shoulder", "left hand tip", "left thumb", "right hand tip", "right thumb",
    ),
    parents=(1, -1, 20, 2, 20, 4, 5, 6, 20, 8, 9, 10, 0, 12, 13, 14, 0, 16, 17, 18, 1, 7, 7, 11, 11),
    roots=(0, 1, 4, 8, 12, 16, 20),
    centre=1,
)  # fmt: skip

KINECT_V1 = Topology(
    name="kinect-v1-20",
    joints=(
        "head", "shoulder centre", "spine", "hip centre",
        "left shoulder", "left elbow", "left wrist", "left hand",
        "right shoulder", "right elbow", "right wrist", "right hand",
        "left hip", "left knee", "left ankle", "left foot",
        "right hip", "right knee", "right ankle", "right foot",
    ),
    parents=(1, 2, 3, -1, 1, 4, 5, 6, 1, 8, 9, 10, 3, 12, 13, 14, 3, 16, 17, 18),
    roots=(1, 2, 3, 4, 8, 12, 16),
    centre=2,
)  # fmt: skip

UI_PRMD = Topology(
    name="ui-prmd-22",
    joints=(
        "waist", "spine", "chest", "neck", "head", "head tip",
        "left collar", "left upper arm", "left forearm", "left hand",
        "right collar", "right upper arm", "right forearm", "right hand",
        "left upper leg", "left lower leg", "left foot", "left toes",
        "right upper leg", "right lower leg", "right foot", "right toes",
    ),
    parents=(-1, 0, 1, 2, 3, 4, 2, 6, 7, 8, 2, 10, 11, 12, 0, 14, 15, 16, 0, 18, 19, 20),
    roots=(0, 1, 2, 6, 7, 10, 11, 14, 18),
    centre=1,
)  # fmt: skip

TOPOLOGIES = {topology.name: topology for topology in (KINECT_V2, KINECT_V1, UI_PRMD)}
