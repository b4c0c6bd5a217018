"""TRC, of OpenSim, Pose2Sim, Cortex and other marker software: places of named points, a line per frame.

PathFileType  4  (X/Y/Z)  take.trc
DataRate  CameraRate  NumFrames  NumMarkers  Units  OrigDataRate  OrigDataStartFrame  OrigNumFrames
60  60  2  1  m  60  1  2
Frame#  Time  Nose
              X1  Y1  Z1
1  0.0  0.1  1.6  0.0

Fields are separated by tabs; those of a point that was not seen are empty. Rate and unit are in the file; which axis
points up is not (OpenSim and Pose2Sim have y).

Shape suffixes: T frames, V joints, C coordinates.
"""

import numpy as np

from hacm.errors import BadRecording
from hacm.recordings.frame_numbers import find_places
from hacm.recordings.notes import Kind, Note
from hacm.recordings.poses.contents import MOST_NUMBERS, Poses
from hacm.recordings.poses.text_lines import as_number, as_text

UNITS = {"m": 1.0, "dm": 0.1, "cm": 0.01, "mm": 0.001, "in": 0.0254, "ft": 0.3048}
MOST_JOINTS = 1000


def fits(data: bytes) -> bool:
    """Whether a text begins as a TRC does."""
    return data[:100].lstrip().startswith(b"PathFileType")


def read(data: bytes) -> Poses:
    """The recording in a TRC; BadRecording, naming the line, if it is none, damaged or cut."""
    lines = as_text(data).replace("\r\n", "\n").split("\n")
    if len(lines) < 6:
        raise BadRecording(f"line {len(lines)}: a TRC has 5 lines of heading; is the file cut?")
    said = dict(zip(lines[1].split(), lines[2].split(), strict=False))
    fps = as_number(said.get("DataRate", ""), "line 3: DataRate")
    joints = as_number(said.get("NumMarkers", ""), "line 3: NumMarkers")
    frames = as_number(said.get("NumFrames", ""), "line 3: NumFrames")
    unit = said.get("Units", "")
    if not 0 < fps < 10**6:
        raise BadRecording(f"line 3: DataRate is {fps:g}")
    if unit.lower() not in UNITS:
        raise BadRecording(f"line 3: Units are {unit[:40]!a}; known: {', '.join(UNITS)}")
    names = [name.strip() for name in lines[3].split("\t")[2:] if name.strip()]
    if len(names) != joints or not 0 < len(names) <= MOST_JOINTS or len(set(names)) < len(names):
        raise BadRecording(f"line 4: {len(names)} names, some of them maybe twice, for {joints:g} markers")
    rows = [(number, line) for number, line in enumerate(lines[5:], 6) if line.strip()]
    if len(rows) != frames or not rows:
        raise BadRecording(f"{len(rows)} frames, but line 3 says {frames:g}; is the file cut?")
    if len(rows) * len(names) * 3 > MOST_NUMBERS:
        raise BadRecording(f"more than {MOST_NUMBERS} numbers")
    number_R, values_RVC = np.empty(len(rows)), np.full((len(rows), len(names), 3), np.nan)
    for row, (number, line) in enumerate(rows):
        fields = [field.strip() for field in line.rstrip("\r").split("\t")]
        places = fields[2 : 2 + 3 * len(names)]
        if any(fields[2 + 3 * len(names) :]) or len(fields) < 2:
            raise BadRecording(f"line {number}: {len(fields)} fields instead of {2 + 3 * len(names)}")
        number_R[row] = as_number(fields[0], f"line {number}: Frame#")
        places += [""] * (3 * len(names) - len(places))  # editors drop the empty ones at a line's end
        flat = [np.nan if field.lower() in ("", "nan") else as_number(field, f"line {number}") for field in places]
        values_RVC[row] = np.array(flat).reshape(-1, 3)
    found = find_places(len(rows), number_R, None, None, fps, first_line=6)
    values_TVC = np.full((found.frames, len(names), 3), np.nan)
    values_TVC[found.frame_R] = values_RVC
    notes = (Note(Kind.GAP, frames=found.gaps, of=found.frames),) if found.gaps else ()
    return Poses(tuple(names), values_TVC[np.newaxis], fps=fps, metres=UNITS[unit.lower()], notes=notes)
