"""Reader of arrays of numbers in MATLAB's level 5 files (`save -v6` and `-v7`).

scipy.io.loadmat reads many more kinds of content, but ends the whole process on some damaged files instead of raising.
The format is MathWorks' published one: a header of 128 bytes, then elements, each a tag (type, size) and its data; a
variable is an element that holds elements (flags, shape, name, values), and may be packed by zlib.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording
from hacm.recordings.impostors import refuse_impostor

HEADER_BYTES = 128
LEVEL_5, LEVEL_7_3 = 1, 2  # upper byte of the version

MATRIX, COMPRESSED = 14, 15
NUMBER_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}

CLASSES = (
    "unknown", "cell", "struct", "object", "char", "sparse", "double", "single",
    "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "function", "opaque",
)  # fmt: skip
FIRST_NUMBER_CLASS, LAST_NUMBER_CLASS = CLASSES.index("double"), CLASSES.index("uint64")
COMPLEX, LOGICAL = 0x0800, 0x0200
MOST_AXES = 16

# Of all of a file together: 35,000 frames of the largest numbers. Narrow ones grow eightfold when they are converted.
MOST_UNPACKED_BYTES = 16 * 2**20

LONGEST_NAME = 63
MOST_NAMES_LISTED = 5


@dataclass(frozen=True)
class Variable:
    """A variable. kind: its MATLAB class. values: in storage order, first axis fastest; None if no numbers."""

    name: str
    kind: str
    shape: tuple[int, ...]
    values: NDArray[np.generic] | None


def read_numbers(data: bytes, name: str) -> NDArray[np.float64]:
    """The array of real numbers of that name, in its shape. BadRecording if there is none or the file is damaged."""
    refuse_impostor(data)
    try:
        return _find(data, name)
    except (struct.error, zlib.error, UnicodeDecodeError) as error:
        raise BadRecording(f"damaged MATLAB file: {error}") from error


def _find(data: bytes, name: str) -> NDArray[np.float64]:
    found: list[str] = []
    for variable in _variables(data):
        if variable.name != name:
            found.append(variable.name)
        elif variable.values is None:
            raise BadRecording(f"{name} holds {variable.kind}, not real numbers")
        elif variable.values.size != math.prod(variable.shape):
            raise BadRecording(f"damaged MATLAB file: {name} has {variable.values.size} values, shape {variable.shape}")
        else:
            return variable.values.astype(np.float64).reshape(variable.shape, order="F")
    more = f" and {len(found) - MOST_NAMES_LISTED} more" if len(found) > MOST_NAMES_LISTED else ""
    raise BadRecording(f"no variable {name}; found: {', '.join(found[:MOST_NAMES_LISTED]) or 'none'}{more}")


def _variables(data: bytes) -> Iterator[Variable]:
    if len(data) < HEADER_BYTES:
        raise BadRecording("not a MATLAB file: shorter than its header")
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    version = 0 if order is None else struct.unpack(order + "H", data[124:126])[0] >> 8
    if version == LEVEL_7_3:
        raise BadRecording("a MATLAB 7.3 file, which cannot be read; save it with -v7")
    if order is None or version != LEVEL_5:
        raise BadRecording("not a MATLAB file, or older than level 5; save it with -v7")
    room = MOST_UNPACKED_BYTES
    for kind, content in _elements(memoryview(data)[HEADER_BYTES:], order):
        if kind == COMPRESSED:
            unpacked = _unpack(content, room)
            room -= len(unpacked)
            for inner_kind, inner in _elements(unpacked, order):
                if inner_kind == MATRIX:
                    yield _variable(inner, order)
        elif kind == MATRIX:
            yield _variable(content, order)


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """(type, data) of one element after the other."""
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from(order + "II", data, at)
        if kind >> 16:  # a small element: size and type share a word, and the data stand in the tag
            kind, size, start, room = kind & 0xFFFF, kind >> 16, at + 4, 4
            at += 8
        else:
            start, room = at + 8, len(data) - at - 8
            at = start + size + (0 if kind == COMPRESSED else -size % 8)
        if size > room:
            raise BadRecording("damaged MATLAB file: an element is longer than what holds it")
        yield kind, data[start : start + size]


def _unpack(packed: memoryview, room: int) -> memoryview:
    decompressor = zlib.decompressobj()
    content = decompressor.decompress(packed, room + 1)  # 0 would mean: without limit
    if len(content) > room:
        raise BadRecording(f"damaged MATLAB file: unpacks to over {MOST_UNPACKED_BYTES} bytes")
    if not decompressor.eof:
        raise BadRecording("damaged MATLAB file: packed content is cut short")
    return memoryview(content)


def _variable(content: memoryview, order: str) -> Variable:
    parts = _elements(content, order)
    (_, flags), (_, axes), (_, name) = (_next(parts) for _ in range(3))
    flag = struct.unpack_from(order + "I", flags)[0]
    number_class = flag & 0xFF
    kind = CLASSES[number_class] if number_class < len(CLASSES) else CLASSES[0]
    kind = "logical" if flag & LOGICAL else "complex numbers" if flag & COMPLEX else kind
    if len(axes) % 4 or len(axes) > 4 * MOST_AXES:
        raise BadRecording("damaged MATLAB file: the shape of a variable is not readable")
    shape = struct.unpack(f"{order}{len(axes) // 4}i", axes)
    if min(shape, default=-1) < 0:
        raise BadRecording("damaged MATLAB file: the shape of a variable is not readable")
    values = None
    if FIRST_NUMBER_CLASS <= number_class <= LAST_NUMBER_CLASS and not flag & (LOGICAL | COMPLEX):
        values = _values(*_next(parts), order)
    return Variable(_name(name), kind, shape, values)


def _name(content: memoryview) -> str:
    """A variable's name, which messages repeat; MATLAB's own hidden variables have none."""
    name = bytes(content).decode("ascii")
    if name and (len(name) > LONGEST_NAME or not name.isidentifier()):
        raise BadRecording("damaged MATLAB file: the name of a variable is not readable")
    return name


def _next(parts: Iterator[tuple[int, memoryview]]) -> tuple[int, memoryview]:
    part = next(parts, None)
    if part is None:
        raise BadRecording("damaged MATLAB file: a variable is incomplete")
    return part


def _values(kind: int, content: memoryview, order: str) -> NDArray[np.generic]:
    """Numbers as stored, which may be narrower than the variable's class."""
    if kind not in NUMBER_TYPES:
        raise BadRecording(f"damaged MATLAB file: numbers of unknown type {kind}")
    dtype = np.dtype(order + NUMBER_TYPES[kind])
    if len(content) % dtype.itemsize:
        raise BadRecording("damaged MATLAB file: a part of a number")
    return np.frombuffer(content, dtype=dtype)
