"""A model and a long recording in, spans out.

Shapes: N windows, K classes, M bodies, T frames, V joints, C coordinates.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hacm.errors import ImplausibleRecording, UserError
from hacm.models.building import CLIPS_AT_ONCE, in_batches
from hacm.models.model import Doubt, Model, People, Prediction, Taken
from hacm.recordings import Recording
from hacm.segmentation.spans import CHANGE, Span, find_spans
from hacm.segmentation.windows import Window, Windowing, cut, seen_windows


@dataclass(frozen=True)
class Settings:
    """How recordings are cut into windows and spans.

    length, stride: of windows, in seconds; None: the length of training clips, and a quarter of that. change: what a
    change of class costs (spans.py). turn, people, doubt: as in Model.predict.
    """

    length: float | None = None
    stride: float | None = None
    change: float = CHANGE
    turn: float = 0.0
    people: People | None = None
    doubt: Doubt = "error"


@dataclass(frozen=True)
class Segmentation:
    """The spans of one recording and person. people: which of its tracks, from 1. classes: names by number."""

    recording: str
    people: tuple[int, ...]
    fps: float
    classes: tuple[str, ...]
    spans: tuple[Span, ...]


def segment(model: Model, recording: Recording, settings: Settings | None = None) -> Iterator[Segmentation]:
    """The spans of every person of a recording, or of all together (Model.group).

    UserError for a model without a head; ImplausibleRecording if it cannot be what the model was trained on, or if
    nobody is seen in it.
    """
    settings = settings or Settings()
    if not model.classes:
        raise UserError(f"{model.name}: has no head, so it names no classes")
    groups = model.group(recording, settings.people)
    if not groups:
        raise ImplausibleRecording(f"{recording.identity.name}: nobody is seen in it")
    windowing = Windowing.of(model.description.seen, recording.fps, settings.length, settings.stride)
    frames = recording.bodies_MTVC.shape[1]
    for tracks in groups:
        windows = list(seen_windows(recording, tracks, windowing.windows(frames)))
        if not windows:
            raise ImplausibleRecording(f"{recording.identity.name}: nobody is seen in two frames of a window")
        probability_NK, strangeness_N = describe_windows(model, recording, tracks, windows, settings)
        spans = find_spans(windows, probability_NK, strangeness_N, frames, windowing, settings.change)
        people = tuple(track + 1 for track in tracks)
        yield Segmentation(recording.identity.name, people, recording.fps, model.classes, tuple(spans))


def describe_windows(
    model: Model, recording: Recording, tracks: tuple[int, ...], windows: list[Window], settings: Settings
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Probabilities (N, K), and distances over the model's threshold (N,); None where it has none."""
    said = [
        one
        for batch in in_batches(_take(model, recording, tracks, windows, settings), CLIPS_AT_ONCE)
        for one in model.describe(batch)
    ]
    strangeness = [strangeness_of(model, one) for one in said]
    strangeness_N = None if None in strangeness else np.array(strangeness, dtype=np.float64)
    return np.stack([one.probability_K for one in said]), strangeness_N


def strangeness_of(model: Model, said: Prediction) -> float | None:
    """A window's distance from the nearest training clip over the model's threshold; None where it has none."""
    familiarity = model.description.familiarity
    return None if familiarity is None or said.distance is None else said.distance / familiarity.threshold


def _take(
    model: Model, recording: Recording, tracks: tuple[int, ...], windows: list[Window], settings: Settings
) -> Iterator[Taken]:
    """Each window as a clip. The first must be plausible; within a recording that is, odd moments are the data's."""
    doubt = settings.doubt
    for window in windows:
        yield model.take_people(cut(recording, window), tracks, turn=settings.turn, doubt=doubt)
        doubt = "warn"
