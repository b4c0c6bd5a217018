"""Every skeleton goes through everything: the shipped ones, and one that nobody has."""

from pathlib import Path

import numpy as np
import pytest
import torch

from hacm.checkpoints import checkpoint
from hacm.clips.ragged import Clips, pack_clips
from hacm.evaluation import ridge
from hacm.evaluation.task import Task
from hacm.hierarchy import embed_tree, frame_hierarchy
from hacm.protocols import knn, linear
from hacm.settings import (
    AugmentSettings,
    LossSettings,
    MaskingSettings,
    ModelSettings,
    PretrainSettings,
    SpatialSettings,
    TrainSettings,
    TreeSettings,
    token_budget,
)
from hacm.skeletons.skeleton import Skeleton
from hacm.training.engine import pretrain
from tests.helpers.every_skeleton import CRAB, SKELETONS

STRATEGIES = {
    "published": (MaskingSettings(ratio=0.8), LossSettings(), True),
    "stored hierarchies": (MaskingSettings(ratio=0.8, spatial=SpatialSettings(source="mixed")), LossSettings(), True),
    "motion, all joints": (MaskingSettings(strategy="motion", ratio=0.8), LossSettings(contrast=False), False),
}


def test_all_are_there() -> None:
    assert sorted(skeleton.joints for skeleton in SKELETONS.values()) == [
        11,
        15,
        17,
        19,
        19,
        20,
        20,
        22,
        25,
        25,
        26,
        35,
    ]


def moving_clips(skeleton: Skeleton) -> Clips:
    """Eight clips of two classes, some with two bodies, joints on circles of their own, with their hierarchies."""
    generator = torch.Generator().manual_seed(0)
    clips = []
    for number in range(8):
        time = torch.arange(20.0 + number)[None, :, None] / (3 + 2 * (number % 2))
        angle = time + 6 * torch.rand(1 + number % 3 // 2, 1, skeleton.joints, generator=generator)
        clips.append(torch.stack([angle.cos(), torch.arange(skeleton.joints) / 9 + 0 * angle, angle.sin()], -1))
    stored = [
        frame_hierarchy(clip.flatten(0, 1), skeleton, 2.0, 0.01).unflatten(0, tuple(clip.shape[:2])) for clip in clips
    ]
    return pack_clips(clips, [number % 2 for number in range(8)], stored)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", SKELETONS)
def test_from_clips_to_accuracies(name: str, strategy: str, tmp_path: Path) -> None:
    skeleton, (masking, loss, prune) = SKELETONS[name], STRATEGIES[strategy]
    settings = TrainSettings(
        model=ModelSettings(dim=8, heads=2, encoder_blocks=1, decoder_blocks=1, frames=12, prune=prune),
        masking=masking,
        loss=loss,
        augment=AugmentSettings(min_frames=6),
        pretrain=PretrainSettings(epochs=2, warmup_epochs=0, batch=4),
    )
    clips, index = moving_clips(skeleton), torch.arange(8)
    model, records = pretrain(
        clips, index, skeleton, settings, seed=0, state_dir=None, fingerprint="", device="cpu", on_step=None
    )
    assert all(0 < record.loss < 10 for record in records)
    joints = len(skeleton.kept) if prune else skeleton.joints
    assert model.token_mask(torch.rand(2, 12, skeleton.joints, 3), torch.rand(2, 12, joints)).shape == (2, 4, joints)
    assert model.masking.budget == token_budget(joints, settings.model, masking)

    checkpoint.save(tmp_path / "model", model, {})
    loaded, _ = checkpoint.load(tmp_path / "model")
    assert loaded.skeleton == skeleton
    x = torch.rand(2, 12, skeleton.joints, 3)
    assert torch.equal(loaded.features(x), model.eval().features(x))
    probe = linear.Settings(epochs=2, views=1, batch=4)
    train, test = index[:6], index[6:]
    task = Task(clips, train, test, 2, settings.augment)
    linear_result = linear.run(loaded, task, probe, 0, "cpu")
    knn_result = knn.run(loaded, task, knn.Settings(), 0, "cpu")
    baseline = ridge.run(clips, train, test, 2, np.arange(8) // 2, skeleton.centre)
    for result in (linear_result, knn_result, baseline):
        assert np.isfinite(result.scores_NK).all()
        assert result.scores_NK.shape == (2, 2)


@pytest.mark.parametrize("name", SKELETONS)
def test_its_tree_lies_better_in_the_ball_than_elsewhere(name: str) -> None:
    length_V = np.random.default_rng(1).uniform(0.05, 0.4, SKELETONS[name].joints)
    found = embed_tree(SKELETONS[name], length_V, TreeSettings(steps=300))
    assert found.distortion < found.distortion_euclidean < found.distortion_random


@pytest.mark.parametrize(("frames", "segment"), [(70, 3), (72, 5), (64, 60)])
def test_lengths_that_are_no_multiple_of_the_segment_are_refused(frames: int, segment: int) -> None:
    with pytest.raises(ValueError, match=f"frames {frames} is not divisible by segment {segment}"):
        ModelSettings(frames=frames, segment=segment)


def test_clips_of_another_skeleton_are_refused() -> None:
    clips = moving_clips(CRAB)
    with pytest.raises(ValueError, match="the clips have 11 joints, the skeleton 25"):
        pretrain(
            clips, torch.arange(8), SKELETONS["kinect-v2-25"], TrainSettings(), seed=0, state_dir=None,
            fingerprint="", device="cpu", on_step=None,
        )  # fmt: skip
