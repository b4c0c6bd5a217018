"""Paired tests against counting, against enumeration, and on data without any difference."""

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.results.significance import mcnemar, over_seeds, paired_interval

PAIRS = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60)


def discordant(only_a: int, only_b: int, both: int = 3, neither: int = 2) -> tuple[list[bool], list[bool]]:
    pairs = [(True, False)] * only_a + [(False, True)] * only_b + [(True, True)] * both + [(False, False)] * neither
    return [a for a, _ in pairs], [b for _, b in pairs]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_twice_the_tail_counted_in_whole_numbers(only_a: int, only_b: int) -> None:
    """Of the 2^n ways in which n discordant clips can fall, those at least as uneven to one side, doubled."""
    n, fewer = only_a + only_b, min(only_a, only_b)
    expected = min(1.0, 2 * sum(math.comb(n, k) for k in range(fewer + 1)) / 2**n)
    assert mcnemar(*discordant(only_a, only_b)) == pytest.approx(expected, rel=1e-12)


@given(PAIRS)
def test_mcnemar_is_symmetric_and_a_probability(pairs: list[tuple[bool, bool]]) -> None:
    a, b = [a for a, _ in pairs], [b for _, b in pairs]
    assert mcnemar(a, b) == mcnemar(b, a)
    assert 0 < mcnemar(a, b) <= 1
    assert mcnemar(a, a) == 1


def test_mcnemar_of_a_large_test_part_is_neither_slow_nor_zero_too_early() -> None:
    assert mcnemar(*discordant(3000, 3000)) == 1
    assert mcnemar(*discordant(0, 1000)) == 2.0**-999
    assert mcnemar(*discordant(0, 30_000)) == 0  # smaller than any float


def test_mcnemar_rejects_rarely_where_there_is_no_difference() -> None:
    """The exact test is conservative: at 5 % it rejects at most 5 %, here with 40 clips of which some 12 differ."""
    random = np.random.default_rng(0)
    p = np.array([mcnemar(*(random.random((2, 40)) < 0.8)) for _ in range(3000)])
    assert 0.01 < (p <= 0.05).mean() <= 0.05 + 3 * (0.05 * 0.95 / 3000) ** 0.5


def test_the_interval_is_that_of_every_resample() -> None:
    """Four clips have 256 resamples: the quantiles of their means, enumerated."""
    a, b = [True, True, False, True], [False, True, True, False]
    difference = np.array(a, dtype=int) - np.array(b, dtype=int)
    means = [np.mean(drawn) for drawn in itertools.product(difference, repeat=4)]
    low, high = np.quantile(means, [0.025, 0.975])
    found = paired_interval(a, b, 50_000, 0)
    assert found[0] == 0.25
    assert found[1:] == pytest.approx((low, high), abs=1e-12)


def test_the_interval_mirrors_and_follows_its_seed_alone() -> None:
    a, b = discordant(20, 10, 50, 20)
    mean, low, high = paired_interval(a, b, 20_000, 1)
    mirrored = paired_interval(b, a, 20_000, 1)
    assert mirrored[0] == -mean
    assert mirrored[1:] == pytest.approx((-high, -low), abs=0.011)  # one clip of a hundred
    assert paired_interval(a, b, 20_000, 1) == (mean, low, high)
    assert low < mean < high
    assert paired_interval(a, a, 100, 0) == (0, 0, 0)


def test_the_interval_covers_the_true_difference_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    covered = 0
    for trial in range(1000):
        hard = random.random(200)
        a, b = hard < 0.8, (hard + random.normal(0, 0.2, 200)) < 0.8  # the same clips are hard for both
        truth = 0.8 - 0.7833383  # less P(u + 0.2 z < 0.8), u uniform in [0, 1], z normal: ∫ Φ((0.8 − u) / 0.2) du
        _, low, high = paired_interval(a, b, 500, trial)
        covered += low <= truth <= high
    assert 0.92 < covered / 1000 < 0.97


def test_pairing_narrows_the_interval() -> None:
    random = np.random.default_rng(0)
    a = random.random(1000) < 0.7
    b = a ^ (random.random(1000) < 0.02)  # the same but for one clip in fifty
    _, low, high = paired_interval(a, b, 2000, 0)
    _, unpaired_low, unpaired_high = paired_interval(a, random.permutation(b), 2000, 0)
    assert high - low < 0.3 * (unpaired_high - unpaired_low)


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ([True], [True, False], "1 and 2 hits"),
        ([0.5], [1], "true and false"),
        ([float("nan")], [1], "true and false"),
        ([[True]], [[True]], "one per clip"),
    ],
)
def test_what_is_no_pair_is_refused(a, b, words) -> None:
    for compare in (mcnemar, lambda a, b: paired_interval(a, b, 10, 0)):
        with pytest.raises(ValueError, match=words):
            compare(a, b)


def test_no_clips_have_no_interval() -> None:
    with pytest.raises(ValueError, match="not 0 and 10"):
        paired_interval([], [], 10, 0)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=9))
def test_spread_over_seeds_is_the_sample_deviation(values: list[float]) -> None:
    mean, deviation = over_seeds(values)
    assert mean == pytest.approx(statistics.mean(values), abs=1e-9)
    assert deviation == pytest.approx(statistics.stdev(values), abs=1e-9)


def test_one_seed_has_no_spread() -> None:
    assert over_seeds([89.8]) == (89.8, None)
    assert over_seeds([1.0, 1.0]) == (1.0, 0.0)
    with pytest.raises(ValueError, match="at least one"):
        over_seeds([])
