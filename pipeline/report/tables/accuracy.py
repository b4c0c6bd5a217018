"""Accuracies beside their controls, the commonest confusions, and the conclusions in words."""

from pipeline.report.charts import RANDOM, confusion_counts
from pipeline.report.collecting import Results, Run
from pipeline.report.comparisons import RIDGE, Comparison, Difference
from pipeline.report.formatting import integer, interval, p_value, percent, protocol_name, signed_interval
from pipeline.report.table_model import UNKNOWN, Cell, Column, Table, row


def conclude(run: Run, comparison: Comparison) -> str:
    """What paired tests say of one result of the reference against its two controls."""
    against = {
        "random weights": comparison.differences[RANDOM, run.seed, run.protocol],
        "the raw-joint ridge baseline": comparison.differences[RIDGE, run.seed, run.protocol],
    }
    beside = "; it is ".join(_compared(name, difference) for name, difference in against.items())
    return f"Top-1 {percent(run.metrics.first.value)}\u00a0% is {beside}."


def _compared(name: str, control_less_ours: Difference) -> str:
    ours = -control_less_ours.points
    side = "above" if ours.value > 0 else "below"
    place = f"{abs(ours.value):.1f} points {side}" if ours.value else "level with"
    settled = "" if ours.low > 0 or ours.high < 0 else ": the order is not settled"
    return f"{place} {name} (difference {signed_interval(ours)}, p {p_value(control_less_ours.p)}{settled})"


def results_table(results: Results) -> Table:
    """The main table: each benchmark × protocol with its controls beside it."""
    released = any(run.metrics.best_epoch_as_released_top1 is not None for b in results.benchmarks for run in b.drawn)
    columns = [
        Column("Benchmark", numeric=False),
        Column("Protocol", numeric=False),
        Column("n"),
        *(Column(title, group="Pretrained encoder, %") for title in ("Top-1", "Top-5", "Mean class")),
        *(Column(title, group="Controls, top-1 %") for title in ("Random weights", "Raw-joint ridge")),
        *([Column("Best test epoch †", group="As in released code, %")] if released else []),
    ]
    rows = []
    for benchmark in results.benchmarks:
        baseline = benchmark.baseline.metrics.first
        for run in benchmark.drawn:
            metrics = run.metrics
            cells: list[str | Cell] = [
                benchmark.title,
                protocol_name(run.protocol),
                integer(metrics.n),
                Cell(percent(metrics.top1), interval(metrics.first), strong=True),
                Cell(percent(metrics.top5), interval(metrics.fifth)),
                percent(metrics.mean_class),
                Cell(percent(metrics.random_top1), interval(metrics.random)),
                Cell(percent(baseline.value), interval(baseline)),
            ]
            if released:
                best = metrics.best_epoch_as_released_top1
                cells.append(UNKNOWN if best is None else percent(best))
            rows.append(row(cells, synthetic=benchmark.synthetic))
    footnote = (
        " † The highest top-1 of any epoch on the test split, which the released code reports. It is selected on the"
        " test split, so it is not a result; the columns before it hold the last epoch's."
    )
    note = (
        "n: test clips. Brackets: bootstrap 95 % interval over test clips. Mean class: mean of the classes' top-1."
        " Random weights: the same encoder and protocol without pretraining. Raw-joint ridge: a linear ridge classifier"
        " on resampled joint positions."
    )
    return Table(
        "Accuracy of each benchmark and protocol beside its controls",
        tuple(columns),
        tuple(rows),
        note + (footnote if released else ""),
    )


def baseline_table(results: Results) -> Table:
    """The ridge baseline of each benchmark on its own."""
    titles = ("n", "Top-1, %", "Top-5, %", "Ridge strength")
    rows = [
        row(
            [
                benchmark.title,
                integer(baseline.n),
                Cell(percent(baseline.top1), interval(baseline.first)),
                percent(baseline.top5),
                UNKNOWN if baseline.strength is None else f"{baseline.strength:g}",
            ],
            synthetic=benchmark.synthetic,
        )
        for benchmark in results.benchmarks
        for baseline in [benchmark.baseline.metrics]
    ]
    columns = (Column("Benchmark", numeric=False), *(Column(title) for title in titles))
    return Table("Raw-joint ridge baseline", columns, tuple(rows), "The strength is chosen on training subjects only.")


def class_names(run: Run) -> list[str]:
    """The classes of per_class.csv in its order, then any other that was predicted."""
    names = list(dict.fromkeys(entry.name for entry in run.classes))
    return names + sorted({entry.predicted for entry in run.predictions} - set(names))


def confused_table(run: Run, most: int = 8) -> Table | None:
    """The commonest confusions, ties by class order; None when every clip was recognised."""
    names = class_names(run)
    counts_KK = confusion_counts(run.predictions, names)
    totals = counts_KK.sum(axis=1)
    pairs = [
        (int(counts_KK[actual, predicted]), actual, predicted)
        for actual in range(len(names))
        for predicted in range(len(names))
        if actual != predicted and counts_KK[actual, predicted]
    ]
    pairs.sort(key=lambda pair: (-pair[0], pair[1:]))
    rows = [
        row(
            [names[actual], names[predicted], _share(clips, int(totals[actual]))],
            synthetic=run.details.synthetic,
        )
        for clips, actual, predicted in pairs[:most]
    ]
    columns = (Column("Actual", False), Column("Predicted as", False), Column("Share of its clips, %"))
    caption = f"Commonest confusions, {run.benchmark}, {protocol_name(run.protocol)}"
    return Table(caption, columns, tuple(rows)) if rows else None


def _share(clips: int, total: int) -> Cell:
    return Cell(percent(100 * clips / total), f"({clips:,} of {total:,})")
