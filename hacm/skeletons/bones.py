"""Bone lengths of a skeleton, measured."""

import numpy as np
from numpy.typing import NDArray

from hacm.skeletons.topology import Topology


def measure_bones(rows_RVC: NDArray[np.float32], topology: Topology) -> NDArray[np.float64]:
    """Mean length in metres of the bone from each joint to its parent over all rows in which the body is there.

    (V,); 0 at the root, which has no parent. rows_RVC: (R, V, 3), absent bodies all zero.
    """
    present = rows_RVC[(rows_RVC != 0).any(axis=(1, 2))]
    lengths = np.zeros(len(topology.joints))
    for joint, parent in topology.bones:
        lengths[joint] = np.linalg.norm(present[:, joint] - present[:, parent], axis=-1).mean(dtype=np.float64)
    return lengths
