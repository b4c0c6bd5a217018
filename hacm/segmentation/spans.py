"""From what a model says of windows to spans of one class each.

A recording is divided into cells of one stride. What a window says counts for every cell it covers, most for the one in
its middle; then the sequence of classes is chosen that agrees best with all cells, each change of class costing the
same (Viterbi, 1967).

Shapes: N windows, C cells, K classes, one more for "nothing known" where it says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hacm.segmentation.windows import Window, Windowing

FLOOR = 1e-4
"""No class is ruled out altogether: probabilities are at least that."""
CHANGE = 2.0
"""What a change of class costs, in nats: e^2 times as likely a cell must be to be worth two changes on its own."""
NOTHING_KNOWN = None
"""The class of a span that is unlike anything in training."""


@dataclass(frozen=True)
class Span:
    """Frames start to stop (not included) of one class, by number; None: unlike anything in training.

    probability: the mean over its cells of what the windows say of the class.
    """

    start: int
    stop: int
    label: int | None
    probability: float


def find_spans(
    windows: Sequence[Window],
    probability_NK: NDArray[np.float64],
    familiar_N: NDArray[np.bool_] | None,
    frames: int,
    windowing: Windowing,
    change: float = CHANGE,
) -> list[Span]:
    """The spans of a recording of so many frames, without gaps.

    familiar_N: whether a window is within the model's threshold of distances; None: every one is. change: what a change
    of class costs. Cells that no window covers are of nothing known.
    """
    evidence_CL = gather(windows, probability_NK, familiar_N, frames, windowing.stride)
    label_C = decode(evidence_CL, change)
    edge_C = np.minimum(np.arange(len(label_C) + 1) * windowing.stride, frames)
    spans = []
    starts = np.flatnonzero(np.diff(label_C, prepend=-1))
    for first, last in zip(starts, [*starts[1:], len(label_C)], strict=True):
        label = int(label_C[first])
        spans.append(
            Span(
                int(edge_C[first]),
                int(edge_C[last]),
                NOTHING_KNOWN if label == probability_NK.shape[1] else label,
                float(evidence_CL[first:last, label].mean()),
            )
        )
    return spans


def gather(
    windows: Sequence[Window],
    probability_NK: NDArray[np.float64],
    familiar_N: NDArray[np.bool_] | None,
    frames: int,
    stride: int,
) -> NDArray[np.float64]:
    """(C, K + 1): what is known of each cell, summing to 1; the last is the share of "nothing known".

    A window's weight falls linearly from its middle to its ends.
    """
    cells, classes = -(-frames // stride), probability_NK.shape[1]
    known_N = np.ones(len(windows)) if familiar_N is None else familiar_N.astype(np.float64)
    said_NL = np.concatenate([probability_NK * known_N[:, None], 1 - known_N[:, None]], axis=1)
    sum_CL, weight_C = np.zeros((cells, classes + 1)), np.zeros(cells)
    middle_C = (np.arange(cells) + 0.5) * stride
    for window, said_L in zip(windows, said_NL, strict=True):
        first, last = window.start // stride, -(-window.stop // stride)
        half = (window.stop - window.start) / 2
        away_C = np.abs(middle_C[first:last] - (window.start + half))
        weights = np.maximum(1 - away_C / (half + stride / 2), FLOOR)
        sum_CL[first:last] += weights[:, None] * said_L
        weight_C[first:last] += weights
    sum_CL[weight_C == 0, classes] = 1.0
    weight_C[weight_C == 0] = 1.0
    return sum_CL / weight_C[:, None]


def decode(evidence_CL: NDArray[np.float64], change: float) -> NDArray[np.int64]:
    """The classes (C,) of greatest sum of log evidence less `change` for each change of class."""
    score_CL = np.log(np.maximum(evidence_CL, FLOOR))
    best_L = score_CL[0]
    before_CL = np.zeros(score_CL.shape, dtype=np.int64)
    for cell in range(1, len(score_CL)):
        stay_L = np.arange(len(best_L))
        come = int(best_L.argmax())
        changed_L = best_L[come] - change > best_L
        before_CL[cell] = np.where(changed_L, come, stay_L)
        best_L = np.where(changed_L, best_L[come] - change, best_L) + score_CL[cell]
    label_C = np.empty(len(score_CL), dtype=np.int64)
    label_C[-1] = best_L.argmax()
    for cell in range(len(score_CL) - 1, 0, -1):
        label_C[cell - 1] = before_CL[cell, label_C[cell]]
    return label_C
