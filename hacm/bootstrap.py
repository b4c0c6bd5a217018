"""Percentile bootstrap intervals of a mean over clips, in numpy. N clips, U distinct values, S resamples."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
RESAMPLES = 2000
CELLS = 1 << 24
"""Counts drawn at a time: 16 million int64, 128 MB."""


class Interval(NamedTuple):
    """A percentile interval, in the unit of the values."""

    low: float
    high: float


def bootstrap_interval(
    value_N: NDArray[np.generic], *, seed: int, level: float = LEVEL, resamples: int = RESAMPLES
) -> Interval:
    """The interval of the mean of `value_N`, e.g. of the hits on a test split. ValueError without values."""
    if len(value_N) == 0:
        raise ValueError("a bootstrap interval needs at least one value")
    distinct_U, count_U = np.unique(value_N.astype(np.float64), return_counts=True)
    return interval_of_counts(distinct_U, count_U, seed=seed, level=level, resamples=resamples)


def interval_of_counts(
    value_U: NDArray[np.integer] | NDArray[np.floating],
    count_U: NDArray[np.integer],
    *,
    seed: int,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Interval:
    """The same, where each value is given once with the number of clips that have it.

    A resample of n clips draws counts of each value from a multinomial with the observed shares: the same law as
    drawing n clips with replacement, and for hits two cells instead of n. ValueError for a level outside (0, 1) or
    without resamples.
    """
    if not 0 < level < 1:
        raise ValueError(f"level {level} must lie between 0 and 1")
    if resamples < 1:
        raise ValueError(f"a bootstrap interval needs resamples, not {resamples}")
    clips = int(count_U.sum())
    random = np.random.default_rng(seed)
    chunk = max(1, CELLS // len(value_U))
    mean_S = np.concatenate(
        [
            random.multinomial(clips, count_U / clips, size=min(chunk, resamples - done)) @ value_U
            for done in range(0, resamples, chunk)
        ]
    ) / clips  # fmt: skip
    low, high = np.quantile(mean_S, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
