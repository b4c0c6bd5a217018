"""Leaving one training subject out, against each fold by itself."""

import numpy as np
import pytest
import torch

from hacm.errors import SettingsError
from hacm.evaluation.task import Task
from hacm.model.network import HACM
from hacm.protocols import knn, loso
from hacm.settings import KnnSettings
from tests.helpers.small_training import SETTINGS, SKELETON, moving_clips

SUBJECT = torch.tensor([3, 3, 7, 7, 3, 9, 9, 9, 7, 3, 9, 7, 1, 1, 1, 1])
TRAIN = torch.tensor([11, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
SETTING = {"epochs": 4, "views": 2, "batch": 3, "lr": 0.5}


@pytest.fixture(scope="module")
def model() -> HACM:
    torch.manual_seed(0)
    return HACM(SKELETON, SETTINGS.model, SETTINGS.masking, SETTINGS.loss).eval()


def task(train: torch.Tensor, test: torch.Tensor) -> Task:
    return Task(moving_clips(16), train, test, 2, SETTINGS.augment, subject_N=SUBJECT)


def test_neighbours_are_those_of_each_fold_by_itself(model: HACM) -> None:
    for standardise in (False, True):
        settings = loso.Settings(**SETTING, standardise=standardise, k=2)
        found = loso.run(model, task(TRAIN, torch.arange(12, 16)), settings, 0, "cpu")
        hits = []
        for subject in (3, 7, 9):
            out = SUBJECT[TRAIN] == subject
            fold = task(TRAIN[~out], TRAIN[out])
            result = knn.run(model, fold, KnnSettings(k=2, standardise=standardise), 0, "cpu")
            hits += (result.scores_NK.argmax(1) == result.target_N).tolist()
        assert found.extra == {"knn_top1": pytest.approx(np.mean(hits)), "subjects": 3}
        assert found.part == "train"
        assert found.target_N.tolist() == moving_clips(16).label_N[TRAIN].tolist()


def test_a_probe_never_learns_from_the_left_out_subject(model: HACM) -> None:
    """Other labels of one subject change the others' scores, and never its own."""
    clips = moving_clips(16)
    right = task(TRAIN, torch.arange(12, 16))
    settings = loso.Settings(**SETTING)
    before = loso.run(model, right, settings, 0, "cpu").scores_NK
    clips.label_N[SUBJECT == 7] = 1 - clips.label_N[SUBJECT == 7]
    wrong = Task(clips, TRAIN, right.test_index, 2, SETTINGS.augment, subject_N=SUBJECT)
    after = loso.run(model, wrong, settings, 0, "cpu").scores_NK
    own = (SUBJECT[TRAIN] == 7).numpy()
    assert np.array_equal(before[own], after[own])
    assert not np.array_equal(before[~own], after[~own])


def test_test_clips_are_not_looked_at(model: HACM) -> None:
    settings = loso.Settings(**SETTING)
    one, other = (
        loso.run(model, task(TRAIN, test), settings, 0, "cpu") for test in (torch.tensor([12]), torch.tensor([14, 15]))
    )
    assert np.array_equal(one.scores_NK, other.scores_NK)
    assert one.extra == other.extra


def test_one_subject_is_refused(model: HACM) -> None:
    with pytest.raises(SettingsError, match="at least two training subjects"):
        loso.run(model, task(torch.tensor([0, 1, 4, 9]), torch.arange(12, 16)), loso.Settings(**SETTING), 0, "cpu")
    with pytest.raises(SettingsError, match="too few for k 9"):
        loso.run(model, task(TRAIN, torch.arange(12, 16)), loso.Settings(**SETTING, k=9), 0, "cpu")
    nobody = Task(moving_clips(16), TRAIN, TRAIN, 2, SETTINGS.augment)
    with pytest.raises(SettingsError, match="who performs"):
        loso.run(model, nobody, loso.Settings(**SETTING), 0, "cpu")
