"""Tells which recordings a complete data set has, as far as its naming rules allow.

Recordings come in groups that were made together: a group that is there must be there as a whole. Which groups there
are is not always known, but how many is.
"""

import re
from dataclasses import dataclass
from typing import Protocol


class Layout(Protocol):
    """groups: how many there are; a group: what one is, in words."""

    @property
    def groups(self) -> int: ...

    @property
    def group(self) -> str: ...

    def group_of(self, name: str) -> str | None:
        """The group that a recording of that name would belong to; None: the data set has none."""
        ...

    def members(self, group: str) -> frozenset[str]:
        """The names of all recordings of a group."""
        ...


@dataclass(frozen=True)
class Listed:
    """A data set of which all names are known: one group."""

    names: frozenset[str]
    groups: int = 1
    group: str = "data set"

    def group_of(self, name: str) -> str | None:
        return self.group if name in self.names else None

    def members(self, group: str) -> frozenset[str]:
        return self.names


@dataclass(frozen=True)
class NtuGrid:
    """NTU RGB+D: a performer repeats a setup's actions twice before three cameras. blocks: (setups, their actions)."""

    blocks: tuple[tuple[range, range], ...]
    groups: int
    cameras: range = range(1, 4)
    group: str = "(setup, performer, replication)"

    def group_of(self, name: str) -> str | None:
        match = re.fullmatch(r"(S[0-9]{3})C[0-9]{3}(P[0-9]{3}R[0-9]{3})A[0-9]{3}", name)
        return match[1] + match[2] if match and self._actions(match[1]) else None

    def members(self, group: str) -> frozenset[str]:
        setup, performance = group[:4], group[4:]
        actions = self._actions(setup)
        return frozenset(
            f"{setup}C{camera:03}{performance}A{action:03}" for camera in self.cameras for action in actions
        )

    def _actions(self, setup: str) -> range:
        return next((actions for setups, actions in self.blocks if int(setup[1:]) in setups), range(0))
