"""One long float32 array on disk, written row block by row block: Zarr v3, sharded, few files.

A *row* is one body in one frame. Every read, of all rows or of a few, is checked (pipeline.store.checksums).
Legend: R rows, V joints, C coordinates.
"""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import google_crc32c
import numpy as np
import zarr
import zarr.codecs
import zarrs  # noqa: F401  (the compiled codec pipeline named below)
from numcodecs.blosc import Blosc
from numpy.typing import NDArray
from zarr.buffer.cpu import NDBuffer

from hacm.errors import in_one_line
from hacm.files import damaged
from pipeline.store.checksums import Checksums, sum_blocks

CHUNK_ROWS = 256
SHARD_ROWS = 1 << 19
"""157 MB of 25 joints: NTU-120's 12 million rows make 24 files."""

ABSENT = 2**64 - 1
"""In a shard's index: no such chunk."""

COMPRESSOR = Blosc(cname="lz4", clevel=5, shuffle=Blosc.BITSHUFFLE)
"""Of chunks, the same as BloscCodec below."""

WINDOW_ROWS = 1 << 15
"""Rows that are read at a time, 10 MB of 25 joints: what is larger the system hands out page by page, every time."""

_IMPORTED_IN = os.getpid()


def choose_pipeline() -> dict[str, str]:
    """The compiled codec pipeline, but zarr's own in a forked child: the compiled one's threads do not survive a fork,
    and waiting for them would never end."""
    forked = os.getpid() != _IMPORTED_IN
    return {
        "codec_pipeline.path": "zarr.core.codec_pipeline.BatchedCodecPipeline" if forked else "zarrs.ZarrsCodecPipeline"
    }


class RowWriter:
    """Appends rows to a new Zarr array, chunk after chunk; holds one chunk in memory.

    path: folder of the array, must not exist. row_shape: shape of one row, such as (25, 3). The files are those that
    zarr writes on one thread; on several it puts a shard's chunks in any order, and needs the whole shard four times.
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
        self._chunk = np.zeros((CHUNK_ROWS, *row_shape), dtype="<f4")
        self._filled = 0
        self.rows = 0
        """Appended so far."""
        self._path, self._sums = Path(path), list[int]()
        self._shard = self._start_shard()

    def append(self, rows: NDArray[np.float32]) -> int:
        """Append rows of shape (n, *row_shape); returns the number of the first."""
        assert rows.shape[1:] == self._chunk.shape[1:], f"rows of {rows.shape[1:]}, expected {self._chunk.shape[1:]}"
        first = self.rows
        while len(rows):
            taken = rows[: CHUNK_ROWS - self._filled]
            self._chunk[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            self.rows += len(taken)
            rows = rows[len(taken) :]
            if self._filled == CHUNK_ROWS:
                self._write_chunk()
                self._filled = 0
        return first

    def _write_chunk(self) -> None:
        if self._shard.is_full:
            self._shard.finish()
            self._shard = self._start_shard()
        self._shard.add(self._chunk)
        self._sums += sum_blocks(self._chunk[: self._filled], CHUNK_ROWS)

    def _start_shard(self) -> "ShardWriter":
        chunks = SHARD_ROWS // CHUNK_ROWS
        number = len(self._sums) // chunks
        return ShardWriter(self._path.joinpath("c", str(number), *["0"] * (self._array.ndim - 1)), chunks)

    def __enter__(self) -> "RowWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._shard.abandon()
            return
        if self._filled:
            self._chunk[self._filled :] = 0
            self._write_chunk()
        self._shard.finish()
        self._array.resize((self.rows, *self._chunk.shape[1:]))
        Checksums.of(self._path, self.rows, CHUNK_ROWS, self._sums).write(self._path)


class ShardWriter:
    """Writes one file of Zarr's codec `sharding_indexed`: compressed chunks and, at the end, where each lies.

    chunks: that a whole shard has. A chunk of nothing but the fill value, zero, is left out, and so is a file without
    any other.
    """

    def __init__(self, path: Path, chunks: int) -> None:
        self._path = path
        self._index = np.full((chunks, 2), ABSENT, dtype="<u8")
        self._added = 0
        self._size = 0
        self._file: BinaryIO | None = None

    @property
    def is_full(self) -> bool:
        """Whether it has all its chunks."""
        return self._added == len(self._index)

    def add(self, chunk: NDArray[np.float32]) -> None:
        """Append the next chunk."""
        if chunk.view(np.uint32).any():
            if self._file is None:
                self._path.parent.mkdir(parents=True)
                self._file = open(self._path, "wb")  # noqa: SIM115  (closed by finish or abandon)
            content = COMPRESSOR.encode(chunk)
            self._file.write(content)
            self._index[self._added] = self._size, len(content)
            self._size += len(content)
        self._added += 1

    def finish(self) -> None:
        """Write the index and close the file."""
        if self._file is not None:
            index = self._index.tobytes()
            self._file.write(index + google_crc32c.value(index).to_bytes(4, "little"))
            self._file.close()

    def abandon(self) -> None:
        """Close the file as it is."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # the disk may be full
                self._file.close()


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
