"""Reader of the text in NTU RGB+D's `.skeleton` files (data.md §1): one pass over the bytes, compiled.

Splitting lines in Python reads some 10 MB/s and the data set is 30 GB, hence machine code. Only what is used is
converted: body ids and x, y, z; the other columns are counted and passed over.

Shape suffixes: N bytes, B body-frames (one body in one frame, in file order), V joints, C coordinates.
"""

from dataclasses import dataclass
from typing import Any

import numba  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording
from hacm.recordings.decimals import BLANK, MINUS, NEWLINE, NINE, PLUS, RETURN, TAB, ZERO, read_decimal, skip_blanks
from hacm.recordings.impostors import refuse_impostor
from hacm.recordings.text_masks import WIDTH, count_bits, find_bit, look

JOINTS = 25
BODY_FIELDS = 10
JOINT_FIELDS = 12

# What a body takes at the least, each field one character and a separator: its line, `25` and its joints.
LEAST_BODY_BYTES = 2 * BODY_FIELDS + 3 + JOINTS * 2 * JOINT_FIELDS

# What can be wrong with a text. Compiled code cannot raise with a message, so it returns one of these.
FINE = 0
ENDS_EARLY, NOT_A_COUNT, TOO_MANY, WRONG_JOINTS, WRONG_FIELDS, NOT_AN_ID, NOT_A_NUMBER, NOT_TEXT, TRAILING = range(
    1, 10
)

FAULTS = {
    ENDS_EARLY: "the file ends early",
    NOT_A_COUNT: "expected one whole number, a count",
    TOO_MANY: "announces {found}, more than the rest of the file can hold",
    WRONG_JOINTS: f"announces {{found}} joints instead of {JOINTS}",
    WRONG_FIELDS: f"{{found}} fields (a body has {BODY_FIELDS}, a joint {JOINT_FIELDS})",
    NOT_AN_ID: "a body id is not a whole number of at most 64 bits",
    NOT_A_NUMBER: "a coordinate is not a number",
    NOT_TEXT: "a byte that is not plain text",
    TRAILING: "text after the last frame",
}

