"""NTU RGB+D 60 and 120: `.skeleton` text (data.md §1) → Recording.

Shape suffixes: B body-frames in file order, M tracks, T frames, V joints, C coordinates.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording
from hacm.recordings import Identity, Part, RawRecording, Recording
from hacm.recordings.notes import Kind, Note
from hacm.skeletons.shipped import KINECT_V2

SUFFIX = ".skeleton"
FRAMES_PER_SECOND = 30.0
COMPANIONS: tuple[str, ...] = ()
NTU_FORMAT = True

# Tracks × frames. A real file has some dozens of tracks over at most 300 frames; a text of nothing but new ids would
# otherwise ask for memory that grows with the square of its length.
MOST_CELLS = 1_000_000

_NAME = re.compile(r"S([0-9]{3})C([0-9]{3})P([0-9]{3})R([0-9]{3})A([0-9]{3})(?:\.skeleton)?")


def part_of(path: str) -> Part | None:
    """Every file of the suffix is a recording."""
    base = path.rpartition("/")[2]
    return Part(base.removesuffix(SUFFIX)) if base.endswith(SUFFIX) else None


def read(raw: RawRecording) -> Iterator[Recording]:
    """The one recording of a file."""
    yield parse(raw.main.data, raw.main.path)


def identify(name: str) -> Identity:
    """What `…/SsssCcccPpppRrrrAaaa.skeleton` says: setup, camera, performer, replication, action (from 0 here).

    The suffix may be absent, leading folders are ignored. BadRecording if the name is not of that form.
    """
    base = PurePosixPath(name).name
    match = _NAME.fullmatch(base)
    if match is None:
        raise BadRecording(f"name {base!r} is not of the form S001C001P001R001A001.skeleton")
    setup, camera, subject, replication, action = (int(number) for number in match.groups())
    if min(setup, camera, subject, replication, action) < 1:
        raise BadRecording(f"name {base!r} holds a number 000; all count from 001")
    return Identity(
        name=base.removesuffix(SUFFIX),
        subject=subject,
        action=action - 1,
        camera=camera,
        setup=setup,
        replication=replication,
    )


def parse(data: bytes, name: str) -> Recording:
    """The recording in a `.skeleton` text.

    Tracks (body ids) stand in order of first appearance; without any the recording has M = 0. Of an id that occurs
    twice in one frame the first counts; a body-frame with a coordinate that is not a finite float32 counts as absent
    (an id that has no other is no track). Both are noted. BadRecording, naming the line, for anything malformed.
    """
    # Here and not above, because it loads a compiler, which `identify` has no use for.
    from hacm.recordings import skeleton_text

    identity = identify(name)
    found = skeleton_text.read(data)
    notes: list[Note] = []
    if 0 < found.dos_lines < found.lines:
        notes.append(Note(Kind.LINE_ENDS_MIXED, count=found.dos_lines, of=found.lines))
    id_B, frame_B, joints_BVC = found.id_B, found.frame_B, found.joints_BVC
    track_B = _number_tracks(id_B)
    kept_B = _select(track_B, frame_B, joints_BVC, notes)
    if len(kept_B) < len(id_B):
        track_B, frame_B, joints_BVC = _number_tracks(id_B[kept_B]), frame_B[kept_B], joints_BVC[kept_B]
    bodies_MTVC = _assemble(track_B, frame_B, joints_BVC, found.frames)
    return Recording(identity, FRAMES_PER_SECOND, KINECT_V2, bodies_MTVC, tuple(notes))


def _select(
    track_B: NDArray[np.intp], frame_B: NDArray[np.int64], joints_BVC: NDArray[np.float32], notes: list[Note]
) -> NDArray[np.intp]:
    """The body-frames that count, in file order; what does not is noted."""
    first_B = _first_of_each(track_B, frame_B)
    if len(first_B) < len(track_B):
        notes.append(Note(Kind.BODY_TWICE, count=len(track_B) - len(first_B)))
    finite_B = np.logical_and.reduce(np.isfinite(joints_BVC), axis=(1, 2))[first_B]
    if not finite_B.all():
        notes.append(Note(Kind.NOT_FINITE, count=int(np.count_nonzero(~finite_B))))
    return first_B[finite_B]


def _number_tracks(id_B: NDArray[np.uint64]) -> NDArray[np.intp]:
    """For each body-frame its track: ids numbered in order of first appearance."""
    if (id_B == id_B[:1]).all():
        return np.zeros(len(id_B), dtype=np.intp)
    _, first, inverse_B = np.unique(id_B, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse_B]


def _first_of_each(track_B: NDArray[np.intp], frame_B: NDArray[np.int64]) -> NDArray[np.intp]:
    """Positions of the first body-frame of each (track, frame), ascending."""
    cells_B = frame_B * (len(track_B) + 1) + track_B
    return np.sort(np.unique(cells_B, return_index=True)[1])


def _assemble(
    track_B: NDArray[np.intp], frame_B: NDArray[np.int64], joints_BVC: NDArray[np.float32], frames: int
) -> NDArray[np.float32]:
    """(M, T, V, 3) with NaN where a track is absent."""
    tracks = int(track_B.max()) + 1 if len(track_B) else 0
    if tracks * frames > MOST_CELLS:
        raise BadRecording(f"{tracks} body ids over {frames} frames: more than a recording can have")
    bodies_MTVC = np.full((tracks, frames, *joints_BVC.shape[1:]), np.nan, dtype=np.float32)
    bodies_MTVC[track_B, frame_B] = joints_BVC
    return bodies_MTVC
