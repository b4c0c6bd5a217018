"""Frozen features and the linear probe against plain loops."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hacm.clips.augment import sample_batch, seeded
from hacm.clips.ragged import Clips, pack_clips
from hacm.evaluation import features, metrics
from hacm.evaluation import probe as probing
from hacm.evaluation.task import Task
from hacm.model.network import HACM
from hacm.protocols import linear
from hacm.settings import AugmentSettings
from tests.helpers.small_training import SETTINGS, SKELETON, moving_clips

AUGMENT = AugmentSettings(min_frames=6)
TRAIN, TEST = torch.arange(0, 24), torch.arange(24, 36)
PROBE = linear.Settings(epochs=6, views=2, batch=8)


@pytest.fixture
def model() -> HACM:
    torch.manual_seed(0)
    return HACM(SKELETON, SETTINGS.model, SETTINGS.masking, SETTINGS.loss)


def probe(model: HACM, settings: linear.Settings = PROBE, seed: int = 0, **more: object) -> linear.Result:
    return linear.run(model, Task(moving_clips(36), TRAIN, TEST, 2, AUGMENT), settings, seed, "cpu", **more)  # type: ignore[arg-type]


def first_absent_second() -> Clips:
    """A clip with two bodies, one with an empty second body, one with one body."""
    clips = [torch.randn(2, 20, 6, 3), torch.randn(2, 9, 6, 3), torch.randn(1, 30, 6, 3)]
    clips[1][1] = 0
    return pack_clips(clips, [0, 1, 0])


@pytest.mark.parametrize("absent_bodies", ["drop", "keep"])
def test_features_are_means_over_bodies_segments_and_joints(model: HACM, absent_bodies: str) -> None:
    clips, index = first_absent_second(), torch.tensor([2, 0, 1])
    found = features.extract(
        model, clips, index, AUGMENT, training=False, absent_bodies=absent_bodies, batch=2  # type: ignore[arg-type]
    )  # fmt: skip
    model.eval()
    for clip, feature_D in zip(index, found, strict=True):
        sample = sample_batch(clips, clip[None], AUGMENT, 12, training=False, absent_bodies="drop")
        means = [model.features(body[None]).mean((0, 1, 2)) for body in sample.x_BTVC]
        if absent_bodies == "keep" and len(means) == 1:
            means.append(model.features(torch.zeros(1, 12, 6, 3)).mean((0, 1, 2)))
        torch.testing.assert_close(feature_D, torch.stack(means).mean(0))


def test_extraction_leaves_mode_and_weights_and_gives_ordinary_tensors(model: HACM) -> None:
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = features.extract(model, moving_clips(), TRAIN[:5], AUGMENT, training=False, absent_bodies="drop")
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not found.is_inference()
    assert not found.requires_grad


def test_a_changed_encoder_is_found_out(model: HACM) -> None:
    with pytest.raises(RuntimeError, match="changed"), features.frozen(model), torch.no_grad():
        next(model.encoder.parameters()).add_(1)


def plain_probe(model: HACM, settings: linear.Settings, seed: int) -> tuple[Tensor, list[float]]:
    """The recipe written out: scores of the last epoch, and the test accuracy of each."""
    clips = moving_clips(36)
    test = features.extract(model, clips, TEST, AUGMENT, training=False, absent_bodies="drop")
    views = [
        features.extract(
            model, clips, TRAIN, AUGMENT, training=True, absent_bodies="drop", generator=seeded(seed, "view", view)
        )
        for view in range(settings.views)
    ]
    weight, bias = torch.empty(2, 16), torch.zeros(2, requires_grad=True)
    nn.init.trunc_normal_(weight, std=0.01, generator=seeded(seed, "probe", 0))
    weight.requires_grad_()
    mean, variance = torch.zeros(16), torch.ones(16)
    velocity = [torch.zeros_like(weight), torch.zeros_like(bias)]
    accuracies = []
    for epoch in range(settings.epochs):
        order = torch.randperm(24, generator=seeded(seed, "order", epoch))
        for step in range(24 // settings.batch):
            lr = settings.lr * 0.5 * (1 + np.cos(np.pi * (epoch + step * settings.batch / 24) / settings.epochs))
            batch = order[step * settings.batch : (step + 1) * settings.batch]
            x = views[epoch % settings.views][batch]
            mean = 0.9 * mean + 0.1 * x.mean(0)
            variance = 0.9 * variance + 0.1 * x.var(0)
            x = (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-6).sqrt()
            logits = x @ weight.T + bias
            loss = -logits.log_softmax(1)[torch.arange(len(batch)), clips.label_N[TRAIN][batch]].mean()
            gradients = torch.autograd.grad(loss, [weight, bias])
            for place, (parameter, gradient) in enumerate(zip([weight, bias], gradients, strict=True)):
                velocity[place] = settings.momentum * velocity[place] + gradient
                parameter.data -= lr * velocity[place]
        scores = ((test - mean) / (variance + 1e-6).sqrt()) @ weight.T + bias
        accuracies.append(float((scores.argmax(1) == clips.label_N[TEST]).float().mean()))
    return scores.detach(), accuracies


def test_the_probe_is_the_recipe_written_out(model: HACM) -> None:
    result = probe(model)
    scores, accuracies = plain_probe(model, PROBE, 0)
    np.testing.assert_allclose(result.scores_NK, scores.numpy(), atol=1e-4, rtol=1e-4)
    assert result.extra == {"best_epoch_as_released_top1": pytest.approx(max(accuracies))}
    assert result.target_N.tolist() == moving_clips(36).label_N[TEST].tolist()
    assert result.scores_NK.dtype == np.float32


def test_it_learns_what_random_weights_can_tell_apart(model: HACM) -> None:
    result = probe(model, linear.Settings(epochs=30, views=5, batch=8))
    top1 = metrics.top_k(result.scores_NK, result.target_N, 1).mean()
    assert top1 >= 0.9
    assert result.extra["best_epoch_as_released_top1"] >= top1


def test_each_view_is_encoded_once_and_held_no_longer_than_needed(model: HACM, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[bool] = []

    def count(*arguments: object, training: bool, **options: object) -> Tensor:
        encoded.append(training)
        return features.encode(*arguments, training=training, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(probing, "encode", count)
    views = probing.Views(model, Task(moving_clips(36), TRAIN, TEST, 2, AUGMENT), PROBE, 0)
    seen = [views.of(epoch) for epoch in range(6)]
    assert encoded == [True, True]
    assert all(torch.equal(seen[epoch], seen[epoch % 2]) for epoch in range(6))
    assert not torch.equal(seen[0], seen[1])
    assert not views._kept
    published = probing.Views(model, Task(moving_clips(36), TRAIN, TEST, 2, AUGMENT), replace(PROBE, views=6), 0)
    for epoch in range(6):
        published.of(epoch)
        assert not published._kept


def test_equal_seeds_give_equal_scores_and_the_encoder_is_frozen(model: HACM) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    done: list[float] = []
    first = probe(model, on_epoch=done.append)
    torch.manual_seed(99)
    assert np.array_equal(first.scores_NK, probe(model).scores_NK)
    assert not np.array_equal(first.scores_NK, probe(model, seed=1).scores_NK)
    assert sorted({count for count in done if count == int(count)} - {0}) == [1, 2, 3, 4, 5, 6]
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_progress_moves_while_features_are_computed_and_never_back(
    model: HACM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two clips at a time: half of the test clips are encoded before anything else is done."""
    monkeypatch.setattr(probing, "encode", partial(features.encode, batch=2))
    done: list[float] = []
    probe(model, on_epoch=done.append)
    assert done == sorted(done)
    assert sum(count < 1 for count in done) == -(-len(TEST) // 2) + -(-len(TRAIN) // 2)
    assert done[1] == pytest.approx(2 / (len(TEST) + len(TRAIN)))
    assert done[-1] == 6


def test_a_batch_larger_than_the_set_is_the_whole_set(model: HACM) -> None:
    assert np.isfinite(probe(model, replace(PROBE, batch=1000)).scores_NK).all()


def test_one_clip_is_too_few(model: HACM) -> None:
    with pytest.raises(ValueError, match="two training clips"):
        linear.run(model, Task(moving_clips(), TRAIN[:1], TRAIN[:4], 2, AUGMENT), PROBE, 0, "cpu")
