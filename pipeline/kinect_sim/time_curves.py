"""Curves over time that motion programs are made of. All of them take the frames' times in seconds, shape (T,)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def ease(seconds_T: Array, start: float, end: float) -> Array:
    """From 0 at start to 1 at end along the minimum-jerk polynomial 10s³ − 15s⁴ + 6s⁵ (Flash and Hogan 1985)."""
    s_T = np.clip((seconds_T - start) / max(end - start, 1e-6), 0.0, 1.0)
    return s_T**3 * (10.0 + s_T * (6.0 * s_T - 15.0))


def hermite(seconds_T: Array, times: Sequence[float], values: Sequence[float], slopes: Sequence[float]) -> Array:
    """The piecewise cubic through values at ascending times with the given slopes; constant outside."""
    knots_K, value_K, slope_K = (np.asarray(numbers, dtype=np.float64) for numbers in (times, values, slopes))
    at_T = np.clip(seconds_T, knots_K[0], knots_K[-1])
    left_T = np.clip(np.searchsorted(knots_K, at_T, side="right") - 1, 0, len(knots_K) - 2)
    width_T = knots_K[left_T + 1] - knots_K[left_T]
    s_T = (at_T - knots_K[left_T]) / width_T
    rise_T = s_T**2 * (3.0 - 2.0 * s_T)
    leave_T = s_T * (1.0 - s_T) ** 2 * width_T * slope_K[left_T]
    arrive_T = s_T**2 * (s_T - 1.0) * width_T * slope_K[left_T + 1]
    curve_T: Array = (1.0 - rise_T) * value_K[left_T] + rise_T * value_K[left_T + 1] + leave_T + arrive_T
    return curve_T


def wander(seconds_T: Array, rng: np.random.Generator, columns: int, low: float = 0.1, high: float = 0.9) -> Array:
    """Smooth aimless drift, (T, columns), about unit variance: four sines of low..high hertz a column."""
    hertz_WK = rng.uniform(low, high, (4, columns))
    phase_WK = rng.uniform(0.0, 2.0 * np.pi, (4, columns))
    waves_TWK = np.sin(2.0 * np.pi * hertz_WK * seconds_T[:, None, None] + phase_WK)
    drift_TK: Array = waves_TWK.sum(axis=1) * np.sqrt(0.5)
    return drift_TK
