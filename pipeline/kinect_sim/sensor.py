"""The sensor: where the three cameras stand, and what one of them makes of a body.

Camera frame: metres, x to the sensor's left (the right of its mirrored image), y up, z ahead.
Shape suffixes: T frames, V joints, C coordinates, K limbs that can stand in the way.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hacm.skeletons.shipped import KINECT_V2
from pipeline.kinect_sim.body import (
    ANKLE,
    ELBOW,
    FOOT,
    HAND,
    HEAD,
    HIP,
    KNEE,
    NECK,
    SHOULDER,
    SPINE_BASE,
    SPINE_SHOULDER,
    THUMB,
    TIP,
    WRIST,
)
from pipeline.kinect_sim.time_curves import Array

# Height of the sensors and distance to the performers, metres, for each setup; from setup 18 on they repeat. The
# span is that of NTU RGB+D's setups.
SETUPS = (
    (1.7, 3.5), (1.7, 2.5), (1.4, 2.5), (1.2, 3.0), (1.2, 3.0), (0.8, 3.5), (0.5, 4.2), (1.4, 3.5), (0.8, 2.4),
    (1.8, 3.0), (1.9, 3.0), (2.0, 3.0), (2.1, 3.0), (2.2, 3.0), (2.3, 3.5), (2.6, 3.5), (2.5, 3.0),
)  # fmt: skip
AZIMUTHS = {1: 0.0, 2: np.deg2rad(45.0), 3: np.deg2rad(-45.0)}
SETUP_STREAM = 4

# How much harder than a knee each joint is to find.
HARDEST = (
    (ELBOW + KNEE, 1.0), (WRIST, 1.4), (HAND, 2.0), (TIP, 3.0), (THUMB, 3.6), (ANKLE, 1.5), (FOOT, 2.4),
)  # fmt: skip
HARDNESS = np.array(
    [next((value for joints, value in HARDEST if joint in joints), 0.6) for joint in range(len(KINECT_V2.joints))]
)
NEVER_CERTAIN = [*TIP, *THUMB]

# Limbs that hide what is behind them: from joint, to joint, radius in metres, joints that belong to them.
LIMBS: tuple[tuple[int, int, float, tuple[int, ...]], ...] = (
    (SPINE_BASE, SPINE_SHOULDER, 0.13, (0, 1, 20, 2, *SHOULDER, *HIP)),
    (NECK, HEAD, 0.09, (NECK, HEAD, SPINE_SHOULDER)),
    *((HIP[s], KNEE[s], 0.07, (HIP[0], HIP[1], SPINE_BASE, KNEE[s])) for s in (0, 1)),
    *((KNEE[s], ANKLE[s], 0.05, (KNEE[s], ANKLE[s], FOOT[s])) for s in (0, 1)),
    *((SHOULDER[s], ELBOW[s], 0.045, (SHOULDER[s], ELBOW[s], SPINE_SHOULDER)) for s in (0, 1)),
    *((ELBOW[s], WRIST[s], 0.035, (ELBOW[s], WRIST[s], HAND[s], TIP[s], THUMB[s])) for s in (0, 1)),
)
MIRROR = np.array([KINECT_V2.joints.index(_swap) for _swap in (
    name.replace("left", "RIGHT").replace("right", "left").replace("RIGHT", "right") for name in KINECT_V2.joints
)])  # fmt: skip
LEGS = [*HIP, *KNEE, *ANKLE, *FOOT]


@dataclass(frozen=True)
class Camera:
    """A sensor in the room: rotation_CC takes room directions to the camera's, position_C is in the room."""

    rotation_CC: Array
    position_C: Array

    def view(self, joints_TVC: Array) -> Array:
        """Joints in the camera frame, free of noise."""
        seen_TVC: Array = (joints_TVC - self.position_C) @ self.rotation_CC.T
        return seen_TVC


@dataclass(frozen=True)
class Sighting:
    """What the sensor reports of a body: joints_TVC, and state_TV: 2 tracked, 1 inferred, 0 not tracked."""

    joints_TVC: Array
    state_TV: NDArray[np.int64]


