"""Checksums of an array's rows, so that a reader notices damage.

The file checksums.json lies in the array's folder. Zarr has a codec for this, but the compiled pipeline (zarrs 0.2.3)
passes over it where part of a shard is read.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from hacm.files import damaged

CHECKSUMS = "checksums.json"
DIGITS = 8


def sum_blocks(rows: NDArray[np.float32], block: int) -> list[int]:
    """CRC-32 of every `block` rows, of their values as little-endian bytes; of the last ones, of as many as there are.

    rows: contiguous.
    """
    content = rows.astype("<f4", copy=False).reshape(-1).view(np.uint8).data
    size = max(1, len(content) // max(1, len(rows))) * block
    return [int(isal_zlib.crc32(content[start : start + size])) for start in range(0, len(content), size)]


@dataclass(frozen=True)
class Checksums:
    """What an array was when it was written.

    rows: how many. block: rows to a checksum. sizes: bytes of each shard, by its path in the array's folder. sums: of
    all blocks, 8 hex digits each, in one string.
    """

    rows: int
    block: int
    sizes: dict[str, int]
    sums: str

    @classmethod
    def of(cls, folder: Path, rows: int, block: int, sums: list[int]) -> "Checksums":
        """Of the array in that folder, whose last row has been written."""
        shards = sorted(path for path in (folder / "c").rglob("*") if path.is_file())
        sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in shards}
        return cls(rows, block, sizes, "".join(f"{one:0{DIGITS}x}" for one in sums))

    def write(self, folder: Path) -> None:
        """Put them into the array's folder."""
        (folder / CHECKSUMS).write_bytes(self.encode())

    def encode(self) -> bytes:
        """The content of their file."""
        return (json.dumps(asdict(self), indent=2) + "\n").encode()

    @classmethod
    def read(cls, folder: Path) -> "Checksums | None":
        """Those of the array in that folder; None if it has none. UserError if they are damaged."""
        path = folder / CHECKSUMS
        if not path.exists():
            return None
        try:
            found = cls(**json.loads(path.read_text(encoding="utf-8")))
            whole = len(bytes.fromhex(found.sums)) == DIGITS // 2 * -(-found.rows // found.block)
            whole = whole and all(isinstance(size, int) for size in found.sizes.values())
        except (OSError, ValueError, TypeError, AttributeError, ZeroDivisionError):
            whole = False
        if not whole:
            raise damaged(path, "is no list of checksums", folder.parent)
        return found

    def check_shards(self, folder: Path) -> None:
        """UserError unless every shard is there with its size."""
        for name, size in self.sizes.items():
            path = folder / name
            if not path.is_file():
                raise damaged(path, "is missing", folder.parent)
            found = path.stat().st_size
            if found != size:
                raise damaged(path, f"has {found:,} bytes, {size:,} were written", folder.parent)

    def widen(self, start: int, stop: int) -> tuple[int, int]:
        """The rows of all blocks that hold any of rows [start, stop)."""
        return start // self.block * self.block, min(-(-stop // self.block) * self.block, self.rows)

    def find_damage(self, rows: NDArray[np.float32], start: int) -> tuple[int, int] | None:
        """The first block of rows (begin, end) that is not as it was written. start: of `rows`, that of a block."""
        first = start // self.block
        for number, found in enumerate(sum_blocks(rows, self.block), start=first):
            if found != int(self.sums[number * DIGITS : (number + 1) * DIGITS], 16):
                return number * self.block, min((number + 1) * self.block, self.rows)
        return None
