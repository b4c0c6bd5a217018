"""Motion programs of actions that one person does, named and numbered as in NTU RGB+D.

Every program has preparation, action and return, and draws its sizes, rhythms and variants from the person's habit and
from chance (Actor.vary, Actor.chance). Points near the body are (outward, up, ahead) in metres for a person of 1.75 m.
"""

import numpy as np

from pipeline.kinect_sim.actor import Actor
from pipeline.kinect_sim.body import LEFT, OUTWARD, RIGHT
from pipeline.kinect_sim.time_curves import Array, ease


def _preferred(actor: Actor, probability: float = 0.93) -> int:
    """The hand used: nearly always the preferred one."""
    return actor.hand if actor.chance(probability) else actor.other


def drink_water(actor: Actor) -> None:
    """Cup to the mouth, head back, one or two sips, down again."""
    hand, there, leave = _preferred(actor), actor.vary(0.2, 0.32), actor.vary(0.66, 0.78)
    if actor.chance(0.6):  # the cup is held at the waist before and after
        actor.reach(hand, "shoulder", (-0.02, -0.36, 0.27), actor.hold(-0.15, 0.05, 0.9, 1.1))
    up_T = actor.hold(0.02, there, leave, 1.0)
    sip_T = 0.5 - 0.5 * np.cos(actor.phase(actor.vary(0.7, 1.2), there))
    point_TC = actor.point(actor.vary(0.03, 0.08), -0.17 + 0.02 * sip_T, actor.vary(0.15, 0.18))
    actor.reach(hand, "head", point_TC, up_T, aim=(-0.5, 0.1, -0.1), swivel=actor.vary(0.3, 0.9))
    back_T = actor.hold(there - 0.06, there + 0.08, leave - 0.05, leave + 0.1)
    actor.nod(forward=-actor.vary(0.1, 0.4) * back_T * (0.7 + 0.3 * sip_T))


def brush_teeth(actor: Actor) -> None:
    """One hand before the mouth, moving fast and little; head bent forward."""
    hand, there, leave = _preferred(actor), actor.vary(0.15, 0.25), actor.vary(0.78, 0.88)
    brush_T = actor.rhythm(actor.vary(2.4, 4.2), there, leave)
    size, upright = actor.vary(0.02, 0.045) * actor.style.vigour, actor.vary(0.0, 0.6)
    point_TC = actor.point(
        actor.vary(0.07, 0.13) + size * brush_T, actor.vary(-0.12, -0.07) + upright * size * brush_T, 0.15
    )
    up_T = actor.hold(0.0, there, leave, 1.0)
    actor.reach(hand, "head", point_TC, up_T, aim=(-0.7, 0.1, -0.1), swivel=actor.vary(0.3, 1.0))
    if actor.chance(0.3):  # the other hand holds a cup
        actor.reach(actor.other if hand == actor.hand else actor.hand, "shoulder", (-0.06, -0.3, 0.25), up_T)
    actor.nod(forward=actor.vary(0.0, 0.25) * up_T + 0.03 * brush_T)


def pick_up(actor: Actor) -> None:
    """Down to the floor, by the knees or by the back, one hand there, and up with it."""
    hand, deep = _preferred(actor), actor.vary(0.38, 0.48)
    down_T = actor.hold(0.0, deep, deep + actor.vary(0.06, 0.16), 1.0)
    squat = actor.vary(0.15, 1.0)
    depth, ahead = (0.10 + 0.40 * squat) * actor.body.unit, actor.vary(0.28, 0.42) * actor.body.unit
    actor.shift(up=-depth * down_T, ahead=-(0.16 - 0.05 * squat) * down_T)
    actor.tip(forward=(0.75 - 0.25 * squat) * down_T)
    actor.bend(forward=(0.85 - 0.3 * squat) * down_T, right=0.12 * down_T * -OUTWARD[hand])
    actor.nod(forward=-0.15 * down_T)
    across = OUTWARD[hand] * actor.vary(0.02, 0.2)
    grasp_T = actor.hold(0.05, deep, deep + 0.1, 0.95)
    actor.reach(hand, "floor", (across, actor.vary(0.14, 0.20), ahead), grasp_T, aim=(0.0, -0.6, 0.0))
    if actor.chance(0.5):  # looks at what was picked up
        actor.reach(hand, "shoulder", (-0.05, -0.3, 0.3), actor.hold(0.75, 0.92, 0.98, 1.15))
    rest = actor.other if hand == actor.hand else actor.hand
    if actor.chance(0.5):  # the other hand rests on the thigh
        actor.reach(rest, "thigh", (0.0, 0.11, 0.03), actor.hold(0.1, deep - 0.05, deep + 0.1, 0.9))


