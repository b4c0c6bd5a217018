"""Neighbours' votes against a plain count."""

import numpy as np
import pytest
import torch

from hacm.evaluation.features import extract
from hacm.evaluation.task import Task
from hacm.model import HACM
from hacm.protocols import knn
from hacm.settings import AugmentSettings
from tests.hacm.test_training import SETTINGS, SKELETON, moving_clips

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
    outcome = knn.run(model, Task(clips, index, index, 20, augment), settings, 0, "cpu")
    assert np.array_equal(outcome.scores_NK.argmax(1), np.arange(20))
    assert outcome.scores_NK.dtype == np.float32
    # and the features are the centre crop's
    found = extract(model, clips, index, augment, training=False, absent_bodies="drop")
    expected = knn.vote(found, found, clips.label_N, 20, 1)
    np.testing.assert_allclose(outcome.scores_NK, expected)


def test_more_neighbours_than_clips_are_refused() -> None:
    model = HACM(SKELETON, SETTINGS.model, SETTINGS.masking, SETTINGS.loss)
    index = torch.arange(3)
    with pytest.raises(ValueError, match="k 4 neighbours"):
        knn.run(model, Task(moving_clips(), index, index, 2, AugmentSettings()), knn.Settings(k=4), 0, "cpu")
