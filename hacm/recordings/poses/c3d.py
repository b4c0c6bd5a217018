"""C3D, of optical motion capture (Vicon, Qualisys, OptiTrack, …): places of labelled markers, read by the package c3d.

Rate and unit are in the file, and mostly which axis points up (Y_SCREEN). Markers whose residual is negative were not
seen. Force plates and other analog channels are not read.

Shape suffixes: T frames, V markers, C coordinates.
"""

import io
import warnings
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording
from hacm.recordings.bodies import Up
from hacm.recordings.impostors import refuse_impostor
from hacm.recordings.notes import Kind, Note
from hacm.recordings.poses.contents import MOST_NUMBERS, Poses
from hacm.recordings.poses.extras import import_extra
from hacm.recordings.poses.trc import UNITS

MOST_MARKERS = 1000
SECOND_BYTE = 0x50
"""What the second byte of every C3D is."""


def read(data: bytes) -> Poses:
    """The recording in a C3D; BadRecording if it is none, damaged or cut; UserError without the package c3d."""
    package = import_extra("c3d", "C3D")
    refuse_impostor(data)
    if len(data) < 1024 or data[1] != SECOND_BYTE:
        raise BadRecording(f"no C3D, or cut: {len(data)} bytes that do not begin as one")
    try:
        with warnings.catch_warnings():  # the package warns of what is checked here
            warnings.simplefilter("ignore")
            return _read(package.Reader(io.BytesIO(data)))
    except BadRecording:
        raise
    except Exception as error:  # of a damaged file the package raises whatever comes up
        raise BadRecording(f"damaged, or of a kind of C3D that is not known ({type(error).__name__})") from error


def _read(reader: Any) -> Poses:
    markers, frames = int(reader.point_used), int(reader.last_frame) - int(reader.first_frame) + 1
    if not 0 < markers <= MOST_MARKERS or frames < 1:
        raise BadRecording(f"{markers} markers in {frames} frames")
    if markers * frames * 3 > MOST_NUMBERS:
        raise BadRecording(f"{markers} markers in {frames} frames are more than {MOST_NUMBERS} numbers")
    fps = float(reader.point_rate)
    if not 0 < fps < 10**6:
        raise BadRecording(f"its frame rate is {fps:g}")
    unit = _text(reader, "POINT:UNITS") or "mm"
    if unit.lower() not in UNITS:
        raise BadRecording(f"POINT:UNITS is {unit[:40]!a}; known: {', '.join(UNITS)}")
    values_TVC = np.full((frames, markers, 3), np.nan)
    place = -1
    for place, (_, points_VK, _) in enumerate(reader.read_frames(copy=False)):
        seen_V = points_VK[:, 3] >= 0
        values_TVC[place, seen_V] = points_VK[seen_V, :3]
    if place + 1 < frames:
        raise BadRecording(f"frame {place + 2} of {frames} is not there; is the file cut?")
    notes = (Note(Kind.NOT_READ, words=f"{reader.analog_used} analog channels"),) if reader.analog_used else ()
    return Poses(
        _names(reader, markers), _finite(values_TVC)[np.newaxis], fps=fps, metres=UNITS[unit.lower()],
        up=_up(reader), notes=notes,
    )  # fmt: skip


def _names(reader: Any, markers: int) -> tuple[str, ...]:
    """The markers' labels; more than 255 go on in LABELS2, …; those without one are called by their number."""
    found: list[str] = []
    for key in ("LABELS", *(f"LABELS{number}" for number in range(2, 6))):
        held = reader.get(f"POINT:{key}")
        found += [] if held is None else [str(one).strip(" \0") for one in held.string_array]
    names = [name or f"marker {place}" for place, name in enumerate(found[:markers], 1)]
    names += [f"marker {place}" for place in range(len(names) + 1, markers + 1)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadRecording(f"two markers are called {twice[:40]!a}")
    return tuple(names)


def _text(reader: Any, key: str) -> str:
    held = reader.get(key)
    return "" if held is None else str(held.string_value).strip(" \0")


def _up(reader: Any) -> Up | None:
    said = _text(reader, "POINT:Y_SCREEN").lower().removeprefix("+")
    return next((one for one in get_args(Up) if one == said), None)


def _finite(values_TVC: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(values_TVC), values_TVC, np.nan)
