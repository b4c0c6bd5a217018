"""Reader of arrays of numbers in NumPy's `.npz` files.

numpy.load sets memory aside for whatever shape an array's header announces, before it looks whether so much follows;
here an array is as large as what is there. Objects are refused: to read them is to run what the file says.
The format is NumPy's published one (NEP 1): a zip of `.npy` files, each a magic word, a version, the length of the
header, the header (a Python literal with type, order and shape), and the values.
"""

import io
import math
import re
import zipfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hacm.archives.rules import DAMAGE
from hacm.archives.zips import read_zip_member
from hacm.errors import BadRecording, in_one_line
from hacm.recordings.impostors import refuse_impostor

SUFFIX = ".npy"
MAGIC = b"\x93NUMPY"
ZIP_DIRECTORY_ENTRY = b"PK\x01\x02"
MOST_ENTRIES = 1000

LONGEST_HEADER = 10_000
LONGEST_BEGINNING = LONGEST_HEADER + 12
MOST_AXES = 32
NUMBER_KINDS = "fiu"
KINDS = {"O": "objects", "S": "text", "U": "text", "b": "truth values", "c": "complex numbers", "M": "dates"}

_TYPE = re.compile(rb"'descr':\s*'([<>|=]?)([a-zA-Z?])([0-9]{0,4})'")
_ORDER = re.compile(rb"'fortran_order':\s*(True|False)")
_SHAPE = re.compile(rb"'shape':\s*\(([0-9 ,]*)\)")


def read_arrays(
    data: bytes, is_read: Callable[[str], bool], most_bytes: int, texts: Collection[str] = ()
) -> tuple[dict[str, NDArray[np.generic]], list[str]]:
    """The arrays whose names is_read says to read, and the names of the others in the file. texts: may hold text.

    BadRecording if the file is damaged, or if one of those arrays is larger than most_bytes or does not hold real
    numbers. Memory is bounded by the size of the file and most_bytes an array.
    """
    if not data:
        raise BadRecording("the file is empty")
    refuse_impostor(data)
    # Each entry becomes an object before anything else is known of the file.
    if data.count(ZIP_DIRECTORY_ENTRY) > MOST_ENTRIES:
        raise BadRecording(f"holds more than {MOST_ENTRIES} arrays")
    found, others = {}, []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                name = info.filename.removesuffix(SUFFIX)
                if not is_read(name):
                    others.append(name)
                elif info.file_size > most_bytes + LONGEST_HEADER:
                    raise BadRecording(f"{name} unpacks to {info.file_size} bytes, over the limit of {most_bytes}")
                else:
                    found[name] = parse_array(read_zip_member(archive, info), name, text=name in texts)
    except DAMAGE as error:
        raise BadRecording(f"not an .npz file, or damaged ({in_one_line(error)})") from error
    return found, others


def read_single_array(data: bytes, name: str, most_bytes: int) -> NDArray[np.generic]:
    """The array in a `.npy` file; name: what messages call it. BadRecording as from read_arrays."""
    if not data:
        raise BadRecording("the file is empty")
    refuse_impostor(data)
    if len(data) > most_bytes + LONGEST_HEADER:
        raise BadRecording(f"{name} has {len(data)} bytes, over the limit of {most_bytes}")
    return parse_array(data, name)


@dataclass(frozen=True)
class Header:
    """What a `.npy` says before its values, which begin at byte `start`."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    start: int


def read_header(data: bytes, name: str, *, text: bool = False) -> Header:
    """The header at the beginning of an array in NumPy's format, LONGEST_BEGINNING bytes of it or all.

    BadRecording if it describes none of plain numbers, or, where asked for, of text; name: what messages call it.
    """
    beginning = bytes(memoryview(data)[:LONGEST_BEGINNING])
    length_bytes = {1: 2, 2: 4, 3: 4}.get(beginning[6] if len(beginning) > 6 else 0, 0)
    start = 8 + length_bytes
    length = int.from_bytes(beginning[8:start], "little")
    if (
        not beginning.startswith(MAGIC)
        or not length_bytes
        or length > LONGEST_HEADER
        or start + length > len(beginning)
    ):
        raise BadRecording(f"{name}: not a NumPy array, or damaged")
    header = beginning[start : start + length]
    kind, order, axes = (pattern.search(header) for pattern in (_TYPE, _ORDER, _SHAPE))
    if kind is None or order is None or axes is None:
        raise BadRecording(f"{name}: its header does not describe an array of plain numbers")
    shape = tuple(int(axis) for axis in axes[1].split(b",") if axis.strip())
    dtype = _text_type(kind) if text and kind[2] == b"U" else _number_type(kind, name)
    return Header(dtype, shape, order[1] == b"True", start + length)


def check_size(header: Header, size: int, name: str) -> None:
    """BadRecording unless so many bytes of values are what a header announces."""
    if len(header.shape) > MOST_AXES or math.prod(header.shape) * header.dtype.itemsize != size:
        raise BadRecording(f"{name}: its header says shape {_shown(header.shape)}, but {size} bytes of values follow")


def parse_array(data: bytes, name: str, *, text: bool = False) -> NDArray[Any]:
    """The array in a `.npy`. BadRecording as from read_header, and if its values are not what it announces."""
    header = read_header(data, name, text=text)
    values = memoryview(data)[header.start :]
    check_size(header, len(values), name)
    return np.frombuffer(values, dtype=header.dtype).reshape(header.shape, order="F" if header.fortran else "C")


def _number_type(described: re.Match[bytes], name: str) -> np.dtype[np.generic]:
    order, kind, size = (part.decode("ascii") for part in described.groups())
    if kind not in NUMBER_KINDS or size not in ("1", "2", "4", "8") or (kind, size) == ("f", "1"):
        raise BadRecording(f"{name} holds {KINDS.get(kind, f'values of type {kind}{size}')}, not real numbers")
    return np.dtype(order.replace("|", "=") + kind + size)


def _text_type(described: re.Match[bytes]) -> np.dtype[np.generic]:
    order, _, size = (part.decode("ascii") for part in described.groups())
    return np.dtype(f"{order.replace('|', '=')}U{size}")


def _shown(shape: tuple[int, ...]) -> str:
    text = str(shape)
    return text if len(text) <= 80 else f"{text[:80]}…"
