"""Anipose's table of places in the room: a line a frame, `nose_x, nose_y, nose_z, nose_error, nose_ncams, nose_score`.

Columns `M_00` …, `center_0` … (how it turned the room) and `fnum` (the frame) follow. The unit is that of the
calibration, mostly mm, and is not said; neither are up and the frame rate.
"""

import re

import numpy as np

from hacm.errors import BadRecording
from hacm.recordings.csv_table import BYTE_ORDER_MARK, LONGEST_NAMES, read_csv
from hacm.recordings.frame_numbers import find_places
from hacm.recordings.notes import Kind, Note
from hacm.recordings.poses.contents import MOST_NUMBERS, Poses

FRAME = "fnum"
VALUES = ("x", "y", "z")


def fits_csv(data: bytes) -> bool:
    """Whether a text's first line names such columns."""
    first = data[:LONGEST_NAMES].removeprefix(BYTE_ORDER_MARK).partition(b"\n")[0].decode("latin-1")
    names = {one.strip().strip('"') for one in first.split(",")}
    return bool(_joints(names))


def _joints(names: set[str]) -> list[str]:
    return [
        one[:-2]
        for one in names
        if one.endswith("_x") and {f"{one[:-2]}_{end}" for end in ("y", "z", "ncams", "error")} <= names
    ]


def read_csv_text(data: bytes) -> Poses:
    """The recording in such a table; BadRecording, naming the line, if it is damaged or cut."""
    names, table_RK, notes = read_csv(
        data, 6, MOST_NUMBERS, lambda name: re.search("_[xyz]$|_score$|^fnum$", name) is not None
    )
    place = {name: column for column, name in enumerate(names or [])}
    fitting = set(_joints(set(place)))
    joints = [name[:-2] for name in place if name.endswith("_x") and name[:-2] in fitting]
    if not joints or len(place) < len(names or []):
        raise BadRecording("line 1: columns are not those of Anipose, or some are called the same")
    values_RVC = table_RK[:, [place[f"{joint}_{axis}"] for joint in joints for axis in VALUES]]
    values_RVC = values_RVC.reshape(len(table_RK), len(joints), 3)
    frame_R = table_RK[:, place[FRAME]] if FRAME in place else np.arange(len(table_RK), dtype=np.float64)
    found = find_places(len(table_RK), frame_R, None, None, fps=1.0, first_line=2)
    values_TVC = np.full((found.frames, len(joints), 3), np.nan)
    values_TVC[found.frame_R] = np.where(np.isfinite(values_RVC).all(axis=2, keepdims=True), values_RVC, np.nan)
    confidence_TV = None
    if all(f"{joint}_score" in place for joint in joints):
        confidence_TV = np.full(values_TVC.shape[:2], np.nan)
        confidence_TV[found.frame_R] = table_RK[:, [place[f"{joint}_score"] for joint in joints]]
    gaps = (Note(Kind.GAP, frames=found.gaps, of=found.frames),) if found.gaps else ()
    return Poses(
        tuple(joints),
        values_TVC[np.newaxis],
        None if confidence_TV is None else confidence_TV[np.newaxis],
        notes=notes + gaps,
    )
