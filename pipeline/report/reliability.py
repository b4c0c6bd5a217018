"""Whether a classifier is as often right as it is sure: the reliability diagram and its error.

Shapes: N clips, K classes.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib import rc_context
from numpy.typing import NDArray

from pipeline.report.charts import WIDTH
from pipeline.report.predictions import softmax
from pipeline.report.svg import BLUE, FAINT, GRID, MUTED, STYLE, Drawing, Hint, Values, canvas, place, to_drawing

BINS = 10
VOTES = frozenset({"knn"})
"""Protocols whose scores are votes of neighbours: no probabilities follow from them."""


@dataclass(frozen=True)
class Bin:
    """Clips whose confidence lies in (low, high]: how many, their mean confidence, the share that is recognised."""

    low: float
    high: float
    clips: int
    confidence: float
    accuracy: float


def bin_confidences(scores_NK: NDArray[np.float32], label_N: NDArray[np.int64], bins: int = BINS) -> list[Bin]:
    """Bins of equal width over the likeliest class's probability, softmax of the scores; empty ones are left out."""
    share_NK = softmax(scores_NK.astype(np.float64))
    confidence_N = share_NK.max(axis=1)
    hit_N = share_NK.argmax(axis=1) == label_N
    number_N = np.clip(np.ceil(confidence_N * bins).astype(int) - 1, 0, bins - 1)
    found = []
    for number in range(bins):
        inside_N = number_N == number
        if inside_N.any():
            means = float(confidence_N[inside_N].mean()), float(hit_N[inside_N].mean())
            found.append(Bin(number / bins, (number + 1) / bins, int(inside_N.sum()), *means))
    return found


def expected_error(bins: list[Bin]) -> float:
    """ECE: the mean over clips of |accuracy − confidence| of their bin (Naeini et al., AAAI 2015), as a share."""
    clips = sum(each.clips for each in bins)
    return sum(each.clips * abs(each.accuracy - each.confidence) for each in bins) / max(clips, 1)


@rc_context(STYLE)
def reliability_chart(bins: list[Bin], name: str) -> Drawing:
    """Accuracy against confidence, one bar per bin as broad as it; the line is where both are equal."""
    height = 300.0
    figure = canvas(WIDTH, height)
    axes = figure.add_axes((0.13, 44 / height, 0.84, 1 - 62 / height))
    axes.bar(
        [each.low for each in bins], [100 * each.accuracy for each in bins], [each.high - each.low for each in bins],
        align="edge", color=BLUE, edgecolor=GRID, linewidth=0.8,
    )  # fmt: skip
    axes.plot([0, 1], [0, 100], color=FAINT, linewidth=1.4, linestyle=(0, (4, 3)))
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 112)
    axes.set_yticks(range(0, 101, 20))
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1], ["0", "20", "40", "60", "80", "100"])
    hints, rows = [], []
    for each in bins:
        axes.text(
            (each.low + each.high) / 2, 100 * each.accuracy + 2, str(each.clips), ha="center", color=MUTED, fontsize=8.5
        )
        (x, top), (right, floor) = place(axes, each.low, 110), place(axes, each.high, 0)
        said = (
            f"confidence {100 * each.low:.0f} to {100 * each.high:.0f} %: {each.clips} clips, mean confidence"
            f" {100 * each.confidence:.1f} %, recognised {100 * each.accuracy:.1f} %"
        )
        hints.append(Hint(x, top, right - x, floor - top, said))
        rows.append((each.low, each.high, each.clips, 100 * each.confidence, 100 * each.accuracy))
    axes.set_xlabel("confidence, %", labelpad=3)
    axes.set_title("recognised, %; above the bars, clips", loc="left", fontsize=10, color=MUTED, pad=3)
    columns = ("from", "to", "clips", "mean confidence %", "recognised %")
    return to_drawing(figure, name, "Accuracy against confidence", Values(columns, tuple(rows)), hints)
