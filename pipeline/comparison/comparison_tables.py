"""A comparison as tables, in the order of its facts."""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from string import ascii_uppercase
from typing import Any

from hacm.errors import name_some
from pipeline.audit.changes import describe_changes
from pipeline.report.formatting import setting
from pipeline.text_tables import Table

MOST_CLASSES = 5
"""So many gains and so many losses are shown of each result."""
SHORT = 12
MOST_FILES = 8
"""So many files of code are named."""
UNITS = {"seconds": "s", "memory_mb": "MB", "gpu_memory_mb": "MB on the GPU", "energy_joules": "J, whole machine"}


def tabulate_comparison(facts: dict[str, Any], *, everything: bool = True) -> list[Table]:
    """All that `facts` hold; what came of it is absent where it must not be compared.

    Columns are headed A, B, C, as the first table names them. everything: name every file of code that differs.
    """
    letters = letters_of(len(facts["compared"]))
    tables = [_head(facts, letters), _data(facts["data"], letters), _code(facts, everything)]
    tables.append(_parameters(facts, letters))
    if "figures" in facts:
        tables += [_figures(facts, letters), *_classes(facts, letters), _costs(facts, letters)]
    return tables


def letters_of(sets: int) -> list[str]:
    """What the sets of results are called: A, B, C and so on."""
    return [f"{ascii_uppercase[number % 26]}{number // 26 or ''}" for number in range(sets)]


def _head(facts: dict[str, Any], letters: Sequence[str]) -> Table:
    rows = [
        (letter, one["name"], one["commit"][:SHORT] if one["commit"] else "uncommitted, as it is now")
        for letter, one in zip(letters, facts["compared"], strict=True)
    ]
    names = [match["name"] for match in facts["results"]]
    shared = "/".join(_shared(names))
    if len(names) == 1:
        note = f"the result compared: {names[0]}"
    else:
        note = f"{len(names)} results{f' of {shared}' if shared else ''}: {name_some(_without(names, names))}"
    return Table("compared", ("", "results of", "commit"), rows, [note], numbers=3)


def _shared(names: Sequence[str]) -> list[str]:
    """The first parts of their paths that all names have."""
    parts = [name.split("/") for name in names]
    return [level[0] for level in takewhile(lambda level: len(set(level)) == 1, zip(*parts, strict=False))]


def _without(names: Sequence[str], every: Sequence[str]) -> list[str]:
    """Names without the parts that all results share; the head says those once."""
    shared = len(_shared(every)) if len(every) > 1 else 0
    return ["/".join(name.split("/")[shared:]) for name in names]


def _by_result(facts: dict[str, Any], title: str, headings: Sequence[str], rows: Sequence[Sequence[str]],
               notes: Sequence[str]) -> Table:  # fmt: skip
    """A table with the result's name in its first column; without that column where one result is compared."""
    every = [match["name"] for match in facts["results"]]
    if len(every) == 1:
        return Table(title, headings[1:], [row[1:] for row in rows], notes)
    names = _without([row[0] for row in rows], every)
    rows = [(name, *row[1:]) for name, row in zip(names, rows, strict=True)]
    return Table(title, headings, rows, notes, numbers=2, whole=1)


def _data(found: Sequence[dict[str, Any]], letters: Sequence[str]) -> Table:
    notes = []
    for one in found:
        versions = " → ".join(version[:SHORT] for version in dict.fromkeys(one["versions"]))
        if one["same"]:
            notes.append(f"{one['benchmark']}: the same version {versions}, the same split")
            continue
        what = f"version {versions}" if len(set(one["versions"])) > 1 else f"version {versions}, another split"
        notes.append(f"{one['benchmark']}: DIFFERENT data: {what}")
        for letter, differences in zip(letters[1:], one.get("differences", ()), strict=False):
            notes += [f"{letter}: {line}" for line in _data_lines(differences)]
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


def _code(facts: dict[str, Any], everything: bool) -> Table:
    rows = [
        (row["path"], ", ".join(row["stages"]), "; ".join(name_some(lines) for lines in row["commits"] if lines) or "–")
        for row in facts["code"]
    ]
    notes = [] if rows or facts["unrecorded"] else ["the same"]
    if not everything and len(rows) > MOST_FILES:
        notes.append(f"… and {len(rows) - MOST_FILES} more; --all names them")
        rows = rows[:MOST_FILES]
    if facts["unrecorded"]:
        notes.append(f"dvc.lock does not say what these were made of: {name_some(facts['unrecorded'])}")
    return Table("code", ("file", "of stages", "commits"), rows, notes, numbers=3)


def _parameters(facts: dict[str, Any], letters: Sequence[str]) -> Table:
    every = len(facts["results"])
    rows = [
        (row["key"], *map(setting, row["values"]), "all" if len(row["results"]) == every else name_some(row["results"]))
        for row in facts["parameters"]
    ]
    headings = ["parameter", *letters, "of"]
    if all(row[-1] == "all" for row in rows):
        headings, rows = headings[:-1], [row[:-1] for row in rows]
    return Table("parameters that differ", headings, rows, [] if rows else ["none"], numbers=len(headings))


