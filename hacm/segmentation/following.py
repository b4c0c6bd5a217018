"""A recording that is still growing: what each window shows as soon as it is complete, in memory that stays the same.

A frame is a line of JSON: the joints of one person, [[x, y, z], …], or of several, [[[x, y, z], …], …]; null or []
where nobody is seen. A joint that was not seen is null.

Shapes: M bodies, T frames, V joints, C coordinates.
"""

import json
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording, ImplausibleRecording, UserError
from hacm.models.model import Model
from hacm.recordings import Identity, Recording
from hacm.segmentation.segmenting import Settings, strangeness_of
from hacm.segmentation.spans import STRANGE
from hacm.segmentation.windows import Windowing

LONGEST_LINE = 1 << 20
"""Characters: a frame of 100 people has some 100,000."""
PAUSE = 0.05
"""Seconds between two looks at a file that has not grown."""


@dataclass(frozen=True)
class Moment:
    """What a window of the last frames shows.

    start, end: seconds since the first frame. person: from 1. label: None if nothing is known. delay: seconds that the
    model took.
    """

    start: float
    end: float
    person: int
    label: str | None
    probability: float
    delay: float


def read_frames(lines: Iterator[str], joints: int, name: str) -> Iterator[NDArray[np.float32]]:
    """Frames (M, V, 3), NaN where a joint was not seen; UserError, with the line's number, for what is no frame."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            if len(line) > LONGEST_LINE:
                raise ValueError(f"a line of {len(line)} characters")
            yield _as_frame(json.loads(line), joints)
        except (ValueError, TypeError, RecursionError) as error:
            raise UserError(f"{name}:{number}: not a frame of {joints} joints as JSON ({error})") from error


def _as_frame(value: Any, joints: int) -> NDArray[np.float32]:
    if value is None or value == []:
        return np.empty((0, joints, 3), np.float32)
    bodies = value if _depth(value) > 2 else [value]
    frame_MVC = np.array(
        [[[np.nan] * 3 if joint is None else joint for joint in body] for body in bodies], dtype=np.float32
    )
    if frame_MVC.shape[1:] != (joints, 3):
        raise ValueError(f"its shape is {frame_MVC.shape}")
    return frame_MVC


def _depth(value: Any) -> int:
    """How deep lists lie in one another, along the first of each that is not null."""
    if not isinstance(value, list):
        return 0
    return 1 + max((_depth(one) for one in value[:1] or [None] if one is not None), default=1)


def follow(model: Model, frames: Iterator[NDArray[np.float32]], fps: float, settings: Settings) -> Iterator[Moment]:
    """What every window shows, a stride after the last; nothing before the first window is full.

    People are told apart by their places in a frame. A window in which one is hardly seen says nothing of them.
    """
    windowing = Windowing.of(model.description.seen, fps, settings.length, settings.stride)
    last: deque[NDArray[np.float32]] = deque(maxlen=windowing.length)
    for count, frame_MVC in enumerate(frames, 1):
        last.append(frame_MVC)
        if len(last) == windowing.length and (count - windowing.length) % windowing.stride == 0:
            yield from _describe(model, list(last), count, fps, settings)


def _describe(
    model: Model, frames: list[NDArray[np.float32]], count: int, fps: float, settings: Settings
) -> Iterator[Moment]:
    begin = time.perf_counter()
    most = max(len(frame_MVC) for frame_MVC in frames)
    bodies_MTVC = np.full((most, len(frames), *frames[0].shape[1:]), np.nan, dtype=np.float32)
    for place, frame_MVC in enumerate(frames):
        bodies_MTVC[: len(frame_MVC), place] = frame_MVC
    recording = Recording(Identity(f"frame {count}", None, None), fps, model.topology, bodies_MTVC)
    for person in range(most):
        try:
            taken = model.take_people(recording, (person,), turn=settings.turn, doubt=settings.doubt)
        except (BadRecording, ImplausibleRecording):
            if count == len(frames):
                raise  # the first window must be plausible
            continue
        (said,) = model.describe([taken])
        strangeness = strangeness_of(model, said)
        yield Moment(
            start=round((count - len(frames)) / fps, 3),
            end=round(count / fps, 3),
            person=person + 1,
            label=None if strangeness is not None and strangeness > STRANGE else said.label,
            probability=round(said.probability, 4),
            delay=round(time.perf_counter() - begin, 4),
        )


def growing_lines(path: Path) -> Iterator[str]:
    """The lines of a file, and those that are written to it later, until the program is interrupted."""
    with open(path, encoding="utf-8") as stream:
        yield from _whole_lines(stream)


def _whole_lines(stream: IO[str]) -> Iterator[str]:
    begun = ""
    while True:
        part = stream.readline(LONGEST_LINE)
        if not part:
            time.sleep(PAUSE)
            continue
        begun += part
        if begun.endswith("\n") or len(begun) > LONGEST_LINE:
            yield begun
            begun = ""
