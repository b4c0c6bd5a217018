"""One long float32 array on disk, written row block by row block: Zarr v3, sharded, few files.

A *row* is one body in one frame. Every read, of all rows or of a few, is checked (pipeline.store.checksums).
Legend: R rows, V joints, C coordinates.
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

from hacm.errors import in_one_line
from hacm.files import damaged
from pipeline.store.checksums import Checksums, sum_blocks

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
        self._path, self._chunk, self._sums = Path(path), CHUNK_ROWS, list[int]()

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
        self._sums += sum_blocks(self._shard[: self._filled], self._chunk)
        self._written, self._filled = end, 0

    def __enter__(self) -> "RowWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            return
        if self._filled:
            self._flush()
        Checksums.of(self._path, self._written, self._chunk, self._sums).write(self._path)


class RowReader:
    """Reads slices of such an array. Opened again in every process, so it survives fork and pickling.

    checked: whether rows are compared with their checksums, where the array has any.
    """

    def __init__(self, path: Path, *, checked: bool = True) -> None:
        self.path, self.checked = Path(path), checked
        self._opened: tuple[int, zarr.Array[Any], Checksums | None] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "checked": self.checked, "_opened": None}

    @property
    def array(self) -> "zarr.Array[Any]":
        """The open Zarr array; UserError if there is none or it is damaged."""
        return self._open()[0]

    @property
    def checksums(self) -> Checksums | None:
        """What its rows are compared with; UserError as of `array`."""
        return self._open()[1]

    def _open(self) -> "tuple[zarr.Array[Any], Checksums | None]":
        if self._opened is None or self._opened[0] != os.getpid():
            try:
                with zarr.config.set(choose_pipeline()):
                    opened = zarr.open_array(str(self.path), mode="r")
            except (FileNotFoundError, KeyError, ValueError) as error:
                raise damaged(self.path, f"no readable Zarr array ({error})", self.path.parent) from error
            self._opened = (os.getpid(), opened, self._read_checksums(opened) if self.checked else None)
        return self._opened[1:]

    def _read_checksums(self, opened: "zarr.Array[Any]") -> Checksums | None:
        """UserError unless the array is as long as they say, and its shards are there with their sizes."""
        checksums = Checksums.read(self.path)
        if checksums is not None:
            if checksums.rows != opened.shape[0]:
                raise damaged(self.path, f"has {opened.shape[0]} rows, {checksums.rows} were written", self.path.parent)
            checksums.check_shards(self.path)
        return checksums

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Rows [start, stop); UserError if they, or others of their blocks, are not those that were written."""
        array, checksums = self._open()
        stop = max(start, min(stop, len(self)))
        begin, end = checksums.widen(start, stop) if checksums and start < stop else (start, stop)
        rows = np.empty((end - begin, *array.shape[1:]), dtype=np.float32)
        try:
            # Decoded where it is to be: what zarr would return is fresh memory, which is copied from once more.
            array.get_basic_selection(slice(begin, end), out=NDBuffer.from_numpy_array(rows))
        except (OSError, RuntimeError, ValueError) as error:
            raise damaged(
                self._shard_of(begin), f"rows {start} to {stop} cannot be read ({in_one_line(error)})", self.path.parent
            ) from error
        damage = checksums.find_damage(rows, begin) if checksums else None
        if damage:
            raise damaged(
                self._shard_of(damage[0]),
                "rows {} to {} are not those that were written".format(*damage),
                self.path.parent,
            )
        if (begin, end) == (start, stop):
            return rows
        part = rows[start - begin : stop - begin]
        return part.copy() if 2 * len(part) < len(rows) else part  # a clip must not hold on to its neighbours

    def _shard_of(self, row: int) -> Path:
        """The file that a row lies in."""
        shards = self.array.shards or self.array.chunks
        return self.path.joinpath("c", str(row // shards[0]), *["0"] * (self.array.ndim - 1))

    def __len__(self) -> int:
        return int(self.array.shape[0])


def compute_checksums(path: Path) -> Checksums:
    """The checksums of an array that was written without any, as RowWriter makes them; holds one shard in memory."""
    reader = RowReader(path, checked=False)
    sums: list[int] = []
    for start in range(0, len(reader), SHARD_ROWS):
        sums += sum_blocks(reader.read(start, start + SHARD_ROWS), CHUNK_ROWS)
    return Checksums.of(path, len(reader), CHUNK_ROWS, sums)


class RowWindow:
    """Clips read one after the other from an array larger than memory: about `rows` rows of it are held at a time."""

    def __init__(self, reader: RowReader, rows: int = WINDOW_ROWS) -> None:
        self._reader, self._rows = reader, rows
        self._begin, self._end = 0, -1  # nothing is held, not even what an empty clip needs: the shape of a row
        self._block = np.empty(0, dtype=np.float32)

    def read(self, row: Mapping[str, Any]) -> NDArray[np.float32]:
        """The bodies of the clip that a manifest row describes, (M, T, V, 3). Fast where the next clip comes next."""
        start, size = row["offset"], row["bodies"] * row["frames"]
        if not self._begin <= start <= start + size <= self._end:
            end = min(len(self._reader), start + max(self._rows, size))
            self._block = self._reader.read(start, end)
            self._begin, self._end = start, end  # not before: a block that cannot be read is none
        part = self._block[start - self._begin : start - self._begin + size]
        return part.reshape(row["bodies"], row["frames"], *part.shape[1:])
