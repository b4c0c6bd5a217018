"""Whether a recording can be what a model was trained on: its unit, which way is up, which way people face, how long.

Everything is measured on clips, that is after cleaning, in the model's skeleton.

Shapes: M bodies, T frames, R rows (one body in one frame in which it is there), V joints, C coordinates.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hacm.errors import ImplausibleRecording
from hacm.models.description import Axes, Seen
from hacm.recordings.bodies import UPRIGHT, Up
from hacm.skeletons.bones import measure_bones_by_row
from hacm.skeletons.topology import Topology

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254, "ft": 0.3048}
"""Metres."""

IMPOSSIBLE_SIZE = 2.5
"""So many times larger than the largest of training, or smaller than the smallest, is another unit."""
UNUSUAL_SIZE = 1.25
MARGIN = 0.25
"""How much less than the least cosine of training is still taken for the same direction."""
LEAST_FRAMES = 2

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Measures:
    """Measures of one clip.

    size: the mean bone in metres, the median over rows. posture_VC: the mean of the first body's rows, centred; of the
    first body alone, because several people may face one another.
    """

    frames: int
    bodies: int
    size: float
    posture_VC: NDArray[np.float64]

    @classmethod
    def of(cls, bodies_MTVC: NDArray[np.float32], topology: Topology) -> "Measures":
        """Those of a clip, of which some row must not be zero."""
        first_TVC = next(body_TVC for body_TVC in bodies_MTVC if body_TVC.any())
        size = float(np.median(measure_bones_by_row(_present(bodies_MTVC), topology).mean(axis=1)))
        posture_VC = _present(first_TVC).mean(axis=0, dtype=np.float64)
        return cls(bodies_MTVC.shape[1], len(bodies_MTVC), size, posture_VC - posture_VC.mean(axis=0))

    def upright(self, height_V: Floats, up: Up = "y") -> float:
        """The cosine of the angle between `up` and the direction in which the joints are as high as in training.

        That direction is the sum of the joints' places, each times its height there; its length is not looked at.
        """
        direction_C = height_V @ self.posture_VC
        length = float(np.linalg.norm(direction_C))
        axis, sign = UPRIGHT[up][1]
        return sign * float(direction_C[axis]) / length if length > 0 else 0.0

    def facing(self, topology: Topology) -> NDArray[np.float64] | None:
        """The direction (x, 0, z) from the right to the left joints, of length 1; None if there is none."""
        pairs = pair_sides(topology)
        if not pairs:
            return None
        left, right = np.array(pairs).T
        direction_C = (self.posture_VC[left] - self.posture_VC[right]).mean(axis=0) * (1, 0, 1)
        length = float(np.linalg.norm(direction_C))
        return direction_C / length if length > 0 else None


def _present(bodies_XVC: NDArray[np.float32]) -> NDArray[np.float32]:
    """(R, V, C): the rows in which a body is there."""
    rows_RVC = bodies_XVC.reshape(-1, *bodies_XVC.shape[-2:])
    return rows_RVC[(rows_RVC != 0).any(axis=(1, 2))]


def pair_sides(topology: Topology) -> list[tuple[int, int]]:
    """Joints that are called alike but for left and right: (left, right)."""
    place = {name: joint for joint, name in enumerate(topology.joints)}
    found = [(joint, place.get(name.replace("left", "right"))) for name, joint in place.items() if "left" in name]
    return [(left, right) for left, right in found if right is not None]


def look_at(clips: Iterable[NDArray[np.float32]], topology: Topology, fps: float) -> Seen:
    """What clips of training, (M, T, V, 3) each, were like. ValueError without clips."""
    measured = [Measures.of(bodies_MTVC, topology) for bodies_MTVC in clips]
    if not measured:
        raise ValueError("no clips to look at")
    height_V = np.mean([one.posture_VC[:, 1] for one in measured], axis=0)
    directions = [direction for one in measured if (direction := one.facing(topology)) is not None]
    facing_C: Axes | None = None
    turned: float | None = None
    if directions:
        mean_C = np.mean(directions, axis=0)
        if np.linalg.norm(mean_C) > 0:
            x, y, z = (float(value) for value in mean_C / np.linalg.norm(mean_C))
            facing_C = (x, y, z)
            turned = float(min(np.dot(direction, facing_C) for direction in directions))
    return Seen(
        fps=fps,
        frames=(min(one.frames for one in measured), max(one.frames for one in measured)),
        bodies=max(one.bodies for one in measured),
        size=(min(one.size for one in measured), max(one.size for one in measured)),
        height_V=tuple(float(height) for height in height_V),
        upright=min(one.upright(height_V) for one in measured),
        facing_C=facing_C,
        turned=turned,
    )


def check_clip(
    bodies_MTVC: NDArray[np.float32], topology: Topology, seen: Seen, fps: float
) -> tuple[list[str], list[str]]:
    """(what makes it no recording of this model's kind, what is merely unusual), a line each that says what to do.

    fps: its frames per second.
    """
    if bodies_MTVC.shape[1] < LEAST_FRAMES:
        return [f"{bodies_MTVC.shape[1]} frame: a movement has at least {LEAST_FRAMES}"], []
    one = Measures.of(bodies_MTVC, topology)
    wrong = [line for line in (_check_size(one, seen), _check_up(one, seen)) if line]
    unusual = [line for line in (_note_size(one, seen), _note_length(one, seen, fps)) if line]
    if not wrong:
        unusual += [line for line in (_note_facing(one, topology, seen), _note_standing(bodies_MTVC, topology)) if line]
    return wrong, unusual


def _check_size(one: Measures, seen: Seen) -> str | None:
    low, high = seen.size
    if low / IMPOSSIBLE_SIZE <= one.size <= high * IMPOSSIBLE_SIZE:
        return None
    fitting = [unit for unit, metres in UNITS.items() if low / UNUSUAL_SIZE <= one.size * metres <= high * UNUSUAL_SIZE]
    remedy = (
        f"if they are {fitting[0]}, say unit={fitting[0]}"
        if fitting
        else "say how many metres their unit is (unit=0.5)"
    )
    return (
        f"a bone is {one.size:.3g} m long on average, {low:.2g} to {high:.2g} m in training, so the coordinates are "
        f"not metres: {remedy}"
    )


def _note_size(one: Measures, seen: Seen) -> str | None:
    low, high = seen.size
    if low / UNUSUAL_SIZE <= one.size <= high * UNUSUAL_SIZE or _check_size(one, seen):
        return None
    than = "smaller" if one.size < low else "larger"
    return f"{than} than anybody in training: a bone is {one.size:.2g} m long on average, there {low:.2g} to {high:.2g}"


def _check_up(one: Measures, seen: Seen) -> str | None:
    """Another axis points up as y did in training, and y does not."""
    height_V = np.array(seen.height_V)
    agreement = one.upright(height_V)
    if agreement >= seen.upright - MARGIN:
        return None
    best = max(UPRIGHT, key=lambda up: one.upright(height_V, up))
    if one.upright(height_V, best) < seen.upright - MARGIN:
        return None
    return f"y does not point up: {best} does, so say up={best} (a person who lies, or is upside down, looks so, too)"


def _note_length(one: Measures, seen: Seen, fps: float) -> str | None:
    least, most = (frames / seen.fps for frames in seen.frames)
    seconds = one.frames / fps
    if least / 2 <= seconds <= most * 2:
        return None
    how = "short" if seconds < least else "long"
    return f"{how} for one movement: {seconds:.2g} s, {least:.2g} to {most:.2g} s in training"


def _note_facing(one: Measures, topology: Topology, seen: Seen) -> str | None:
    if seen.facing_C is None or seen.turned is None:
        return None
    direction_C = one.facing(topology)
    if direction_C is None:
        return None
    cosine = float(np.dot(direction_C, seen.facing_C))
    if cosine >= seen.turned - MARGIN:
        return None
    (x, _, z), (seen_x, _, seen_z) = direction_C, seen.facing_C
    turn = round(float(np.degrees(np.arctan2(z, x) - np.arctan2(seen_z, seen_x)) + 180) % 360) - 180
    return (
        f"turned by {abs(turn)} degrees against how people stood in training: say turn={turn} if they stand so, or "
        "mirrored if left and right are on the wrong sides"
    )


def _note_standing(bodies_MTVC: NDArray[np.float32], topology: Topology) -> str | None:
    """Coordinates that were centred frame by frame have lost how the body moves through space."""
    centre_TC = bodies_MTVC[0, :, topology.centre]
    moves = bool(np.ptp(centre_TC, axis=0).any())
    others_move = bool(np.ptp(bodies_MTVC[0], axis=0).any())
    if moves or not others_move:
        return None
    return (
        f"{topology.joints[topology.centre]} never moves, so the coordinates were centred frame by frame; give those "
        "of the room if there are any"
    )


def metres_of(unit: str | float) -> float:
    """How long a unit is."""
    if isinstance(unit, str):
        if unit not in UNITS:
            raise ImplausibleRecording(f"unknown unit {unit!r}; known: {', '.join(UNITS)}, or a number of metres")
        return UNITS[unit]
    if not 0 < unit < float("inf"):
        raise ImplausibleRecording(f"unit {unit} must be a positive number of metres")
    return float(unit)
