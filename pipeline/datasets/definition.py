"""The definition of a data set: its files and where they come from, its reader, skeleton, classes, splits and counts.

Facts of a data set's authors, stated once, in one file per data set beside this one or in pipeline/own. What a user may
choose is in params.yaml.
"""

import importlib
import re
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from hacm.errors import BadRecording, UserError
from hacm.recordings import Excluded, Part, RawFile, RawRecording, Recording
from hacm.recordings.notes import Note
from hacm.skeletons.topology import Topology
from pipeline.datasets.layouts import Layout, Listed
from pipeline.datasets.splits import SplitRule

FACTS = Path(__file__).parent / "facts"
OWN = Path(__file__).parents[1] / "own"

RESERVED_NAME = "benchmarks"
"""Of a folder beside those of the data sets."""


class Reader(Protocol):
    """What a reader is (hacm.recordings); a module that has these will do."""

    COMPANIONS: ClassVar[tuple[str, ...]]

    def part_of(self, path: str) -> Part | None: ...

    def read(self, raw: RawRecording) -> Iterator[Recording | Excluded]: ...


@dataclass(frozen=True)
class Archive:
    """A file that holds the whole data set. addresses: official ones, tried in order (none: only from a mirror).

    sha256: of the file, where it is known; the recordings inside are checked against their own sums in any case.
    """

    file: str
    addresses: tuple[str, ...] = ()
    sha256: str | None = None


