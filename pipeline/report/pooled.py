"""Variants and controls against the reference over all benchmarks and seeds together, tested on people."""

from collections.abc import Mapping, Sequence

from pipeline.report.charts import RANDOM
from pipeline.report.collecting import Benchmark, Results
from pipeline.report.comparisons import RIDGE, Comparison
from pipeline.report.formatting import p_value, people_interval, protocol_name, signed
from pipeline.report.table_model import Cell, Column, Table, row
from pipeline.results.people import Pooled, holm, pool

NOTE = (
    "Mean over benchmarks of the difference, all seeds together. p: the sign of all that a person contributes is"
    " flipped at once; two-sided, by Holm corrected for all cells of this table. Brackets: the differences that this"
    " test does not reject at 5 %, uncorrected. Too few people: the test could not reject any."
)


def pooled_table(results: Results, comparisons: Mapping[str, Comparison]) -> Table | None:
    """The table; None where there is one run alone, or nobody knows who performs. Synthetic people are pooled only if
    there are no others."""
    real = [entry for entry in results.benchmarks if not entry.synthetic]
    benchmarks = [entry for entry in real or results.benchmarks if comparisons[entry.name].paired]
    if not benchmarks or not (len(benchmarks) > 1 or benchmarks[0].several):
        return None
    reference = benchmarks[0].reference
    found = pool_all(benchmarks, comparisons)
    corrected = holm({_name(key): pooled.p for key, pooled in found.items()})
    others = list(dict.fromkeys(other for other, _ in found))
    protocols = list(dict.fromkeys(protocol for _, protocol in found))
    rows = []
    for other in others:
        cells: list[str | Cell] = [other]
        for protocol in protocols:
            pooled = found[other, protocol]
            cells += [
                Cell(signed(100 * pooled.value), people_interval(pooled)),
                p_value(corrected[_name((other, protocol))]),
            ]
        rows.append(row(cells, synthetic=benchmarks[0].synthetic))
    columns = [Column("Variant", numeric=False)]
    for protocol in protocols:
        columns += [Column(title, group=protocol_name(protocol)) for title in ("Points", "p")]
    people = next(iter(found.values())).people
    names = ", ".join(benchmark.title for benchmark in benchmarks)
    caption = f"Top-1 minus that of {reference}, pooled over {people} test subjects of {names}"
    return Table(caption, tuple(columns), tuple(rows), NOTE)


def pool_all(benchmarks: Sequence[Benchmark], comparisons: Mapping[str, Comparison]) -> dict[tuple[str, str], Pooled]:
    """The test of each variant and control that every benchmark has, by protocol."""
    first, *rest = (comparisons[benchmark.name].paired for benchmark in benchmarks)
    order = {name: rank for rank, name in enumerate((RIDGE, RANDOM))}
    common = sorted((key for key in first if all(key in other for other in rest)), key=lambda key: order.get(key[0], 2))
    return {key: pool([comparisons[benchmark.name].paired[key] for benchmark in benchmarks]) for key in common}


def _name(key: tuple[str, str]) -> str:
    return " ".join(key)
