"""What each benchmark comes to: the sentence and the chart that the page begins with."""

from collections.abc import Mapping, Sequence
from math import isinf
from statistics import fmean, stdev
from types import MappingProxyType

from pipeline.report import charts
from pipeline.report.blocks import Answer, Figure
from pipeline.report.charts import RANDOM, IntervalGroup, IntervalLine
from pipeline.report.collecting import Benchmark, Results, Run
from pipeline.report.comparisons import RIDGE, Comparison, Difference
from pipeline.report.formatting import interval, p_value, people_interval, percent, protocol_name
from pipeline.report.model import Estimate
from pipeline.report.published import PUBLISHED
from pipeline.report.tables.accuracy import class_names
from pipeline.results.people import pool

MOST_VARIANTS = 5
"""So many other variants find room in the chart; where there are more, it names none, and their table has them all."""
MOST_NAMED = 3
"""So many variants are named in a sentence, the best ones; and the reference, if it is not among them."""
MOST_RANKED = 2
"""So many protocols are told in words, where there are several variants or seeds."""
METHOD = {"hacm": "HA-CM", "pomo": "PoMo"}
"""Variants that have a name of their own."""


def title(results: Results) -> str:
    """What was evaluated on what, and how well it did where that is one number."""
    first = results.benchmarks[0]
    names = ", ".join(f"{entry.title}{' (synthetic)' if entry.synthetic else ''}" for entry in results.benchmarks)
    if len(results.benchmarks) == 1 and first.drawn:
        run = first.drawn[0]
        if first.several:
            return f"{names}, {_lowered(protocol_name(run.protocol))}: {_ranking(first, run, METHOD)}"
        head = f"{METHOD.get(first.reference, first.reference)} on {names}"
        return f"{head}: {percent(run.metrics.top1)}\u00a0% by {_lowered(protocol_name(run.protocol))}"
    return f"{METHOD.get(first.reference, first.reference)} on {names}"


def answer(benchmark: Benchmark, comparison: Comparison) -> Answer | None:
    """Best first where there are several variants or seeds; None where nothing was measured on test clips."""
    if not benchmark.drawn:
        return None
    run = benchmark.drawn[0]
    seed = f", seed {run.seed}" if benchmark.several else ""
    protocol = _lowered(protocol_name(run.protocol))
    if benchmark.several:
        lead = f"{benchmark.title}, best first"
        text = " ".join(_ranked(benchmark, comparison, one) for one in benchmark.drawn[:MOST_RANKED])
    else:
        lead = f"{benchmark.title}, {protocol}"
        text = _alone(run, comparison)
    caption = (
        f"{benchmark.title}, {protocol_name(run.protocol)}{seed}: top-1 accuracy with its bootstrap 95 % interval over"
        " test clips." + (" Upright marks: published, not measured here." if _published(run, benchmark) else "")
    )
    group = IntervalGroup("", (*_lines(benchmark, run), *_published(run, benchmark)))
    drawing = charts.interval_chart([group], f"answer-{benchmark.name}")
    return Answer(
        lead=lead,
        text=text,
        failing=_failing(run, f"{run.variant}, {protocol}{seed}: " if benchmark.several else ""),
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


def _alone(run: Run, comparison: Comparison) -> str:
    """One run beside its controls."""
    estimate = run.metrics.first
    return (
        f"{percent(estimate.value)}\u00a0% {interval(estimate)} of {run.metrics.n:,} test clips are recognised,"
        f" {_against(comparison.differences[RANDOM, run.seed, run.protocol], RANDOM.lower())}"
        f" and {_against(comparison.differences[RIDGE, run.seed, run.protocol], 'raw-joint ridge')}."
    )


def _ranked(benchmark: Benchmark, comparison: Comparison, run: Run) -> str:
    """The variants by one protocol, best first, with both controls, and whether the best is told from the reference."""
    seeds = benchmark.of(run.variant, run.protocol)
    untrained = [one.metrics.random.value for one in seeds]
    ridge = percent(benchmark.baseline.metrics.top1)
    return (
        f"{protocol_name(run.protocol)}: {_ranking(benchmark, run)}; {RANDOM.lower()} {_mean(untrained)}\u00a0%,"
        f" raw-joint ridge {ridge}\u00a0%.{_told_apart(benchmark, comparison, run)}"
    )


def _ranking(benchmark: Benchmark, run: Run, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """Variants and their means over seeds, as far as there is room."""
    order = _order(benchmark, run)
    named = order[:MOST_NAMED] + [run.variant] * (run.variant not in order[:MOST_NAMED])
    return ", ".join(f"{names.get(one, one)} {_mean(_tops(benchmark, one, run))}\u00a0%" for one in named)


def _told_apart(benchmark: Benchmark, comparison: Comparison, run: Run) -> str:
    """The best variant, or the next if the reference is best, against the reference, tested on people."""
    others = [one for one in _order(benchmark, run) if one != run.variant]
    paired = comparison.paired.get((others[0], run.protocol)) if others else None
    if paired is None:
        return ""
    pooled = pool([paired])
    if isinf(pooled.low) or isinf(pooled.high):
        return f" {pooled.people} test subjects are too few to tell {others[0]} from {run.variant}."
    side = "above" if pooled.value > 0 else "below"
    settled = "" if pooled.low > 0 or pooled.high < 0 else ": not settled"
    return (
        f" Over {pooled.people} test subjects, {others[0]} is {abs(100 * pooled.value):.1f} points {side} {run.variant}"
        f" {people_interval(pooled)}, p\u00a0{p_value(pooled.p)}{settled}."
    )


def _order(benchmark: Benchmark, run: Run) -> list[str]:
    """Variants that were evaluated by a run's protocol, best mean first."""
    tops = {variant: _tops(benchmark, variant, run) for variant in benchmark.variants}
    return sorted((variant for variant in tops if tops[variant]), key=lambda variant: -fmean(tops[variant]))


def _tops(benchmark: Benchmark, variant: str, run: Run) -> list[float]:
    return [one.metrics.top1 for one in benchmark.of(variant, run.protocol)]


def _mean(values: Sequence[float]) -> str:
    return percent(fmean(values)) + (f" ± {percent(stdev(values))}" if len(values) > 1 else "")


def _failing(run: Run, of: str) -> str:
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
        f"{of}Commonest confusion: {names[actual]} taken for {names[predicted]}"
        f" ({wrong_KK[actual, predicted]} of {counts_KK[actual].sum()} clips). Worst class: {worst.name}"
        f" ({round(worst.top1 * worst.n / 100)} of {worst.n} right)."
    )
