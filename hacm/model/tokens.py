"""Tokens and their one order (hacm.md §1, §3).

A token is a (segment, joint) cell. Data arranged by cell have the shape (B, S, J, …). Wherever tokens are a list, they
stand in *branch order*: (branch, segment, joint) with the temporal branch first (segments 0, 2, 4, …), then the spatial
one (segments 1, 3, 5, …). `to_branches` and `from_branches` are the only two ways between the arrangements.

Suffixes: B sequences, T frames, V joints, J token joints, S segments, r frames of a segment, C coordinates, P = r·C
values of a patch, L tokens in branch order, K kept tokens, D width.
"""

import torch
from torch import Tensor


def patches(x_BTVC: Tensor, segment: int) -> Tensor:
    """Cut the frames into segments of `segment` frames: (B, S, V, P), the P values frame after frame."""
    cut_BSrVC = x_BTVC.unflatten(1, (-1, segment))
    return cut_BSrVC.transpose(2, 3).flatten(3)


def to_branches(cells_BSJ: Tensor) -> Tensor:
    """(B, S, J, …) to branch order, (B, L, …)."""
    return torch.cat([cells_BSJ[:, 0::2], cells_BSJ[:, 1::2]], dim=1).flatten(1, 2)


def from_branches(tokens_BL: Tensor, segments: int) -> Tensor:
    """Branch order, (B, L, …), back to (B, S, J, …): the inverse of `to_branches`."""
    blocks_BSJ = tokens_BL.unflatten(1, (segments, -1))
    cells_BSJ = torch.empty_like(blocks_BSJ)
    cells_BSJ[:, 0::2] = blocks_BSJ[:, : (segments + 1) // 2]
    cells_BSJ[:, 1::2] = blocks_BSJ[:, (segments + 1) // 2 :]
    return cells_BSJ


def take(tokens_BLD: Tensor, keep_BK: Tensor) -> Tensor:
    """The tokens at the places keep_BK, (B, K, D)."""
    return tokens_BLD.gather(1, keep_BK[..., None].expand(-1, -1, tokens_BLD.shape[-1]))


def put(kept_BKD: Tensor, keep_BK: Tensor, filler_D: Tensor, tokens: int) -> Tensor:
    """`tokens` places filled with filler_D, and the kept tokens at their places keep_BK: (B, L, D)."""
    batch, _, dim = kept_BKD.shape
    full_BLD = filler_D.to(kept_BKD.dtype).expand(batch, tokens, dim)
    return full_BLD.scatter(1, keep_BK[..., None].expand(-1, -1, dim), kept_BKD)
