"""Targets and losses against hand-computed values, loops, and the released run."""

import math

import pytest
import torch

from hacm.model.geometry import FlatSpace, PoincareBall
from hacm.model.losses import branch_means, contrast_loss, reconstruction_loss, token_errors, total_loss
from hacm.model.targets import mapped_motion, motion, normalise_patches
from hacm.model.tokens import patches, to_branches
from hacm.settings import LossSettings
from tests.helpers.golden import arrays, compare, needs_golden


def test_motion_is_the_next_frame_less_this_one_and_last_zero() -> None:
    x = torch.tensor([0.0, 1.0, 3.0]).view(1, 3, 1, 1).expand(1, 3, 2, 3)
    assert motion(x)[0, :, 1, 2].tolist() == [1.0, 2.0, 0.0]


def test_motion_target_by_hand() -> None:
    x = torch.zeros(1, 4, 1, 3)
    x[0, 1, 0, 0] = 2.0  # moves by +2 along x after frame 0 and by −2 after frame 1
    tanh = math.tanh(2.0)
    mapped = patches(mapped_motion(x, PoincareBall()), 2)
    assert mapped.flatten().tolist() == pytest.approx([tanh, 0, 0, -tanh, 0, 0, 0, 0, 0, 0, 0, 0])
    assert patches(mapped_motion(x, FlatSpace()), 2).flatten()[:4].tolist() == [2.0, 0.0, 0.0, -2.0]


def test_normalised_patches_by_hand() -> None:
    found = normalise_patches(torch.tensor([[[[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]]]]))
    assert found[0, 0, 0].tolist() == pytest.approx([-1 / math.sqrt(1 + 1e-6), 0, 1 / math.sqrt(1 + 1e-6)])
    assert found[0, 0, 1].tolist() == [0.0, 0.0, 0.0]


def test_reconstruction_counts_masked_tokens_only() -> None:
    target = torch.zeros(1, 2, 2, 3)
    prediction = torch.tensor([[[1.0, 2.0], [3.0, 100.0]]])[..., None].expand(1, 2, 2, 3)
    mask = torch.tensor([[[True, True], [True, False]]])
    assert reconstruction_loss(token_errors(prediction, target), mask).item() == pytest.approx((1 + 4 + 9) / 3)


def test_contrast_matches_loops() -> None:
    torch.manual_seed(0)
    temporal, spatial = torch.randn(3, 5, 4), torch.randn(3, 7, 4)
    f_t, f_s = temporal.double().mean(1).numpy(), spatial.double().mean(1).numpy()
    f = torch.cat([temporal, spatial], 1).double().mean(1).numpy()
    expected = 0.0
    for left, right in ((f_t, f), (f_s, f), (f_t, f_s)):
        for i in range(3):
            weight = [math.exp(left[i] @ right[j]) for j in range(3)]
            expected += sum((weight[j] / sum(weight) - (i == j)) ** 2 for j in range(3)) / 9
    assert contrast_loss(*branch_means(temporal, spatial)).item() == pytest.approx(expected, rel=1e-5)


def test_contrast_of_one_sequence_is_zero() -> None:
    assert contrast_loss(*branch_means(torch.randn(1, 2, 4), torch.randn(1, 2, 4))).item() == 0


def test_total() -> None:
    reconstruction, contrast = torch.tensor(2.0), torch.tensor(10.0)
    assert total_loss(reconstruction, contrast, LossSettings()).item() == 12
    assert total_loss(reconstruction, contrast, LossSettings(combine="alpha", alpha=0.25)).item() == 4
    off = LossSettings(contrast=False, combine="alpha", alpha=0.25)
    assert total_loss(reconstruction, contrast, off).item() == 2


@needs_golden
def test_golden_target_and_reconstruction() -> None:
    golden = arrays("hacm")
    x_BTJC = torch.from_numpy(golden["input_pruned"])
    target = to_branches(patches(mapped_motion(x_BTJC, PoincareBall(arithmetic="released")), 3))
    compare("target before normalisation", target, golden["target_raw"], atol=1e-6)
    error = token_errors(
        torch.from_numpy(golden["pred"])[:, None], normalise_patches(torch.from_numpy(golden["target_raw"]))[:, None]
    )
    loss = reconstruction_loss(error, torch.from_numpy(golden["mask"])[:, None])
    compare("reconstruction loss, from its prediction and target", loss, golden["reconstruction_loss"], rtol=1e-6)


@needs_golden
def test_golden_contrast() -> None:
    golden = arrays("hacm")
    latent = torch.from_numpy(golden["latent"])
    found = contrast_loss(*branch_means(latent[:, :21], latent[:, 21:]))
    compare("cross-contrast loss, from its latent", found, golden["contrast_loss"], rtol=1e-4)
    total = total_loss(torch.tensor(golden["reconstruction_loss"]), found, LossSettings())
    compare("total loss", total, golden["loss"], rtol=1e-6)
