"""A body: its proportions, and from a pose over time to the 25 joints by forward kinematics.

Legs and arms are two bones solved from where the ankle or wrist should be, so that feet stay where they are planted
and hands meet what they touch, while every bone keeps its length in every frame.

Shape suffixes: T frames, V joints, C coordinates (x, y, z), S sides (left, right).
The performer's own frame: origin on the floor where the person starts, x to the left, y up, z ahead, metres.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from hacm.skeletons.shipped import KINECT_V2
from pipeline.kinect_sim.time_curves import Array

LEFT, RIGHT = 0, 1
OUTWARD = (1.0, -1.0)  # the sign of x on each side
REFERENCE_HEIGHT = 1.75  # metres; places near the body are written for a person of this height and scaled

SPINE_BASE, SPINE_MID, NECK, HEAD, SPINE_SHOULDER = 0, 1, 2, 3, 20
SHOULDER, ELBOW, WRIST, HAND = (4, 8), (5, 9), (6, 10), (7, 11)
HIP, KNEE, ANKLE, FOOT = (12, 16), (13, 17), (14, 18), (15, 19)
TIP, THUMB = (21, 23), (22, 24)

# Anatomy's limits, as angles between two bones' directions: a straight limb has 0.
ELBOW_MOST = np.deg2rad(148.0)
KNEE_MOST = np.deg2rad(150.0)
LIMB_STRAIGHTEST = 0.9985  # share of its full length that a limb reaches, about 6 degrees of flexion

Place = Literal["hang", "shoulder", "chest", "head", "thigh", "floor"]


@dataclass(frozen=True)
class Proportions:
    """Bone lengths in metres. Ratios to height vary around those of Winter, Biomechanics of Human Movement (2009)."""

    height: float
    lower_spine: float
    upper_spine: float
    neck: float
    head: float
    shoulder_half: float
    shoulder_drop: float
    upper_arm: float
    forearm: float
    palm: float
    fingers: float
    thumb: float
    hip_half: float
    hip_drop: float
    thigh: float
    shank: float
    ankle_height: float
    foot: float

    @property
    def unit(self) -> float:
        """Metres that one written metre of REFERENCE_HEIGHT stands for."""
        return self.height / REFERENCE_HEIGHT

    @property
    def hip_height(self) -> float:
        """Height of the spine base when standing at ease."""
        return 0.995 * (self.thigh + self.shank) + self.ankle_height + self.hip_drop


@dataclass(frozen=True)
class Reach:
    """Where a wrist goes, and how far it has gone there.

    place: whose frame point_TC is in. `hang`: own shoulder, upright; `shoulder`: own shoulder, turning with the chest;
    `chest`: spine shoulder; `head`: head; `thigh`: the middle of the own thigh, upright; each as (outward, up, ahead)
    in metres for a person of REFERENCE_HEIGHT. `floor`: the performer's own frame, (x, y, z) in metres.
    weight_T: 0 as before, 1 there. aim: (outward, up, ahead) that bends the hand away from the forearm's direction.
    swivel: 0 elbow down and back; 1 out to the side.
    """

    place: Place
    point_TC: Array
    weight_T: Array
    aim: tuple[float, float, float] = (0.0, 0.0, 0.0)
    swivel: float = 0.35


@dataclass
class Pose:
    """A performance in channels, before kinematics.

    pelvis_TC: spine base. turn_TC, spine_TC, head_TC: rotations of the pelvis, of the chest against the pelvis, of the
    head against the chest, radians about x (bend forward), y (turn left), z (tilt right). ankle_TSC: where ankles
    should be. foot_TS: foot pitch, radians, toes down. toe_out: radians. reaches: for each side the wrist's goals in
    order.
    """

    pelvis_TC: Array
    turn_TC: Array
    spine_TC: Array
    head_TC: Array
    ankle_TSC: Array
    foot_TS: Array
    toe_out: float
    reaches: tuple[list[Reach], list[Reach]] = field(default_factory=lambda: ([], []))


@dataclass(frozen=True)
class Frames:
    """Orientations of the pelvis, upright pelvis, lower and upper spine and head, each (T, 3, 3)."""

    pelvis: Array
    upright: Array
    lower: Array
    chest: Array
    neck: Array
    head: Array


def rotation(angles_TC: Array) -> Array:
    """R_y(angle 1) · R_x(angle 0) · R_z(angle 2), (..., 3, 3)."""
    cx, cy, cz = np.moveaxis(np.cos(angles_TC), -1, 0)
    sx, sy, sz = np.moveaxis(np.sin(angles_TC), -1, 0)
    entries = (
        cy * cz + sy * sx * sz, sy * sx * cz - cy * sz, sy * cx,
        cx * sz, cx * cz, -sx,
        cy * sx * sz - sy * cz, sy * sz + cy * sx * cz, cy * cx,
    )  # fmt: skip
    return np.stack(entries, axis=-1).reshape(*angles_TC.shape[:-1], 3, 3)


def turn(frame_TCC: Array, vector_TC: Array) -> Array:
    """Vectors of a frame, written in the frame's surroundings."""
    turned_TC: Array = np.einsum("tij,tj->ti", frame_TCC, np.broadcast_to(vector_TC, (len(frame_TCC), 3)))
    return turned_TC


