"""A training that takes a moment: settings, a skeleton of six joints, clips of two kinds that a probe can tell apart."""

from dataclasses import replace

import torch

from hacm.clips.ragged import Clips, pack_clips
from hacm.model.network import HACM
from hacm.settings import (
    AugmentSettings,
    MaskingSettings,
    ModelSettings,
    PretrainSettings,
    TrainSettings,
)
from hacm.skeletons.skeleton import Skeleton
from hacm.training.engine import EpochRecord, Step, pretrain

SKELETON = Skeleton(joints=6, parents=(-1, 0, 1, 2, 1, 4), roots=(0, 1), centre=0)
SETTINGS = TrainSettings(
    model=ModelSettings(dim=16, heads=2, encoder_blocks=1, decoder_blocks=1, mlp_ratio=2, frames=12, segment=3),
    masking=MaskingSettings(ratio=0.5),
    augment=AugmentSettings(min_frames=6),
    pretrain=PretrainSettings(epochs=3, warmup_epochs=1, batch=4, lr=5e-3, min_lr=1e-3, checkpoint_epochs=2),
)


def moving_clips(count: int = 12, seed: int = 0) -> Clips:
    """Joints on circles of their own; one clip in three has two bodies. Label 1 is wider and turns faster."""
    generator = torch.Generator().manual_seed(seed)
    clips = []
    for clip in range(count):
        bodies, frames = 1 + (clip % 3 == 0), 15 + clip
        phase = torch.rand(bodies, 1, 6, generator=generator) + torch.arange(6.0)
        angle = (1 + 2 * (clip % 2)) * torch.arange(frames)[None, :, None] / 6 + phase
        radius = 0.2 + 0.5 * (clip % 2)
        height = torch.arange(6.0).expand_as(angle) / 3
        clips.append(torch.stack([angle.cos() * radius, height, angle.sin() * radius], -1))
    return pack_clips(clips, [clip % 2 for clip in range(count)])


def with_pretrain(**changes: object) -> TrainSettings:
    return replace(SETTINGS, pretrain=replace(SETTINGS.pretrain, **changes))  # type: ignore[arg-type]


def train(
    settings: TrainSettings = SETTINGS, clips: Clips | None = None, seed: int = 0, steps: list[Step] | None = None
) -> tuple[HACM, list[EpochRecord]]:
    """A whole pretraining on the CPU."""
    clips = moving_clips() if clips is None else clips
    return pretrain(
        clips,
        torch.arange(len(clips)),
        SKELETON,
        settings,
        seed=seed,
        state_dir=None,
        fingerprint="",
        device="cpu",
        on_step=None if steps is None else steps.append,
    )
