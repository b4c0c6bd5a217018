"""A raw file: the bytes that stand for it on disk, and how its content comes out of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property


def leave_packed(packed: bytes) -> bytes:
    """What is not packed is its own content."""
    return packed


@dataclass(frozen=True, eq=False)
class RawFile:
    """A raw file: its path, the bytes that stand for it on disk, and how its content comes out of them.

    path: from its archive's name on, or inside its archive, with forward slashes. Content and checksums are worked out
    when they are asked for, on the thread that asks. Two are equal whose paths and contents are.
    """

    path: str
    packed: bytes
    unpack: Callable[[bytes], bytes] = leave_packed

    @cached_property
    def data(self) -> bytes:
        """The content; UserError naming the archive if it is damaged."""
        return self.unpack(self.packed)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RawFile) and (self.path, self.data) == (other.path, other.data)

    def __hash__(self) -> int:
        return hash(self.path)
