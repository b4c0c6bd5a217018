"""Headed tables that are written once and shown in a terminal or as Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable


@dataclass(frozen=True)
class Table:
    """title: what it is about. notes: lines below it; a table without rows is its notes. numbers: from which column on
    cells are set to the right."""

    title: str
    headings: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = ()
    numbers: int = 1


def show(console: Console, tables: Sequence[Table]) -> None:
    """In a terminal."""
    for table in tables:
        console.print(f"\n[bold]{escape(table.title)}[/]")
        if table.rows:
            shown = RichTable(box=None, pad_edge=False, header_style="dim")
            for column, heading in enumerate(table.headings):
                shown.add_column(
                    escape(heading), justify="right" if column >= table.numbers else "left", overflow="fold"
                )
            for row in table.rows:
                shown.add_row(*map(escape, row))
            console.print(shown)
        for note in table.notes:
            console.print(escape(note), highlight=False)


def to_markdown(tables: Sequence[Table]) -> str:
    """As a page."""
    return "\n".join(line for table in tables for line in _lines(table)) + "\n"


def _lines(table: Table) -> Iterator[str]:
    yield from (f"## {table.title}", "")
    if table.rows:
        yield _row(table.headings)
        yield (
            "|" + "|".join("---:" if column >= table.numbers else "---" for column in range(len(table.headings))) + "|"
        )
        yield from map(_row, table.rows)
        yield ""
    for note in table.notes:
        yield from (f"- {note}",)
    if table.notes:
        yield ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
