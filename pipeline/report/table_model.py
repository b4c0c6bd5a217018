"""The report's tables as data, from which both the page and the Markdown are written."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pipeline.text_tables import markdown_table

SYNTHETIC = "[synthetic]"
UNKNOWN = "–"


@dataclass(frozen=True)
class Column:
    """A heading. group: a heading above it that it shares with its neighbours."""

    title: str
    numeric: bool = True
    group: str = ""

    @property
    def full_title(self) -> str:
        """The heading where there is no room for a shared one above it."""
        return f"{self.group}: {self.title}" if self.group else self.title


@dataclass(frozen=True)
class Cell:
    """What stands in a table: a text, and beside it a quieter one, such as an interval."""

    text: str
    aside: str = ""
    strong: bool = False
    code: bool = False


@dataclass(frozen=True)
class Row:
    """Cells, one per column. synthetic: the numbers come from synthetic recordings, and are marked so."""

    cells: tuple[Cell, ...]
    synthetic: bool


@dataclass(frozen=True)
class Table:
    """A captioned table. published: its figures are quoted, not measured."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""
    published: bool = False
    groups: tuple[tuple[str, int], ...] = field(init=False)

    def __post_init__(self) -> None:
        for row in self.rows:
            assert len(row.cells) == len(self.columns), f"{self.caption}: {len(row.cells)} cells"
        object.__setattr__(self, "groups", _groups(self.columns))

    @property
    def synthetic(self) -> bool:
        """Whether any number in it comes from synthetic recordings."""
        return any(row.synthetic for row in self.rows)

    @property
    def mixed(self) -> bool:
        """Whether some rows are synthetic and others are not, so that each must say it for itself."""
        return len({row.synthetic for row in self.rows}) > 1


def _groups(columns: Sequence[Column]) -> tuple[tuple[str, int], ...]:
    """(group, how many columns it spans), in order; empty if no column has one."""
    spans: list[tuple[str, int]] = []
    for column in columns:
        if spans and spans[-1][0] == column.group:
            spans[-1] = (column.group, spans[-1][1] + 1)
        else:
            spans.append((column.group, 1))
    return tuple(spans) if any(group for group, _ in spans) else ()


def row(cells: Iterable[str | Cell], *, synthetic: bool) -> Row:
    """A row of plain texts and cells."""
    return Row(tuple(cell if isinstance(cell, Cell) else Cell(cell) for cell in cells), synthetic)


def to_markdown(table: Table, number: str = "") -> str:
    """The table in Markdown under its number and caption; rows of synthetic numbers say so in their first cell."""
    lines = [f"{number}**{escaped(table.caption)}**" + (f" {SYNTHETIC}" if table.synthetic else ""), ""]
    rows = [[_markdown_cell(cell) for cell in entry.cells] for entry in table.rows]
    for entry, cells in zip(table.rows, rows, strict=True):
        cells[0] += f" {SYNTHETIC}" if entry.synthetic else ""
    headings = [escaped(column.full_title) for column in table.columns]
    lines += markdown_table(headings, rows, [column.numeric for column in table.columns])
    if table.note:
        lines += ["", escaped(table.note)]
    return "\n".join(lines)


def _markdown_cell(cell: Cell) -> str:
    text = f"`{cell.text}`" if cell.code else escaped(cell.text)
    return (f"**{text}**" if cell.strong else text) + (f" {escaped(cell.aside)}" if cell.aside else "")


def escaped(text: str) -> str:
    """Text that Markdown shows as it is: no HTML, no table border, no line break."""
    text = " ".join(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").split())
    for mark in ("\\", "|", "*", "_", "`"):
        text = text.replace(mark, f"\\{mark}")
    return text
