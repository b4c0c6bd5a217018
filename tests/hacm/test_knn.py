"""Neighbours' votes against a plain count."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from hacm.evaluation.features import extract
from hacm.evaluation.task import Task
from hacm.model.network import HACM
from hacm.protocols import knn
from hacm.settings import AugmentSettings
from tests.helpers.small_training import SETTINGS, SKELETON, moving_clips

GENERATOR = torch.Generator().manual_seed(0)
QUERY, GALLERY = torch.randn(17, 6, generator=GENERATOR), torch.randn(40, 6, generator=GENERATOR)
LABEL = torch.randint(0, 5, (40,), generator=GENERATOR)


def plain_vote(k: int) -> list[int]:
    """The predicted classes: most votes, then the larger sum of similarities."""
    predicted = []
    for query in QUERY.double():
        similarity = [float(query @ each / query.norm() / each.norm()) for each in GALLERY.double()]
        nearest = sorted(range(40), key=lambda place: -similarity[place])[:k]
        votes: dict[int, tuple[int, float]] = {}
        for place in nearest:
            count, total = votes.get(int(LABEL[place]), (0, 0.0))
            votes[int(LABEL[place])] = (count + 1, total + similarity[place])
        predicted.append(max(votes, key=lambda label: votes[label]))
    return predicted


@pytest.mark.parametrize("k", [1, 2, 4, 7, 40])
def test_votes_are_counted_and_ties_go_to_the_nearer(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = knn.vote(QUERY, GALLERY, LABEL, 5, k)
    assert scores.argmax(1).tolist() == plain_vote(k)
    monkeypatch.setattr(knn, "CELLS", 130)  # a few clips at a time
    torch.testing.assert_close(knn.vote(QUERY, GALLERY, LABEL, 5, k), scores)


def test_a_similarity_never_outweighs_a_vote() -> None:
    """Two votes of opposite clips against one of the same clip; a class without a vote is last."""
    gallery = torch.tensor([[1.0, 0], [-1, 0], [-1, 0]])
    scores = knn.vote(torch.tensor([[1.0, 0]]), gallery, torch.tensor([0, 1, 1]), 3, 3)
    assert scores.argsort(dim=1, descending=True).tolist() == [[1, 0, 2]]
    assert scores[0, 2] < 0


def test_classes_without_a_vote_are_ranked_by_their_nearest_clip() -> None:
    """Top-5 means something for k = 1: the second class is that of the nearest clip of any other class."""
    order = knn.vote(QUERY, GALLERY, LABEL, 5, 1).argsort(dim=1, descending=True)
    unit = torch.nn.functional.normalize
    similarity = unit(QUERY, dim=1) @ unit(GALLERY, dim=1).T
    for clip, ranking in enumerate(order.tolist()):
        nearest = {label: float(similarity[clip][label == LABEL].max()) for label in set(LABEL.tolist())}
        known = [label for label in ranking if label in nearest]
        assert known == sorted(nearest, key=lambda label: -nearest[label])


def test_a_clip_finds_itself() -> None:
    torch.manual_seed(0)
    model = HACM(SKELETON, SETTINGS.model, SETTINGS.masking, SETTINGS.loss)
    clips, index, augment = moving_clips(20), torch.arange(20), AugmentSettings(min_frames=6)
    clips.label_N[:] = torch.arange(20)
    settings = knn.Settings(k=1)
    result = knn.run(model, Task(clips, index, index, 20, augment), settings, 0, "cpu")
    assert np.array_equal(result.scores_NK.argmax(1), np.arange(20))
    assert result.scores_NK.dtype == np.float32
    # and the features are the centre crop's
    found = extract(model, clips, index, augment, training=False, absent_bodies="drop")
    expected = knn.vote(found, found, clips.label_N, 20, 1)
    np.testing.assert_allclose(result.scores_NK, expected)


def test_more_neighbours_than_clips_are_refused() -> None:
    model = HACM(SKELETON, SETTINGS.model, SETTINGS.masking, SETTINGS.loss)
    index = torch.arange(3)
    with pytest.raises(ValueError, match="k asks for 4 neighbours"):
        knn.run(model, Task(moving_clips(), index, index, 2, AugmentSettings()), knn.Settings(k=4), 0, "cpu")


def plain_average_precision(query: Tensor, label: int) -> float:
    """By the textbook: the mean, over the ranks at which a relevant clip stands, of the precision at that rank."""
    similarity = [float(query @ each / query.norm() / each.norm()) for each in GALLERY.double()]
    ranking = sorted(range(40), key=lambda place: -similarity[place])
    hits, precisions = 0, []
    for rank, place in enumerate(ranking, start=1):
        if int(LABEL[place]) == label:
            hits += 1
            precisions.append(hits / rank)
    return sum(precisions) / len(precisions) if precisions else math.nan


def test_average_precision_is_the_textbooks(monkeypatch: pytest.MonkeyPatch) -> None:
    label_N = torch.arange(17) % 6  # nobody in the gallery is of class 5
    expected = [
        plain_average_precision(query, int(label)) for query, label in zip(QUERY.double(), label_N, strict=True)
    ]
    found_N = knn.average_precision(QUERY, GALLERY, label_N, LABEL)
    np.testing.assert_allclose(found_N.numpy(), expected, rtol=1e-12)
    assert found_N.isnan().sum() == 2
    monkeypatch.setattr(knn, "CELLS", knn.RANKING * 40 * 3)  # three clips at a time
    assert torch.equal(knn.average_precision(QUERY, GALLERY, label_N, LABEL).nan_to_num(), found_N.nan_to_num())


def test_equally_similar_clips_are_one_place_whatever_their_order() -> None:
    """Right, wrong, wrong at the first place, right at the next: (1/3 + 2/4) / 2 in any order."""
    gallery = torch.tensor([[1.0, 0], [2, 0], [4, 0], [0, 1]])
    for order in ([0, 1, 2, 3], [1, 0, 2, 3], [2, 1, 0, 3], [3, 2, 1, 0]):
        labels = torch.tensor([1, 0, 0, 1])[order]
        found = knn.average_precision(torch.tensor([[3.0, 0]]), gallery[order], torch.tensor([1]), labels)
        assert float(found) == pytest.approx((1 / 3 + 2 / 4) / 2)


def test_retrieval_stands_beside_the_votes_and_clips_without_their_class_are_counted() -> None:
    torch.manual_seed(0)
    model = HACM(SKELETON, SETTINGS.model, SETTINGS.masking, SETTINGS.loss)
    clips, augment = moving_clips(24), AugmentSettings(min_frames=6)
    clips.label_N[20:22] = 2
    gallery, queries = torch.arange(14), torch.arange(14, 24)
    extra = knn.run(model, Task(clips, gallery, queries, 3, augment), knn.Settings(), 0, "cpu").extra
    assert extra["retrieval_left_out"] == 2
    features = [
        extract(model, clips, index, augment, training=False, absent_bodies="drop") for index in (queries, gallery)
    ]
    precision = knn.average_precision(*features, clips.label_N[queries], clips.label_N[gallery])
    assert extra["retrieval_map"] == pytest.approx(float(precision.nanmean()))
    assert extra["retrieval_map"] > 0.5  # the two classes are of different size and speed
    nobody = knn.run(model, Task(clips, gallery, queries[6:8], 3, augment), knn.Settings(), 0, "cpu").extra
    assert nobody == {"retrieval_left_out": 2}
