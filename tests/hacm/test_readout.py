"""Features that keep the joints apart, against the mean over all tokens and against tokens averaged by hand."""

from dataclasses import replace

import torch

import hacm
from hacm.evaluation.features import extract
from hacm.model.network import HACM
from hacm.model.readout import feature_width, read_out
from hacm.models import folder
from hacm.protocols import finetune, knn, linear, loso
from hacm.settings import FinetuneSettings, KnnSettings, LinearSettings, LosoSettings
from tests.helpers.small_model import build, people
from tests.helpers.small_training import SETTINGS, SKELETON, moving_clips


def made(readout: str) -> HACM:
    torch.manual_seed(0)
    return HACM(SKELETON, replace(SETTINGS.model, readout=readout), SETTINGS.masking, SETTINGS.loss).eval()


def test_joints_are_kept_apart_and_their_mean_is_the_mean_over_all_tokens():
    task = people(moving_clips())
    mean, joints = (
        extract(made(how), task.clips, task.test_index, task.augment, training=False, absent_bodies="drop")
        for how in ("mean", "joints")
    )
    model = made("joints")
    width = feature_width(model.model_settings, model.joints)
    assert joints.shape == (len(task.test_index), width)
    assert width == model.joints * model.model_settings.dim
    assert torch.allclose(joints.unflatten(1, (model.joints, -1)).mean(1), mean, atol=1e-6)


def test_read_out_by_hand():
    tokens_BSJD = torch.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    settings = replace(SETTINGS.model, readout="joints")
    found_BF = read_out(tokens_BSJD, settings)
    for b in range(2):
        for j in range(4):
            for d in range(5):
                assert found_BF[b, j * 5 + d] == sum(tokens_BSJD[b, s, j, d] for s in range(3)) / 3


def test_every_protocol_takes_them():
    task, model = people(moving_clips()), made("joints")
    probe = {"epochs": 2, "views": 1, "batch": 8}
    ways = [
        (linear, LinearSettings(**probe)),
        (knn, KnnSettings(standardise=True)),
        (loso, LosoSettings(**probe, standardise=True)),
        (finetune, FinetuneSettings(epochs=1, warmup_epochs=0, batch=8, hidden=4)),
    ]
    for protocol, settings in ways:
        result = protocol.run(model, task, settings, 0, "cpu")
        assert result.scores_NK.shape[1] == task.classes


def test_a_model_folder_keeps_the_way_of_reading_out(tmp_path):
    built = build(readout="joints")
    folder.save(tmp_path / "small", built.parts)
    model, clips = hacm.load(tmp_path / "small"), built.test_clips()
    assert model.description.model.readout == "joints"
    scores = torch.tensor([one.score_K.tolist() for one in model.predict(clips)])
    assert torch.allclose(scores, torch.from_numpy(built.result.scores_NK), atol=1e-5)
    assert model.features(clips).shape[1] == feature_width(model.description.model, built.encoder.joints)
