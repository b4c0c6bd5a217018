"""What a model computes of a clip, as one graph without choices that depend on the data: what is exported.

It is made of the project's own parts, so that there is no second model to keep alike: the field's centre crop and
resampling (hacm.clips.augment), the encoder, the head.

Shapes: N clips, M bodies, F frames, V joints, C coordinates, T frames after resampling, B = N·M sequences, S segments,
J token joints, D width, K classes, G training clips.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from hacm.clips.augment import Resampling, bones, centre_crop
from hacm.clips.ragged import MAX_BODIES
from hacm.errors import UserError
from hacm.evaluation.tuning import Head
from hacm.model.readout import feature_width, read_out
from hacm.model.targets import motion
from hacm.models.description import Description
from hacm.models.folder import Parts

OUTPUTS = ("features", "scores", "probabilities", "distance")


class Answer(NamedTuple):
    """What the graph says of each clip.

    Features (N, D), scores and probabilities (N, K), distance (N,) as in Prediction; None if the graph has no head, or
    the model nothing to measure distances to.
    """

    features: Tensor
    scores: Tensor | None
    probabilities: Tensor | None
    distance: Tensor | None


def bodies_of(description: Description) -> int:
    """M: one, unless training had clips of two, or counts absent bodies."""
    return MAX_BODIES if description.seen.bodies > 1 or description.absent_bodies == "keep" else 1


class Graph(nn.Module):
    """Clips in, features and what the head says of them out: the same as hacm.models.model.Model of cleaned clips.

    head: whether the head is part of it. UserError for a model without one, and for cleaning that a graph cannot do.
    """

    def __init__(self, parts: Parts, *, head: bool) -> None:
        super().__init__()
        description = parts.description
        if head and parts.head is None:
            raise UserError(f"{description.name}: has no head; --part encoder exports the encoder")
        if description.cleaning.missing == "parent" and description.cleaning.translate == "first_frame":
            raise UserError(f"{description.name}: cannot be exported: unseen joints are read from those they hang on "
                            "(cleaning.missing: parent) before clips are centred")  # fmt: skip
        self.description = description
        self.bodies = bodies_of(description)
        self.encoder = parts.encoder
        self.head = parts.head if head else None
        self.measures = head and parts.neighbours is not None
        if parts.neighbours is not None and self.measures:
            self.register_buffer("mean_D", parts.neighbours.mean_D)
            self.register_buffer("deviation_D", parts.neighbours.deviation_D)
            self.register_buffer("features_GD", parts.neighbours.features_GD.half())
        self.requires_grad_(False)
        self.eval()

    mean_D: Tensor
    deviation_D: Tensor
    features_GD: Tensor

    @property
    def width(self) -> int:
        """D."""
        return feature_width(self.description.model, len(self.encoder.encoder.token_joints))

    def forward(self, joints_NMFVC: Tensor, frames_N: Tensor) -> tuple[Tensor, ...]:
        """What there is of Answer, in its order.

        joints_NMFVC: float32, metres, NaN where a joint or a body was not seen, anything after a clip's last frame.
        frames_N: int64, how many frames each clip has.
        """
        return tuple(part for part in self.answer(joints_NMFVC, frames_N) if part is not None)

    def answer(self, joints_NMFVC: Tensor, frames_N: Tensor) -> Answer:
        """The same by name."""
        x_BTVC, counts_NM = self.prepare(joints_NMFVC, frames_N)
        tokens_BSJD = self.encoder.features(x_BTVC)
        features_ND = self.mean_over_bodies(read_out(tokens_BSJD, self.description.model), counts_NM)
        distance_N = self.distance(features_ND) if self.measures else None
        if self.head is None:
            return Answer(features_ND, None, None, None)
        if isinstance(self.head, Head):
            pooled_NF = self.mean_over_bodies(tokens_BSJD.mean(1).flatten(1), counts_NM)
            score_NK = self.head.contract(torch.relu(self.head.norm(self.head.expand(pooled_NF))))
        else:
            score_NK = self.head(features_ND)
        calibration = self.description.calibration
        temperature = 1.0 if calibration is None else calibration.temperature
        return Answer(features_ND, score_NK, torch.softmax(score_NK / temperature, dim=1), distance_N)

    def prepare(self, joints_NMFVC: Tensor, frames_N: Tensor) -> tuple[Tensor, Tensor]:
        """What the encoder takes, (B, T, V, C), and how much each body counts, (N, M)."""
        settings, augment = self.description.cleaning, self.description.augment
        clips, bodies, frames = joints_NMFVC.shape[:3]
        frames_N = frames_N.clamp(max=settings.max_frames)
        inside_NF = torch.arange(frames) < frames_N[:, None]
        seen_NMFV = ~joints_NMFVC.isnan().any(-1) & inside_NF[:, None, :, None]
        joints_NMFVC = joints_NMFVC.where(seen_NMFV[..., None], 0.0)
        if settings.translate == "first_frame":
            origin_N3 = self.origin(joints_NMFVC, seen_NMFV)
            joints_NMFVC = (joints_NMFVC - origin_N3[:, None, None, None]).where(seen_NMFV[..., None], 0.0)
        present_NM = (joints_NMFVC != 0).flatten(2).any(-1).to(joints_NMFVC.dtype)
        counts_NM = present_NM if self.description.absent_bodies == "drop" else torch.ones_like(present_NM)
        start_N, length_N = centre_crop(frames_N, augment.test_crop)
        first_B = torch.arange(clips * bodies) * frames + start_N.repeat_interleave(bodies)
        resampling = Resampling(first_B, length_N.repeat_interleave(bodies), self.description.model.frames)
        x_BTVC = resampling.read(joints_NMFVC.flatten(0, 2))
        if augment.stream == "motion":
            x_BTVC = motion(x_BTVC)
        elif augment.stream == "bone":
            x_BTVC = bones(x_BTVC, self.description.skeleton.parents)
        return x_BTVC, counts_NM

    def origin(self, joints_NMFVC: Tensor, seen_NMFV: Tensor) -> Tensor:
        """(N, 3): where the first body's centring joint is when it is first seen.

        NaN if it never is; so is all that follows from it.
        """
        centre = self.description.skeleton.centre
        there_NF = seen_NMFV[:, 0, :, centre] & (joints_NMFVC[:, 0] != 0).flatten(2).any(-1)
        first_N11 = there_NF.int().argmax(1)[:, None, None].expand(-1, 1, 3)
        origin_N3 = joints_NMFVC[:, 0, :, centre].gather(1, first_N11).squeeze(1)
        return origin_N3.where(there_NF.any(1, keepdim=True), torch.nan)

    def mean_over_bodies(self, values_BD: Tensor, counts_NM: Tensor) -> Tensor:
        """The mean of each clip's bodies that count, (N, D)."""
        values_NMD = values_BD.unflatten(0, counts_NM.shape)
        return (values_NMD * counts_NM[..., None]).sum(1) / counts_NM.sum(1, keepdim=True)

    def distance(self, features_ND: Tensor) -> Tensor:
        """(N,): the distance to the nearest training clip (hacm.models.familiarity).

        It is computed by products in float64, which are 0 within 1e-6 for equal clips, and need no (N, G, D).
        """
        scaled_ND = ((features_ND - self.mean_D) / self.deviation_D).double()
        kept_GD = self.features_GD.double()
        square_NG = (
            scaled_ND.square().sum(1, keepdim=True) + kept_GD.square().sum(1) - 2 * (scaled_ND @ kept_GD.mT)
        ).clamp(min=0.0)
        return (square_NG.amin(1).sqrt() / features_ND.shape[1] ** 0.5).float()
