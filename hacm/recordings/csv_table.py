"""Reader of comma-separated numbers, with or without a line of column names above them.

Shape suffixes: R rows, K columns.
"""

import csv
import re
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording
from hacm.recordings.notes import Kind, Note

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LONGEST_NAMES = 100_000

_NUMBER = re.compile(
    r"\s*[-+]?(?:[0-9]+\.?[0-9]*(?:e[-+]?[0-9]+)?|\.[0-9]+(?:e[-+]?[0-9]+)?|nan|inf|infinity)\s*", re.I
)
_LONE_RETURN = re.compile(rb"\r(?!\n)")
_EMPTY_FIELD = re.compile(rb"^(?=[ \t]*,)|(?<=,)(?=[ \t]*(?:,|\r?\n|\r?\Z))", re.MULTILINE)


def read_csv(
    data: bytes, columns: int, most_numbers: int
) -> tuple[list[str] | None, NDArray[np.float64], tuple[Note, ...]]:
    """Column names, if the first line has them, the numbers (R, K), and notes; an empty field is nan.

    columns: K, where there are no names. most_numbers: more are refused. Lines may end in LF or CRLF. BadRecording,
    naming the line, for what is not such a text; memory is bounded by the text's size.
    """
    # Here and not above, because it loads a compiler, which `part_of` of a reader has no use for.
    from hacm.recordings.number_table import read_table

    data = data.removeprefix(BYTE_ORDER_MARK)
    _check_text(data)
    if data.count(b",") > most_numbers:
        raise BadRecording(f"more than {most_numbers} numbers")
    first, _, rest = data.partition(b"\n")
    names = _read_names(first.decode("utf-8"))
    rows = data if names is None else rest
    if names is not None and not rows.strip():
        raise BadRecording("line 2: no numbers follow the column names")
    count = columns if names is None else len(names)
    filled = _EMPTY_FIELD.sub(b"nan", rows)
    table_RK = read_table(filled, count, most_numbers // count, first_line=1 if names is None else 2)
    return names, table_RK, _note_line_ends(data)


def _check_text(data: bytes) -> None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRecording(f"line {_line_of(data, error.start)}: not UTF-8 text; save it as UTF-8") from error
    lone = _LONE_RETURN.search(data)
    if lone is not None:
        raise BadRecording(f"line {_line_of(data, lone.start())}: a carriage return alone; end lines in LF or CRLF")


def _line_of(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1


def _read_names(line: str) -> list[str] | None:
    """The column names in a line; None if it holds a number, or nothing."""
    if not line.strip() or len(line) > LONGEST_NAMES:
        return None
    try:
        names = [field.strip() for field in next(csv.reader([line.strip()], skipinitialspace=True))]
    except csv.Error as error:
        raise BadRecording(f"line 1: {error}") from error
    if any(_NUMBER.fullmatch(name) for name in names):
        return None
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise BadRecording(f"line 1: two columns are called {twice[0][:40]!r}")
    return names


def _note_line_ends(data: bytes) -> tuple[Note, ...]:
    lines, dos_lines = data.count(b"\n"), data.count(b"\r\n")
    return (Note(Kind.LINE_ENDS_MIXED, count=dos_lines, of=lines),) if 0 < dos_lines < lines else ()
