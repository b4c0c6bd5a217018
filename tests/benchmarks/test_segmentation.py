"""The table of segmentation: every figure is that of all recordings, and lies in its interval."""

from itertools import pairwise

import numpy as np
import pytest

from benchmarks import segmentation
from hacm.segmentation import scores
from hacm.segmentation.spans import Span


def test_figures_are_those_of_the_scores(monkeypatch):
    monkeypatch.setattr(segmentation, "RESAMPLES", 60)
    draw = np.random.default_rng(2)
    pairs = []
    for _ in range(5):
        edges = [0, *sorted(draw.choice(np.arange(5, 95), 4, replace=False).tolist()), 100]
        true = [Span(start, stop, int(draw.integers(3)), 1.0) for start, stop in pairwise(edges)]
        found = [Span(one.start, one.stop, one.label if draw.random() < 0.6 else 3, draw.random()) for one in true]
        pairs.append((found, true))
    said = segmentation.measure(pairs)
    frames = 100 * len(pairs)
    right = sum(int((scores.label_frames(found) == scores.label_frames(true)).sum()) for found, true in pairs)
    assert said["frame accuracy"]["value"] == pytest.approx(100 * right / frames)
    assert said["edit score"]["value"] == pytest.approx(100 * np.mean([scores.edit_score(*pair) for pair in pairs]))
    for overlap in (0.1, 0.25, 0.5):
        counts = [scores.count_matches(*pair, overlap) for pair in pairs]
        assert said[f"F1@{overlap}"]["value"] == pytest.approx(100 * scores.f1(counts))
    everything = scores.mean_average_precision([found for found, _ in pairs], [true for _, true in pairs])
    assert said["mAP@0.5"]["value"] == pytest.approx(100 * everything)
    assert all(one["low"] <= one["value"] <= one["high"] for one in said.values())
    assert said["frame accuracy"]["low"] < said["frame accuracy"]["high"]
