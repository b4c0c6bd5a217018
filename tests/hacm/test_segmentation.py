"""Windows, spans and scores against enumeration, and against counting by hand."""

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest

from hacm.errors import ImplausibleRecording, SettingsError
from hacm.models.model import Model
from hacm.recordings import Identity, Recording
from hacm.segmentation import scores
from hacm.segmentation.segmenting import Settings, segment
from hacm.segmentation.spans import FLOOR, STRANGE, Span, decode, find_spans, gather
from hacm.segmentation.windows import Window, Windowing, seen_windows
from tests.helpers.small_model import TOPOLOGY, build


@pytest.mark.parametrize("frames", [1, 7, 8, 9, 20, 21, 64])
def test_windows_cover_every_frame_and_stay_inside(frames):
    windows = Windowing(8, 3).windows(frames)
    covered = {frame for window in windows for frame in range(window.start, window.stop)}
    assert covered == set(range(frames))
    assert windows[-1].stop == frames
    if frames >= 8:
        assert {window.stop - window.start for window in windows} == {8}
        assert all(b.start - a.start <= 3 for a, b in pairwise(windows))


def test_lengths_follow_training_and_the_frame_rate():
    seen = replace(build().parts.description.seen, fps=30.0, frames=(40, 90))
    assert Windowing.of(seen, 30.0) == Windowing(60, 15)
    assert Windowing.of(seen, 60.0) == Windowing(120, 30)
    assert Windowing.of(seen, 10.0, length=1.0, stride=0.5) == Windowing(10, 5)
    with pytest.raises(SettingsError, match="stride must lie in"):
        Windowing.of(seen, 30.0, length=1.0, stride=2.0)


@pytest.mark.parametrize("seed", range(20))
def test_the_chosen_classes_are_the_best_of_all(seed):
    draw = np.random.default_rng(seed)
    evidence_CL = draw.dirichlet(np.full(3, 0.5), size=6)
    change = draw.uniform(0, 3)

    def value(labels):
        told = sum(np.log(max(evidence_CL[cell, label], FLOOR)) for cell, label in enumerate(labels))
        return told - change * sum(a != b for a, b in pairwise(labels))

    best = max(product(range(3), repeat=6), key=value)
    assert value(decode(evidence_CL, change).tolist()) == pytest.approx(value(best))


def test_what_is_gathered_sums_to_one_and_nothing_is_known_where_nobody_looks():
    windows = [Window(0, 8), Window(4, 12)]
    probability_NK = np.array([[0.9, 0.1], [0.2, 0.8]])
    evidence_CL = gather(windows, probability_NK, np.array([1.4, 1.6]), 20, 4)
    np.testing.assert_allclose(evidence_CL.sum(1), 1)
    np.testing.assert_allclose(evidence_CL[0], [0.9, 0.1, 0.0])
    np.testing.assert_allclose(evidence_CL[1], [0.55, 0.45, 0.0])  # both windows are as far from it
    np.testing.assert_allclose(evidence_CL[2], [0, 0, 1])
    np.testing.assert_allclose(evidence_CL[3:], [[0, 0, 1], [0, 0, 1]])


def test_spans_follow_each_other_and_short_doubts_are_merged():
    windowing, frames = Windowing(8, 4), 42
    windows = windowing.windows(frames)
    first_N = np.array([window.start < 20 for window in windows])
    probability_NK = np.where(first_N[:, None], [[0.9, 0.1]], [[0.1, 0.9]])
    probability_NK[1] = [0.4, 0.6]  # a doubt of one window
    spans = find_spans(windows, probability_NK, None, frames, windowing)
    assert [span.label for span in spans] == [0, 1]
    assert (spans[0].start, spans[-1].stop) == (0, frames)
    assert spans[0].stop == spans[1].start
    assert abs(spans[0].stop - 22) <= 4
    loose = find_spans(windows, probability_NK, None, frames, windowing, change=0.0)
    assert len(loose) >= len(spans)


TRUE = [Span(0, 10, 0, 1.0), Span(10, 30, 1, 1.0), Span(30, 40, 0, 1.0)]


