"""The decoder on a CPU: predict, compare and go back at once, a few sequences at a time (hacm.md §4, §5).

The decoder works on all tokens, ten times as many as the encoder: kept for the way back, its tensors are most of a
step's memory, and so large that every one is fresh memory from the system, slower to come by than to fill. But no
sequence's error depends on another's, and its share in the loss is known beforehand: the tokens' weights.
So the gradient of a few sequences is computed right after their prediction, while it all lies in the cache, and the way
back only multiplies it by what the errors' common gradient turns out to be. Same arithmetic, no pass more.

Suffixes: B sequences, K kept tokens, D width, S segments, J token joints, P values of a patch.
"""

from typing import Any

import torch
from torch import Tensor, nn

from hacm.model.losses import token_errors

CHUNK = 4  # sequences at a time: as fast as any other small number, and few enough to bound the memory


def worth_chunking(latent_BKD: Tensor) -> bool:
    """Whether gradients are wanted, on a CPU, in full precision and not compiled, of more than a chunk."""
    if torch.compiler.is_compiling():  # asked first: the program must not depend on the number of sequences
        return False
    wanted = torch.is_grad_enabled() and latent_BKD.requires_grad
    full = latent_BKD.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
    return wanted and full and len(latent_BKD) > CHUNK


def chunked_errors(
    decoder: nn.Module, latent_BKD: Tensor, keep_BK: Tensor, target_BSJP: Tensor, weight_BSJ: Tensor
) -> tuple[Tensor, Tensor]:
    """The errors of every token, (B, S, J), and the predictions they come from, without gradient.

    Gradients reach the latents and the decoder's parameters; they are exact whatever is done with the errors, and at
    no further cost where they are weighed by weight_BSJ, up to one common factor.
    """
    parameters = [parameter for parameter in decoder.parameters() if parameter.requires_grad]
    error_BSJ, prediction_BSJP = _ChunkedErrors.apply(  # type: ignore[no-untyped-call]
        decoder, keep_BK, target_BSJP, weight_BSJ, latent_BKD, *parameters
    )
    return error_BSJ, prediction_BSJP


class _ChunkedErrors(torch.autograd.Function):
    """See chunked_errors."""

    @staticmethod
    def forward(
        ctx: Any,
        decoder: nn.Module,
        keep_BK: Tensor,
        target_BSJP: Tensor,
        weight_BSJ: Tensor,
        latent_BKD: Tensor,
        *parameters: Tensor,
    ) -> tuple[Tensor, Tensor]:
        ctx.decoder = decoder
        error_BSJ, prediction_BSJP, gradients = _pass(decoder, keep_BK, target_BSJP, weight_BSJ, latent_BKD, parameters)
        ctx.save_for_backward(keep_BK, target_BSJP, weight_BSJ, latent_BKD, *gradients, *parameters)
        ctx.mark_non_differentiable(prediction_BSJP)
        return error_BSJ, prediction_BSJP

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_BSJ: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        keep_BK, target_BSJP, weight_BSJ, latent_BKD, *rest = ctx.saved_tensors
        gradients, parameters = rest[: len(rest) // 2 + 1], rest[len(rest) // 2 + 1 :]
        common = (grad_BSJ * weight_BSJ).sum() / weight_BSJ.square().sum()
        if torch.allclose(grad_BSJ, common * weight_BSJ, rtol=1e-6, atol=0):
            return None, None, None, None, *torch._foreach_mul(gradients, common)
        _, _, again = _pass(ctx.decoder, keep_BK, target_BSJP, grad_BSJ, latent_BKD, parameters)
        return None, None, None, None, *again


def _pass(
    decoder: nn.Module,
    keep_BK: Tensor,
    target_BSJP: Tensor,
    weight_BSJ: Tensor,
    latent_BKD: Tensor,
    parameters: tuple[Tensor, ...] | list[Tensor],
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Errors and predictions, and the gradients of Σ weight · error by the latents and by each parameter."""
    error_BSJ = target_BSJP.new_empty(target_BSJP.shape[:3])
    prediction_BSJP = torch.empty_like(target_BSJP)
    grad_BKD = torch.empty_like(latent_BKD)
    sums = [torch.zeros_like(parameter) for parameter in parameters]

    def there_and_back(part: slice) -> list[Tensor]:
        with torch.enable_grad():
            latent = latent_BKD[part].detach().requires_grad_()
            prediction = decoder(latent, keep_BK[part])
            error = token_errors(prediction, target_BSJP[part])
        grad_BKD[part], *gradients = torch.autograd.grad(error, (latent, *parameters), weight_BSJ[part])
        error_BSJ[part], prediction_BSJP[part] = error.detach(), prediction.detach()
        return gradients

    for part in _parts(len(latent_BKD)):
        torch._foreach_add_(sums, there_and_back(part))
    return error_BSJ, prediction_BSJP, [grad_BKD, *sums]


def _parts(total: int) -> list[slice]:
    """A few sequences each, as equal as can be."""
    count = -(-total // CHUNK)
    return [slice(total * number // count, total * (number + 1) // count) for number in range(count)]
