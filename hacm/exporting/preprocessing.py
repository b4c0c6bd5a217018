"""What comes before an exported graph, in NumPy alone: recordings in, the graph's inputs out.

    facts = json.load(open("facts.json"))
    inputs = prepare([joints, …], facts)

A recording is an array (frames, joints, 3), or (bodies, frames, joints, 3): metres, y up, as many frames per second as
facts["fps"] says, the joints of facts["joints"] in that order, NaN (or a frame of zeros) where nothing was seen.
`sequences` is what the graph does first, written down once more: for runtimes that are to be fed from there on, and as
a check.

Shapes: N clips, M bodies, T frames of a recording, F of the longest, V joints, C coordinates, R frames that the
encoder takes.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Facts = dict[str, Any]
Floats = NDArray[np.float32]


def prepare(recordings: Sequence[ArrayLike], facts: Facts) -> dict[str, NDArray[Any]]:
    """The graph's inputs: joints (N, M, F, V, 3), float32, and frames (N,), int64. ValueError for what is no recording.

    Bodies that are not there, and frames after a clip's last, are NaN.
    """
    clips = [clean(one, facts) for one in recordings]
    frames_N = np.array([clip.shape[1] for clip in clips], dtype=np.int64)
    shape = (len(clips), facts["bodies"], frames_N.max(), len(facts["joints"]), 3)
    joints_NMFVC = np.full(shape, np.nan, dtype=np.float32)
    for place, clip_MTVC in enumerate(clips):
        joints_NMFVC[place, : clip_MTVC.shape[0], : clip_MTVC.shape[1]] = clip_MTVC
    return {"joints": joints_NMFVC, "frames": frames_N}


def clean(joints: ArrayLike, facts: Facts) -> Floats:
    """A recording as (M, T, V, 3) with short gaps filled, and NaN where a joint is not seen even so."""
    bodies_MTVC = np.array(joints, dtype=np.float32)
    if not bodies_MTVC.size:
        raise ValueError(f"a recording of shape {bodies_MTVC.shape} has no frames")
    if bodies_MTVC.ndim == 3:
        bodies_MTVC = bodies_MTVC[np.newaxis]
    wanted = (len(facts["joints"]), 3)
    if bodies_MTVC.ndim != 4 or bodies_MTVC.shape[2:] != wanted or bodies_MTVC.shape[0] > facts["bodies"]:
        raise ValueError(f"a recording of shape {np.shape(joints)}, not (frames, {wanted[0]}, 3) or (bodies, frames, "
                         f"{wanted[0]}, 3) of up to {facts['bodies']} bodies")  # fmt: skip
    bodies_MTVC[~np.isfinite(bodies_MTVC).all(axis=3)] = np.nan
    bodies_MTVC[(np.nan_to_num(bodies_MTVC) == 0).all(axis=(2, 3))] = np.nan
    if facts["strategy"] == "standard":  # a body with a joint that was not seen is absent, a frame without body goes
        bodies_MTVC[np.isnan(bodies_MTVC).any(axis=(2, 3))] = np.nan
        bodies_MTVC = bodies_MTVC[:, ~np.isnan(bodies_MTVC).all(axis=(0, 2, 3))]
    elif facts["missing"] in ("interpolate", "hold"):
        bodies_MTVC = np.stack([fill_gaps(body_TVC, facts) for body_TVC in bodies_MTVC])
    if bodies_MTVC.shape[1] < 2:
        raise ValueError(f"{bodies_MTVC.shape[1]} frames with a body: a movement has at least 2")
    if np.isnan(bodies_MTVC[0, :, facts["centre"], 0]).all():
        raise ValueError(f"{facts['joints'][facts['centre']]} of the first body is never seen")
    if len(bodies_MTVC) == 1 and facts["single_body"] == "copy":
        bodies_MTVC = np.concatenate([bodies_MTVC, bodies_MTVC])
    return bodies_MTVC


def fill_gaps(body_TVC: Floats, facts: Facts) -> Floats:
    """Fill joints that were not seen for up to facts["longest_gap"] frames, while others were.

    They lie on the line between the frames before and after (`interpolate`), or where they were before (`hold`); at the
    beginning as after, at the end as before.
    """
    filled_TVC = body_TVC.copy()
    seen_TV = ~np.isnan(body_TVC[:, :, 0])
    there_T: NDArray[np.bool_] = np.asarray(seen_TV.any(axis=1))
    for joint in range(body_TVC.shape[1]):
        seen = np.flatnonzero(seen_TV[:, joint])
        edges = [-1, *seen.tolist(), len(body_TVC)]
        for before, after in pairwise(edges):
            gap = np.arange(before + 1, after)
            if len(seen) == 0 or not 0 < len(gap) <= facts["longest_gap"]:
                continue
            first = body_TVC[before if before >= 0 else after, joint]
            last = body_TVC[after if after < len(body_TVC) else before, joint]
            share = np.zeros(len(gap)) if facts["missing"] == "hold" else (gap - before) / (after - before)
            values = first * (1 - share[:, np.newaxis]) + last * share[:, np.newaxis]
            filled_TVC[gap[there_T[gap]], joint] = values[there_T[gap]]
    return filled_TVC


def sequences(inputs: dict[str, NDArray[Any]], facts: Facts) -> Floats:
    """What the encoder takes, (N, M, R, V, 3): centred, cut to its middle, resampled; zeros where nothing was seen."""
    return np.stack([
        sequence(joints_MFVC[:, : min(int(frames), facts["max_frames"])], facts)
        for joints_MFVC, frames in zip(inputs["joints"], inputs["frames"], strict=True)
    ])  # fmt: skip


def sequence(joints_MTVC: Floats, facts: Facts) -> Floats:
    """The same of one clip, (M, R, V, 3)."""
    if facts["translate"] == "first_frame":
        centre_TC = joints_MTVC[0, :, facts["centre"]]
        joints_MTVC = joints_MTVC - centre_TC[np.argmax(~np.isnan(centre_TC[:, 0]))]
    joints_MTVC = np.nan_to_num(joints_MTVC)
    frames = joints_MTVC.shape[1]
    bias = int((1 - facts["test_crop"]) * frames / 2)
    cut_MTVC = joints_MTVC[:, bias : frames - bias]
    x_MRVC = resample(cut_MTVC, facts["frames"])
    if facts["stream"] == "motion":
        x_MRVC = np.concatenate([np.diff(x_MRVC, axis=1), np.zeros_like(x_MRVC[:, :1])], axis=1)
    elif facts["stream"] == "bone":
        parents = [joint if parent < 0 else parent for joint, parent in enumerate(facts["parents"])]
        x_MRVC = x_MRVC - x_MRVC[:, :, parents]
    return x_MRVC.astype(np.float32)


def resample(joints_MTVC: Floats, frames: int) -> Floats:
    """Linear in time, to so many frames: frame r is read at (r + ½) · T / frames − ½, within the first and the last."""
    last = joints_MTVC.shape[1] - 1
    step = np.float32(joints_MTVC.shape[1]) / np.float32(frames)
    place_R = np.clip((np.arange(frames, dtype=np.float32) + np.float32(0.5)) * step - np.float32(0.5), 0, last)
    lower_R = place_R.astype(np.int64)
    share_R11 = (place_R - lower_R)[:, np.newaxis, np.newaxis]
    lower, upper = joints_MTVC[:, lower_R], joints_MTVC[:, np.minimum(lower_R + 1, last)]
    return (lower + (upper - lower) * share_R11).astype(np.float32)
