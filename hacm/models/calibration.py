"""Probabilities from scores: one temperature, chosen on subjects that were left out (Guo et al., ICML 2017).

Shapes: N clips, K classes, B bins, S resamples.
"""

import numpy as np
from numpy.typing import NDArray

from hacm.bootstrap import LEVEL, RESAMPLES, Interval

BINS = 15
RANGE = (0.01, 100.0)
"""Between these a temperature lies."""

Floats = NDArray[np.float64]


def probabilities(scores_NK: NDArray[np.floating], temperature: float) -> Floats:
    """softmax(scores / temperature), (N, K)."""
    scaled_NK = scores_NK.astype(np.float64) / temperature
    shares_NK: Floats = np.exp(scaled_NK - scaled_NK.max(axis=1, keepdims=True))
    return shares_NK / shares_NK.sum(axis=1, keepdims=True)


def negative_log_likelihood(
    scores_NK: NDArray[np.floating], target_N: NDArray[np.integer], temperature: float
) -> float:
    """The mean of −log p(true class) over the clips."""
    from scipy.special import log_softmax  # here and not above: who only uses a model does not wait for it

    logs_NK = log_softmax(scores_NK.astype(np.float64) / temperature, axis=1)
    return float(-np.take_along_axis(logs_NK, target_N[:, None], axis=1).mean())


def fit_temperature(scores_NK: NDArray[np.floating], target_N: NDArray[np.integer]) -> float:
    """The temperature of the least negative log-likelihood; the scores must be of clips that nothing was fitted to.

    The likelihood is concave in 1 / temperature, so that there is one; it is looked for in RANGE. ValueError without
    clips.
    """
    # Here and not above: who only uses a model does not wait for it.
    from scipy.optimize import minimize_scalar

    if len(target_N) == 0:
        raise ValueError("a temperature needs at least one clip")
    low, high = (1 / edge for edge in reversed(RANGE))
    found = minimize_scalar(
        lambda inverse: negative_log_likelihood(scores_NK, target_N, 1 / inverse),
        bounds=(low, high), method="bounded", options={"xatol": 1e-6},
    )  # fmt: skip
    return float(1 / found.x)


def choose_temperature(
    scores_NK: NDArray[np.floating], target_N: NDArray[np.integer], subject_N: NDArray[np.integer]
) -> float:
    """The median of the temperatures that suit the subjects one by one; ValueError without clips.

    For subjects of many clips each. One temperature for all their clips would be decided by somebody who moves
    otherwise than the rest and is hardly recognised when left out.
    """
    fitting = [fit_temperature(scores_NK[subject_N == one], target_N[subject_N == one]) for one in np.unique(subject_N)]
    if not fitting:
        raise ValueError("a temperature needs at least one clip")
    return float(np.exp(np.median(np.log(fitting))))


def calibration_error(probability_NK: Floats, target_N: NDArray[np.integer], bins: int = BINS) -> float:
    """Expected calibration error, a share of 1.

    The mean distance of the share of hits from the mean probability, over bins of equal width of the greatest
    probability, weighted by clips. It is biased upwards for few clips.
    """
    confidence_N = probability_NK.max(axis=1)
    hit_N = probability_NK.argmax(axis=1) == target_N
    bin_N = np.minimum((confidence_N * bins).astype(np.int64), bins - 1)
    gap_B = np.bincount(bin_N, weights=hit_N - confidence_N, minlength=bins)
    return float(np.abs(gap_B).sum() / len(target_N))


def calibration_interval(
    probability_NK: Floats, target_N: NDArray[np.integer], *, seed: int, resamples: int = RESAMPLES
) -> Interval:
    """The percentile bootstrap interval of calibration_error over clips."""
    random = np.random.default_rng(seed)
    clips = len(target_N)
    error_S = []
    for _ in range(resamples):
        drawn_N = random.integers(clips, size=clips)
        error_S.append(calibration_error(probability_NK[drawn_N], target_N[drawn_N]))
    low, high = np.quantile(error_S, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))
