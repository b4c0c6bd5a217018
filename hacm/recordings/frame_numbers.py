"""Which frame of a recording each line of a table is: from its columns of frame numbers, times and persons.

Shape suffixes: R lines, T frames, M bodies.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording

FRAME_COLUMNS = (
    "frame", "frames", "#frame",
    *(f"frame{gap}{word}"
      for word in ("number", "numbers", "num", "no", "nr", "id", "index", "idx", "#")
      for gap in (" ", "")),
)  # fmt: skip
TIME_COLUMNS = (
    *("timestamp", "time", "time stamp", "timestamps", "times", "t"),
    *(f"{name}{gap}{start}{unit}{end}"
      for name in ("time", "timestamp", "time stamp", "t")
      for unit in ("s", "sec", "seconds", "ms", "us", "ns")
      for gap, start, end in ((" ", "", ""), (" ", "(", ")"), (" ", "[", "]"), ("", "(", ")"), ("", "[", "]"))),
    *("seconds", "secs", "sec"),
)  # fmt: skip
"""Names of columns and arrays, in small letters with blanks. Of several, the first here is read. Whatever unit a time's
name says, its steps must be those of the frame rate in one of TIME_UNITS."""

PERSON_COLUMNS = ("person", "body", "track", "person id", "body id", "track id", "personid", "bodyid", "trackid")

TIME_UNITS = (1.0, 1e-3, 1e-6, 1e-7, 1e-9)
"""Seconds to the unit of a time: seconds, milli-, micro-, 100 nanoseconds (Kinect's ticks), nanoseconds."""

FITS = 0.1
"""Times fit a frame rate where the median step is off by at most this share."""

USUAL = (5, 240)
"""Frames per second that sensors and cameras have."""

ROUND = 0.02
"""A rate this near a whole number is that number: times are written with few digits."""

MOST_TIMES_LONGER = 20
"""A recording with its gaps is at most so many times as long as without; beyond, the numbers are of something else."""


@dataclass(frozen=True)
class Placement:
    """Of each line its body and frame, both from 0; frames: T; gaps: how many of them no line has."""

    body_R: NDArray[np.int64]
    frame_R: NDArray[np.int64]
    bodies: int
    frames: int
    gaps: int


def find_places(
    lines: int,
    frame_R: NDArray[np.float64] | None,
    time_R: NDArray[np.float64] | None,
    person_R: NDArray[np.float64] | None,
    fps: float,
    first_line: int = 1,
) -> Placement:
    """Where each line belongs. BadRecording, naming the line, for numbers that cannot be of one recording at that rate.

    frame_R decides where it is there; time_R then only has to fit. Frames count from the first number that occurs.
    Lines are in the order of what decides, for each person.
    """
    body_R = np.zeros(lines, np.int64)
    if person_R is not None:
        _expect_finite(person_R, "the person", first_line)
        _, first, inverse_R = np.unique(person_R, return_index=True, return_inverse=True)
        body_R = np.argsort(np.argsort(first))[inverse_R]
    if frame_R is not None:
        place_R = _from_numbers(frame_R, first_line)
        _expect_forward(frame_R, "frame numbers", body_R, person_R is None, first_line)
    elif time_R is not None:
        _expect_finite(time_R, "the time", first_line)
        _expect_forward(time_R, "times", body_R, person_R is None, first_line)
        place_R = _from_times(time_R, fps)
    elif person_R is not None:
        raise BadRecording("a person column, but none of frame numbers or times; add a column frame")
    else:
        place_R = np.arange(lines)
    place_R = place_R - place_R.min()
    bodies, frames = int(body_R.max()) + 1, int(place_R.max()) + 1
    _expect_once(body_R, place_R, person_R is None, first_line)
    held = len(np.unique(place_R))
    if frames > MOST_TIMES_LONGER * held:
        raise BadRecording(f"its frames are numbered over {frames}, but only {held} are there; renumber them")
    if frame_R is not None and time_R is not None:
        _expect_fit(time_R, place_R, fps)
    return Placement(body_R, place_R, bodies, frames, frames - held)


def _from_numbers(frame_R: NDArray[np.float64], first_line: int) -> NDArray[np.int64]:
    bad_R = np.flatnonzero(~(np.abs(frame_R) < 2**53) | (frame_R != np.floor(frame_R)))
    if len(bad_R):
        raise BadRecording(f"line {bad_R[0] + first_line}: frame is {frame_R[bad_R[0]]:g}, not a whole number")
    numbers = np.unique(frame_R)
    steps = np.diff(numbers)
    if len(steps) and steps.min() > 1:
        if (steps == steps[0]).all():
            raise BadRecording(f"frames are numbered in steps of {steps[0]:g}; number them 0, 1, 2, …, and let fps be "
                               "that of the frames that are there")  # fmt: skip
        raise BadRecording("no two frame numbers follow each other; number the frames 0, 1, 2, …")
    return (frame_R - numbers[0]).astype(np.int64)


def _from_times(time_R: NDArray[np.float64], fps: float) -> NDArray[np.int64]:
    times, inverse_R = np.unique(time_R, return_inverse=True)
    steps = np.diff(times)
    if not len(steps):
        return np.zeros(len(time_R), np.int64)
    period = _period(float(np.median(steps)), fps)
    ahead = np.maximum(np.rint(steps / period), 1)
    if ahead.sum() > 2**40:
        raise BadRecording("its times reach further than a recording can")
    place = np.concatenate([[0], np.cumsum(ahead)]).astype(np.int64)
    return place[inverse_R]


def rate_of(time_R: NDArray[np.float64]) -> float | None:
    """Frames per second by a column of times: in the unit that makes it a usual rate; None where none does."""
    steps = np.diff(np.unique(time_R[np.isfinite(time_R)]))
    return _usual_rate(float(np.median(steps))) if len(steps) else None


def _usual_rate(step: float) -> float | None:
    rates = [1 / (step * unit) for unit in TIME_UNITS]
    likely = next((rate for rate in rates if USUAL[0] <= rate <= USUAL[1]), None)
    near = likely and round(likely)
    return float(near) if likely and near and abs(likely / near - 1) <= ROUND else likely


def _period(step: float, fps: float) -> float:
    """A frame's length in the unit of the times; BadRecording if no unit fits."""
    for unit in TIME_UNITS:
        if abs(step * unit * fps - 1) <= FITS:
            return 1 / (fps * unit)
    likely = _usual_rate(step)
    said = f"{likely:.4g} frames/s" if likely else f"steps of {step:g}"
    raise BadRecording(f"its times are of {said}, fps is {fps:g}; set fps, or rename the column so that it is not read")


def _expect_fit(time_R: NDArray[np.float64], place_R: NDArray[np.int64], fps: float) -> None:
    span = int(np.ptp(place_R))
    if span and np.isfinite(time_R).all():
        first, last = int(place_R.argmin()), int(place_R.argmax())
        step = float(time_R[last] - time_R[first]) / span
        if not step > 0:
            raise BadRecording(
                "its times do not go forward with its frame numbers; rename the column so that it is not read"
            )
        _period(step, fps)


def _expect_finite(values_R: NDArray[np.float64], what: str, first_line: int) -> None:
    bad_R = np.flatnonzero(~np.isfinite(values_R))
    if len(bad_R):
        raise BadRecording(f"line {bad_R[0] + first_line}: {what} is {values_R[bad_R[0]]:g}, not a number")


def _expect_forward(
    values_R: NDArray[np.float64], what: str, body_R: NDArray[np.int64], alone: bool, first_line: int
) -> None:
    """BadRecording where values go back from one line of a body to its next: a clock that was set, or lines moved."""
    order = np.argsort(body_R, kind="stable")
    steps = np.diff(values_R[order])
    back = np.flatnonzero((steps < 0) & (np.diff(body_R[order]) == 0))
    if len(back):
        first = back[np.argmin(order[back + 1])]
        earlier, later = values_R[order[first]], values_R[order[first + 1]]
        people = "; several people need a column person, body or track" if alone else ""
        raise BadRecording(
            f"line {order[first + 1] + first_line}: its {what} go back (from {earlier:.14g} to {later:.14g}); sort the "
            f"file by them, or, if the order is right, renumber the lines{people}"
        )


def _expect_once(body_R: NDArray[np.int64], place_R: NDArray[np.int64], alone: bool, first_line: int) -> None:
    """BadRecording if a frame occurs twice for one body."""
    order = np.lexsort((np.arange(len(place_R)), place_R, body_R))
    twice = np.flatnonzero((np.diff(place_R[order]) == 0) & (np.diff(body_R[order]) == 0))
    if len(twice):
        later, earlier = (int(order[twice[0] + one]) + first_line for one in (1, 0))
        remedy = (
            "several people need a column person, body or track, and a column that does not count frames another name"
            if alone
            else "each person once a frame"
        )
        raise BadRecording(f"line {later}: the same frame as line {earlier}; {remedy}")
