"""People: proportions and style of a performer, a function of the data set's seed and the performer's number alone."""

from dataclasses import dataclass

import numpy as np

from pipeline.kinect_sim.body import LEFT, RIGHT, Proportions

PEOPLE_STREAM = 1  # keeps the random numbers of people apart from those of performances and sensors


@dataclass(frozen=True)
class Style:
    """How a person moves and stands.

    tempo, vigour: speed and size of movements, 1 is usual. hand: the side preferred. lean, slump: habitual bend of
    spine and head, radians. tilt: habitual sideways bend. stance: how far the feet stand outside the hips, metres.
    toe_out: radians. arm_out, arm_ahead: where hands hang, metres. sway: size of idle movement, 1 is usual. unsteady:
    jitter of rhythm. weaker: size of the other hand's movement against the preferred one's. facing: habitual error in
    facing the camera, radians.
    """

    tempo: float
    vigour: float
    hand: int
    lean: float
    slump: float
    tilt: float
    stance: float
    toe_out: float
    arm_out: float
    arm_ahead: float
    sway: float
    unsteady: float
    weaker: float
    facing: float


@dataclass(frozen=True)
class Person:
    """A body with a style."""

    body: Proportions
    style: Style


def find_person(seed: int, performer: int, variety: float, partner: bool = False) -> Person:
    """The performer of that number, or the partner whom that performer brings to two-person actions.

    variety: how much people differ, 1 is usual.
    """
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, PEOPLE_STREAM, performer, int(partner)])))
    return Person(_proportions(rng, variety), _style(rng, variety))


def _proportions(rng: np.random.Generator, variety: float) -> Proportions:
    height = float(np.clip(1.72 + variety * rng.normal(0.0, 0.1), 1.5, 1.95))

    def share(ratio: float, spread: float = 0.03) -> float:
        return height * ratio * float(np.clip(1.0 + variety * rng.normal(0.0, spread), 0.85, 1.15))

    legs, arms = float(share(1.0, 0.015)), float(share(1.0, 0.02))  # long legs are long above and below the knee
    return Proportions(
        height=height,
        lower_spine=share(0.140), upper_spine=share(0.126), neck=share(0.042), head=share(0.088),
        shoulder_half=share(0.103, 0.05), shoulder_drop=share(0.020, 0.1),
        upper_arm=arms * 0.170, forearm=arms * 0.146, palm=share(0.044), fingers=share(0.044), thumb=share(0.026),
        hip_half=share(0.047, 0.06), hip_drop=share(0.018),
        thigh=legs * 0.242, shank=legs * 0.238, ankle_height=share(0.044), foot=share(0.075, 0.04),
    )  # fmt: skip


def _style(rng: np.random.Generator, variety: float) -> Style:
    def around(usual: float, spread: float, low: float, high: float) -> float:
        return float(np.clip(usual + variety * rng.normal(0.0, spread), low, high))

    return Style(
        tempo=around(1.0, 0.14, 0.7, 1.4),
        vigour=around(1.0, 0.14, 0.65, 1.35),
        hand=LEFT if rng.random() < 0.15 else RIGHT,
        lean=around(0.05, 0.05, -0.05, 0.18),
        slump=around(0.05, 0.07, -0.08, 0.28),
        tilt=around(0.0, 0.02, -0.06, 0.06),
        stance=around(0.04, 0.03, 0.0, 0.12),
        toe_out=around(0.2, 0.1, 0.0, 0.5),
        arm_out=around(0.09, 0.025, 0.04, 0.16),
        arm_ahead=around(0.06, 0.04, -0.03, 0.15),
        sway=around(1.0, 0.35, 0.4, 2.0),
        unsteady=around(0.12, 0.05, 0.02, 0.3),
        weaker=around(0.92, 0.08, 0.65, 1.0),
        facing=around(0.0, 0.10, -0.3, 0.3),
    )
