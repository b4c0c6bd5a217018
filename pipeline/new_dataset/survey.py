"""A look at a folder of recordings: their format, skeleton, size, lengths, and what is odd about them."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording, UserError, name_some
from hacm.recordings import Recording, label_table
from hacm.recordings.arrays import SUFFIXES as ARRAY_SUFFIXES
from hacm.recordings.arrays import ArrayReader
from hacm.recordings.bodies import Up
from hacm.recordings.names import plain
from hacm.recordings.pickles import PickledArray, read_pickle
from hacm.recordings.poses import PoseReader, Poses, openpose
from hacm.recordings.poses.json_text import decode_json
from hacm.recordings.poses.reader import SUFFIXES as POSE_SUFFIXES
from hacm.recordings.poses.reader import is_poses, read_poses
from hacm.skeletons.recognition import find_named
from hacm.skeletons.shipped import TOPOLOGIES
from hacm.skeletons.topology import Topology
from pipeline.new_dataset.naming import Naming, guess_naming

MOST_READ = 200
"""So many files are read, spread over the folder."""
ASSUMED_FPS = 30.0
PICKLES = (".pkl", ".pickle")
OF_DATA_SETS = {".skeleton": "ntu60, ntu120 or a reader of your own", ".mat": "utd-mhad"}
"""Endings of formats that belong to data sets which the project has."""
SIZES = ((0.5, 3.5, 1.0), (50.0, 350.0, 0.01), (500.0, 3500.0, 0.001))
"""From and to which extent of a body, and how many metres the unit then is."""


@dataclass(eq=False)
class Survey:
    """What was found. kind: arrays, poses, pyskl or frames (OpenPose's, a file each). fps: None where no file says.
    odd: what looks wrong, in words."""

    kind: str
    files: list[str]
    format: str
    topology: Topology
    naming: Naming
    shipped: bool = True
    dimensions: int = 3
    up: Up | None = None
    metres: float = 1.0
    fps: float | None = None
    frames: tuple[int, int, int] = (0, 0, 0)
    people: int = 1
    unseen: bool = False
    actions: tuple[str, ...] = ()
    parts: tuple[str, str] | None = None
    fitting: tuple[str, ...] = ()
    odd: list[str] = field(default_factory=list)


def look_at(folder: Path) -> Survey:
    """What lies in a folder. UserError, saying what to do, if that is nothing a data set can be made of."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    files = list(_files_below(folder))
    frames = [file for file in files if openpose.frame_of(file) is not None]
    if len(frames) > len(files) / 2:
        return _look_at_frames(folder, frames, len(files) - len(frames))
    kinds = Counter(suffix for file in files if (suffix := Path(file).suffix.lower()))
    kinds.pop(".asf", None)
    wanted = {*ARRAY_SUFFIXES, *POSE_SUFFIXES, *PICKLES}
    known = {suffix: count for suffix, count in kinds.items() if suffix in wanted}
    if not known:
        other = next((f"; {suffix}: {who}" for suffix, who in OF_DATA_SETS.items() if suffix in kinds), "")
        held = ", ".join(f"{count} {suffix}" for suffix, count in kinds.most_common(5)) or "nothing"
        raise UserError(f"{folder}: no known format ({', '.join(sorted(wanted))}); it holds {held}{other}")
    suffix = max(known, key=lambda one: known[one])
    chosen = [file for file in files if Path(file).suffix.lower() == suffix and Path(file).name != label_table.FILE]
    if suffix in PICKLES:
        survey = _look_at_pyskl(folder, chosen)
    elif suffix in POSE_SUFFIXES and is_poses((folder / chosen[0]).read_bytes(), chosen[0]):
        survey = _look_at_poses(folder, chosen)
    else:
        survey = _look_at_arrays(folder, chosen)
    others = len(files) - len(chosen) - kinds.get(".asf", 0)
    if others:
        left_out = sorted(set(files) - set(chosen))
        survey.odd.append(
            f"not of this format, and left out unless the reader takes them: {others} files: {name_some(left_out)}"
        )
    return survey


def _files_below(folder: Path) -> Iterable[str]:
    for directory, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and name != "receipt.json":
                yield Path(directory, name).relative_to(folder).as_posix()


def _spread(files: Sequence[str]) -> list[str]:
    step = max(1, len(files) // MOST_READ)
    return list(files[::step])[:MOST_READ]


def _name(files: Sequence[str]) -> Naming:
    return guess_naming([str(Path(file).with_suffix("").as_posix()) for file in files])


def _look_at_poses(folder: Path, files: list[str]) -> Survey:
    found: list[Poses] = []
    bad: list[str] = []
    for file in _spread(files):
        try:
            found.append(read_poses((folder / file).read_bytes(), file, _read_asf(folder)))
        except BadRecording as reason:
            bad.append(f"{file}: {reason}")
    if not found:
        raise UserError(f"{folder}: no file can be read; {bad[0]}")
    first = found[0]
    topology = find_named([plain(name) for name in first.joints])
    survey = Survey(
        "poses",
        files,
        _describe_poses(files[0], first),
        topology or _make_topology(folder, first),
        _name(files),
        shipped=topology is not None,
        dimensions=first.values_MTVC.shape[-1],
        up=first.up,
        metres=first.metres or 1.0,
        fps=first.fps,
    )
    rates = sorted({one.fps for one in found if one.fps is not None})
    if len(rates) > 1:
        survey.odd.append(f"frame rates from {rates[0]:g} to {rates[-1]:g}; resample={rates[0]:g} would make them one")
    reader = PoseReader(survey.topology, fps=survey.fps or ASSUMED_FPS, dimensions=survey.dimensions,
                        up=first.up or ("-y" if survey.dimensions == 2 else "y"), nameless=True)  # fmt: skip
    _measure(survey, _finish(reader, found, bad), bad, told=first.metres is not None or first.pictured)
    return survey


def _finish(reader: PoseReader, found: Sequence[Poses], bad: list[str]) -> list[Recording]:
    """The recordings that the reader makes of poses; why it makes none goes into `bad`."""
    recordings = []
    for one in found:
        try:
            recordings.append(reader.finish(one, "nameless"))
        except BadRecording as reason:
            bad.append(str(reason))
    return recordings


def _look_at_frames(folder: Path, frames: Sequence[str], others: int) -> Survey:
    """Of OpenPose's frames: those of a recording are joined; files are the recordings, as they then are called."""
    found: dict[str, list[str]] = {}
    for file in frames:
        recording, _ = openpose.frame_of(file) or ("", 0)
        found.setdefault(recording, []).append(file)
    joined, bad = [], []
    for recording in _spread(sorted(found)):
        try:
            joined.append(_join_frames(folder, found[recording]))
        except BadRecording as reason:
            bad.append(f"{recording}: {reason}")
    if not joined:
        raise UserError(f"{folder}: no recording can be read; {bad[0]}")
    first = joined[0]
    dimensions = first.values_MTVC.shape[-1]
    topology = find_named(first.joints)
    assert topology is not None, "the reader knows no other joints"
    survey = Survey(
        "frames",
        [f"{recording}.npz" for recording in sorted(found)],
        f"OpenPose, {len(frames)} frames of {len(found)} recordings",
        topology,
        _name([f"{recording}.npz" for recording in sorted(found)]),
        dimensions=dimensions,
        up=first.up,
    )
    reader = PoseReader(topology, fps=ASSUMED_FPS, dimensions=dimensions, up=first.up or "y", nameless=True)
    _measure(survey, _finish(reader, joined, bad), bad, told=first.pictured)
    survey.unseen = True  # by their confidence, at the latest
    if others:
        survey.odd.append(f"files that are no frames, and left out: {others}")
    return survey


def _join_frames(folder: Path, files: Sequence[str]) -> Poses:
    sightings, numbers = [], []
    for file in files:
        _, number = openpose.frame_of(file) or ("", 0)
        numbers.append(number)
        sightings += openpose.read_frame(decode_json((folder / file).read_bytes()), number)
    return openpose.join(sightings, numbers)


def _read_asf(folder: Path) -> bytes | None:
    skeletons = sorted(folder.rglob("*.asf"))
    if len(skeletons) > 1:
        raise UserError(f"{folder}: {len(skeletons)} skeletons (.asf); a data set has one, so make one of each person")
    return skeletons[0].read_bytes() if skeletons else None


def _describe_poses(file: str, poses: Poses) -> str:
    where = "places in a picture" if poses.pictured else "metres" if poses.metres == 1 else "a unit of its own"
    return f"{Path(file).suffix.lower()} with {len(poses.joints)} named joints, {where}"


def _make_topology(folder: Path, poses: Poses) -> Topology:
    """A skeleton of the file's own tree; roots are its root and wherever it branches."""
    if poses.parents is None:
        raise UserError(
            f"{folder}: its joints are of no known skeleton, and the files say no tree "
            f"({name_some(list(poses.joints))}); write the data set's file as docs/own-data.md shows, with PoseReader"
        )
    children = Counter(parent for parent in poses.parents if parent >= 0)
    roots = sorted({poses.parents.index(-1), *(joint for joint, count in children.items() if count > 1)})
    try:
        return Topology("own", poses.joints, poses.parents, tuple(roots), poses.parents.index(-1))
    except UserError as reason:
        raise UserError(f"{folder}: the files' skeleton cannot be used: {reason}") from reason


def _look_at_arrays(folder: Path, files: list[str]) -> Survey:
    data = (folder / files[0]).read_bytes()
    fitting = [reader for dimensions in (3, 2) for topology in TOPOLOGIES.values()
               if _reads(reader := _array_reader(topology, dimensions), data, files[0])]  # fmt: skip
    if not fitting:
        reason = _why_not(_array_reader(next(iter(TOPOLOGIES.values())), 3), data, files[0])
        raise UserError(
            f"{folder}: {files[0]} is read with no known skeleton ({', '.join(TOPOLOGIES)}): {reason}; write the data "
            "set's file with your own, as docs/own-data.md shows"
        )
    reader = fitting[0]
    survey = Survey(
        "arrays",
        files,
        f"{Path(files[0]).suffix.lower()} of {len(reader.topology.recorded)} joints",
        reader.topology,
        _name(files),
        dimensions=reader.dimensions,
        fitting=tuple(one.topology.name for one in fitting[1:] if one.dimensions == reader.dimensions),
    )
    recordings, bad = [], []
    for file in _spread(files):
        try:
            recordings.append(reader.parse((folder / file).read_bytes(), file))
        except BadRecording as reason:
            bad.append(f"{file}: {reason}")
    if recordings and any(one.fps != ASSUMED_FPS for one in recordings):
        survey.fps = recordings[0].fps
    _measure(survey, recordings, bad, told=reader.dimensions == 2)
    return survey


def _array_reader(topology: Topology, dimensions: int) -> ArrayReader:
    return ArrayReader(topology, fps=ASSUMED_FPS, dimensions=dimensions, nameless=True)


def _reads(reader: ArrayReader, data: bytes, path: str) -> bool:
    return not _why_not(reader, data, path)


def _why_not(reader: ArrayReader, data: bytes, path: str) -> str:
    try:
        reader.parse(data, path)
    except BadRecording as reason:
        return str(reason)
    return ""


def _measure(survey: Survey, recordings: list[Recording], bad: list[str], *, told: bool) -> None:
    """Put lengths, people, size and what is odd into a survey. told: the unit is known."""
    if bad:
        survey.odd.append(f"cannot be read: {len(bad)} of the files looked at: {name_some(bad)}")
    if not recordings:
        raise UserError(f"no file can be read; {bad[0] if bad else 'there is none'}")
    lengths = [one.bodies_MTVC.shape[1] for one in recordings]
    survey.frames = (min(lengths), int(np.median(lengths)), max(lengths))
    survey.people = max(len(one.bodies_MTVC) for one in recordings)
    survey.unseen |= any(_misses_joints(one.bodies_MTVC) for one in recordings)
    sizes = [size for one in recordings if (size := _size(one.bodies_MTVC)) > 0]
    if not told and sizes:
        size = float(np.median(sizes))
        unit = next((metres for least, most, metres in SIZES if least <= size <= most), None)
        if unit is None:
            survey.odd.append(f"bodies span {size:.3g}, which is no size in metres, cm or mm; set metres=")
        survey.metres = unit or 1.0
    if survey.up is None:
        survey.up = find_up(recordings) or ("-y" if survey.dimensions == 2 else None)


def _misses_joints(bodies_MTVC: NDArray[np.float32]) -> bool:
    missing_MTV = np.isnan(bodies_MTVC[..., 0])
    return bool((missing_MTV & ~missing_MTV.all(axis=2, keepdims=True)).any())


def _size(bodies_MTVC: NDArray[np.float32]) -> float:
    seen = bodies_MTVC[np.isfinite(bodies_MTVC).all(axis=(2, 3))]
    return float(np.median(np.ptp(seen, axis=1).max(axis=-1))) if len(seen) else 0.0


def find_up(recordings: Sequence[Recording]) -> Up | None:
    """The axis from feet to head, if it is the same in most recordings; None where the skeleton has not both."""
    names = recordings[0].topology.joints
    heads = [place for place, name in enumerate(names) if "head" in name or "nose" in name]
    feet = [place for place, name in enumerate(names) if "ankle" in name or "foot" in name]
    if not heads or not feet:
        return None
    votes: Counter[Up] = Counter()
    for one in recordings:
        with np.errstate(all="ignore"):
            middle_VC = (
                np.nanmedian(one.bodies_MTVC[0], axis=0) if len(one.bodies_MTVC) else np.full((len(names), 3), np.nan)
            )
        way_C = np.nanmean(middle_VC[heads], axis=0) - np.nanmean(middle_VC[feet], axis=0)
        if np.isfinite(way_C).all():
            axis = int(np.abs(way_C).argmax())
            ups: tuple[Up, Up] = (("x", "-x"), ("y", "-y"), ("z", "-z"))[axis]  # type: ignore[assignment]
            votes[ups[int(way_C[axis] < 0)]] += 1
    return votes.most_common(1)[0][0] if votes else None


def _look_at_pyskl(folder: Path, files: list[str]) -> Survey:
    try:
        held: Any = read_pickle(folder / files[0])
    except BadRecording as reason:
        raise UserError(f"{folder / files[0]}: {reason}") from reason
    annotations = held.get("annotations") if isinstance(held, dict) else None
    clips = [
        one for one in annotations or [] if isinstance(one, dict) and isinstance(one.get("keypoint"), PickledArray)
    ]
    if not clips:
        raise UserError(f"{folder / files[0]}: no annotations of PYSKL with a keypoint each")
    _, _, joints, dimensions = (0, 0, *clips[0]["keypoint"].shape)[-4:]
    fitting = [one for one in TOPOLOGIES.values() if len(one.recorded) == joints]
    if dimensions == 2:
        fitting = [one for one in fitting if not one.name.startswith(("kinect", "h36m"))] or fitting
    if not fitting:
        raise UserError(f"{folder / files[0]}: {joints} joints are of no known skeleton; write the data set's file "
                        "with your own, as docs/own-data.md shows")  # fmt: skip
    split = held.get("split")
    parts = _find_parts(list(split)) if isinstance(split, dict) else None
    labels = [one["label"] for one in clips if isinstance(one.get("label"), int)]
    lengths = [int(one["keypoint"].shape[1]) for one in clips]
    survey = Survey(
        "pyskl",
        files,
        f"PYSKL's annotations, {len(clips)} clips",
        fitting[0],
        Naming(),
        dimensions=dimensions,
        up="-y" if dimensions == 2 else "y",
        frames=(min(lengths), int(np.median(lengths)), max(lengths)),
        people=max(int(one["keypoint"].shape[0]) for one in clips),
        unseen="keypoint_score" in clips[0],
        actions=tuple(f"action {number + 1}" for number in range(max(labels) + 1)) if labels else (),
        parts=parts,
        fitting=tuple(one.name for one in fitting[1:]),
    )
    if len(files) > 1:
        survey.odd.append(f"several pickles; read is what each holds: {name_some(files)}")
    if len(clips) < len(annotations or []):
        survey.odd.append(f"annotations without a keypoint: {len(annotations or []) - len(clips)}")
    return survey


def _find_parts(names: Sequence[str]) -> tuple[str, str] | None:
    """The names of the parts that train and test, of a split by subjects if there is one."""
    for train in sorted(names, key=lambda name: ("sub" not in name, name)):
        for end in ("val", "test"):
            other = train.replace("train", end)
            if other != train and other in names:
                return train, other
    return None


def with_name(survey: Survey, name: str) -> Survey:
    """The same, its own skeleton called after the data set."""
    if survey.shipped:
        return survey
    return replace(survey, topology=replace(survey.topology, name=f"{name}-{len(survey.topology.joints)}"))
