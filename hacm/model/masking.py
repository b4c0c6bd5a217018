"""Which tokens the encoder sees (hacm.md §3, §8): the criteria, the Gumbel top-k, and the strategies made of them.

Scores are arranged by cell, (B, S, J); noise, keys and masks are in branch order (tokens.py). Each sequence's selection
is a function of its own scores and its own row of noise.

Suffixes: B sequences, T frames, S segments, J token joints, R root joints, D width, P values of a patch, L tokens in
branch order, K kept tokens.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hacm.model.geometry import Points, Space, at_least_float32, full_precision
from hacm.model.tokens import to_branches
from hacm.settings import MaskingSettings, ModelSettings, branch_sizes, kept_count, token_budget

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


# ---- criteria -------------------------------------------------------------------------------------------------------


def spatial_scores(points_BSJD: Points, father_BSD: Points, space: Space, root_weight: float) -> Tensor:
    """Joint hierarchy: s(t,v) = Σ_u d(P[t,u], P[t,v]) + w_root·d(father[t], P[t,v]); (B, S, J).

    Any leading axes will do, also (R,) rows of frames (hierarchy.py).
    """
    among_joints = space.pairwise_distance(points_BSJD, points_BSJD).sum(-2)
    father = Points(father_BSD.point[..., None, :], father_BSD.gap[..., None])
    return among_joints + root_weight * space.pairwise_distance(father, points_BSJD).squeeze(-2)


def global_attention(query_BSJD: Tensor, key_BSJD: Tensor, *, inverse_sqrt: bool, over_keys: bool) -> Tensor:
    """Global attention of joints: a[v,t,u] = softmax(⟨q[t,v], k[u,v]⟩ × scale); (B, J, S, S), segments t and u last.

    scale: 1/√D (inverse_sqrt) or √D. The softmax runs over the keys u (over_keys) or over the joints v.
    """
    with full_precision(query_BSJD):
        scale = query_BSJD.shape[-1] ** (-0.5 if inverse_sqrt else 0.5)
        query_BJSD = at_least_float32(query_BSJD).transpose(1, 2)
        key_BJDS = at_least_float32(key_BSJD).permute(0, 2, 3, 1)
        return torch.softmax(query_BJSD @ key_BJDS * scale, dim=-1 if over_keys else 1)


def temporal_scores(attention_BJSS: Tensor) -> Tensor:
    """s(u,v) = Σ_t a[v,t,u]: how much attention joint v's segment u receives over the whole clip; (B, S, J)."""
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


def log_chances(scores_BL: Tensor, tau: float) -> Tensor:
    """log p of every token: ŝ = s / (τ·max s + 1e-10), p = softmax(ŝ); (B, L)."""
    sharpened_BL = scores_BL / (tau * scores_BL.amax(-1, keepdim=True) + EPSILON)
    return torch.log_softmax(sharpened_BL, dim=-1)


def gumbel_keys(scores_BL: Tensor, uniform_BL: Tensor, tau: float) -> Tensor:
    """key = log p − log(−log(U + 1e-10) + 1e-10), U uniform in [0, 1); (B, L).

    Taken from the largest key down, the tokens are drawn one after the other without replacement, each with a chance
    in proportion to its p among those still there (the Plackett–Luce law), up to the 1e-10 that keep the logarithms
    finite. Taken from the smallest up, as `motion` does, they follow no such law.
    """
    gumbel_BL = -torch.log(-torch.log(uniform_BL + EPSILON) + EPSILON)
    return log_chances(scores_BL, tau) + gumbel_BL


