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
    joint that translation and the ridge baseline centre on. derived: the last joints that no file holds, by name, each
    with the joints of the file whose mean it is: `("mid hip", ("left hip", "right hip"))`.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    roots: tuple[int, ...]
    centre: int
    derived: tuple[tuple[str, tuple[str, ...]], ...] = ()

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
        self._check_derived()
        for joint in range(count):
            seen = set()
            while joint != -1:
                if joint in seen:
                    raise UserError(f"topology {self.name}: parents form a loop at joint {self.joints[joint]}")
                seen.add(joint)
                joint = self.parents[joint]

    def _check_derived(self) -> None:
        names = tuple(name for name, _ in self.derived)
        if names != self.joints[len(self.joints) - len(names) :]:
            raise UserError(
                f"topology {self.name}: derived joints {', '.join(names)} must be the last ones, in that order"
            )
        for name, sources in self.derived:
            for source in sources or ("",):
                if source not in self.recorded:
                    raise UserError(f"topology {self.name}: {name} is derived from {source!r}, which no file holds")

    @cached_property
    def recorded(self) -> tuple[str, ...]:
        """The joints that a file holds: all but the derived ones."""
        return self.joints[: len(self.joints) - len(self.derived)]

    @cached_property
    def kept(self) -> tuple[int, ...]:
        """The joints that become tokens: all but the root set, ascending."""
        return tuple(j for j in range(len(self.joints)) if j not in self.roots)

    def describe(self) -> dict[str, Any]:
        """What stores say of the skeleton beside its name, as JSON has it."""
        facts: dict[str, Any] = {
            "joints": list(self.joints),
            "parents": list(self.parents),
            "roots": list(self.roots),
            "centre": self.centre,
        }
        return facts | ({"derived": [[name, list(sources)] for name, sources in self.derived]} if self.derived else {})

    @classmethod
    def described(cls, name: str, facts: Mapping[str, Any]) -> "Topology":
        """The inverse of `describe`."""
        parts = {part: tuple(facts[part]) for part in ("joints", "parents", "roots")}
        derived = tuple((joint, tuple(sources)) for joint, sources in facts.get("derived", ()))
        return cls(name, **parts, centre=facts["centre"], derived=derived)

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
    for pair in topology.derived if isinstance(topology.derived, tuple) else (None,):
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[1], tuple)):
            raise UserError(f"topology {name}: derived must be a tuple of pairs, ((name, (joint, joint)),)")
    if not isinstance(topology.centre, int):
        raise UserError(f"topology {name}: centre {topology.centre!r} is not the number of a joint")
