"""A step in shares, each on a thread of its own, against the same step as a whole."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from hacm.model.network import HACM, PerSequence
from hacm.settings import LossSettings, MaskingSettings, ModelSettings, SpatialSettings, TemporalSettings
from hacm.training import shares
from hacm.training.shares import Shares
from tests.helpers.small_training import SKELETON

SETTINGS = ModelSettings(dim=16, heads=2, encoder_blocks=2, decoder_blocks=1, frames=12, segment=3)
MASKINGS = {
    "hierarchies": MaskingSettings(ratio=0.5, spatial=SpatialSettings(source="precomputed")),
    "mixed": MaskingSettings(ratio=0.5, spatial=SpatialSettings(source="mixed")),
    "learned": MaskingSettings(ratio=0.5, temporal=TemporalSettings(attention="learned")),
    "motion": MaskingSettings(ratio=0.5, strategy="motion"),
    "asked": MaskingSettings(ratio=0.5, strategy="random"),
}
SEQUENCES = 13


@pytest.fixture(params=[2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def make(masking: str) -> tuple[HACM, list[Tensor], tuple[Tensor, Tensor, Tensor]]:
    """A model, what of it is trained, and sequences with hierarchies and noise."""
    torch.manual_seed(0)
    asked = masking == "asked"
    loss = LossSettings(contrast=masking not in ("motion", "asked"), predicted=0.5 if asked else 1.0)
    settings = replace(SETTINGS, decoder="cross_attention" if asked else "self_attention")
    model = HACM(SKELETON, settings, MASKINGS[masking], loss)
    noise = torch.rand(SEQUENCES, model.draws)
    inputs = torch.randn(SEQUENCES, 12, 6, 3), torch.rand(SEQUENCES, 12, model.joints), noise
    return model, [parameter for parameter in model.parameters() if parameter.requires_grad], inputs


def in_shares(model: HACM, trained: list[Tensor], inputs: tuple[Tensor, Tensor, Tensor]) -> tuple[PerSequence, list]:
    each = Shares(model.forward_each, trained)(*inputs)
    return each, list(torch.autograd.grad(model.losses(each).loss, trained))


@pytest.mark.parametrize("masking", MASKINGS)
def test_the_step_is_that_of_the_whole(threads: int, masking: str) -> None:
    model, trained, inputs = make(masking)
    whole = model.forward_each(*inputs)
    expected = torch.autograd.grad(model.losses(whole).loss, trained)
    each, found = in_shares(model, trained, inputs)
    assert torch.equal(each.mask_BSJ, whole.mask_BSJ)
    torch.testing.assert_close(each.error_BSJ, whole.error_BSJ)
    torch.testing.assert_close(each.prediction_BSJP, whole.prediction_BSJP.detach())
    torch.testing.assert_close(model.losses(each).loss, model.losses(whole).loss)
    torch.testing.assert_close(found, list(expected), rtol=1e-4, atol=1e-6)
    assert torch.get_num_threads() == threads  # that of each share is its own


def test_the_same_threads_give_the_same_bits(threads: int) -> None:
    model, trained, inputs = make("learned")
    first, second = (in_shares(model, trained, inputs)[1] for _ in range(2))
    assert all(map(torch.equal, first, second))


def test_a_failure_in_a_share_is_the_steps_failure(threads: int) -> None:
    model, trained, (x, hierarchy, noise) = make("hierarchies")
    with pytest.raises(ValueError, match="needs hierarchies of shape"):
        in_shares(model, trained, (x, hierarchy[:, :-1], noise))


def test_few_sequences_are_not_shared(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, trained, inputs = make("hierarchies")
    monkeypatch.setattr(shares, "FEWEST", SEQUENCES)
    monkeypatch.setattr(shares._InShares, "apply", None)
    expected = torch.autograd.grad(model.losses(model.forward_each(*inputs)).loss, trained)
    assert all(map(torch.equal, in_shares(model, trained, inputs)[1], expected))
