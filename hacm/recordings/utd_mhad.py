"""UTD-MHAD: skeletons in MATLAB files (data.md §3) → Recording.

Shape suffixes: M bodies, T frames, V joints, C coordinates.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording
from hacm.recordings import Identity, Part, RawRecording, Recording, matlab
from hacm.recordings.notes import Kind, Note
from hacm.skeletons.shipped import KINECT_V1

SUFFIX = "_skeleton.mat"
FRAMES_PER_SECOND = 30.0
COMPANIONS: tuple[str, ...] = ()

KEY = "d_skel"

_NAME = re.compile(r"a([0-9]{1,3})_s([0-9]{1,3})_t([0-9]{1,3})_skeleton\.mat")


def part_of(path: str) -> Part | None:
    """Every file of the suffix is a recording."""
    base = PurePosixPath(path).name
    return Part(base.removesuffix(SUFFIX)) if base.endswith(SUFFIX) else None


def read(raw: RawRecording) -> Iterator[Recording]:
    """The one recording of a file."""
    yield parse(raw.main.data, raw.main.path)


def identify(name: str) -> Identity:
    """What `…/aA_sS_tT_skeleton.mat` says: action (from 0 here), subject, trial (as replication).

    Leading folders are ignored. BadRecording if the name is not of that form.
    """
    base = PurePosixPath(name).name
    match = _NAME.fullmatch(base)
    if match is None:
        raise BadRecording(f"name {base!r} is not of the form a1_s1_t1_skeleton.mat")
    action, subject, trial = (int(number) for number in match.groups())
    if min(action, subject, trial) < 1:
        raise BadRecording(f"name {base!r} holds a number 0; all count from 1")
    return Identity(name=base.removesuffix(SUFFIX), subject=subject, action=action - 1, replication=trial)


def parse(data: bytes, name: str) -> Recording:
    """The recording in a `.mat` file: one track; frames with a coordinate that is not finite are NaN, and noted.

    BadRecording if the file is damaged or does not hold real numbers (20, 3, T) named `d_skel`.
    """
    identity = identify(name)
    values_VCT = _load(data)
    # What float32 cannot hold becomes infinite, and is dealt with like what was never finite.
    with np.errstate(over="ignore", invalid="ignore"):
        joints_TVC = values_VCT.transpose(2, 0, 1).astype(np.float32, order="C")
    lost_T = ~np.isfinite(joints_TVC).all(axis=(1, 2))
    joints_TVC[lost_T] = np.nan
    lost = int(np.count_nonzero(lost_T))
    notes = (Note(Kind.NOT_FINITE, count=lost),) if lost else ()
    return Recording(identity, FRAMES_PER_SECOND, KINECT_V1, joints_TVC[np.newaxis], notes)


def _load(data: bytes) -> NDArray[np.float64]:
    values_VCT = matlab.read_numbers(data, KEY)
    shape, joints = values_VCT.shape, len(KINECT_V1.joints)
    if len(shape) != 3 or shape[:2] != (joints, 3) or shape[2] < 1:
        raise BadRecording(f"{KEY} has shape {shape} instead of ({joints}, 3, frames)")
    return values_VCT
