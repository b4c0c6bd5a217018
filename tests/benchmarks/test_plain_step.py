"""The textbook step computes what the project's step computes: same weights, clips, draws and noise, same loss."""

from dataclasses import replace

import pytest
import torch

from benchmarks.made_up import KINECT, make_clips
from benchmarks.plain_step import PlainModel, load_batch
from benchmarks.side_by_side import both_bodies
from hacm.clips.augment import DRAWS, sample_batch, seeded
from hacm.model.network import HACM
from hacm.settings import LossSettings, ModelSettings, TrainSettings

SETTINGS = TrainSettings(model=ModelSettings(dim=32, heads=4, encoder_blocks=2, decoder_blocks=1))


@pytest.mark.parametrize("bodies", [1, 2])
def test_loading_one_clip_at_a_time_gives_the_same_batch(bodies: int) -> None:
    clips = make_clips(5, bodies)
    batch = sample_batch(
        clips, torch.arange(5), SETTINGS.augment, 72, training=True, absent_bodies="keep", generator=seeded(0, "x", 0)
    )
    draws = torch.rand((5, DRAWS), generator=seeded(0, "x", 0), dtype=torch.float64)
    torch.testing.assert_close(load_batch(both_bodies(clips), draws, SETTINGS), batch.x_BTVC, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("curvature", [1.0, 0.5])
def test_losses_and_gradients_are_the_same(curvature: float) -> None:
    settings = replace(SETTINGS, model=replace(SETTINGS.model, curvature=curvature))
    torch.manual_seed(0)
    ours = HACM(KINECT, settings.model, settings.masking, settings.loss)
    plain = PlainModel(ours.state_dict(), settings, KINECT)
    x, noise = 0.5 * torch.randn(6, 72, 25, 3), torch.rand(6, 432)
    found, expected = ours(x, noise=noise).loss, plain.loss(x, noise)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    found.backward()
    expected.backward()
    for name, parameter in ours.named_parameters():
        if parameter.requires_grad:
            torch.testing.assert_close(parameter.grad, plain.weights[name].grad, rtol=1e-3, atol=1e-6, msg=name)


def test_absent_bodies_have_the_same_loss_too() -> None:
    torch.manual_seed(0)
    ours = HACM(KINECT, SETTINGS.model, SETTINGS.masking, SETTINGS.loss)
    x, noise = torch.randn(4, 72, 25, 3), torch.rand(4, 432)
    x[1::2] = 0
    plain = PlainModel(ours.state_dict(), SETTINGS, KINECT)
    assert ours(x, noise=noise).loss.item() == pytest.approx(plain.loss(x, noise).item(), rel=1e-4)


def test_other_recipes_are_refused() -> None:
    with pytest.raises(ValueError, match="published recipe"):
        PlainModel({}, replace(SETTINGS, loss=LossSettings(combine="alpha")), KINECT)
