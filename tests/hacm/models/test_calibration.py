"""Temperature and calibration error, against their definitions."""

import numpy as np
import pytest
from scipy.special import softmax

from hacm.models.calibration import (
    calibration_error,
    calibration_interval,
    choose_temperature,
    fit_temperature,
    negative_log_likelihood,
    probabilities,
)

RNG = np.random.default_rng(0)


def draw(clips: int, temperature: float, classes: int = 5):
    """Scores whose classes were drawn from softmax(scores / temperature): that is the temperature to be found."""
    scores_NK = RNG.normal(scale=4, size=(clips, classes)).astype(np.float32)
    chance_NK = softmax(scores_NK / temperature, axis=1)
    target_N = np.array([RNG.choice(classes, p=chance_K / chance_K.sum()) for chance_K in chance_NK.astype(float)])
    return scores_NK, target_N


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_classes_is_found(temperature):
    assert fit_temperature(*draw(20_000, temperature)) == pytest.approx(temperature, rel=0.05)


def test_somebody_who_moves_otherwise_does_not_decide_the_temperature():
    """One of five is recognised by chance alone, whatever the scores say."""
    parts = [draw(4_000, temperature) for temperature in (0.9, 1.0, 1.1, 1.2)]
    scores_NK, _ = draw(4_000, 1.0)
    parts.append((scores_NK, RNG.integers(5, size=4_000)))
    scores_NK, target_N = (np.concatenate(one) for one in zip(*parts, strict=True))
    subject_N = np.repeat(np.arange(5), 4_000)
    assert choose_temperature(scores_NK, target_N, subject_N) == pytest.approx(1.1, rel=0.1)
    assert fit_temperature(scores_NK, target_N) > 1.5
    alone = choose_temperature(scores_NK[:4_000], target_N[:4_000], subject_N[:4_000])
    assert alone == pytest.approx(fit_temperature(scores_NK[:4_000], target_N[:4_000]))


def test_no_other_temperature_is_more_likely():
    scores_NK, target_N = draw(300, 2.0)
    found = fit_temperature(scores_NK, target_N)
    least = negative_log_likelihood(scores_NK, target_N, found)
    for other in np.geomspace(0.02, 50, 400):
        assert least <= negative_log_likelihood(scores_NK, target_N, other) + 1e-6


def test_the_likelihood_is_the_mean_of_the_true_classes():
    scores_NK, target_N = draw(50, 1.0)
    chances = [probabilities(scores_NK, 1.7)[n, target] for n, target in enumerate(target_N)]
    assert negative_log_likelihood(scores_NK, target_N, 1.7) == pytest.approx(-np.log(chances).mean())


def test_certain_and_right_has_no_error_and_certain_and_wrong_all():
    certain_NK = np.eye(4)[[0, 1, 2, 3]]
    assert calibration_error(certain_NK, np.array([0, 1, 2, 3])) == 0
    assert calibration_error(certain_NK, np.array([1, 2, 3, 0])) == 1


def test_the_error_is_the_one_of_its_definition():
    probability_NK = softmax(RNG.normal(size=(200, 6)), axis=1)
    target_N = RNG.integers(6, size=200)
    confidence_N, hit_N = probability_NK.max(1), probability_NK.argmax(1) == target_N
    expected = 0.0
    for low in np.arange(15) / 15:
        inside_N = (confidence_N >= low) & (confidence_N < low + 1 / 15)
        if inside_N.any():
            expected += inside_N.mean() * abs(hit_N[inside_N].mean() - confidence_N[inside_N].mean())
    assert calibration_error(probability_NK, target_N) == pytest.approx(expected)


def test_the_interval_holds_the_errors_of_most_resamples():
    scores_NK, target_N = draw(400, 1.0)
    probability_NK = probabilities(scores_NK, 0.4)
    interval = calibration_interval(probability_NK, target_N, seed=1, resamples=300)
    assert interval.low < calibration_error(probability_NK, target_N) < interval.high
    assert interval == calibration_interval(probability_NK, target_N, seed=1, resamples=300)


def test_without_clips_there_is_no_temperature():
    with pytest.raises(ValueError, match="at least one clip"):
        fit_temperature(np.empty((0, 3)), np.empty(0, dtype=int))
