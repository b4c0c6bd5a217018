"""The encoder (hacm.md §1, §2) and the pre-norm Transformer blocks that it and the decoders are made of.

Suffixes: B sequences, T frames, V joints, J token joints, R root joints, C coordinates, S segments, P values of a
patch, L tokens, K kept tokens, Q tokens that ask, D width, H heads, E width of a head.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hacm.model.geometry import Space, full_precision
from hacm.model.tokens import patches, take, to_branches
from hacm.settings import ModelSettings
from hacm.skeletons.skeleton import Skeleton

COORDINATES = 3
LAYER_NORM_EPS = 1e-5
SHORT = 64  # tokens: up to here PyTorch's fused attention leaves all of a CPU's threads but one idle


def attend(query_BHLE: Tensor, key_BHLE: Tensor, value_BHLE: Tensor) -> Tensor:
    """softmax(q kᵀ / √E) v, (B, H, L, E): fused, but in steps where tokens are few and the device is a CPU."""
    tokens, width = key_BHLE.shape[-2:]
    if tokens > SHORT or query_BHLE.device.type != "cpu":
        return F.scaled_dot_product_attention(query_BHLE, key_BHLE, value_BHLE)
    scores_BHLL = (query_BHLE * width**-0.5) @ key_BHLE.transpose(-2, -1)
    return torch.softmax(scores_BHLL, dim=-1) @ value_BHLE


class Attention(nn.Module):
    """Multi-head self-attention with a biased joint projection to queries, keys and values."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.projection = nn.Linear(dim, dim)

    def forward(self, x_BLD: Tensor) -> Tensor:
        """(B, L, D) to (B, L, D)."""
        qkv_BL3HE = self.qkv(x_BLD).unflatten(-1, (3, self.heads, -1))
        query_BHLE, key_BHLE, value_BHLE = qkv_BL3HE.permute(2, 0, 3, 1, 4)
        return self.projection(attend(query_BHLE, key_BHLE, value_BHLE).transpose(1, 2).flatten(2))


class MLP(nn.Module):
    """Two linear layers with GELU between."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.expand = nn.Linear(dim, hidden)
        self.contract = nn.Linear(hidden, dim)

    def forward(self, x_BLD: Tensor) -> Tensor:
        """(B, L, D) to (B, L, D)."""
        return self.contract(F.gelu(self.expand(x_BLD)))


class Block(nn.Module):
    """x + Attention(LayerNorm(x)), then x + MLP(LayerNorm(x))."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(settings.dim, eps=LAYER_NORM_EPS)
        self.attention = Attention(settings.dim, settings.heads)
        self.norm2 = nn.LayerNorm(settings.dim, eps=LAYER_NORM_EPS)
        self.mlp = MLP(settings.dim, int(settings.dim * settings.mlp_ratio))

    def forward(self, x_BLD: Tensor) -> Tensor:
        """(B, L, D) to (B, L, D)."""
        x_BLD = x_BLD + self.attention(self.norm1(x_BLD))
        return x_BLD + self.mlp(self.norm2(x_BLD))


def token_joints(skeleton: Skeleton, settings: ModelSettings) -> tuple[int, ...]:
    """The joints that become tokens: all but the root set, or all if pruning is off."""
    return skeleton.kept if settings.prune else tuple(range(skeleton.joints))


def initialise(module: nn.Module) -> None:
    """Xavier-uniform weights and zero biases for a linear layer (for Module.apply)."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


def position(count: int, dim: int) -> nn.Parameter:
    """Learned embedding of `count` places, truncated normal with standard deviation 0.02."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(count, dim), std=0.02))


class Encoder(nn.Module):
    """From joints to features: embedding E, tokens P = exp_0(E), blocks, final LayerNorm.

    The embedding is the paper's convolution with kernel = stride = (r, 1), which is one linear map of every patch; it
    keeps a convolution's default initialisation.
    """

    token_joints: Tensor
    root_joints: Tensor

    def __init__(self, skeleton: Skeleton, settings: ModelSettings, space: Space) -> None:
        super().__init__()
        joints = token_joints(skeleton, settings)
        self.settings = settings
        self.space = space
        self.skeleton = skeleton
        self.register_buffer("token_joints", torch.tensor(joints), persistent=False)
        self.register_buffer("root_joints", torch.tensor(skeleton.roots), persistent=False)
        self.segment_embedding = position(settings.frames // settings.segment, settings.dim)
        self.joint_embedding = position(len(joints), settings.dim)
        self.embedding = nn.Linear(settings.segment * COORDINATES, settings.dim)
        self.blocks = nn.Sequential(*(Block(settings) for _ in range(settings.encoder_blocks)))
        self.norm = nn.LayerNorm(settings.dim, eps=LAYER_NORM_EPS)
        self.blocks.apply(initialise)

    def token_coordinates(self, x_BTVC: Tensor) -> Tensor:
        """Spatial pruning: the joints that become tokens, (B, T, J, C). ValueError unless x has the model's shape."""
        expected = (self.settings.frames, self.skeleton.joints, COORDINATES)
        if x_BTVC.ndim != 4 or tuple(x_BTVC.shape[1:]) != expected:
            raise ValueError(f"the model takes sequences of shape {expected}, but got {tuple(x_BTVC.shape[1:])}")
        return x_BTVC[:, :, self.token_joints]

    def positions(self) -> Tensor:
        """The learned segment and joint embeddings of every cell, added up; (S, J, D)."""
        return self.segment_embedding[:, None] + self.joint_embedding

    def embed(self, x_BTVC: Tensor) -> Tensor:
        """E: patches of the token joints, embedded, plus the learned segment and joint embeddings; (B, S, J, D)."""
        with full_precision(x_BTVC):
            patches_BSJP = patches(self.token_coordinates(x_BTVC), self.settings.segment)
            return self.embedding(patches_BSJP) + self.positions()

    def embed_kept(self, x_BTVC: Tensor, keep_BK: Tensor) -> Tensor:
        """E of the tokens at the places keep_BK in branch order alone, (B, K, D): gradients pass through no others."""
        with full_precision(x_BTVC):
            patches_BSJP = patches(self.token_coordinates(x_BTVC), self.settings.segment)
            kept_BKP = take(to_branches(patches_BSJP), keep_BK)
            (positions_LD,) = to_branches(self.positions()[None])
            return self.embedding(kept_BKP) + F.embedding(keep_BK, positions_LD)

    def embed_roots(self, x_BTVC: Tensor) -> Tensor:
        """The root set through the same embedding, without positions; (B, S, R, D)."""
        with full_precision(x_BTVC):
            return self.embedding(patches(x_BTVC[:, :, self.root_joints], self.settings.segment))

    def encode(self, embedded_BLD: Tensor) -> Tensor:
        """Any tokens of E, mapped with exp_0 and sent through blocks and final LayerNorm; (B, L, D)."""
        return self.norm(self.blocks(self.space.expmap0(embedded_BLD).point))

    def forward(self, x_BTVC: Tensor) -> Tensor:
        """Features of all tokens, nothing masked; (B, S, J, D)."""
        embedded_BSJD = self.embed(x_BTVC)
        return self.encode(embedded_BSJD.flatten(1, 2)).unflatten(1, embedded_BSJD.shape[1:3])
