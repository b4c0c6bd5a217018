"""The audit for a person at a terminal."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.audit.findings import Finding

COLOURS = {"error": "bold red", "warning": "yellow", "note": "dim"}


def show(console: Console, facts: dict[str, Any], findings: Sequence[Finding]) -> None:
    """Splits, what was done to recordings, measurements, findings."""
    mark = " (synthetic)" if facts["synthetic"] and "synthetic" not in facts["title"] else ""
    console.print(_splits(facts, f"{facts['title']}{mark}, version {facts['version']}"))
    if facts["alterations"]:
        rows = [(row["action"], row["rule"], f"{row['clips']:,}") for row in facts["alterations"]]
        console.print(_table("what reading and cleaning did", ("action", "rule", "clips"), rows))
    values = [
        (name.replace("_", " "), *("–" if value is None else f"{value:.3g}" for value in row.values()))
        for name, row in facts["values"].items()
    ]
    console.print(_table("measurements", ("", "median", "99th percentile", "most"), values))
    table = Table("", "kind", "clips", "finding", title="findings")
    for one in findings:
        style = COLOURS[one.severity]
        table.add_row(f"[{style}]{one.severity}[/]", one.kind, str(len(one.clips) or ""), escape(one.text))
    console.print(table if findings else "no findings")


def _splits(facts: dict[str, Any], title: str) -> Table:
    rows = []
    for rule, counts in facts["benchmarks"].items():
        subjects = (" ".join(map(str, counts[f"{part}_subjects"])) for part in ("train", "test"))
        found = (
            f"{counts[part]:,}" + ("" if counts[f"expected_{part}"] is None else f" of {counts[f'expected_{part}']:,}")
            for part in ("train", "test")
        )
        rows.append((rule, *found, *subjects))
    return _table(title, ("split", "train", "test", "training subjects", "test subjects"), rows)


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(*headings, title=title)
    for row in rows:
        table.add_row(*map(escape, row))
    return table
