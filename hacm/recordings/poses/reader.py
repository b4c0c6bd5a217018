"""The reader of what pose estimators and capture systems write: which format it is follows from the content.

Shape suffixes: M bodies, T frames, V joints, C coordinates.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hacm.archives.raw_file import RawFile
from hacm.errors import BadRecording, UserError
from hacm.recordings import Part, RawRecording, Recording, label_table
from hacm.recordings.arrays import FPS, LABELS, ArrayReader
from hacm.recordings.bodies import BODY_SIZE, as_bodies, unit_of_pictures
from hacm.recordings.names import plain
from hacm.recordings.notes import Kind, Note
from hacm.recordings.poses import (
    anipose,
    asf_amc,
    bvh,
    c3d,
    coco,
    deeplabcut,
    mediapipe,
    mmpose,
    openpose,
    trc,
)
from hacm.recordings.poses.apart import read_apart
from hacm.recordings.poses.contents import NoPoses, Poses
from hacm.recordings.poses.json_text import decode_json

JSON_FORMATS = {"COCO keypoints": coco, "MMPose": mmpose, "OpenPose": openpose, "MediaPipe": mediapipe}
"""By what it is called, the module of each format of JSON."""
TEXT_FORMATS = {".bvh": bvh, ".trc": trc}
TABLES = (deeplabcut, anipose, mediapipe)
"""The modules of formats of CSV; the last takes what the others do not."""
HDF5 = (".h5", ".slp")
SUFFIXES = (".json", ".csv", ".bvh", ".trc", ".amc", ".c3d", *HDF5)
SKELETON = "skeleton"
"""The role of an ASF, which belongs to every AMC."""


def read_poses(data: bytes, path: str, skeleton: bytes | None = None) -> Poses:
    """What a file holds, by its content; skeleton: of an AMC its ASF.

    BadRecording if it is damaged; NoPoses if it is of no format that is known here.
    """
    suffix = PurePosixPath(path).suffix.lower()
    for ending, text in TEXT_FORMATS.items():
        if suffix == ending or text.fits(data):
            return text.read(data)
    if suffix == ".amc":
        if skeleton is None:
            raise BadRecording("its skeleton, an .asf, is not there; put it beside the .amc")
        return asf_amc.read(data, skeleton)
    if suffix == ".csv":
        return next((one for one in TABLES if one.fits_csv(data)), mediapipe).read_csv_text(data)
    if suffix == ".c3d":
        return c3d.read(data)
    if suffix in HDF5:
        return read_apart(suffix, data)
    content = decode_json(data)
    for module in JSON_FORMATS.values():
        if module.fits(content):
            return module.read(content)
    raise NoPoses(f"JSON of none of the known forms: {', '.join(JSON_FORMATS)}")


def is_poses(data: bytes, path: str) -> bool:
    """Whether a file is for these readers: by its ending, and a table, which others read too, by its first line."""
    suffix = PurePosixPath(path).suffix.lower()
    return suffix in SUFFIXES and (suffix != ".csv" or any(one.fits_csv(data) for one in TABLES))


@dataclass(frozen=True)
class PoseReader(ArrayReader):
    """A reader (hacm.recordings) of what estimators and capture systems write (docs/own-data.md).

    Each file is a recording. Settings are those of ArrayReader. fps, metres and up are for files that do not say them.
    Joints are found by their names, in any order. called: the file's name of a joint of the topology, if it is another
    one, or the names of the joints whose mean it is: `{"left wrist": ("LWRA", "LWRB")}`. aspect: width by height of the
    picture, if coordinates are shares of it. resample: frames per second that all recordings are brought to; None: as
    they are.
    """

    called: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    aspect: float = 1.0
    resample: float | None = None
    COMPANIONS: ClassVar[tuple[str, ...]] = (LABELS, SKELETON)

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = [joint for joint in self.called if joint not in self.topology.recorded]
        if unknown:
            raise UserError(f"PoseReader: called: {unknown[0]!r} is no joint of {self.topology.name}")
        for name, value in (("aspect", self.aspect), ("resample", self.resample)):
            if value is not None and not 0 < value < math.inf:
                raise UserError(f"PoseReader: {name} {value} must be positive")

    def part_of(self, path: str) -> Part | None:
        """Every file of SUFFIXES is a recording, but for the table of labels."""
        place = PurePosixPath(path)
        if place.name.lower() == label_table.FILE:
            return Part(None, LABELS)
        if place.suffix.lower() == ".asf":
            return Part(None, SKELETON)
        return Part("_".join(self._named(place))) if place.suffix.lower() in SUFFIXES else None

    def read(self, raw: RawRecording) -> Iterator[Recording]:
        """The one recording of a file; BadRecording if it is damaged or does not say what it must."""
        skeleton = raw.companions.get(SKELETON)
        poses = read_poses(raw.main.data, raw.main.path, None if skeleton is None else skeleton.data)
        yield self.finish(poses, raw.main.path, raw.companions.get(LABELS))

    def parse(self, data: bytes, path: str, table: RawFile | None = None) -> Recording:
        """The recording in a file's content. table: of labels, beside the files."""
        return self.finish(read_poses(data, path), path, table)

    def finish(self, poses: Poses, path: str, table: RawFile | None = None) -> Recording:
        """The recording that poses are, of the file at a path."""
        place = PurePosixPath(path)
        name = "_".join(self._named(place))
        told = self._told_outside(path, name, table)
        identity, fps = self._identify(name, [*told, ("inside", {} if poses.fps is None else {FPS: poses.fps})])
        values_MTVC, confidence_MTV, unread = self._choose_joints(poses)
        values_MTVC, metres, notes = self._measure(poses, values_MTVC)
        bodies_MTVC, absent = as_bodies(
            values_MTVC,
            self.topology,
            metres=metres,
            up=poses.up or self.up,
            dimensions=values_MTVC.shape[-1],
            mirrored=self.mirrored,
            most_bodies=max(self.most_bodies, len(values_MTVC)),
            unseen=self.unseen,
            confidence=confidence_MTV,
            least_confidence=self.least_confidence,
        )
        if len(bodies_MTVC) > self.most_bodies:
            raise BadRecording(f"{len(bodies_MTVC)} people, at most {self.most_bodies} are allowed (most_bodies)")
        if self.resample is not None and fps != self.resample:
            bodies_MTVC = bring_to_rate(bodies_MTVC, fps, self.resample)
            notes += (Note(Kind.REMARK, words=f"brought from {fps:g} to {self.resample:g} frames/s"),)
            fps = self.resample
        return Recording(identity, fps, self.topology, bodies_MTVC, poses.notes + unread + notes + absent)

    def _choose_joints(self, poses: Poses) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, tuple[Note, ...]]:
        """Values and confidences of the topology's recorded joints, and what is not read."""
        place = {plain(name): number for number, name in enumerate(poses.joints)}
        sources = []
        for joint in self.topology.recorded:
            said = self.called.get(joint, joint)
            names = (said,) if isinstance(said, str) else said
            lacking = [name for name in names if plain(name) not in place]
            if lacking:
                found = ", ".join(ascii(name[:30]) for name in poses.joints[:8])
                more = ", …" if len(poses.joints) > 8 else ""
                raise BadRecording(f"no joint {lacking[0]!r} of {self.topology.name} (called); found: {found}{more}")
            sources.append([place[plain(name)] for name in names])
        values = np.stack([poses.values_MTVC[:, :, one].mean(axis=2) for one in sources], axis=2)
        confidence = poses.confidence_MTV
        if confidence is not None:
            confidence = np.stack([confidence[:, :, one].min(axis=2) for one in sources], axis=2)
        read = {number for one in sources for number in one}
        others = [ascii(name[:30]) for number, name in enumerate(poses.joints) if number not in read]
        more = f", … ({len(others)})" if len(others) > 8 else ""
        notes = (Note(Kind.NOT_READ, words=", ".join(others[:8]) + more),) if others else ()
        return values, confidence, notes

    def _measure(
        self, poses: Poses, values_MTVC: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], float, tuple[Note, ...]]:
        """Values of the dimensions asked for, the metres that their unit is, and what is to be said of it."""
        given = values_MTVC.shape[-1]
        if self.dimensions > given:
            raise BadRecording("of two dimensions: set dimensions=2 where the reader is defined")
        if poses.pictured and self.aspect != 1:
            # x, and z with it, is in shares of the width, y of the height.
            values_MTVC = values_MTVC * np.array([self.aspect, 1, self.aspect][:given])
        values_MTVC = values_MTVC[..., : self.dimensions]
        if not poses.pictured:
            return values_MTVC, poses.metres or self.metres, ()
        if self.dimensions == 2:
            return values_MTVC, 1.0, ()
        words = f"places in a picture, z a guess: scaled so that bodies span {BODY_SIZE:g} m"
        return values_MTVC, unit_of_pictures(values_MTVC), (Note(Kind.REMARK, words=words),)


def bring_to_rate(bodies_MTVC: NDArray[np.float32], fps: float, wanted: float) -> NDArray[np.float32]:
    """The bodies at another frame rate: between two frames along the straight line; NaN where either is NaN."""
    frames = bodies_MTVC.shape[1]
    count = int((frames - 1) / fps * wanted + 1e-9) + 1
    if count * bodies_MTVC[:, 0].size > 2**26:
        raise BadRecording(f"resample {wanted:g}: {count} frames are too many")
    at_T = np.minimum(np.arange(count) * (fps / wanted), frames - 1)
    low_T = np.minimum(at_T.astype(np.int64), max(frames - 2, 0))
    share_T11 = (at_T - low_T).astype(np.float32)[:, None, None]
    low_MTVC, high_MTVC = bodies_MTVC[:, low_T], bodies_MTVC[:, np.minimum(low_T + 1, frames - 1)]
    between = np.where(share_T11 == 0, low_MTVC, low_MTVC + share_T11 * (high_MTVC - low_MTVC))
    return np.ascontiguousarray(np.where(share_T11 == 1, high_MTVC, between), dtype=np.float32)
