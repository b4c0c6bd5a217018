"""What the decoder should predict of every token, and how much each counts (hacm.md §5).

The published target is the motion of a token's joint, mapped into the Poincaré ball and normalised over the token's own
values. Ours beside it: the joint's positions, and a normalisation over the whole clip, so that the sensor's noise in a
joint at rest does not weigh as much as a movement.

Suffixes: B sequences, T frames, J joints, C coordinates, S segments, P values of a patch.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from hacm.model.geometry import Space
from hacm.model.tokens import patches
from hacm.settings import LossSettings

CLIP_EPSILON = 1e-8
"""Square metres, added to a clip's variance: a tenth of a millimetre counts as rest."""


def target_size(settings: LossSettings, patch: int) -> int:
    """How many values the target of a token has, of a patch with so many."""
    return patch * (2 if settings.target == "both" else 1)


def compute_target(x_BTJC: Tensor, space: Space, segment: int, settings: LossSettings) -> Tensor:
    """The target of every token, (B, S, J, P), or (B, S, J, 2P) of motion and then position."""
    parts_BTJC = []
    if settings.target != "position":
        parts_BTJC.append(mapped_motion(x_BTJC, space))
    if settings.target != "motion":
        parts_BTJC.append(x_BTJC)
    if settings.normalise == "patch":
        parts_BSJP = [normalise_patches(patches(part_BTJC, segment)) for part_BTJC in parts_BTJC]
    else:
        parts_BSJP = [patches(normalise_clips(part_BTJC), segment) for part_BTJC in parts_BTJC]
    return torch.cat(parts_BSJP, dim=-1)


def motion(x_BTJC: Tensor) -> Tensor:
    """m[f] = x[f+1] − x[f], the last frame 0; (B, T, J, C)."""
    return F.pad(x_BTJC.diff(dim=1), (0, 0, 0, 0, 0, 1))


def mapped_motion(x_BTJC: Tensor, space: Space) -> Tensor:
    """The motion, mapped with exp_0 in 3-D; (B, T, J, C)."""
    return space.expmap0(motion(x_BTJC)).point


def normalise_patches(target_BSJP: Tensor) -> Tensor:
    """Each patch less its mean, over √(unbiased variance + 1e-6).

    A layer norm, many times faster than mean and variance by themselves, but of the biased variance: (P − 1) / P of the
    unbiased one, and so with as much of the 1e-6.
    """
    size = target_BSJP.shape[-1]
    biased = (size - 1) / size
    return F.layer_norm(target_BSJP, (size,), eps=biased * 1e-6) * biased**0.5


def normalise_clips(x_BTJC: Tensor) -> Tensor:
    """Each sequence less its mean over frames and joints, over √(variance + 1e-8), axis by axis.

    Source: "Rethinking masked data reconstruction" (AAAI 2025) normalises each axis over the whole time.
    """
    variance_B11C, mean_B11C = torch.var_mean(x_BTJC, dim=(1, 2), keepdim=True)
    return (x_BTJC - mean_B11C) * (variance_B11C + CLIP_EPSILON).rsqrt()


def energy_weights(x_BTJC: Tensor, segment: int) -> Tensor:
    """√(mean squared motion of each token), over the mean of that in its sequence; (B, S, J). 1 where nothing moves."""
    energy_BSJ = patches(motion(x_BTJC), segment).square().mean(-1).sqrt()
    mean_B11 = energy_BSJ.mean((1, 2), keepdim=True)
    return torch.where(mean_B11 > 0, energy_BSJ / mean_B11, torch.ones_like(energy_BSJ))
