"""Recordings as text, a line per joint: x, y, z and maybe a confidence (docs/data.md §3) → Recording.

Shape suffixes: M bodies, T frames, V joints, C coordinates, R lines, K numbers of a line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

import numpy as np

from hacm.errors import BadRecording, UserError
from hacm.recordings import Identity, Part, RawRecording, Recording
from hacm.recordings.bodies import as_bodies, check_settings
from hacm.skeletons.shipped import KARD_15, MSR_ACTION3D
from hacm.skeletons.topology import Topology

# The longest recording of the known data sets has 936 frames.
MOST_FRAMES = 10_000

CONFIDENCE = 3
"""The place of the confidence in a line that has one."""

_NAME = re.compile(r"a([0-9]{1,3})_s([0-9]{1,3})_e([0-9]{1,3})")


@dataclass(frozen=True)
class JointLines:
    """A reader (hacm.recordings) of texts `aAA_sSS_eEE` + `ending`: action, subject, execution (as replication).

    topology: the skeleton, whose order the lines of a frame have. fps: frames per second. metres: the unit of
    coordinates. mirrored: x grows to the sensor's right, so that it is turned about for left to stay left. confidence:
    each line ends in one, between 0 and 1. least_confidence: a joint of less was not seen. By default confidence is
    checked and otherwise ignored: 0 mostly says that a joint was inferred, and its coordinates are as good as others.
    unseen: as of hacm.recordings.arrays.ArrayReader. UserError if the settings are impossible.
    """

    topology: Topology
    ending: str
    fps: float
    metres: float = 1.0
    mirrored: bool = False
    confidence: bool = False
    least_confidence: float = 0.0
    unseen: tuple[float, ...] = ()
    COMPANIONS: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        reader = type(self).__name__
        check_settings(reader, metres=self.metres, unseen=self.unseen, least_confidence=self.least_confidence)
        if self.least_confidence > 0 and not self.confidence:
            raise UserError(f"{reader}: least_confidence needs confidence=True, a number at the end of each line")

    def part_of(self, path: str) -> Part | None:
        """Every file of the ending is a recording."""
        base = PurePosixPath(path).name
        return Part(base.removesuffix(self.ending)) if base.endswith(self.ending) else None

    def read(self, raw: RawRecording) -> Iterator[Recording]:
        """The one recording of a file."""
        yield self.parse(raw.main.data, raw.main.path)

    def identify(self, path: str) -> Identity:
        """What a file's name says; action counts from 0. BadRecording if the name is not of the form."""
        base = PurePosixPath(path).name
        match = _NAME.fullmatch(base.removesuffix(self.ending)) if base.endswith(self.ending) else None
        if match is None:
            raise BadRecording(f"name {base!r} is not of the form a01_s01_e01{self.ending}")
        action, subject, execution = (int(number) for number in match.groups())
        if min(action, subject, execution) < 1:
            raise BadRecording(f"name {base!r} holds a number 00; all count from 01")
        return Identity(base.removesuffix(self.ending), subject=subject, action=action - 1, replication=execution)

    def parse(self, data: bytes, path: str) -> Recording:
        """The recording in a text: one track; a frame of zeros throughout is NaN, as is a joint that was not seen.

        BadRecording, naming the line where there is one, if it is not such a text.
        """
        # Here and not above, because it loads a compiler, which `part_of` has no use for.
        from hacm.recordings.number_table import read_table

        identity = self.identify(path)
        joints = len(self.topology.joints)
        lines_RK = read_table(data, CONFIDENCE + self.confidence, MOST_FRAMES * joints)
        if len(lines_RK) % joints:
            raise BadRecording(f"line {len(lines_RK)}: the last frame has {len(lines_RK) % joints} of {joints} joints")
        if self.confidence:
            confidence_R = lines_RK[:, CONFIDENCE]
            wrong_R = np.flatnonzero(~((confidence_R >= 0) & (confidence_R <= 1)))
            if len(wrong_R):
                line = int(wrong_R[0])
                raise BadRecording(f"line {line + 1}: confidence {confidence_R[line]:g} does not lie between 0 and 1")
        joints_TVC = lines_RK[:, :CONFIDENCE].reshape(-1, joints, 3)
        bodies_MTVC, notes = as_bodies(
            joints_TVC,
            self.topology,
            metres=self.metres,
            mirrored=self.mirrored,
            unseen=self.unseen,
            confidence=lines_RK[:, CONFIDENCE].reshape(-1, joints) if self.confidence else None,
            least_confidence=self.least_confidence,
        )
        return Recording(identity, self.fps, self.topology, bodies_MTVC, notes)


MSR_ACTION3D_LINES = JointLines(MSR_ACTION3D, ending="_skeleton3D.txt", fps=15.0, confidence=True)
KARD_LINES = JointLines(KARD_15, ending="_realworld.txt", fps=30.0, metres=0.001, mirrored=True)
"""The texts of MSR Action3D and of KARD."""
