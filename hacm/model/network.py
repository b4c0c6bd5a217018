"""HA-CM: joints in, loss or features out (hacm.md §1–§5). Each step's equation is in the module that it calls.

Suffixes: B sequences, T frames, V joints, J token joints, C coordinates, S segments, P values of a patch, L tokens in
branch order, K kept tokens, Q predicted tokens, D width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hacm.model.chunks import chunked_errors, worth_chunking
from hacm.model.decoder import CrossDecoder, build_decoder
from hacm.model.geometry import space_of
from hacm.model.losses import (
    branch_means,
    contrast_loss,
    reconstruction_loss,
    selection_loss,
    token_errors,
    total_loss,
)
from hacm.model.masking import Masking, Selection, draw_uniform
from hacm.model.targets import compute_target, energy_weights, target_size
from hacm.model.tokens import from_branches, patches, take
from hacm.model.transformer import COORDINATES, Encoder, token_joints
from hacm.settings import LossSettings, MaskingSettings, ModelSettings, check_together
from hacm.skeletons.skeleton import Skeleton


@dataclass(frozen=True)
class Output:
    """One pretraining pass. loss, reconstruction, contrast: scalars (contrast 0 where it is off).

    mask_BSJ: True where a token is hidden. prediction_BSJP: 0 where nothing is predicted. target_BSJP: the normalised
    target. All by true segment and joint.
    """

    loss: Tensor
    reconstruction: Tensor
    contrast: Tensor
    mask_BSJ: Tensor
    prediction_BSJP: Tensor
    target_BSJP: Tensor


@dataclass(frozen=True)
class PerSequence:
    """What a pass says of each sequence by itself.

    The losses are functions of it over a batch (HACM.losses), which may be put together from several processes.

    mask_BSJ: True where a token is hidden. error_BSJ: squared error of each token. weight_BSJ: how much it counts, 0
    where the token is seen or not predicted. means: f_t, f_s, f (losses.py), each (B, D); None where the contrast term
    is off. log_probability_B: of what was drawn; None unless attention is learned.
    """

    mask_BSJ: Tensor
    error_BSJ: Tensor
    weight_BSJ: Tensor
    means: tuple[Tensor, Tensor, Tensor] | None
    log_probability_B: Tensor | None
    prediction_BSJP: Tensor
    target_BSJP: Tensor


@dataclass(frozen=True)
class Losses:
    """Scalars; contrast is 0 where it is off."""

    loss: Tensor
    reconstruction: Tensor
    contrast: Tensor


class HACM(nn.Module):
    """Masked autoencoder of skeleton sequences with hierarchy- and attention-guided cross-masking.

    Raises ValueError if the settings cannot work together (settings.check_together) or leave no token to see.
    """

    def __init__(self, skeleton: Skeleton, model: ModelSettings, masking: MaskingSettings, loss: LossSettings) -> None:
        super().__init__()
        check_together(model, masking, loss)
        self.skeleton = skeleton
        self.model_settings = model
        self.masking_settings = masking
        self.loss_settings = loss
        self.segments = model.frames // model.segment
        self.joints = len(token_joints(skeleton, model))
        self.space = space_of(model.hyperbolic, model.curvature, model.arithmetic)
        self.encoder = Encoder(skeleton, model, self.space)
        self.decoder = build_decoder(self.joints, model, target_size(loss, model.segment * COORDINATES))
        self.masking = Masking(self.joints, model, masking, self.space)
        hidden = self.segments * self.joints - sum(self.masking.budget.kept)
        self.predicted = max(1, round(loss.predicted * hidden))

    def forward(
        self,
        x_BTVC: Tensor,
        hierarchy_BTJ: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        noise: Tensor | None = None,
    ) -> Output:
        """Mask, encode what is left, predict the rest, compare.

        x_BTVC: sequences in metres. hierarchy_BTJ: their frames' joint hierarchies, needed where masking.spatial.source
        uses them. noise: uniform, (B, draws), of the tokens in branch order; drawn with `generator` if not given.
        """
        each = self.forward_each(x_BTVC, hierarchy_BTJ, self.draw_noise(x_BTVC, generator, noise))
        losses = self.losses(each)
        return Output(
            losses.loss,
            losses.reconstruction,
            losses.contrast,
            each.mask_BSJ,
            each.prediction_BSJP,
            each.target_BSJP,
        )

    def forward_each(self, x_BTVC: Tensor, hierarchy_BTJ: Tensor | None, noise_BL: Tensor) -> PerSequence:
        """All of a pass that concerns one sequence at a time: no sequence's each depends on the others."""
        noise_BL, asking_BL = noise_BL.split(self.segments * self.joints, dim=1) if self.asks else (noise_BL, None)
        with torch.no_grad():  # no gradient flows through the selection (§3)
            embedded_BSJD = self.encoder.embed(x_BTVC)
        selection = self.select(x_BTVC, embedded_BSJD, hierarchy_BTJ, noise_BL)
        latent_BKD = self.encoder.encode(self.encoder.embed_kept(x_BTVC, selection.keep_BK))
        target_BSJP = self.target(x_BTVC)
        mask_BSJ = from_branches(selection.mask_BL, self.segments)
        cell_BQ = None if asking_BL is None else self.ask(mask_BSJ, asking_BL)
        weight_BSJ = self.weights(x_BTVC, mask_BSJ, cell_BQ)
        error_BSJ, prediction_BSJP = self.predict(latent_BKD, selection.keep_BK, target_BSJP, weight_BSJ, cell_BQ)
        return PerSequence(
            mask_BSJ=mask_BSJ,
            error_BSJ=error_BSJ,
            weight_BSJ=weight_BSJ,
            means=self.means(latent_BKD, selection) if self.loss_settings.contrast else None,
            log_probability_B=(
                self.masking.log_probability(embedded_BSJD, selection.keep_BK, noise_BL)
                if self.masking.learns
                else None
            ),
            prediction_BSJP=prediction_BSJP,
            target_BSJP=target_BSJP,
        )

    @property
    def asks(self) -> bool:
        """Whether the decoder predicts the tokens that it is asked for, and no others."""
        return isinstance(self.decoder, CrossDecoder)

    @torch.no_grad()
    def ask(self, mask_BSJ: Tensor, noise_BL: Tensor) -> Tensor:
        """The cells that are predicted, drawn from the masked ones alike: (B, Q)."""
        chance_BL = noise_BL.masked_fill(~mask_BSJ.flatten(1), -1.0)
        return chance_BL.topk(self.predicted, dim=1, sorted=False).indices

    @torch.no_grad()
    def weights(self, x_BTVC: Tensor, mask_BSJ: Tensor, cell_BQ: Tensor | None) -> Tensor:
        """How much each token's error counts: (B, S, J)."""
        if cell_BQ is None:
            weight_BSJ = mask_BSJ.float()
        else:
            weight_BSJ = x_BTVC.new_zeros(mask_BSJ.flatten(1).shape).scatter(1, cell_BQ, 1.0).view(mask_BSJ.shape)
        if self.loss_settings.weight == "energy":
            x_BTJC = self.encoder.token_coordinates(x_BTVC)
            weight_BSJ = weight_BSJ * energy_weights(x_BTJC, self.model_settings.segment)
        return weight_BSJ

    def predict(
        self, latent_BKD: Tensor, keep_BK: Tensor, target_BSJP: Tensor, weight_BSJ: Tensor, cell_BQ: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The tokens' errors, (B, S, J), and predictions, (B, S, J, P); both 0 where nothing is predicted."""
        if cell_BQ is None:
            if worth_chunking(latent_BKD):
                return chunked_errors(self.decoder, latent_BKD, keep_BK, target_BSJP, weight_BSJ)
            prediction_BSJP = self.decoder(latent_BKD, keep_BK)
            return token_errors(prediction_BSJP, target_BSJP), prediction_BSJP
        prediction_BQP = self.decoder(latent_BKD, keep_BK, cell_BQ).float()
        error_BQ = token_errors(prediction_BQP, take(target_BSJP.flatten(1, 2), cell_BQ))
        error_BL = torch.zeros_like(target_BSJP[..., 0]).flatten(1).scatter(1, cell_BQ, error_BQ)
        place_BQP = cell_BQ[..., None].expand_as(prediction_BQP)
        prediction_BLP = torch.zeros_like(target_BSJP).flatten(1, 2).scatter(1, place_BQP, prediction_BQP.detach())
        return error_BL.view(weight_BSJ.shape), prediction_BLP.view(target_BSJP.shape)

    def losses(self, each: PerSequence) -> Losses:
        """What is to be made small, over a whole batch: means over its hidden tokens, contrast among its sequences."""
        reconstruction = reconstruction_loss(each.error_BSJ, each.weight_BSJ)
        contrast = reconstruction.new_zeros(()) if each.means is None else contrast_loss(*each.means)
        loss = total_loss(reconstruction, contrast, self.loss_settings)
        if each.log_probability_B is not None:
            loss = loss + selection_loss(each.log_probability_B, each.error_BSJ, each.weight_BSJ)
        return Losses(loss, reconstruction, contrast)

    def features(self, x_BTVC: Tensor) -> Tensor:
        """The evaluation encoder (hacm.md §6): all tokens, nothing masked; (B, S, J, D)."""
        return self.encoder(x_BTVC)

    @torch.no_grad()
    def token_mask(
        self,
        x_BTVC: Tensor,
        hierarchy_BTJ: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        noise: Tensor | None = None,
    ) -> Tensor:
        """Which tokens a pretraining pass would hide, by true segment and joint: bool (B, S, J), True = masked."""
        noise_BL = self.draw_noise(x_BTVC, generator, noise)[:, : self.segments * self.joints]
        selection = self.select(x_BTVC, self.encoder.embed(x_BTVC), hierarchy_BTJ, noise_BL)
        return from_branches(selection.mask_BL, self.segments)

    @property
    def draws(self) -> int:
        """Uniform draws per sequence: one per token for the masking, and as many for what is asked."""
        return self.segments * self.joints * (2 if self.asks else 1)

    def draw_noise(self, x_BTVC: Tensor, generator: torch.Generator | None, noise: Tensor | None) -> Tensor:
        """The noise of a pass: what was given, or else drawn. ValueError if what was given does not fit."""
        needed = (len(x_BTVC), self.draws)
        if noise is None:
            return draw_uniform(*needed, x_BTVC.device, generator)
        if noise.shape != needed:
            raise ValueError(f"noise has shape {tuple(noise.shape)}, but {needed} is needed")
        return noise

    @torch.no_grad()
    def select(
        self, x_BTVC: Tensor, embedded_BSJD: Tensor, hierarchy_BTJ: Tensor | None, noise_BL: Tensor
    ) -> Selection:
        """Which tokens the encoder sees. ValueError if the hierarchies do not fit."""
        if self.masking_settings.needs_hierarchies:
            self._check_hierarchy(x_BTVC, hierarchy_BTJ)
        patches_BSJP = patches(self.encoder.token_coordinates(x_BTVC), self.model_settings.segment)
        roots_BSRD = self.encoder.embed_roots(x_BTVC) if self.masking_settings.needs_features else None
        return self.masking(patches_BSJP, embedded_BSJD, roots_BSRD, hierarchy_BTJ, noise_BL)

    def _check_hierarchy(self, x_BTVC: Tensor, hierarchy_BTJ: Tensor | None) -> None:
        needed = (*x_BTVC.shape[:2], self.joints)
        found = None if hierarchy_BTJ is None else tuple(hierarchy_BTJ.shape)
        if found != needed:
            source = self.masking_settings.spatial.source
            raise ValueError(f"masking.spatial.source {source} needs hierarchies of shape {needed}, but got {found}")

    @torch.no_grad()
    def target(self, x_BTVC: Tensor) -> Tensor:
        """What the decoder should predict, (B, S, J, P)."""
        x_BTJC = self.encoder.token_coordinates(x_BTVC)
        return compute_target(x_BTJC, self.space, self.model_settings.segment, self.loss_settings)

    def means(self, latent_BKD: Tensor, selection: Selection) -> tuple[Tensor, Tensor, Tensor]:
        """What the cross-contrast term compares: f_t, f_s, f."""
        assert selection.temporal is not None
        return branch_means(latent_BKD[:, : selection.temporal], latent_BKD[:, selection.temporal :])
