"""Plots of accuracy against the level of a condition."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib import rc_context

from pipeline.report.charts import RANDOM, WIDTH, shortened
from pipeline.report.skeletons import spread
from pipeline.report.svg import BLUE, FAINT, GREY, GRID, MUTED, STYLE, Drawing, Hint, Values, canvas, place, to_drawing


@dataclass(frozen=True)
class Series:
    """One encoder's accuracies of one kind of condition, levels ascending: mean and deviation over draws and seeds."""

    title: str
    levels: tuple[float, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]


@rc_context(STYLE)
def conditions_chart(entries: Sequence[Series], reference: str, kind: str, name: str) -> Drawing:
    """Accuracy against level: the reference, its random weights, and other variants as thin lines; bars: one deviation.

    Levels stand at equal distances, for they often grow by factors.
    """
    height = 190.0
    figure = canvas(WIDTH, height)
    axes = figure.add_axes((0.1, 44 / height, 0.62, 1 - 62 / height))
    levels = sorted({level for entry in entries for level in entry.levels})
    for entry in entries:
        colour, width = {reference: (BLUE, 2.0), RANDOM: (GREY, 1.6)}.get(entry.title, (FAINT, 1.1))
        places = [levels.index(level) for level in entry.levels]
        bars = entry.deviations if any(entry.deviations) else None
        axes.errorbar(places, entry.means, yerr=bars, color=colour, linewidth=width, marker="o", markersize=3)
    ends = sorted((entry.means[-1], entry.title) for entry in entries)
    heights = spread([value for value, _ in ends], gap=7.5, least=0, most=100)
    for (_, title), y in zip(ends, heights, strict=True):
        colour = {reference: BLUE}.get(title, MUTED)
        axes.text(len(levels) - 0.85, y, shortened(title), color=colour, fontsize=8.5, va="center")
    axes.set_ylim(0, 102)
    axes.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel(kind, labelpad=3)
    axes.set_title("top-1 accuracy, %", loc="left", fontsize=10, color=MUTED, pad=3)
    points = [
        (entry.title, *point)
        for entry in entries
        for point in zip(entry.levels, entry.means, entry.deviations, strict=True)
    ]
    hints = []
    for title, level, mean, _ in points:
        x, y = place(axes, levels.index(level), mean)
        hints.append(Hint(x - 5, y - 5, 10, 10, f"{title}, {kind} {level:g}: {mean:.1f} %"))
    values = Values(("encoder", kind, "top-1 %", "standard deviation"), tuple(points))
    return to_drawing(figure, name, f"Top-1 accuracy against {kind}", values, hints)
