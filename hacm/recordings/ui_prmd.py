"""UI-PRMD, Kinect part: joint offsets and joint angles in two texts (data.md §3) → Recording.

The sensor's software wrote the waist's place, and of every other joint its offset in its parent's frame and its turn
against that frame. Positions in space follow by forward kinematics.

Shape suffixes: T frames, V joints, C coordinates, R rows and columns of a rotation.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording
from hacm.recordings import Identity, Part, RawFile, RawRecording, Recording
from hacm.recordings.notes import Kind, Note
from hacm.skeletons.shipped import UI_PRMD

FRAMES_PER_SECOND = 30.0
ANGLES = "angles"
COMPANIONS: tuple[str, ...] = (ANGLES,)

METRES = 0.01  # the files hold centimetres

# The longest recording has 179 frames.
MOST_FRAMES = 10_000

Floats = NDArray[np.float64]

_NAME = re.compile(r"(m([0-9]{1,3})_s([0-9]{1,3})_e([0-9]{1,3}))_(positions|angles)(_inc)?\.txt")


def part_of(path: str) -> Part | None:
    """`…/m01_s01_e01_positions.txt` is a main file, `…_angles.txt` its companion; `_inc` marks incorrect executions.

    The authors also offer the same movements as a Vicon system saw them, under the same names; those are passed over.
    """
    folders = [folder.lower() for folder in PurePosixPath(path).parts[:-1]]
    match = _NAME.fullmatch(PurePosixPath(path).name)
    if match is None or any("vicon" in folder for folder in folders):
        return None
    incorrect = match[6] is not None or any(folder.startswith("incorrect") for folder in folders)
    recording = match[1] + ("_inc" if incorrect else "")
    return Part(recording, ANGLES) if match[5] == ANGLES else Part(recording)


def identify(recording: str) -> Identity:
    """What `m01_s01_e01` or `m01_s01_e01_inc` says: movement (from 0 here), subject, replication, correct or not.

    BadRecording if the name is not of that form.
    """
    match = re.fullmatch(r"m([0-9]{1,3})_s([0-9]{1,3})_e([0-9]{1,3})(_inc)?", recording)
    if match is None:
        raise BadRecording(f"name {recording!r} is not of the form m01_s01_e01 or m01_s01_e01_inc")
    movement, subject, replication = (int(number) for number in match.groups()[:3])
    if min(movement, subject, replication) < 1:
        raise BadRecording(f"name {recording!r} holds a number 00; all count from 01")
    how = "incorrect" if match[4] else "correct"
    return Identity(recording, subject=subject, action=movement - 1, replication=replication, execution=how)


def read(raw: RawRecording) -> Iterator[Recording]:
    """The one recording of a pair of files: one track; frames with a coordinate that is not finite are NaN, and noted.

    BadRecording if a file is absent or damaged, or if the two have different lengths.
    """
    identity = identify(raw.name)
    offset_TVC = _read_table(raw.main)
    angle_TVC = _read_table(raw.companion(ANGLES))
    if len(offset_TVC) != len(angle_TVC):
        raise BadRecording(f"{len(offset_TVC)} frames of positions, but {len(angle_TVC)} of angles")
    # What is not finite, or too large for float32, is dealt with below.
    with np.errstate(over="ignore", invalid="ignore"):
        joints_TVC = (METRES * place_joints(offset_TVC, angle_TVC)).astype(np.float32)
    lost_T = ~np.isfinite(joints_TVC).all(axis=(1, 2))
    joints_TVC[lost_T] = np.nan
    lost = int(np.count_nonzero(lost_T))
    notes = (Note(Kind.NOT_FINITE, count=lost),) if lost else ()
    yield Recording(identity, FRAMES_PER_SECOND, UI_PRMD, joints_TVC[np.newaxis], notes)


def _read_table(file: RawFile) -> Floats:
    """(T, V, 3)."""
    # Here and not above, because it loads a compiler, which `part_of` has no use for.
    from hacm.recordings.number_table import read_table

    joints = len(UI_PRMD.joints)
    try:
        return read_table(file.data, joints * 3, MOST_FRAMES).reshape(-1, joints, 3)
    except BadRecording as reason:
        raise BadRecording(f"{file.path}: {reason}") from reason


def place_joints(offset_TVC: Floats, angle_TVC: Floats) -> Floats:
    """Forward kinematics: where the joints are, in the unit of the offsets.

    offset_TVC: of joint 0 its place, of the others the offset in the parent's frame. angle_TVC: Euler angles in
    degrees. X[j] = X[parent] + G[parent]·offset[j], G[j] = G[parent]·R[j], G[0] = R[0] (data.md §3).
    """
    own_TVRR = rotations(angle_TVC)
    frame_TVRR = own_TVRR.copy()
    joints_TVC = offset_TVC.copy()
    for joint, parent in UI_PRMD.bones:  # parents come before their children
        turned_TC = np.einsum("trc,tc->tr", frame_TVRR[:, parent], offset_TVC[:, joint])
        joints_TVC[:, joint] = joints_TVC[:, parent] + turned_TC
        frame_TVRR[:, joint] = frame_TVRR[:, parent] @ own_TVRR[:, joint]
    return joints_TVC


def rotations(angle_TVC: Floats) -> Floats:
    """(T, V, 3, 3): Rz(c)·Ry(b)·Rx(a) of angles a, b, c in degrees."""
    radians_CTV = np.moveaxis(np.radians(angle_TVC), -1, 0)
    (cos_a, cos_b, cos_c), (sin_a, sin_b, sin_c) = np.cos(radians_CTV), np.sin(radians_CTV)
    rows = (
        (cos_c * cos_b, cos_c * sin_b * sin_a - sin_c * cos_a, cos_c * sin_b * cos_a + sin_c * sin_a),
        (sin_c * cos_b, sin_c * sin_b * sin_a + cos_c * cos_a, sin_c * sin_b * cos_a - cos_c * sin_a),
        (-sin_b, cos_b * sin_a, cos_b * cos_a),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
