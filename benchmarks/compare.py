"""Two files of figures beside each other: every number of both, and their ratio.

    python -m benchmarks.compare BEFORE.json AFTER.json [--least 1.05]

Any benchmark's --json will do. Of a list of numbers (the rounds) the median counts. The machines and commits are told;
figures of different machines say nothing about the code.
"""

import argparse
import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

MACHINE = ("processor", "cores", "memory_gb", "system", "python", "device", "threads", "torch")
CODE = ("code", "dirty")
NAMES = ("name", "shape", "passes", "config")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--least", type=float, default=1.0, help="show only what differs by this factor or more")
    options = parser.parse_args()
    before, after = (json.loads(path.read_text(encoding="utf-8")) for path in (options.before, options.after))
    show(before, after, options.least)


def figures(content: Any, key: str = "") -> Iterator[tuple[str, float]]:
    """Every number with its path; a list of numbers is its median, rows that have a name go by it."""
    if isinstance(content, bool) or content is None or isinstance(content, str):
        return
    if isinstance(content, int | float):
        yield key, float(content)
    elif isinstance(content, dict):
        for name, value in content.items():
            if name not in MACHINE + CODE:
                yield from figures(value, f"{key} / {name}" if key else name)
    elif content and all(isinstance(value, int | float) for value in content):
        yield f"{key} (median of {len(content)})", float(statistics.median(content))
    else:
        for number, value in enumerate(content):
            named = [str(value[name]) for name in NAMES if name in value] if isinstance(value, dict) else []
            yield from figures(value, f"{key} / {' '.join(named) or number}")


def ratios(before: Any, after: Any) -> list[tuple[str, float, float, float | None]]:
    """Figures that both have: name, before, after, after / before (None where before is 0)."""
    first, second = dict(figures(before)), dict(figures(after))
    return [
        (name, value, second[name], second[name] / value if value else None)
        for name, value in first.items()
        if name in second
    ]


def facts_of(content: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """What a file says of its machine or code, wherever it stands."""
    flat = {**content, **content.get("machine", {})}
    return {name: flat[name] for name in names if name in flat}


def show(before: dict[str, Any], after: dict[str, Any], least: float) -> None:
    console = Console()
    for label, content in (("before", before), ("after", after)):
        told = {**facts_of(content, CODE), **facts_of(content, MACHINE)}
        console.print(f"{label}: " + ", ".join(f"{name} {value}" for name, value in told.items()))
    if facts_of(before, MACHINE) != facts_of(after, MACHINE):
        console.print("[bold]The machines differ: the ratios compare machines, not commits.[/bold]")
    table = Table("figure", "before", "after", "after / before")
    for name, first, second, ratio in ratios(before, after):
        if ratio is None or ratio <= 0 or max(ratio, 1 / ratio) >= least:
            table.add_row(name, f"{first:,.6g}", f"{second:,.6g}", "" if ratio is None else f"{ratio:.3f}")
    console.print(table)
    only = set(dict(figures(before))) ^ set(dict(figures(after)))
    if only:
        console.print(f"in one file only: {len(only)} figures, such as {min(only)}")


if __name__ == "__main__":
    main()
