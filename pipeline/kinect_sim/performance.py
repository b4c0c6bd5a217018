"""A performance: who does what where, as joints in the room, before any camera looks at it.

Shape suffixes: T frames, V joints, C coordinates.
The room: origin on the floor where the cameras aim, z towards the middle camera, y up, metres.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.kinect_sim import actions, pairs
from pipeline.kinect_sim.actor import FPS, Actor
from pipeline.kinect_sim.body import joints, rotation
from pipeline.kinect_sim.people import find_person
from pipeline.kinect_sim.time_curves import Array

HABIT_STREAM, PERFORMANCE_STREAM = 2, 3
LEAST_FRAMES, MOST_FRAMES = 50, 120
FACING_REPLICATION = (np.deg2rad(45.0), np.deg2rad(-45.0))  # NTU: towards camera 2 first, towards camera 3 second


@dataclass(frozen=True)
class Program:
    """An action: its name, usual least and most seconds, and the program, alone or with a partner at a gap
    between gap's bounds, metres."""

    name: str
    seconds: tuple[float, float]
    alone: Callable[[Actor], None] | None = None
    together: Callable[[Actor, Actor, float], None] | None = None
    gap: tuple[float, float] = (0.0, 0.0)


PROGRAMS: dict[int, Program] = {
    1: Program("drink water", (2.0, 2.9), actions.drink_water),
    3: Program("brush teeth", (1.8, 2.9), actions.brush_teeth),
    6: Program("pick up", (1.5, 2.3), actions.pick_up),
    7: Program("throw", (1.3, 1.9), actions.throw),
    8: Program("sit down", (1.3, 2.0), actions.sit_down),
    9: Program("stand up", (1.2, 1.9), actions.stand_up),
    10: Program("clapping", (1.4, 2.4), actions.clap),
    22: Program("cheer up", (1.5, 2.3), actions.cheer_up),
    23: Program("hand waving", (1.5, 2.5), actions.wave),
    24: Program("kicking something", (1.3, 1.9), actions.kick),
    26: Program("hopping", (1.8, 2.5), actions.hop),
    27: Program("jump up", (1.5, 2.2), actions.jump_up),
    28: Program("phone call", (1.8, 2.8), actions.phone_call),
    34: Program("rub two hands", (1.4, 2.4), actions.rub_hands),
    37: Program("wipe face", (1.5, 2.4), actions.wipe_face),
    38: Program("salute", (1.3, 2.1), actions.salute),
    50: Program("punch or slap other person", (1.4, 2.0), together=pairs.punch_or_slap, gap=(0.80, 0.98)),
    55: Program("hugging", (2.4, 3.2), together=pairs.hug, gap=(1.0, 1.4)),
    58: Program("shaking hands", (1.8, 2.6), together=pairs.shake_hands, gap=(0.85, 1.1)),
    59: Program("walking towards", (1.8, 2.6), together=pairs.walk_towards, gap=(2.2, 3.0)),
}


@dataclass(frozen=True)
class Performance:
    """bodies: for each person the joints in the room, (T, 25, 3); the performer first."""

    bodies: tuple[Array, ...]

    @property
    def frames(self) -> int:
        """Number of frames at 30 a second."""
        return len(self.bodies[0])


def perform(seed: int, setup: int, performer: int, replication: int, action: int, variety: float = 1.0) -> Performance:
    """One repetition of an action; the same numbers give the same performance."""
    program = PROGRAMS[action]
    rng = _generator(seed, PERFORMANCE_STREAM, setup, performer, replication, action)
    person = find_person(seed, performer, variety)
    span = rng.uniform(*program.seconds) / person.style.tempo
    start = rng.uniform(0.15, 0.55)
    total = start + span + rng.uniform(0.1, 0.5)
    frames = int(np.clip(round(total * FPS), LEAST_FRAMES, MOST_FRAMES))
    seconds_T = np.arange(frames) / FPS
    ends = (start, min(start + span, frames / FPS))
    actor = Actor(person, seconds_T, ends, _generator(seed, HABIT_STREAM, performer, action), rng, variety)
    facing = FACING_REPLICATION[(replication - 1) % 2] + variety * (person.style.facing + rng.normal(0.0, 0.06))
    spot_C = np.array([rng.normal(0.0, 0.12), 0.0, rng.normal(0.0, 0.10)]) * variety
    if program.alone is not None:
        program.alone(actor)
        return Performance((_in_room(joints(actor.pose, actor.body), facing, spot_C),))
    assert program.together is not None
    partner_habit = _generator(seed, HABIT_STREAM, performer, action, 1)
    partner = Actor(find_person(seed, performer, variety, partner=True), seconds_T, ends, partner_habit, rng, variety)
    gap = rng.uniform(*program.gap) * 0.5 * (actor.body.unit + partner.body.unit)
    program.together(actor, partner, gap)
    # Pairs stand side by side before the middle camera, so that no camera has one straight behind the other.
    facing = rng.choice((-0.5, 0.5)) * np.pi + 0.25 * facing
    apart_C = 0.5 * gap * np.array([np.sin(facing), 0.0, np.cos(facing)])
    own = _in_room(joints(actor.pose, actor.body), facing, spot_C - apart_C)
    other = _in_room(joints(partner.pose, partner.body), facing + np.pi, spot_C + apart_C)
    return Performance((own, other))


def _generator(*numbers: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(numbers)))


def _in_room(joints_TVC: Array, facing: float, spot_C: Array) -> Array:
    """From the performer's own frame to the room; facing: radians from the middle camera towards camera 2."""
    placed_TVC: Array = joints_TVC @ rotation(np.array([0.0, facing, 0.0])).T + spot_C
    return placed_TVC