def unit(vector_TC: Array) -> Array:
    """Vectors of length 1; a zero vector stays zero."""
    length_T = np.sqrt((vector_TC * vector_TC).sum(axis=-1, keepdims=True))
    scaled_TC: Array = vector_TC / np.maximum(length_T, 1e-9)
    return scaled_TC


def two_bones(
    root_TC: Array, goal_TC: Array, towards_TC: Array, first: float, second: float, most_flexion: float
) -> tuple[Array, Array]:
    """Middle and end joint of a limb from its root to a goal, bent towards the given side (law of cosines).

    A goal out of reach, or so near that the limb would bend beyond most_flexion, is moved along its direction.
    """
    nearest = np.sqrt(first**2 + second**2 + 2.0 * first * second * np.cos(most_flexion))
    line_TC = goal_TC - root_TC
    distance_T1 = np.sqrt((line_TC * line_TC).sum(axis=-1, keepdims=True))
    axis_TC = line_TC / np.maximum(distance_T1, 1e-9)
    distance_T1 = np.clip(distance_T1, nearest, LIMB_STRAIGHTEST * (first + second))
    side_TC = unit(towards_TC - (towards_TC * axis_TC).sum(axis=-1, keepdims=True) * axis_TC)
    along_T1 = (distance_T1**2 + first**2 - second**2) / (2.0 * distance_T1)
    across_T1 = np.sqrt(np.maximum(first**2 - along_T1**2, 0.0))
    return root_TC + along_T1 * axis_TC + across_T1 * side_TC, root_TC + distance_T1 * axis_TC


def joints(pose: Pose, body: Proportions) -> Array:
    """The 25 joints of a pose, (T, 25, 3), in the performer's own frame."""
    frames = _frames(pose)
    joints_TVC = np.zeros((len(pose.pelvis_TC), len(KINECT_V2.joints), 3))
    joints_TVC[:, SPINE_BASE] = _within_reach(pose, body, frames)
    _place_trunk(joints_TVC, body, frames)
    for side in (LEFT, RIGHT):
        _place_leg(joints_TVC, pose, body, frames, side)
    for side in (LEFT, RIGHT):
        _place_arm(joints_TVC, pose.reaches[side], body, frames, side)
    return joints_TVC


def _frames(pose: Pose) -> Frames:
    pelvis_TCC = rotation(pose.turn_TC)
    lower_TCC = pelvis_TCC @ rotation(0.45 * pose.spine_TC)
    chest_TCC = lower_TCC @ rotation(0.55 * pose.spine_TC)
    return Frames(
        pelvis=pelvis_TCC,
        upright=rotation(pose.turn_TC * (0.0, 1.0, 0.0)),
        lower=lower_TCC,
        chest=chest_TCC,
        neck=chest_TCC @ rotation(0.4 * pose.head_TC),
        head=chest_TCC @ rotation(pose.head_TC),
    )


def _within_reach(pose: Pose, body: Proportions, frames: Frames) -> Array:
    """The spine base, lowered where a leg would not reach its foot on the ground; a foot in the air is no anchor."""
    leg = LIMB_STRAIGHTEST * (body.thigh + body.shank)
    excess_T = np.zeros(len(pose.pelvis_TC))
    for side in (LEFT, RIGHT):
        hip_C = np.array([OUTWARD[side] * body.hip_half, -body.hip_drop, 0.0])
        apart_TC = pose.pelvis_TC + turn(frames.pelvis, hip_C) - pose.ankle_TSC[:, side]
        level_T = apart_TC[:, 0] ** 2 + apart_TC[:, 2] ** 2
        grounded_T = np.clip(1.0 - 8.0 * (pose.ankle_TSC[:, side, 1] - body.ankle_height), 0.0, 1.0)
        missing_T = apart_TC[:, 1] - np.sqrt(np.maximum(leg**2 - level_T, 0.01))
        excess_T = np.maximum(excess_T, grounded_T * missing_T)
    lowered_TC: Array = pose.pelvis_TC - excess_T[:, None] * (0.0, 1.0, 0.0)
    return lowered_TC


