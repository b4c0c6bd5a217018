"""Distances to the nearest training clip, against loops."""

import pytest
import torch

from hacm.models import familiarity
from hacm.models.familiarity import Neighbours, choose_threshold, distances_left_out

GENERATOR = torch.Generator().manual_seed(0)
FEATURES = torch.randn(40, 6, generator=GENERATOR) * torch.arange(1, 7) + 3


def nearest(one_D, gallery_GD, scale_D):
    return min(float((((one_D - other_D) / scale_D) ** 2).sum() ** 0.5) for other_D in gallery_GD) / 6**0.5


def test_a_distance_is_that_to_the_nearest_on_the_scale_of_training():
    neighbours = Neighbours.of(FEATURES)
    query_ND = torch.randn(5, 6, generator=GENERATOR) * 4
    scale_D = FEATURES.std(0, correction=0)
    expected = [nearest(one_D, FEATURES, scale_D) for one_D in query_ND]
    assert neighbours.distance(query_ND).tolist() == pytest.approx(expected, rel=1e-3)
    assert neighbours.distance(FEATURES).abs().max() < 1e-3


def test_nothing_changes_when_a_feature_is_scaled_or_moved():
    query_ND = torch.randn(5, 6, generator=GENERATOR)
    scale_D, move_D = torch.tensor([1, 10, 0.1, 5, 2, 3.0]), torch.arange(6.0)
    moved = Neighbours.of(FEATURES * scale_D + move_D).distance(query_ND * scale_D + move_D)
    assert moved.tolist() == pytest.approx(Neighbours.of(FEATURES).distance(query_ND).tolist(), rel=1e-3)


def test_who_is_left_out_is_no_neighbour_of_their_own():
    subject_G = torch.arange(40) % 4
    found = distances_left_out(FEATURES, subject_G)
    for place in range(40):
        others = FEATURES[subject_G != subject_G[place]]
        expected = nearest(FEATURES[place], others, others.std(0, correction=0))
        assert float(found[place]) == pytest.approx(expected, rel=1e-2, abs=1e-3)
    with pytest.raises(ValueError, match="at least two"):
        distances_left_out(FEATURES, torch.zeros(40))


def test_the_threshold_lets_that_share_through():
    distance_N = torch.rand(10_000, generator=GENERATOR)
    threshold = choose_threshold(distance_N, torch.zeros(10_000), 0.05)
    assert threshold == pytest.approx(0.95, abs=0.01)
    assert float((distance_N > threshold).double().mean()) == pytest.approx(0.05, abs=0.001)


def test_somebody_who_moves_otherwise_does_not_decide_the_threshold():
    distance_N = torch.rand(10_000, generator=GENERATOR)
    subject_N = torch.arange(10_000) % 5
    distance_N[subject_N == 3] += 7
    assert choose_threshold(distance_N, subject_N, 0.05) == pytest.approx(0.95, abs=0.02)


def test_of_many_clips_some_are_kept(monkeypatch):
    monkeypatch.setattr(familiarity, "MOST_KEPT", 10)
    kept = Neighbours.of(FEATURES)
    assert len(kept.features_GD) == 10
    assert kept.distance(FEATURES[:1]).item() < 1e-3
    assert kept.distance(FEATURES[-1:]).item() < 1e-3
