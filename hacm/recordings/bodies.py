"""Joints as some array has them → the bodies of a Recording: metres, y up, NaN where a joint was not seen.

Shape suffixes: M bodies, T frames, V joints, C coordinates.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hacm.errors import BadRecording, UserError
from hacm.recordings.notes import Kind, Note
from hacm.skeletons.topology import Topology

MOST_BODIES = 8
"""People in front of one sensor at a time, by default: Kinect tracks six."""

BODY_SIZE = 1.7
"""Metres that a body spans, the median of its frames, where its size is not in the numbers (two dimensions)."""

Up = Literal["x", "-x", "y", "-y", "z", "-z"]
"""The axis of a file that points up; `-y` where y grows downwards, as in pictures."""

UPRIGHT: dict[Up, tuple[tuple[int, int], ...]] = {
    "x": ((1, -1), (0, 1), (2, 1)),
    "-x": ((1, 1), (0, -1), (2, 1)),
    "y": ((0, 1), (1, 1), (2, 1)),
    "-y": ((0, 1), (1, -1), (2, -1)),
    "z": ((0, 1), (2, 1), (1, -1)),
    "-z": ((0, 1), (2, -1), (1, 1)),
}
"""For each, of x, y and z the axis of the file that it is and its sign. All are rotations, so that left stays left."""


class WrongShape(BadRecording):
    """Joints of another shape than their skeleton's, with that shape."""

    def __init__(self, reason: str, shape: tuple[int, ...]) -> None:
        super().__init__(reason)
        self.shape = shape


def check_settings(
    reader: str,
    *,
    metres: float = 1.0,
    up: str = "y",
    dimensions: int = 3,
    most_bodies: int = MOST_BODIES,
    unseen: Sequence[float] = (),
    least_confidence: float = 0.0,
) -> None:
    """UserError, naming the reader, for settings of its that `as_bodies` cannot take."""
    if not 0 < metres < math.inf:
        raise UserError(f"{reader}: metres {metres} must be positive; 0.001 for millimetres")
    if up not in UPRIGHT:
        raise UserError(f"{reader}: up {up!r} must be one of {', '.join(map(repr, UPRIGHT))}")
    if dimensions not in (2, 3):
        raise UserError(f"{reader}: dimensions {dimensions} must be 2 or 3")
    if dimensions == 2 and (metres != 1 or up[-1] == "z"):
        raise UserError(f"{reader}: in two dimensions metres is not needed, and up is x or y, maybe with a minus")
    if most_bodies < 1:
        raise UserError(f"{reader}: most_bodies {most_bodies} must be at least 1")
    if not isinstance(unseen, tuple) or not all(isinstance(number, int | float) for number in unseen):
        raise UserError(f"{reader}: unseen {unseen!r} must be a tuple of numbers, such as (0,) or (-1,)")
    if not 0 <= least_confidence < math.inf:
        raise UserError(f"{reader}: least_confidence {least_confidence} must be at least 0")


def as_bodies(
    joints: ArrayLike,
    topology: Topology,
    *,
    metres: float = 1.0,
    up: Up = "y",
    most_bodies: int = MOST_BODIES,
    dimensions: int = 3,
    mirrored: bool = False,
    unseen: Sequence[float] = (),
    confidence: ArrayLike | None = None,
    least_confidence: float = 0.0,
) -> tuple[NDArray[np.float32], tuple[Note, ...]]:
    """bodies_MTVC and notes of a Recording, from real numbers of shape (T, V, 3) or (M, T, V, 3), or of two dimensions.

    V: with or without the topology's derived joints, which are added where they lack. metres: how long the unit of the
    numbers is. up: the axis that points up and becomes y, by the turn in UPRIGHT: z by (x, y, z) → (x, z, −y).
    dimensions: 2 where the numbers are (…, V, 2), places in a picture: z is then 0, and the unit, whatever metres says,
    such that the bodies span BODY_SIZE, the median of all body-frames' largest extents. mirrored: left and right are on
    the wrong sides, so that x is turned about.
    Not seen, and NaN throughout, is a joint with a coordinate that is NaN, or infinite or too large for float32 (which
    is noted), or whose coordinates are all the same number of `unseen`; and one whose confidence, of the shape
    of joints without the last axis, is under least_confidence. Absent are body-frames in which no joint was seen, and
    those of zeros alone, as data sets have it; bodies that are never seen go. BadRecording for another shape or other
    contents, and for more than most_bodies, which frames would be if they came first.
    """
    values = _numbers(joints)
    recorded, all_joints = len(topology.recorded), len(topology.joints)
    wanted = ((recorded, dimensions), (all_joints, dimensions))
    if values.ndim not in (3, 4) or values.shape[-2:] not in wanted or 0 in values.shape:
        other = 5 - dimensions
        remedy = f"; set dimensions={other} where the reader is defined" if values.shape[-1:] == (other,) else ""
        raise WrongShape(f"joints of shape {values.shape} instead of (frames, {recorded}, {dimensions}) or "
                         f"(bodies, frames, {recorded}, {dimensions}){remedy}", values.shape)  # fmt: skip
    if dimensions == 2 and up[-1] == "z":
        raise BadRecording(f"up is {up}, but the recording has two dimensions; set up where the reader is defined")
    bodies_MTVC = values.reshape((-1, *values.shape[-3:]))
    if len(bodies_MTVC) > most_bodies:
        bodies, frames = bodies_MTVC.shape[:2]
        raise BadRecording(
            f"{bodies} bodies of {frames} frames: at most {most_bodies} are allowed (most_bodies); the order is "
            f"(bodies, frames, joints, {dimensions}), so swap the first two axes if frames come first"
        )
    values_MTVC = bodies_MTVC.astype(np.float64)
    for number in unseen:
        values_MTVC[(bodies_MTVC == number).all(axis=-1)] = np.nan
    if least_confidence > 0:
        values_MTVC[~(_confidence(confidence, bodies_MTVC.shape[:-1]) >= least_confidence)] = np.nan
    if dimensions == 2:
        metres = unit_of_pictures(values_MTVC)
        values_MTVC = np.concatenate([values_MTVC, np.zeros_like(values_MTVC[..., :1])], axis=-1)
    # What float32 cannot hold becomes infinite, and is dealt with like what was never finite.
    with np.errstate(over="ignore", invalid="ignore"):
        scaled_MTVC = (values_MTVC * metres).astype(np.float32)
    if up != "y":
        scaled_MTVC = np.stack([sign * scaled_MTVC[..., axis] for axis, sign in UPRIGHT[up]], axis=-1)
    if mirrored:
        scaled_MTVC[..., 0] *= -1
    scaled_MTVC += 0  # −0 is 0
    return _mark_missing(scaled_MTVC, topology)