def _place_trunk(joints_TVC: Array, body: Proportions, frames: Frames) -> None:
    joints_TVC[:, SPINE_MID] = joints_TVC[:, SPINE_BASE] + body.lower_spine * frames.lower[:, :, 1]
    joints_TVC[:, SPINE_SHOULDER] = joints_TVC[:, SPINE_MID] + body.upper_spine * frames.chest[:, :, 1]
    joints_TVC[:, NECK] = joints_TVC[:, SPINE_SHOULDER] + body.neck * frames.neck[:, :, 1]
    joints_TVC[:, HEAD] = joints_TVC[:, NECK] + body.head * turn(frames.head, np.array([0.0, 0.99, 0.141]))


def _place_leg(joints_TVC: Array, pose: Pose, body: Proportions, frames: Frames, side: int) -> None:
    outward = OUTWARD[side]
    hip_TC = joints_TVC[:, SPINE_BASE] + turn(frames.pelvis, np.array([outward * body.hip_half, -body.hip_drop, 0.0]))
    # The knee bends at right angles to the leg and to the line through the hips, turned with the toes.
    toes_TCC = frames.upright @ rotation(np.array([0.0, outward * pose.toe_out, 0.0]))
    knee_side_TC = np.cross(pose.ankle_TSC[:, side] - hip_TC, toes_TCC[:, :, 0])
    knee_TC, ankle_TC = two_bones(hip_TC, pose.ankle_TSC[:, side], knee_side_TC, body.thigh, body.shank, KNEE_MOST)
    drop = body.ankle_height - 0.02
    # The floor stops the toes.
    most_T = np.arcsin(np.clip((ankle_TC[:, 1] - 0.005) / body.foot, -1.0, 1.0)) - np.arcsin(drop / body.foot)
    pitch_TC = np.zeros_like(hip_TC)
    pitch_TC[:, 0] = np.minimum(pose.foot_TS[:, side], most_T)
    toe_C = np.array([0.0, -drop, np.sqrt(body.foot**2 - drop**2)])
    joints_TVC[:, HIP[side]], joints_TVC[:, KNEE[side]], joints_TVC[:, ANKLE[side]] = hip_TC, knee_TC, ankle_TC
    joints_TVC[:, FOOT[side]] = ankle_TC + turn(toes_TCC @ rotation(pitch_TC), toe_C)


def _place_arm(joints_TVC: Array, reaches: list[Reach], body: Proportions, frames: Frames, side: int) -> None:
    outward = OUTWARD[side]
    chest_TCC = frames.chest
    socket_C = np.array([outward * body.shoulder_half, -body.shoulder_drop, 0.0])
    level_TC = joints_TVC[:, SPINE_SHOULDER] + turn(chest_TCC, socket_C)
    wrist_TC, aim_TC, swivel_T = _follow(joints_TVC, reaches, body, frames, level_TC, side)
    wrist_TC = _outside_trunk(wrist_TC, joints_TVC, chest_TCC, body)
    # A raised arm lifts its shoulder blade: up to 0.35 radians with the wrist straight above.
    raised_T = np.clip(turn(chest_TCC.transpose(0, 2, 1), wrist_TC - level_TC)[:, 1] / body.upper_arm, 0.0, 1.5)
    lift_TC = np.zeros_like(level_TC)
    lift_TC[:, 2] = outward * 0.35 * raised_T**2 / (0.6 + raised_T**2)
    shoulder_TC = joints_TVC[:, SPINE_SHOULDER] + turn(chest_TCC @ rotation(lift_TC), socket_C)
    # Like the knee's but backwards; outward and down decide where the arm is stretched sideways.
    sideways_TC = outward * chest_TCC[:, :, 0]
    arm_TC = unit(wrist_TC - shoulder_TC)
    elbow_side_TC = -np.cross(arm_TC, chest_TCC[:, :, 0]) + swivel_T[:, None] * sideways_TC - 0.5 * chest_TCC[:, :, 1]
    elbow_TC, wrist_TC = two_bones(shoulder_TC, wrist_TC, elbow_side_TC, body.upper_arm, body.forearm, ELBOW_MOST)
    hand_axis_TC = unit(unit(wrist_TC - elbow_TC) + turn(chest_TCC, aim_TC * (outward, 1.0, 1.0)))
    hand_TC = wrist_TC + body.palm * hand_axis_TC
    inward_TC = 0.7 * chest_TCC[:, :, 2] - 0.7 * sideways_TC + 0.3 * chest_TCC[:, :, 1]
    thumb_side_TC = unit(inward_TC - (inward_TC * hand_axis_TC).sum(axis=1, keepdims=True) * hand_axis_TC)
    joints_TVC[:, SHOULDER[side]], joints_TVC[:, ELBOW[side]] = shoulder_TC, elbow_TC
    joints_TVC[:, WRIST[side]], joints_TVC[:, HAND[side]] = wrist_TC, hand_TC
    joints_TVC[:, TIP[side]] = hand_TC + body.fingers * hand_axis_TC
    joints_TVC[:, THUMB[side]] = hand_TC + body.thumb * unit(0.6 * hand_axis_TC + 0.8 * thumb_side_TC)


