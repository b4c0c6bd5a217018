"""Figures of merit from class scores, in numpy. N test clips, K classes, S resamples.

Ties are evaluated pessimistically: a class that scores as high as the true one counts as ahead of it, so a constant or
non-finite score is never a hit by luck of the order.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BOOTSTRAP_RESAMPLES = 2000
# Weights drawn at a time: 16 million int64 counts, 128 MB.
BOOTSTRAP_CELLS = 1 << 24


class Interval(NamedTuple):
    """A percentile interval, in the unit of the values."""

    low: float
    high: float


def top_k(scores_NK: NDArray[np.floating], target_N: NDArray[np.integer], k: int) -> NDArray[np.bool_]:
    """Hits, bool (N,): fewer than k other classes score at least as high as the true one (nan is never beaten).

    Their mean is the top-k accuracy. ValueError if shapes, targets or k make no sense.
    """
    check_scores(scores_NK, target_N)
    if k < 1:
        raise ValueError(f"top-k needs k of at least 1, not {k}")
    own_N1 = np.take_along_axis(scores_NK, target_N[:, None], axis=1)
    not_below_N = (~(scores_NK < own_N1)).sum(axis=1)  # counts the true class itself
    return not_below_N <= k


def class_counts(target_N: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """Clips of each class, (K,)."""
    return np.bincount(target_N, minlength=classes)


def per_class(scores_NK: NDArray[np.floating], target_N: NDArray[np.integer], classes: int) -> NDArray[np.float64]:
    """Top-1 accuracy (recall) of each class, (K,), ties as in top_k; nan for a class without clips."""
    hits_K = np.bincount(target_N, weights=top_k(scores_NK, target_N, 1), minlength=classes)
    total_K = class_counts(target_N, classes)
    return np.divide(hits_K, total_K, out=np.full(classes, np.nan), where=total_K > 0)


def confusion_matrix(
    prediction_N: NDArray[np.integer], target_N: NDArray[np.integer], classes: int
) -> NDArray[np.int64]:
    """Counts (K, K): row = true class, column = predicted class. ValueError for a label outside the classes."""
    if len(prediction_N) != len(target_N):
        raise ValueError(f"{len(prediction_N)} predictions for {len(target_N)} clips")
    for name, label_N in (("prediction", prediction_N), ("target", target_N)):
        if len(label_N) and not 0 <= int(label_N.min()) <= int(label_N.max()) < classes:
            raise ValueError(f"a {name} lies outside the {classes} classes")
    cell_N = target_N.astype(np.int64) * classes + prediction_N
    return np.bincount(cell_N, minlength=classes * classes).reshape(classes, classes)


def bootstrap_interval(
    value_N: NDArray[np.generic], *, seed: int, level: float = 0.95, resamples: int = BOOTSTRAP_RESAMPLES
) -> Interval:
    """Percentile bootstrap interval of the mean of `value_N`, e.g. of the hits of a test split.

    A resample of n clips draws counts of each *distinct* value from a multinomial with the observed shares: the same
    law as drawing n clips with replacement, and for hits two cells instead of n. ValueError without values.
    """
    if len(value_N) == 0:
        raise ValueError("a bootstrap interval needs at least one value")
    if not 0 < level < 1:
        raise ValueError(f"level {level} must lie between 0 and 1")
    distinct_U, count_U = np.unique(value_N.astype(np.float64), return_counts=True)
    share_U = count_U / len(value_N)
    random = np.random.default_rng(seed)
    chunk = max(1, BOOTSTRAP_CELLS // len(distinct_U))
    mean_S = np.concatenate(
        [
            random.multinomial(len(value_N), share_U, size=min(chunk, resamples - done)) @ distinct_U
            for done in range(0, resamples, chunk)
        ]
    ) / len(value_N)
    low, high = np.quantile(mean_S, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def check_scores(scores_NK: NDArray[np.floating], target_N: NDArray[np.integer]) -> None:
    """ValueError unless there is one row of scores a clip and every target is one of the classes."""
    if scores_NK.ndim != 2 or target_N.shape != scores_NK.shape[:1]:
        raise ValueError(f"scores {scores_NK.shape} do not fit targets {target_N.shape}")
    if len(target_N) == 0:
        raise ValueError("no clips to score")
    if not 0 <= int(target_N.min()) <= int(target_N.max()) < scores_NK.shape[1]:
        raise ValueError(f"a target lies outside the {scores_NK.shape[1]} classes")
