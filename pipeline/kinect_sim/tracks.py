"""What the sensor's body tracker makes of a view: which frames see nobody, when an id is lost and given anew, ghosts.

Shape suffixes: T frames, V joints, C coordinates.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from pipeline.kinect_sim.sensor import Sighting, lasting_noise
from pipeline.kinect_sim.time_curves import Array

FIRST_ID = 72057594037900000

# How often a view (of each body, for the lost ids) has these, with quirks = 1.
EMPTY_START, DROPOUT, LOST_ID, LATE_PARTNER = 0.10, 0.07, 0.06, 0.30
SHORT_GHOST, WIDE_GHOST, BYSTANDER, BLANK_COLOUR = 0.12, 0.05, 0.02, 0.06


class Ghost(Enum):
    """A body that is none (short-lived, or furniture), or that has no part in the action."""

    SHORT = "short"
    WIDE = "wide"
    BYSTANDER = "bystander"


@dataclass(frozen=True)
class Plan:
    """A view's mishaps. Frame ranges are (first, end), end not included.

    empty: frames that see nobody. spans: for each body the ranges in which it has one id. ghosts: kind and range.
    blank: (body, joint, range) without colour coordinates.
    """

    empty: tuple[tuple[int, int], ...]
    spans: tuple[tuple[tuple[int, int], ...], ...]
    ghosts: tuple[tuple[Ghost, tuple[int, int]], ...]
    blank: tuple[tuple[int, int, tuple[int, int]], ...]


@dataclass(frozen=True)
class Track:
    """One body id: joints and states as the sensor reports them, the frames in which it reports them, and joints and
    frames without colour coordinates."""

    body_id: int
    joints_TVC: Array
    state_TV: NDArray[np.int64]
    seen_T: NDArray[np.bool_]
    blank_TV: NDArray[np.bool_]


def draw_plan(rng: np.random.Generator, frames: int, bodies: int, quirks: float) -> Plan:
    """Mishaps of a view with that many frames and bodies. quirks: 1 usual, 0 none, 2 twice as often."""

    def happens(probability: float) -> bool:
        return bool(rng.random() < quirks * probability)

    def stretch(least: int, most: int) -> tuple[int, int]:
        length = min(int(rng.integers(least, most + 1)), frames)
        begin = int(rng.integers(0, frames - length + 1))
        return begin, begin + length

    empty = []
    if happens(EMPTY_START):
        empty.append((0, int(rng.integers(1, 7))))
    if happens(DROPOUT):
        empty.append(stretch(1, 4))
    spans: list[tuple[tuple[int, int], ...]] = []
    for body in range(bodies):
        begin = int(rng.integers(3, frames // 2)) if body > 0 and happens(LATE_PARTNER) else 0
        if happens(LOST_ID):
            lost = int(rng.integers(begin + 5, frames - 5))
            # Mostly some frames are lost with the id; sometimes old and new id share a frame or two.
            again = min(lost + int(rng.integers(-2, 5)), frames - 1)
            spans.append(((begin, lost), (again, frames)))
        else:
            spans.append(((begin, frames),))
    ghosts = []
    if happens(SHORT_GHOST):
        ghosts.append((Ghost.SHORT, stretch(2, 11)))
    if happens(WIDE_GHOST):
        ghosts.append((Ghost.WIDE, stretch(15, frames)))
    if happens(BYSTANDER):
        ghosts.append((Ghost.BYSTANDER, stretch(20, frames)))
    blank = []
    if happens(BLANK_COLOUR):
        blank.append((int(rng.integers(bodies)), int(rng.integers(25)), stretch(1, 12)))
    return Plan(tuple(empty), tuple(spans), tuple(ghosts), tuple(blank))


def follow(sightings: list[Sighting], plan: Plan, noise: float, rng: np.random.Generator) -> list[Track]:
    """The tracks of a view, in the order in which the sensor lists them."""
    frames = len(sightings[0].state_TV)
    seen_T = np.ones(frames, dtype=np.bool_)
    for begin, end in plan.empty:
        seen_T[begin:end] = False
    next_id = FIRST_ID + int(rng.integers(1000, 90000))
    tracks = []
    for body, (sighting, spans) in enumerate(zip(sightings, plan.spans, strict=True)):
        blank_TV = np.zeros(sighting.state_TV.shape, dtype=np.bool_)
        for owner, joint, (begin, end) in plan.blank:
            if owner == body:
                blank_TV[begin:end, joint] = True
        for span in spans:
            within_T = seen_T & _range(frames, span)
            tracks.append(Track(next_id, sighting.joints_TVC, sighting.state_TV, within_T, blank_TV))
            next_id += int(rng.integers(1, 40))
    for kind, span in plan.ghosts:
        joints_TVC = _ghost(kind, sightings[0].joints_TVC, max(noise, 0.3), rng)
        state_TV = np.full(joints_TVC.shape[:2], 2 if kind is Ghost.BYSTANDER else 1)
        nothing_TV = np.zeros(state_TV.shape, dtype=np.bool_)
        tracks.append(Track(next_id, joints_TVC, state_TV, seen_T & _range(frames, span), nothing_TV))
        next_id += int(rng.integers(1, 40))
    order = rng.permutation(len(tracks)) if rng.random() < 0.2 else range(len(tracks))
    return [tracks[number] for number in order]


def _range(frames: int, span: tuple[int, int]) -> NDArray[np.bool_]:
    within_T = np.zeros(frames, dtype=np.bool_)
    within_T[span[0] : span[1]] = True
    return within_T


def _ghost(kind: Ghost, joints_TVC: Array, noise: float, rng: np.random.Generator) -> Array:
    """Joints of a ghost near the given body, (T, V, 3)."""
    frames, count = joints_TVC.shape[:2]
    still_VC = joints_TVC[0] - joints_TVC[0, 1]
    side = rng.choice((-1.0, 1.0))
    place_C = joints_TVC[0, 1] + (side * rng.uniform(0.7, 1.3), rng.uniform(-0.1, 0.1), rng.uniform(-0.3, 0.9))
    jitter_TVC = noise * lasting_noise(rng, frames, count)
    ghost_TVC: Array
    if kind is Ghost.BYSTANDER:
        size = rng.uniform(0.92, 1.08)
        sway_T1C = noise * 0.012 * lasting_noise(rng, frames, 1)
        ghost_TVC = place_C + size * still_VC * (side, 1.0, side) + sway_T1C + 0.006 * jitter_TVC
    elif kind is Ghost.WIDE:
        # A sofa or table taken for a body: low, broad, joints strewn along it.
        strewn_VC = still_VC * (0.0, 0.35, 0.3)
        strewn_VC[:, 0] = rng.uniform(0.9, 1.3) * rng.uniform(-0.5, 0.5, count)
        ghost_TVC = place_C + (0.0, -0.35, 0.0) + strewn_VC + 0.010 * jitter_TVC
    else:
        drift_T1C = np.cumsum(0.02 * rng.standard_normal((frames, 1, 3)), axis=0)
        ghost_TVC = place_C + rng.uniform(0.5, 1.0) * still_VC + drift_T1C + 0.05 * jitter_TVC
    return ghost_TVC
