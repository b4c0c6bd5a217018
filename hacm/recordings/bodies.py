"""Joints as some array has them → the bodies of a Recording: metres, y up, NaN where a body was not seen.

Shape suffixes: M bodies, T frames, V joints, C coordinates.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hacm.errors import BadRecording
from hacm.recordings.notes import Kind, Note
from hacm.skeletons.topology import Topology

MOST_BODIES = 8
"""People in front of one sensor at a time, by default: Kinect tracks six."""


def as_bodies(
    joints: ArrayLike,
    topology: Topology,
    *,
    metres: float = 1.0,
    up: Literal["y", "z"] = "y",
    most_bodies: int = MOST_BODIES,
) -> tuple[NDArray[np.float32], tuple[Note, ...]]:
    """bodies_MTVC and notes of a Recording, from real numbers of shape (T, V, 3) or (M, T, V, 3).

    metres: how long the unit of the numbers is. up: the axis that points up; z becomes y, (x, y, z) → (x, z, −y).
    Absent are body-frames of zeros alone, as data sets have it, and those with a number that is not finite, which are
    noted if other joints of theirs are numbers; bodies that are never seen go. BadRecording for another shape or other
    contents, and for more than most_bodies, which frames would be if they came first.
    """
    values = _numbers(joints)
    wanted = (len(topology.joints), 3)
    if values.ndim not in (3, 4) or values.shape[-2:] != wanted or 0 in values.shape:
        raise BadRecording(f"joints of shape {values.shape} instead of (frames, {wanted[0]}, 3) or "
                           f"(bodies, frames, {wanted[0]}, 3)")  # fmt: skip
    bodies_MTVC = values.reshape((-1, *values.shape[-3:]))
    if len(bodies_MTVC) > most_bodies:
        bodies, frames = bodies_MTVC.shape[:2]
        raise BadRecording(
            f"{bodies} bodies of {frames} frames: at most {most_bodies} can be (most_bodies); the order is "
            "(bodies, frames, joints, 3), so swap the first two axes if frames come first"
        )
    # What float32 cannot hold becomes infinite, and is dealt with like what was never finite.
    with np.errstate(over="ignore", invalid="ignore"):
        scaled_MTVC = (bodies_MTVC.astype(np.float64) * metres).astype(np.float32)
    if up == "z":
        scaled_MTVC = np.stack((scaled_MTVC[..., 0], scaled_MTVC[..., 2], -scaled_MTVC[..., 1]), axis=-1)
    return _mark_absent(scaled_MTVC)


def _numbers(joints: ArrayLike) -> NDArray[Any]:
    try:
        values = np.asarray(joints)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadRecording(f"joints are not an array of numbers ({error})") from error
    if values.dtype.kind not in "fiu":
        raise BadRecording(f"joints are {values.dtype}, not real numbers")
    return values


def _mark_absent(bodies_MTVC: NDArray[np.float32]) -> tuple[NDArray[np.float32], tuple[Note, ...]]:
    finite_MT = np.isfinite(bodies_MTVC).all(axis=(2, 3))
    seen_MT = finite_MT & (bodies_MTVC != 0).any(axis=(2, 3))
    # A body-frame without any number is how a file says that nobody was seen: nothing is lost with it.
    partly_MT = ~finite_MT & ~np.isnan(bodies_MTVC).all(axis=(2, 3))
    lost = int(np.count_nonzero(partly_MT))
    bodies_MTVC[~seen_MT] = np.nan
    notes = (Note(Kind.NOT_FINITE, count=lost),) if lost else ()
    return np.ascontiguousarray(bodies_MTVC[seen_MT.any(axis=1)]), notes
