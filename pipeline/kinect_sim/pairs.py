"""Motion programs of actions that two people do: the performer, and the partner who faces him at a distance.

Both are written in their own frames, in which the other stands straight ahead.
"""

import numpy as np

from pipeline.kinect_sim.actor import Actor
from pipeline.kinect_sim.body import LEFT, OUTWARD, RIGHT


def punch_or_slap(actor: Actor, partner: Actor, gap: float) -> None:
    """The performer strikes at the partner once or twice, straight or from the side; the partner flinches."""
    hand = actor.hand
    straight, hits = actor.chance(0.6), [0.42] if actor.chance(0.6) else [0.32, 0.68]
    height = partner.body.hip_height + partner.body.lower_spine + partner.body.upper_spine * actor.vary(0.7, 1.1)
    turn = -OUTWARD[hand]
    in_T = actor.hold(0.0, 0.2, 0.8, 1.0)
    actor.shift(ahead=0.10 * in_T)
    actor.step(1 - hand, 0.0, 0.3 * in_T * (1.0 - in_T), 0.22 * in_T)
    guard = actor.vary(0.2, 0.9)
    for side in (LEFT, RIGHT):
        actor.reach(side, "shoulder", (-0.05, -0.14, 0.22), guard * in_T)
    for hit in hits:
        cock_T = actor.hold(hit - 0.28, hit - 0.13, hit - 0.12, hit + 0.04)
        strike_T = actor.hold(hit - 0.13, hit + 0.04, hit + 0.05, hit + 0.26)
        actor.bend(left=turn * (0.45 * strike_T - 0.3 * cock_T), forward=0.15 * strike_T)
        actor.shift(ahead=0.07 * strike_T)
        cocked = (0.12, -0.16, -0.10) if straight else (0.36, 0.06, 0.10)
        actor.reach(hand, "shoulder", cocked, cock_T, swivel=0.8)
        across = OUTWARD[hand] * (0.02 if straight else -0.1)
        actor.reach(hand, "floor", (across, height, gap - 0.22), strike_T, swivel=0.6 if straight else 1.0)
        late_T = actor.hold(hit, hit + 0.1, hit + 0.17, hit + 0.4) * actor.vary(0.5, 1.2)
        partner.bend(forward=-0.22 * late_T, left=-0.2 * OUTWARD[hand] * late_T)
        partner.nod(forward=-0.15 * late_T, left=-0.25 * OUTWARD[hand] * late_T)
        partner.shift(ahead=-0.09 * late_T)
    if partner.chance(0.4):  # raises the hands
        for side in (LEFT, RIGHT):
            partner.reach(side, "shoulder", (-0.04, 0.0, 0.26), partner.hold(0.25, 0.45, 0.7, 1.0))


def hug(actor: Actor, partner: Actor, gap: float) -> None:
    """One or both walk up, arms go round, stay, and part again."""
    near = 0.28 * 0.5 * (actor.body.unit + partner.body.unit)
    share = actor.vary(0.5, 1.0)
    closed, leave = actor.vary(0.4, 0.48), actor.vary(0.72, 0.8)
    mean_shoulder = 0.5 * sum(
        a.body.hip_height + a.body.lower_spine + 0.7 * a.body.upper_spine for a in (actor, partner)
    )
    upper_hand = RIGHT if actor.chance(0.6) else LEFT
    for person, part, friend in ((actor, share, partner), (partner, 1.0 - share, actor)):
        distance = part * (gap - near)
        if distance > 0.05:
            person.walk(distance, 0.0, closed, stride=0.45)
        there_T, away_T = person.ease(closed - 0.12, closed + 0.06), person.ease(leave, 1.0)
        person.bend(forward=0.12 * (there_T - away_T))
        person.nod(right=0.2 * (there_T - away_T), left=0.25 * (there_T - away_T))
        person.shift(ahead=-0.10 * away_T * min(1.0, part * 2.0))
        open_T = person.hold(closed - 0.25, closed - 0.08, leave + 0.1, 1.0)
        for side in (LEFT, RIGHT):
            high = 0.12 if side == upper_hand else -0.16  # over the friend's shoulder, or under the arm
            person.reach(side, "shoulder", (0.16, -0.04 + high, 0.40), open_T, swivel=2.0)
            behind = person.point(OUTWARD[side] * 0.07, mean_shoulder + high, distance + near + 0.12 * friend.body.unit)
            round_T = there_T - person.ease(leave, leave + 0.16)
            person.reach(side, "floor", behind, round_T, aim=(-1.2, -0.1, -0.6), swivel=2.6)


def shake_hands(actor: Actor, partner: Actor, gap: float) -> None:
    """Right hands meet half way, go up and down, and part."""
    there, leave = actor.vary(0.24, 0.34), actor.vary(0.7, 0.8)
    shake_T = actor.rhythm(actor.vary(1.6, 2.8), there, leave)
    height = 0.5 * (actor.body.hip_height + partner.body.hip_height) + actor.vary(0.04, 0.18)
    size = actor.vary(0.02, 0.06) * actor.style.vigour
    meet = 0.5 * gap
    for person in (actor, partner):
        delay = 0.0 if person is actor else abs(float(person.rng.normal(0.0, 0.04)))
        out_T = person.hold(delay, there + delay, leave, 1.0)
        point_TC = person.point(-0.03, height + size * shake_T, meet - 0.06 * person.body.unit)
        person.reach(RIGHT, "floor", point_TC, out_T, aim=(-0.1, 0.0, 0.3), swivel=0.2)
        person.shift(ahead=0.04 * out_T)
        person.bend(forward=person.vary(0.02, 0.16) * out_T, left=0.12 * out_T)
        person.nod(forward=person.vary(-0.1, 0.1) * out_T + 0.02 * shake_T)


def walk_towards(actor: Actor, partner: Actor, gap: float) -> None:
    """Both walk towards each other and stop a step apart."""
    near = actor.vary(0.7, 1.0)
    share = actor.vary(0.4, 0.6)
    for person, part in ((actor, share), (partner, 1.0 - share)):
        begin = float(np.clip(abs(person.rng.normal(0.0, 0.05)), 0.0, 0.12))
        person.walk(part * (gap - near), begin, 0.95, stride=person.vary(0.4, 0.6))
