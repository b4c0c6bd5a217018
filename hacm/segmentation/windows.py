"""A long recording as overlapping windows, each as long as what the model was trained on.

Shapes: N windows, T frames.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from hacm.errors import SettingsError
from hacm.models.description import Seen
from hacm.recordings import Recording

OVERLAP = 4
"""So many windows look at a moment, unless a stride is given."""


@dataclass(frozen=True)
class Window:
    """Frames start to stop (not included) of a recording."""

    start: int
    stop: int


@dataclass(frozen=True)
class Windowing:
    """How long a window is and how far the next one begins after it, in frames."""

    length: int
    stride: int

    def __post_init__(self) -> None:
        if not self.length >= 2 or not 1 <= self.stride <= self.length:
            raise SettingsError(
                f"windows of {self.length} frames every {self.stride}: a window must have two frames or more, and the "
                "stride must lie in 1 to the window's length"
            )

    @classmethod
    def of(cls, seen: Seen, fps: float, length: float | None = None, stride: float | None = None) -> "Windowing":
        """For a recording of `fps` frames per second.

        length, stride: in seconds. By default the length is that of training clips, the geometric mean of the shortest
        and the longest, and the stride a quarter of the length.
        """
        shortest, longest = seen.frames
        seconds = sqrt(shortest * longest) / seen.fps if length is None else length
        frames = max(2, round(seconds * fps))
        step = frames // OVERLAP if stride is None else round(stride * fps)
        return cls(frames, max(1, step))

    def windows(self, frames: int) -> list[Window]:
        """The windows of a recording of so many frames, the last one at its end; one alone if it is no longer."""
        if frames <= self.length:
            return [Window(0, frames)]
        starts = list(range(0, frames - self.length + 1, self.stride))
        if starts[-1] + self.length < frames:
            starts.append(frames - self.length)
        return [Window(start, start + self.length) for start in starts]


def cut(recording: Recording, window: Window) -> Recording:
    """Those frames of a recording, as a recording of its own."""
    name = f"{recording.identity.name}, frames {window.start} to {window.stop - 1}"
    bodies_MTVC = recording.bodies_MTVC[:, window.start : window.stop]
    return replace(recording, identity=replace(recording.identity, name=name), bodies_MTVC=bodies_MTVC, notes=())


def seen_windows(recording: Recording, tracks: tuple[int, ...], windows: list[Window]) -> Iterator[Window]:
    """Those windows in which anybody of these tracks is seen in two frames or more."""
    seen_T: NDArray[np.bool_] = np.asarray(~np.isnan(recording.bodies_MTVC[list(tracks)]).all(axis=(0, 2, 3)))
    for window in windows:
        if seen_T[window.start : window.stop].sum() >= 2:
            yield window
