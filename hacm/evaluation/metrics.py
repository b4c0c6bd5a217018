"""Figures of merit from class scores, in numpy. N test clips, K classes.

Ties count pessimistically: a class that scores as high as the true one counts as ahead of it, so a constant or
non-finite score is never a hit by luck of the order.
"""

import numpy as np
from numpy.typing import NDArray


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


def check_scores(scores_NK: NDArray[np.floating], target_N: NDArray[np.integer]) -> None:
    """ValueError unless there is one row of scores per clip and every target is one of the classes."""
    if scores_NK.ndim != 2 or target_N.shape != scores_NK.shape[:1]:
        raise ValueError(f"scores {scores_NK.shape} do not fit targets {target_N.shape}")
    if len(target_N) == 0:
        raise ValueError("no clips to score")
    if not 0 <= int(target_N.min()) <= int(target_N.max()) < scores_NK.shape[1]:
        raise ValueError(f"a target lies outside the {scores_NK.shape[1]} classes")
