"""Finds the worst moment of a clip and the poses around it, for drawing.

Legend: T frames, V joints, C coordinates (metres).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hacm.skeletons.bones import measure_bones_by_row
from hacm.skeletons.topology import Topology
from pipeline.audit.findings import Finding
from pipeline.audit.values import count_runs, find_present, find_swaps, measure_steps, pair_limbs_by_name
from pipeline.store.store import SkeletonStore

POSES = 5
DIGITS = 3
"""Poses are kept to the millimetre, which a drawing cannot show."""

Moment = tuple[float, int, list[int]]
"""How bad it is, in which frame, at which joints."""


def _worst_step(body_TVC: NDArray[np.float32], topology: Topology) -> Moment:
    steps_TV = measure_steps(body_TVC)
    present_T = find_present(body_TVC)
    steps_TV[0] = 0
    steps_TV[1:][~(present_T[1:] & present_T[:-1])] = 0
    frame, joint = np.unravel_index(int(np.argmax(steps_TV)), steps_TV.shape)
    return float(steps_TV[frame, joint]), int(frame), [int(joint)]


def _worst_bone(body_TVC: NDArray[np.float32], topology: Topology) -> Moment:
    present = np.flatnonzero(find_present(body_TVC))
    if len(present) == 0:
        return 0.0, 0, []
    lengths = measure_bones_by_row(body_TVC[present], topology)
    bone = int(np.argmax(lengths.std(axis=0)))
    frame = int(np.argmax(np.abs(lengths[:, bone] - lengths[:, bone].mean())))
    return float(lengths[:, bone].std()), int(present[frame]), list(topology.bones[bone])


def _worst_swap(body_TVC: NDArray[np.float32], topology: Topology) -> Moment:
    swapped_TL = find_swaps(body_TVC, topology)
    frame = int(np.argmax(swapped_TL.any(axis=1)))
    limbs = pair_limbs_by_name(topology)
    joints = [int(joint) for limb in np.flatnonzero(swapped_TL[frame]) for side in limbs[int(limb)] for joint in side]
    return float(swapped_TL.any(axis=1).sum()), frame, joints


def _worst_still(body_TVC: NDArray[np.float32], topology: Topology) -> Moment:
    same_TV = np.zeros(body_TVC.shape[:2], bool)
    same_TV[1:] = (body_TVC[1:] == body_TVC[:-1]).all(axis=2) & find_present(body_TVC[1:])[:, np.newaxis]
    runs_TV = count_runs(same_TV)
    frame, joint = np.unravel_index(int(np.argmax(runs_TV)), runs_TV.shape)
    joints = np.flatnonzero(runs_TV[frame] == runs_TV[frame, joint])
    return float(runs_TV[frame, joint]), int(frame), [int(one) for one in joints]


def _worst_size(body_TVC: NDArray[np.float32], topology: Topology) -> Moment:
    span_T = (body_TVC.max(axis=1) - body_TVC.min(axis=1)).max(axis=1)
    return float(span_T.max()), int(np.argmax(span_T)), []


LOCATE: dict[str, Callable[[NDArray[np.float32], Topology], Moment]] = {
    "teleport": _worst_step,
    "swap": _worst_swap,
    "bones": _worst_bone,
    "frozen": _worst_still,
    "repeated": _worst_still,
    "size": _worst_size,
}
"""The kinds of findings that can be drawn."""


def describe_worst(store: SkeletonStore, findings: Sequence[Finding], topology: Topology) -> list[dict[str, Any]]:
    """For each finding that can be drawn: its worst clip, where in it, and the poses around that frame."""
    return [_show(store, finding, topology) for finding in findings if finding.kind in LOCATE and finding.clips]


def _show(store: SkeletonStore, finding: Finding, topology: Topology) -> dict[str, Any]:
    name = finding.clips[0]
    bodies_MTVC = np.nan_to_num(store[name], posinf=0, neginf=0)
    moments = [LOCATE[finding.kind](body_TVC, topology) for body_TVC in bodies_MTVC]
    body = max(range(len(moments)), key=lambda number: moments[number][0])
    _, frame, joints = moments[body]
    first = max(min(frame - POSES // 2, bodies_MTVC.shape[1] - POSES), 0)
    shown = range(first, min(first + POSES, bodies_MTVC.shape[1]))
    return {
        "kind": finding.kind,
        "clip": name,
        "body": body,
        "frame": frame,
        "joints": [topology.joints[joint] for joint in joints],
        "marked": joints,
        "frames": list(shown),
        "parents": list(topology.parents),
        "poses": np.round(bodies_MTVC[body, first : first + POSES].astype(np.float64), DIGITS).tolist(),
    }
