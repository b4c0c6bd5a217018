"""Reader of comma-separated numbers, with or without a line of column names above them.

Shape suffixes: R rows, K columns.
"""

import csv
import re
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording
from hacm.recordings.impostors import refuse_impostor
from hacm.recordings.notes import Kind, Note

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
LONGEST_NAMES = 100_000

_NUMBER = re.compile(
    r"\s*[-+]?(?:[0-9]+\.?[0-9]*(?:e[-+]?[0-9]+)?|\.[0-9]+(?:e[-+]?[0-9]+)?|nan|inf|infinity)\s*", re.I
)
NOT_AVAILABLE = frozenset({"na", "n/a", "#n/a", "<na>", "null", "none", "-nan"})
"""What stands for a missing value in tables, in small letters, beside nan and an empty field."""

_QUOTED = re.compile(rb'"[^"\n]*"')
_THOUSANDS = re.compile(rb"[-+]?[1-9][0-9]{0,2},[0-9]{3}")
_LONE_RETURN = re.compile(rb"\r(?!\n)")
_EMPTY_FIELD = re.compile(rb"^(?=[ \t]*,)|(?<=,)(?=[ \t]*(?:,|\r?\n|\r?\Z))", re.MULTILINE)


def read_csv(
    data: bytes,
    columns: int,
    most_numbers: int,
    is_read: Callable[[str], bool] = lambda _: True,
    number_of: Callable[[str, str], int | None] = lambda _, __: None,
) -> tuple[list[str] | None, NDArray[np.float64], tuple[Note, ...]]:
    """Column names, if the first line has them, the numbers (R, K), and notes; an empty field, or NA, is nan.

    columns: K, where there are no names. most_numbers: more are refused. is_read: whether a column of that name must
    hold numbers; words in others are nan. number_of: the number that a word in a column of that name stands for; None:
    it stands for none. Fields are separated by commas, semicolons, tabs, or, without names, by blanks; decimal commas
    are read where they can be nothing else; a first line of 0, 1, 2, … or 1, 2, 3, …, also written 0.0, 1.0, …, is
    column names, which say nothing. Lines may end in LF or CRLF. BadRecording, naming the line, for what is not such a
    text; memory is bounded by the text's size.
    """
    # Here and not above, because it loads a compiler, which `part_of` of a reader has no use for.
    from hacm.recordings.number_table import read_table

    refuse_impostor(data)
    data = data.removeprefix(BYTE_ORDER_MARK)
    first, _, rest = data.partition(b"\n")
    if data.startswith(UTF_16_MARKS):
        raise BadRecording("line 1: not UTF-8 text but UTF-16; save it as UTF-8")
    lone = _LONE_RETURN.search(data)
    if lone is not None:
        raise BadRecording(f"line {_line_of(data, lone.start())}: a carriage return alone; end lines in LF or CRLF")
    separator = _find_separator(first)
    if data.count(separator) > most_numbers:
        raise BadRecording(f"more than {most_numbers} numbers")
    names = _read_names(_decode_names(first), separator.decode())
    # Names may be Latin-1: either they are those that are looked for, or it is said that they are not.
    _check_text(data, 0 if names is None else len(first))
    numbered = names is None and _is_numbered(first, separator)
    headed = names is not None or numbered
    rows = rest if headed else data
    if headed and not rows.strip():
        raise BadRecording("line 2: no numbers follow the column names")
    count = columns if names is None else len(names)
    first_line = 2 if headed else 1

    def read(text: bytes) -> NDArray[np.float64]:
        return read_table(_EMPTY_FIELD.sub(b"nan", text), count, most_numbers // count, first_line=first_line)

    if separator == b"," or (separator == b"\t" and names is None):
        try:
            return names, read(rows), _note_line_ends(data)
        except BadRecording as refusal:
            tidied = _tidy(rows, separator, names, is_read, number_of, first_line)
            if tidied == rows.replace(b"\r\n", b"\n"):
                raise BadRecording(_explain(refusal, first, separator, count)) from refusal
    else:
        tidied = _tidy(rows, separator, names, is_read, number_of, first_line)
    return names, read(tidied), _note_line_ends(data)


def read_numbers(rows: bytes, columns: int, most_numbers: int, first_line: int) -> NDArray[np.float64]:
    """The numbers (R, K) of lines without names, separated by commas; an empty field is nan. BadRecording as above."""
    from hacm.recordings.number_table import read_table

    if not rows.strip():
        raise BadRecording(f"line {first_line}: no numbers follow the column names")
    return read_table(_EMPTY_FIELD.sub(b"nan", rows), columns, most_numbers // columns, first_line=first_line)


def _explain(refusal: BadRecording, line: bytes, separator: bytes, count: int) -> str:
    """The refusal, and what to do where decimal commas separate like the others."""
    if separator == b"," and b"." not in line and line.count(b",") + 1 == 2 * count:
        return f"{refusal}; twice as many: decimal commas between commas; write points, or separate by semicolons"
    return str(refusal)


def _find_separator(line: bytes) -> bytes:
    """What separates the fields, by the first line: a semicolon or a tab wherever there is one outside quotes."""
    bare = _QUOTED.sub(b'""', line)
    return next((one for one in (b";", b"\t") if one in bare.strip(b" \t\r")), b",")


def _is_numbered(line: bytes, separator: bytes | None) -> bool:
    """Whether a line is 0, 1, 2, … or 1, 2, 3, …, as tables are written whose columns have no names; 0.0, 1.0 too."""
    if separator == b"," and b"," not in line:
        separator = None  # blanks
    # Stripped as text again: what _NUMBER takes for a blank, such as a file separator, is none to float.
    fields = [field.strip(b' \t\r"').decode("latin-1").strip() for field in line.strip(b" \r").split(separator)]
    if separator != b",":
        fields = [field.replace(",", ".") for field in fields]
    if len(fields) < 3 or not all(len(field) < 30 and _NUMBER.fullmatch(field) for field in fields):
        return False
    first = float(fields[0])
    return first in (0, 1) and all(float(field) == number for number, field in enumerate(fields, int(first)))


def _tidy(
    rows: bytes,
    separator: bytes,
    names: list[str] | None,
    is_read: Callable[[str], bool],
    number_of: Callable[[str, str], int | None],
    first_line: int,
) -> bytes:
    """The same numbers with points, between commas, without quotes; nan for NA and for words that are not read."""
    delimiter = separator.decode()
    read_K = None if names is None else [is_read(name) for name in names]
    decimal_comma = _has_decimal_commas(rows, separator)
    lines = []
    for number, line in enumerate(rows.decode("utf-8").split("\n"), first_line):
        line = line.rstrip("\r")
        if not line.strip(" \t") and (delimiter == "," or not line):
            lines.append("")
            continue
        fields = []
        for column, field in enumerate(_split(line, delimiter, number)):
            text = field.replace(",", ".") if decimal_comma else field
            unread = read_K is not None and column < len(read_K) and not read_K[column]
            if _NUMBER.fullmatch(text):
                fields.append(text)
            elif not text or text.lower() in NOT_AVAILABLE or unread:
                fields.append("nan")
            elif (
                names is not None
                and column < len(names)
                and (meant := _meaning(field, number, names[column], number_of))
            ):
                fields.append(meant)
            else:
                where = f"field {column + 1}" if names is None or column >= len(names) else ascii(names[column][:40])
                raise BadRecording(f"line {number}: {where} is {field[:40]!a}, not a number{_remedy(field, separator)}")
        lines.append(",".join(fields))
    return "\n".join(lines).encode()


def _meaning(field: str, line: int, column: str, number_of: Callable[[str, str], int | None]) -> str | None:
    """The number that a word stands for, as text; BadRecording naming the line if the word is unknown."""
    try:
        number = number_of(column, field)
    except BadRecording as reason:
        raise BadRecording(f"line {line}: {reason}") from reason
    return None if number is None else str(number)


def _remedy(field: str, separator: bytes) -> str:
    if "," in field:
        return "; decimal commas are mixed with points or could be thousands: write points"
    return "; write a number for it" if field.isalpha() else ""


def _has_decimal_commas(rows: bytes, separator: bytes) -> bool:
    """Whether commas in fields are decimal commas: there is no point, and not every comma could be one of thousands."""
    bare = rows if separator != b"," else b"".join(_QUOTED.findall(rows))
    fields = [
        field for field in re.split(rb'[;\t"\r\n ]+' if separator == b"," else rb'[;\t"\r\n]+', bare) if b"," in field
    ]
    if separator == b",":
        fields = [field for field in fields if field.strip(b",")]
    return bool(fields) and b"." not in bare and not all(_THOUSANDS.fullmatch(field.strip()) for field in fields)


def _split(line: str, delimiter: str, number: int) -> list[str]:
    try:
        return [
            field.strip()
            for field in next(csv.reader([line], delimiter=delimiter, skipinitialspace=delimiter != "\t", strict=True))
        ]
    except (csv.Error, StopIteration) as error:
        raise BadRecording(f"line {number}: {error}") from error


def _decode_names(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _check_text(data: bytes, start: int) -> None:
    """BadRecording for what is no text from `start` on."""
    try:
        data[start:].decode("utf-8")
    except UnicodeDecodeError as error:
        line = _line_of(data, error.start + start)
        raise BadRecording(f"line {line}: not UTF-8 text; save it as UTF-8") from error


def _line_of(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1


def _read_names(line: str, separator: str) -> list[str] | None:
    """The column names in a line; None if it holds a number, or nothing."""
    if not line.strip() or len(line) > LONGEST_NAMES:
        return None
    try:
        names = [
            field.strip()
            for field in next(csv.reader([line.strip()], delimiter=separator, skipinitialspace=separator != "\t"))
        ]
    except csv.Error as error:
        raise BadRecording(f"line 1: {error}") from error
    if any(_NUMBER.fullmatch(name.replace(",", ".")) for name in names):
        return None
    if len(names) == 1 and all(_NUMBER.fullmatch(word) for word in line.split()):
        return None  # numbers between blanks
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise BadRecording(f"line 1: two columns are called {twice[0][:40]!r}")
    return names


def _note_line_ends(data: bytes) -> tuple[Note, ...]:
    lines, dos_lines = data.count(b"\n"), data.count(b"\r\n")
    return (Note(Kind.LINE_ENDS_MIXED, count=dos_lines, of=lines),) if 0 < dos_lines < lines else ()