def _follow(
    joints_TVC: Array, reaches: list[Reach], body: Proportions, frames: Frames, shoulder_TC: Array, side: int
) -> tuple[Array, Array, Array]:
    """Where the reaches, one after another, take the wrist; with the hand's aim and the elbow's swivel."""
    wrist_TC = _resolve(reaches[0], joints_TVC, body, frames, shoulder_TC, side)
    aim_TC = np.broadcast_to(np.array(reaches[0].aim), wrist_TC.shape)
    swivel_T = np.full(len(wrist_TC), reaches[0].swivel)
    bulge_TC = frames.chest[:, :, 2] + 0.3 * OUTWARD[side] * frames.chest[:, :, 0]
    for reach in reaches[1:]:
        goal_TC = _resolve(reach, joints_TVC, body, frames, shoulder_TC, side)
        weight_T1 = reach.weight_T[:, None]
        wrist_TC = shoulder_TC + _swing(wrist_TC - shoulder_TC, goal_TC - shoulder_TC, weight_T1, bulge_TC)
        aim_TC = aim_TC + weight_T1 * (np.array(reach.aim) - aim_TC)
        swivel_T = swivel_T + reach.weight_T * (reach.swivel - swivel_T)
    return wrist_TC, aim_TC, swivel_T


def _resolve(
    reach: Reach, joints_TVC: Array, body: Proportions, frames: Frames, shoulder_TC: Array, side: int
) -> Array:
    """A reach's point in the performer's own frame."""
    if reach.place == "floor":
        return np.broadcast_to(reach.point_TC, shoulder_TC.shape)
    offset_TC = reach.point_TC * (OUTWARD[side] * body.unit, body.unit, body.unit)
    if reach.place == "hang":
        return shoulder_TC + turn(frames.upright, offset_TC)
    if reach.place == "shoulder":
        return shoulder_TC + turn(frames.chest, offset_TC)
    if reach.place == "chest":
        return joints_TVC[:, SPINE_SHOULDER] + turn(frames.chest, offset_TC)
    if reach.place == "head":
        return joints_TVC[:, HEAD] + turn(frames.head, offset_TC)
    thigh_TC: Array = 0.5 * (joints_TVC[:, HIP[side]] + joints_TVC[:, KNEE[side]])
    return thigh_TC + turn(frames.upright, offset_TC)


def _swing(from_TC: Array, to_TC: Array, weight_T1: Array, bulge_TC: Array) -> Array:
    """Between two places seen from the shoulder, along an arc as an arm moves, bulging ahead rather than through the
    chest; exactly from at weight 0 and to at weight 1."""
    from_length_T1 = np.sqrt((from_TC * from_TC).sum(axis=1, keepdims=True))
    to_length_T1 = np.sqrt((to_TC * to_TC).sum(axis=1, keepdims=True))
    from_axis_TC, to_axis_TC = from_TC / from_length_T1, to_TC / to_length_T1
    apart_T1 = 0.5 * (1.0 - (from_axis_TC * to_axis_TC).sum(axis=1, keepdims=True))
    middle_TC = 2.5 * weight_T1 * (1.0 - weight_T1) * apart_T1**2 * bulge_TC
    axis_TC = unit((1.0 - weight_T1) * from_axis_TC + weight_T1 * to_axis_TC + middle_TC)
    swung_TC: Array = axis_TC * ((1.0 - weight_T1) * from_length_T1 + weight_T1 * to_length_T1)
    return swung_TC


def _outside_trunk(wrist_TC: Array, joints_TVC: Array, chest_TCC: Array, body: Proportions) -> Array:
    """Wrists that would be inside the trunk, an elliptic cylinder, moved ahead to its surface."""
    local_TC = turn(chest_TCC.transpose(0, 2, 1), wrist_TC - joints_TVC[:, SPINE_SHOULDER])
    across_T = np.clip(local_TC[:, 0] / (0.95 * body.shoulder_half), -1.0, 1.0)
    surface_T = 0.15 * body.unit * np.sqrt(1.0 - across_T**2)
    inside_T = (local_TC[:, 1] < 0.02) & (local_TC[:, 2] > -0.1) & (np.abs(across_T) < 1.0)
    push_T = np.where(inside_T, np.maximum(surface_T - local_TC[:, 2], 0.0), 0.0)
    outside_TC: Array = wrist_TC + push_T[:, None] * chest_TCC[:, :, 2]
    return outside_TC
