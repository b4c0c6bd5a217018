"""What the method needs to know of a skeleton: how many joints, which hangs on which, and which are the root set."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Skeleton:
    """A skeleton's shape (hacm.md §1).

    joints: V. parents: for each joint its parent's number, -1 for the one root. roots: the root set R, ascending, which
    spatial pruning takes out. centre: the joint that clips are centred on. Raises ValueError if these do not describe
    one tree.
    """

    joints: int
    parents: tuple[int, ...]
    roots: tuple[int, ...]
    centre: int

    def __post_init__(self) -> None:
        if len(self.parents) != self.joints:
            raise ValueError(f"skeleton: {self.joints} joints but {len(self.parents)} parents")
        if self.parents.count(-1) != 1:
            raise ValueError("skeleton: exactly one joint must have parent -1")
        if any(not -1 <= parent < self.joints for parent in self.parents):
            raise ValueError(f"skeleton: a parent lies outside 0..{self.joints - 1}")
        if list(self.roots) != sorted(set(self.roots)) or not all(0 <= joint < self.joints for joint in self.roots):
            raise ValueError("skeleton: roots must be ascending joint numbers without repeats")
        if not 0 < len(self.roots) < self.joints:
            raise ValueError("skeleton: roots must name at least one joint and leave at least one")
        if not 0 <= self.centre < self.joints:
            raise ValueError(f"skeleton: centre {self.centre} is not a joint")
        for joint in range(self.joints):
            self.chain(joint)

    @property
    def kept(self) -> tuple[int, ...]:
        """The joints that remain after pruning: all but the root set, ascending."""
        return tuple(joint for joint in range(self.joints) if joint not in self.roots)

    @property
    def root(self) -> int:
        """The one joint without a parent."""
        return self.parents.index(-1)

    def children(self, joint: int) -> tuple[int, ...]:
        """The joints that hang on `joint`, ascending."""
        return tuple(child for child, parent in enumerate(self.parents) if parent == joint)

    def chain(self, joint: int) -> tuple[int, ...]:
        """The joints from `joint` up to the root, both included; ValueError if the parents form a loop."""
        chain: list[int] = []
        while joint != -1:
            if joint in chain:
                raise ValueError(f"skeleton: parents form a loop at joint {joint}")
            chain.append(joint)
            joint = self.parents[joint]
        return tuple(chain)
