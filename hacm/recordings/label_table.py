"""A table beside the recordings that says who, what and where each is: `labels.csv`, a line per recording.

    name,action,subject,camera
    take 1,wave,anna,
    day 2/take 7.npz,sit,ben,left

name (or file, recording, path): a recording's name, or the end of its file's path, with or without its ending. Other
columns: those of IDENTITY, in numbers or words; an empty field says nothing. Commas, semicolons or tabs separate.
"""

import csv
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import PurePosixPath

from hacm.archives.raw_file import RawFile
from hacm.errors import BadRecording, UserError
from hacm.recordings.names import IDENTITY, Vocabulary, plain

FILE = "labels.csv"
NAMES = ("name", "file", "recording", "path")
REMEDY = "mend the table"

Lines = Mapping[str, tuple[int, Mapping[str, str]]]
"""A recording's name → the number of its line, and what that says, by IDENTITY."""


def read_labels(table: RawFile, path: str, name: str, vocabulary: Vocabulary) -> dict[str, int]:
    """What the table says of a recording: of that path and name; nothing if it has no line.

    UserError naming the table's line for what cannot be read there, and if two lines speak of the recording.
    """
    lines = _read_lines(table)
    found = sorted(lines[called] for called in _ways_to_call(path, name) if called in lines)
    if len(found) > 1:
        numbers = " and ".join(str(number) for number, _ in found)
        raise UserError(f"{table.path}: lines {numbers} both describe {path}; keep one")
    if not found:
        return {}
    number, said = found[0]
    try:
        return {kind: vocabulary.number_of(kind, text) for kind, text in said.items()}
    except BadRecording as reason:
        raise UserError(f"{table.path}: line {number}: {reason}; {REMEDY}") from reason


def lines_in_vain(table: RawFile, recordings: Iterable[tuple[str, str]]) -> list[str]:
    """The lines that speak of no recording, as `line 4: take 9`. recordings: path and name of each there is."""
    spoken_of = {called for path, name in recordings for called in _ways_to_call(path, name)}
    return [f"line {number}: {name}" for name, (number, _) in _read_lines(table).items() if name not in spoken_of]


def _ways_to_call(path: str, name: str) -> set[str]:
    """A recording's name, and every end of its path, with and without its ending."""
    ways = {name}
    for parts in (PurePosixPath(path).parts, PurePosixPath(path).with_suffix("").parts):
        ways |= {"/".join(parts[at:]) for at in range(len(parts))}
    return ways


@lru_cache(maxsize=4)
def _read_lines(table: RawFile) -> Lines:
    try:
        text = table.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{table.path}: not UTF-8 text; save it as UTF-8") from error
    first = text.partition("\n")[0]
    separator = next((one for one in (";", "\t") if one in first), ",")
    try:
        rows = list(csv.reader(text.splitlines(), delimiter=separator, skipinitialspace=separator != "\t", strict=True))
    except csv.Error as error:
        raise UserError(f"{table.path}: {error}; {REMEDY}") from error
    columns = [plain(column) for column in rows[0]] if rows else []
    named = [column for column in columns if column in NAMES]
    if len(named) != 1 or len(set(columns)) < len(columns) or not set(columns) & set(IDENTITY):
        raise UserError(
            f"{table.path}: line 1: one column must be called name, and others {', '.join(IDENTITY)}, each once; "
            f"found: {', '.join(ascii(column[:40]) for column in columns[:8]) or 'nothing'}"
        )
    lines: dict[str, tuple[int, Mapping[str, str]]] = {}
    for number, row in enumerate(rows[1:], start=2):
        if not any(field.strip() for field in row):
            continue
        if len(row) != len(columns):
            raise UserError(f"{table.path}: line {number}: {len(row)} fields instead of {len(columns)}; {REMEDY}")
        said = {column: field.strip() for column, field in zip(columns, row, strict=True) if field.strip()}
        name = said.pop(named[0], "").replace("\\", "/")
        if not name or name in lines:
            fault = f"is like line {lines[name][0]}, {name[:80]!a}" if name else "names no recording"
            raise UserError(f"{table.path}: line {number}: {fault}; {REMEDY}")
        lines[name] = (number, {kind: said[kind] for kind in IDENTITY if kind in said})
    return lines
