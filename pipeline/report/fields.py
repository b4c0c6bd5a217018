"""JSON and CSV files as typed records; whatever is missing or malformed ends in one line that names file and field."""

import csv
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from hacm.errors import UserError

Record = TypeVar("Record")


def read_json(path: Path, kind: type[Record]) -> Record:
    """The file as a record of that dataclass; UserError naming file and field otherwise."""
    text = _read_text(path)
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        raise UserError(f"{path}: {_first_problem(error)}; run the stage that writes it again") from None


def read_csv(
    path: Path, kind: type[Record], renamed: dict[str, str] | None = None, *, may_be_empty: bool = False
) -> tuple[Record, ...]:
    """The file's rows as records of that dataclass; UserError naming file, line and field otherwise.

    renamed: columns whose name is no Python name, and the field each goes to. A table without rows is an error unless
    it may be empty.
    """
    lines = csv.reader(_read_text(path).splitlines())
    header = [(renamed or {}).get(column, column) for column in next(lines, [])]
    rows = [dict(zip(header, line, strict=False)) for line in lines if line]
    if not rows and not (may_be_empty and header):
        raise UserError(f"{path}: no rows; run the stage that writes it again")
    try:
        return tuple(TypeAdapter(list[kind]).validate_python(rows))  # type: ignore[valid-type]
    except ValidationError as error:
        line = int(error.errors()[0]["loc"][0]) + 2
        problem = _first_problem(error, skip=1)
        raise UserError(f"{path}: line {line}: {problem}; run the stage that writes it again") from None


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: missing; run the stage that writes it (dvc repro)") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); run the stage that writes it again") from None


def _first_problem(error: ValidationError, skip: int = 0) -> str:
    """`field: what is wrong with it`, without the first parts of the field's path that the caller names itself."""
    problem = error.errors()[0]
    place = ".".join(str(part) for part in problem["loc"][skip:])
    message = " ".join(problem["msg"].removeprefix("Value error, ").split())
    return f"{place}: {message}" if place else message
