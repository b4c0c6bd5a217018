"""Rotations about one axis, of which capture systems' joint angles consist."""

import numpy as np
from numpy.typing import NDArray

AXES = "xyz"


def turn(axis: str, angle_T: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation matrices (T, 3, 3) about an axis by angles in radians, right-handed."""
    first, second = ((AXES.index(axis) + step) % 3 for step in (1, 2))
    matrix_T33 = np.zeros((len(angle_T), 3, 3))
    matrix_T33[:, AXES.index(axis), AXES.index(axis)] = 1
    matrix_T33[:, first, first] = matrix_T33[:, second, second] = np.cos(angle_T)
    matrix_T33[:, second, first] = np.sin(angle_T)
    matrix_T33[:, first, second] = -matrix_T33[:, second, first]
    return matrix_T33
