"""Raw formats, one file each: raw files of a recording → Recording.

A reader is a module, or any object, with
    COMPANIONS              roles of the files that belong to a recording beside its main file, often ()
    part_of(path)           → Part: what a raw file is to the data set; None: nothing
    read(raw)               → iterator over the recordings in a RawRecording, with those left out as Excluded;
                            BadRecording if none of it can be used
    listed(file)            → the recordings that a file which belongs to all of them names (if it has such files)
    in_vain(file, paths)    → what such a file says of none of the recordings at these paths, in words (if it is told)
    entries(file)           → the recordings in a file that holds too many to be read whole, as members of it
                            (hacm.archives.rules); None: it is no such file (if there are such files)
    dimensions              2 where its files hold places in a picture: of all joints z is 0
    NTU_FORMAT              True if its files are NTU's `.skeleton` texts; the standard cleaning is for these alone
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hacm.archives.raw_file import RawFile as RawFile
from hacm.errors import BadRecording
from hacm.recordings.notes import Note
from hacm.skeletons.topology import Topology

MAIN = "main"
"""The role of the file that a recording is read from; every recording has exactly one."""


@dataclass(frozen=True)
class Part:
    """What a raw file is. recording: name of the raw recording it belongs to, None for all of them; role: as what."""

    recording: str | None
    role: str = MAIN


@dataclass(frozen=True)
class RawRecording:
    """A main file and, by role, the companions that belong to it or to every recording of the data set."""

    name: str
    main: RawFile
    companions: Mapping[str, RawFile] = field(default_factory=dict)

    def companion(self, role: str) -> RawFile:
        """The companion of that role; BadRecording if it is not there."""
        if role not in self.companions:
            raise BadRecording(f"its {role} file is not among the raw files")
        return self.companions[role]

    @property
    def source(self) -> str:
        """The path of its main file."""
        return self.main.path

    @property
    def files(self) -> list[RawFile]:
        """The main file, followed by its companions in the order of their roles."""
        return [self.main, *(self.companions[role] for role in sorted(self.companions))]

    @cached_property
    def sha256(self) -> str:
        """Of the contents of its files, one after the other."""
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(file.data)
        return digest.hexdigest()

    @cached_property
    def fingerprint(self) -> str:
        """BLAKE2b-128 of its files as they are packed: cheaper than the content's sum, and equal only if that is."""
        digest = hashlib.blake2b(digest_size=16)
        for file in self.files:
            digest.update(len(file.packed).to_bytes(8, "little"))
            digest.update(file.packed)
        return digest.hexdigest()


@dataclass(frozen=True)
class Excluded:
    """A recording that is left out: its name, the path of the raw file at fault, and why, maybe in words alone."""

    name: str
    source: str
    reason: Note | str


@dataclass(frozen=True)
class Identity:
    """What the raw files say of a recording. Numbers are as the data set writes them, but action counts from 0.

    subject: None where the data set does not say who performs. action: None where nobody says what is done; such a
    recording is pretrained on and never tested on. xsub_part, xview_part: `train` or `test` where the data
    set's authors list the recordings of a split rule's parts instead of stating the rule.
    """

    name: str
    subject: int | None
    action: int | None
    camera: int | None = None
    setup: int | None = None
    replication: int | None = None
    execution: str | None = None
    xsub_part: str | None = None
    xview_part: str | None = None


@dataclass(frozen=True)
class Recording:
    """One recording as the sensor delivered it.

    identity: who, what, where. fps: frames per second. topology: its skeleton. bodies_MTVC: float32 metres,
    one row of M a *track* (a body id) in order of first appearance; a joint that was not seen is NaN in x, y and z, and
    a frame in which a track was not seen throughout. notes: what reading it had to decide.
    """

    identity: Identity
    fps: float
    topology: Topology
    bodies_MTVC: NDArray[np.float32]
    notes: tuple[Note, ...] = field(default=())


@dataclass(frozen=True)
class Clip:
    """A recording after cleaning: one or two bodies, no frame missing, what is absent zero, all values finite."""

    identity: Identity
    fps: float
    topology: Topology
    bodies_MTVC: NDArray[np.float32]
    notes: tuple[Note, ...] = field(default=())