def find_camera(seed: int, setup: int, number: int) -> Camera:
    """Camera 1, 2 or 3 of a setup: in front, at +45° and at −45°, put up by hand, so never quite so."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, SETUP_STREAM, setup, number])))
    height, distance = SETUPS[(setup - 1) % len(SETUPS)]
    azimuth = AZIMUTHS[number] + rng.normal(0.0, 0.03)
    height, distance = height + rng.normal(0.0, 0.02), distance * (1.0 + rng.normal(0.0, 0.02))
    position_C = np.array([distance * np.sin(azimuth), height, distance * np.cos(azimuth)])
    aim_C = np.array([rng.normal(0.0, 0.05), 0.95 + rng.normal(0.0, 0.08), rng.normal(0.0, 0.05)])
    ahead_C = (aim_C - position_C) / np.linalg.norm(aim_C - position_C)
    roll = rng.normal(0.0, 0.01)
    up_C = np.array([np.sin(roll) * np.cos(azimuth), np.cos(roll), -np.sin(roll) * np.sin(azimuth)])
    left_C = np.cross(up_C, ahead_C)
    left_C /= np.linalg.norm(left_C)
    return Camera(np.stack([left_C, np.cross(ahead_C, left_C), ahead_C]), position_C)


def hidden(joints_TVC: Array, blocker_TVC: Array, same: bool) -> Array:
    """How far each joint is hidden from the camera by the limbs of a body, 0..1, (T, V).

    Limbs are thick lines seen in perspective. same: the blocker is the body itself, whose limbs do not hide their own
    joints.
    """
    begin_TKC = blocker_TVC[:, [limb[0] for limb in LIMBS]]
    end_TKC = blocker_TVC[:, [limb[1] for limb in LIMBS]]
    begin_T1KC = (begin_TKC[..., :2] / begin_TKC[..., 2:])[:, None]
    along_T1KC = (end_TKC[..., :2] / end_TKC[..., 2:])[:, None] - begin_T1KC
    offset_TVKC = (joints_TVC[..., :2] / joints_TVC[..., 2:])[:, :, None] - begin_T1KC
    length_T1K = np.maximum((along_T1KC * along_T1KC).sum(axis=-1), 1e-9)
    share_TVK = np.clip((offset_TVKC * along_T1KC).sum(axis=-1) / length_T1K, 0.0, 1.0)
    apart_TVKC = offset_TVKC - share_TVK[..., None] * along_T1KC
    depth_TVK = begin_TKC[:, None, :, 2] + share_TVK * (end_TKC - begin_TKC)[:, None, :, 2]
    distance_TVK = np.sqrt((apart_TVKC * apart_TVKC).sum(axis=-1)) * joints_TVC[:, :, 2:]
    radius_K = np.array([limb[2] for limb in LIMBS])
    behind_TVK = joints_TVC[:, :, 2:] - depth_TVK - 0.7 * radius_K > 0.02
    covered_TVK = np.clip((radius_K + 0.02 - distance_TVK) / 0.04, 0.0, 1.0) * behind_TVK
    if same:
        for number, limb in enumerate(LIMBS):
            covered_TVK[:, list(limb[3]), number] = 0.0
    covered_TV: Array = covered_TVK.max(axis=2)
    return covered_TV


def observe(bodies: list[Array], number: int, noise: float, rng: np.random.Generator) -> Sighting:
    """One of the bodies, as the sensor sees it among the others.

    bodies: noise-free joints in the camera frame. Errors grow with the square of the distance, are larger in depth, in
    small far joints and in hidden ones (which the sensor guesses, steadily wrong); part of them lasts for a few frames.
    noise: 1 is usual, 0 none.
    """
    joints_TVC = bodies[number]
    hidden_TV = hidden(joints_TVC, joints_TVC, same=True)
    for other, blocker_TVC in enumerate(bodies):
        if other != number:
            hidden_TV = np.maximum(hidden_TV, hidden(joints_TVC, blocker_TVC, same=False))
    frames, count = hidden_TV.shape
    far_TV = (joints_TVC[:, :, 2] / 3.0) ** 2 * HARDNESS
    slow_TVC = lasting_noise(rng, frames, count)
    fast_TVC = rng.standard_normal((frames, count, 3))
    guess_TVC = 0.8 * slow_TVC + rng.standard_normal((count, 3))
    error_TVC = (0.004 * far_TV)[..., None] * slow_TVC + (0.0016 * far_TV)[..., None] * fast_TVC
    error_TVC += (hidden_TV * (0.015 + 0.008 * HARDNESS))[..., None] * guess_TVC
    noisy_TVC = joints_TVC + noise * error_TVC * (1.0, 1.0, 1.5)
    state_TV = np.where(hidden_TV > 0.5, 1, 2)
    state_TV[(hidden_TV > 0.8) & (slow_TVC[..., 1] > 1.7)] = 0
    uncertain_TV = slow_TVC[..., 0] > 1.2
    state_TV[:, NEVER_CERTAIN] = np.where(uncertain_TV[:, NEVER_CERTAIN], 1, state_TV[:, NEVER_CERTAIN])
    _glitch(noisy_TVC, state_TV, noise, rng)
    return Sighting(noisy_TVC, state_TV)


def lasting_noise(rng: np.random.Generator, frames: int, count: int) -> Array:
    """Gaussian noise of variance 1 with correlation 0.88 from frame to frame, (frames, count, 3)."""
    noise_TVC = rng.standard_normal((frames, count, 3))
    keep, fresh = 0.88, np.sqrt(1.0 - 0.88**2)
    for frame in range(1, frames):
        noise_TVC[frame] = keep * noise_TVC[frame - 1] + fresh * noise_TVC[frame]
    return noise_TVC


def _glitch(joints_TVC: Array, state_TV: NDArray[np.int64], noise: float, rng: np.random.Generator) -> None:
    """Joints that jump elsewhere for a few frames, and legs that are taken for each other; in place."""
    frames, count = state_TV.shape
    for _ in range(rng.poisson(0.9 * noise)):
        joint = int(rng.choice(count, p=HARDNESS / HARDNESS.sum()))
        begin, length = int(rng.integers(frames)), int(rng.integers(1, 6))
        when = slice(begin, begin + length)
        moved = [joint] + [child for child, parent in enumerate(KINECT_V2.parents) if parent == joint]
        if rng.random() < 0.25 and MIRROR[joint] != joint:
            joints_TVC[when, joint] = joints_TVC[when, MIRROR[joint]] + rng.normal(0.0, 0.02, 3)
        else:
            joints_TVC[when, moved] += rng.normal(0.0, 0.12, 3)
        state_TV[when, moved] = np.minimum(state_TV[when, moved], 1)
    if rng.random() < 0.03 * noise:
        begin, length = int(rng.integers(frames)), int(rng.integers(3, 16))
        when = slice(begin, begin + length)
        joints_TVC[when, LEGS] = joints_TVC[when, MIRROR[LEGS]]
