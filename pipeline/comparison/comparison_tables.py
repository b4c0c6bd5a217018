"""A comparison as tables, in the order of its facts."""

from collections.abc import Iterator, Sequence
from typing import Any

from hacm.errors import name_some
from pipeline.audit.changes import describe_changes
from pipeline.text_tables import Table

MOST_CLASSES = 5
"""So many gains and so many losses are shown of each result."""
SHORT = 12
UNITS = {"seconds": "s", "memory_mb": "MB", "gpu_memory_mb": "MB on the GPU", "energy_joules": "J, whole machine"}


def tabulate_comparison(facts: dict[str, Any]) -> list[Table]:
    """All that `facts` hold; what came of it is absent where it must not be compared."""
    names = [one["name"] for one in facts["compared"]]
    tables = [_head(facts), _data(facts["data"], names), _code(facts), _parameters(facts, names)]
    if "figures" in facts:
        tables += [_figures(facts, names), *_classes(facts["classes"], names), _costs(facts["costs"], names)]
    return tables


def _head(facts: dict[str, Any]) -> Table:
    rows = [(letter, one["name"], (one["commit"] or "uncommitted, as it is now")[:40])
            for letter, one in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", facts["compared"], strict=False)]  # fmt: skip
    compared = name_some([match["name"] for match in facts["results"]])
    return Table(
        "compared", ("", "results of", "commit"), rows, [f"{len(facts['results'])} results: {compared}"], numbers=3
    )


def _data(found: Sequence[dict[str, Any]], names: Sequence[str]) -> Table:
    notes = []
    for one in found:
        versions = " → ".join(version[:SHORT] for version in dict.fromkeys(one["versions"]))
        if one["same"]:
            notes.append(f"{one['benchmark']}: the same version {versions}, the same split")
            continue
        what = f"version {versions}" if len(set(one["versions"])) > 1 else f"version {versions}, another split"
        notes.append(f"{one['benchmark']}: DIFFERENT data: {what}")
        for name, differences in zip(names[1:], one.get("differences", ()), strict=False):
            notes += [f"{name}: {line}" for line in _data_lines(differences)]
    return Table("data", notes=notes)


def _data_lines(differences: dict[str, Any]) -> Iterator[str]:
    if "unknown" in differences:
        yield f"what differs between the clips cannot be said ({differences['unknown']})"
        return
    yield from (line.removeprefix("- ").replace("**", "") for line in describe_changes(differences))
    for rule, parts in differences["benchmarks"].items():
        for part, count in parts.items():
            if count["came"] or count["went"] or count["changed"]:
                changes = f"{count['came']} came, {count['went']} went, {count['changed']} changed"
                yield f"{rule}, {part}: {count['before']} → {count['after']} clips ({changes})"


def _code(facts: dict[str, Any]) -> Table:
    rows = [
        (row["path"], ", ".join(row["stages"]), "; ".join(name_some(lines) for lines in row["commits"] if lines) or "–")
        for row in facts["code"]
    ]
    notes = [] if rows or facts["unrecorded"] else ["the same"]
    if facts["unrecorded"]:
        notes.append(f"dvc.lock does not say what these were made of: {name_some(facts['unrecorded'])}")
    return Table("code", ("file", "of stages", "commits"), rows, notes, numbers=3)


def _parameters(facts: dict[str, Any], names: Sequence[str]) -> Table:
    every = len(facts["results"])
    rows = [
        (row["key"], *map(_value, row["values"]), "all" if len(row["results"]) == every else name_some(row["results"]))
        for row in facts["parameters"]
    ]
    headings = ("parameter", *names, "of")
    return Table("parameters that differ", headings, rows, [] if rows else ["none"], numbers=len(headings))


def _value(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _figures(facts: dict[str, Any], names: Sequence[str]) -> Table:
    headings = ["result", "figure", names[0]]
    for name in names[1:]:
        headings += [name, "difference", "p"]
    rows = []
    for row in facts["figures"]:
        intervals = row.get("intervals", [None] * len(names))
        shown = [_accuracy(*pair) for pair in zip(row["values"], intervals, strict=True)]
        cells = [row["result"], row["figure"], shown[0]]
        for value, difference in zip(shown[1:], row["differences"], strict=True):
            cells += [value, *_difference(difference)]
        rows.append(cells)
    notes = [_over_seeds(row, names) for row in facts["over_seeds"]]
    told = (
        "difference: from the first, in brackets the paired bootstrap 95 % interval over test clips of one seed; "
        "p: McNemar's exact test, two-sided; neither holds the spread between seeds"
    )
    return Table("figures", headings, rows, [*notes, told], numbers=2)


def _accuracy(value: Any, interval: Sequence[float] | None) -> str:
    if value is None:
        return "–"
    return (
        _value(value) if interval is None or None in interval else f"{value:.1f} [{interval[0]:.1f}, {interval[1]:.1f}]"
    )


def _difference(difference: dict[str, Any]) -> tuple[str, str]:
    value = difference["value"]
    if value is None:
        return "–", ""
    if "p" not in difference:
        return f"{value:+g}", ""
    interval = f"[{difference['low']:+.1f}, {difference['high']:+.1f}]"
    return f"{value:+.1f} {interval}", f"{difference['p']:.2g}"


def _over_seeds(row: dict[str, Any], names: Sequence[str]) -> str:
    means = ", ".join(
        f"{name} {one['mean']:+.2f} ± {one['deviation']:.2f}"
        for name, one in zip(names[1:], row["differences"], strict=True)
    )
    variants = "/".join(dict.fromkeys(row["variants"]))
    seeds = ", ".join(map(str, row["seeds"]))
    return f"{row['benchmark']} {variants} {row['protocol']}, top-1 over seeds {seeds}: {means} (standard deviation)"


def _classes(found: Sequence[dict[str, Any]], names: Sequence[str]) -> list[Table]:
    tables = []
    for number, name in enumerate(names[1:]):
        rows = []
        for result in dict.fromkeys(row["result"] for row in found):
            moved = sorted((row for row in found if row["result"] == result and row["points"][number]),
                           key=lambda row: -row["points"][number])  # fmt: skip
            gains = [row for row in moved if row["points"][number] > 0][:MOST_CLASSES]
            losses = [row for row in moved if row["points"][number] < 0][-MOST_CLASSES:]
            rows += [
                (result, row["class"], str(row["clips"]), str(row["hits"][0]), str(row["hits"][number + 1]),
                 f"{row['points'][number]:+.1f}")
                for row in gains + losses
            ]  # fmt: skip
        title = f"classes that moved most, {name}" if len(names) > 2 else "classes that moved most"
        headings = ("result", "class", "clips", f"right: {names[0]}", f"right: {name}", "points")
        tables.append(Table(title, headings, rows, [] if rows else ["none moved"], numbers=2))
    return tables


def _costs(found: Sequence[dict[str, Any]], names: Sequence[str]) -> Table:
    rows = [(row["result"], UNITS[row["cost"]], *map(_cost, row["values"])) for row in found]
    machines = sorted({machine for row in found for machine in row["machines"]})
    notes = [f"on {machines[0]}" if len(machines) == 1 else f"on DIFFERENT machines: {'; '.join(machines)}"]
    return Table("costs", ("result", "", *names), rows, notes, numbers=2)


def _cost(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
