"""The report's plots: accuracies with their intervals, losses, classes, confusions."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.path import Path
from numpy.typing import NDArray

from pipeline.report.model import ClassAccuracy, EpochLoss, Estimate, Prediction
from pipeline.report.svg import BLUE, GREY, GRID, INK, MUTED, ORANGE, STYLE, canvas, pixel_axes, to_svg

WIDTH = 420
NAMED_CLASSES = 32
RANDOM = "Random weights"
"""The control's title in tables and charts that hold several variants."""


@dataclass(frozen=True)
class IntervalRow:
    """One result with its two controls, for interval_chart."""

    title: str
    ours: Estimate
    random: Estimate
    baseline: Estimate


def shortened(text: str, most: int = 22) -> str:
    """The text, cut with an ellipsis if it is longer than that many characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


@rc_context(STYLE)
def interval_chart(rows: Sequence[IntervalRow], name: str) -> Markup:
    """Top-1 with its 95 % interval, pretrained and controls, one group of three lines a result."""
    left, right, row_height, group_height, top = 108.0, 336.0, 17.0, 76.0, 6.0
    bottom = top + group_height * len(rows)
    figure = canvas(WIDTH, bottom + 34)
    axes = pixel_axes(figure)
    for percent in range(0, 101, 20):
        x = left + (right - left) * percent / 100
        axes.plot([x, x], [top, bottom], color=GRID, linewidth=0.8, zorder=0)
        axes.text(x, bottom + 14, str(percent), ha="center", color=MUTED, fontsize=9.5)
    axes.text((left + right) / 2, bottom + 29, "top-1 accuracy, %", ha="center", color=MUTED)
    for number, row in enumerate(rows):
        y = top + group_height * number + 13
        axes.text(2, y, shortened(row.title, 54), fontweight="bold", va="center")
        entries = (
            ("pretrained", row.ours, BLUE, "o"),
            ("random weights", row.random, GREY, "s"),
            ("raw-joint ridge", row.baseline, ORANGE, "D"),
        )
        for line, (label, estimate, colour, marker) in enumerate(entries):
            here = y + row_height * (line + 1)
            low, value, high = (left + (right - left) * p / 100 for p in (estimate.low, estimate.value, estimate.high))
            axes.plot([low, high], [here, here], color=colour, linewidth=2.2)
            axes.plot([value], [here], marker=marker, markersize=6, color=colour, markeredgecolor=colour)
            axes.text(left - 10, here, label, ha="right", va="center", color=INK if line == 0 else MUTED)
            interval = f"{estimate.value:.1f} [{estimate.low:.1f}, {estimate.high:.1f}]"
            axes.text(WIDTH - 2, here, interval, ha="right", va="center", fontsize=9, color=INK if line == 0 else MUTED)
    return to_svg(figure, name, "Top-1 accuracy with 95 % intervals: pretrained, random weights, raw-joint ridge")


@rc_context(STYLE)
def loss_chart(losses: Sequence[EpochLoss], name: str) -> Markup:
    """Total, reconstruction and contrast loss over the epochs, one panel each, their scales their own."""
    panels = [
        ("total", [row.loss for row in losses], INK),
        ("reconstruction", [row.reconstruction for row in losses], BLUE),
        ("cross-contrast", [row.contrast for row in losses], ORANGE),
    ]
    panels = [panel for panel in panels if any(panel[1])]  # a term that is switched off is zero throughout
    count = max(len(panels), 1)
    height = 92 * count + 40
    figure = canvas(WIDTH, height)
    grid = figure.add_gridspec(count, 1, left=0.135, right=0.985, top=1 - 18 / height, bottom=36 / height, hspace=0.42)
    epochs = [row.epoch for row in losses]
    for number, (title, values, colour) in enumerate(panels):
        axes = figure.add_subplot(grid[number])
        axes.plot(epochs, values, color=colour, linewidth=1.6, marker="o" if len(epochs) < 3 else "", markersize=3)
        axes.grid(axis="y", color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.set_title(title, loc="left", fontsize=10, color=colour, pad=3)
        axes.locator_params(axis="y", nbins=4)
        axes.locator_params(axis="x", nbins=8, integer=True)
        axes.tick_params(labelbottom=number == len(panels) - 1)
        if number == len(panels) - 1:
            axes.set_xlabel("epoch", labelpad=3)
    return to_svg(figure, name, "Pretraining losses over the epochs")


@rc_context(STYLE)
def class_chart(classes: Sequence[ClassAccuracy], name: str) -> Markup:
    """Accuracy of each class as a bar, the best on top; the same encoder with random weights as a thin bar below it."""
    shown = sorted((row for row in classes if math.isfinite(row.top1)), key=lambda row: (-row.top1, row.name))
    pitch = 19.0 if len(shown) <= NAMED_CLASSES else 13.0
    left, right, top = 138.0, WIDTH - 34.0, 28.0
    bottom = top + pitch * len(shown)
    figure = canvas(WIDTH, bottom + 34)
    axes = pixel_axes(figure)
    scale = (right - left) / 100
    for percent in range(0, 101, 20):
        axes.plot([left + percent * scale] * 2, [top, bottom], color=GRID, linewidth=0.8, zorder=0)
        axes.text(left + percent * scale, bottom + 14, str(percent), ha="center", color=MUTED, fontsize=9.5)
    axes.text((left + right) / 2, bottom + 29, "top-1 accuracy, %", ha="center", color=MUTED)
    _legend(axes, ((left, BLUE, "pretrained"), (left + 92, GREY, "random weights")), y=12)
    ours, controls = [], []
    for number, row in enumerate(shown):
        y = top + pitch * number
        ours.append((left, y + 0.12 * pitch, row.top1 * scale, 0.48 * pitch))
        control = row.random_top1 if math.isfinite(row.random_top1) else 0.0
        controls.append((left, y + 0.60 * pitch, control * scale, 0.24 * pitch))
        size, letters = (10.0, 20) if pitch > 15 else (8.5, 24)
        axes.text(left - 7, y + pitch / 2, shortened(row.name, letters), ha="right", va="center", fontsize=size)
        axes.text(WIDTH - 2, y + pitch / 2, f"{row.top1:.0f}", ha="right", va="center", fontsize=size, color=MUTED)
    _rectangles(axes, ours, BLUE)
    _rectangles(axes, controls, GREY)
    return to_svg(figure, name, "Accuracy of each class, pretrained beside random weights")


@rc_context(STYLE)
def confusion_chart(counts_KK: NDArray[np.int64], names: Sequence[str], name: str) -> Markup:
    """Row-normalised confusion matrix: rows actual, columns predicted, classes in the given order.

    Opacity of one colour, by the square root of the share so that rare confusions can be seen, works on any page.
    """
    named = len(names) <= NAMED_CLASSES
    left, top = (132.0, 26.0) if named else (46.0, 26.0)
    side = WIDTH - left - 8
    figure = canvas(WIDTH, top + side + 52)
    height = top + side + 52
    axes = figure.add_axes((left / WIDTH, 1 - (top + side) / height, side / WIDTH, side / height))
    totals = counts_KK.sum(axis=1, keepdims=True)
    share_KK = counts_KK / np.maximum(totals, 1)
    axes.imshow(_opacity(share_KK), interpolation="none", aspect="equal")
    ticks = list(range(len(names))) if named else list(range(0, len(names), 10))
    size = 9.5 if len(names) <= 20 else 8.0
    axes.set_xticks(ticks, [str(tick) for tick in ticks], fontsize=size)
    labels = [f"{shortened(names[tick], 19)}\u2002{tick}" if named else str(tick) for tick in ticks]
    axes.set_yticks(ticks, labels, fontsize=size)
    axes.tick_params(length=0 if named else 3, pad=3)
    axes.tick_params(axis="x", labeltop=True, labelbottom=False, top=not named, bottom=False)
    for spine in axes.spines.values():
        spine.set_visible(True)
    axes.set_xlabel("predicted", labelpad=4)
    if not named:
        axes.set_ylabel("actual", labelpad=3)
    else:
        axes.text(-0.02, 1.012, "actual", transform=axes.transAxes, ha="right", color=MUTED)
    _colour_bar(figure.add_axes((0.5, 14 / height, 0.4, 8 / height)))
    return to_svg(figure, name, "Confusion matrix, each row normalised to the class's test clips")


def _opacity(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """The heat map's blue at the opacity √share, as an RGBA image."""
    image = np.zeros((*share.shape, 4))
    image[..., :3] = np.array([0x3A, 0x7D, 0xC8]) / 255
    image[..., 3] = np.sqrt(share)
    return image


