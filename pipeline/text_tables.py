"""Headed tables that are written once and shown in a terminal or as Markdown: the one place that draws either."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable


@dataclass(frozen=True)
class Table:
    """title: what it is about. notes: lines below it; a table without rows is its notes.

    headings: all empty for a table without a heading row. numbers: from which column on cells are right-aligned.
    whole: so many columns are never folded in a terminal. styles: there, how a cell of exactly that text looks, as
    rich names it.
    """

    title: str
    headings: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = ()
    numbers: int = 1
    whole: int = 0
    styles: Mapping[str, str] = field(default_factory=dict)


def show_tables(console: Console, tables: Sequence[Table]) -> None:
    """In a terminal."""
    for table in tables:
        console.print(f"\n[bold]{escape(table.title)}[/]", highlight=False)
        if table.rows:
            console.print(_draw(table))
        for note in table.notes:
            console.print(escape(note), highlight=False)


def _draw(table: Table) -> RichTable:
    drawn = RichTable(box=None, pad_edge=False, header_style="dim", show_header=any(table.headings))
    for column, heading in enumerate(table.headings):
        # Folded, not cut: paths and hashes stay whole, for copying.
        justify: Literal["left", "right"] = "right" if column >= table.numbers else "left"
        drawn.add_column(escape(heading), justify=justify, overflow="fold", no_wrap=column < table.whole)
    for row in table.rows:
        drawn.add_row(
            *(f"[{table.styles[cell]}]{escape(cell)}[/]" if cell in table.styles else escape(cell) for cell in row)
        )
    return drawn


def markdown_page(tables: Sequence[Table]) -> str:
    """As a page of Markdown, a heading above each table."""
    return "\n".join(line for table in tables for line in _section(table)) + "\n"


def _section(table: Table) -> Iterator[str]:
    yield from (f"## {table.title}", "")
    if table.rows:
        numeric = [column >= table.numbers for column in range(len(table.headings))]
        yield from markdown_table(
            table.headings, [[escape_border(cell) for cell in row] for row in table.rows], numeric
        )
        yield ""
    yield from (f"- {note}" for note in table.notes)
    if table.notes:
        yield ""


def markdown_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool] | None = None
) -> list[str]:
    """The lines of one table; cells are Markdown already. numeric: which columns are right-aligned; None: no matter."""
    if numeric is None:
        rule = "|---" * len(headings) + "|"
    else:
        rule = _markdown_row(["---:" if right else ":---" for right in numeric])
    return [_markdown_row(headings), rule, *map(_markdown_row, rows)]


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def escape_border(text: str) -> str:
    """Text that does not end its cell."""
    return text.replace("|", "\\|")
