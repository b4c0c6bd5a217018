"""What a pass is to make small: the error of what it predicts, and the contrast of the branches (hacm.md §5).

Suffixes: B sequences, J token joints, S segments, K kept tokens, P values of a target, D width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from hacm.model.geometry import full_precision
from hacm.settings import LossSettings


def token_errors(prediction_BSJP: Tensor, target_BSJP: Tensor) -> Tensor:
    """Mean squared error of every token, (B, S, J)."""
    return (prediction_BSJP.float() - target_BSJP).square().mean(-1)


def reconstruction_loss(error_BSJ: Tensor, weight_BSJ: Tensor) -> Tensor:
    """Mean of the tokens' errors by their weights: those that were seen, or not predicted, have weight 0."""
    return (error_BSJ * weight_BSJ).sum() / weight_BSJ.sum()


def branch_means(temporal_BKD: Tensor, spatial_BKD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """f_t, f_s, f: means of the encoder's output over the temporal, the spatial, and all kept tokens, each (B, D)."""
    f_t, f_s = temporal_BKD.float().mean(1), spatial_BKD.float().mean(1)
    return f_t, f_s, torch.cat([temporal_BKD, spatial_BKD], dim=1).float().mean(1)


def contrast_loss(f_t: Tensor, f_s: Tensor, f: Tensor) -> Tensor:
    """Cross-contrast of the branches' means (B, D).

    MSE(softmax(f_t fᵀ), I) + MSE(softmax(f_s fᵀ), I) + MSE(softmax(f_t f_sᵀ), I), with I the identity over the batch
    and softmax over the last axis.
    """
    return agreement(f_t, f) + agreement(f_s, f) + agreement(f_t, f_s)


def agreement(first_BD: Tensor, second_BD: Tensor) -> Tensor:
    """MSE(softmax(first secondᵀ), I): each sequence should find itself among the batch."""
    with full_precision(first_BD):
        similarity_BB = torch.softmax(first_BD @ second_BD.T, dim=-1)
        return F.mse_loss(similarity_BB, torch.eye(len(first_BD), device=first_BD.device))


def total_loss(reconstruction: Tensor, contrast: Tensor, settings: LossSettings) -> Tensor:
    """`sum`: their plain sum, as released. `alpha`: α·contrast + (1 − α)·reconstruction, as in the paper's figure.

    Without the contrast term: the reconstruction alone.
    """
    if not settings.contrast:
        return reconstruction
    if settings.combine == "sum":
        return reconstruction + contrast
    return settings.alpha * contrast + (1 - settings.alpha) * reconstruction


def selection_loss(log_probability_B: Tensor, error_BSJ: Tensor, weight_BSJ: Tensor) -> Tensor:
    """What learned attention learns by (hacm.md §3, ours): its value is 0, its gradient that of the expected error.

    With l_b the mean error over sequence b's predicted tokens and π_b the probability of what was drawn for it,
    mean_b (l_b − mean of the others' l) · ∇ log π_b is an unbiased estimate of ∇ E[l] (score function with
    leave-one-out baseline). A batch of one sequence has no others, and no gradient.
    """
    error_B = ((error_BSJ * weight_BSJ).sum((1, 2)) / weight_BSJ.sum((1, 2))).detach()
    others = max(len(error_B) - 1, 1)
    advantage_B = (error_B - error_B.mean()) * (len(error_B) / others)
    surrogate = (advantage_B * log_probability_B).mean()
    return surrogate - surrogate.detach()
