"""Which tokens the encoder sees (hacm.md §3, §8): the criteria, the Gumbel top-k, and the strategies made of them.

Scores are arranged by cell, (B, S, J); noise, keys and masks are in branch order (tokens.py). Each sequence's selection
is a function of its own scores and its own row of noise.

Suffixes: B sequences, T frames, S segments, J token joints, R root joints, D width, P values of a patch, L tokens in
branch order, K kept tokens.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hacm.geometry import Points, Space, at_least_float32, full_precision
from hacm.settings import MaskingSettings, ModelSettings
from hacm.tokens import branch_sizes, to_branches

EPSILON = 1e-10  # in the normalisation and in both logarithms, as the field does


@dataclass(frozen=True)
class Selection:
    """Which tokens are seen. keep_BK: their places in branch order, ascending. mask_BL: True where hidden.

    temporal: how many of the K belong to the temporal branch (they come first); None where the strategy knows no
    branches.
    """

    keep_BK: Tensor
    mask_BL: Tensor
    temporal: int | None


def kept_count(tokens: int, ratio: float) -> int:
    """How many of `tokens` are kept: int(n·(1 − ρ)) in floating point, as the field does (0.9 keeps 21 of 216).

    Raises ValueError if none would be left.
    """
    count = int(tokens * (1 - ratio))
    if count < 1:
        raise ValueError(f"masking.ratio {ratio} leaves none of {tokens} tokens; lower it")
    return count


# ---- criteria -------------------------------------------------------------------------------------------------------


def spatial_scores(points_BSJD: Points, father_BSD: Points, space: Space, root_weight: float) -> Tensor:
    """Joint hierarchy: s(t,v) = Σ_u d(P[t,u], P[t,v]) + w_root·d(father[t], P[t,v]); (B, S, J).

    Any leading axes will do, also (R,) rows of frames (hierarchy.py).
    """
    among_joints = space.pairwise_distance(points_BSJD, points_BSJD).sum(-2)
    father = Points(father_BSD.point[..., None, :], father_BSD.gap[..., None])
    return among_joints + root_weight * space.pairwise_distance(father, points_BSJD).squeeze(-2)


def temporal_scores(query_BSJD: Tensor, key_BSJD: Tensor, *, inverse_sqrt: bool, over_keys: bool) -> Tensor:
    """Global attention of joints: a[v,t,u] = softmax(⟨q[t,v], k[u,v]⟩ × scale), s(u,v) = Σ_t a[v,t,u]; (B, S, J).

    scale: 1/√D (inverse_sqrt) or √D. The softmax runs over the keys u (over_keys) or over the joints v.
    """
    with full_precision(query_BSJD):
        scale = query_BSJD.shape[-1] ** (-0.5 if inverse_sqrt else 0.5)
        query_BJSD = at_least_float32(query_BSJD).transpose(1, 2)
        key_BJDS = at_least_float32(key_BSJD).permute(0, 2, 3, 1)
        attention_BJSS = torch.softmax(query_BJSD @ key_BJDS * scale, dim=-1 if over_keys else 1)
        return attention_BJSS.sum(2).transpose(1, 2)


def motion_scores(patches_BSJP: Tensor) -> Tensor:
    """MAMP's intensity: mean |x_seg[t] − x_seg[t−1]| of the raw patches; the first segment repeats the second's."""
    change_BSJ = patches_BSJP.diff(dim=1).abs().mean(-1)
    return torch.cat([change_BSJ[:, :1], change_BSJ], dim=1)


def mixed_scores(first_BSJ: Tensor, second_BSJ: Tensor) -> Tensor:
    """Mean of the two, each divided by its sequence's largest score, so that neither's unit outweighs the other."""
    return (normalised(first_BSJ) + normalised(second_BSJ)) / 2


def normalised(scores_BSJ: Tensor) -> Tensor:
    """Scores divided by their sequence's largest."""
    return scores_BSJ / (scores_BSJ.amax((1, 2), keepdim=True) + EPSILON)


# ---- selection ------------------------------------------------------------------------------------------------------


def gumbel_keys(scores_BL: Tensor, uniform_BL: Tensor, tau: float) -> Tensor:
    """ŝ = s / (τ·max s + 1e-10), p = softmax(ŝ), key = log p − log(−log(U + 1e-10) + 1e-10); (B, L).

    The k largest keys are a draw of k tokens without replacement, each next one in proportion to p (Plackett–Luce).
    """
    sharpened_BL = scores_BL / (tau * scores_BL.amax(-1, keepdim=True) + EPSILON)
    gumbel_BL = -torch.log(-torch.log(uniform_BL + EPSILON) + EPSILON)
    return torch.log_softmax(sharpened_BL, dim=-1) + gumbel_BL


def draw_uniform(batch: int, tokens: int, device: torch.device, generator: torch.Generator | None) -> Tensor:
    """Noise U in [0, 1) for every token, (B, L), drawn on the generator's device (CPU: the same noise everywhere)."""
    source = device if generator is None else generator.device
    return torch.rand(batch, tokens, device=source, generator=generator).to(device)


