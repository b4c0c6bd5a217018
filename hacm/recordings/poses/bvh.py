"""BVH: a skeleton of offsets and channels, and the channels' values frame by frame; joints follow by kinematics.

HIERARCHY
ROOT Hips { OFFSET 0 0 0  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT … { … End Site … } }
MOTION
Frames: 2
Frame Time: 0.0333333
0.0 90.0 0.0 …

A joint's place is its parent's and, turned as the parent is, its offset; position channels stand for the offset. Its
rotations, in degrees, are carried out in the order of its channels, each about the axes as those before have turned
them. y points up, as nearly all such files have it; the unit is not said. An end site is a joint, `Hand end`.

Shape suffixes: T frames, K channels, V joints.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording
from hacm.recordings.poses.contents import MOST_NUMBERS, Poses
from hacm.recordings.poses.kinematics import AXES, turn
from hacm.recordings.poses.text_lines import as_lines, as_number

MOST_JOINTS = 500


@dataclass(eq=False)
class Joint:
    """A joint as the hierarchy has it. parent: its number, -1 of the root; columns: channel → column of the table."""

    name: str
    parent: int
    offset: list[float] = field(default_factory=list)
    columns: dict[str, int] = field(default_factory=dict)


def fits(data: bytes) -> bool:
    """Whether a text begins as a BVH does."""
    return data[:100].lstrip().upper().startswith(b"HIERARCHY")


def read(data: bytes) -> Poses:
    """The recording in a BVH; BadRecording, naming the line, if it is none, damaged or cut."""
    lines = as_lines(data)
    joints, at = _read_hierarchy(lines)
    channels = sum(len(joint.columns) for joint in joints)
    table_TK, period = _read_motion(lines, at, channels)
    names = [joint.name for joint in joints]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadRecording(f"two joints are called {twice[:40]!a}")
    return Poses(
        tuple(names),
        _place(joints, table_TK)[np.newaxis],
        fps=1 / period,
        up="y",
        parents=tuple(joint.parent for joint in joints),
    )


def _read_hierarchy(lines: list[list[str]]) -> tuple[list[Joint], int]:
    """The joints, parents first, and the number of the line of MOTION."""
    joints: list[Joint] = []
    open_: list[int] = []
    columns = 0
    for number, words in enumerate(lines):
        where, first = f"line {number + 1}", words[0].upper() if words else ""
        if not words or first in ("HIERARCHY", "{"):
            continue
        if first == "MOTION":
            if open_ or not joints:
                raise BadRecording(f"{where}: the hierarchy has no end")
            return joints, number
        if first in ("ROOT", "JOINT", "END"):
            if (first == "ROOT") != (not joints) or (first != "ROOT" and not open_):
                raise BadRecording(f"{where}: {words[0][:40]!a} where it cannot be; one skeleton a file is read")
            if len(joints) >= MOST_JOINTS:
                raise BadRecording(f"{where}: more than {MOST_JOINTS} joints")
            parent = open_[-1] if open_ else -1
            name = f"{joints[parent].name} end" if first == "END" else " ".join(words[1:])
            if not name:
                raise BadRecording(f"{where}: a joint without a name")
            joints.append(Joint(name, parent))
            open_.append(len(joints) - 1)
        elif first == "}" and open_:
            if not joints[open_.pop()].offset:
                raise BadRecording(f"{where}: a joint without OFFSET")
        elif first == "OFFSET" and open_ and len(words) == 4:
            joints[open_[-1]].offset = [as_number(word, where) for word in words[1:]]
        elif first == "CHANNELS" and open_:
            named = [word.lower() for word in words[2:]]
            known = all(name[:1] in AXES and name[1:] in ("position", "rotation") for name in named)
            whole = words[1:2] == [str(len(named))] and len(set(named)) == len(named)
            if not whole or not known or joints[open_[-1]].columns:
                raise BadRecording(f"{where}: {' '.join(words)[:60]!a} are no channels")
            joints[open_[-1]].columns = {name: columns + place for place, name in enumerate(named)}
            columns += len(named)
        else:
            raise BadRecording(f"{where}: {words[0][:40]!a} is not of a BVH's hierarchy")
    raise BadRecording(f"line {len(lines)}: no MOTION; is the file cut?")


def _read_motion(lines: list[list[str]], at: int, channels: int) -> tuple[NDArray[np.float64], float]:
    """The channels' values and the seconds that a frame takes; at: the line of MOTION."""
    heads = [" ".join(words).lower() for words in lines[at + 1 : at + 3]]
    if len(heads) < 2 or not heads[0].startswith("frames:") or not heads[1].startswith("frame time:"):
        raise BadRecording(f"line {at + 2}: Frames: and Frame Time: must follow MOTION")
    frames = as_number(heads[0].removeprefix("frames:").strip(), f"line {at + 2}")
    period = as_number(heads[1].removeprefix("frame time:").strip(), f"line {at + 3}")
    if not 0 < period < 1000:
        raise BadRecording(f"line {at + 3}: Frame Time is {period:g} seconds")
    rows = lines[at + 3 :]
    while rows and not rows[-1]:
        rows.pop()
    if len(rows) != frames or not rows:
        raise BadRecording(f"{len(rows)} frames, but line {at + 2} says {frames:g}; is the file cut?")
    for number, row in enumerate(rows):
        if len(row) != channels:
            raise BadRecording(f"line {at + 4 + number}: {len(row)} numbers instead of {channels}")
    if len(rows) * channels > MOST_NUMBERS:
        raise BadRecording(f"more than {MOST_NUMBERS} numbers")
    table = [[as_number(word, f"line {at + 4 + number}") for word in row] for number, row in enumerate(rows)]
    return np.array(table, dtype=np.float64).reshape(len(rows), channels), period


def _place(joints: list[Joint], table_TK: NDArray[np.float64]) -> NDArray[np.float64]:
    frames = len(table_TK)
    if frames * len(joints) * 12 > 4 * MOST_NUMBERS:
        raise BadRecording(f"{frames} frames of {len(joints)} joints are too many")
    places_TVC = np.empty((frames, len(joints), 3))
    turns: list[NDArray[np.float64]] = []
    for number, joint in enumerate(joints):
        offset_TC = np.tile(joint.offset, (frames, 1))
        turn_T33 = np.broadcast_to(np.eye(3), (frames, 3, 3))
        for channel, column in joint.columns.items():
            if channel.endswith("position"):
                offset_TC[:, AXES.index(channel[0])] = table_TK[:, column]
            else:
                turn_T33 = turn_T33 @ turn(channel[0], table_TK[:, column] * (math.pi / 180))
        if joint.parent < 0:
            places_TVC[:, number] = offset_TC
            turns.append(turn_T33)
        else:
            above_T33 = turns[joint.parent]
            places_TVC[:, number] = places_TVC[:, joint.parent] + (above_T33 @ offset_TC[..., np.newaxis])[..., 0]
            turns.append(above_T33 @ turn_T33)
    return places_TVC