def throw(actor: Actor) -> None:
    """Wind up behind the shoulder (or low), release far ahead, follow through."""
    hand, strength = _preferred(actor, 0.97), actor.vary(0.7, 1.1) * actor.style.vigour
    back, release = actor.vary(0.30, 0.38), actor.vary(0.52, 0.60)
    turn = -OUTWARD[hand]  # turning the chest left (+) brings the right shoulder ahead
    wind_T, fling_T = actor.ease(0.0, back), actor.ease(back + 0.02, release + 0.06)
    gone_T = actor.ease(release + 0.08, 1.0)
    actor.bend(left=turn * strength * (-0.45 * wind_T + 0.85 * fling_T - 0.40 * gone_T))
    actor.bend(forward=strength * (-0.10 * wind_T + 0.32 * fling_T - 0.22 * gone_T))
    actor.shift(ahead=strength * (-0.05 * wind_T + 0.14 * fling_T - 0.09 * gone_T))
    if actor.chance(0.75):
        actor.reach(hand, "shoulder", (0.22, 0.26, -0.16), wind_T, aim=(0.0, 0.2, -0.5), swivel=1.0)
        actor.reach(hand, "shoulder", (0.02, 0.34, 0.46), actor.ease(back + 0.02, release), aim=(0.0, 0.0, 0.3))
    else:
        actor.reach(hand, "shoulder", (0.14, -0.44, -0.30), wind_T)
        actor.reach(hand, "shoulder", (0.02, -0.10, 0.54), actor.ease(back + 0.02, release), aim=(0.0, 0.3, 0.0))
    actor.reach(hand, "shoulder", (-0.16, -0.30, 0.42), actor.ease(release, release + 0.16))
    rest = actor.other if hand == actor.hand else actor.hand
    actor.reach(rest, "shoulder", (0.08, -0.16, 0.44), 0.6 * actor.hold(0.0, back, back + 0.05, release + 0.15))
    actor.reach(hand, "hang", (0.1, -0.525, 0.06), gone_T)
    if actor.chance(0.5):  # steps ahead with the other foot and back
        foot_T = actor.hold(back - 0.15, release - 0.05, 0.75, 1.0)
        actor.step(rest, 0.0, 0.28 * foot_T * (1.0 - foot_T), 0.3 * foot_T)
        actor.shift(ahead=0.12 * foot_T)


def _chair(actor: Actor, seated_T: Array, leaning_T: Array) -> None:
    """Between standing and sitting on a chair right behind; leaning forward on the way."""
    seat = actor.vary(0.40, 0.46) + 0.10 * actor.body.unit
    back = (0.92 * actor.body.thigh + 0.02) * actor.vary(0.92, 1.02)
    late_T = seated_T**1.3  # the pelvis goes back first, then down
    actor.shift(up=-(actor.body.hip_height - seat) * late_T, ahead=-back * seated_T)
    actor.tip(forward=0.45 * leaning_T - 0.12 * seated_T)
    actor.bend(forward=actor.vary(0.25, 0.5) * leaning_T - actor.vary(-0.1, 0.1) * seated_T)
    actor.nod(forward=-0.3 * leaning_T)
    lap_T = seated_T
    for side in (LEFT, RIGHT):
        actor.reach(side, "thigh", (actor.vary(-0.06, 0.05), 0.10, actor.vary(-0.02, 0.14)), lap_T)


def sit_down(actor: Actor) -> None:
    """Onto a chair, and a moment there."""
    down = actor.vary(0.55, 0.75)
    _chair(actor, actor.ease(0.02, down), actor.hold(0.0, 0.55 * down, 0.6 * down, down + 0.25))
    if actor.chance(0.4):  # looks back at the chair first
        actor.nod(left=0.6 * OUTWARD[actor.hand] * actor.hold(-0.1, 0.1, 0.15, 0.35))


