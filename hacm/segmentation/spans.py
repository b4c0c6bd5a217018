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
CHANGE = 3.0
"""What a change of class costs, in nats: a cell is worth two changes on its own if it is e^6 times as likely. Chosen on
joined clips of UTD-MHAD's training subjects (docs/use.md)."""
STRANGE = 1.5
"""So many times the model's threshold of distances a cell's nearest window must be away for nothing to be known of it.
Most windows hold parts of two movements and are farther than a whole one, so the nearest alone counts."""
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
    strangeness_N: NDArray[np.float64] | None,
    frames: int,
    windowing: Windowing,
    change: float = CHANGE,
) -> list[Span]:
    """The spans of a recording of so many frames, without gaps.

    strangeness_N: each window's distance over the model's threshold; None: nothing is strange. change: what a change of
    class costs. Cells that no window covers are of nothing known.
    """
    evidence_CL = gather(windows, probability_NK, strangeness_N, frames, windowing.stride)
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
    strangeness_N: NDArray[np.float64] | None,
    frames: int,
    stride: int,
) -> NDArray[np.float64]:
    """(C, K + 1): the probability of each class in each cell, and of "nothing known", which is 1 or 0.

    A window's weight falls linearly from its middle to its ends.
    """
    cells, classes = -(-frames // stride), probability_NK.shape[1]
    strangeness_N = np.zeros(len(windows)) if strangeness_N is None else strangeness_N
    sum_CK, weight_C, nearest_C = np.zeros((cells, classes)), np.zeros(cells), np.full(cells, np.inf)
    middle_C = (np.arange(cells) + 0.5) * stride
    for window, said_K, strangeness in zip(windows, probability_NK, strangeness_N, strict=True):
        first, last = window.start // stride, -(-window.stop // stride)
        half = (window.stop - window.start) / 2
        away_C = np.abs(middle_C[first:last] - (window.start + half))
        weights = np.maximum(1 - away_C / (half + stride / 2), FLOOR)
        sum_CK[first:last] += weights[:, None] * said_K
        weight_C[first:last] += weights
        nearest_C[first:last] = np.minimum(nearest_C[first:last], strangeness)
    unknown_C1 = (nearest_C > STRANGE)[:, None]  # also where no window is
    share_CK = sum_CK / np.maximum(weight_C, FLOOR)[:, None]
    return np.concatenate([np.where(unknown_C1, 0.0, share_CK), unknown_C1], axis=1)


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
