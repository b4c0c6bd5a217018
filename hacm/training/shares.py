"""A step on a CPU in shares: each thread takes some of the sequences through the whole model, forward and back.

PyTorch's own threads would meet after every operation, some hundred times per step (hacm.threads). These meet twice:
for the loss, which compares sequences with each other (HACM.losses), and for the sum of the gradients. The sequences
of each depend on their number and that of the threads alone, and gradients are added up in the threads' order: the same
number of threads gives the same bits.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from hacm.clips.augment import share
from hacm.model.network import PerSequence
from hacm.threads import make_pool

FEWEST = 4
"""Sequences per thread: fewer are not worth a thread of their own."""

Forward = Callable[[Tensor, Tensor | None, Tensor], PerSequence]


class Shares:
    """A forward pass over sequences by themselves (HACM.forward_each), in shares.

    parameters: those that gradients are wanted of.
    """

    def __init__(self, forward_each: Forward, parameters: Sequence[Tensor]) -> None:
        self.forward_each = forward_each
        self.parameters = parameters
        self.threads = torch.get_num_threads()
        self.pool = make_pool()

    def __call__(self, x_BTVC: Tensor, hierarchy_BTJ: Tensor | None, noise_BL: Tensor) -> PerSequence:
        """The same as forward_each of all sequences; gradients reach the parameters alone."""
        if self.threads == 1 or len(x_BTVC) < FEWEST * self.threads:
            return self.forward_each(x_BTVC, hierarchy_BTJ, noise_BL)
        shares = _InShares.apply(self, x_BTVC, hierarchy_BTJ, noise_BL, *self.parameters)  # type: ignore[no-untyped-call]
        return _unflatten(shares)

    def parts(self, sequences: int) -> list[slice]:
        """The sequences of each thread."""
        return [share(sequences, number, self.threads) for number in range(self.threads)]


class _InShares(torch.autograd.Function):
    """See Shares. What a pass gives is a flat tuple here, with None where PerSequence has it."""

    @staticmethod
    def forward(
        ctx: Any, shares: Shares, x_BTVC: Tensor, hierarchy_BTJ: Tensor | None, noise_BL: Tensor, *parameters: Tensor
    ) -> tuple[Tensor | None, ...]:
        def forward_share(part: slice) -> tuple[Tensor | None, ...]:
            with torch.enable_grad():
                hierarchy = None if hierarchy_BTJ is None else hierarchy_BTJ[part]
                return _flatten(shares.forward_each(x_BTVC[part], hierarchy, noise_BL[part]))

        ctx.shares, ctx.parameters = shares, parameters
        ctx.parts = shares.parts(len(x_BTVC))
        ctx.found = list(shares.pool.map(forward_share, ctx.parts))
        whole = [_join(pieces) for pieces in zip(*ctx.found, strict=True)]
        first = zip(whole, ctx.found[0], strict=True)
        ctx.mark_non_differentiable(*(one for one, piece in first if piece is not None and not piece.requires_grad))
        return tuple(whole)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        def backward_share(part: slice, found: tuple[Tensor | None, ...]) -> list[Tensor]:
            wanted = [
                (output, gradient[part])
                for output, gradient in zip(found, gradients, strict=True)
                if output is not None and gradient is not None and output.requires_grad
            ]
            outputs, starts = zip(*wanted, strict=True)
            return list(torch.autograd.grad(outputs, ctx.parameters, starts, materialize_grads=True))

        sums: list[Tensor] | None = None
        for found in ctx.shares.pool.map(backward_share, ctx.parts, ctx.found):  # in order
            if sums is None:
                sums = found
            else:
                torch._foreach_add_(sums, found)
        return None, None, None, None, *(sums or ())


def _flatten(each: PerSequence) -> tuple[Tensor | None, ...]:
    values = [getattr(each, field.name) for field in fields(PerSequence) if field.name != "means"]
    return (*values, *(each.means or (None, None, None)))


def _unflatten(flat: tuple[Tensor | None, ...]) -> PerSequence:
    *values, f_t, f_s, f = flat
    names: Iterator[str] = (field.name for field in fields(PerSequence) if field.name != "means")
    means = None if f is None else (f_t, f_s, f)
    return PerSequence(**dict(zip(names, values, strict=True)), means=means)  # type: ignore[arg-type]


def _join(pieces: tuple[Tensor | None, ...]) -> Tensor | None:
    return None if pieces[0] is None else torch.cat([piece.detach() for piece in pieces if piece is not None])