def stand_up(actor: Actor) -> None:
    """From a chair."""
    off, upright = actor.vary(0.18, 0.3), actor.vary(0.75, 0.95)
    _chair(actor, 1.0 - actor.ease(off, upright), actor.hold(0.0, off + 0.12, off + 0.2, upright))


def clap(actor: Actor) -> None:
    """Both hands before the chest, apart and together."""
    there, leave = actor.vary(0.18, 0.26), actor.vary(0.74, 0.82)
    apart, up = actor.vary(0.08, 0.22) * actor.style.vigour, actor.vary(-0.28, -0.08)
    open_T = 0.5 - 0.5 * np.cos(actor.phase(actor.vary(1.8, 3.2), there))
    uneven = 0.5 * actor.vary(0.0, 1.0)  # one hand may do most of the clapping
    for side in (LEFT, RIGHT):
        share = 1.0 - uneven if side == actor.hand else 0.5 + uneven * 0.5
        point_TC = actor.point(0.035 + share * apart * open_T, up, actor.vary(0.26, 0.34))
        actor.reach(side, "chest", point_TC, actor.hold(0.0, there, leave, 1.0), aim=(-0.3, 0.3, 0.3))


def rub_hands(actor: Actor) -> None:
    """Both hands together before the belly, sliding against each other."""
    there, leave = actor.vary(0.17, 0.26), actor.vary(0.76, 0.84)
    rub_T = actor.rhythm(actor.vary(1.5, 3.0), there - 0.05, leave)
    size, up, ahead = actor.vary(0.02, 0.05), actor.vary(-0.36, -0.16), actor.vary(0.22, 0.32)
    for side in (LEFT, RIGHT):
        slide_T = size * rub_T * OUTWARD[side]
        point_TC = actor.point(0.04 + 0.2 * slide_T, up + 0.4 * slide_T, ahead + slide_T)
        actor.reach(side, "chest", point_TC, actor.hold(0.0, there, leave, 1.0), aim=(-0.4, 0.2, 0.2))
    actor.nod(forward=actor.vary(0.0, 0.3) * actor.hold(0.05, there + 0.1, leave, 1.0))


def cheer_up(actor: Actor) -> None:
    """Both fists (seldom one) up beside or above the head, pumping."""
    there, leave = actor.vary(0.22, 0.32), actor.vary(0.70, 0.78)
    pump_T = actor.rhythm(actor.vary(1.2, 2.4), there - 0.05, leave)
    height, wide = actor.vary(0.12, 0.46), actor.vary(0.08, 0.24)
    sides = (LEFT, RIGHT) if actor.chance(0.8) else (actor.hand,)
    for side in sides:
        reach = 1.0 if side == actor.hand else actor.style.weaker
        point_TC = actor.point(wide, reach * (height + 0.07 * pump_T), 0.12)
        actor.reach(side, "shoulder", point_TC, actor.hold(0.0, there, leave, 1.0), aim=(0.0, 0.4, 0.0), swivel=1.0)
    actor.bend(forward=-0.08 * actor.hold(0.0, there, leave, 1.0) + 0.02 * pump_T)
    actor.shift(up=0.012 * (pump_T - 1.0) * actor.hold(there, there + 0.1, leave, 1.0))


def wave(actor: Actor) -> None:
    """One hand (seldom both) raised, palm ahead, to and fro."""
    there, leave = actor.vary(0.15, 0.27), actor.vary(0.76, 0.86)
    swing_T = actor.rhythm(actor.vary(1.2, 2.3), there - 0.06, leave)
    height, wide = actor.vary(0.02, 0.36), actor.vary(0.12, 0.24)
    size = actor.vary(0.06, 0.14) * actor.style.vigour
    sides = [_preferred(actor)] if actor.chance(0.9) else [LEFT, RIGHT]
    for side in sides:
        point_TC = actor.point(wide + size * swing_T, height - 0.2 * size * swing_T**2, actor.vary(0.14, 0.26))
        up_T = actor.hold(0.0, there, leave, 1.0)
        actor.reach(side, "shoulder", point_TC, up_T, aim=(0.0, 0.6, 0.1), swivel=actor.vary(0.3, 1.0))
    actor.bend(right=0.03 * swing_T)


