"""A clip of a prepared file as a raw file of its own, and what all readers of prepared files share.

The raw file is a line of JSON, in which stands what the prepared file says of the clip, and the clip's values as they
are there.

Shape suffixes: M bodies, T frames, V joints, C coordinates.
"""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hacm.archives.rules import LIMIT_BYTES, Entry
from hacm.errors import BadRecording, UserError, in_one_line
from hacm.recordings import Identity, Part, RawRecording, Recording
from hacm.recordings.bodies import MOST_BODIES, Up, as_bodies, check_settings
from hacm.recordings.names import NamePattern
from hacm.recordings.notes import Kind, Note
from hacm.skeletons.topology import Topology

BESIDE = "beside"
"""The role of a file that says something of the clips in another."""

LONGEST_NAME = 200


@dataclass(frozen=True)
class PreparedClip:
    """What a prepared file says of a clip, and how its values lie there.

    axes: the order of the values' axes, of M, T, V and C. label: the class, from 0. frames: how many the clip had
    before it was padded or cut to the file's length; None: it ends with its last value that is not 0. xsub_part,
    xview_part: as in Identity. unread: what else is in the file, and is not read. confidence: the type of the joints'
    confidences, (M, T, V), which follow the values if it is said.
    """

    axes: str
    shape: tuple[int, ...]
    dtype: str
    label: int
    frames: int | None = None
    xsub_part: str | None = None
    xview_part: str | None = None
    unread: tuple[str, ...] = ()
    confidence: str | None = None

    def pack(self, values: bytes) -> bytes:
        """The clip as a raw file."""
        said = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps(said, sort_keys=True).encode() + b"\n" + values

    @classmethod
    def unpack(cls, data: bytes) -> tuple["PreparedClip", NDArray[Any], NDArray[Any] | None]:
        """The inverse, values as (M, T, V, C) and confidences, if any, as (M, T, V).

        BadRecording if it is no such raw file.
        """
        heading, _, values = data.partition(b"\n")
        try:
            said = json.loads(heading)
            clip = cls(**{**said, "shape": tuple(said["shape"]), "unread": tuple(said["unread"])})
            size = math.prod(clip.shape) * np.dtype(clip.dtype).itemsize
            array = np.frombuffer(memoryview(values)[:size], dtype=clip.dtype).reshape(clip.shape)
            values_MTVC = array.transpose([clip.axes.index(axis) for axis in "MTVC"])
            rest = np.frombuffer(memoryview(values)[size:], dtype=clip.confidence or "u1")
            confidence_MTV = rest.reshape(values_MTVC.shape[:3] if clip.confidence else (0,))
            return clip, values_MTVC, confidence_MTV if clip.confidence else None
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise BadRecording(f"not a clip of a prepared file ({in_one_line(error)})") from error


def clip_entry(name: str, clip: PreparedClip, read: Callable[[], bytes]) -> Entry:
    """A clip as a member of its file; read: its values."""
    return Entry(name, None, lambda: clip.pack(read()))


def rows_of(stream: IO[bytes], start: int, size: int) -> Callable[[int], bytes]:
    """Reads the values of the clip of a number, where each takes so many bytes; EOFError if they are not there."""
    if size > LIMIT_BYTES:
        raise BadRecording(f"a clip of {size} bytes, over the limit of {LIMIT_BYTES}")

    def read(number: int) -> bytes:
        return read_exactly(stream, start + number * size, size)

    return read


def read_exactly(stream: IO[bytes], start: int, size: int) -> bytes:
    """The bytes from `start` on; EOFError if there are fewer."""
    stream.seek(start)
    values = stream.read(size)
    if len(values) != size:
        raise EOFError("it ends early")
    return values


def tidy_name(name: str) -> str:
    """A clip's name in a prepared file, without folders and the endings of raw files; BadRecording if it is none."""
    base = PurePosixPath(name.strip().replace("\\", "/")).name.removesuffix(".skeleton")
    if not base or not base.isprintable() or len(base) > LONGEST_NAME:
        raise BadRecording(f"a clip is called {name[:80]!a}, which is no name")
    return base


def as_label(value: Any) -> int | None:
    """A class number; None if it is none, such as 1.5, −1 or text."""
    if isinstance(value, int | float) and 0 <= value < 2**31 and value == int(value):
        return int(value)
    return None


