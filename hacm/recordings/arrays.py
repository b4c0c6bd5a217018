"""Recordings as plain arrays, one file each: NumPy's `.npz` or `.npy`, or `.csv` (docs/own-data.md) → Recording.

    .npz    joints: (T, V, 3) or (M, T, V, 3); confidence: (T, V) or (M, T, V), if it is asked for; and single numbers:
            subject, action, camera, setup, replication, fps
    .npy    the array joints alone
    .csv    one line per frame: V·3 numbers, joint after joint; or, under a line of column names, NAME x, NAME y and
            NAME z for each joint in any order, NAME confidence, and the same single numbers, the same in every line.
            Columns of frame numbers, times and persons (hacm.recordings.frame_numbers) say where a line belongs

What the single numbers say may instead be said by the file's name, or by a table labels.csv beside the files
(hacm.recordings.label_table); action, subject and camera may be words anywhere.

Shape suffixes: T frames, V joints, R rows, K columns.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hacm.archives.raw_file import RawFile
from hacm.errors import BadRecording, UserError
from hacm.recordings import Identity, Part, RawRecording, Recording, label_table
from hacm.recordings.bodies import MOST_BODIES, Up, as_bodies, check_settings
from hacm.recordings.csv_table import read_csv
from hacm.recordings.frame_numbers import FRAME_COLUMNS, PERSON_COLUMNS, TIME_COLUMNS, find_places, rate_of
from hacm.recordings.names import IDENTITY, IN_WORDS, NamePattern, Vocabulary, plain
from hacm.recordings.notes import Kind, Note
from hacm.recordings.npz import read_arrays, read_single_array
from hacm.skeletons.topology import Topology

JOINTS = "joints"
FPS = "fps"
NO_FPS = "its fps is not given"
LABELS = "labels"
SINGLE_NUMBERS = (*IDENTITY, FPS)
NUMBERED = frozenset((*FRAME_COLUMNS, *TIME_COLUMNS))
PLACE_COLUMNS = NUMBERED | set(PERSON_COLUMNS)
CONFIDENCES = ("confidence", "score", "visibility", "likelihood")
"""Names of arrays, or of columns behind that of a joint. Of several, the first here is read."""

SUFFIXES = (".npz", ".npy", ".csv")
LARGEST_NUMBER = 2**31 - 1  # what a manifest can hold

# Two hours of 25 joints at 60 frames a second are a third of that.
MOST_NUMBERS = 2**24
MOST_BYTES = 8 * MOST_NUMBERS

Facts = dict[str, float]


@dataclass(frozen=True)
class ArrayReader:
    """A reader (hacm.recordings) of recordings as arrays; every file of SUFFIXES is one.

    topology: the skeleton, whose order the joints of an array have; a file need not hold the derived ones. names: what
    file names look like, without suffix: `s{subject}_a{action}_t{replication}`, or with folders
    `{subject}/{action}-{camera}`; {…} is one of IDENTITY and stands for digits, or for a word. None: names say nothing.
    fps: frames per second of files that do not say. by_times: a file's times say it rather than fps. metres: the
    unit of coordinates. up: the axis that points up, with a minus sign where it points down. dimensions: 2 where
    joints have x and y alone, (T, V, 2), whose unit then follows from the bodies' size. mirrored: left and right
    are on the wrong sides. first_action: the number of the first action. folders: without `names`, how many of the
    folders above a file are part of its recording's name. most_bodies: more are refused. unseen: a joint whose
    coordinates are all one of these numbers was not seen (`unseen=(0,)`, `unseen=(-1,)`). least_confidence: a joint
    of less was not seen; 0: confidences are not read. actions, subjects, cameras: the words that stand for them
    (hacm.recordings.names.Vocabulary), none where they are numbers. unlabelled: whether a recording need not say
    its action. nameless: nothing that says who does what is read.
    A subject is not needed. UserError if the settings are impossible.
    """

    topology: Topology
    names: str | None = None
    fps: float | None = None
    by_times: bool = False
    metres: float = 1.0
    up: Up = "y"
    dimensions: int = 3
    mirrored: bool = False
    first_action: int = 1
    folders: int = 0
    most_bodies: int = MOST_BODIES
    actions: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    unlabelled: bool = False
    nameless: bool = False
    unseen: tuple[float, ...] = ()
    least_confidence: float = 0.0
    COMPANIONS: ClassVar[tuple[str, ...]] = (LABELS,)

    def __post_init__(self) -> None:
        if self.fps is not None and not 0 < self.fps < math.inf:
            raise UserError(f"ArrayReader: fps {self.fps} must be positive")
        check_settings(
            "ArrayReader",
            metres=self.metres,
            up=self.up,
            dimensions=self.dimensions,
            most_bodies=self.most_bodies,
            unseen=self.unseen,
            least_confidence=self.least_confidence,
        )
        if self.folders < 0 or (self.folders and self.names is not None):
            raise UserError(f"ArrayReader: folders {self.folders} must be at least 0, and 0 if names gives the folders")
        self._vocabulary, self._pattern  # noqa: B018  (words and patterns that cannot be are told now)

    def part_of(self, path: str) -> Part | None:
        """Every file of SUFFIXES is a recording, called as its name pattern says, but for the table of labels."""
        place = PurePosixPath(path)
        if place.name.lower() == label_table.FILE:
            return Part(None, LABELS)
        return Part("_".join(self._named(place))) if place.suffix.lower() in SUFFIXES else None

    def read(self, raw: RawRecording) -> Iterator[Recording]:
        """The one recording of a file; BadRecording if it is damaged or does not say what it must."""
        yield self.parse(raw.main.data, raw.main.path, raw.companions.get(LABELS))

    def in_vain(self, file: RawFile, paths: Iterable[str]) -> list[str]:
        """The lines of the table of labels that speak of none of the recordings at these paths."""
        return label_table.lines_in_vain(file, ((path, "_".join(self._named(PurePosixPath(path)))) for path in paths))

    def parse(self, data: bytes, path: str, table: RawFile | None = None) -> Recording:
        """The recording in a file's content; what is not read of it is noted. table: of labels, beside the files."""
        place = PurePosixPath(path)
        name = "_".join(self._named(place))
        told = self._told_outside(path, name, table)
        read = {".npz": self._read_npz, ".npy": self._read_npy, ".csv": self._read_csv}[place.suffix.lower()]
        content = read(data)
        told.append(("inside", content.facts | self._rate_by_times(content, told)))
        identity, fps = self._identify(name, told)
        joints, gaps = self._put_in_place(content, fps)
        confidence = joints[..., -1] if content.has_confidence else None
        bodies_MTVC, absent = as_bodies(
            joints if confidence is None else joints[..., :-1],
            self.topology,
            metres=self.metres,
            up=self.up,
            dimensions=self.dimensions,
            mirrored=self.mirrored,
            most_bodies=self.most_bodies,
            unseen=self.unseen,
            confidence=confidence,
            least_confidence=self.least_confidence,
        )
        return Recording(identity, fps, self.topology, bodies_MTVC, content.notes + gaps + absent)

    def _rate_by_times(self, content: "Content", told: list[tuple[str, Facts]]) -> Facts:
        """The frame rate that the times say, where they may and nothing else does."""
        time_R = _first_of(content.places, TIME_COLUMNS) if self.by_times else None
        said = any(FPS in found for found in (content.facts, *(found for _, found in told)))
        rate = None if said or time_R is None or time_R.ndim != 1 else rate_of(time_R)
        return {} if rate is None else {FPS: rate}

    def _put_in_place(self, content: "Content", fps: float) -> tuple[NDArray[Any], tuple[Note, ...]]:
        """joints with every line where its frame number, time and person put it; NaN where there is none."""
        joints = content.joints
        axis = joints.ndim - 3
        if not content.places or axis not in (0, 1):
            return joints, ()
        lines = joints.shape[axis]
        for name, values_R in content.places.items():
            if values_R.shape != (lines,):
                raise BadRecording(f"{name} has shape {values_R.shape} instead of ({lines},), one number per frame")
        found = find_places(
            lines,
            _first_of(content.places, FRAME_COLUMNS),
            _first_of(content.places, TIME_COLUMNS),
            _first_of(content.places, PERSON_COLUMNS),
            fps,
            content.first_line,
        )
        if found.bodies > self.most_bodies:
            raise BadRecording(f"{found.bodies} persons: at most {self.most_bodies} are allowed (most_bodies)")
        if found.frames == lines and (found.frame_R == np.arange(lines)).all():
            return joints, ()
        if axis:
            placed = np.full((len(joints), found.frames, *joints.shape[2:]), np.nan)
            placed[:, found.frame_R] = joints
        else:
            placed = np.full((found.bodies, found.frames, *joints.shape[1:]), np.nan)
            placed[found.body_R, found.frame_R] = joints
        notes = (Note(Kind.GAP, frames=found.gaps, of=found.frames),) if found.gaps else ()
        return placed, notes

    @cached_property
    def _pattern(self) -> NamePattern | None:
        return None if self.names is None else NamePattern(self.names, self._vocabulary)

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(self.actions, self.subjects, self.cameras, self.first_action)

    def _named(self, place: PurePosixPath) -> tuple[str, ...]:
        """The end of a path that the pattern speaks of, without suffix."""
        depth = self._pattern.depth if self._pattern else self.folders + 1
        return place.with_suffix("").parts[-depth:]

    def _told_outside(self, path: str, name: str, table: RawFile | None) -> list[tuple[str, Facts]]:
        """What a file's name says of it, and the table of labels beside it."""
        told = [("by its name", self._told_by_name(PurePosixPath(path)))]
        if table is not None:
            said = label_table.read_labels(table, path, name, self._vocabulary)
            told.append((f"by {label_table.FILE}", dict(said)))
        return told

    def _told_by_name(self, place: PurePosixPath) -> Facts:
        if self._pattern is None:
            return {}
        told = self._pattern.read("/".join(self._named(place)))
        if told is None:
            raise BadRecording(f"name {place.name!r} is not of the form {self.names}{place.suffix}")
        return dict(told)

    def _identify(self, name: str, told: list[tuple[str, Facts]]) -> tuple[Identity, float]:
        """Identity and frames per second from what is said where; BadRecording where that differs."""
        said: dict[str, tuple[str, float]] = {}
        for where, found in told:
            for fact, value in found.items():
                if fact not in said:
                    said[fact] = (where, value)
                    continue
                first, earlier = said[fact]
                if earlier != value:
                    raise BadRecording(f"{fact} is {earlier:g} {first}, but {value:g} {where}")
        facts: dict[str, float | None] = {FPS: self.fps} | {fact: value for fact, (_, value) in said.items()}
        fps, action = facts.pop(FPS), facts.get("action")
        if fps is None or not 0 < fps < math.inf:
            raise BadRecording(NO_FPS if fps is None else f"fps is {fps:g}, not positive")
        if action is None and not (self.unlabelled or self.nameless):
            raise BadRecording(
                "its action is neither in its name nor inside; unlabelled=True, where the reader is defined, "
                "takes such recordings for pretraining"
            )
        numbers: dict[str, Any] = {fact: _whole(fact, value) for fact, value in facts.items() if value is not None}
        number = numbers.pop("action", None)
        label = None if number is None else number - self.first_action
        if label is not None and label < 0:
            raise BadRecording(f"action is {number}, but the first is {self.first_action}")
        return Identity(name=name, subject=numbers.pop("subject", None), action=label, **numbers), float(fps)

    def _read_npz(self, data: bytes) -> "Content":
        arrays, others = read_arrays(
            data,
            lambda name: name in (JOINTS, *self._confidences, *self._single_numbers) or plain(name) in NUMBERED,
            MOST_BYTES,
            IN_WORDS,
        )
        if JOINTS not in arrays:
            raise BadRecording(f"no array {JOINTS}; found: {_listed([*arrays, *others])}")
        joints = arrays.pop(JOINTS)
        if joints.size > MOST_NUMBERS:
            raise BadRecording(f"{JOINTS} holds {joints.size} numbers, more than {MOST_NUMBERS}")
        confidence = next((arrays.pop(name) for name in self._confidences if name in arrays), None)
        frames = joints.shape[-3] if joints.ndim in (3, 4) else 1
        singles = {name: arrays.pop(name) for name in self._single_numbers if name in arrays}
        # A single number is how many frames there are, or when they begin: it says nothing of each.
        numbers = {name: values for name, values in arrays.items() if values.size > 1 or frames == 1}
        chosen = _choose(numbers)
        places = {column: numbers[name].astype(np.float64).reshape(-1) for column, name in chosen.items()}
        for name, values in singles.items():
            if values.size != 1:
                raise BadRecording(f"{name} has shape {values.shape}, not a single number")
        facts = {
            name: float(self._vocabulary.number_of(name, values.item()) if values.dtype.kind == "U" else values.item())
            for name, values in singles.items()
        }
        others += [name for name in arrays if name not in chosen.values()]
        return Content(
            _beside(joints, confidence), facts, places, _note_unread(others), has_confidence=confidence is not None
        )

    def _read_npy(self, data: bytes) -> "Content":
        joints = read_single_array(data, JOINTS, MOST_BYTES)
        if joints.size > MOST_NUMBERS:
            raise BadRecording(f"{JOINTS} holds {joints.size} numbers, more than {MOST_NUMBERS}")
        return Content(joints)

    def _read_csv(self, data: bytes) -> "Content":
        joints = len(self.topology.recorded)
        axes = "xyz"[: self.dimensions]
        wanted = [plain(f"{joint} {axis}") for joint in self.topology.recorded for axis in axes]
        sure = {plain(f"{joint} {word}"): joint for joint in self.topology.recorded for word in self._confidences}
        known = {*wanted, *sure, *self._single_numbers, *PLACE_COLUMNS}
        names, table_RK, notes = read_csv(
            data, joints * len(axes), MOST_NUMBERS, lambda name: plain(name) in known, self._number_of
        )
        if names is None:
            return Content(table_RK.reshape(-1, joints, len(axes)), notes=notes)
        place = {plain(name): column for column, name in enumerate(names)}
        if len(place) < len(names):
            raise BadRecording("line 1: column names differ in capitals or punctuation only")
        missing = [name for name in wanted if name not in place]
        if missing:
            raise BadRecording(f"line 1: no column {missing[0]!r} (of {len(missing)} missing); found: {_listed(names)}")
        inside = {name: _constant(name, table_RK[:, place[name]]) for name in self._single_numbers if name in place}
        chosen = _choose([name for name in names if plain(name) not in {*wanted, *self._single_numbers}])
        places = {column: table_RK[:, place[column]] for column in chosen}
        column_of: dict[str, int] = {}
        for name, joint in sure.items():
            if name in place:
                column_of.setdefault(joint, place[name])
        read = {*wanted, *(sure if column_of else ()), *self._single_numbers, *chosen}
        others = [name for name in names if plain(name) not in read]
        values_RVC = table_RK[:, [place[name] for name in wanted]].reshape(-1, joints, len(axes))
        lacking = [joint for joint in self.topology.recorded if column_of and joint not in column_of]
        if lacking:
            raise BadRecording(f"line 1: no column of the confidence of {lacking[0]!r} (of {len(lacking)} missing)")
        confidence = table_RK[:, [column_of[joint] for joint in self.topology.recorded]] if column_of else None
        return Content(
            _beside(values_RVC, confidence),
            inside,
            places,
            notes + _note_unread(others),
            first_line=2,
            has_confidence=confidence is not None,
        )

    @property
    def _single_numbers(self) -> tuple[str, ...]:
        """What single numbers are called that are read."""
        return (FPS,) if self.nameless else SINGLE_NUMBERS

    @property
    def _confidences(self) -> tuple[str, ...]:
        """What arrays and columns of confidences are called; none where they are not read."""
        return CONFIDENCES if self.least_confidence > 0 else ()

    def _number_of(self, column: str, text: str) -> int | None:
        """What a word in a column stands for; None where words mean nothing."""
        kind = plain(column)
        return self._vocabulary.number_of(kind, text) if self._vocabulary.words_of(kind) else None


