"""Figures of merit against plain loops and known distributions."""

import numpy as np
import pytest
from scipy import stats

from hacm.evaluation import metrics

RANDOM = np.random.default_rng(0)
SCORES = RANDOM.normal(size=(200, 7)).astype(np.float32)
TARGET = RANDOM.integers(0, 7, 200)


@pytest.mark.parametrize("k", [1, 2, 5, 7])
def test_top_k_is_membership_in_the_sorted_list(k: int) -> None:
    best = np.argsort(-SCORES, axis=1)[:, :k]
    expected = [target in row for target, row in zip(TARGET, best, strict=True)]
    assert metrics.top_k(SCORES, TARGET, k).tolist() == expected


def test_ties_and_nan_count_against_the_true_class() -> None:
    scores = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [np.nan, 2.0, 1.0], [np.nan] * 3, [3.0, 1.0, 1.0]])
    target = np.array([0, 2, 1, 0, 0])
    assert metrics.top_k(scores, target, 1).tolist() == [False, False, False, False, True]
    assert metrics.top_k(scores, target, 2).tolist() == [True, False, True, False, True]
    assert metrics.top_k(scores, target, 3).all()


def test_per_class_accuracy_is_each_classes_own_share() -> None:
    target = np.where(TARGET == 3, 4, TARGET)
    found = metrics.per_class(SCORES, target, 7)
    hits = SCORES.argmax(1) == target
    for label in range(7):
        if label == 3:
            assert np.isnan(found[label])
        else:
            assert found[label] == pytest.approx(hits[target == label].mean())
    assert metrics.class_counts(target, 7).tolist() == [int((target == label).sum()) for label in range(7)]


def test_confusion_counts_true_by_predicted() -> None:
    prediction = SCORES.argmax(1)
    expected = np.zeros((7, 7), dtype=int)
    for true, predicted in zip(TARGET, prediction, strict=True):
        expected[true, predicted] += 1
    assert (metrics.confusion_matrix(prediction, TARGET, 7) == expected).all()


def test_the_interval_of_hits_is_the_binomial_one() -> None:
    """The published rule of thumb: about ±0.45 points on NTU-60 xsub's 16,487 test clips at 91 %."""
    hits = np.arange(16_487) < 0.91 * 16_487
    low, high = metrics.bootstrap_interval(hits, seed=1)
    expected = stats.binom(16_487, hits.mean()).ppf([0.025, 0.975]) / 16_487
    np.testing.assert_allclose([low, high], expected, atol=4e-4)
    assert (high - low) / 2 == pytest.approx(0.0045, abs=4e-4)


def test_the_interval_is_that_of_resampled_clips() -> None:
    values = np.random.default_rng(5).exponential(size=80)
    values[:20] = values[20:40]  # repeated values are drawn together
    draws = np.random.default_rng(6).integers(0, 80, (40_000, 80))
    expected = np.quantile(values[draws].mean(1), [0.05, 0.95])
    found = metrics.bootstrap_interval(values, seed=2, level=0.9, resamples=40_000)
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_the_interval_depends_on_the_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    values = RANDOM.normal(size=50)
    once = metrics.bootstrap_interval(values, seed=3)
    assert metrics.bootstrap_interval(values, seed=3) == once
    assert metrics.bootstrap_interval(values, seed=4) != once
    monkeypatch.setattr(metrics, "BOOTSTRAP_CELLS", 500)  # ten resamples at a time
    np.testing.assert_allclose(metrics.bootstrap_interval(values, seed=3), once)


def test_certain_results_have_no_width() -> None:
    assert metrics.bootstrap_interval(np.ones(9, dtype=bool), seed=0) == (1.0, 1.0)
    assert metrics.bootstrap_interval(np.zeros(1, dtype=bool), seed=0) == (0.0, 0.0)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        metrics.top_k(SCORES, TARGET[:-1], 1)
    with pytest.raises(ValueError, match="outside the 7 classes"):
        metrics.top_k(SCORES, TARGET + 1, 1)
    with pytest.raises(ValueError, match="k of at least 1"):
        metrics.top_k(SCORES, TARGET, 0)
    with pytest.raises(ValueError, match="no clips"):
        metrics.top_k(SCORES[:0], TARGET[:0], 1)
    with pytest.raises(ValueError, match="at least one value"):
        metrics.bootstrap_interval(np.array([]), seed=0)
    with pytest.raises(ValueError, match="level"):
        metrics.bootstrap_interval(np.ones(3), seed=0, level=1.0)
    with pytest.raises(ValueError, match="prediction lies outside"):
        metrics.confusion_matrix(TARGET + 1, TARGET, 7)
    with pytest.raises(ValueError, match="199 predictions"):
        metrics.confusion_matrix(TARGET[1:], TARGET, 7)
