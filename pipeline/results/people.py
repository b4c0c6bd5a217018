"""Tests a difference between two ways over people, pooled over data sets and seeds.

Neither a person's clips nor the seeds of a recipe are independent: one who moves in an unusual way is missed clip after
clip, in every seed. So the test flips the sign of all that a person contributes at once, in all clips and seeds. With
few people it can say little, and says so: four give no p below 1/8.

N clips of a data set, S seeds, P people of all data sets together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf

import numpy as np
from numpy.typing import NDArray

EXACT = 20
"""Up to so many people every assignment of signs is looked at, some million."""
DRAWS = 200_000
LEVEL = 0.95
HALVINGS = 40
ROUNDING = 1e-12


@dataclass(frozen=True)
class Paired:
    """Which clips of a data set two ways recognise. subject_N: who performs each clip. One row per seed; a way without
    seeds has one row."""

    subject_N: NDArray[np.int64]
    first_SN: NDArray[np.bool_]
    second_SN: NDArray[np.bool_]


@dataclass(frozen=True)
class Pooled:
    """The mean of the data sets' differences in accuracy, the first way's less the second's, as a share of 1.

    low, high: the differences that the test does not reject at 5 %, infinite where no difference would be. p: two-sided
    chance of a difference as large if the two were exchangeable within each person. scatter: standard
    deviation of the people's own differences.
    """

    value: float
    low: float
    high: float
    p: float
    people: int
    scatter: float


def pool(sets: Sequence[Paired]) -> Pooled:
    """The test over all people of the data sets; every data set counts alike, whatever its size."""
    share_P, weight_P = (np.concatenate(parts) for parts in zip(*map(_by_person, sets), strict=True))
    share_P, weight_P = share_P / len(sets), weight_P / len(sets)
    value = float(share_P.sum())
    flipped_F, shift_F = _flip(np.stack([share_P, weight_P]))

    def p_of(difference: float) -> float:
        """The chance if the true difference were this one."""
        return float((np.abs(flipped_F - difference * shift_F) >= abs(value - difference) - ROUNDING).mean())

    low, high = (_edge(p_of, value, direction) for direction in (-1, 1))
    own_P = share_P / weight_P
    scatter = float(own_P.std(ddof=1)) if len(own_P) > 1 else inf
    return Pooled(value, low, high, p_of(0.0), len(share_P), scatter)


def _by_person(paired: Paired) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each person adds to the difference of a data set, and to its clips, as shares of all clips."""
    difference_N = paired.first_SN.mean(axis=0) - paired.second_SN.mean(axis=0)
    _, person_N = np.unique(paired.subject_N, return_inverse=True)
    clips = len(person_N)
    return np.bincount(person_N, difference_N) / clips, np.bincount(person_N) / clips


def _flip(values_2P: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of both rows under the same signs: under all of them, or under many drawn ones and the given ones."""
    people = values_2P.shape[1]
    if people <= EXACT:
        sums_2F = np.zeros((2, 1))
        for value_21 in values_2P.T[:, :, None]:
            sums_2F = np.concatenate([sums_2F + value_21, sums_2F - value_21], axis=1)
        return sums_2F
    signs_DP = np.random.default_rng(0).integers(0, 2, (DRAWS, people), dtype=np.int8) * 2 - 1
    signs_DP[0] = 1  # what was seen counts: no p is 0
    sums_2D: NDArray[np.float64] = values_2P @ signs_DP.T
    return sums_2D


def _edge(p_of: Callable[[float], float], value: float, direction: int) -> float:
    """The farthest difference in a direction that is not rejected."""
    inside, outside = value, value + direction * 2.0
    if p_of(outside) >= 1 - LEVEL:
        return direction * inf
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        if p_of(middle) >= 1 - LEVEL:
            inside = middle
        else:
            outside = middle
    return inside


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's correction: each p such that any of them below α is a mistake in at most α of all families of tests."""
    adjusted: dict[str, float] = {}
    floor = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda one: p_values[one])):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = floor
    return {name: adjusted[name] for name in p_values}


def people_needed(scatter: float, within: float) -> int | None:
    """How many people it takes until a 95 % interval reaches no farther than `within` from its middle, by the normal
    approximation; None if the scatter is not known. Both are shares of 1."""
    return None if scatter == inf else max(2, ceil((1.96 * scatter / within) ** 2))
