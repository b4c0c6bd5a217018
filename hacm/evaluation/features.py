"""Frozen features (hacm.md §6): the evaluation encoder's tokens, read out as one vector per clip.

Shapes: N clips, B sequences, S segments, J token joints, D width.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor

from hacm.checkpoints.checkpoint import encoder_hash
from hacm.clips.augment import AbsentBodies, sample_batch
from hacm.clips.ragged import Clips
from hacm.model.readout import feature_width, read_out
from hacm.model.transformer import Encoder
from hacm.settings import AugmentSettings, ModelSettings
from hacm.threads import make_pool

# Clips encoded at a time; no figure depends on it beyond rounding.
BATCH = 128
# Sequences that a thread encodes at a time on a CPU: few enough for their tensors to stay in its cache.
PIECE = 8


class Encodes(Protocol):
    """What encodes clips: a whole model, or an encoder that was taken out of one."""

    training: bool

    @property
    def model_settings(self) -> ModelSettings:
        """The sizes and choices that the encoder was built with."""
        ...

    @property
    def encoder(self) -> Encoder:
        """The part whose weights must not change."""
        ...

    def features(self, x_BTVC: Tensor) -> Tensor:
        """The tokens (B, S, J, D) of sequences (B, T, V, 3), nothing masked."""
        ...

    def train(self, mode: bool = True) -> Any:
        """Switch between training and evaluation mode, as torch's modules do."""
        ...


@contextmanager
def frozen(model: Encodes) -> Iterator[None]:
    """Evaluation mode inside, and proof that the encoder was not changed: its weights are hashed before and after.

    RuntimeError if they differ. The model's mode is as before afterwards.
    """
    before = encoder_hash(model)
    training = model.training
    model.train(False)
    try:
        yield
    finally:
        model.train(training)
    if encoder_hash(model) != before:
        raise RuntimeError("the encoder's weights changed while they were to be frozen")


def extract(
    model: Encodes,
    clips: Clips,
    index_N: Tensor,
    augment: AugmentSettings,
    *,
    training: bool,
    absent_bodies: AbsentBodies,
    generator: torch.Generator | None = None,
    batch: int = BATCH,
) -> Tensor:
    """Features (N, D) of the clips `index_N`, by the frozen model, on the clips' device.

    training: one random view of each (crop and rotation drawn from `generator`); otherwise the centre crop.
    """
    with frozen(model):
        return encode(
            model,
            clips,
            index_N,
            augment,
            training=training,
            absent_bodies=absent_bodies,
            generator=generator,
            batch=batch,
        )


def encode(
    model: Encodes,
    clips: Clips,
    index_N: Tensor,
    augment: AugmentSettings,
    *,
    training: bool,
    absent_bodies: AbsentBodies,
    generator: torch.Generator | None = None,
    batch: int = BATCH,
    on_clips: Callable[[int], None] | None = None,
) -> Tensor:
    """What `extract` does, for callers that hold the model frozen around several calls.

    on_clips: called before each batch with the number of clips done.
    """
    settings = model.model_settings
    width = feature_width(settings, len(model.encoder.token_joints))
    features_ND = torch.empty(len(index_N), width, device=clips.device)  # made outside inference mode
    with torch.inference_mode(), make_pool() as pool:
        for start in range(0, len(index_N), batch):
            if on_clips is not None:
                on_clips(start)
            part_N = index_N[start : start + batch]
            sample = sample_batch(
                clips,
                part_N,
                augment,
                settings.frames,
                training=training,
                absent_bodies=absent_bodies,
                generator=generator,
            )
            pooled_BD = pool_tokens(model, sample.x_BTVC, pool)
            features_ND[start : start + batch] = mean_over_bodies(pooled_BD, sample.clip_B, len(part_N))
    return features_ND


def pool_tokens(model: Encodes, x_BTVC: Tensor, pool: ThreadPoolExecutor) -> Tensor:
    """Each sequence's tokens, read out, (B, D); on a CPU each thread of the pool encodes whole sequences."""

    def encode_piece(piece_BTVC: Tensor) -> Tensor:
        with torch.inference_mode():  # a thread's own
            return read_out(model.features(piece_BTVC), model.model_settings)

    if x_BTVC.device.type != "cpu":
        return encode_piece(x_BTVC)
    return torch.cat(list(pool.map(encode_piece, x_BTVC.split(PIECE))))


def mean_over_bodies(pooled_BD: Tensor, clip_B: Tensor, clips: int) -> Tensor:
    """The mean of each clip's sequences, (N, D). With absent bodies kept they count too, as released."""
    sum_ND = pooled_BD.new_zeros(clips, pooled_BD.shape[1]).index_add_(0, clip_B, pooled_BD)
    count_N = pooled_BD.new_zeros(clips).index_add_(0, clip_B, pooled_BD.new_ones(len(clip_B)))
    return sum_ND / count_N[:, None]
