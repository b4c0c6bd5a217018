"""The decoders: from the kept tokens' features to predictions (hacm.md §4; the second is ours).

`Decoder`, as published, fills the masked tokens' places in and sends all tokens through self-attention. In
`CrossDecoder` the tokens that are asked for look at the kept ones alone, and not at each other, so that it costs no
more than what is asked for: a quarter of the masked tokens will do (CrossMAE, arXiv 2401.14391).

A cell is a token's number counted segment by segment. Suffixes: B sequences, S segments, J token joints, L tokens, K
kept tokens, Q asked tokens, P values of a target, D width, H heads, E width of a head.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hacm.model.tokens import from_branches, put
from hacm.model.transformer import LAYER_NORM_EPS, MLP, Block, attend, initialise, position
from hacm.settings import ModelSettings


def build_decoder(joints: int, settings: ModelSettings, target: int) -> "Decoder | CrossDecoder":
    """The decoder that the settings name. target: how many values it predicts of a token."""
    kind = Decoder if settings.decoder == "self_attention" else CrossDecoder
    return kind(joints, settings, target)


class Cells(nn.Module):
    """What both decoders begin with: the places of tokens, and an embedding of their segment and joint.

    cell_L: the cell of each place in branch order.
    """

    cell_L: Tensor

    def __init__(self, joints: int, settings: ModelSettings) -> None:
        super().__init__()
        self.segments = settings.frames // settings.segment
        self.joints = joints
        branch_order_SJ = from_branches(torch.arange(self.segments * joints)[None], self.segments)
        self.register_buffer("cell_L", branch_order_SJ.flatten().argsort(), persistent=False)
        self.segment_embedding = position(self.segments, settings.dim)
        self.joint_embedding = position(joints, settings.dim)
        self.mask_token = nn.Parameter(nn.init.trunc_normal_(torch.empty(settings.dim), std=0.02))
        self.embedding = nn.Linear(settings.dim, settings.dim)

    def positions(self) -> Tensor:
        """The learned segment and joint embeddings of every cell, added up; (S, J, D)."""
        return self.segment_embedding[:, None] + self.joint_embedding


class Decoder(Cells):
    """From the kept tokens' features to a prediction for every cell."""

    def __init__(self, joints: int, settings: ModelSettings, target: int) -> None:
        super().__init__(joints, settings)
        self.blocks = nn.Sequential(*(Block(settings) for _ in range(settings.decoder_blocks)))
        self.norm = nn.LayerNorm(settings.dim, eps=LAYER_NORM_EPS)
        self.head = nn.Linear(settings.dim, target)
        self.apply(initialise)

    def place(self, latent_BKD: Tensor, keep_BK: Tensor) -> Tensor:
        """Kept tokens at their own cells, the mask token in all others; (B, S, J, D)."""
        full_BLD = put(self.embedding(latent_BKD), self.cell_L[keep_BK], self.mask_token, self.segments * self.joints)
        return full_BLD.unflatten(1, (self.segments, self.joints))

    def decode(self, cells_BSJD: Tensor) -> Tensor:
        """Add the positions of segment and joint, then blocks, LayerNorm and head; (B, S, J, P)."""
        placed_BSJD = cells_BSJD + self.positions()
        decoded_BLD = self.norm(self.blocks(placed_BSJD.flatten(1, 2)))
        return self.head(decoded_BLD).unflatten(1, cells_BSJD.shape[1:3])

    def forward(self, latent_BKD: Tensor, keep_BK: Tensor) -> Tensor:
        """Prediction for every cell, (B, S, J, P), from the kept tokens and their places in branch order."""
        return self.decode(self.place(latent_BKD, keep_BK))


class CrossDecoder(Cells):
    """From the kept tokens' features to predictions for the cells that are asked for."""

    def __init__(self, joints: int, settings: ModelSettings, target: int) -> None:
        super().__init__(joints, settings)
        self.context_norm = nn.LayerNorm(settings.dim, eps=LAYER_NORM_EPS)
        self.blocks = nn.ModuleList(CrossBlock(settings) for _ in range(settings.decoder_blocks))
        self.norm = nn.LayerNorm(settings.dim, eps=LAYER_NORM_EPS)
        self.head = nn.Linear(settings.dim, target)
        self.apply(initialise)

    def forward(self, latent_BKD: Tensor, keep_BK: Tensor, cell_BQ: Tensor) -> Tensor:
        """Predictions for these cells, (B, Q, P), from the kept tokens and their places in branch order."""
        positions_LD = self.positions().flatten(0, 1)
        context_BKD = self.embedding(latent_BKD) + F.embedding(self.cell_L[keep_BK], positions_LD)
        context_BKD = self.context_norm(context_BKD)
        x_BQD = self.mask_token + F.embedding(cell_BQ, positions_LD)
        for block in self.blocks:
            x_BQD = block(x_BQD, context_BKD)
        return self.head(self.norm(x_BQD))


class CrossBlock(nn.Module):
    """x + CrossAttention(LayerNorm(x), context), then x + MLP(LayerNorm(x))."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(settings.dim, eps=LAYER_NORM_EPS)
        self.attention = CrossAttention(settings.dim, settings.heads)
        self.norm2 = nn.LayerNorm(settings.dim, eps=LAYER_NORM_EPS)
        self.mlp = MLP(settings.dim, int(settings.dim * settings.mlp_ratio))

    def forward(self, x_BQD: Tensor, context_BKD: Tensor) -> Tensor:
        """(B, Q, D) and (B, K, D) to (B, Q, D)."""
        x_BQD = x_BQD + self.attention(self.norm1(x_BQD), context_BKD)
        return x_BQD + self.mlp(self.norm2(x_BQD))


class CrossAttention(nn.Module):
    """Multi-head attention of some tokens to others, with biased projections."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.projection = nn.Linear(dim, dim)

    def forward(self, x_BQD: Tensor, context_BKD: Tensor) -> Tensor:
        """(B, Q, D) and (B, K, D) to (B, Q, D)."""
        query_BHQE = self.query(x_BQD).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key_value_BK2HE = self.key_value(context_BKD).unflatten(-1, (2, self.heads, -1))
        key_BHKE, value_BHKE = key_value_BK2HE.permute(2, 0, 3, 1, 4)
        return self.projection(attend(query_BHQE, key_BHKE, value_BHKE).transpose(1, 2).flatten(2))
