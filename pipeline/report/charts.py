"""The report's plots: accuracies with their intervals, losses, classes, confusions."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.path import Path
from numpy.typing import NDArray

from pipeline.report.model import ClassAccuracy, EpochLoss, Estimate, Prediction
from pipeline.report.svg import (
    BLUE,
    GREY,
    GRID,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    STYLE,
    Drawing,
    Hint,
    Values,
    canvas,
    pixel_axes,
    place,
    to_drawing,
)

WIDTH = 420
NAMED_CLASSES = 32
COUNTED_CLASSES = 20
"""Up to so many classes, a confusion matrix has room for its counts."""
CLASS_LETTERS = 28
"""So much of a class's name is shown in every drawing."""
MOST_LOSS_HINTS = 100
RANDOM = "Random weights"
"""The control's title in tables and charts that hold several variants."""

LOOKS = {  # of a line of interval_chart: colour, marker, and the marker's fill
    "ours": (BLUE, "o", BLUE),
    "variant": (BLUE, "o", PAPER),
    "random": (GREY, "s", GREY),
    "baseline": (ORANGE, "D", ORANGE),
    "published": (INK, "|", INK),
}


@dataclass(frozen=True)
class IntervalLine:
    """One accuracy of interval_chart. look: a key of LOOKS. A published figure has no interval: its ends are equal."""

    label: str
    estimate: Estimate
    look: str


@dataclass(frozen=True)
class IntervalGroup:
    """Accuracies that are compared with each other, under one title; an empty title takes no room."""

    title: str
    lines: tuple[IntervalLine, ...]


