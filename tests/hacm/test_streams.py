"""The bone stream by a plain loop, and through everything that joints go through."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from hacm.checkpoints.checkpoint import encoder_hash
from hacm.clips.augment import Batch, sample_batch, seeded
from hacm.clips.ragged import Clips, pack_clips
from hacm.evaluation.features import extract
from hacm.hierarchy import frame_hierarchy
from hacm.settings import AugmentSettings, MaskingSettings, ModelSettings, PretrainSettings, SpatialSettings
from hacm.skeletons.skeleton import Skeleton
from hacm.training.engine import pretrain
from tests.helpers.every_skeleton import SKELETONS
from tests.helpers.small_training import SETTINGS

JOINT = AugmentSettings(min_frames=6)
BONE = replace(JOINT, stream="bone")


def clips_of(skeleton: Skeleton) -> Clips:
    """Six clips, every other one with a second body, that of the last zero throughout; with hierarchies."""
    generator = torch.Generator().manual_seed(0)
    clips = [torch.randn(1 + number % 2, 14 + number, skeleton.joints, 3, generator=generator) for number in range(6)]
    clips[5][1] = 0
    stored = [
        frame_hierarchy(clip.flatten(0, 1), skeleton, 2.0, 0.01).unflatten(0, tuple(clip.shape[:2])) for clip in clips
    ]
    return pack_clips(clips, [0, 1] * 3, stored, skeleton.parents)


def sample(clips: Clips, augment: AugmentSettings, *, training: bool = True) -> Batch:
    return sample_batch(
        clips, torch.arange(6), augment, 12,
        training=training, absent_bodies="keep", generator=seeded(3, "augment", 0) if training else None,
    )  # fmt: skip


def plain_bones(x_BTVC: Tensor, skeleton: Skeleton) -> Tensor:
    bones = torch.zeros_like(x_BTVC)
    for joint, parent in enumerate(skeleton.parents):
        if parent != -1:
            bones[:, :, joint] = x_BTVC[:, :, joint] - x_BTVC[:, :, parent]
    return bones


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
@pytest.mark.parametrize("training", [True, False])
def test_bones_are_joints_less_their_parents_after_everything_else(skeleton: Skeleton, training: bool) -> None:
    clips = clips_of(skeleton)
    joint, bone = sample(clips, JOINT, training=training), sample(clips, BONE, training=training)
    assert torch.equal(bone.x_BTVC, plain_bones(joint.x_BTVC, skeleton))
    assert not bone.x_BTVC[:, :, skeleton.root].any()
    assert not bone.x_BTVC[~bone.present_B].any()
    assert bone.present_B.tolist() == joint.present_B.tolist()
    assert bone.hierarchy_BTJ is not None
    assert joint.hierarchy_BTJ is not None
    assert torch.equal(bone.hierarchy_BTJ, joint.hierarchy_BTJ)  # of joints, whatever is fed


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_taking_bones_and_rotating_commute(skeleton: Skeleton) -> None:
    clips = clips_of(skeleton)
    still = plain_bones(sample(clips, replace(JOINT, rotation=0.0)).x_BTVC, skeleton)
    straight = replace(clips, joints_RVC=plain_bones(clips.joints_RVC[None], skeleton)[0])
    torch.testing.assert_close(sample(straight, JOINT).x_BTVC, sample(clips, BONE).x_BTVC, atol=2e-5, rtol=1e-5)
    lengths = sample(clips, BONE).x_BTVC.norm(dim=-1)
    torch.testing.assert_close(lengths, still.norm(dim=-1), atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("name", SKELETONS)
@pytest.mark.parametrize(
    "masking", [MaskingSettings(ratio=0.8), MaskingSettings(ratio=0.8, spatial=SpatialSettings(source="mixed"))]
)
def test_pretraining_on_bones_goes_through(name: str, masking: MaskingSettings) -> None:
    skeleton = SKELETONS[name]
    clips = clips_of(skeleton)
    settings = replace(
        SETTINGS, masking=masking, augment=BONE, pretrain=PretrainSettings(epochs=2, warmup_epochs=1, batch=3)
    )
    model, records = pretrain(
        clips, torch.arange(6), skeleton, settings, seed=0, state_dir=None, fingerprint="", device="cpu"
    )
    assert all(0 < record.loss < 100 for record in records)
    other, _ = pretrain(
        clips, torch.arange(6), skeleton, replace(settings, augment=JOINT),
        seed=0, state_dir=None, fingerprint="", device="cpu",
    )  # fmt: skip
    assert encoder_hash(model) != encoder_hash(other)
    found = extract(model, clips, torch.arange(6), BONE, training=False, absent_bodies="drop")
    model.eval()
    bones = plain_bones(sample(clips, JOINT, training=False).x_BTVC[0:1], skeleton)
    torch.testing.assert_close(found[0], model.features(bones).mean((0, 1, 2)))


def test_bones_without_pruning_and_hyperbolic_mapping() -> None:
    skeleton = SKELETONS["invented"]
    model = ModelSettings(
        dim=16, heads=2, encoder_blocks=1, decoder_blocks=1, frames=12, prune=False, hyperbolic=False
    )  # fmt: skip
    settings = replace(SETTINGS, model=model, augment=BONE)
    _, records = pretrain(
        clips_of(skeleton), torch.arange(6), skeleton, settings, seed=0, state_dir=None, fingerprint="", device="cpu"
    )
    assert all(0 < record.loss < 100 for record in records)


def test_bones_need_the_skeleton() -> None:
    skeleton = SKELETONS["invented"]
    clips = clips_of(skeleton)
    unknown = replace(clips, parents=None)
    with pytest.raises(ValueError, match="which joint hangs on which"):
        sample(unknown, BONE)
    for wrong in (unknown, replace(clips, parents=(-1, *range(10)))):
        with pytest.raises(ValueError, match=r"augment.stream bone: the clips have parents"):
            pretrain(
                wrong, torch.arange(6), skeleton, replace(SETTINGS, augment=BONE),
                seed=0, state_dir=None, fingerprint="", device="cpu",
            )  # fmt: skip
    with pytest.raises(ValueError, match="3 parents do not fit 11 joints"):
        replace(clips, parents=(-1, 0, 1))
