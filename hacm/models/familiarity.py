"""How far a recording is from everything trained on: the distance of its features to the nearest training clip's.

Features are compared after each of the D was put on the training clips' scale (less their mean, over their standard
deviation), by Euclidean distance over √D: 1 is the typical deviation from the mean.

Shapes: N clips, G training clips, D width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

LEAST_DEVIATION = 1e-6
MOST_KEPT = 4096
"""Training clips that a model keeps: of more, so many spread evenly over them."""


@dataclass(frozen=True)
class Neighbours:
    """The training clips' features on their own scale, (G, D), and that scale: mean_D, deviation_D, all float32.

    Of the features only what float16 can hold is kept: three digits are enough, and files are half as large.
    """

    features_GD: Tensor
    mean_D: Tensor
    deviation_D: Tensor

    @classmethod
    def of(cls, features_GD: Tensor) -> "Neighbours":
        """What is kept of the training clips' features."""
        deviation_D, mean_D = torch.std_mean(features_GD, dim=0, correction=0)
        deviation_D = deviation_D.clamp(min=LEAST_DEVIATION)
        kept_G = torch.linspace(0, len(features_GD) - 1, min(len(features_GD), MOST_KEPT)).round().long()
        scaled_GD = ((features_GD - mean_D) / deviation_D)[kept_G.to(features_GD.device)]
        return cls(scaled_GD.to(torch.float16).to(torch.float32), mean_D, deviation_D)

    def on_scale(self, features_ND: Tensor) -> Tensor:
        """Features on the training clips' scale."""
        return (features_ND - self.mean_D) / self.deviation_D

    def distance(self, features_ND: Tensor) -> Tensor:
        """(N,): of each clip, the distance to the nearest training clip."""
        # Not by products of the two: clips that are equal must be at distance 0.
        distance_NG = torch.cdist(
            self.on_scale(features_ND), self.features_GD, compute_mode="donot_use_mm_for_euclid_dist"
        )
        return distance_NG.amin(1) / features_ND.shape[1] ** 0.5

    def to(self, device: str | torch.device) -> "Neighbours":
        """The same on that device."""
        return Neighbours(self.features_GD.to(device), self.mean_D.to(device), self.deviation_D.to(device))


def distances_left_out(features_GD: Tensor, subject_G: Tensor) -> Tensor:
    """(G,): of each training clip the distance to the nearest clip of the other training subjects.

    The encoder has seen the left-out subject's movements, so that a new subject's are somewhat farther. ValueError with
    fewer than two subjects.
    """
    subjects = subject_G.unique()
    if len(subjects) < 2:
        raise ValueError("leaving one subject out needs at least two training subjects")
    distance_G = torch.empty(len(features_GD))
    for subject in subjects:
        left_out_G = subject_G == subject
        distance_G[left_out_G] = Neighbours.of(features_GD[~left_out_G]).distance(features_GD[left_out_G]).cpu()
    return distance_G


def choose_threshold(distance_N: Tensor, subject_N: Tensor, share: float) -> float:
    """The median, over subjects, of the distance that this share of a subject's clips lies beyond.

    Not that of all clips together, which somebody who moves otherwise than the rest would decide alone.
    """
    each = [torch.quantile(distance_N[subject_N == one].double(), 1 - share) for one in subject_N.unique()]
    return float(torch.stack(each).quantile(0.5))