def salute(actor: Actor) -> None:
    """Hand to the brow, elbow out, held; stiff posture."""
    hand, there, leave = _preferred(actor, 0.97), actor.vary(0.2, 0.34), actor.vary(0.64, 0.8)
    up_T = actor.hold(0.0, there, leave, 1.0)
    point = (actor.vary(0.13, 0.19), actor.vary(-0.02, 0.05), actor.vary(0.08, 0.14))
    actor.reach(hand, "head", point, up_T, aim=(-0.9, 0.3, 0.0), swivel=actor.vary(1.2, 2.2))
    actor.bend(forward=-0.6 * actor.style.lean * up_T)
    actor.nod(forward=-0.6 * actor.style.slump * up_T)


def phone_call(actor: Actor) -> None:
    """Hand to the ear, held; head tilted to it, small talk."""
    hand, there, leave = _preferred(actor, 0.85), actor.vary(0.18, 0.3), actor.vary(0.84, 0.96)
    up_T = actor.hold(0.0, there, leave, 1.15)
    point = (actor.vary(0.10, 0.14), actor.vary(-0.13, -0.08), actor.vary(0.04, 0.1))
    actor.reach(hand, "head", point, up_T, aim=(-0.3, 0.6, -0.1), swivel=actor.vary(0.3, 1.1))
    tilt, talk_T = actor.vary(0.0, 0.25), actor.rhythm(actor.vary(0.5, 1.0), there, leave)
    actor.nod(forward=0.05 * up_T + 0.05 * talk_T, left=0.1 * talk_T, right=-OUTWARD[hand] * tilt * up_T)
    actor.tip(left=0.05 * talk_T)
    rest = actor.other if hand == actor.hand else actor.hand
    if actor.chance(0.25):  # gestures with, or pockets, the other hand
        point_TC = actor.point(0.02 + 0.05 * talk_T, -0.34 + 0.05 * talk_T, 0.22)
        actor.reach(rest, "shoulder", point_TC, actor.hold(0.25, 0.45, 0.75, 0.95))
    elif actor.chance(0.3):
        actor.reach(rest, "hang", (0.03, -0.44, 0.06), actor.hold(0.1, 0.3, 0.85, 1.0), aim=(-0.2, -0.5, 0.0))


def wipe_face(actor: Actor) -> None:
    """A hand (or both) over the face, one to three strokes."""
    there, leave = actor.vary(0.2, 0.3), actor.vary(0.72, 0.84)
    stroke_T = np.cos(actor.phase(actor.vary(0.7, 1.5), there))
    sideways, size = actor.vary(0.0, 1.0), actor.vary(0.6, 1.2) * actor.style.vigour
    sides = [_preferred(actor)] if actor.chance(0.75) else [LEFT, RIGHT]
    up_T = actor.hold(0.0, there, leave, 1.0)
    for side in sides:
        out_T = 0.06 + 0.05 * size * sideways * stroke_T
        height_T = -0.08 + 0.07 * size * (1.0 - 0.6 * sideways) * stroke_T
        point_TC = actor.point(out_T, height_T, actor.vary(0.14, 0.17))
        actor.reach(side, "head", point_TC, up_T, aim=(-0.5, 0.6, -0.2), swivel=actor.vary(0.3, 1.1))
    actor.nod(forward=actor.vary(-0.05, 0.3) * up_T - 0.04 * stroke_T * up_T)


