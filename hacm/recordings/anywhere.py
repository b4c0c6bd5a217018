"""Recordings that belong to no data set: what is to be found in any file, folder or archive, without labels.

A file's format is known by its name: `.skeleton` (NTU RGB+D), `.mat` (UTD-MHAD), `m01_s01_e01_positions.txt` with the
angles beside it (UI-PRMD), `_skeleton3D.txt` (MSR Action3D), `_realworld.txt` (KARD), `0002-L.txt` with the labels
that it is cut by (PKU-MMD), prepared files of other codebases (hacm.recordings.prepared), and arrays as `.npz`, `.npy`
and `.csv` (hacm.recordings.arrays). What pose estimators and capture systems write (hacm.recordings.poses) is known by
its content where others share its ending; OpenPose's frames, a file each, are one recording.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path, PurePosixPath

from hacm.archives.members import is_pack, members
from hacm.archives.raw_file import RawFile
from hacm.archives.rules import Entry, Refused
from hacm.errors import BadRecording, UserError
from hacm.recordings import (
    MAIN,
    Excluded,
    Identity,
    Part,
    RawRecording,
    Recording,
    label_table,
    ntu,
    pku_mmd,
    ui_prmd,
    utd_mhad,
)
from hacm.recordings.arrays import SUFFIXES as ARRAY_SUFFIXES
from hacm.recordings.arrays import ArrayReader
from hacm.recordings.bodies import WrongShape
from hacm.recordings.joint_lines import KARD_LINES, MSR_ACTION3D_LINES
from hacm.recordings.names import plain
from hacm.recordings.notes import reason_of
from hacm.recordings.poses import PoseReader, Poses, openpose
from hacm.recordings.poses.contents import NoPoses, Sighting
from hacm.recordings.poses.json_text import decode_json
from hacm.recordings.poses.reader import SKELETON, is_poses, read_poses
from hacm.recordings.poses.reader import SUFFIXES as POSE_SUFFIXES
from hacm.recordings.prepared import NtuNpz, PysklAnnotations, StGcnArrays
from hacm.recordings.prepared.clips import PreparedReader
from hacm.recordings.prepared.ntu_npz import holds_parts
from hacm.skeletons.recognition import explain_joints, find_named
from hacm.skeletons.shipped import KINECT_V2, TOPOLOGIES
from hacm.skeletons.topology import Topology

# Names that the readers of data sets take: they ask for one that says who does what, and nobody uses what it says here.
NTU_NAME, UTD_MHAD_NAME = "S001C001P001R001A001.skeleton", "a1_s1_t1_skeleton.mat"
LINES_NAME = "a01_s01_e01"
LINES = (MSR_ACTION3D_LINES, KARD_LINES)

TEXTS = ("_positions.txt with _angles.txt", *(one.ending for one in LINES), "PKU-MMD's texts")
KNOWN = ", ".join(dict.fromkeys([ntu.SUFFIX, ".mat", *TEXTS, *ARRAY_SUFFIXES, "PYSKL's .pkl", *POSE_SUFFIXES]))
"""The formats, for messages."""


OPTION = "--skeleton {}"
"""How a skeleton is named on the command line."""
Companions = dict[str, dict[str, RawFile]]
"""By recording and role."""
FRAME = "frame"
"""The role of a file that is a frame of a recording."""
FLAT = "it has two dimensions; models need three: x, y and z"


@dataclass(frozen=True)
class Finder:
    """Reads recordings wherever they are.

    arrays: how to read files that say neither skeleton nor unit; its dimensions are those of all. prepared: the
    skeleton of prepared files.
    """

    arrays: ArrayReader
    prepared: Topology = KINECT_V2

    def part_of(self, path: str) -> Part | None:
        """What a file is, by its name; None: nothing that is known."""
        place = PurePosixPath(path)
        if place.name.lower() == label_table.FILE or self._stands_beside(place.name):
            return None
        if self._holds_clips(place.parent.name):
            return Part(path)
        frame = openpose.frame_of(path)
        if frame is not None:
            return Part(frame[0], FRAME)
        if place.suffix.lower() == ".asf":
            return Part(str(place.with_suffix("")), SKELETON)
        if place.suffix in (ntu.SUFFIX, ".mat", *ARRAY_SUFFIXES) or place.suffix.lower() in POSE_SUFFIXES:
            return Part(str(place.with_suffix("")))
        for lines in LINES:
            if path.endswith(lines.ending):
                return Part(path.removesuffix(lines.ending))
        part = pku_mmd.part_of(path)
        if part is not None:
            return part if part.recording is not None else None
        part = ui_prmd.part_of(path)
        # Its authors keep positions and angles in folders of these names beside one another.
        folders = [name for name in place.parts[:-1] if name.lower() not in ("positions", "angles")]
        return None if part is None else replace(part, recording="/".join([*folders, str(part.recording)]))

    def find(self, path: Path) -> Iterator[Recording | Excluded]:
        """The recordings in a file, a folder (with the archives in it) or an archive, in the order of names there.

        What cannot be read is Excluded, with the reason. UserError if there is no such path, or nothing of a known
        format in it.
        """
        found = False
        packs = list_packs(path)
        labels = self._read_labels(packs)
        for pack in packs:
            for one in self._read_pack(pack, path, labels):
                found = True
                yield one
        if not found:
            raise UserError(f"{path}: no recording of a known format in it ({KNOWN})")

    def _read_pack(self, pack: Path, given: Path, labels: Companions) -> Iterator[Recording | Excluded]:
        companions = self._read_companions(pack)
        for member in members(pack, wanted=lambda name: self._role(name) == MAIN, opened=self._open):
            part = self.part_of(member.path)
            if part is None or part.role != MAIN or _is_labels(pack, member.path):
                continue
            inside = pack.relative_to(given) if pack != given else Path()
            name = (inside / (part.recording or "")).as_posix()
            source = f"{pack}/{member.path}" if is_pack(pack) else str(pack)
            if isinstance(member, Refused):
                yield Excluded(name, source, member.reason)
                continue
            beside = (labels if pku_mmd.part_of(member.path) else companions).get(part.recording or "", {})
            beside = beside | _find_asf(member.path, companions)
            try:
                yield from self.read(RawRecording(name, member, beside))
            except NoPoses as reason:
                if pack == given and not is_pack(pack):  # of all files, this one was asked for
                    yield Excluded(name, source, reason_of(reason))
            except BadRecording as reason:
                yield Excluded(name, source, reason_of(reason))
        yield from self._read_frames(pack, given)

    def _read_frames(self, pack: Path, given: Path) -> Iterator[Recording | Excluded]:
        """The recordings in a pack whose frames are files."""
        found: dict[str, tuple[list[Sighting], list[int]]] = {}
        refused: dict[str, BadRecording] = {}
        for member in members(pack, wanted=lambda name: self._role(name) == FRAME):
            frame = openpose.frame_of(member.path)
            if frame is None:
                continue
            sightings, frames = found.setdefault(frame[0], ([], []))
            frames.append(frame[1])
            try:
                if isinstance(member, Refused):
                    raise BadRecording(member.reason)
                sightings += openpose.read_frame(decode_json(member.data), frame[1])
            except BadRecording as reason:
                refused.setdefault(frame[0], BadRecording(f"{PurePosixPath(member.path).name}: {reason}"))
        inside = pack.relative_to(given) if pack != given else Path()
        for recording, (sightings, frames) in found.items():
            name = (inside / recording).as_posix()
            try:
                if recording in refused:
                    raise refused[recording]
                yield _unlabelled(self._finish(openpose.join(sightings, frames)), name)
            except BadRecording as reason:
                yield Excluded(name, f"{pack}/{recording}", reason_of(reason))

    def _role(self, name: str) -> str | None:
        part = self.part_of(name)
        return None if part is None else part.role

    def _holds_clips(self, name: str) -> bool:
        """Whether what is called so may be a file of prepared clips."""
        return any(reader.holds_clips(name) for reader in self._prepared_readers)

    def _stands_beside(self, name: str) -> bool:
        """Whether what is called so says something of prepared clips, such as their labels."""
        return any(reader.stands_beside(name) for reader in self._prepared_readers)

    @cached_property
    def _prepared_readers(self) -> tuple[PreparedReader, ...]:
        pyskl = PysklAnnotations(self.prepared, xsub=None)
        if self.arrays.dimensions == 2:
            pyskl = replace(
                pyskl, dimensions=2, up=self.arrays.up, unseen=self.arrays.unseen,
                least_confidence=self.arrays.least_confidence,
            )  # fmt: skip
        return StGcnArrays(self.prepared), pyskl, NtuNpz(self.prepared)

    def _open(self, file: Path) -> Iterator[Entry] | None:
        """The clips in a prepared file; None for any other."""
        reader = next((one for one in self._prepared_readers if one.holds_clips(file.name)), None)
        if reader is None or self._stands_beside(file.name) or (isinstance(reader, NtuNpz) and not holds_parts(file)):
            return None
        return _list_clips(reader, file)

    def _read_labels(self, packs: Sequence[Path]) -> Companions:
        """The labels of PKU-MMD's videos, by video: the two are in folders or archives of their own."""
        found: Companions = {}
        for pack in packs:
            for member in members(pack, wanted=partial(_is_labels, pack)):
                part = pku_mmd.part_of(member.path)
                if isinstance(member, RawFile) and part is not None:
                    found[str(part.recording)] = {pku_mmd.LABELS: member}
        return found

    def _is_companion(self, name: str) -> bool:
        return self._role(name) not in (None, MAIN, FRAME)

    def _read_companions(self, pack: Path) -> Companions:
        """By recording and role. Of a single file: what lies beside it."""
        packs: Sequence[Path] = [pack]
        if not is_pack(pack):
            packs = [one for one in sorted(pack.parent.iterdir()) if self._is_companion(one.name)]
        found: Companions = {}
        for one in packs:
            for member in members(one, wanted=self._is_companion):
                part = self.part_of(member.path) if isinstance(member, RawFile) else None
                if isinstance(member, RawFile) and part is not None and part.role != MAIN:
                    found.setdefault(part.recording or "", {})[part.role] = member
        return found

    def read(self, raw: RawRecording) -> Iterator[Recording | Excluded]:
        """The recordings in a raw file, one but for PKU-MMD's videos; BadRecording if it is damaged."""
        if pku_mmd.part_of(raw.main.path) is not None:
            for found in pku_mmd.cut(replace(raw, name=PurePosixPath(raw.name).name), {}):
                yield found if isinstance(found, Excluded) else _unlabelled(found, found.identity.name)
        else:
            yield _unlabelled(self._read_one(raw), raw.name)

    def _read_one(self, raw: RawRecording) -> Recording:
        place = PurePosixPath(raw.main.path)
        reader = next((one for one in self._prepared_readers if one.holds_clips(place.parent.name)), None)
        if reader is not None:
            return next(reader.read(raw))
        if place.suffix == ntu.SUFFIX:
            return ntu.parse(raw.main.data, NTU_NAME)
        if place.suffix == ".mat":
            return utd_mhad.parse(raw.main.data, UTD_MHAD_NAME)
        if is_poses(raw.main.data, raw.main.path):
            asf = raw.companions.get(SKELETON)
            return self._finish(read_poses(raw.main.data, raw.main.path, None if asf is None else asf.data))
        if place.suffix in ARRAY_SUFFIXES:
            return self._read_array(raw.main)
        lines = next((one for one in LINES if raw.main.path.endswith(one.ending)), None)
        if lines is not None:
            return lines.parse(raw.main.data, LINES_NAME + lines.ending)
        return next(ui_prmd.read(replace(raw, name=PurePosixPath(raw.name).name)))

    def _finish(self, poses: Poses) -> Recording:
        """The recording that poses are: of a known skeleton, if they are its joints, else of that of arrays."""
        arrays = self.arrays
        if poses.values_MTVC.shape[-1] < arrays.dimensions:
            raise BadRecording(FLAT)
        reader = PoseReader(
            find_named([plain(name) for name in poses.joints]) or arrays.topology,
            fps=arrays.fps,
            metres=arrays.metres,
            up=arrays.up,
            dimensions=arrays.dimensions,
            mirrored=arrays.mirrored,
            unseen=arrays.unseen,
            least_confidence=0.0 if poses.confidence_MTV is None else arrays.least_confidence,
            nameless=True,
        )
        return reader.finish(poses, "nameless")

    def _read_array(self, file: RawFile) -> Recording:
        """BadRecording says what the joints may be instead, where the file shows that."""
        try:
            return self.arrays.parse(file.data, file.path)
        except WrongShape as wrong:
            raise BadRecording(self._explain_shape(wrong)) from wrong
        except BadRecording as reason:
            fitting = self._find_fitting(file)
            if not fitting:
                raise
            raise BadRecording(f"not joints of {self.arrays.topology.name}; {fitting}") from reason

    def _explain_shape(self, wrong: WrongShape) -> str:
        *_, joints, coordinates = (0, 0, *wrong.shape)
        if len(wrong.shape) in (3, 4) and 0 not in wrong.shape:
            if coordinates == 2 and self.arrays.dimensions == 3:
                return FLAT
            if coordinates == 3:
                return explain_joints(joints, self.arrays.topology, OPTION)
        return str(wrong).partition(";")[0]

    def _find_fitting(self, file: RawFile) -> str | None:
        """What the file can be read as, in words."""
        fitting = [name for name, one in TOPOLOGIES.items() if _is_readable(replace(self.arrays, topology=one), file)]
        if fitting:
            return f"if they are {' or '.join(fitting)}, say so ({OPTION.format(fitting[0])})"
        flat = ArrayReader(self.arrays.topology, fps=1.0, dimensions=2, nameless=True)
        return FLAT if _is_readable(flat, file) else None


