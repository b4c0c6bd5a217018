"""Bootstrap intervals against known distributions and against resampled clips."""

import numpy as np
import pytest
from scipy import stats

from hacm import bootstrap
from hacm.bootstrap import bootstrap_interval, interval_of_counts


def test_the_interval_of_hits_is_the_binomial_one() -> None:
    """The published rule of thumb: about ±0.45 points on NTU-60 xsub's 16,487 test clips at 91 %."""
    hits = np.arange(16_487) < 0.91 * 16_487
    low, high = bootstrap_interval(hits, seed=1)
    expected = stats.binom(16_487, hits.mean()).ppf([0.025, 0.975]) / 16_487
    np.testing.assert_allclose([low, high], expected, atol=4e-4)
    assert (high - low) / 2 == pytest.approx(0.0045, abs=4e-4)


def test_the_interval_is_that_of_resampled_clips() -> None:
    values = np.random.default_rng(5).exponential(size=80)
    values[:20] = values[20:40]  # repeated values are drawn together
    draws = np.random.default_rng(6).integers(0, 80, (40_000, 80))
    expected = np.quantile(values[draws].mean(1), [0.05, 0.95])
    found = bootstrap_interval(values, seed=2, level=0.9, resamples=40_000)
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_the_interval_depends_on_the_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=50)
    once = bootstrap_interval(values, seed=3)
    assert bootstrap_interval(values, seed=3) == once
    assert bootstrap_interval(values, seed=4) != once
    monkeypatch.setattr(bootstrap, "CELLS", 500)  # ten resamples at a time
    np.testing.assert_allclose(bootstrap_interval(values, seed=3), once)


def test_certain_results_have_no_width() -> None:
    assert bootstrap_interval(np.ones(9, dtype=bool), seed=0) == (1.0, 1.0)
    assert bootstrap_interval(np.zeros(1, dtype=bool), seed=0) == (0.0, 0.0)


def test_counted_values_have_the_interval_of_the_values_themselves() -> None:
    values = np.repeat([-1, 0, 1], [3, 50, 9])
    counted = interval_of_counts(np.array([-1, 0, 1]), np.array([3, 50, 9]), seed=7, resamples=300)
    assert counted == bootstrap_interval(values, seed=7, resamples=300)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        bootstrap_interval(np.array([]), seed=0)
    with pytest.raises(ValueError, match="level"):
        bootstrap_interval(np.ones(3), seed=0, level=1.0)
    with pytest.raises(ValueError, match="needs resamples, not 0"):
        bootstrap_interval(np.ones(3), seed=0, resamples=0)
