"""What each benchmark comes to: the sentence and the chart that the page begins with."""

from collections.abc import Sequence
from statistics import fmean, stdev

from pipeline.report import charts
from pipeline.report.blocks import Answer, Figure
from pipeline.report.charts import RANDOM, IntervalGroup, IntervalLine
from pipeline.report.collecting import Benchmark, Results, Run
from pipeline.report.comparisons import RIDGE, Comparison, Difference
from pipeline.report.formatting import interval, p_value, percent, protocol_name
from pipeline.report.model import Estimate
from pipeline.report.published import PUBLISHED
from pipeline.report.tables.accuracy import class_names

MOST_VARIANTS = 5
"""So many other variants find room in the chart; where there are more, it names none, and their table has them all."""
METHOD = {"hacm": "HA-CM"}
"""Variants that have a name in the literature."""


def title(results: Results) -> str:
    """What was evaluated on what, and how well it did where that is one number."""
    first = results.benchmarks[0]
    names = ", ".join(f"{entry.title}{' (synthetic)' if entry.synthetic else ''}" for entry in results.benchmarks)
    head = f"{METHOD.get(first.reference, first.reference)} on {names}"
    if len(results.benchmarks) == 1 and first.drawn:
        run = first.drawn[0]
        return f"{head}: {percent(run.metrics.top1)}\u00a0% by {_lowered(protocol_name(run.protocol))}"
    return head


def answer(benchmark: Benchmark, comparison: Comparison) -> Answer | None:
    """By the first protocol; None where nothing was measured on test clips."""
    if not benchmark.drawn:
        return None
    run = benchmark.drawn[0]
    seed = f", seed {run.seed}" if benchmark.several else ""
    variant = f"{run.variant}, " if benchmark.several else ""
    estimate = run.metrics.first
    text = (
        f"{percent(estimate.value)}\u00a0% {interval(estimate)} of {run.metrics.n:,} test clips are recognised,"
        f" {_against(comparison.differences[RANDOM, run.seed, run.protocol], RANDOM.lower())}"
        f" and {_against(comparison.differences[RIDGE, run.seed, run.protocol], 'raw-joint ridge')}."
        f"{_over_seeds(benchmark, run)}"
    )
    caption = (
        f"{benchmark.title}, {protocol_name(run.protocol)}{seed}: top-1 accuracy with its bootstrap 95 % interval over"
        " test clips." + (" Upright marks: published, not measured here." if _published(run, benchmark) else "")
    )
    group = IntervalGroup("", (*_lines(benchmark, run), *_published(run, benchmark)))
    drawing = charts.interval_chart([group], f"answer-{benchmark.name}")
    return Answer(
        lead=f"{benchmark.title}, {variant}{_lowered(protocol_name(run.protocol))}",
        text=text,
        failing=_failing(run),
        figure=Figure(drawing, caption, benchmark.synthetic),
    )


def group(benchmark: Benchmark, run: Run, heading: str) -> IntervalGroup:
    """A result beside its two controls, as a chart has them."""
    return IntervalGroup(
        heading,
        (
            IntervalLine("pretrained", run.metrics.first, "ours"),
            IntervalLine(RANDOM.lower(), run.metrics.random, "random"),
            IntervalLine("raw-joint ridge", benchmark.baseline.metrics.first, "baseline"),
        ),
    )


def _lowered(protocol: str) -> str:
    """A protocol's name amid a sentence."""
    return protocol if protocol[:2].isupper() or protocol.startswith("k-") else protocol[:1].lower() + protocol[1:]


def _lines(benchmark: Benchmark, run: Run) -> Sequence[IntervalLine]:
    lines = group(benchmark, run, "").lines
    others = [name for name in benchmark.variants if name != benchmark.reference]
    if not 0 < len(others) <= MOST_VARIANTS:
        return lines
    same = [other for other in benchmark.runs if (other.seed, other.protocol) == (run.seed, run.protocol)]
    variants = [
        IntervalLine(other.variant, other.metrics.first, "variant") for other in same if other.variant in others
    ]
    return (IntervalLine(run.variant, run.metrics.first, "ours"), *variants, *lines[1:])


def _published(run: Run, benchmark: Benchmark) -> tuple[IntervalLine, ...]:
    """What papers report of this data set, split and protocol."""
    rule = benchmark.name.removeprefix(f"{benchmark.dataset}-")
    wanted = (run.protocol, benchmark.dataset, rule, "")
    return tuple(
        IntervalLine(f"{entry.method}, published", Estimate(entry.top1, entry.top1, entry.top1), "published")
        for entry in PUBLISHED
        if (entry.protocol, entry.dataset, entry.rule, entry.setting) == wanted and not benchmark.synthetic
    )


def _against(control_less_ours: Difference, control: str) -> str:
    ours = -control_less_ours.points
    if not ours.value:
        return f"as many as by {control}"
    side = "more" if ours.value > 0 else "fewer"
    settled = "" if ours.low > 0 or ours.high < 0 else "; the order is not settled"
    p = p_value(control_less_ours.p)
    p = p if p.startswith("<") else f"= {p}"
    return f"{abs(ours.value):.1f} points {side} than by {control} (p\u00a0{p}{settled})"


def _over_seeds(benchmark: Benchmark, run: Run) -> str:
    """Means over seeds of the reference and of the best of the others, where there are such."""
    if not benchmark.several:
        return ""
    means = {
        variant: [other.metrics.top1 for other in benchmark.of(variant, run.protocol)] for variant in benchmark.variants
    }
    told = f" Over {len(benchmark.seeds)} seeds: {run.variant} {_mean(means.pop(run.variant))}"
    if len(benchmark.seeds) == 1:
        told = f" {run.variant} reaches {percent(run.metrics.top1)}"
    if means:
        best = max(means, key=lambda variant: fmean(means[variant]))
        told += f", the best of {len(means)} other variant{'s' * (len(means) > 1)}, {best}, {_mean(means[best])}"
    return f"{told} %."


def _mean(values: Sequence[float]) -> str:
    return percent(fmean(values)) + (f" ± {percent(stdev(values))}" if len(values) > 1 else "")


def _failing(run: Run) -> str:
    """The commonest confusion, the class that is recognised least, and where their clips are named."""
    names = class_names(run)
    counts_KK = charts.confusion_counts(run.predictions, names)
    wrong_KK = counts_KK.copy()
    for place in range(len(names)):
        wrong_KK[place, place] = 0
    if not wrong_KK.any():
        return ""
    actual, predicted = divmod(int(wrong_KK.argmax()), len(names))
    scored = [row for row in run.classes if row.n]
    worst = min(scored, key=lambda row: (row.top1, row.name))
    return (
        f"Most often wrong: {names[actual]} taken for {names[predicted]}"
        f" ({wrong_KK[actual, predicted]} of {counts_KK[actual].sum()} clips); recognised least: {worst.name}"
        f" ({percent(worst.top1)}\u00a0% of {worst.n})."
    )