def unit_of_pictures(values_MTVC: NDArray[np.float64]) -> float:
    """Metres to the unit of places in a picture, so that the bodies are of BODY_SIZE; 1 where none has a size."""
    finite_MTV1 = np.isfinite(values_MTVC).all(axis=3, keepdims=True)
    most_MTC = np.where(finite_MTV1, values_MTVC, -np.inf).max(axis=2)
    least_MTC = np.where(finite_MTV1, values_MTVC, np.inf).min(axis=2)
    with np.errstate(over="ignore", invalid="ignore"):
        sizes_MT = (most_MTC - least_MTC).max(axis=2)
    sizes = sizes_MT[np.isfinite(sizes_MT) & (sizes_MT > 0)]
    return BODY_SIZE / float(np.median(sizes)) if len(sizes) else 1.0


def _confidence(confidence: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[Any]:
    if confidence is None:
        raise BadRecording("it has no confidence for its joints, which least_confidence needs")
    values = _numbers(confidence)
    if values.size != math.prod(shape) or values.shape != shape[len(shape) - values.ndim :]:
        raise BadRecording(f"confidence of shape {values.shape} does not fit joints of shape {(*shape, 3)}")
    return values.reshape(shape)


def add_derived(joints_MTVC: NDArray[np.float32], topology: Topology) -> NDArray[np.float32]:
    """All joints of the topology, if only the recorded ones are there: each derived joint is the mean of its sources.

    NaN where one of these is NaN.
    """
    if joints_MTVC.shape[-2] == len(topology.joints):
        return joints_MTVC
    sources = [[topology.joints.index(joint) for joint in joints] for _, joints in topology.derived]
    with np.errstate(over="ignore", invalid="ignore"):
        means = [joints_MTVC[..., numbers, :].mean(axis=-2, keepdims=True) for numbers in sources]
    return np.concatenate([joints_MTVC, *means], axis=-2)


def _numbers(joints: ArrayLike) -> NDArray[Any]:
    try:
        values = np.asarray(joints)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadRecording(f"joints are not an array of numbers ({error})") from error
    if values.dtype.kind not in "fiu":
        raise BadRecording(f"joints are {values.dtype}, not real numbers")
    return values


def _mark_missing(bodies_MTVC: NDArray[np.float32], topology: Topology) -> tuple[NDArray[np.float32], tuple[Note, ...]]:
    """The bodies that were seen, with all joints of the topology, NaN where one was not; and what is to be noted."""
    infinite = int(np.count_nonzero(np.isinf(bodies_MTVC).any(axis=3)))
    bodies_MTVC[~np.isfinite(bodies_MTVC).all(axis=3)] = np.nan
    bodies_MTVC = add_derived(bodies_MTVC, topology)
    seen_MT = (np.nan_to_num(bodies_MTVC) != 0).any(axis=(2, 3))
    bodies_MTVC[~seen_MT] = np.nan
    notes = (Note(Kind.INFINITE, count=infinite),) if infinite else ()
    return np.ascontiguousarray(bodies_MTVC[seen_MT.any(axis=1)]), notes