def _figures(facts: dict[str, Any], letters: Sequence[str]) -> Table:
    first, *others = letters
    headings = ["result", "figure", first]
    for letter in others:
        headings += [letter, f"{letter} − {first}", "p"]
    rows = []
    for row in facts["figures"]:
        intervals = row.get("intervals", [None] * len(letters))
        shown = [_figure(*pair) for pair in zip(row["values"], intervals, strict=True)]
        cells = [row["result"], row["figure"].replace("_", " "), shown[0]]
        for value, difference in zip(shown[1:], row["differences"], strict=True):
            cells += [value, *_difference(difference, row["values"][0])]
        rows.append(cells)
    notes = [_over_seeds(row, others) for row in facts["over_seeds"]]
    notes += [_over_people(row, others) for row in facts["over_people"]]
    told = (
        "accuracies in per cent, differences in points; in brackets 95 % intervals, of a difference the paired "
        "bootstrap's over the test clips of one seed; p: McNemar's exact test, two-sided; neither holds the spread "
        "between seeds"
    )
    return _by_result(facts, "figures", headings, rows, [*notes, told])


def _figure(value: Any, interval: Sequence[float] | None) -> str:
    if value is None:
        return "–"
    if interval is None or None in interval:
        return _rounded(value, value) if isinstance(value, float) else setting(value)
    return f"{value:.1f} [{interval[0]:.1f}, {interval[1]:.1f}]"


def _rounded(number: float, scale: float, sign: str = "") -> str:
    """One decimal where the figure is that of an accuracy, three digits where it is smaller."""
    return f"{number:{sign}.1f}" if abs(scale) >= 10 else f"{number:{sign}.3g}"


def _difference(difference: dict[str, Any], first: Any) -> tuple[str, str]:
    value = difference["value"]
    if value is None:
        return "–", ""
    if "p" not in difference:
        return (_rounded(value, first, "+") if isinstance(value, float) else f"{value:+}"), ""
    interval = f"[{difference['low']:+.1f}, {difference['high']:+.1f}]"
    return f"{value:+.1f} {interval}", f"{difference['p']:.2g}"


def _over_seeds(row: dict[str, Any], others: Sequence[str]) -> str:
    means = ", ".join(
        f"{letter} {one['mean']:+.2f} ± {one['deviation']:.2f}"
        for letter, one in zip(others, row["differences"], strict=True)
    )
    variants = "/".join(dict.fromkeys(row["variants"]))
    seeds = ", ".join(map(str, row["seeds"]))
    return f"{row['benchmark']} {variants} {row['protocol']}, top-1 over seeds {seeds}: {means} (standard deviation)"


def _over_people(row: dict[str, Any], others: Sequence[str]) -> str:
    """People are what is independent: their clips, and the seeds of a recipe, are not."""
    shown = []
    for letter, one in zip(others, row["differences"], strict=True):
        low = "−∞" if one["low"] is None else f"{one['low']:+.1f}"
        high = "∞" if one["high"] is None else f"{one['high']:+.1f}"
        shown.append(f"{letter} {one['value']:+.1f} [{low}, {high}], p {one['p']:.2g}")
    variants = "/".join(dict.fromkeys(row["variants"]))
    where = f"{row['people']} people of {', '.join(row['benchmarks'])}"
    return f"{variants} {row['protocol']}, top-1 over {where}: {'; '.join(shown)} (each person's sign flipped)"


def _classes(facts: dict[str, Any], letters: Sequence[str]) -> list[Table]:
    tables = []
    for number, letter in enumerate(letters[1:]):
        rows = []
        for result in dict.fromkeys(row["result"] for row in facts["classes"]):
            moved = sorted((row for row in facts["classes"] if row["result"] == result and row["points"][number]),
                           key=lambda row: -row["points"][number])  # fmt: skip
            gains = [row for row in moved if row["points"][number] > 0][:MOST_CLASSES]
            losses = [row for row in moved if row["points"][number] < 0][-MOST_CLASSES:]
            rows += [
                (result, row["class"], str(row["clips"]), str(row["hits"][0]), str(row["hits"][number + 1]),
                 f"{row['points'][number]:+.1f}")
                for row in gains + losses
            ]  # fmt: skip
        title = f"classes that moved most, {letter}" if len(letters) > 2 else "classes that moved most"
        headings = ("result", "class", "clips", f"right: {letters[0]}", f"right: {letter}", "points")
        tables.append(_by_result(facts, title, headings, rows, [] if rows else ["none moved"]))
    return tables


def _costs(facts: dict[str, Any], letters: Sequence[str]) -> Table:
    found = facts["costs"]
    rows = [(row["result"], UNITS[row["cost"]], *map(_cost, row["values"])) for row in found]
    machines = sorted({machine for row in found for machine in row["machines"]})
    notes = [f"on {machines[0]}" if len(machines) == 1 else f"on DIFFERENT machines: {'; '.join(machines)}"]
    return _by_result(facts, "costs", ("result", "unit", *letters), rows, notes)


def _cost(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
