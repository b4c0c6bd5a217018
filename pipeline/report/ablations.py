"""The ablation table: variants of the method by protocol, over seeds, and each against the reference."""

from collections.abc import Sequence
from statistics import fmean, stdev

from pipeline.report.charts import RANDOM
from pipeline.report.collecting import Benchmark, Results, Run
from pipeline.report.comparisons import RIDGE, Comparison, fusions
from pipeline.report.formatting import interval, p_value, percent, protocol_name, signed, signed_interval
from pipeline.report.model import Estimate
from pipeline.report.table_model import UNKNOWN, Cell, Column, Table, row


def variants_table(benchmark: Benchmark, comparison: Comparison) -> Table:
    """Rows: the controls, every variant, and streams fused; columns: protocols."""
    baseline = benchmark.baseline.metrics.first
    rows: list[list[str | Cell]] = [
        [RIDGE, *(cell_over_seeds([baseline]) for _ in benchmark.protocols)],
        [RANDOM, *(cell_over_seeds([run.metrics.random for run in runs]) for runs in _columns(benchmark))],
    ]
    for variant in benchmark.variants:
        runs_by_protocol = _columns(benchmark, variant)
        strong = variant == benchmark.reference
        cells = [cell_over_seeds([run.metrics.first for run in runs], strong=strong) for runs in runs_by_protocol]
        rows.append([Cell(variant, strong=strong), *cells])
    for streams in fusions(benchmark):
        fused = [comparison.fused[streams, protocol] for protocol in benchmark.protocols]
        rows.append([" + ".join(streams), *map(cell_over_seeds, fused)])
    columns = (Column("Variant", numeric=False), *(Column(protocol_name(name)) for name in benchmark.protocols))
    return Table(
        f"Variants on {benchmark.title}, top-1 %",
        columns,
        tuple(row(cells, synthetic=benchmark.synthetic) for cells in rows),
        _note(benchmark),
    )


def left_out_table(benchmark: Benchmark) -> Table:
    """Rows: every variant; columns: the probe and the neighbours, each training subject scored without itself."""
    rows: list[list[str | Cell]] = []
    for variant in benchmark.variants:
        runs = [run for run in benchmark.left_out if run.variant == variant]
        knn = [run.metrics.knn_top1 for run in runs if run.metrics.knn_top1 is not None]
        rows.append([variant, cell_over_seeds([run.metrics.first for run in runs]), mean_cell(knn)])
    return Table(
        f"To choose settings by: training subjects of {benchmark.title} left out one at a time, top-1 %",
        (Column("Variant", numeric=False), Column("linear"), Column("k-NN")),
        tuple(row(cells, synthetic=benchmark.synthetic) for cells in rows),
        "No test subject was looked at. The encoder has seen the left-out subjects' movements, though never a label.",
    )


def transfer_table(results: Results) -> Table:
    """Rows: the controls and every variant; columns: from which benchmark to which."""
    transfers = results.transfers
    pairs = list(dict.fromkeys((entry.source, entry.target) for entry in transfers))
    reference, seeds = results.benchmarks[0].reference, results.benchmarks[0].seeds
    baselines = [cell_over_seeds([results.benchmark(target).baseline.metrics.first]) for _, target in pairs]
    rows: list[list[str | Cell]] = [["Raw-joint ridge on the target", *baselines]]
    for title in (RANDOM, *dict.fromkeys(entry.variant for entry in transfers)):
        cells = []
        for pair in pairs:
            variant = reference if title == RANDOM else title
            chosen = [entry for entry in transfers if (entry.source, entry.target, entry.variant) == (*pair, variant)]
            estimates = [entry.metrics.random if title == RANDOM else entry.metrics.first for entry in chosen]
            cells.append(cell_over_seeds(estimates, strong=title == reference))
        rows.append([Cell(title, strong=title == reference), *cells])
    synthetic = any(results.benchmark(name).synthetic for pair in pairs for name in pair)
    columns = (Column("Variant", numeric=False), *(Column(f"{source} to {target}") for source, target in pairs))
    note = (
        f"{_about_seeds(seeds)} Encoders pretrained on the first benchmark, fine-tuned on the second one's labels."
        f" Random weights: {reference}, fine-tuned alike without pretraining."
    )
    marked = tuple(row(cells, synthetic=synthetic) for cells in rows)
    return Table("Transfer, top-1 % on the target's test clips", columns, marked, note)


def _columns(benchmark: Benchmark, variant: str | None = None) -> list[tuple[Run, ...]]:
    return [benchmark.of(variant or benchmark.reference, protocol) for protocol in benchmark.protocols]


def _note(benchmark: Benchmark) -> str:
    baseline = " Raw-joint ridge has no seed. " if len(benchmark.seeds) > 1 else " "
    random = f"Random weights: those of {benchmark.reference}, untrained."
    streams = "; ".join(f"{' + '.join(names)}: {', '.join(variants)}" for names, variants in fusions(benchmark).items())
    fused = f" Streams fused: softmax of each encoder's scores, summed ({streams})." if streams else ""
    return _about_seeds(benchmark.seeds) + baseline + random + fused


def _about_seeds(seeds: Sequence[int]) -> str:
    named = ", ".join(map(str, seeds))
    if len(seeds) > 1:
        return f"Mean ± standard deviation over seeds {named} (n = {len(seeds)})."
    return f"One seed ({named}). Brackets: bootstrap 95 % interval over test clips."


def cell_over_seeds(estimates: Sequence[Estimate], *, strong: bool = False) -> Cell:
    """Mean ± sample standard deviation of several; one with its interval."""
    aside = interval(estimates[0]) if len(estimates) == 1 else ""
    return mean_cell([estimate.value for estimate in estimates], aside, strong=strong)


def mean_cell(values: Sequence[float], aside: str = "", *, strong: bool = False) -> Cell:
    """Mean ± sample standard deviation, in percent; of one value, the value."""
    scatter = f" ± {percent(stdev(values))}" if len(values) > 1 else ""
    return Cell(f"{percent(fmean(values))}{scatter}" if values else UNKNOWN, aside, strong=strong)


def differences_table(benchmark: Benchmark, comparison: Comparison) -> Table:
    """The controls and every other variant less the reference, seed by seed, on the same clips."""
    rows = []
    for variant in (RIDGE, RANDOM, *benchmark.variants):
        for seed in benchmark.seeds if variant != benchmark.reference else ():
            cells: list[str | Cell] = [variant, str(seed)]
            for protocol in benchmark.protocols:
                found = comparison.differences[variant, seed, protocol]
                cells += [Cell(signed(found.points.value), signed_interval(found.points)), p_value(found.p)]
            rows.append(row(cells, synthetic=benchmark.synthetic))
    columns = [Column("Variant", numeric=False), Column("Seed")]
    for protocol in benchmark.protocols:
        columns += [Column(title, group=protocol_name(protocol)) for title in ("Points", "p")]
    note = (
        "Brackets: bootstrap 95 % interval of the difference over test clips. p: McNemar's exact test that both"
        " recognise equally many clips, two-sided, not corrected for the number of comparisons. Each seed is one"
        " pretraining of either: the spread between seeds is in the table above."
    )
    return Table(f"Top-1 minus that of {benchmark.reference}, {benchmark.title}", tuple(columns), tuple(rows), note)
