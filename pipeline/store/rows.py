"""One long float32 array on disk, written row block by row block: Zarr v3, sharded, few files.

A *row* is one body in one frame. Legend: R rows, V joints, C coordinates.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import zarr
import zarr.codecs
import zarrs  # noqa: F401  (the compiled codec pipeline named below)
from numpy.typing import NDArray
from zarr.buffer.cpu import NDBuffer

from hacm.errors import UserError

CHUNK_ROWS = 256
SHARD_ROWS = 1 << 19
"""157 MB of 25 joints: NTU-120's 12 million rows make 24 files."""

WINDOW_ROWS = 1 << 18

_IMPORTED_IN = os.getpid()


def choose_pipeline() -> dict[str, str]:
    """The compiled codec pipeline, but zarr's own in a forked child: the compiled one's threads do not survive a fork,
    and waiting for them would never end."""
    forked = os.getpid() != _IMPORTED_IN
    return {
        "codec_pipeline.path": "zarr.core.codec_pipeline.BatchedCodecPipeline" if forked else "zarrs.ZarrsCodecPipeline"
    }


class RowWriter:
    """Appends rows to a new Zarr array; holds at most one shard in memory.

    path: folder of the array, must not exist. row_shape: shape of one row, such as (25, 3).
    """

    def __init__(self, path: Path, row_shape: tuple[int, ...], attributes: dict[str, Any]) -> None:
        with zarr.config.set(choose_pipeline()):
            self._array = zarr.create_array(
                str(path),
                shape=(0, *row_shape),
                chunks=(CHUNK_ROWS, *row_shape),
                shards=(SHARD_ROWS, *row_shape),
                dtype="float32",
                compressors=zarr.codecs.BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle"),
                fill_value=0.0,
                attributes=attributes,
                dimension_names=("row", "joint", "coordinate")[: 1 + len(row_shape)],
            )
        # The system gives memory for what is written to it only, so a small data set does not pay for a whole shard.
        self._shard = np.empty((SHARD_ROWS, *row_shape), dtype=np.float32)
        self._filled = 0
        self._written = 0

    @property
    def rows(self) -> int:
        """Rows appended so far."""
        return self._written + self._filled

    def append(self, rows: NDArray[np.float32]) -> int:
        """Append rows of shape (n, *row_shape); returns the number of the first."""
        assert rows.shape[1:] == self._shard.shape[1:], f"rows of {rows.shape[1:]}, expected {self._shard.shape[1:]}"
        first = self.rows
        while len(rows):
            taken = rows[: SHARD_ROWS - self._filled]
            self._shard[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            rows = rows[len(taken) :]
            if self._filled == SHARD_ROWS:
                self._flush()
        return first

    def _flush(self) -> None:
        end = self._written + self._filled
        self._array.resize((end, *self._shard.shape[1:]))
        self._array[self._written : end] = self._shard[: self._filled]
        self._written, self._filled = end, 0

    def __enter__(self) -> "RowWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._filled:
            self._flush()


class RowReader:
    """Reads slices of such an array. Opened again in every process, so it survives fork and pickling."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._opened: tuple[int, zarr.Array[Any]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_opened": None}

    @property
    def array(self) -> "zarr.Array[Any]":
        """The open Zarr array; UserError if there is none or it is damaged."""
        if self._opened is None or self._opened[0] != os.getpid():
            try:
                with zarr.config.set(choose_pipeline()):
                    opened = zarr.open_array(str(self.path), mode="r")
            except (FileNotFoundError, KeyError, ValueError) as error:
                raise UserError(
                    f"{self.path}: no readable Zarr array ({error}); run dvc repro to write it anew"
                ) from error
            self._opened = (os.getpid(), opened)
        return self._opened[1]

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Rows [start, stop)."""
        stop = min(stop, len(self))
        rows = np.empty((max(stop - start, 0), *self.array.shape[1:]), dtype=np.float32)
        try:
            # Decoded where it is to be: what zarr would return is fresh memory, which is copied from once more.
            self.array.get_basic_selection(slice(start, start + len(rows)), out=NDBuffer.from_numpy_array(rows))
            return rows
        except (OSError, RuntimeError, ValueError) as error:
            raise UserError(
                f"{self.path}: rows {start} to {stop} cannot be read ({error}); the store is damaged, run dvc repro"
            ) from error

    def __len__(self) -> int:
        return int(self.array.shape[0])


class RowWindow:
    """Clips read one after the other from an array larger than memory: about `rows` rows of it are held at a time."""

    def __init__(self, reader: RowReader, rows: int = WINDOW_ROWS) -> None:
        self._reader, self._rows = reader, rows
        self._begin = self._end = 0
        self._block = np.empty(0, dtype=np.float32)

    def read(self, row: Mapping[str, Any]) -> NDArray[np.float32]:
        """The bodies of the clip that a manifest row describes, (M, T, V, 3). Fast where the next clip comes next."""
        start, size = row["offset"], row["bodies"] * row["frames"]
        if not self._begin <= start <= start + size <= self._end:
            self._begin, self._end = start, min(len(self._reader), start + max(self._rows, size))
            self._block = self._reader.read(self._begin, self._end)
        part = self._block[start - self._begin : start - self._begin + size]
        return part.reshape(row["bodies"], row["frames"], *part.shape[1:])
