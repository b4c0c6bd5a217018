"""Is one result better than another on the same test clips? Paired tests, and the spread over seeds.

N test clips, the same ones in the same order for both; a hit is a clip that was classified rightly.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
# Counts drawn at a time: 16 million int64, 128 MB.
CELLS = 1 << 24


def mcnemar(hits_a: ArrayLike, hits_b: ArrayLike) -> float:
    """Two-sided p-value of McNemar's exact test (Psychometrika 12, 1947): that both are right equally often.

    Of the n clips that one alone gets right, each is as likely A's as B's: p = 2·P(X ≤ the fewer), X ~ Binomial(n, ½),
    at most 1. Computed in whole numbers. ValueError unless both hold a hit or a miss for every clip.
    """
    a_N, b_N = check_pair(hits_a, hits_b)
    only_a, only_b = int((a_N & ~b_N).sum()), int((~a_N & b_N).sum())
    n, fewer = only_a + only_b, min(only_a, only_b)
    ways = term = 1
    for k in range(fewer):
        term = term * (n - k) // (k + 1)
        ways += term
    return min(1.0, 2 * ways / 2**n)


def paired_interval(
    hits_a: ArrayLike, hits_b: ArrayLike, resamples: int, seed: int
) -> tuple[float, float, float]:  # fmt: skip
    """(mean, low, high) of accuracy A less accuracy B, as shares: percentile bootstrap over clips, 95 %.

    A clip is drawn with both of its answers, so what makes a clip hard for both does not widen the interval. ValueError
    as of `mcnemar`, or without clips or resamples.
    """
    a_N, b_N = check_pair(hits_a, hits_b)
    if len(a_N) == 0 or resamples < 1:
        raise ValueError(f"a paired interval needs clips and resamples, not {len(a_N)} and {resamples}")
    difference_N = a_N.astype(np.int64) - b_N
    # Drawing n clips with replacement draws how many of them are -1, 0 and 1.
    share_3 = np.bincount(difference_N + 1, minlength=3) / len(difference_N)
    random = np.random.default_rng(seed)
    chunk = CELLS // 3
    mean_S = np.concatenate(
        [
            random.multinomial(len(difference_N), share_3, size=min(chunk, resamples - done)) @ np.array([-1, 0, 1])
            for done in range(0, resamples, chunk)
        ]
    ) / len(difference_N)
    low, high = np.quantile(mean_S, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(difference_N.mean()), float(low), float(high)


def over_seeds(values: Sequence[float]) -> tuple[float, float | None]:
    """(mean, sample standard deviation) over seeds; one value has no spread: None. ValueError without values."""
    if not values:
        raise ValueError("a mean over seeds needs at least one value")
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return mean, None
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def check_pair(hits_a: ArrayLike, hits_b: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Both as bool (N,). ValueError if they are of different clips or hold anything but hits and misses."""
    found = [np.asarray(hits) for hits in (hits_a, hits_b)]
    for hits_N in found:
        if hits_N.ndim != 1 or not np.isin(hits_N, [0, 1]).all():
            raise ValueError("hits must be a list of true and false, one a clip")
    a_N, b_N = found
    if len(a_N) != len(b_N):
        raise ValueError(f"{len(a_N)} and {len(b_N)} hits are not of the same clips")
    return a_N.astype(np.bool_), b_N.astype(np.bool_)
