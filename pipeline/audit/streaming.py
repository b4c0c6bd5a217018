"""Reads a store in batches of adjacent clips, so that a store larger than memory is read once.

Legend: R rows (one body in one frame), V joints, C coordinates.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

BATCH_ROWS = 1 << 16
"""20 MB of 25 joints, so that what Zarr spends on each reading does not count, and it fits any machine's memory."""


@dataclass(frozen=True)
class ClipBatch:
    """Rows [start, stop) of a store and the clips in them; `clips` are rows of the manifest in store order."""

    clips: pl.DataFrame
    start: int
    stop: int

    @property
    def first_row(self) -> NDArray[np.int64]:
        """Of each clip, counted from the batch's start."""
        return self.clips["offset"].to_numpy() - self.start

    @property
    def segments(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(first row, clip) of every body of every clip: the rows from one first row to the next are its frames."""
        bodies = self.clips["bodies"].to_numpy().astype(np.int64)
        clip = np.repeat(np.arange(len(bodies)), bodies)
        number = np.arange(len(clip)) - np.repeat(np.cumsum(bodies) - bodies, bodies)
        return self.first_row[clip] + number * self.clips["frames"].to_numpy()[clip], clip


def split_into_batches(manifest: pl.DataFrame, rows: int = BATCH_ROWS) -> Iterator[ClipBatch]:
    """All clips that hold a row, in store order, in batches of about so many rows; at least one clip each."""
    size = pl.col("bodies").cast(pl.Int64) * pl.col("frames")
    clips = manifest.filter(size > 0).sort("offset").with_columns((pl.col("offset") + size).alias("stop"))
    offsets, stops = clips["offset"].to_numpy(), clips["stop"].to_numpy()
    begin = 0
    while begin < len(clips):
        end = max(int(np.searchsorted(stops, offsets[begin] + rows, side="right")), begin + 1)
        yield ClipBatch(clips[begin:end], int(offsets[begin]), int(stops[end - 1]))
        begin = end
