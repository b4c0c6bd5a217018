"""Acclaim's ASF and AMC, of CMU's motion capture and HDM05: a skeleton, and its bones' angles frame by frame.

The skeleton is a file of its own, for all recordings of a person. Joints are the root and the far end of each bone,
called as the bone (`lfemur` is the left knee). A bone's direction is given in the room, with the body in its rest pose,
and its angles about axes of its own, which `axis` turns from those of the room; turns named first are carried out
first, about fixed axes. y points up; the unit follows from the skeleton (`length` is that of an inch: 0.45 at CMU, in
whose FAQ a unit is 2.54 / 0.45 cm); no frame rate is said (CMU and HDM05: 120).

Shape suffixes: T frames, V joints.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording
from hacm.recordings.poses.contents import MOST_NUMBERS, Poses
from hacm.recordings.poses.kinematics import AXES, turn
from hacm.recordings.poses.text_lines import as_lines, as_number

INCH = 0.0254
ROOT = "root"
MOST_BONES = 500


@dataclass(eq=False)
class Bone:
    """direction: of its far end from the near one, in the rest pose, of its length. axis_33: its axes in the room.

    channels: rx, ry, rz, and tx, ty, tz of the root, in the order in which an AMC gives them.
    """

    name: str
    direction: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    axis_33: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    channels: tuple[str, ...] = ()
    parent: int = -1


@dataclass(frozen=True, eq=False)
class Skeleton:
    """bones: the root, and those after it, parents first. metres: its unit. radians: to the unit of its angles."""

    bones: tuple[Bone, ...]
    metres: float
    start: NDArray[np.float64]


def read(data: bytes, skeleton: bytes) -> Poses:
    """The recording in an AMC, of the skeleton in an ASF; BadRecording, naming the line, if either is damaged."""
    try:
        body = read_skeleton(skeleton)
    except BadRecording as reason:
        raise BadRecording(f"its skeleton (.asf): {reason}") from reason
    frames, radians = _read_motion(as_lines(data), body)
    names = tuple(bone.name for bone in body.bones)
    parents = tuple(bone.parent for bone in body.bones)
    return Poses(names, _place(body, frames, radians)[np.newaxis], metres=body.metres, up="y", parents=parents)


def read_skeleton(data: bytes) -> Skeleton:
    """The skeleton in an ASF; BadRecording, naming the line, if it is damaged."""
    section, sections = "", dict[str, list[tuple[int, list[str]]]]()
    for number, words in enumerate(as_lines(data), 1):
        if words and words[0].startswith(":"):
            section = words[0].lower()
            words = words[1:]
        if words and not words[0].startswith("#"):
            sections.setdefault(section, []).append((number, words))
    scale, radians = 1.0, math.pi / 180
    for number, words in sections.get(":units", []):
        if words[0] == "length":
            scale = as_number(" ".join(words[1:]), f"line {number}: length")
        if words[0] == "angle" and words[1:] == ["rad"]:
            radians = 1.0
    if scale <= 0:
        raise BadRecording(f"the unit of length is {scale:g}")
    bones = {ROOT: Bone(ROOT)}
    start = np.zeros(3)
    order, angles = "XYZ", [0.0, 0.0, 0.0]
    for number, words in sections.get(":root", []):
        where = f"line {number}"
        if words[0] == "order":
            bones[ROOT].channels = _channels(words[1:], where)
        elif words[0] == "axis":
            order = words[1] if len(words) > 1 else ""
        elif words[0] in ("position", "orientation"):
            values = [as_number(word, where) for word in words[1:4]]
            if len(values) < 3:
                raise BadRecording(f"{where}: {words[0]} needs three numbers")
            start, angles = (np.array(values), angles) if words[0] == "position" else (start, values)
    bones[ROOT].axis_33 = _axes(angles, order, radians, "the root's axis")
    for bone in _read_bones(sections.get(":bonedata", []), radians):
        if bone.name in bones or len(bones) > MOST_BONES:
            raise BadRecording(f"two bones are called {bone.name[:40]!a}, or there are more than {MOST_BONES}")
        bones[bone.name] = bone
    if len(bones) == 1:
        raise BadRecording("no bones; is it an ASF?")
    return Skeleton(_order(bones, sections.get(":hierarchy", [])), INCH / scale, start)


def _read_bones(lines: list[tuple[int, list[str]]], radians: float) -> list[Bone]:
    found: list[Bone] = []
    said: dict[str, list[str]] = {}
    for number, words in lines:
        where = f"line {number}"
        if words[0] == "begin":
            said = {}
        elif words[0] == "end":
            name = " ".join(said.get("name", []))
            direction = [as_number(word, where) for word in said.get("direction", [])]
            axis = said.get("axis", ["0", "0", "0", "XYZ"])
            if not name or len(direction) != 3 or len(axis) != 4 or "length" not in said:
                raise BadRecording(f"{where}: a bone needs name, direction, length and axis")
            length = as_number(" ".join(said["length"]), where)
            axis_33 = _axes([as_number(word, where) for word in axis[:3]], axis[3], radians, where)
            channels = _channels(said.get("dof", []), where)
            found.append(Bone(name, length * np.array(direction), axis_33, channels))
        elif not words[0].startswith("("):  # further lines of limits
            said[words[0]] = words[1:]
    return found


def _channels(words: list[str], where: str) -> tuple[str, ...]:
    channels = tuple(word.lower() for word in words)
    known = all((len(one) == 2 and one[0] in "rt" and one[1] in AXES) or one == "l" for one in channels)
    if not known or len(set(channels)) < len(channels):
        raise BadRecording(f"{where}: {' '.join(words)[:40]!a} are no channels")
    return channels


def _axes(angles: list[float], order: str, radians: float, where: str) -> NDArray[np.float64]:
    if sorted(order.lower()) != sorted(AXES):
        raise BadRecording(f"{where}: {order[:40]!a} is no order of axes")
    matrix = np.eye(3)
    for axis in order.lower():
        matrix = turn(axis, np.array([angles[AXES.index(axis)] * radians]))[0] @ matrix
    return matrix


def _order(bones: dict[str, Bone], lines: list[tuple[int, list[str]]]) -> tuple[Bone, ...]:
    """The bones that hang on the root, parents first."""
    children: dict[str, list[str]] = {}
    for number, words in lines:
        if words[0] in ("begin", "end"):
            continue
        unknown = next((word for word in words if word not in bones), None)
        if unknown is not None:
            raise BadRecording(f"line {number}: {unknown[:40]!a} is no bone")
        children.setdefault(words[0], []).extend(words[1:])
    names, parents = [ROOT], {ROOT: -1}
    for place, name in enumerate(names):  # grows while it is gone through
        for child in children.get(name, []):
            if child in parents:
                raise BadRecording(f"bone {child[:40]!a} hangs on two others")
            parents[child] = place
            names.append(child)
    if len(names) < len(bones):
        raise BadRecording(f"{len(bones) - len(names)} bones hang on nothing")
    for name in names:
        bones[name].parent = parents[name]
    return tuple(bones[name] for name in names)


def _read_motion(lines: list[list[str]], body: Skeleton) -> tuple[list[dict[str, list[float]]], float]:
    """Of each frame the values of each bone's channels; and radians to the unit of angles."""
    known = {bone.name: len(bone.channels) for bone in body.bones}
    moving = {name for name, count in known.items() if count}
    frames: list[dict[str, list[float]]] = []
    radians = math.pi / 180
    for number, words in enumerate(lines, 1):
        if not words or words[0].startswith("#"):
            continue
        if words[0].startswith(":"):
            radians = 1.0 if words[0].upper() == ":RADIANS" else radians
        elif len(words) == 1 and words[0].isascii() and words[0].isdecimal():
            _expect_whole(frames, moving, number)
            if int(words[0][:15]) != len(frames) + 1:
                raise BadRecording(f"line {number}: frame {words[0][:15]} instead of {len(frames) + 1}")
            frames.append({})
            if len(frames) * len(known) * 3 > MOST_NUMBERS:
                raise BadRecording(f"more than {MOST_NUMBERS} numbers")
        else:
            name, values = words[0], [as_number(word, f"line {number}") for word in words[1:]]
            if not frames or name in frames[-1] or known.get(name) != len(values):
                wanted = f"{known[name]} numbers" if name in known else "a bone of the skeleton"
                raise BadRecording(f"line {number}: {name[:40]!a} with {len(values)} numbers instead of {wanted}")
            frames[-1][name] = values
    if not frames:
        raise BadRecording("no frames; is it an AMC?")
    _expect_whole(frames, moving, len(lines))
    return frames, radians


