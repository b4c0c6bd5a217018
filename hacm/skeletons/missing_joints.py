"""Joints that were not seen, read from what was: from the same joint before and after, or from the joint it hangs on.

Shape suffixes: T frames of one body, R rows (one body in one frame), V joints, C coordinates.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Gaps = Literal["interpolate", "hold"]
"""`interpolate`: on a straight line between the frames before and after; `hold`: as in the frame before. Where a body's
first frames lack the joint the first seen one stands in, and where the last ones do the last, either way."""


def fill_gaps(
    joints_TVC: NDArray[np.float32], seen_TV: NDArray[np.bool_], how: Gaps, longest: int | None = None
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The joints of one body with gaps of at most `longest` frames filled (None: any), and where that was done (T, V).

    A gap is a run of consecutive frames in which a joint was not seen. What is not filled stays as it is.
    """
    frames = len(seen_TV)
    place_T1 = np.arange(frames)[:, np.newaxis]
    before_TV = np.maximum.accumulate(np.where(seen_TV, place_T1, -1), axis=0)
    after_TV = np.minimum.accumulate(np.where(seen_TV, place_T1, frames)[::-1], axis=0)[::-1]
    filled_TV = ~seen_TV & ((before_TV >= 0) | (after_TV < frames))
    if longest is not None:
        filled_TV &= after_TV - before_TV - 1 <= longest
    frame, joint = np.nonzero(filled_TV)
    before, after = before_TV[frame, joint], after_TV[frame, joint]
    first, last = np.where(before < 0, after, before), np.where(after == frames, before, after)
    values = joints_TVC[first, joint]
    if how == "interpolate":
        share = np.where(last > first, (frame - first) / np.maximum(last - first, 1), 0)[:, np.newaxis]
        values = values * (1 - share) + joints_TVC[last, joint] * share
    filled_TVC = joints_TVC.copy()
    filled_TVC[frame, joint] = values
    return filled_TVC, filled_TV


def take_from_parents(
    joints_RVC: NDArray[np.float32], seen_RV: NDArray[np.bool_], parents: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Each joint that was not seen where the nearest seen one towards the root is, and where that was done (R, V).

    Where no joint up to the root was seen there is none, and what is there stays.
    """
    taken_RVC, known_RV = joints_RVC.copy(), seen_RV.copy()
    for joint in order_from_root(parents):
        parent = parents[joint]
        if parent >= 0:
            from_parent_R = ~seen_RV[:, joint] & known_RV[:, parent]
            taken_RVC[from_parent_R, joint] = taken_RVC[from_parent_R, parent]
            known_RV[:, joint] |= from_parent_R
    return taken_RVC, known_RV & ~seen_RV


def order_from_root(parents: Sequence[int]) -> list[int]:
    """All joints, each after the one it hangs on."""
    depths = []
    for joint in range(len(parents)):
        depth, above = 0, parents[joint]
        while above >= 0:
            depth, above = depth + 1, parents[above]
        depths.append(depth)
    return sorted(range(len(parents)), key=lambda joint: (depths[joint], joint))


def order_by_distance(parents: Sequence[int], start: int) -> list[int]:
    """All joints, the nearest to `start` along the bones first; of equally near ones the lower number."""
    steps = {start: 0}
    for joint in (queue := [start]):
        near = [child for child, parent in enumerate(parents) if parent == joint] + [parents[joint]]
        for other in near:
            if other >= 0 and other not in steps:
                steps[other] = steps[joint] + 1
                queue.append(other)
    return sorted(steps, key=lambda joint: (steps[joint], joint))
