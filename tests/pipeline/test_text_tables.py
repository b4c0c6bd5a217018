"""Tables in a terminal and as Markdown."""

import io

from rich.console import Console

from pipeline.text_tables import Table, markdown_page, markdown_table, show_tables

LONG = "results/benchmarks/kinect-sim-xsub/hacm/seed-0/linear/metrics.json"
TABLE = Table("a [title]", ("stage", "state", "n"), [("one|two", "stale", "7"), (LONG, "[b]", "12")], ["a note"],
              numbers=2, styles={"stale": "bold red"})  # fmt: skip


def shown(*tables: Table, width: int = 80, colour: bool = False) -> str:
    stream = io.StringIO()
    show_tables(Console(file=stream, width=width, color_system="standard" if colour else None), tables)
    return stream.getvalue()


def test_a_terminal_shows_every_character_in_its_width():
    text = shown(TABLE, width=40)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 40
    assert [line.strip() for line in lines[:2]] == ["", "a [title]"]
    assert lines[2].split() == ["stage", "state", "n"]
    assert lines[3].split() == ["one|two", "stale", "7"]
    assert lines[3].rstrip().endswith(" 7")
    assert "".join(line.split()[0] for line in lines[4:-1]) == LONG  # folded, not cut
    assert "[b]" in text
    assert lines[-1] == "a note"


def test_only_cells_of_a_styled_text_are_coloured():
    (line,) = (line for line in shown(TABLE, colour=True).splitlines() if "stale" in line)
    assert line.count("\x1b[1;31m") == 1
    assert "\x1b[1;31mstale" in line


def test_empty_headings_leave_no_line():
    lines = shown(Table("checkpoint", ("", ""), [("md5", "ff")])).splitlines()
    assert [line.split() for line in lines] == [[], ["checkpoint"], ["md5", "ff"]]


def test_markdown_has_the_border_escaped_and_numbers_to_the_right():
    assert markdown_page([TABLE, Table("empty", notes=["none"])]).splitlines() == [
        "## a [title]", "", "| stage | state | n |", "| :--- | :--- | ---: |", "| one\\|two | stale | 7 |",
        f"| {LONG} | [b] | 12 |", "", "- a note", "", "## empty", "", "- none", "",
    ]  # fmt: skip
    assert markdown_table(("a", "b"), [("1", "2")]) == ["| a | b |", "|---|---|", "| 1 | 2 |"]
