"""DeepLabCut's tables, and Lightning Pose's, which have the same form: a line a frame under three or four of names.

scorer       DLC_…   DLC_…   DLC_…        …
individuals  one     one     one          …   (only where several are tracked)
bodyparts    nose    nose    nose         …
coords       x       y       likelihood   …
0            12.5    80.1    0.99         …

`.csv`, or the same table of pandas in `.h5`. Places are pixels, y downwards; triangulated ones have z, in a unit that
is not said, and no likelihood. It says no frame rate.

Shape suffixes: R lines, K columns, M bodies, T frames, V joints, C coordinates.
"""

import io
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording
from hacm.recordings.csv_table import BYTE_ORDER_MARK, LONGEST_NAMES, read_numbers
from hacm.recordings.frame_numbers import find_places
from hacm.recordings.notes import Kind, Note
from hacm.recordings.pickles import read_stream
from hacm.recordings.poses.contents import MOST_AT_ONCE, MOST_NUMBERS, Poses
from hacm.recordings.poses.hdf5 import read_array

LEVELS = ("scorer", "individuals", "bodyparts", "coords")
COORDS = ("x", "y", "z", "likelihood")
MOST_COLUMNS = 10_000

Column = tuple[str, str, str]
"""Individual ("" where there are none), body part, and one of COORDS."""


def fits_csv(data: bytes) -> bool:
    """Whether a text begins as such a table does."""
    return data[:50].removeprefix(BYTE_ORDER_MARK).lower().startswith(b"scorer,")


def read_csv_text(data: bytes) -> Poses:
    """The recording in a .csv; BadRecording, naming the line, if it is damaged or cut."""
    data = data.removeprefix(BYTE_ORDER_MARK)
    said: dict[str, list[str]] = {}
    for _ in LEVELS:
        line, _, rest = data.partition(b"\n")
        if len(line) > 10 * LONGEST_NAMES:
            raise BadRecording(f"line {len(said) + 1}: longer than any line of names")
        fields = [one.strip(' "\r\t') for one in line.decode("utf-8", "replace").split(",")]
        level = fields[0].lower()
        if level not in LEVELS or level in said:
            break
        said[level], data = fields[1:], rest
    lacking = [level for level in ("scorer", "bodyparts", "coords") if level not in said]
    if lacking or len({len(one) for one in said.values()}) > 1:
        raise BadRecording(
            f"line {len(said) + 1}: names of columns without a line {(lacking or ['of the same length'])[0]}"
        )
    nobody = [""] * len(said["coords"])
    columns = list(zip(said.get("individuals", nobody), said["bodyparts"], said["coords"], strict=True))
    if not 0 < len(columns) <= MOST_COLUMNS:
        raise BadRecording(f"line 1: {len(columns)} columns, at most {MOST_COLUMNS} can be")
    first = data[:200].partition(b",")[0].strip()
    if first and not first.replace(b".", b"").isdigit():
        raise BadRecording(
            f"line {len(said) + 1}: {first[:40].decode('utf-8', 'replace')!a} is no frame's number; "
            "labels of single pictures are no recording"
        )
    table_RK = read_numbers(data, len(columns) + 1, MOST_NUMBERS, first_line=len(said) + 1)
    return _gather(columns, table_RK[:, 0], table_RK[:, 1:], first_line=len(said) + 1)


def fits_hdf5(file: Any) -> bool:
    """Whether an open HDF5 holds a table of pandas."""
    return any(_attribute(group, "pandas_type").startswith("frame") for group in file.values())


def read_hdf5(file: Any) -> Poses:
    """The recording in an open HDF5; BadRecording if it is of another kind. What pandas pickled is read as data."""
    group = next(one for one in file.values() if _attribute(one, "pandas_type").startswith("frame"))
    if _attribute(group, "pandas_type") != "frame_table":
        raise BadRecording("a table of pandas that is not in the format that DeepLabCut writes; give its .csv")
    table = read_array(group, "table")
    names = [name for name in table.dtype.names if name != "index"]
    index = table["index"]
    if len(names) != 1 or index.dtype.kind not in "iuf":
        raise BadRecording("labels of single pictures are no recording")
    ((_, labels),) = _unpickled(group, "non_index_axes")
    columns = [_column([str(one) for one in label]) for label in labels]
    values_RK = table[names[0]].astype(np.float64)
    if values_RK.shape != (len(table), len(columns)) or not columns or not len(table):
        raise BadRecording(f"{len(columns)} names for numbers of shape {values_RK.shape}")
    return _gather(columns, index.astype(np.float64), values_RK)


def _column(label: Sequence[str]) -> Column:
    """Of scorer, individual (where several are tracked), body part and coordinate the last three."""
    _, *who, part, coordinate = label
    return (who[0] if who else "", part, coordinate)


def _attribute(group: Any, name: str) -> str:
    value = group.attrs.get(name, b"")
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _unpickled(group: Any, name: str) -> Any:
    held = group.attrs[name]
    return read_stream(io.BytesIO(bytes(held)))


def _gather(
    columns: Sequence[Column], frame_R: NDArray[np.float64], values_RK: NDArray[np.float64], first_line: int = 1
) -> Poses:
    place: dict[Column, int] = {}
    for number, column in enumerate(columns):
        if place.setdefault(column, number) != number or column[2] not in COORDS:
            raise BadRecording(f"column {', '.join(column)[:60]!a} is there twice, or none of {', '.join(COORDS)}")
    individuals = list(dict.fromkeys(one for one, _, _ in columns))
    joints = list(dict.fromkeys(part for who, part, _ in columns if who == individuals[0]))
    others = [one for one in individuals if {part for who, part, _ in columns if who == one} != set(joints)]
    individuals = [one for one in individuals if one not in others]  # "single" objects beside the individuals
    if len(individuals) > MOST_AT_ONCE:
        raise BadRecording(f"{len(individuals)} individuals, at most {MOST_AT_ONCE} can be")
    axes = "xyz" if any(one == "z" for _, _, one in columns) else "xy"
    wanted = list(itertools.product(individuals, joints, axes))
    lacking = next((column for column in wanted if column not in place), None)
    if lacking is not None:
        raise BadRecording(f"no column {', '.join(lacking)[:60]!a}")
    shape = (len(values_RK), len(individuals), len(joints))
    values_RMVC = values_RK[:, [place[one] for one in wanted]].reshape(*shape, len(axes))
    sure = [(who, part, "likelihood") for who, part in itertools.product(individuals, joints)]
    confidence_RMV = None
    if all(one in place for one in sure):
        confidence_RMV = values_RK[:, [place[one] for one in sure]].reshape(shape)
    found = find_places(len(frame_R), frame_R, None, None, fps=1.0, first_line=first_line)
    placed = np.full((found.frames, *values_RMVC.shape[1:]), np.nan)
    placed[found.frame_R] = np.where(np.isfinite(values_RMVC).all(axis=-1, keepdims=True), values_RMVC, np.nan)
    trusted = None
    if confidence_RMV is not None:
        trusted = np.full(placed.shape[:-1], np.nan)
        trusted[found.frame_R] = confidence_RMV
    notes = [Note(Kind.GAP, frames=found.gaps, of=found.frames)] if found.gaps else []
    if others:
        notes.append(
            Note(Kind.NOT_READ, words=f"of other body parts: {', '.join(ascii(one[:30]) for one in others[:8])}")
        )
    flat = len(axes) == 2
    return Poses(
        tuple(joints),
        placed.swapaxes(0, 1),
        None if trusted is None else trusted.swapaxes(0, 1),
        up="-y" if flat else None,
        pictured=flat,
        notes=tuple(notes),
    )
