"""Bone lengths of a skeleton, measured.

Shape suffixes: R rows (one body in one frame), V joints, B bones, C coordinates.
"""

import numpy as np
from numpy.typing import NDArray

from hacm.skeletons.topology import Topology


def measure_bones_by_row(rows_RVC: NDArray[np.float32], topology: Topology) -> NDArray[np.float32]:
    """(R, B) metres: the length of every bone in every row, in the order of topology.bones."""
    joints, parents = np.array(topology.bones).T
    bones_RBC = rows_RVC[:, joints] - rows_RVC[:, parents]
    return np.sqrt(np.einsum("rbc,rbc->rb", bones_RBC, bones_RBC))


def measure_mean_bones(rows_RVC: NDArray[np.float32], topology: Topology) -> NDArray[np.float64]:
    """(V,) metres: the mean length of the bone from each joint to its parent over all rows in which the body is there.

    0 at the root, which has no parent. Absent bodies are all zero.
    """
    present = rows_RVC[(rows_RVC != 0).any(axis=(1, 2))]
    lengths = np.zeros(len(topology.joints))
    for joint, parent in topology.bones:
        lengths[joint] = np.linalg.norm(present[:, joint] - present[:, parent], axis=-1).mean(dtype=np.float64)
    return lengths
