"""Formats of other codebases, one file each: writes a benchmark's clips into one file that they read (data.md §5).

A layout is a module with
    SUFFIX                  how its files' names must end
    write(clips, path)      writes the file, whole or not at all, one clip in memory at a time
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

PARTS = ("train", "test")


@dataclass(frozen=True)
class LabelledClips:
    """The clips of a benchmark. What is written follows from them alone, so that equal clips are equal files.

    rule: the split rule. data_version: of the store they lie in. classes: names, in the order of the class numbers.
    joints: V of the skeleton. table: one row per clip, in name order: name, part (one of PARTS), class (its number),
    bodies, frames. read: a clip by its name, (M, T, V, 3) float32.
    """

    rule: str
    data_version: str
    classes: list[str]
    joints: int
    table: pl.DataFrame
    read: Callable[[str], NDArray[np.float32]]

    def part(self, part: str) -> pl.DataFrame:
        """The rows of one part."""
        return self.table.filter(pl.col("part") == part)

    def stream(self, rows: pl.DataFrame) -> Iterator[NDArray[np.float32]]:
        """The clips of those rows, one after another, each (M, T, V, 3)."""
        return (self.read(name) for name in rows["name"])