@dataclass(frozen=True, eq=False)
class Content:
    """What a file holds: joints line by line, single numbers, columns that say where a line belongs, and notes.

    has_confidence: the last coordinate of a joint is its confidence.
    """

    joints: NDArray[Any]
    facts: Facts = field(default_factory=dict)
    places: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    first_line: int = 1
    has_confidence: bool = False


def _beside(joints: NDArray[Any], confidence: NDArray[Any] | None) -> NDArray[Any]:
    """The joints with their confidence as one more coordinate; BadRecording where shapes do not fit."""
    if confidence is None:
        return joints
    if confidence.shape != joints.shape[:-1]:
        raise BadRecording(f"confidence of shape {confidence.shape} does not fit joints of shape {joints.shape}")
    return np.concatenate([joints, confidence[..., np.newaxis]], axis=-1)


def _choose(names: Iterable[str]) -> dict[str, str]:
    """Of frame numbers, times and persons the one column of each that is read: its plain name, and its name."""
    named: dict[str, str] = {}
    for name in names:
        if named.setdefault(plain(name), name) != name:
            raise BadRecording(f"{_listed([named[plain(name)], name])} differ in capitals or punctuation only")
    families = (FRAME_COLUMNS, TIME_COLUMNS, PERSON_COLUMNS)
    first = [next((name for name in family if name in named), None) for family in families]
    return {column: named[column] for column in first if column is not None}


def _first_of(places: dict[str, NDArray[np.float64]], names: tuple[str, ...]) -> NDArray[np.float64] | None:
    return next((places[name] for name in names if name in places), None)


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


def _note_unread(names: list[str]) -> tuple[Note, ...]:
    return (Note(Kind.NOT_READ, words=_listed(names)),) if names else ()


def _listed(names: list[str], most: int = 8) -> str:
    shown = ", ".join(ascii(name[:40]) for name in names[:most])
    return f"{shown}, …" if len(names) > most else shown or "none"
