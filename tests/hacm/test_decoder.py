"""The decoder that is asked for some tokens, and the loss of what it predicts."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from hacm.model.decoder import CrossBlock, CrossDecoder
from hacm.model.network import HACM
from hacm.settings import LossSettings, MaskingSettings, ModelSettings
from tests.helpers.small_training import SKELETON

SETTINGS = ModelSettings(
    dim=16, heads=4, encoder_blocks=1, decoder_blocks=2, frames=12, segment=3, decoder="cross_attention"
)
RANDOM = MaskingSettings(strategy="random", ratio=0.5)
QUARTER = LossSettings(predicted=0.25, contrast=False)


@pytest.fixture(autouse=True)
def repeatable() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def make(loss: LossSettings = QUARTER) -> tuple[HACM, torch.Tensor, torch.Tensor]:
    """A model, sequences and noise."""
    model = HACM(SKELETON, SETTINGS, RANDOM, loss)
    return model, torch.randn(5, 12, 6, 3), torch.rand(5, model.draws)


def test_a_block_is_pytorchs_attention_to_the_context() -> None:
    block = CrossBlock(SETTINGS)
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=0.3)
    theirs = nn.MultiheadAttention(16, 4, batch_first=True)
    own = block.attention
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([own.query.weight, own.key_value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([own.query.bias, own.key_value.bias]))
        theirs.out_proj.load_state_dict(own.projection.state_dict())
    x, context = torch.randn(2, 7, 16), torch.randn(2, 5, 16)
    attended = x + theirs(block.norm1(x), context, context)[0]
    assert torch.allclose(block(x, context), attended + block.mlp(block.norm2(attended)), atol=1e-5)


def test_a_prediction_does_not_depend_on_what_else_is_asked_for() -> None:
    decoder = CrossDecoder(4, SETTINGS, 9)
    latent, keep = torch.randn(2, 3, 16), torch.tensor([[0, 3, 9], [1, 5, 15]])
    cells = torch.tensor([[2, 7, 11, 4], [0, 6, 8, 12]])
    whole = decoder(latent, keep, cells)
    alone = torch.cat([decoder(latent, keep, cells[:, [place]]) for place in range(4)], dim=1)
    assert torch.allclose(whole, alone, atol=1e-6)


def test_a_kept_token_is_known_by_its_place() -> None:
    """The order in which kept tokens come does not matter, and a token at another place is another token."""
    decoder = CrossDecoder(4, SETTINGS, 9)
    latent, keep, cells = torch.randn(1, 3, 16), torch.tensor([[0, 3, 9]]), torch.tensor([[2, 7]])
    found = decoder(latent, keep, cells)
    order = [2, 0, 1]
    assert torch.allclose(decoder(latent[:, order], keep[:, order], cells), found, atol=1e-6)
    assert not torch.allclose(decoder(latent, keep[:, order], cells), found, atol=1e-3)


def test_so_many_masked_tokens_are_asked_for_and_no_seen_one() -> None:
    model, x, noise = make()
    each = model.forward_each(x, None, noise)
    asked = each.weight_BSJ > 0
    assert (each.mask_BSJ.sum((1, 2)) == 8).all()
    assert (asked.sum((1, 2)) == 2).all()
    assert not (asked & ~each.mask_BSJ).any()
    for value in (each.error_BSJ, each.prediction_BSJP.abs().sum(-1)):
        assert torch.equal(value != 0, asked)


def test_every_masked_token_is_asked_for_alike() -> None:
    model, _, _ = make()
    mask = torch.zeros(20_000, 4, 4, dtype=torch.bool)
    mask[:, 1:3] = True
    cells = model.ask(mask, torch.rand(20_000, 16))
    share = torch.bincount(cells.flatten(), minlength=16) / 20_000
    assert share[~mask[0].flatten()].eq(0).all()
    assert (share[4:12] - 2 / 8).abs().max() < 0.015


def test_the_loss_is_the_mean_error_of_what_was_asked_for() -> None:
    model, x, noise = make()
    each = model.forward_each(x, None, noise)
    asked = each.weight_BSJ > 0
    error = (each.prediction_BSJP - each.target_BSJP).square().mean(-1)[asked]
    assert model.losses(each).loss.item() == pytest.approx(error.mean().item(), rel=1e-5)


def test_energy_weighs_the_errors() -> None:
    model, x, noise = make(LossSettings(predicted=1.0, contrast=False, weight="energy"))
    each = model.forward_each(x, None, noise)
    error = (each.prediction_BSJP - each.target_BSJP).square().mean(-1)
    weight = model.weights(x, each.mask_BSJ, None)
    expected = (error * weight).sum() / weight.sum()
    assert model.losses(each).loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_masks_are_those_of_the_other_decoder() -> None:
    """What is asked for takes draws of its own: the same noise masks the same tokens."""
    model, x, noise = make()
    plain = HACM(
        SKELETON, ModelSettings(**{**vars(SETTINGS), "decoder": "self_attention"}), RANDOM, LossSettings(contrast=False)
    )
    expected = plain.forward_each(x, None, noise[:, : plain.draws]).mask_BSJ
    assert torch.equal(model.forward_each(x, None, noise).mask_BSJ, expected)
    assert torch.equal(model.token_mask(x, noise=noise), expected)


def test_all_parameters_learn() -> None:
    model, x, noise = make()
    model.losses(model.forward_each(x, None, noise)).loss.backward()
    still = [
        name
        for name, each in model.named_parameters()
        if each.requires_grad and (each.grad is None or not each.grad.any())
    ]
    # A shift of all keys alike changes no attention.
    assert [name for name in still if not name.endswith("key_value.bias")] == []