def _colour_bar(axes: Axes) -> None:
    ramp = _opacity(np.linspace(0, 1, 101)[None, :] ** 2)
    axes.imshow(ramp, aspect="auto", extent=(0, 1, 0, 1), interpolation="none")
    shares = (0, 5, 20, 50, 100)
    axes.set_xticks([math.sqrt(share / 100) for share in shares], [f"{share} %" for share in shares], fontsize=8.5)
    axes.set_yticks([])
    axes.tick_params(length=2, pad=1.5)
    for spine in axes.spines.values():
        spine.set_visible(True)
    axes.text(-0.03, 0.5, "share of the class's clips", ha="right", va="center", fontsize=8.5, color=MUTED)


def _legend(axes: Axes, entries: Sequence[tuple[float, str, str]], y: float) -> None:
    for x, colour, label in entries:
        _rectangles(axes, [(x, y - 4, 9, 9)], colour)
        axes.text(x + 14, y, label, va="center", color=MUTED)


def _rectangles(axes: Axes, boxes: Sequence[tuple[float, float, float, float]], colour: str) -> None:
    """All boxes (x, y, width, height) as one path: a tenth of the size of one patch each."""
    corners = [((x, y), (x + w, y), (x + w, y + h), (x, y + h), (x, y)) for x, y, w, h in boxes]
    if corners:
        codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(corners)
        path = Path(np.array(corners).reshape(-1, 2), codes)
        axes.add_collection(PathCollection([path], facecolor=colour, edgecolor="none"), autolim=False)


def confusion_counts(predictions: Sequence[Prediction], names: Sequence[str]) -> NDArray[np.int64]:
    """(K, K) test clips by actual and predicted class, both in the order of names."""
    number = {name: position for position, name in enumerate(names)}
    counts_KK = np.zeros((len(names), len(names)), dtype=np.int64)
    for (actual, predicted), clips in Counter((row.actual, row.predicted) for row in predictions).items():
        counts_KK[number[actual], number[predicted]] = clips
    return counts_KK
