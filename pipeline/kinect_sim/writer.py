"""Tracks as the text of a `.skeleton` file (data.md §1), with the sensor's depth, colour and orientation columns.

Shape suffixes: T frames, V joints, C coordinates.
"""

import numpy as np
from numpy.typing import NDArray

from hacm.skeletons.shipped import KINECT_V2
from pipeline.kinect_sim.body import LEFT, RIGHT, SHOULDER, SPINE_BASE, SPINE_SHOULDER
from pipeline.kinect_sim.time_curves import Array
from pipeline.kinect_sim.tracks import Track

# Pin-hole models of a Kinect v2: focal length and centre in pixels; the colour camera stands beside the depth camera.
DEPTH_FOCAL, DEPTH_CENTRE, DEPTH_SIZE = 366.0, (256.5, 208.5), (512, 424)
COLOUR_FOCAL, COLOUR_CENTRE, COLOUR_BASELINE = 1060.0, (960.0, 566.0), 0.052
NEWLINE = "\r\n"

# The sensor gives the ends of the skeleton no orientation.
_ENDS = set(range(len(KINECT_V2.joints))) - set(KINECT_V2.parents)
_JOINT_LINE = "%.7g %.7g %.7g %.7g %.7g %.7g %.7g "
_FRAME = "25" + NEWLINE + "".join(
    _JOINT_LINE + ("0 0 0 0" if joint in _ENDS else "QUATERNION") + " %d" + NEWLINE for joint in range(25)
)  # fmt: skip


def skeleton_text(tracks: list[Track], rng: np.random.Generator) -> bytes:
    """The file's content."""
    frames = len(tracks[0].seen_T)
    bodies = [_bodies(track, rng) for track in tracks]
    lines = [f"{frames}{NEWLINE}"]
    for frame in range(frames):
        present = [texts[frame] for texts in bodies if frame in texts]
        lines.append(f"{len(present)}{NEWLINE}")
        lines.extend(present)
    return "".join(lines).encode("ascii")


def _bodies(track: Track, rng: np.random.Generator) -> dict[int, str]:
    """For each frame in which the track is seen the lines of that body."""
    seen_F = np.flatnonzero(track.seen_T)
    if len(seen_F) == 0:
        return {}
    joints_FVC, state_FV = track.joints_TVC[seen_F], track.state_TV[seen_F]
    columns_FVK = np.concatenate([joints_FVC, _image_columns(joints_FVC, track.blank_TV[seen_F])], axis=2)
    numbers_FN = np.concatenate([columns_FVK, state_FV[..., None]], axis=2).reshape(len(seen_F), -1).tolist()
    heads = _head_lines(track.body_id, joints_FVC, columns_FVK[..., 3:5], rng)
    quaternions = _quaternions(joints_FVC)
    return {
        int(frame): head + _FRAME.replace("QUATERNION", quaternion) % tuple(numbers)
        for frame, head, quaternion, numbers in zip(seen_F, heads, quaternions, numbers_FN, strict=True)
    }


def _image_columns(joints_TVC: Array, blank_TV: NDArray[np.bool_]) -> Array:
    """Depth x, depth y, colour x, colour y in pixels, (T, V, 4)."""
    x_TV, y_TV, z_TV = np.moveaxis(joints_TVC, -1, 0)
    across_TV, up_TV = x_TV / z_TV, y_TV / z_TV
    colour_x_TV = COLOUR_CENTRE[0] + COLOUR_FOCAL * (x_TV + COLOUR_BASELINE) / z_TV
    colour_y_TV = COLOUR_CENTRE[1] - COLOUR_FOCAL * up_TV
    return np.stack(
        [
            DEPTH_CENTRE[0] + DEPTH_FOCAL * across_TV,
            DEPTH_CENTRE[1] - DEPTH_FOCAL * up_TV,
            np.where(blank_TV, np.nan, colour_x_TV),
            np.where(blank_TV, np.nan, colour_y_TV),
        ],
        axis=2,
    )


def _head_lines(body_id: int, joints_TVC: Array, depth_TVC: Array, rng: np.random.Generator) -> list[str]:
    """The ten fields of a body, one line per frame."""
    frames = len(joints_TVC)
    over_T4 = np.stack(
        [
            depth_TVC[..., 0].max(axis=1) > DEPTH_SIZE[0], depth_TVC[..., 0].min(axis=1) < 0,
            depth_TVC[..., 1].min(axis=1) < 0, depth_TVC[..., 1].max(axis=1) > DEPTH_SIZE[1],
        ], axis=1,
    )  # fmt: skip
    clipped = (over_T4 @ np.array([1, 2, 4, 8])).tolist()  # the sensor's FrameEdges: right, left, top, bottom
    # Hands are reported unknown, not tracked, open, closed or lasso (0..4), and change their mind every few frames.
    blocks = frames // 12 + 1
    hands_BK = np.stack([rng.integers(0, most, blocks) for most in (2, 5, 2, 5)], axis=1)
    hands = np.repeat(hands_BK, 12, axis=0)[:frames].tolist()
    spine_TC = joints_TVC[:, SPINE_SHOULDER] - joints_TVC[:, SPINE_BASE]
    lean_T2 = np.arctan2(spine_TC[:, [0, 2]] * (1.0, -1.0), np.maximum(spine_TC[:, 1:2], 0.05)) / (np.pi / 4.0)
    leans = np.clip(lean_T2, -1.0, 1.0).tolist()
    return [
        f"{body_id} {edge} {hand[0]} {hand[1]} {hand[2]} {hand[3]} 0 {lean[0]:.7g} {lean[1]:.7g} 2{NEWLINE}"
        for edge, hand, lean in zip(clipped, hands, leans, strict=True)
    ]


def _quaternions(joints_TVC: Array) -> list[str]:
    """The chest's orientation, w x y z, which stands for that of every joint: turn about y, then pitch about x."""
    across_TC = joints_TVC[:, SHOULDER[LEFT]] - joints_TVC[:, SHOULDER[RIGHT]]
    yaw_T = 0.5 * np.arctan2(-across_TC[:, 2], across_TC[:, 0])
    spine_TC = joints_TVC[:, SPINE_SHOULDER] - joints_TVC[:, SPINE_BASE]
    ahead_T = spine_TC[:, 0] * np.sin(2.0 * yaw_T) + spine_TC[:, 2] * np.cos(2.0 * yaw_T)
    pitch_T = 0.5 * np.arctan2(ahead_T, spine_TC[:, 1])
    parts = (
        np.cos(yaw_T) * np.cos(pitch_T), np.cos(yaw_T) * np.sin(pitch_T),
        np.sin(yaw_T) * np.cos(pitch_T), -np.sin(yaw_T) * np.sin(pitch_T),
    )  # fmt: skip
    return [" ".join(f"{part:.7g}" for part in row) for row in np.stack(parts, axis=1).tolist()]
