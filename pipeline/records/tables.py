"""Makes the tables of published results from their records.

Rows are ways (a variant, the ridge baseline, random weights), columns benchmarks and protocols.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.comparison.naming import BASELINE, ResultKey
from pipeline.records.records import BenchmarkRecords
from pipeline.report.formatting import p_value, people_interval, signed
from pipeline.report.predictions import Hits
from pipeline.results.people import Paired, Pooled, holm, people_needed, pool
from pipeline.results.significance import over_seeds
from pipeline.text_tables import markdown_table

UNTRAINED_FROM = "hacm"
"""The variant beside which random weights were evaluated; every variant of that encoder has the same ones."""
PROTOCOLS = {"linear": "linear probe", "knn": "k-NN"}
WITHIN = 0.015
"""A difference that does not matter, as a share of 1: what docs/plan.md asks of `people_needed`."""


@dataclass(frozen=True)
class Way:
    """A row: what is recorded as `variant`, called `title`. untrained: its encoder with random weights."""

    title: str
    variant: str
    untrained: bool = False


RIDGE = Way("ridge on raw joints", BASELINE)
RANDOM_WEIGHTS = Way("random weights", UNTRAINED_FROM, untrained=True)


def list_keys(records: BenchmarkRecords, way: Way, protocol: str) -> list[ResultKey]:
    """The records of a way under a protocol, by seed; ridge has one for all protocols."""
    keys = [key for key in records.keys if key.variant == way.variant and key.protocol in (protocol, BASELINE)]
    return sorted(keys, key=lambda key: key.seed or 0)


def accuracy_table(every: Mapping[str, BenchmarkRecords], titles: Mapping[str, str], ways: Sequence[Way]) -> list[str]:
    """Top-1 of every way: the mean over seeds ± their sample standard deviation, or the interval of a single one.

    titles: what each benchmark is called; one without records is no column. The lines of a Markdown table.
    """
    titles = {benchmark: title for benchmark, title in titles.items() if benchmark in every}
    headings = ["top-1, %", *(f"{title}, {name}" for title in titles.values() for name in PROTOCOLS.values())]
    rows = []
    for way in ways:
        cells = [_accuracy(every[benchmark], way, protocol) for benchmark in titles for protocol in PROTOCOLS]
        if set(cells) != {"–"}:
            rows.append([way.title, *cells])
    return markdown_table(headings, rows)


def _accuracy(records: BenchmarkRecords, way: Way, protocol: str) -> str:
    prefix = "random_" if way.untrained else ""
    figures = [records.figures(key) for key in list_keys(records, way, protocol)]
    figures = [one for one in figures if f"{prefix}top1" in one]
    if not figures or (way == RIDGE and protocol != "linear"):
        return "–"
    mean, deviation = over_seeds([one[f"{prefix}top1"] for one in figures])
    if deviation is None:
        return f"{mean:.1f} [{figures[0][f'{prefix}top1_low']:.1f}, {figures[0][f'{prefix}top1_high']:.1f}]"
    return f"{mean:.1f} ± {deviation:.1f}" + (f" ({len(figures)})" if len(figures) != SEEDS else "")


SEEDS = 3
"""So many the plan asks for; another number is told in the table."""


def pooled_table(
    every: Mapping[str, BenchmarkRecords], titles: Mapping[str, str], first: Way, others: Sequence[Way]
) -> list[str]:
    """`first` less each of the others, tested on people, by protocol; p corrected over all cells (Holm).

    A comparison takes the benchmarks, and of each the seeds, that both ways have.
    """
    found = {
        (other.title, protocol): pooled
        for other in others
        for protocol in PROTOCOLS
        if (pooled := pool_ways(every, list(titles), first, other, protocol))
    }
    corrected = holm({"/".join(key): pooled.p for key, (pooled, _) in found.items()})
    headings = [f"{first.title} minus …", "protocol", "benchmarks", "points", "95 % interval", "p", "people", "needed"]
    rows = [
        [title, PROTOCOLS[protocol], str(benchmarks), signed(100 * pooled.value), people_interval(pooled),
         p_value(corrected[f"{title}/{protocol}"]), str(pooled.people), _needed(pooled)]
        for (title, protocol), (pooled, benchmarks) in found.items()
    ]  # fmt: skip
    return markdown_table(headings, rows)


def pool_ways(
    every: Mapping[str, BenchmarkRecords], benchmarks: Sequence[str], first: Way, other: Way, protocol: str
) -> tuple[Pooled, int] | None:
    """The test of two ways over the benchmarks that both were run on, and how many those are; None where there is none.

    Ridge stands against either protocol.
    """
    sets = [
        pair
        for name in benchmarks
        if name in every and (pair := _pair(every[name], first, other, protocol)) is not None
    ]
    return (pool(sets), len(sets)) if sets else None


def _pair(records: BenchmarkRecords, first: Way, other: Way, protocol: str) -> Paired | None:
    """The clips that both have right, of the seeds that both have; ridge, which has none, stands against every seed."""
    ours, theirs = (dict(_hits(records, way, protocol)) for way in (first, other))
    if None not in ours and None not in theirs:
        ours, theirs = (
            {seed: hits_N for seed, hits_N in one.items() if seed in other}
            for one, other in ((ours, theirs), (theirs, ours))
        )
    if not ours or not theirs:
        return None
    return Paired(records.subject_N, *(np.stack(list(rows.values())) for rows in (ours, theirs)))


def _hits(records: BenchmarkRecords, way: Way, protocol: str) -> Iterator[tuple[int | None, Hits]]:
    for key in list_keys(records, way, protocol):
        if way.untrained and not records.has_untrained(key):
            continue
        yield key.seed, records.hits(key, untrained=way.untrained)


def _needed(pooled: Pooled) -> str:
    needed = people_needed(pooled.scatter, WITHIN)
    return "–" if needed is None else str(needed)
