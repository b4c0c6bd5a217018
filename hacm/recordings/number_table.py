"""Reader of tables of numbers in text, one row per line, separated by blanks or commas: one pass, compiled.

Shape suffixes: N bytes, R rows, K columns.
"""

from typing import Any

import numba  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording
from hacm.recordings.decimals import NEWLINE, read_decimal, skip_blanks
from hacm.recordings.impostors import refuse_impostor

# What can be wrong with a table. Compiled code cannot raise with a message, so it returns one of these.
FINE = 0
NOT_A_NUMBER, WRONG_FIELDS, BLANK_LINE, TOO_MANY_ROWS = range(1, 5)

FAULTS = {
    NOT_A_NUMBER: "field {found} is not a number",
    WRONG_FIELDS: "{found} numbers instead of {columns}",
    BLANK_LINE: "numbers after a blank line",
    TOO_MANY_ROWS: "more than {most_rows} lines",
}

COMMAS_TO_BLANKS = bytes.maketrans(b",", b" ")

_compiled = numba.njit(cache=True, nogil=True)


def read_table(data: bytes, columns: int, most_rows: int, *, first_line: int = 1) -> NDArray[np.float64]:
    """The numbers (R, columns) of a text; nan and inf are passed on as they are.

    first_line: the number of its first line, where others went before it. Blank lines may follow the last row.
    BadRecording, naming the line, for anything else; memory is bounded by the text's size.
    """
    refuse_impostor(data)
    text_N = np.frombuffer(bytearray(data.translate(COMMAS_TO_BLANKS) + b"\n"), dtype=np.uint8)
    least_row_bytes = 2 * columns  # each number is one character and a separator at the least
    table_RK = np.empty((min(text_N.size // least_row_bytes, most_rows), columns))
    fault, line, found, rows = _scan(text_N, table_RK, most_rows)
    if fault != FINE:
        reason = FAULTS[fault].format(found=found, columns=columns, most_rows=most_rows)
        raise BadRecording(f"line {line + first_line - 1}: {reason}")
    if rows == 0:
        raise BadRecording("the file is empty")
    return table_RK[:rows]


@_compiled
def _scan(text_N: Any, table_RK: Any, most_rows: Any) -> Any:
    """(fault, line, number at fault, rows); fills the table, which has room for any text without faults."""
    at = 0
    line = 0
    rows = 0
    while at < text_N.size:
        line += 1
        at = skip_blanks(text_N, at)
        if text_N[at] != NEWLINE:
            if line != rows + 1:
                return BLANK_LINE, line, 0, rows
            if rows == most_rows:
                return TOO_MANY_ROWS, line, 0, rows
            fault, at, found = _read_row(text_N, at, table_RK, rows)
            if fault != FINE:
                return fault, line, found, rows
            rows += 1
        at += 1
    return FINE, line, 0, rows


@_compiled
def _read_row(text_N: Any, at: Any, table_RK: Any, row: Any) -> Any:
    """(fault, position of the line's end, fields read or field at fault)."""
    columns = table_RK.shape[1]
    fields = 0
    while text_N[at] != NEWLINE:
        valid, at, value = read_decimal(text_N, at)
        if not valid:
            return NOT_A_NUMBER, at, fields + 1
        if fields < columns and row < table_RK.shape[0]:
            table_RK[row, fields] = value
        fields += 1
        at = skip_blanks(text_N, at)
    return (FINE if fields == columns else WRONG_FIELDS), at, fields
