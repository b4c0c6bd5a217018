"""Is one result better than another on the same test clips? Paired tests, and the spread over seeds.

N test clips, the same ones in the same order for both; a hit is a clip that was classified correctly.
"""

from collections.abc import Sequence
from statistics import fmean, stdev

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hacm.bootstrap import interval_of_counts


def mcnemar(hits_a: ArrayLike, hits_b: ArrayLike) -> float:
    """Two-sided p-value of McNemar's exact test (Psychometrika 12, 1947): that both are right equally often.

    Of the n clips that one alone gets right, each is as likely A's as B's: the binomial test with share ½, and 1 where
    n is 0. ValueError unless both hold a hit or a miss for every clip.
    """
    from scipy.stats import binomtest  # here, as it takes a second to load

    a_N, b_N = check_pair(hits_a, hits_b)
    only_a, only_b = int((a_N & ~b_N).sum()), int((~a_N & b_N).sum())
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


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
    counts_3 = np.bincount(difference_N + 1, minlength=3)
    low, high = interval_of_counts(np.array([-1, 0, 1]), counts_3, seed=seed, resamples=resamples)
    return float(difference_N.mean()), low, high


def over_seeds(values: Sequence[float]) -> tuple[float, float | None]:
    """(mean, sample standard deviation) over seeds; one value has no spread: None. ValueError without values."""
    if not values:
        raise ValueError("a mean over seeds needs at least one value")
    return fmean(values), stdev(values) if len(values) > 1 else None


def check_pair(hits_a: ArrayLike, hits_b: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Both as bool (N,). ValueError if they are of different clips or hold anything but hits and misses."""
    found = [np.asarray(hits) for hits in (hits_a, hits_b)]
    for hits_N in found:
        if hits_N.ndim != 1 or not np.isin(hits_N, [0, 1]).all():
            raise ValueError("hits must be a list of true and false, one per clip")
    a_N, b_N = found
    if len(a_N) != len(b_N):
        raise ValueError(f"{len(a_N)} and {len(b_N)} hits are not of the same clips")
    return a_N.astype(np.bool_), b_N.astype(np.bool_)
