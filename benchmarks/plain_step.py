"""The textbook step: HA-CM's equations (docs/hacm.md) written down as they stand, the yardstick for the project's own.

One clip at a time is cropped, interpolated and rotated on the CPU; both bodies are kept, absent or not; attention holds
its softmax matrices; distances are taken over broadcast points (B, S, J, J, D), as geoopt's would be; tokens are
shuffled by sorting. The loss is the project's (a test compares them). Written for this purpose alone; of the project it
uses nothing but settings and the weights' names.

Covered: `variant: paper`, cross-masking with the features' hierarchies, both losses as a sum (the published recipe).
Suffixes as in hacm/model/network.py; N clips, M bodies.
"""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from hacm.settings import TrainSettings
from hacm.skeletons.skeleton import Skeleton

LIMIT = 1 - 1e-6


class PlainModel:
    """The loss as a function of named weights."""

    def __init__(self, weights: Mapping[str, Tensor], settings: TrainSettings, skeleton: Skeleton) -> None:
        check_covered(settings)
        frozen = ("masking.",)
        self.weights = {
            name: value.detach().clone().requires_grad_(not name.startswith(frozen)) for name, value in weights.items()
        }
        self.settings = settings
        self.kept_joints = list(skeleton.kept)
        self.roots = list(skeleton.roots)

    def parameters(self) -> list[Tensor]:
        """What is trained."""
        return [value for value in self.weights.values() if value.requires_grad]

    def loss(self, x_BTVC: Tensor, noise_BL: Tensor) -> Tensor:
        """Reconstruction plus cross-contrast of sequences, with uniform noise in branch order."""
        model = self.settings.model
        x_BTJC, roots_BTRC = x_BTVC[:, :, self.kept_joints], x_BTVC[:, :, self.roots]
        embedded_BSJD = (
            self.linear(cut(x_BTJC, model.segment), "encoder.embedding")
            + self.weights["encoder.segment_embedding"][None, :, None]
            + self.weights["encoder.joint_embedding"][None, None]
        )
        roots_BSRD = self.linear(cut(roots_BTRC, model.segment), "encoder.embedding")
        order_BL, kept = self.shuffle(embedded_BSJD, roots_BSRD, noise_BL)

        points_BLD = branch_order(exponential(embedded_BSJD, model.curvature))
        latent_BKD = gather(points_BLD, order_BL[:, :kept])
        for block in range(model.encoder_blocks):
            latent_BKD = self.block(latent_BKD, f"encoder.blocks.{block}")
        latent_BKD = self.norm(latent_BKD, "encoder.norm")

        prediction_BLP = self.decode(latent_BKD, order_BL)
        motion_BTJC = torch.zeros_like(x_BTJC)
        motion_BTJC[:, :-1] = x_BTJC[:, 1:] - x_BTJC[:, :-1]
        target_BLP = branch_order(cut(exponential(motion_BTJC, model.curvature), model.segment))
        target_BLP = (target_BLP - target_BLP.mean(-1, keepdim=True)) / (target_BLP.var(-1, keepdim=True) + 1e-6) ** 0.5
        hidden_BL = torch.ones_like(noise_BL).scatter(1, order_BL[:, :kept], 0)
        error_BL = ((prediction_BLP - target_BLP) ** 2).mean(-1)
        return (error_BL * hidden_BL).sum() / hidden_BL.sum() + contrast(latent_BKD)

    def shuffle(self, embedded_BSJD: Tensor, roots_BSRD: Tensor, noise_BL: Tensor) -> tuple[Tensor, int]:
        """All tokens' places in branch order, those that are kept first, and how many they are."""
        masking = self.settings.masking
        scores = (self.temporal_scores(embedded_BSJD[:, 0::2]), self.spatial_scores(embedded_BSJD, roots_BSRD))
        kept, hidden, start = [], [], 0
        for scores_Bn in scores:
            size = scores_Bn.shape[1]
            sharp_Bn = scores_Bn / (masking.tau * scores_Bn.max(-1, keepdim=True).values + 1e-10)
            noise_Bn = noise_BL[:, start : start + size]
            gumbel_Bn = -torch.log(-torch.log(noise_Bn + 1e-10) + 1e-10)
            keys_Bn = torch.log(torch.softmax(sharp_Bn, -1)) + gumbel_Bn
            places_Bn = torch.argsort(keys_Bn, dim=1, descending=True) + start
            count = int(size * (1 - masking.ratio))
            kept.append(places_Bn[:, :count])
            hidden.append(places_Bn[:, count:])
            start += size
        return torch.cat(kept + hidden, 1), sum(each.shape[1] for each in kept)

    def temporal_scores(self, even_BSJD: Tensor) -> Tensor:
        """How much attention each joint's segment receives; (B, n) segment-major."""
        query, key = self.linear(even_BSJD, "masking.query"), self.linear(even_BSJD, "masking.key")
        scores_BJSS = torch.einsum("btjd,bujd->bjtu", query, key) / math.sqrt(query.shape[-1])
        return torch.softmax(scores_BJSS, -1).sum(2).permute(0, 2, 1).flatten(1).detach()

    def spatial_scores(self, embedded_BSJD: Tensor, roots_BSRD: Tensor) -> Tensor:
        """The joints' hyperbolic hierarchy in odd segments; (B, n) segment-major."""
        curvature = self.settings.model.curvature
        odd_BSJD = exponential(embedded_BSJD[:, 1::2], curvature)
        father_BSD = exponential(roots_BSRD[:, 1::2], curvature).mean(-2)
        among_BSJJ = distance(odd_BSJD.unsqueeze(-2), odd_BSJD.unsqueeze(-3), curvature)
        father_BSJ = distance(father_BSD.unsqueeze(-2), odd_BSJD, curvature)
        weight = self.settings.masking.spatial.root_weight
        return (among_BSJJ.sum(-2) + weight * father_BSJ).flatten(1).detach()

    def decode(self, latent_BKD: Tensor, order_BL: Tensor) -> Tensor:
        """Predictions for all tokens in branch order; the tokens pass the decoder in that order too."""
        batch, kept, dim = latent_BKD.shape
        tokens = order_BL.shape[1]
        hidden_BLD = self.weights["decoder.mask_token"].repeat(batch, tokens - kept, 1)
        shuffled_BLD = torch.cat([self.linear(latent_BKD, "decoder.embedding"), hidden_BLD], 1)
        x_BLD = gather(shuffled_BLD, torch.argsort(order_BL, dim=1))
        position_SJD = self.weights["decoder.segment_embedding"][:, None] + self.weights["decoder.joint_embedding"]
        x_BLD = x_BLD + branch_order(position_SJD[None].expand(batch, -1, -1, dim))
        for block in range(self.settings.model.decoder_blocks):
            x_BLD = self.block(x_BLD, f"decoder.blocks.{block}")
        return self.linear(self.norm(x_BLD, "decoder.norm"), "decoder.head")

    def block(self, x_BLD: Tensor, name: str) -> Tensor:
        """Pre-norm attention and MLP."""
        x_BLD = x_BLD + self.attention(self.norm(x_BLD, f"{name}.norm1"), f"{name}.attention")
        hidden_BLD = F.gelu(self.linear(self.norm(x_BLD, f"{name}.norm2"), f"{name}.mlp.expand"))
        return x_BLD + self.linear(hidden_BLD, f"{name}.mlp.contract")

    def attention(self, x_BLD: Tensor, name: str) -> Tensor:
        """softmax(QKᵀ/√E)·V with the matrix in memory."""
        batch, tokens, dim = x_BLD.shape
        heads = self.settings.model.heads
        qkv = self.linear(x_BLD, f"{name}.qkv").reshape(batch, tokens, 3, heads, dim // heads).permute(2, 0, 3, 1, 4)
        weight_BHLL = torch.softmax(qkv[0] @ qkv[1].transpose(-2, -1) / math.sqrt(dim // heads), -1)
        return self.linear((weight_BHLL @ qkv[2]).transpose(1, 2).reshape(batch, tokens, dim), f"{name}.projection")

    def linear(self, x: Tensor, name: str) -> Tensor:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], 1e-5)


def check_covered(settings: TrainSettings) -> None:
    """ValueError for settings that the plain step does not know."""
    model, masking, loss = settings.model, settings.masking, settings.loss
    known = (
        model.arithmetic == "textbook" and model.prune and model.hyperbolic and model.frames // model.segment % 2 == 0,
        masking.strategy == "hacm" and masking.spatial.enabled and masking.spatial.source == "features",
        masking.temporal.enabled and not (masking.temporal.scale or masking.temporal.normalize_over),
        loss.contrast and loss.combine == "sum",
    )
    if not all(known):
        raise ValueError("the plain step knows the published recipe only (release), at any size")


def cut(x_BTJC: Tensor, segment: int) -> Tensor:
    """(B, S, J, P)."""
    batch, frames, joints, coordinates = x_BTJC.shape
    cut_BSrJC = x_BTJC.reshape(batch, frames // segment, segment, joints, coordinates)
    return cut_BSrJC.permute(0, 1, 3, 2, 4).reshape(batch, frames // segment, joints, segment * coordinates)


def branch_order(cells_BSJD: Tensor) -> Tensor:
    """Even segments' tokens, then odd ones'."""
    return torch.cat([cells_BSJD[:, 0::2].flatten(1, 2), cells_BSJD[:, 1::2].flatten(1, 2)], 1)


def gather(tokens_BLD: Tensor, places_BK: Tensor) -> Tensor:
    return torch.gather(tokens_BLD, 1, places_BK.unsqueeze(-1).repeat(1, 1, tokens_BLD.shape[-1]))


def exponential(vector: Tensor, curvature: float) -> Tensor:
    """exp_0, kept inside the ball."""
    norm = curvature**0.5 * vector.norm(dim=-1, keepdim=True).clamp_min(1e-15)
    return torch.tanh(norm).clamp_max(LIMIT) * vector / norm


def distance(x: Tensor, y: Tensor, curvature: float) -> Tensor:
    """Geodesic distance of broadcast points."""
    gap = (1 - curvature * (x * x).sum(-1)) * (1 - curvature * (y * y).sum(-1))
    squared = ((x - y) ** 2).sum(-1)
    return torch.arccosh(1 + 2 * curvature * squared / gap.clamp_min(1e-12)) / curvature**0.5


def contrast(latent_BKD: Tensor) -> Tensor:
    """Three softmaxed similarities against the identity."""
    half = latent_BKD.shape[1] // 2
    first, second, whole = latent_BKD[:, :half].mean(1), latent_BKD[:, half:].mean(1), latent_BKD.mean(1)
    same = torch.eye(len(whole), device=whole.device)
    pairs = ((first, whole), (second, whole), (first, second))
    return sum(
        (F.mse_loss(torch.softmax(a @ b.T, -1), same) for a, b in pairs), torch.zeros((), device=latent_BKD.device)
    )


# ---- loading --------------------------------------------------------------------------------------------------------


def load_batch(clips: list[Tensor], draws_ND: Tensor, settings: TrainSettings) -> Tensor:
    """Clip by clip (M, F, V, C): crop, interpolate, rotate; stacked as sequences (N·M, T, V, C).

    draws_ND: of each clip, uniform: crop fraction, crop place, three angles.
    """
    return torch.cat([load_clip(clip, draws_D, settings) for clip, draws_D in zip(clips, draws_ND, strict=True)])


def load_clip(clip_MFVC: Tensor, draws_D: Tensor, settings: TrainSettings) -> Tensor:
    augment = settings.augment
    bodies, frames, joints, coordinates = clip_MFVC.shape
    fraction = augment.crop_least + float(draws_D[0]) * (augment.crop_most - augment.crop_least)
    length = min(max(math.floor(frames * fraction), augment.min_frames), frames)
    start = min(math.floor(float(draws_D[1]) * (frames - length + 1)), frames - length)
    rows = clip_MFVC[:, start : start + length].permute(0, 2, 3, 1).reshape(1, 1, -1, length)
    size = (rows.shape[2], settings.model.frames)
    resampled = F.interpolate(rows, size=size, mode="bilinear", align_corners=False)
    x_MTVC = resampled.reshape(bodies, joints, coordinates, -1).permute(0, 3, 1, 2)
    return x_MTVC @ rotation((draws_D[2:] * 2 - 1) * augment.rotation).to(x_MTVC.dtype).T


def rotation(angles: Tensor) -> Tensor:
    """Rz·Ry·Rx."""
    x, y, z = angles.tolist()
    about_x = torch.tensor([[1, 0, 0], [0, math.cos(x), -math.sin(x)], [0, math.sin(x), math.cos(x)]])
    about_y = torch.tensor([[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]])
    about_z = torch.tensor([[math.cos(z), -math.sin(z), 0], [math.sin(z), math.cos(z), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x
