"""What a model is built from: clips taken out again, subjects left out, calibration on them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hacm.evaluation.tuning import Tuning
from hacm.models import building
from hacm.models.calibration import calibration_error, fit_temperature, probabilities
from hacm.models.model import Model
from hacm.recordings import Identity, Recording
from tests.helpers.small_model import SETTINGS_OF, TOPOLOGY, build


@pytest.fixture(scope="module")
def built():
    return build("finetune")


def test_clips_come_out_as_they_are(built):
    clips = built.task.clips
    for number, bodies_MTVC in enumerate(building.take_clips(clips, torch.arange(len(clips)))):
        assert bodies_MTVC.shape[:2] == (clips.bodies_N[number], clips.frames_N[number])
        for body in range(len(bodies_MTVC)):
            for frame in (0, bodies_MTVC.shape[1] - 1):
                row = int(clips.offset_N[number]) + body * bodies_MTVC.shape[1] + frame
                np.testing.assert_array_equal(bodies_MTVC[body, frame], clips.joints_RVC[row].numpy())


def test_a_subject_is_scored_by_a_fine_tuning_without_them(built):
    task, settings = built.task, SETTINGS_OF["finetune"]
    found = building.leave_out_tuned(built.encoder, task, settings, 0, "cpu")
    assert found.part == "train"
    assert found.extra["subjects"] == 4
    train_N = task.train_index
    for subject in (1, 3):
        others = train_N[task.subject_N[train_N] != subject]
        tuning = Tuning(built.encoder, task, others, settings, 0, "cpu")
        list(tuning.run())
        own_N = task.subject_N[train_N] == subject
        np.testing.assert_allclose(found.scores_NK[own_N.numpy()], tuning.score(train_N[own_N]), atol=1e-6)


def test_the_temperature_is_that_of_the_left_out_subjects(built):
    left_out = building.leave_out_tuned(built.encoder, built.task, SETTINGS_OF["finetune"], 0, "cpu")
    found = built.parts.description.calibration
    subject_N = built.task.subject_N[built.task.train_index].numpy()
    each = [fit_temperature(left_out.scores_NK[subject_N == n], left_out.target_N[subject_N == n]) for n in range(4)]
    _, low, high, _ = sorted(each)
    assert found.temperature == pytest.approx((low * high) ** 0.5)
    expected = calibration_error(probabilities(built.result.scores_NK, found.temperature), built.result.target_N)
    assert found.ece == pytest.approx(100 * expected, abs=1e-3)
    assert (found.subjects, found.clips, found.test_clips) == (
        4,
        len(built.task.train_index),
        len(built.task.test_index),
    )


def test_the_share_beyond_the_threshold_is_counted(built):
    model = Model(built.parts)
    near = [
        model.take_people(recording(clip), (0,), doubt="warn")
        for clip in building.take_clips(built.task.clips, built.task.train_index[:6])
    ]
    far = [model.take_people(recording(clip * [3, -1, 0.1]), (0,), doubt="warn") for clip in built.test_clips()[:2]]
    parts = building.measure_beyond(built.parts, "others", [*near, *far])
    measured = parts.description.familiarity.measured
    threshold = built.parts.description.familiarity.threshold
    expected = [one.distance > threshold for one in model.describe([*near, *far])]
    assert measured == {**built.parts.description.familiarity.measured, "others": sum(expected) / 8}
    assert 0 < sum(expected) < 8
    assert building.measure_beyond(built.parts, "nobody", []).description == built.parts.description


def recording(bodies_MTVC):
    return Recording(Identity("x", None, None), 30.0, TOPOLOGY, bodies_MTVC.astype(np.float32))


def test_without_subjects_there_is_neither_calibration_nor_distance(built):
    task = replace(built.task, subject_N=torch.zeros(24, dtype=torch.int64))
    bare = replace(
        built.parts, neighbours=None, description=replace(built.parts.description, calibration=None, familiarity=None)
    )
    parts = building.learn_distances(
        building.calibrate(bare, built.encoder, task, SETTINGS_OF["linear"], 0, "cpu"), task
    )
    assert parts is bare