@dataclass(frozen=True)
class DataSet:
    """A source of clips.

    name: in params.yaml and in paths. reader: what turns raw files into recordings (see hacm/recordings), or the
    name of its module. splits: by name, at least one. sources: groups of files; any one group holds the whole data set.
    folder: under this name the user may put them unpacked instead. contents: what the user may put there in any
    packing, in words; all folders, archives and files of the data set there are then taken together. gated: to be
    asked for. checksums, missing, action_names: files in pipeline/datasets/facts; `missing` names recordings that the
    authors list as incomplete. actions: names of the actions, where no such file has them. classes: heads of a
    classifier, where that is not the number of labels that occur.
    videos: main raw files, where one holds many recordings. clips: recordings in the raw files. expected: clips per
    (training, test) part of a split rule after exclusion. The last three only where the authors state them. grid: the
    rule of the names. correspondences: of a skeleton of one's own, which joints stand for which of other skeletons
    (hacm/skeletons/correspondence.py).
    """

    name: str
    title: str
    topology: Topology
    reader: str | Reader
    splits: dict[str, SplitRule]
    synthetic: bool = False
    sources: tuple[tuple[Archive, ...], ...] = ()
    folder: str | None = None
    contents: str | None = None
    gated: bool = False
    checksums: str | None = None
    missing: str | None = None
    action_names: str | None = None
    actions: tuple[str, ...] = ()
    licence: str = ""
    page: str = ""
    classes: int | None = None
    videos: int | None = None
    clips: int | None = None
    expected: dict[str, tuple[int, int]] = field(default_factory=dict)
    grid: Layout | None = None
    correspondences: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name) or self.name == RESERVED_NAME:
            raise UserError(f"data set {self.name!r}: the name must be of small letters, digits and hyphens, and "
                            f"not {RESERVED_NAME}")  # fmt: skip
        if not self.splits:
            raise UserError(f"data set {self.name}: splits must hold at least one rule")
        if not (self.sources or self.folder or self.contents):
            raise UserError(f"data set {self.name}: contents must say in words what is put into data/{self.name}/raw")

    @property
    def reader_object(self) -> Any:
        """What `reader` names."""
        # Imported when it is needed: this module is loaded by every stage, a reader by one.
        return importlib.import_module(self.reader) if isinstance(self.reader, str) else self.reader

    @property
    def in_ntu_format(self) -> bool:
        """Whether the raw files are NTU's `.skeleton` texts, for which the published standard cleaning was made."""
        return bool(getattr(self.reader_object, "NTU_FORMAT", False))

    @property
    def dimensions(self) -> int:
        """2 where the raw files hold places in a picture, as the reader says; else 3."""
        return int(getattr(self.reader_object, "dimensions", 3))

    @property
    def companions(self) -> tuple[str, ...]:
        """Roles of the raw files that belong to a recording beside its main file."""
        roles: tuple[str, ...] = self.reader_object.COMPANIONS
        return roles

    def part_of(self, path: str) -> Part | None:
        """What a raw file is to this data set, by its path; None: nothing."""
        try:
            part: Part | None = self.reader_object.part_of(path)
        except Exception as error:
            fault = describe_fault(error)
            if fault is None:
                raise
            raise UserError(f"{fault}, in part_of({path!r}); mend the reader") from error
        return part

    def parse(self, raw: RawRecording) -> Iterator[Recording | Excluded]:
        """The recordings in a raw recording; BadRecording with the reason if none can be read.

        Whatever goes wrong in a reader of pipeline/own is such a reason, with the line of the reader it went wrong in.
        """
        try:
            for found in self.reader_object.read(raw):
                if isinstance(found, Recording):
                    self._check(found)
                yield found
        except (BadRecording, UserError):
            raise
        except Exception as error:
            fault = describe_fault(error)
            if fault is None:
                raise
            raise BadRecording(fault) from error

    def _check(self, recording: Recording) -> None:
        """BadRecording unless it is a recording of this data set's skeleton."""
        bodies, joints = recording.bodies_MTVC, len(self.topology.joints)
        if not isinstance(recording.topology, Topology):
            raise BadRecording(f"topology {recording.topology!r} is a name; its reader must give the Topology itself")
        if recording.topology != self.topology:
            raise BadRecording(f"has topology {recording.topology.name}, not {self.topology.name}")
        if bodies.dtype != np.float32 or bodies.ndim != 4 or bodies.shape[2:] != (joints, 3):
            raise BadRecording(f"bodies are {bodies.dtype} of shape {bodies.shape}, not float32 (M, T, {joints}, 3)")
        if recording.identity.action is not None and recording.identity.action < 0:
            raise BadRecording(f"action {recording.identity.action}: actions count from 0")
        words = next((note for note in recording.notes if not isinstance(note, Note)), None)
        if words is not None:
            raise BadRecording(f"note {words!r} is not a Note; its reader must give Note(Kind.REMARK, words=...)")

    def listed(self, file: RawFile) -> frozenset[str]:
        """The recordings that a file which belongs to all of them names; none where the reader cannot tell."""
        names: frozenset[str] = getattr(self.reader_object, "listed", lambda _: frozenset())(file)
        return names

    @property
    def finds_in_vain(self) -> bool:
        """Whether its reader can tell what a file that belongs to all recordings says of none."""
        return hasattr(self.reader_object, "in_vain")

    def in_vain(self, file: RawFile, paths: Sequence[str]) -> list[str]:
        """What such a file says of none of the recordings at these paths, in words."""
        said: list[str] = self.reader_object.in_vain(file, paths)
        return said

    def describe_reader(self) -> str | None:
        """Its reader's settings other than those that everybody has: `ArrayReader(fps=25, unseen=(0,))`.

        None where the reader is a module, which has none.
        """
        reader = self.reader_object
        if not is_dataclass(reader) or isinstance(reader, type):
            return None
        said = [
            f"{one.name}={getattr(reader, one.name)!r}"
            for one in fields(reader)
            if one.name != "topology" and getattr(reader, one.name) != one.default
        ]
        return f"{type(reader).__name__}({', '.join(said)})"

    @property
    def layout(self) -> Layout | None:
        """Which recordings there are, by name, where that is known."""
        if self.grid is not None or self.checksums is None:
            return self.grid
        parts = map(self.part_of, self.member_checksums())
        return Listed(frozenset(part.recording for part in parts if part is not None and part.recording is not None))

    def class_name(self, label: int) -> str:
        """The action's name; labels count from 0."""
        names: Sequence[str] = _read_lines(self.action_names) if self.action_names else self.actions
        return names[label] if label < len(names) else f"action {label + 1}"

    def missing_names(self) -> frozenset[str]:
        """Recordings that the authors list as missing or incomplete, and that nobody counts."""
        return frozenset(_read_lines(self.missing)) if self.missing else frozenset()

    def member_checksums(self) -> dict[str, str]:
        """SHA-256 of every recording by file name, where they are known."""
        lines = _read_lines(self.checksums) if self.checksums else []
        return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}


def describe_fault(error: Exception) -> str | None:
    """What went wrong in which line of which file of pipeline/own; None if it did not go wrong there."""
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        frames.append((error.filename, error.lineno))
    words = " ".join((error.msg if isinstance(error, SyntaxError) else str(error)).split())
    for file, line in reversed(frames):
        if Path(file).parent == OWN:
            return f"pipeline/own/{Path(file).name}:{line}: {type(error).__name__}: {words}"
    return None


def _read_lines(fact: str) -> list[str]:
    return (FACTS / fact).read_text(encoding="utf-8").splitlines()
