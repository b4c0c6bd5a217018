"""Recordings as plain arrays, one file each: NumPy's `.npz`, or `.csv` (docs/own-data.md) → Recording.

    .npz    joints: (T, V, 3) or (M, T, V, 3); and single numbers: subject, action, camera, setup, replication, fps
    .csv    one line a frame of one body: V·3 numbers, joint after joint; or, under a line of column names, NAME x,
            NAME y and NAME z for each joint in any order, and the same single numbers, the same in every line

What the single numbers say may instead be said by the file's name.

Shape suffixes: T frames, V joints, R rows, K columns.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording, UserError
from hacm.recordings import Identity, Part, RawRecording, Recording
from hacm.recordings.bodies import as_bodies
from hacm.recordings.csv_table import read_csv
from hacm.recordings.notes import Kind, Note
from hacm.recordings.npz import read_arrays
from hacm.skeletons.topology import Topology

JOINTS = "joints"
IDENTITY = ("subject", "action", "camera", "setup", "replication")
FPS = "fps"
SINGLE_NUMBERS = (*IDENTITY, FPS)
LARGEST_NUMBER = 2**31 - 1  # what a manifest can hold

# Two hours of 25 joints at 60 frames a second are a third of that.
MOST_NUMBERS = 2**24
MOST_BYTES = 8 * MOST_NUMBERS

Facts = dict[str, float]


@dataclass(frozen=True)
class ArrayReader:
    """A reader (hacm.recordings) of recordings as arrays; every `.npz` and `.csv` file is one.

    topology: the skeleton, whose order the joints of an array have. names: what file names look like, without suffix:
    `s{subject}_a{action}_t{replication}`, or with folders `{subject}/{action}-{camera}`; {…} is one of IDENTITY and
    stands for digits. None: names say nothing. fps: frames per second of files that do not say. metres: the unit of
    coordinates. up: the axis that points up. first_action: the number of the first action. A subject is not needed.
    UserError if the settings are impossible.
    """

    topology: Topology
    names: str | None = None
    fps: float | None = None
    metres: float = 1.0
    up: Literal["y", "z"] = "y"
    first_action: int = 1
    COMPANIONS: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.fps is not None and not 0 < self.fps < math.inf:
            raise UserError(f"ArrayReader: fps {self.fps} must be positive")
        if not 0 < self.metres < math.inf:
            raise UserError(f"ArrayReader: metres {self.metres} must be positive; 0.001 for millimetres")
        if self.up not in ("y", "z"):
            raise UserError(f"ArrayReader: up {self.up!r} must be 'y' or 'z'")
        self._pattern  # noqa: B018  (a pattern that cannot be is told now)

    def part_of(self, path: str) -> Part | None:
        """Every file of the two suffixes is a recording, called as its name pattern says."""
        place = PurePosixPath(path)
        return Part("_".join(self._named(place))) if place.suffix.lower() in (".npz", ".csv") else None

    def read(self, raw: RawRecording) -> Iterator[Recording]:
        """The one recording of a file; BadRecording if it is damaged or does not say what it must."""
        yield self.parse(raw.main.data, raw.main.path)

    def parse(self, data: bytes, path: str) -> Recording:
        """The recording in a file's content; what is not read of it is noted."""
        place = PurePosixPath(path)
        told = self._told_by_name(place)
        read = self._read_npz if place.suffix.lower() == ".npz" else self._read_csv
        joints, inside, notes = read(data)
        identity, fps = self._identify("_".join(self._named(place)), told, inside)
        bodies_MTVC, absent = as_bodies(joints, self.topology, metres=self.metres, up=self.up)
        return Recording(identity, fps, self.topology, bodies_MTVC, notes + absent)

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        if self.names is None:
            return None
        parts = re.split(r"\{(\w*)\}", self.names)
        fields, texts = parts[1::2], parts[0::2]
        if not fields or not set(fields) <= set(IDENTITY) or len(set(fields)) < len(fields) or "" in texts[1:-1]:
            known = ", ".join(f"{{{name}}}" for name in IDENTITY)
            raise UserError(f"ArrayReader: names {self.names!r} must hold some of {known}, each once and text between")
        groups = [f"(?P<{name}>[0-9]{{1,9}})" for name in fields] + [""]
        return re.compile("".join(re.escape(text) + group for text, group in zip(texts, groups, strict=True)))

    def _named(self, place: PurePosixPath) -> tuple[str, ...]:
        """The end of a path that the pattern speaks of, without suffix."""
        depth = self.names.count("/") + 1 if self.names else 1
        return place.with_suffix("").parts[-depth:]

    def _told_by_name(self, place: PurePosixPath) -> Facts:
        if self._pattern is None:
            return {}
        match = self._pattern.fullmatch("/".join(self._named(place)))
        if match is None:
            raise BadRecording(f"name {place.name!r} is not of the form {self.names}{place.suffix}")
        return {name: int(digits) for name, digits in match.groupdict().items()}

    def _identify(self, name: str, told: Facts, inside: Facts) -> tuple[Identity, float]:
        """Identity and frames per second from what file name and content say; BadRecording where they differ."""
        for field in sorted(told.keys() & inside.keys()):
            if told[field] != inside[field]:
                raise BadRecording(f"{field} is {told[field]:g} by its name, but {inside[field]:g} inside")
        facts = {FPS: self.fps} | told | inside
        fps, action = facts.pop(FPS), facts.get("action")
        if fps is None or not 0 < fps < math.inf:
            raise BadRecording("fps is not said" if fps is None else f"fps is {fps:g}, not positive")
        if action is None:
            raise BadRecording("action is not said, neither by its name nor inside")
        numbers: dict[str, Any] = {field: _whole(field, value) for field, value in facts.items() if value is not None}
        label = numbers.pop("action") - self.first_action
        if label < 0:
            raise BadRecording(f"action is {action:g}, but the first is {self.first_action}")
        return Identity(name=name, subject=numbers.pop("subject", None), action=label, **numbers), float(fps)

    def _read_npz(self, data: bytes) -> tuple[NDArray[Any], Facts, tuple[Note, ...]]:
        arrays, others = read_arrays(data, (JOINTS, *SINGLE_NUMBERS), MOST_BYTES)
        if JOINTS not in arrays:
            raise BadRecording(f"no array {JOINTS}; found: {_listed([*arrays, *others])}")
        joints = arrays.pop(JOINTS)
        if joints.size > MOST_NUMBERS:
            raise BadRecording(f"{JOINTS} holds {joints.size} numbers, more than {MOST_NUMBERS}")
        for name, values in arrays.items():
            if values.size != 1:
                raise BadRecording(f"{name} has shape {values.shape}, not a single number")
        return joints, {name: float(values.item()) for name, values in arrays.items()}, _note_unread(others)

    def _read_csv(self, data: bytes) -> tuple[NDArray[np.float64], Facts, tuple[Note, ...]]:
        joints = len(self.topology.joints)
        names, table_RK, notes = read_csv(data, joints * 3, MOST_NUMBERS)
        if names is None:
            return table_RK.reshape(-1, joints, 3), {}, notes
        place = {_plain(name): column for column, name in enumerate(names)}
        if len(place) < len(names):
            raise BadRecording("line 1: column names differ in capitals or punctuation only")
        wanted = [_plain(f"{joint} {axis}") for joint in self.topology.joints for axis in "xyz"]
        missing = [name for name in wanted if name not in place]
        if missing:
            raise BadRecording(f"line 1: no column {missing[0]!r} (of {len(missing)} missing); found: {_listed(names)}")
        inside = {name: _constant(name, table_RK[:, place[name]]) for name in SINGLE_NUMBERS if name in place}
        others = [name for name in names if _plain(name) not in {*wanted, *inside}]
        values_RK = table_RK[:, [place[name] for name in wanted]]
        return values_RK.reshape(-1, joints, 3), inside, notes + _note_unread(others)


def _whole(name: str, value: float) -> int:
    if not (0 <= value <= LARGEST_NUMBER and value == int(value)):
        raise BadRecording(f"{name} is {value:g}, not a whole number")
    return int(value)


def _constant(name: str, values_R: NDArray[np.float64]) -> float:
    """The value of a column that is the same in every line, below a line of names."""
    other_R = np.flatnonzero(values_R != values_R[0])
    if len(other_R) and np.isfinite(values_R[0]):
        line = int(other_R[0]) + 2
        raise BadRecording(f"line {line}: {name} is {values_R[other_R[0]]:g}, but {values_R[0]:g} before")
    return float(values_R[0])


def _plain(name: str) -> str:
    """`Left_Hand.X` → `left hand x`."""
    return " ".join(re.split(r"[\s_.:-]+", name.strip().lower()))


def _note_unread(names: list[str]) -> tuple[Note, ...]:
    return (Note(Kind.NOT_READ, words=_listed(names)),) if names else ()


def _listed(names: list[str], most: int = 8) -> str:
    shown = ", ".join(ascii(name[:40]) for name in names[:most])
    return f"{shown}, …" if len(names) > most else shown or "none"
