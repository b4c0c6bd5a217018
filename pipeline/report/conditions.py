"""Accuracy under conditions: shares of labels, degrees of corruption. A condition has a kind, a level and a draw."""

from dataclasses import dataclass
from statistics import fmean, stdev

from pipeline.report.ablations import cell_over_seeds
from pipeline.report.charts import RANDOM
from pipeline.report.collecting import Benchmark, Run
from pipeline.report.condition_charts import Series
from pipeline.report.formatting import percent, protocol_name
from pipeline.report.model import ConditionAccuracy, Estimate
from pipeline.report.table_model import UNKNOWN, Cell, Column, Table, row


@dataclass(frozen=True)
class Place:
    """One level of a kind, and the heading of its column."""

    heading: str
    kind: str
    level: float


def conditions_tables(benchmark: Benchmark, protocol: str) -> list[Table]:
    """One per kind that has several levels, and one of all kinds that have a single level."""
    levels = _levels(benchmark, protocol)
    tables = [
        (kind, [Place(f"{level:g}", kind, level) for level in found])
        for kind, found in levels.items()
        if len(found) > 1
    ]
    single = [Place(f"{kind} ({found[0]:g})", kind, found[0]) for kind, found in levels.items() if len(found) == 1]
    if single:
        tables.append(("at one level each", single))
    return [_table(benchmark, protocol, title, places) for title, places in tables]


def series(benchmark: Benchmark, protocol: str) -> dict[str, list[Series]]:
    """Of each kind that has several levels: random weights', then every variant's, the reference's last, on top."""
    variants = sorted(benchmark.variants, key=lambda variant: variant == benchmark.reference)
    found: dict[str, list[Series]] = {}
    for kind, levels in _levels(benchmark, protocol).items():
        for title in (RANDOM, *variants) if len(levels) > 1 else ():
            values = [_values(benchmark, protocol, title, kind, level) for level in levels]
            present = [(level, found_here) for level, found_here in zip(levels, values, strict=True) if found_here]
            if not present:  # the protocol of this variant was run with other settings
                continue
            found.setdefault(kind, []).append(
                Series(
                    title,
                    tuple(level for level, _ in present),
                    tuple(fmean(entries) for _, entries in present),
                    tuple(stdev(entries) if len(entries) > 1 else 0.0 for _, entries in present),
                )
            )
    return found


def _levels(benchmark: Benchmark, protocol: str) -> dict[str, list[float]]:
    """The levels of each kind in ascending order, kinds in the order of their tables."""
    found: dict[str, set[float]] = {}
    for variant in benchmark.variants:
        for entry in _entries(benchmark.of(variant, protocol)):
            found.setdefault(entry.kind, set()).add(entry.level)
    return {kind: sorted(levels) for kind, levels in found.items()}


def _entries(runs: tuple[Run, ...]) -> list[ConditionAccuracy]:
    return [entry for run in runs for entry in run.conditions]


def _at(benchmark: Benchmark, protocol: str, title: str, kind: str, level: float) -> list[ConditionAccuracy]:
    """One variant's (or the reference's, for random weights) accuracies there: of every draw and seed."""
    variant = benchmark.reference if title == RANDOM else title
    entries = _entries(benchmark.of(variant, protocol))
    return [entry for entry in entries if (entry.kind, entry.level) == (kind, level)]


def _values(benchmark: Benchmark, protocol: str, title: str, kind: str, level: float) -> list[float]:
    entries = _at(benchmark, protocol, title, kind, level)
    return [entry.random_top1 if title == RANDOM else entry.top1 for entry in entries]


def _cell(benchmark: Benchmark, protocol: str, title: str, place: Place) -> Cell:
    entries = _at(benchmark, protocol, title, place.kind, place.level)
    if not entries:
        return Cell(UNKNOWN)
    if title == RANDOM and len(entries) == 1:
        return Cell(percent(entries[0].random_top1))
    random = title == RANDOM
    estimates = [
        Estimate(entry.random_top1 if random else entry.top1, entry.top1_low, entry.top1_high) for entry in entries
    ]
    return cell_over_seeds(estimates, strong=title == benchmark.reference)


def _table(benchmark: Benchmark, protocol: str, title: str, places: list[Place]) -> Table:
    rows = []
    for name in (RANDOM, *benchmark.variants):
        strong = name == benchmark.reference
        cells = [_cell(benchmark, protocol, name, place) for place in places]
        rows.append(row([Cell(name, strong=strong), *cells], synthetic=benchmark.synthetic))
    counts = {len(_at(benchmark, protocol, benchmark.reference, place.kind, place.level)) for place in places}
    several = max(counts) > 1
    over = f"Mean ± standard deviation over draws and seeds (n = {max(counts)})."
    note = over if several else "Brackets: bootstrap 95 % interval over test clips."
    columns = (Column("Variant", numeric=False), *(Column(place.heading) for place in places))
    caption = f"{benchmark.title}, {protocol_name(protocol)}, top-1 %: {title}"
    return Table(caption, columns, tuple(rows), note)