def kick(actor: Actor) -> None:
    """Back with the leg, ahead and up, and back to stand; arms and trunk balance."""
    foot = actor.hand if actor.chance(0.9) else actor.other
    stand = 1 - foot
    back, hit, height = actor.vary(0.28, 0.36), actor.vary(0.5, 0.58), actor.vary(0.18, 0.75) * actor.style.vigour
    windup = actor.vary(0.15, 0.4)
    size = actor.body.unit
    over_T = actor.hold(0.0, back * 0.8, 0.85, 1.05)
    actor.shift(left=OUTWARD[stand] * (actor.body.hip_half + 0.6 * actor.style.stance) * over_T, up=-0.02 * over_T)
    back_T, kick_T, home_T = actor.ease(0.05, back), actor.ease(back, hit), actor.ease(hit + 0.03, 0.92)
    ahead_T = -windup * back_T + (windup + 0.84) * kick_T - 0.84 * home_T
    rise_T = 0.18 * back_T + (height - 0.18) * kick_T - height * home_T
    actor.step(foot, -0.1 * rise_T, size * rise_T, size * ahead_T)
    actor.pose.foot_TS[:, foot] += 0.8 * back_T - (0.8 + 0.4 * height) * kick_T + 0.4 * height * home_T
    reach_T = kick_T - home_T
    actor.tip(forward=0.08 * back_T - (0.2 * height + 0.08) * kick_T + 0.2 * height * home_T)
    actor.tip(left=-OUTWARD[foot] * 0.25 * (reach_T - 0.4 * (back_T - kick_T)))
    actor.bend(left=OUTWARD[foot] * 0.25 * reach_T, forward=0.12 * reach_T)
    actor.reach(stand, "hang", (0.22, -0.42, 0.28), 0.8 * reach_T)
    actor.reach(foot, "hang", (0.25, -0.44, -0.18), 0.8 * reach_T)


def hop(actor: Actor) -> None:
    """Several jumps on one foot, the other drawn up."""
    foot = actor.hand if actor.chance(0.8) else actor.other
    free, size = 1 - foot, actor.body.unit
    up_T = actor.hold(-0.05, 0.14, 0.9, 1.05)
    shift = actor.body.hip_half + actor.style.stance
    actor.shift(left=OUTWARD[foot] * shift * up_T)
    drawn, behind = actor.vary(0.16, 0.34), actor.vary(0.05, 0.35)
    actor.step(free, 0.0, size * drawn * up_T, -size * behind * up_T)
    actor.pose.foot_TS[:, free] += (0.2 + 2.0 * behind) * up_T
    height, pause = actor.vary(0.04, 0.11) * actor.style.vigour, actor.vary(0.16, 0.34)
    travel = actor.vary(-0.02, 0.16) if actor.chance(0.5) else 0.0
    takeoff = actor.moment(0.18) + 0.2
    while takeoff < actor.moment(0.82):
        landing = actor.leap(takeoff, height * actor.rng.uniform(0.8, 1.15), crouch=0.07)
        actor.lift(up=np.zeros_like(up_T), ahead=travel * ease(actor.seconds_T, takeoff, landing))
        takeoff = landing + pause * actor.rng.uniform(0.85, 1.2)
    wide = actor.vary(0.15, 0.3)
    for side in (LEFT, RIGHT):
        actor.reach(side, "hang", (wide, -0.40, 0.18), 0.9 * up_T, swivel=0.8)
    actor.bend(forward=0.1 * up_T)


def jump_up(actor: Actor) -> None:
    """Crouch, swing the arms, and jump with both feet, once or twice."""
    height, crouch = actor.vary(0.10, 0.28) * actor.style.vigour, actor.vary(0.14, 0.28)
    takeoffs = [actor.moment(0.5)] if actor.chance(0.6) else [actor.moment(0.32), actor.moment(0.7)]
    swing = actor.vary(0.3, 1.0)
    for takeoff in takeoffs:
        landing = actor.leap(takeoff, height * actor.rng.uniform(0.85, 1.1), crouch)
        back_T = ease(actor.seconds_T, takeoff - 0.6, takeoff - 0.25)
        up_T = ease(actor.seconds_T, takeoff - 0.22, takeoff + 0.08)
        home_T = ease(actor.seconds_T, landing - 0.1, landing + 0.45)
        for side in (LEFT, RIGHT):
            weight = swing if side == actor.hand else swing * actor.style.weaker
            actor.reach(side, "hang", (0.12, -0.46, -0.22), weight * (back_T - up_T))
            actor.reach(side, "hang", (0.14, -0.30 + 0.5 * swing, 0.36), weight * (up_T - home_T))
