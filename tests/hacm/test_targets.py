"""Targets beside the published one, against plain arithmetic."""

import numpy as np
import torch

from hacm.model.geometry import FlatSpace, PoincareBall
from hacm.model.targets import compute_target, energy_weights, normalise_clips, target_size
from hacm.settings import LossSettings

SEGMENT = 3


def moving() -> torch.Tensor:
    """Two sequences of 12 frames and 4 joints, of other sizes and places."""
    generator = torch.Generator().manual_seed(0)
    x_BTJC = torch.randn(2, 12, 4, 3, generator=generator).cumsum(1)
    return x_BTJC * torch.tensor([0.1, 2.0])[:, None, None, None] + torch.tensor([3.0, -1.0, 0.5])


def plain_patches(x_BTJC: np.ndarray) -> np.ndarray:
    """(B, S, J, P), value by value."""
    batch, frames, joints, _ = x_BTJC.shape
    found = np.empty((batch, frames // SEGMENT, joints, SEGMENT * 3))
    for b, s, j in np.ndindex(found.shape[:3]):
        found[b, s, j] = np.concatenate([x_BTJC[b, s * SEGMENT + frame, j] for frame in range(SEGMENT)])
    return found


def plain_motion(x_BTJC: np.ndarray) -> np.ndarray:
    moved = np.zeros_like(x_BTJC)
    moved[:, :-1] = x_BTJC[:, 1:] - x_BTJC[:, :-1]
    return moved


def plain_clips(x_BTJC: np.ndarray) -> np.ndarray:
    """Each sequence and axis by itself."""
    found = np.empty_like(x_BTJC)
    for b, axis in np.ndindex(len(x_BTJC), 3):
        values = x_BTJC[b, :, :, axis]
        found[b, :, :, axis] = (values - values.mean()) / np.sqrt(values.var(ddof=1) + 1e-8)
    return found


def test_a_clip_is_normalised_axis_by_axis_over_all_its_frames_and_joints() -> None:
    x = moving()
    np.testing.assert_allclose(normalise_clips(x).numpy(), plain_clips(x.double().numpy()), rtol=1e-4, atol=1e-5)


def test_targets_by_plain_arithmetic() -> None:
    x = moving()
    exact = x.double().numpy()
    position, flat_motion = plain_patches(plain_clips(exact)), plain_patches(plain_clips(plain_motion(exact)))
    for target, expected in (
        ("position", position),
        ("motion", flat_motion),
        ("both", np.concatenate([flat_motion, position], axis=-1)),
    ):
        settings = LossSettings(target=target, normalise="clip")
        found = compute_target(x, FlatSpace(), SEGMENT, settings)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3, atol=1e-4)
        assert found.shape[-1] == target_size(settings, SEGMENT * 3)


def test_positions_are_not_mapped_into_the_ball_and_motion_is() -> None:
    x = moving()
    for target, same in (("position", True), ("motion", False)):
        flat, ball = (
            compute_target(x, space, SEGMENT, LossSettings(target=target)) for space in (FlatSpace(), PoincareBall())
        )
        assert torch.allclose(flat, ball) == same


def test_a_clips_normalisation_leaves_a_joint_at_rest_small() -> None:
    """The published one makes a joint's noise as large as a movement; that of the clip does not."""
    generator = torch.Generator().manual_seed(1)
    x = 1e-3 * torch.randn(1, 12, 4, 3, generator=generator)
    x[:, :, 0] += torch.linspace(0, 6, 12).sin()[:, None]
    rest = {
        normalise: compute_target(x, FlatSpace(), SEGMENT, LossSettings(normalise=normalise))[0, :-1, 1:].std().item()
        for normalise in ("patch", "clip")
    }
    assert rest["patch"] > 0.5
    assert rest["clip"] < 0.02


def test_energy_is_the_root_of_a_tokens_mean_squared_motion_over_its_sequences_mean() -> None:
    x = moving()
    energy = np.sqrt((plain_patches(plain_motion(x.double().numpy())) ** 2).mean(-1))
    expected = energy / energy.mean((1, 2), keepdims=True)
    np.testing.assert_allclose(energy_weights(x, SEGMENT).numpy(), expected, rtol=1e-4)
    assert torch.equal(energy_weights(torch.ones(1, 12, 4, 3), SEGMENT), torch.ones(1, 4, 4))
