"""SLEAP's projects (`.slp`) and analyses (`.h5`), read with the package sleap-io: one recording of one video.

Where a person corrected what was predicted, the correction is read. Places are pixels, y downwards; it says no frame
rate. Edges become the skeleton's tree where they are one.
"""

import tempfile
from typing import Any

import numpy as np

from hacm.errors import BadRecording
from hacm.recordings.poses.contents import MOST_NUMBERS, Poses, Sighting, gather
from hacm.recordings.poses.extras import import_extra
from hacm.recordings.poses.hdf5 import open_hdf5

MOST_BYTES = 8 * MOST_NUMBERS
UNREAD = ("video",)
"""How data sets begin that are never opened: pictures packed into a project."""


def fits_hdf5(file: Any) -> bool:
    """Whether an open HDF5 is such an analysis."""
    return "track_occupancy" in file and "tracks" in file


def read(data: bytes, *, analysis: bool = False) -> Poses:
    """The recording in a project, or in an analysis; BadRecording if it is damaged or of several videos."""
    package = import_extra("sleap_io", "SLEAP")
    with open_hdf5(data) as file:
        _check_size(file)
        with tempfile.NamedTemporaryFile(suffix=".h5" if analysis else ".slp") as copy:
            copy.write(data)
            copy.flush()
            load = package.load_analysis_h5 if analysis else package.load_slp
            return _gather(load(copy.name) if analysis else load(copy.name, open_videos=False))


def _check_size(file: Any) -> None:
    """BadRecording if a small file unpacks into far more than a recording is."""
    total = 0

    def add(name: str, held: Any) -> None:
        nonlocal total
        if hasattr(held, "shape") and not name.startswith(UNREAD):
            total += held.size * held.dtype.itemsize

    file.visititems(add)
    if total > MOST_BYTES:
        raise BadRecording(f"{total} bytes of numbers, more than {MOST_BYTES}")


def _gather(labels: Any) -> Poses:
    if len(labels.skeletons) != 1 or len({id(frame.video) for frame in labels}) > 1:
        raise BadRecording("several skeletons or videos in one file; export each video by itself")
    skeleton = labels.skeletons[0]
    names = tuple(str(name) for name in skeleton.node_names)
    if not names or len(set(names)) < len(names):
        raise BadRecording("two nodes are called the same, or there are none")
    tracks = {id(track): number for number, track in enumerate(labels.tracks)}
    sightings: list[Sighting] = []
    frames: list[float] = []
    for frame in labels:
        number = int(frame.frame_idx)
        frames.append(number)
        for one in (*frame.user_instances, *frame.unused_predictions):
            values_VC = np.asarray(one.numpy(), dtype=np.float64)
            if not np.isfinite(values_VC).all(axis=1).any():
                continue
            held = one.points.dtype.names
            score_V = one.points["score"] if "score" in held else np.isfinite(values_VC).all(axis=1)
            who = None if one.track is None else float(tracks[id(one.track)])
            sightings.append(Sighting(number, who, np.column_stack([values_VC, score_V.astype(np.float64)])))
    values_MTVC, confidence_MTV, notes = gather(sightings, frames)
    return Poses(
        names, values_MTVC, confidence_MTV, up="-y", pictured=True,
        parents=_tree(len(names), skeleton.edge_inds), notes=notes,
    )  # fmt: skip


def _tree(joints: int, edges: Any) -> tuple[int, ...] | None:
    """The parents of joints, from edges that lead away from one root; None where they are no such tree."""
    parents = [-1] * joints
    for start, end in edges:
        if parents[end] != -1:
            return None
        parents[end] = int(start)
    for joint in range(joints):
        for _ in range(joints):
            if parents[joint] == -1:
                break
            joint = parents[joint]
        else:
            return None
    return tuple(parents) if parents.count(-1) == 1 else None