def shortened(text: str, most: int = 22) -> str:
    """The text, cut with an ellipsis if it is longer than that many characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _room(labels: Sequence[str], size: float) -> float:
    """The pixels that the longest label takes, at the most: a letter is some 0.61 of its size wide."""
    return max((len(label) for label in labels), default=0) * 0.61 * size


@rc_context(STYLE)
def interval_chart(groups: Sequence[IntervalGroup], name: str) -> Drawing:
    """Top-1 with its 95 % interval, one line per accuracy, groups one below the other."""
    lines = [line for group in groups for line in group.lines]
    row_height, top = 17.0, 6.0
    left, right = max(108.0, 14 + _room([shortened(line.label, 26) for line in lines], 10)), 328.0
    bottom = top + sum(_group_height(group, row_height) for group in groups)
    figure = canvas(WIDTH, bottom + 34)
    axes = pixel_axes(figure)
    for percent in range(0, 101, 20):
        x = left + (right - left) * percent / 100
        axes.plot([x, x], [top, bottom], color=GRID, linewidth=0.8, zorder=0)
        axes.text(x, bottom + 14, str(percent), ha="center", color=MUTED, fontsize=9.5)
    axes.text((left + right) / 2, bottom + 29, "top-1 accuracy, %", ha="center", color=MUTED)
    hints, y = [], top
    for group in groups:
        if group.title:
            axes.text(2, y + 13, shortened(group.title, 54), fontweight="bold", va="center")
        first = y + (30 if group.title else 9)
        for number, line in enumerate(group.lines):
            here = first + row_height * number
            _interval_line(axes, line, here, (left, right))
            said = ", ".join(filter(None, (group.title, line.label)))
            hints.append(Hint(0, here - row_height / 2, WIDTH, row_height, f"{said}: {_numbers(line)} %"))
        y += _group_height(group, row_height)
    values = Values(
        ("result", "of", "top-1 %", "low", "high"),
        tuple(
            (group.title, line.label, line.estimate.value, line.estimate.low, line.estimate.high)
            for group in groups
            for line in group.lines
        ),
    )
    told = "; ".join(f"{line.label} {_numbers(line)}" for line in lines[:8])
    return to_drawing(figure, name, f"Top-1 accuracy with 95 % intervals, in percent: {told}", values, hints)


def _group_height(group: IntervalGroup, row_height: float) -> float:
    return (25 if group.title else 4) + row_height * len(group.lines)


def _numbers(line: IntervalLine) -> str:
    estimate = line.estimate
    interval = f" [{estimate.low:.1f}, {estimate.high:.1f}]" if estimate.low < estimate.high else ""
    return f"{estimate.value:.1f}{interval}"


def _interval_line(axes: Axes, line: IntervalLine, y: float, span: tuple[float, float]) -> None:
    left, right = span
    colour, marker, face = LOOKS[line.look]
    estimate = line.estimate
    low, value, high = (left + (right - left) * p / 100 for p in (estimate.low, estimate.value, estimate.high))
    axes.plot([low, high], [y, y], color=colour, linewidth=2.2)
    axes.plot(
        [value], [y], marker=marker, markersize=9 if marker == "|" else 6, markeredgewidth=2 if marker == "|" else 1.2,
        color=colour, markerfacecolor=face, markeredgecolor=colour,
    )  # fmt: skip
    ink = INK if line.look == "ours" else MUTED
    axes.text(left - 10, y, shortened(line.label, 26), ha="right", va="center", color=ink)
    axes.text(WIDTH - 2, y, _numbers(line), ha="right", va="center", fontsize=9, color=ink)


@rc_context(STYLE)
def loss_chart(losses: Sequence[EpochLoss], name: str) -> Drawing:
    """Total, reconstruction and contrast loss over the epochs, one panel each, their scales their own.

    The first epoch, often far above all others, does not set the scale; its value is in the panel's title then.
    """
    panels = [
        ("total", [row.loss for row in losses], INK),
        ("reconstruction", [row.reconstruction for row in losses], BLUE),
        ("cross-contrast", [row.contrast for row in losses], ORANGE),
    ]
    panels = [panel for panel in panels if any(panel[1])]  # a term that is switched off is zero throughout
    count = max(len(panels), 1)
    height = 92 * count + 40
    figure = canvas(WIDTH, height)
    grid = figure.add_gridspec(count, 1, left=0.165, right=0.985, top=1 - 18 / height, bottom=36 / height, hspace=0.42)
    epochs = [row.epoch for row in losses]
    hints: list[Hint] = []
    for number, (title, values, colour) in enumerate(panels):
        axes = figure.add_subplot(grid[number])
        axes.plot(epochs, values, color=colour, linewidth=1.6, marker="o" if len(epochs) < 3 else "", markersize=3)
        axes.grid(axis="y", color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.set_title(title + _leave_out_first(axes, values), loc="left", fontsize=10, color=colour, pad=3)
        axes.locator_params(axis="y", nbins=4)
        axes.locator_params(axis="x", nbins=8, integer=True)
        axes.tick_params(labelbottom=number == len(panels) - 1)
        axes.set_ylabel("mean loss", labelpad=3, fontsize=9)
        if number == len(panels) - 1:
            axes.set_xlabel("epoch", labelpad=3)
            hints = _loss_hints(axes, losses, height)
    rows = tuple((row.epoch, row.loss, row.reconstruction, row.contrast, row.lr) for row in losses)
    shown = Values(("epoch", "total", "reconstruction", "cross-contrast", "learning rate"), rows)
    return to_drawing(figure, name, "Pretraining losses over the epochs", shown, hints)


@rc_context(STYLE)
def curves_chart(curves: Mapping[str, Sequence[EpochLoss]], name: str) -> Drawing:
    """Total losses over the epochs, one line per run, each in its colour and dashes."""
    height = 230.0
    figure = canvas(WIDTH, height)
    axes = figure.add_axes((0.165, 44 / height, 0.815, 1 - 62 / height))
    looks = [(colour, dashes) for dashes in ("-", (0, (5, 2)), (0, (1.5, 1.5))) for colour in (ORANGE, BLUE, INK, GREY)]
    for (title, losses), (colour, dashes) in zip(curves.items(), cycle(looks), strict=False):
        epochs = [row.epoch for row in losses]
        axes.plot(epochs, [row.loss for row in losses], color=colour, linestyle=dashes, linewidth=1.6, label=title)
    told = _leave_out_first(axes, [row.loss for losses in curves.values() for row in losses[:1]][:1] + [
        row.loss for losses in curves.values() for row in losses[1:]
    ])  # fmt: skip
    axes.legend(frameon=False, labelcolor=MUTED, loc="upper right")
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_xlabel("epoch", labelpad=3)
    axes.set_ylabel("mean loss", labelpad=3, fontsize=9)
    axes.set_title(f"total{told}", loc="left", fontsize=10, color=MUTED, pad=3)
    rows = tuple((title, row.epoch, row.loss) for title, losses in curves.items() for row in losses)
    return to_drawing(figure, name, "Total losses over the epochs", Values(("run", "epoch", "total"), rows))


def _leave_out_first(axes: Axes, values: Sequence[float]) -> str:
    """Scales a panel by the epochs after the first, if that would take most of it; says so in words then."""
    later = [value for value in values[1:] if math.isfinite(value)]
    if len(later) < 3 or not math.isfinite(values[0]):
        return ""
    low, high = min(later), max(later)
    if abs(values[0] - (low + high) / 2) < 1.5 * (high - low):
        return ""
    margin = 0.08 * (high - low) or 0.01 * abs(high) or 0.01
    axes.set_ylim(low - margin, high + margin)
    return f" (first epoch {values[0]:.4g}, off the scale)"


def _loss_hints(axes: Axes, losses: Sequence[EpochLoss], height: float) -> list[Hint]:
    """An upright strip per epoch, or per few epochs where there are many."""
    stride = -(-len(losses) // MOST_LOSS_HINTS)
    width = (place(axes, stride, 0)[0] - place(axes, 0, 0)[0]) or 10
    return [
        Hint(place(axes, row.epoch, 0)[0] - width / 2, 18, width, height - 54,
             f"epoch {row.epoch}: total {row.loss:.4g}, reconstruction {row.reconstruction:.4g},"
             f" cross-contrast {row.contrast:.4g}")
        for row in losses[::stride]
    ]  # fmt: skip


def class_interval(row: ClassAccuracy) -> tuple[float, float]:
    """Wilson's 95 % interval of a class's accuracy, in percent: its clips are counted as independent."""
    from scipy.stats import binomtest  # here, as it takes a second to load

    ends = binomtest(round(row.top1 / 100 * row.n), row.n).proportion_ci(0.95, method="wilson")
    return 100 * ends.low, 100 * ends.high


@rc_context(STYLE)
def class_chart(classes: Sequence[ClassAccuracy], name: str) -> Drawing:
    """Accuracy of each class as a bar with its interval, the best on top; random weights as a thin bar below it."""
    shown = sorted((row for row in classes if math.isfinite(row.top1)), key=lambda row: (-row.top1, row.name))
    pitch, size = (19.0, 9.5) if len(shown) <= NAMED_CLASSES else (13.0, 8.5)
    labels = [shortened(row.name, CLASS_LETTERS) for row in shown]
    left, right, top = max(100.0, 12 + _room(labels, size)), WIDTH - 34.0, 28.0
    bottom = top + pitch * len(shown)
    figure = canvas(WIDTH, bottom + 34)
    axes = pixel_axes(figure)
    scale = (right - left) / 100
    for percent in range(0, 101, 20):
        axes.plot([left + percent * scale] * 2, [top, bottom], color=GRID, linewidth=0.8, zorder=0)
        axes.text(left + percent * scale, bottom + 14, str(percent), ha="center", color=MUTED, fontsize=9.5)
    axes.text((left + right) / 2, bottom + 29, "top-1 accuracy, %", ha="center", color=MUTED)
    _legend(axes, ((left, BLUE, "pretrained"), (left + 92, GREY, "random weights")), y=12)
    ours, controls, ends, hints, values = [], [], [], [], []
    for number, (row, label) in enumerate(zip(shown, labels, strict=True)):
        y = top + pitch * number
        low, high = class_interval(row)
        ours.append((left, y + 0.12 * pitch, row.top1 * scale, 0.48 * pitch))
        control = row.random_top1 if math.isfinite(row.random_top1) else 0.0
        controls.append((left, y + 0.60 * pitch, control * scale, 0.24 * pitch))
        ends.append((left + low * scale, left + high * scale, y + 0.36 * pitch))
        axes.text(left - 7, y + pitch / 2, label, ha="right", va="center", fontsize=size)
        axes.text(WIDTH - 2, y + pitch / 2, f"{row.top1:.0f}", ha="right", va="center", fontsize=size, color=MUTED)
        said = f"{row.name}: {row.top1:.1f} % [{low:.1f}, {high:.1f}] of {row.n} clips; random weights {control:.1f} %"
        hints.append(Hint(0, y, WIDTH, pitch, said))
        values.append((row.name, row.n, row.top1, round(low, 2), round(high, 2), row.random_top1))
    _rectangles(axes, ours, BLUE)
    _rectangles(axes, controls, GREY)
    for colour, width in ((PAPER, 3.0), (INK, 1.1)):  # light around dark: it shows on the bar and beside it
        axes.hlines([y for *_, y in ends], [low for low, *_ in ends], [high for _, high, _ in ends],
                    colors=colour, linewidth=width, zorder=4)  # fmt: skip
    columns = ("class", "clips", "top-1 %", "low", "high", "random weights %")
    description = "Accuracy of each class with its 95 % interval, pretrained beside random weights"
    return to_drawing(figure, name, description, Values(columns, tuple(values)), hints)


@rc_context(STYLE)
def confusion_chart(
    predictions: Sequence[Prediction], names: Sequence[str], labels: Sequence[str], name: str
) -> Drawing:
    """Row-normalised confusion matrix: rows actual, columns predicted, classes in the order of `names`.

    labels: what the data set numbers the classes by. Opacity of one colour, by the square root of the share so that
    rare confusions can be seen, works on any page. Every cell that holds a clip can be chosen, which names its clips.
    """
    counts_KK = confusion_counts(predictions, names)
    named = len(names) <= NAMED_CLASSES
    shown = [shortened(text, CLASS_LETTERS) for text in names] if named else list(labels)
    size = 9.5 if len(names) <= COUNTED_CLASSES else 8.0
    room = _room(shown, size)
    left, top = (18 + 0.9 * room, 12 + 0.8 * room) if named else (46.0, 26.0)
    overhang = 0.3 * room if named else 8.0
    side = WIDTH - left - overhang
    height = top + side + 52
    figure = canvas(WIDTH, height)
    axes = figure.add_axes((left / WIDTH, 1 - (top + side) / height, side / WIDTH, side / height))
    share_KK = counts_KK / np.maximum(counts_KK.sum(axis=1, keepdims=True), 1)
    axes.imshow(_opacity(share_KK), interpolation="none", aspect="equal")
    ticks = list(range(len(names))) if named else list(range(0, len(names), 10))
    axes.set_yticks(ticks, [shown[tick] for tick in ticks], fontsize=size)
    axes.set_xticks(ticks, [shown[tick] for tick in ticks], fontsize=size)
    axes.tick_params(length=0 if named else 3, pad=3)
    axes.tick_params(axis="x", labeltop=True, labelbottom=False, top=not named, bottom=False)
    if named:
        for text in axes.get_xticklabels():
            text.set(rotation=60, ha="left", rotation_mode="anchor")
    for spine in axes.spines.values():
        spine.set_visible(True)
    axes.set_xlabel("predicted", labelpad=4)
    axes.set_ylabel("actual", labelpad=3)
    if len(names) <= COUNTED_CLASSES:
        _write_counts(axes, counts_KK, share_KK)
    _colour_bar(figure.add_axes((0.5, 14 / height, 0.4, 8 / height)))
    clips: dict[tuple[str, str], list[str]] = {}
    for row in predictions:
        clips.setdefault((row.actual, row.predicted), []).append(row.clip)
    pairs = sorted(clips, key=lambda pair: (names.index(pair[0]), names.index(pair[1])))
    rows = tuple((*pair, len(clips[pair]), "; ".join(filter(None, clips[pair]))) for pair in pairs)
    cell, totals_K = side / len(names), counts_KK.sum(axis=1)
    hints = [
        Hint(left + names.index(predicted) * cell, top + names.index(actual) * cell, cell, cell,
             f"{actual} → {predicted}: {count} of {totals_K[names.index(actual)]}", row=number)
        for number, (actual, predicted, count, _) in enumerate(rows)
    ]  # fmt: skip
    values = Values(("actual", "predicted", "clips", "names"), rows)
    return to_drawing(figure, name, "Confusion matrix, each row normalised to the class's test clips", values, hints)


def _write_counts(axes: Axes, counts_KK: NDArray[np.int64], share_KK: NDArray[np.float64]) -> None:
    size = 9.0 if len(counts_KK) <= 12 else 7.5
    for actual, predicted in zip(*np.nonzero(counts_KK), strict=True):
        count = str(counts_KK[actual, predicted])
        colour = PAPER if share_KK[actual, predicted] > 0.6 else INK
        axes.text(predicted, actual, count, ha="center", va="center", fontsize=size, color=colour)


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
    for row in predictions:
        counts_KK[number[row.actual], number[row.predicted]] += 1
    return counts_KK