@dataclass(frozen=True)
class PreparedReader:
    """A reader (hacm.recordings) of prepared files.

    topology: the skeleton, whose order the joints have. fps: frames per second, which such files do not say. names:
    what the clips' own names look like, such as `S{setup}C{camera}P{subject}R{replication}A{action}`; None: they say
    nothing. metres: the unit of coordinates. up: the axis that points up. first_action: the number of the first action
    in names; labels in files count from 0. dimensions, mirrored, most_bodies, unseen, least_confidence: as of
    hacm.recordings.arrays.ArrayReader. UserError if the settings are impossible.
    """

    topology: Topology
    fps: float = 30.0
    names: str | None = None
    metres: float = 1.0
    up: Up = "y"
    first_action: int = 1
    dimensions: int = 3
    mirrored: bool = False
    most_bodies: int = MOST_BODIES
    unseen: tuple[float, ...] = ()
    least_confidence: float = 0.0
    COMPANIONS: ClassVar[tuple[str, ...]] = ()
    REMEDY: ClassVar[str] = "make it again, or copy it again"

    def __post_init__(self) -> None:
        reader = type(self).__name__
        if not 0 < self.fps < math.inf:
            raise UserError(f"{reader}: fps {self.fps} must be positive")
        check_settings(
            reader,
            metres=self.metres,
            up=self.up,
            dimensions=self.dimensions,
            most_bodies=self.most_bodies,
            unseen=self.unseen,
            least_confidence=self.least_confidence,
        )
        self._pattern  # noqa: B018  (a pattern that cannot be is told now)

    @cached_property
    def _pattern(self) -> NamePattern | None:
        return None if self.names is None else NamePattern(self.names)

    def holds_clips(self, file: str) -> bool:
        """Whether a file of that name is a prepared file."""
        raise NotImplementedError

    def stands_beside(self, file: str) -> bool:
        """Whether a file of that name says something of the clips in a prepared file."""
        return False

    def list_clips(self, file: Path) -> Iterator[Entry]:
        """The clips in a prepared file, in its order; BadRecording if it cannot be used."""
        raise NotImplementedError

    def part_of(self, path: str) -> Part | None:
        """A clip is called as in its file. A prepared file that lies in an archive is told when it is read."""
        *above, base = path.split("/")
        if any(map(self.holds_clips, above)):
            return Part(base)
        if self.holds_clips(base):
            return Part(PurePosixPath(base).stem)
        return Part(None, BESIDE) if self.stands_beside(base) else None

    def entries(self, file: Path) -> Iterator[Entry] | None:
        """The clips in a prepared file as its members; UserError if it cannot be used. None for any other file."""
        return self._explain(file) if self.holds_clips(file.name) else None

    def _explain(self, file: Path) -> Iterator[Entry]:
        try:
            yield from self.list_clips(file)
        except BadRecording as reason:
            raise UserError(f"{file}: {reason}; {self.REMEDY}") from reason

    def read(self, raw: RawRecording) -> Iterator[Recording]:
        """The one recording of a clip."""
        if self.holds_clips(PurePosixPath(raw.main.path).name):
            raise BadRecording("is read clip by clip, which cannot be done inside an archive; take it out of there")
        clip, values_MTVC, confidence_MTV = PreparedClip.unpack(raw.main.data)
        identity = self._identify(raw.name, clip)
        bodies_MTVC, notes = self._read_bodies(clip, values_MTVC, confidence_MTV)
        yield Recording(identity, self.fps, self.topology, bodies_MTVC, notes)

    def _identify(self, name: str, clip: PreparedClip) -> Identity:
        told = self._pattern.read(name) if self._pattern else {}
        if told is None:
            raise BadRecording(f"name {name!r} is not of the form {self.names}")
        action = told.pop("action", None)
        if action is not None and action - self.first_action != clip.label:
            raise BadRecording(f"its label is {clip.label}, but action {action} of its name, which is the label "
                               f"{action - self.first_action}")  # fmt: skip
        return Identity(
            name=name,
            subject=told.get("subject"),
            action=clip.label,
            camera=told.get("camera"),
            setup=told.get("setup"),
            replication=told.get("replication"),
            xsub_part=clip.xsub_part,
            xview_part=clip.xview_part,
        )

    def _read_bodies(
        self, clip: PreparedClip, values_MTVC: NDArray[Any], confidence_MTV: NDArray[Any] | None
    ) -> tuple[NDArray[np.float32], tuple[Note, ...]]:
        """The bodies without the padding after the clip's end."""
        held_MT = (values_MTVC != 0).any(axis=(2, 3))
        filled = np.flatnonzero(held_MT.any(axis=0))
        if len(filled) == 0:
            raise BadRecording(Note(Kind.NO_BODY))
        length = values_MTVC.shape[1]
        frames = int(filled[-1]) + 1 if clip.frames is None else min(clip.frames, length)
        bodies_MTVC, notes = as_bodies(
            values_MTVC[:, :frames],
            self.topology,
            metres=self.metres,
            up=self.up,
            dimensions=self.dimensions,
            mirrored=self.mirrored,
            most_bodies=self.most_bodies,
            unseen=self.unseen,
            confidence=None if confidence_MTV is None else confidence_MTV[:, :frames],
            least_confidence=self.least_confidence,
        )
        if clip.frames is not None and clip.frames > length:
            cut = f"cut at {length} of {clip.frames} frames when the file was made"
            notes += (Note(Kind.REMARK, words=cut),)
        if not held_MT[0, :frames].any() and held_MT[1:, :frames].any():
            notes += (Note(Kind.FIRST_BODY_ABSENT),)
        if clip.unread:
            notes += (Note(Kind.NOT_READ, words=", ".join(clip.unread)),)
        return bodies_MTVC, notes