def test_scores_by_hand():
    found = [Span(0, 8, 0, 0.9), Span(8, 28, 1, 0.8), Span(28, 40, 2, 0.7)]
    assert scores.frame_accuracy(found, TRUE) == (8 + 18) / 40
    assert scores.edit_score(found, TRUE) == pytest.approx(2 / 3)
    assert scores.count_matches(found, TRUE, 0.5) == (2, 1, 1)  # 8/10, 18/22; class 2 is nowhere
    assert scores.count_matches(found, TRUE, 0.81) == (1, 2, 2)
    assert scores.f1([(2, 1, 1), (1, 0, 2)]) == 2 * 3 / (2 * 3 + 1 + 3)
    assert scores.edit_score(TRUE, TRUE) == scores.frame_accuracy(TRUE, TRUE) == 1


def test_two_spans_cannot_find_the_same_one():
    halves = [Span(0, 10, 0, 1.0), Span(10, 20, 1, 0.9), Span(20, 30, 1, 0.8), Span(30, 40, 0, 0.5)]
    assert scores.count_matches(halves, TRUE, 0.5) == (3, 1, 0)


def test_average_precision_by_hand():
    true = [[Span(0, 10, 0, 1.0)], [Span(0, 10, 0, 1.0)], [Span(0, 10, 1, 1.0)]]
    found = [[Span(0, 10, 0, 0.9)], [Span(5, 15, 0, 0.8), Span(0, 9, 0, 0.7)], []]
    # Class 0: right, wrong (IoU 1/3), right: precision 1 at recall 1/2, 2/3 at recall 1. Class 1 is never found.
    assert scores.mean_average_precision(found, true) == pytest.approx((0.5 * 1 + 0.5 * 2 / 3) / 2)


@pytest.fixture(scope="module")
def built():
    return build()


def joined(built, classes) -> tuple[Recording, list[int]]:
    """Test clips of these classes one after the other, each moved to where the one before ended."""
    clips = [clip for clip in built.test_clips() if len(clip) == 1]
    label_N = built.task.clips.label_N[built.task.test_index].tolist()
    labels = [label for clip, label in zip(built.test_clips(), label_N, strict=True) if len(clip) == 1]
    parts = [clips[labels.index(name)] for name in classes]
    bodies = np.concatenate(parts, axis=1)
    lengths = [part.shape[1] for part in parts]
    return Recording(Identity("long", None, None), 30.0, TOPOLOGY, bodies), lengths


def test_a_long_recording_is_segmented_as_its_windows_say(built):
    recording, lengths = joined(built, [0, 1, 0])
    (found,) = segment(Model(built.parts), recording, Settings(doubt="warn"))
    assert found.people == (1,)
    assert (found.spans[0].start, found.spans[-1].stop) == (0, sum(lengths))
    assert all(a.stop == b.start for a, b in zip(found.spans, found.spans[1:], strict=False))
    assert all(span.label is None or 0 <= span.label < 2 for span in found.spans)


def test_a_recording_as_long_as_a_window_gets_what_predict_says(built):
    clip = next(clip for clip in built.test_clips() if len(clip) == 1)
    recording = Recording(Identity("one", None, None), 30.0, TOPOLOGY, clip)
    model = Model(built.parts)
    (found,) = segment(model, recording, Settings(length=10.0, doubt="warn"))
    (said,) = model.predict(clip, doubt="warn")
    assert len(found.spans) == 1
    if said.distance <= STRANGE * model.description.familiarity.threshold:
        assert found.classes[found.spans[0].label] == said.label
        assert found.spans[0].probability == pytest.approx(said.probability)
    else:
        assert found.spans[0].label is None


def test_windows_in_which_nobody_is_seen_are_left_out():
    bodies = np.zeros((1, 40, 6, 3), dtype=np.float32)
    bodies[:, 8:30] = np.nan
    recording = Recording(Identity("gap", None, None), 30.0, TOPOLOGY, bodies)
    windows = Windowing(8, 4).windows(40)
    kept = list(seen_windows(recording, (0,), windows))
    assert Window(12, 20) not in kept
    assert Window(0, 8) in kept
    assert Window(32, 40) in kept


def test_nobody_at_all_is_an_error(built):
    empty = Recording(Identity("none", None, None), 30.0, TOPOLOGY, np.zeros((0, 9, 6, 3), dtype=np.float32))
    with pytest.raises(ImplausibleRecording, match="nobody is seen"):
        list(segment(Model(built.parts), empty))
