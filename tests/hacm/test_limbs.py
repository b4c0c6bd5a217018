"""Limbs of other lengths, bone by bone."""

from dataclasses import replace

import pytest
import torch

from hacm.clips.augment import sample_batch, seeded
from hacm.clips.limbs import Limbs, stretch
from hacm.settings import AugmentSettings
from tests.helpers.small_training import SKELETON, moving_clips

# A trunk 0-1-2, two arms of two bones at 2, two legs of two at 0, a head of one at 2: joints out of order on purpose.
PARENTS = (-1, 0, 1, 2, 3, 2, 5, 0, 7, 0, 9, 2, 11)
SETTINGS = AugmentSettings(min_frames=6)


def bones(x_BTVC: torch.Tensor) -> torch.Tensor:
    return torch.stack(
        [x_BTVC[:, :, joint] - x_BTVC[:, :, parent] for joint, parent in enumerate(PARENTS) if parent >= 0], 2
    )


def test_every_bone_is_its_groups_factor_as_long_and_points_as_before() -> None:
    torch.manual_seed(0)
    limbs = Limbs(PARENTS)
    assert limbs.groups == 6
    factor_NG = 0.5 + torch.rand(3, limbs.groups)
    x = torch.randn(3, 5, len(PARENTS), 3)
    found = stretch(x, limbs.scale(factor_NG))
    expected = torch.stack(
        [factor_NG[:, limbs.group_V[joint]] for joint, parent in enumerate(PARENTS) if parent >= 0], 1
    )
    torch.testing.assert_close(bones(found), bones(x) * expected[:, None, :, None])
    torch.testing.assert_close(found[:, :, 0], x[:, :, 0])
    torch.testing.assert_close(stretch(x, limbs.scale(torch.ones(3, 6))), x)


def test_an_arm_has_one_factor_and_the_trunk_another() -> None:
    group = Limbs(PARENTS).group_V.tolist()
    for limb in ((3, 4), (5, 6), (7, 8), (9, 10)):
        assert len({group[joint] for joint in limb}) == 1
    assert group[0] == group[1] == group[2] == 5
    assert len({group[3], group[5], group[7], group[9], group[11]}) == 5


def sample(limbs: float, *, training: bool = True) -> torch.Tensor:
    clips = replace(moving_clips(), parents=SKELETON.parents)
    settings = replace(SETTINGS, limbs=limbs, rotation=0.0)
    return sample_batch(
        clips, torch.arange(12), settings, 12, training=training, absent_bodies="drop", generator=seeded(0, "test", 0)
    ).x_BTVC


def test_crops_are_drawn_as_without_and_the_change_is_within_bounds() -> None:
    plain, stretched = sample(0.0), sample(0.15)
    assert plain.shape == stretched.shape
    bone = torch.tensor([[0, 1], [1, 2], [2, 3], [1, 4], [4, 5]])
    ratio = torch.stack(
        [
            (stretched[:, :, b] - stretched[:, :, a]).norm(dim=-1) / (plain[:, :, b] - plain[:, :, a]).norm(dim=-1)
            for a, b in bone.tolist()
        ]
    )
    assert 0.85 <= ratio.min() < 0.9 < 1.1 < ratio.max() <= 1.15 + 1e-5
    assert ratio.std(dim=2).max() < 1e-5  # the same throughout a clip


def test_evaluation_is_not_stretched() -> None:
    assert torch.equal(sample(0.15, training=False), sample(0.0, training=False))


def test_without_parents_it_is_refused() -> None:
    clips = replace(moving_clips(), parents=None)
    with pytest.raises(ValueError, match="which joint hangs on which"):
        sample_batch(clips, torch.arange(4), replace(SETTINGS, limbs=0.1), 12, training=True, absent_bodies="drop",
                     generator=seeded(0, "test", 0))  # fmt: skip