def select(scores_BL: Tensor, uniform_BL: Tensor, sizes: tuple[int, int], settings: MaskingSettings) -> Selection:
    """Keep tokens by their scores, all in branch order (§3, §8).

    `hacm`: each of the two branches (of `sizes` tokens) keeps its own k largest keys. `random`, `motion`: all tokens
    compete; `motion` keeps the smallest keys, so that strong motion is hidden.
    """
    cross = settings.strategy == "hacm"
    keeps: list[Tensor] = []
    start = 0
    for size in sizes if cross else (sum(sizes),):
        keys_Bn = gumbel_keys(scores_BL[:, start : start + size], uniform_BL[:, start : start + size], settings.tau)
        count = kept_count(size, settings.ratio)
        best_Bk = keys_Bn.topk(count, dim=-1, largest=settings.strategy != "motion", sorted=False).indices
        keeps.append(best_Bk.sort(dim=-1).values + start)
        start += size
    keep_BK = torch.cat(keeps, dim=1)
    mask_BL = torch.ones_like(scores_BL, dtype=torch.bool).scatter(1, keep_BK, False)
    return Selection(keep_BK, mask_BL, keeps[0].shape[1] if cross else None)


# ---- strategies -----------------------------------------------------------------------------------------------------


class Masking(nn.Module):
    """The strategy that the settings ask for, from a batch to a Selection.

    W_q and W_k of the temporal criterion do not require gradients: none reaches them through the selection, so they
    keep their initial values, as in the release (hacm.md §3), and neither weight decay nor data-parallel training
    touches them. They are saved with the model.
    """

    def __init__(self, joints: int, model: ModelSettings, settings: MaskingSettings, space: Space) -> None:
        super().__init__()
        self.settings = settings
        self.space = space
        self.segment = model.segment
        self.sizes = branch_sizes(model.frames // model.segment, joints)
        cross, spatial = settings.strategy == "hacm", settings.spatial
        for size in self.sizes if cross else (sum(self.sizes),):
            kept_count(size, settings.ratio)
        self.uses_temporal = cross and settings.temporal.enabled
        self.uses_precomputed = cross and spatial.enabled and spatial.source != "features"
        self.uses_features = cross and spatial.enabled and spatial.source != "precomputed"
        default_scale, default_axis = ("inverse_sqrt", "keys") if model.variant == "paper" else ("sqrt", "joints")
        self.inverse_sqrt = (settings.temporal.scale or default_scale) == "inverse_sqrt"
        self.over_keys = (settings.temporal.normalize_over or default_axis) == "keys"
        if self.uses_temporal:
            self.query = nn.Linear(model.dim, model.dim).requires_grad_(False)
            self.key = nn.Linear(model.dim, model.dim).requires_grad_(False)
            for linear in (self.query, self.key):
                nn.init.xavier_uniform_(linear.weight)
                nn.init.zeros_(linear.bias)

    @torch.no_grad()
    def forward(
        self,
        patches_BSJP: Tensor,
        embedded_BSJD: Tensor,
        roots_BSRD: Tensor | None,
        hierarchy_BTJ: Tensor | None,
        uniform_BL: Tensor,
    ) -> Selection:
        """Score every token and select.

        A branch without a criterion has equal scores, so that the noise alone decides. patches_BSJP: raw patches (for
        `motion`). embedded_BSJD: E. roots_BSRD: the root set's embeddings, needed where uses_features. hierarchy_BTJ:
        the frames' hierarchies, needed where uses_precomputed. No gradient passes.
        """
        scores_BSJ = embedded_BSJD.new_zeros(embedded_BSJD.shape[:3])
        if self.settings.strategy == "motion":
            scores_BSJ = motion_scores(patches_BSJP)
        if self.uses_temporal:
            scores_BSJ[:, 0::2] = self.temporal(embedded_BSJD)
        if self.uses_precomputed or self.uses_features:
            scores_BSJ[:, 1::2] = self.spatial(embedded_BSJD, roots_BSRD, hierarchy_BTJ)
        return select(to_branches(scores_BSJ), uniform_BL, self.sizes, self.settings)

    def temporal(self, embedded_BSJD: Tensor) -> Tensor:
        """The temporal criterion of the even segments, q = E·W_q and k = E·W_k: (B, ⌈S / 2⌉, J)."""
        with full_precision(embedded_BSJD):
            even_BSJD = at_least_float32(embedded_BSJD[:, 0::2])
            query_BSJD, key_BSJD = self.query(even_BSJD), self.key(even_BSJD)
        return temporal_scores(query_BSJD, key_BSJD, inverse_sqrt=self.inverse_sqrt, over_keys=self.over_keys)

    def spatial(self, embedded_BSJD: Tensor, roots_BSRD: Tensor | None, hierarchy_BTJ: Tensor | None) -> Tensor:
        """The spatial criterion of the odd segments from the source that the settings name: (B, ⌊S / 2⌋, J)."""
        found: list[Tensor] = []
        if self.uses_precomputed:
            assert hierarchy_BTJ is not None
            found.append(hierarchy_BTJ.unflatten(1, (-1, self.segment)).mean(2)[:, 1::2])
        if self.uses_features:
            assert roots_BSRD is not None
            points = self.space.expmap0(embedded_BSJD[:, 1::2])
            father = self.space.mean(self.space.expmap0(roots_BSRD[:, 1::2]))
            found.append(spatial_scores(points, father, self.space, self.settings.spatial.root_weight))
        return found[0] if len(found) == 1 else mixed_scores(*found)