# Counts are read up to here only: more than any file has bytes, and far from overflow.
LARGEST_COUNT = 10**15
LARGEST_ID_TENTH = np.uint64((2**64 - 1) // 10)
LARGEST_ID_LAST_DIGIT = (2**64 - 1) % 10

ONE = np.uint64(1)

_compiled = numba.njit(cache=True, nogil=True)


@dataclass(frozen=True)
class BodyFrames:
    """What a text says: its number of frames and, for each body in file order, id, frame and joints (metres).

    lines: line ends; dos_lines: those of them that are CRLF.
    """

    frames: int
    lines: int
    dos_lines: int
    id_B: NDArray[np.uint64]
    frame_B: NDArray[np.int64]
    joints_BVC: NDArray[np.float32]


def read(data: bytes) -> BodyFrames:
    """The body-frames of a `.skeleton` text. BadRecording, naming the line, for anything that is not such a text.

    Memory is bounded by the file's size, whatever its counts announce. Decimals come out as float32(float(text)) does
    for up to 15 digits and common exponents, within one unit in the last place of double precision before rounding
    otherwise. nan and inf are passed on as they are.
    """
    if not data or data.isspace():
        raise BadRecording("line 1: the file is empty")
    refuse_impostor(data)
    room_N = np.empty(len(data) + 1 + WIDTH, dtype=np.uint8)
    room_N[: len(data)] = np.frombuffer(data, dtype=np.uint8)
    room_N[len(data) :] = NEWLINE  # every loop below ends at a newline, so none has to look for the end
    text_N = room_N[: len(data) + 1]
    capacity = text_N.size // LEAST_BODY_BYTES
    id_B = np.empty(capacity, dtype=np.uint64)
    frame_B = np.empty(capacity, dtype=np.int64)
    joints_BVC = np.empty((capacity, JOINTS, 3), dtype=np.float32)
    fault, line, found, frames, bodies = _scan(text_N, id_B, frame_B, joints_BVC)
    if fault != FINE:
        raise BadRecording(f"line {line}: {FAULTS[fault].format(found=found)}")
    lines, dos_lines = _count_line_ends(text_N, len(data))
    return BodyFrames(frames, lines, dos_lines, id_B[:bodies], frame_B[:bodies], joints_BVC[:bodies])


@_compiled
def _count_line_ends(text_N: Any, size: Any) -> Any:
    """(line ends, those of them that are CRLF) in the first `size` bytes."""
    lines = 0
    dos_lines = 0
    after_return = np.uint64(0)
    for at in range(0, size, WIDTH):
        _, newline, carriage_return, _ = look(text_N, at)
        if size - at < WIDTH:
            newline &= (ONE << np.uint64(size - at)) - ONE
        lines += count_bits(newline)
        dos_lines += count_bits(newline & ((carriage_return << ONE) | after_return))
        after_return = carriage_return >> np.uint64(WIDTH - 1)
    return lines, dos_lines


@_compiled
def _scan(text_N: Any, id_B: Any, frame_B: Any, joints_BVC: Any) -> Any:
    """(fault, line, number at fault, frames, bodies); fills the three arrays."""
    end = text_N.size
    line = 1
    bodies = 0
    fault, at, frames = _read_count(text_N, 0)
    if fault == FINE and 2 * frames > end - at:
        fault = TOO_MANY
    if fault != FINE:
        return fault, line, frames, 0, 0
    for frame in range(frames):
        line += 1
        fault, at, count = _read_count(text_N, at)
        if fault == FINE and count * LEAST_BODY_BYTES > end - at:
            fault = TOO_MANY
        if fault != FINE:
            return fault, line, count, 0, 0
        for _ in range(count):
            fault, at, line, found, number = _read_body(text_N, at, line, joints_BVC[bodies])
            if fault != FINE:
                return fault, line, found, 0, 0
            id_B[bodies] = number
            frame_B[bodies] = frame
            bodies += 1
    line += 1
    while at < end:
        symbol = text_N[at]
        if symbol == NEWLINE:
            line += 1
        elif symbol != BLANK and symbol != TAB and symbol != RETURN:
            return TRAILING, line, 0, 0, 0
        at += 1
    return FINE, line, 0, frames, bodies


@_compiled
def _read_body(text_N: Any, at: Any, line: Any, joints_VC: Any) -> Any:
    """(fault, next line's position, line, number at fault, body id); `line` comes in as the line before the body's."""
    line += 1
    if at >= text_N.size - 1:
        return ENDS_EARLY, at, line, 0, np.uint64(0)
    valid, at, number = _read_id(text_N, skip_blanks(text_N, at))
    if not valid:
        return NOT_AN_ID, at, line, 0, number
    fault, at, fields = _rest_of_line(text_N, at, BODY_FIELDS - 1)
    if fault != FINE:
        return fault, at, line, fields + 1, number
    line += 1
    fault, at, count = _read_count(text_N, at)
    if fault == FINE and count != JOINTS:
        fault = WRONG_JOINTS
    if fault != FINE:
        return fault, at, line, count, number
    for joint in range(JOINTS):
        line += 1
        if at >= text_N.size - 1:
            return ENDS_EARLY, at, line, 0, number
        for axis in range(3):
            at = skip_blanks(text_N, at)
            if text_N[at] == NEWLINE:
                return WRONG_FIELDS, at, line, axis, number
            valid, at, value = read_decimal(text_N, at)
            if not valid:
                return NOT_A_NUMBER, at, line, 0, number
            joints_VC[joint, axis] = value
        fault, at, fields = _rest_of_line(text_N, at, JOINT_FIELDS - 3)
        if fault != FINE:
            return fault, at, line, fields + 3, number
    return FINE, at, line, 0, number


@_compiled
def _rest_of_line(text_N: Any, at: Any, wanted: Any) -> Any:
    """(fault, next line's position, fields): passes over what is left of a line, which must be `wanted` fields.

    at: of the blank or the newline behind a field.
    """
    fields, after = _count_fields(text_N, at)
    return (FINE, after, fields) if fields == wanted else _find_fault(text_N, at, wanted)


@_compiled
def _count_fields(text_N: Any, at: Any) -> Any:
    """(fields, next line's position) of the rest of a line; −1 fields if there is anything but plain text in it."""
    fields = 0
    in_field = np.uint64(0)
    while True:
        printed, newline, _, foreign = look(text_N, at)
        line = (newline & (~newline + ONE)) - ONE  # the bits below the lowest of newline; all if there is none
        if foreign & line:
            return -1, at
        fields += count_bits(printed & ~((printed << ONE) | in_field) & line)
        if newline:
            return fields, at + find_bit(newline) + 1
        in_field = printed >> np.uint64(WIDTH - 1)
        at += WIDTH


@_compiled
def _find_fault(text_N: Any, at: Any, wanted: Any) -> Any:
    """The same as _rest_of_line, byte after byte."""
    fields = 0
    together = np.uint8(0)
    while True:
        at = skip_blanks(text_N, at)
        start = at
        while text_N[at] > BLANK:
            together |= text_N[at]
            at += 1
        if at == start:
            break
        fields += 1
    if text_N[at] != NEWLINE or together > 127:
        return NOT_TEXT, at, fields
    return (FINE if fields == wanted else WRONG_FIELDS), at + 1, fields


@_compiled
def _read_count(text_N: Any, at: Any) -> Any:
    """(fault, next line's position, count) of a line that holds one whole number and nothing else."""
    count = 0
    if at >= text_N.size - 1:
        return ENDS_EARLY, at, count
    at = skip_blanks(text_N, at)
    start = at
    while ZERO <= text_N[at] <= NINE:
        if count < LARGEST_COUNT:
            count = 10 * count + (text_N[at] - ZERO)
        at += 1
    digits = at - start
    at = skip_blanks(text_N, at)
    if digits == 0 or text_N[at] != NEWLINE:
        return NOT_A_COUNT, at, count
    return FINE, at + 1, count


@_compiled
def _read_id(text_N: Any, at: Any) -> Any:
    """(valid, position after it, id). A negative one is taken modulo 2^64: ids are only compared."""
    number = np.uint64(0)
    negative = text_N[at] == MINUS
    at += 1 if negative or text_N[at] == PLUS else 0
    start = at
    while ZERO <= text_N[at] <= NINE:
        digit = text_N[at] - ZERO
        if number > LARGEST_ID_TENTH or (number == LARGEST_ID_TENTH and digit > LARGEST_ID_LAST_DIGIT):
            return False, at, number
        number = number * np.uint64(10) + np.uint64(digit)
        at += 1
    if negative:
        number = np.uint64(0) - number
    return at > start and text_N[at] <= BLANK, at, number
