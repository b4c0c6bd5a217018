"""Figures of merit against plain loops."""

import numpy as np
import pytest

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


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        metrics.top_k(SCORES, TARGET[:-1], 1)
    with pytest.raises(ValueError, match="outside the 7 classes"):
        metrics.top_k(SCORES, TARGET + 1, 1)
    with pytest.raises(ValueError, match="k of at least 1"):
        metrics.top_k(SCORES, TARGET, 0)
    with pytest.raises(ValueError, match="no clips"):
        metrics.top_k(SCORES[:0], TARGET[:0], 1)
