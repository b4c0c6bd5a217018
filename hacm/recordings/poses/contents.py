"""What a file of an estimator or a capture system holds, before it becomes a recording.

Shape suffixes: R lines (a person in a frame each), M bodies, T frames, V joints, C coordinates.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording
from hacm.recordings.bodies import Up
from hacm.recordings.frame_numbers import find_places
from hacm.recordings.notes import Kind, Note
from hacm.recordings.poses.people import follow_people

MOST_NUMBERS = 2**24
"""Of the coordinates of a recording: two hours of 25 joints at 60 frames a second are a third of that."""
MOST_AT_ONCE = 100
"""People in one frame; more are a mistake, and would take long to be told apart."""


class NoPoses(BadRecording):
    """The file is sound, and says something else than poses, as many a JSON beside recordings does."""


@dataclass(frozen=True, eq=False)
class Poses:
    """joints: the names of V, as the file has them. values_MTVC: float64, C 3 or, of a picture, 2; NaN where not seen.

    confidence_MTV: the joints' confidences; None: there are none. fps, metres (the unit), up: None where the file does
    not say. pictured: the unit is the picture's, so that bodies are brought to a body's size. parents: of the joints,
    -1 for the root, where the file has a tree.
    """

    joints: tuple[str, ...]
    values_MTVC: NDArray[np.float64]
    confidence_MTV: NDArray[np.float64] | None = None
    fps: float | None = None
    metres: float | None = None
    up: Up | None = None
    pictured: bool = False
    parents: tuple[int, ...] | None = None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, eq=False)
class Sighting:
    """A person in a frame. frame: its number. person: who, where that is known. values_VC: the last is confidence."""

    frame: float
    person: float | None
    values_VC: NDArray[np.float64]


def gather(
    sightings: Sequence[Sighting], frames: Iterable[float] = ()
) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[Note, ...]]:
    """values_MTVC, confidence_MTV and notes of sightings in any order, from the first frame that somebody is seen in.

    frames: those that are known to be there, with or without anybody. Who is not told is followed from frame to frame
    where several are seen at once. BadRecording if nobody is seen, a person occurs twice in a frame, or frames are
    numbered as no recording's are.
    """
    if not sightings:
        raise BadRecording("nobody is seen in any frame")
    ordered = sorted(sightings, key=lambda one: one.frame)
    values_RVC = np.stack([one.values_VC for one in ordered])
    frame_R = np.array([one.frame for one in ordered], dtype=np.float64)
    most = int(np.unique(frame_R, return_counts=True)[1].max())
    if most > MOST_AT_ONCE:
        raise BadRecording(f"{most} people in one frame, at most {MOST_AT_ONCE} can be")
    notes: list[Note] = []
    if most == 1 and any(one.person is None for one in ordered):
        person_R = np.zeros(len(ordered))  # a lone person who jumps is no other
    elif all(one.person is not None for one in ordered):
        person_R = np.array([one.person for one in ordered], dtype=np.float64)
    else:
        person_R = follow_people(frame_R, values_RVC[..., :-1]).astype(np.float64)
        words = f"who is who is not said: {int(person_R.max()) + 1} tracks, followed by nearness"
        notes.append(Note(Kind.REMARK, words=words))
    empty = sorted(set(frames) - set(frame_R.tolist()))
    frame_R = np.concatenate([frame_R, empty])
    order = np.argsort(frame_R, kind="stable")
    person_R = np.concatenate([person_R, np.full(len(empty), person_R[0])])[order]
    values_RVC = np.concatenate([values_RVC, np.full((len(empty), *values_RVC.shape[1:]), np.nan)])[order]
    frame_R = frame_R[order]
    found = find_places(len(frame_R), frame_R, None, person_R, fps=1.0)
    shape = (found.bodies, found.frames, *values_RVC.shape[1:])
    if np.prod(shape, dtype=float) > MOST_NUMBERS:
        raise BadRecording(f"{found.bodies} people in {found.frames} frames are more than {MOST_NUMBERS} numbers")
    placed = np.full(shape, np.nan)
    placed[found.body_R, found.frame_R] = values_RVC
    if found.gaps:
        notes.append(Note(Kind.GAP, frames=found.gaps, of=found.frames))
    return placed[..., :-1], placed[..., -1], tuple(notes)