def _unlabelled(recording: Recording, name: str) -> Recording:
    return replace(recording, identity=Identity(name, None, None))


def _find_asf(path: str, companions: Companions) -> dict[str, RawFile]:
    """The skeleton of an AMC, by its role: of those in its folder the one that it is called after, or the only one."""
    place = PurePosixPath(path)
    if place.suffix.lower() != ".amc":
        return {}
    there = {PurePosixPath(name).name: roles[SKELETON] for name, roles in companions.items()
             if SKELETON in roles and PurePosixPath(name).parent == place.parent}  # fmt: skip
    fitting = sorted((name for name in there if place.stem.startswith(name)), key=len)
    chosen = there[fitting[-1]] if fitting else next(iter(there.values())) if len(there) == 1 else None
    return {} if chosen is None else {SKELETON: chosen}


def _is_labels(pack: Path, name: str) -> bool:
    """Whether it is a file of PKU-MMD's labels, which the folder or the archive says that it is in."""
    part = pku_mmd.part_of(name if pack.is_dir() else f"{pack.name}/{name}")
    return part is not None and part.role == pku_mmd.LABELS


def _list_clips(reader: PreparedReader, file: Path) -> Iterator[Entry]:
    """The clips of a prepared file; one that cannot be used is a clip that is refused."""
    try:
        yield from reader.list_clips(file)
    except BadRecording as reason:
        yield Entry(file.name, str(reason_of(reason)), bytes)


def _is_readable(reader: ArrayReader, file: RawFile) -> bool:
    try:
        reader.parse(file.data, file.path)
    except BadRecording:
        return False
    return True


def list_packs(path: Path) -> list[Path]:
    """A file or an archive by itself; a folder, and after it the archives in it. UserError if there is nothing."""
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if not path.is_dir():
        return [path]
    return [path, *(one for one in sorted(path.rglob("*")) if one.is_file() and is_pack(one))]
