"""A person about to act: idles by itself, and offers the words that motion programs are written in.

Times inside a program are shares of its active span: 0 where the action sets in, 1 where the person is back at rest.
Shape suffixes: T frames, C coordinates, S sides (left, right).
"""

import itertools

import numpy as np

from pipeline.kinect_sim.body import LEFT, OUTWARD, RIGHT, Place, Pose, Reach
from pipeline.kinect_sim.people import Person
from pipeline.kinect_sim.time_curves import Array, ease, hermite, wander

FPS = 30.0
GRAVITY = 9.81
Point = tuple[float, float, float] | Array


class Actor:
    """One performer of one repetition.

    habit: random numbers of this person doing this action, the same in every repetition; rng: of this repetition.
    seconds_T: times of the frames. start, end: the active span. Public channels are those of Pose.
    """

    def __init__(
        self, person: Person, seconds_T: Array, span: tuple[float, float], habit: np.random.Generator,
        rng: np.random.Generator, variety: float,
    ) -> None:  # fmt: skip
        self.person, self.body, self.style = person, person.body, person.style
        self.seconds_T, (self.start, self.end) = seconds_T, span
        self.habit, self.rng, self.variety = habit, rng, variety
        self.hand = person.style.hand
        self.other = RIGHT if self.hand == LEFT else LEFT
        self.pose = self._at_rest()

    def _at_rest(self) -> Pose:
        frames, style, body = len(self.seconds_T), self.style, self.body
        drift_TK = wander(self.seconds_T, self.rng, 14) * style.sway
        pelvis_TC = np.array([0.0, body.hip_height, 0.0]) + drift_TK[:, :3] * (0.008, 0.001, 0.008)
        ankle_TSC = np.zeros((frames, 2, 3))
        for side in (LEFT, RIGHT):
            ankle_TSC[:, side] = (OUTWARD[side] * (body.hip_half + style.stance), body.ankle_height, -0.03)
        stagger = self.rng.normal(0.0, 0.025) * self.variety
        ankle_TSC[:, :, 2] += (stagger, -stagger)
        pose = Pose(
            pelvis_TC=pelvis_TC,
            turn_TC=drift_TK[:, 3:6] * (0.004, 0.012, 0.006) + (0.3 * style.lean, 0.0, 0.0),
            spine_TC=drift_TK[:, 6:9] * (0.010, 0.015, 0.008) + (style.lean, 0.0, style.tilt),
            head_TC=drift_TK[:, 9:12] * (0.025, 0.04, 0.02) + (style.slump, 0.0, -style.tilt),
            ankle_TSC=ankle_TSC,
            foot_TS=np.zeros((frames, 2)),
            toe_out=style.toe_out,
        )
        for side in (LEFT, RIGHT):
            swing_T = drift_TK[:, 12 + side]
            point_TC = np.stack(
                [style.arm_out + 0.004 * swing_T, np.full(frames, -0.525), style.arm_ahead + 0.010 * swing_T], axis=1
            )
            pose.reaches[side].append(Reach("hang", point_TC, np.ones(frames), aim=(0.0, 0.0, 0.15)))
        return pose

    # -- chance ------------------------------------------------------------------------------------------------------

    def vary(self, low: float, high: float) -> float:
        """A number about low..high: mostly this person's habit in this action, a little this repetition."""
        share = self.habit.random() + 0.35 * (self.rng.random() - 0.5)
        return low + (high - low) * float(np.clip(0.5 + self.variety * (share - 0.5), -0.15, 1.15))

    def chance(self, probability: float) -> bool:
        """Whether this person has a habit of that probability; one repetition in six goes against the habit."""
        habitual = bool(self.habit.random() < probability)
        exception = bool(self.rng.random() < probability)
        return exception if self.rng.random() < 1 / 6 else habitual

    # -- time --------------------------------------------------------------------------------------------------------

    @property
    def span(self) -> float:
        """Seconds of the active span."""
        return self.end - self.start

    def moment(self, share: float) -> float:
        """Seconds at a share of the active span."""
        return self.start + share * self.span

    def ease(self, begin: float, end: float) -> Array:
        """0 before begin, 1 after end."""
        return ease(self.seconds_T, self.moment(begin), self.moment(end))

    def hold(self, begin: float, there: float, leave: float, back: float) -> Array:
        """0, 1 from there to leave, and 0 again."""
        return self.ease(begin, there) - self.ease(leave, back)

    def phase(self, hertz: float, begin: float) -> Array:
        """Phase of a rhythm in this person's tempo, radians, 0 at begin, unsteady as the person is."""
        seconds_T = self.seconds_T - self.moment(begin)
        unsteady_T = wander(self.seconds_T, self.rng, 1, 0.2, 0.8)[:, 0] * 2.0 * self.style.unsteady
        phase_T: Array = 2.0 * np.pi * hertz * self.style.tempo * seconds_T + unsteady_T
        return phase_T

    def rhythm(self, hertz: float, begin: float, end: float) -> Array:
        """A sine of that rhythm, swelling from and fading to 0 at the ends."""
        fade = min(0.3 * (end - begin), 0.12)
        strength_T = self.hold(begin, begin + fade, end - fade, end)
        swells_T = 1.0 + 0.15 * wander(self.seconds_T, self.rng, 1, 0.2, 0.8)[:, 0]
        wave_T: Array = np.sin(self.phase(hertz, begin)) * strength_T * swells_T
        return wave_T

    # -- the body ----------------------------------------------------------------------------------------------------

    def point(self, outward: float | Array, up: float | Array, ahead: float | Array) -> Array:
        """A moving point, (T, 3)."""
        return np.stack(np.broadcast_arrays(outward, up, ahead, self.seconds_T)[:3], axis=1).astype(np.float64)

    def reach(
        self, side: int, place: Place, point: Point, weight_T: Array, aim: tuple[float, float, float] = (0.0, 0.0, 0.0),
        swivel: float = 0.35,
    ) -> None:  # fmt: skip
        """Send a wrist to a place (see body.Reach). Later reaches go on from where earlier ones have taken it."""
        point_TC = np.broadcast_to(np.asarray(point, dtype=np.float64), (len(self.seconds_T), 3))
        self.pose.reaches[side].append(Reach(place, point_TC, weight_T, aim, swivel))

    def bend(self, forward: Array | float = 0.0, left: Array | float = 0.0, right: Array | float = 0.0) -> None:
        """Bend the spine forward, turn it left, tilt it to the right; radians, on top of what it does already."""
        self.pose.spine_TC = self.pose.spine_TC + self.point(forward, left, right)

    def nod(self, forward: Array | float = 0.0, left: Array | float = 0.0, right: Array | float = 0.0) -> None:
        """The same for the head."""
        self.pose.head_TC = self.pose.head_TC + self.point(forward, left, right)

    def tip(self, forward: Array | float = 0.0, left: Array | float = 0.0, right: Array | float = 0.0) -> None:
        """The same for the pelvis, and with it the whole trunk."""
        self.pose.turn_TC = self.pose.turn_TC + self.point(forward, left, right)

    def shift(self, left: Array | float = 0.0, up: Array | float = 0.0, ahead: Array | float = 0.0) -> None:
        """Move the pelvis over feet that stay, metres."""
        self.pose.pelvis_TC = self.pose.pelvis_TC + self.point(left, up, ahead)

    def lift(self, up: Array, ahead: Array | float = 0.0) -> None:
        """Move the whole body, feet and all, metres."""
        self.shift(up=up, ahead=ahead)
        self.pose.ankle_TSC += self.point(0.0, up, ahead)[:, None, :]

    def step(self, side: int, outward: Array | float, up: Array | float, ahead: Array | float) -> None:
        """Move one ankle, metres."""
        self.pose.ankle_TSC[:, side] += self.point(OUTWARD[side] * np.asarray(outward), up, ahead)

    def walk(self, distance: float, begin: float, end: float, stride: float) -> None:
        """Walk ahead (back if negative) with arms swinging; stride: the length of a step aimed at, metres."""
        steps = max(2, round(abs(distance) / (stride * self.body.unit)) + 1)
        edges = np.linspace(self.moment(begin), self.moment(end), steps + 1)
        first = self.hand if self.chance(0.6) else self.other
        place_S = [0.0, 0.0]
        for number, (leave, land) in enumerate(itertools.pairwise(edges)):
            side = first if number % 2 == 0 else 1 - first
            goal = distance if number >= steps - 2 else distance * (number + 1) / steps
            self._swing_leg(side, goal - place_S[side], float(leave), float(land))
            place_S[side] = goal
        centre_T: Array = self.pose.ankle_TSC[:, :, 2].mean(axis=1) + 0.03
        smooth_T = np.convolve(np.pad(centre_T, 6, mode="edge"), np.hanning(15)[1:-1] / np.hanning(15).sum(), "valid")
        self.shift(ahead=smooth_T - smooth_T[0])
        phase_T = np.pi * (self.seconds_T - edges[0]) / (edges[1] - edges[0])
        strength_T = self.hold(begin, begin + 0.1, end - 0.1, end) * self.style.vigour
        self.shift(up=-0.018 * strength_T * (1.0 + np.cos(2.0 * phase_T)))
        self.tip(left=0.07 * strength_T * np.sin(phase_T) * (1.0 if first == RIGHT else -1.0))
        for side in (LEFT, RIGHT):
            opposite = -1.0 if side == first else 1.0
            ahead_T = 0.06 + opposite * 0.14 * np.sin(phase_T)
            self.reach(side, "hang", self.point(self.style.arm_out, -0.51, ahead_T), strength_T, aim=(0.0, 0.0, 0.15))

    def _swing_leg(self, side: int, length: float, leave: float, land: float) -> None:
        forward_T = ease(self.seconds_T, leave, land)
        air_T = np.sin(np.pi * forward_T)
        self.step(side, 0.0, 0.09 * min(abs(length) / 0.4, 1.3) * self.body.unit * air_T, length * forward_T)
        # Heel off the ground while leaving, toes up before landing.
        self.pose.foot_TS[:, side] += np.sign(length) * air_T * (0.7 - 1.1 * forward_T)

    def leap(self, takeoff: float, height: float, crouch: float) -> float:
        """Jump: dip, fly along a parabola, dip on landing. Seconds and metres; returns the seconds of landing."""
        speed = float(np.sqrt(2.0 * GRAVITY * height))
        landing = takeoff + 2.0 * speed / GRAVITY
        fall_T = np.clip(self.seconds_T - takeoff, 0.0, landing - takeoff)
        flight_T = speed * fall_T - 0.5 * GRAVITY * fall_T**2
        self.lift(up=flight_T)
        before, after = 2.2 * crouch / speed, 1.6 * crouch / speed
        lowered_T = self._dip(takeoff, before, crouch, speed) + self._dip(landing, -after, 0.8 * crouch, speed)
        self.shift(up=lowered_T)
        self.bend(forward=-1.5 * lowered_T)
        air_T = ease(self.seconds_T, takeoff - 0.02, takeoff + 0.1) - ease(self.seconds_T, landing - 0.12, landing)
        self.pose.foot_TS += (0.5 * air_T)[:, None]
        return landing

    def _dip(self, contact: float, away: float, depth: float, speed: float) -> Array:
        """The pelvis going down and up beside a take-off (away > 0 seconds before it) or landing (away < 0)."""
        if away > 0:
            times = (contact - away - 0.35, contact - away, contact)
            return hermite(self.seconds_T, times, (0.0, -depth, 0.0), (0.0, 0.0, speed)) * (self.seconds_T < contact)
        times = (contact, contact - away, contact - away + 0.35)
        return hermite(self.seconds_T, times, (0.0, -depth, 0.0), (-speed, 0.0, 0.0)) * (self.seconds_T > contact)
