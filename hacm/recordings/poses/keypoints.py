"""Keypoints of a person as JSON has them: flat lists of x, y and confidence, in the order of a known skeleton."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording
from hacm.recordings.poses.json_text import as_numbers
from hacm.skeletons.shipped import COCO_17, H36M_17, HALPE_26
from hacm.skeletons.topology import Topology

FIRST_OF = {17: COCO_17, 26: HALPE_26, 133: COCO_17, 136: HALPE_26}
"""By the number of keypoints, the skeleton that they are, or begin with: COCO-WholeBody and Halpe's full body add feet,
face and hands."""


def skeleton_of(count: int, dimensions: int = 2) -> Topology:
    """The skeleton of so many keypoints; BadRecording if none is known."""
    topology = H36M_17 if (count, dimensions) == (17, 3) else FIRST_OF.get(count)
    if topology is None:
        known = ", ".join(map(str, FIRST_OF))
        raise BadRecording(f"a person has {count} keypoints; known are those of {known}")
    return topology


def read_flat(values: Any, what: str, coordinates: int = 2) -> NDArray[np.float64]:
    """x, y (z) and confidence (V, C + 1) of a flat list; what has no confidence, or 0, is NaN."""
    numbers = as_numbers(values, what)
    if numbers.ndim != 1 or len(numbers) % (coordinates + 1) or not len(numbers):
        shape = "×".join(map(str, numbers.shape))
        raise BadRecording(f"{what} are {shape} numbers, not {coordinates + 1} for each joint")
    return hide_unseen(numbers.reshape(-1, coordinates + 1))


def hide_unseen(values_VC: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same with NaN for the places of joints that have no confidence, or 0."""
    hidden_VC = values_VC.copy()
    hidden_VC[~(values_VC[:, -1] > 0), :-1] = np.nan
    return hidden_VC