def draw_log_probability(log_chance_BL: Tensor, drawn_BK: Tensor) -> Tensor:
    """Log probability of drawing the tokens drawn_BK in that order without replacement; (B,).

    Plackett–Luce: Σ_i [log p(i-th) − log(what p the i-th and all tokens after it and never drawn have together)].
    """
    drawn_log_BK = log_chance_BL.gather(1, drawn_BK)
    never_BL = log_chance_BL.scatter(1, drawn_BK, -torch.inf)
    from_last_BK = torch.cat([never_BL.logsumexp(1, keepdim=True), drawn_log_BK.flip(1)], dim=1)
    left_BK = from_last_BK.logcumsumexp(1)[:, 1:]  # what was left before the last, the next to last, … draw
    return drawn_log_BK.sum(1) - left_BK.sum(1)


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

    With temporal.attention `fixed`, W_q and W_k of the temporal criterion do not require gradients: none reaches them
    through the selection, so they keep their initial values, as in the release (hacm.md §3), and neither weight decay
    nor data-parallel training touches them. With `learned` they do, and learn through `log_probability`. They are saved
    with the model either way.
    """

    def __init__(self, joints: int, model: ModelSettings, settings: MaskingSettings, space: Space) -> None:
        super().__init__()
        self.settings = settings
        self.space = space
        self.segment = model.segment
        self.sizes = branch_sizes(model.frames // model.segment, joints)
        self.budget = token_budget(joints, model, settings)
        self.uses_temporal = settings.strategy == "hacm" and settings.temporal.enabled
        self.learns = self.uses_temporal and settings.temporal.attention == "learned"
        default_scale, default_axis = ("inverse_sqrt", "keys") if model.arithmetic == "textbook" else ("sqrt", "joints")
        self.inverse_sqrt = (settings.temporal.scale or default_scale) == "inverse_sqrt"
        self.over_keys = (settings.temporal.normalize_over or default_axis) == "keys"
        if self.uses_temporal:
            self.query = nn.Linear(model.dim, model.dim).requires_grad_(self.learns)
            self.key = nn.Linear(model.dim, model.dim).requires_grad_(self.learns)
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
        `motion`). embedded_BSJD: E. roots_BSRD: the root set's embeddings, needed where the settings need features.
        hierarchy_BTJ: the frames' hierarchies, needed where they need hierarchies. No gradient passes.
        """
        scores_BSJ = embedded_BSJD.new_zeros(embedded_BSJD.shape[:3])
        if self.settings.strategy == "motion":
            scores_BSJ = motion_scores(patches_BSJP)
        if self.uses_temporal:
            scores_BSJ[:, 0::2] = self.temporal(embedded_BSJD)
        if self.settings.needs_hierarchies or self.settings.needs_features:
            scores_BSJ[:, 1::2] = self.spatial(embedded_BSJD, roots_BSRD, hierarchy_BTJ)
        return select(to_branches(scores_BSJ), uniform_BL, self.sizes, self.settings)

    def temporal(self, embedded_BSJD: Tensor) -> Tensor:
        """The temporal criterion of the even segments, q = E·W_q and k = E·W_k: (B, ⌈S / 2⌉, J)."""
        with full_precision(embedded_BSJD):
            even_BSJD = at_least_float32(embedded_BSJD[:, 0::2])
            query_BSJD, key_BSJD = self.query(even_BSJD), self.key(even_BSJD)
        return temporal_scores(
            global_attention(query_BSJD, key_BSJD, inverse_sqrt=self.inverse_sqrt, over_keys=self.over_keys)
        )

    def spatial(self, embedded_BSJD: Tensor, roots_BSRD: Tensor | None, hierarchy_BTJ: Tensor | None) -> Tensor:
        """The spatial criterion of the odd segments from the source that the settings name: (B, ⌊S / 2⌋, J)."""
        found: list[Tensor] = []
        if self.settings.needs_hierarchies:
            assert hierarchy_BTJ is not None
            found.append(hierarchy_BTJ.unflatten(1, (-1, self.segment)).mean(2)[:, 1::2])
        if self.settings.needs_features:
            assert roots_BSRD is not None
            points = self.space.expmap0(embedded_BSJD[:, 1::2])
            father = self.space.mean(self.space.expmap0(roots_BSRD[:, 1::2]))
            found.append(spatial_scores(points, father, self.space, self.settings.spatial.root_weight))
        return found[0] if len(found) == 1 else mixed_scores(*found)

    def log_probability(self, embedded_BSJD: Tensor, keep_BK: Tensor, uniform_BL: Tensor) -> Tensor:
        """Log probability of the temporal branch's draw keep_BK, made with this noise; (B,).

        A function of W_q and W_k: gradients reach them, and not the embedding E. What `learned` attention learns by.
        """
        size, kept = self.sizes[0], self.budget.kept[0]
        scores_Bn = self.temporal(embedded_BSJD.detach()).flatten(1, 2)
        with torch.no_grad():
            keys_Bk = gumbel_keys(scores_Bn, uniform_BL[:, :size], self.settings.tau).gather(1, keep_BK[:, :kept])
            drawn_Bk = keep_BK[:, :kept].gather(1, keys_Bk.argsort(dim=1, descending=True))
        return draw_log_probability(log_chances(scores_Bn, self.settings.tau), drawn_Bk)