def _expect_whole(frames: list[dict[str, list[float]]], moving: set[str], line: int) -> None:
    if frames and len(frames[-1]) < len(moving):
        lacking = sorted(moving - frames[-1].keys())
        raise BadRecording(f"line {line}: frame {len(frames)} has no {lacking[0][:40]}; is the file cut?")


def _place(body: Skeleton, frames: list[dict[str, list[float]]], radians: float) -> NDArray[np.float64]:
    places_TVC = np.zeros((len(frames), len(body.bones), 3))
    turns: list[NDArray[np.float64]] = []
    for number, bone in enumerate(body.bones):
        own_T33 = np.broadcast_to(np.eye(3), (len(frames), 3, 3))
        moved_TC = np.zeros((len(frames), 3))
        for place, channel in enumerate(bone.channels):
            value_T = np.array([frame[bone.name][place] for frame in frames])
            if channel[0] == "r":
                own_T33 = turn(channel[1], value_T * radians) @ own_T33
            elif channel[0] == "t":
                moved_TC[:, AXES.index(channel[1])] = value_T
        own_T33 = bone.axis_33 @ own_T33 @ bone.axis_33.T
        if bone.parent < 0:
            places_TVC[:, number] = body.start + moved_TC
            turns.append(own_T33)
        else:
            turns.append(turns[bone.parent] @ own_T33)
            places_TVC[:, number] = places_TVC[:, bone.parent] + turns[-1] @ bone.direction
    return places_TVC
