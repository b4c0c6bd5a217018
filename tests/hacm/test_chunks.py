"""The decoder in chunks against the decoder as a whole."""

import pytest
import torch
from torch import Tensor

from hacm.model import chunks
from hacm.model.chunks import chunked_errors, worth_chunking
from hacm.model.decoder import Decoder
from hacm.model.losses import reconstruction_loss, token_errors
from hacm.model.network import HACM
from hacm.settings import LossSettings, MaskingSettings, ModelSettings
from tests.helpers.small_training import SKELETON

SETTINGS = ModelSettings(dim=16, heads=2, encoder_blocks=1, decoder_blocks=2, frames=12, segment=3)
SEQUENCES, JOINTS = 11, 4


def example() -> tuple[Decoder, Tensor, Tensor, Tensor, Tensor]:
    """A decoder, latents, their places, targets and a mask, all drawn from one seed."""
    torch.manual_seed(0)
    decoder = Decoder(JOINTS, SETTINGS, 9)
    keep_BK = torch.stack([torch.randperm(16)[:5].sort().values for _ in range(SEQUENCES)])
    mask_BSJ = (torch.rand(SEQUENCES, 4, JOINTS) < 0.7).float()
    return decoder, torch.randn(SEQUENCES, 5, 16, requires_grad=True), keep_BK, torch.randn(11, 4, 4, 9), mask_BSJ


def gradients(loss: Tensor, decoder: Decoder, latent: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, [latent, *decoder.parameters()]))


def test_errors_predictions_and_gradients_are_those_of_the_whole() -> None:
    decoder, latent, keep, target, mask = example()
    whole = decoder(latent, keep)
    error, prediction = chunked_errors(decoder, latent, keep, target, mask)
    torch.testing.assert_close(prediction, whole.detach())
    torch.testing.assert_close(error, token_errors(whole, target))
    assert not prediction.requires_grad
    expected = gradients(0.3 * reconstruction_loss(token_errors(whole, target), mask), decoder, latent)
    found = gradients(0.3 * reconstruction_loss(error, mask), decoder, latent)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)


def test_gradients_are_exact_whatever_is_done_with_the_errors() -> None:
    decoder, latent, keep, target, mask = example()
    weight = torch.randn(SEQUENCES, 4, JOINTS)
    expected = gradients((token_errors(decoder(latent, keep), target) * weight).sum(), decoder, latent)
    error, _ = chunked_errors(decoder, latent, keep, target, mask)
    torch.testing.assert_close(gradients((error * weight).sum(), decoder, latent), expected, rtol=1e-4, atol=1e-6)


def test_two_runs_give_the_same_bits() -> None:
    decoder, latent, keep, target, mask = example()
    first, second = (
        gradients(reconstruction_loss(chunked_errors(decoder, latent, keep, target, mask)[0], mask), decoder, latent)
        for _ in range(2)
    )
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def test_frozen_parameters_get_no_gradient() -> None:
    decoder, latent, keep, target, mask = example()
    decoder.mask_token.requires_grad_(False)
    chunked_errors(decoder, latent, keep, target, mask)[0].sum().backward()
    assert decoder.mask_token.grad is None
    assert decoder.head.weight.grad is not None


def test_a_failure_in_a_chunk_is_the_steps_failure() -> None:
    decoder, latent, keep, target, mask = example()
    with pytest.raises(IndexError, match="out of bounds"):
        chunked_errors(decoder, latent, keep + 16, target, mask)


def test_when_it_is_worth_it() -> None:
    latent = torch.randn(chunks.CHUNK + 1, 5, 16, requires_grad=True)
    assert worth_chunking(latent)
    assert not worth_chunking(latent[: chunks.CHUNK])
    assert not worth_chunking(latent.detach())
    with torch.no_grad():
        assert not worth_chunking(latent)
    with torch.autocast("cpu", torch.bfloat16):
        assert not worth_chunking(latent)


def test_the_models_step_is_the_same_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = HACM(SKELETON, SETTINGS, MaskingSettings(ratio=0.5), LossSettings())
    x, noise = torch.randn(SEQUENCES, 12, 6, 3), torch.rand(SEQUENCES, 16)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    chunked = model(x, noise=noise)
    found = torch.autograd.grad(chunked.loss, trained)
    monkeypatch.setattr(chunks, "CHUNK", SEQUENCES)
    whole = model(x, noise=noise)
    assert whole.prediction_BSJP.requires_grad
    torch.testing.assert_close(chunked.loss, whole.loss)
    torch.testing.assert_close(found, torch.autograd.grad(whole.loss, trained), rtol=1e-4, atol=1e-7)
