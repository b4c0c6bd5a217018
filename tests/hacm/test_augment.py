"""Crop, resampling and rotation of a ragged batch against clip-by-clip references."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hacm.clips.augment import Batch, Resampling, centre_crop, random_crop, rotation_matrix, sample_batch, seeded
from hacm.clips.ragged import Clips, pack_clips
from hacm.settings import AugmentSettings
from tests.helpers.random_clips import random_clips

SHAPES = [(1, 1), (2, 90), (1, 64), (2, 5), (1, 300), (1, 130)]
FRAMES = 24
SETTINGS = AugmentSettings(min_frames=20)


def interpolate(x_TF: Tensor, frames: int) -> Tensor:
    """The field's call: (T, F) to (frames, F)."""
    image = x_TF.T[None, :, :, None]
    return torch.nn.functional.interpolate(image, (frames, 1), mode="bilinear", align_corners=False)[0, :, :, 0].T


def with_absent_body() -> Clips:
    """SHAPES, with the second body of clip 3 zero throughout."""
    clips = random_clips(SHAPES)
    start = int(clips.offset_N[3]) + 5
    clips.joints_RVC[start : start + 5] = 0
    return clips


def sample(clips: Clips, chosen: AugmentSettings = SETTINGS, *, keep: bool = False, training: bool = True) -> Batch:
    return sample_batch(
        clips,
        torch.arange(len(clips)),
        chosen,
        FRAMES,
        training=training,
        absent_bodies="keep" if keep else "drop",
        generator=seeded(7, "augment", 0) if training else None,
    )


def axis_rotations(angles: list[float]) -> Tensor:
    """Rz·Ry·Rx written as three matrices."""
    (sx, cx), (sy, cy), (sz, cz) = ((math.sin(angle), math.cos(angle)) for angle in angles)
    about_x = torch.tensor([[1, 0, 0], [0, cx, -sx], [0, sx, cx]], dtype=torch.float64)
    about_y = torch.tensor([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]], dtype=torch.float64)
    about_z = torch.tensor([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]], dtype=torch.float64)
    return about_z @ about_y @ about_x


def reference(clips: Clips, chosen: AugmentSettings, *, keep: bool) -> tuple[Tensor, Tensor]:
    """Joints and hierarchies by a plain loop over clips and bodies, from the same draws."""
    draws = torch.rand(len(clips), 5, generator=seeded(7, "augment", 0), dtype=torch.float64).tolist()
    joints, hierarchies = [], []
    assert clips.hierarchy_RJ is not None
    for clip, (fraction, place, *angles) in enumerate(draws):
        frames, first = int(clips.frames_N[clip]), int(clips.offset_N[clip])
        p = chosen.crop_least + fraction * (chosen.crop_most - chosen.crop_least)
        length = min(max(math.floor(frames * p), chosen.min_frames), frames)
        start = math.floor(place * (frames - length + 1))
        rotation = axis_rotations([(2 * angle - 1) * chosen.rotation for angle in angles]).float()
        for body in range(2):
            exists = body < int(clips.bodies_N[clip])
            rows = slice(first + body * frames + start, first + body * frames + start + length)
            x = clips.joints_RVC[rows] if exists else torch.zeros(length, *clips.joints_RVC.shape[1:])
            h = clips.hierarchy_RJ[rows] if exists and x.any() else torch.zeros(length, clips.hierarchy_RJ.shape[1])
            if x.any() or keep:
                resampled = interpolate(x.flatten(1), FRAMES).unflatten(1, x.shape[1:])
                joints.append(torch.stack([joint @ rotation.T for joint in resampled]))
                hierarchies.append(interpolate(h, FRAMES))
    return torch.stack(joints), torch.stack(hierarchies)


@pytest.mark.parametrize("keep", [False, True])
def test_the_whole_batch_equals_a_loop_over_clips(keep: bool) -> None:
    clips = with_absent_body()
    batch = sample(clips, keep=keep)
    joints, hierarchies = reference(clips, SETTINGS, keep=keep)
    torch.testing.assert_close(batch.x_BTVC, joints, atol=2e-5, rtol=1e-5)
    torch.testing.assert_close(batch.hierarchy_BTJ, hierarchies, atol=2e-5, rtol=1e-5)
    if keep:
        assert batch.clip_B.tolist() == [clip for clip in range(6) for _ in range(2)]
        assert batch.present_B.view(6, 2).tolist() == clips.present_NM.tolist()
        assert not batch.x_BTVC[~batch.present_B].any()
    else:
        assert batch.clip_B.tolist() == [0, 1, 1, 2, 3, 4, 5]
        assert batch.present_B.all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=4), st.integers(1, 130))
def test_resampling_is_the_fields_interpolation(lengths: list[int], frames: int) -> None:
    rows = torch.randn(sum(lengths), 2)
    length_B = torch.tensor(lengths)
    found_BTF = Resampling(length_B.cumsum(0) - length_B, length_B, frames).read(rows)
    for clip, found_TF in zip(rows.split(lengths), found_BTF, strict=True):
        torch.testing.assert_close(found_TF, interpolate(clip, frames), atol=5e-5, rtol=1e-5)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 300),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1, exclude_max=True),
    st.integers(1, 100),
    st.sampled_from([(0.5, 1.0), (0.1, 0.4), (1.0, 1.0)]),
)
def test_the_random_crop_follows_the_fields_law(
    frames: int, fraction: float, place: float, least_frames: int, span: tuple[float, float]
) -> None:
    chosen = AugmentSettings(crop_least=span[0], crop_most=span[1], min_frames=least_frames)
    draws = [torch.tensor([draw], dtype=torch.float64) for draw in (fraction, place)]
    start_N, length_N = random_crop(torch.tensor([frames]), chosen, *draws)
    length = min(max(math.floor(frames * (span[0] + fraction * (span[1] - span[0]))), least_frames), frames)
    assert int(length_N) == length
    assert int(start_N) == min(int(place * (frames - length + 1)), frames - length)


def test_every_start_of_a_crop_is_equally_likely() -> None:
    chosen = AugmentSettings(crop_least=0.5, crop_most=0.5, min_frames=1)
    place_N = torch.rand(60_000, dtype=torch.float64, generator=seeded(0, "place", 0))
    start_N, _ = random_crop(torch.full((60_000,), 10), chosen, torch.zeros(60_000, dtype=torch.float64), place_N)
    share = start_N.bincount(minlength=6) / 60_000
    assert len(share) == 6
    assert (share - 1 / 6).abs().max() < 0.008  # five standard deviations


@pytest.mark.parametrize("p", [0.95, 0.9, 0.5, 1.0])
def test_the_centre_crop_follows_the_fields_law(p: float) -> None:
    for frames in range(1, 301):
        bias = int((1 - p) * frames / 2)
        start_N, length_N = centre_crop(torch.tensor([frames]), p)
        assert (int(start_N), int(length_N)) == (bias, len(range(frames)[bias : frames - bias]))


def test_evaluation_sees_the_centre_unrotated() -> None:
    clips = random_clips([(1, 100)])
    batch = sample(clips, training=False)
    cut = clips.joints_RVC[2:98]  # int(0.05 · 100 / 2) = 2
    torch.testing.assert_close(batch.x_BTVC[0].flatten(1), interpolate(cut.flatten(1), FRAMES), atol=2e-5, rtol=1e-5)


def test_rotation_is_about_z_after_y_after_x() -> None:
    angles = torch.rand(20, 3, dtype=torch.float64) * 6 - 3
    expected = torch.stack([axis_rotations(row) for row in angles.tolist()])
    torch.testing.assert_close(rotation_matrix(angles), expected)
    quarter = rotation_matrix(torch.tensor([[0.0, 0.0, math.pi / 2]], dtype=torch.float64))[0]
    torch.testing.assert_close(
        quarter @ torch.tensor([1.0, 0, 0], dtype=torch.float64), torch.tensor([0, 1.0, 0]).double()
    )


def test_drawn_angles_fill_their_range_one_for_each_axis() -> None:
    clips = pack_clips([torch.eye(3)[None, None].expand(1, 4, 3, 3)] * 3000, [0] * 3000)
    batch = sample(clips, AugmentSettings(rotation=0.3))
    rotation_N33 = batch.x_BTVC[:, 0].mT.double()  # the joints are the unit vectors: row v is R e_v
    angle_x = torch.atan2(rotation_N33[:, 2, 1], rotation_N33[:, 2, 2])
    angle_y = -torch.asin(rotation_N33[:, 2, 0])
    angle_z = torch.atan2(rotation_N33[:, 1, 0], rotation_N33[:, 0, 0])
    angles = torch.stack([angle_x, angle_y, angle_z])
    assert angles.abs().max() <= 0.3 + 1e-6
    assert (angles.std(1) - 0.6 / math.sqrt(12)).abs().max() < 0.01
    assert (angles.corrcoef() - torch.eye(3)).abs().max() < 0.1


def test_hierarchies_follow_the_frames_but_not_the_rotation() -> None:
    """A hierarchy that copies a coordinate stays that coordinate, seen unrotated."""
    clips = random_clips(SHAPES, joints=3)
    clips = replace(clips, hierarchy_RJ=clips.joints_RVC[:, :, 0].clone())
    rotated, still = sample(clips), sample(clips, replace(SETTINGS, rotation=0.0))
    assert still.hierarchy_BTJ is not None
    assert torch.equal(still.hierarchy_BTJ, still.x_BTVC[..., 0])
    assert rotated.hierarchy_BTJ is not None
    assert torch.equal(rotated.hierarchy_BTJ, still.hierarchy_BTJ)
    assert not torch.allclose(rotated.x_BTVC, still.x_BTVC, atol=1e-2)


def test_both_bodies_share_crop_and_rotation() -> None:
    body = torch.randn(1, 90, 5, 3)
    batch = sample(pack_clips([body.expand(2, -1, -1, -1)], [0]))
    assert torch.equal(batch.x_BTVC[0], batch.x_BTVC[1])


def test_dropping_absent_bodies_leaves_the_others_as_they_were() -> None:
    clips = with_absent_body()
    kept, dropped = sample(clips, keep=True), sample(clips)
    assert torch.equal(kept.x_BTVC[kept.present_B], dropped.x_BTVC)
    assert torch.equal(kept.clip_B[kept.present_B], dropped.clip_B)


def test_the_motion_stream_is_the_difference_after_everything_else() -> None:
    clips = random_clips(SHAPES)
    joint, motion = sample(clips), sample(clips, replace(SETTINGS, stream="motion"))
    for frame in range(FRAMES - 1):
        assert torch.equal(motion.x_BTVC[:, frame], joint.x_BTVC[:, frame + 1] - joint.x_BTVC[:, frame])
    assert not motion.x_BTVC[:, -1].any()


def test_clips_may_come_in_any_order_and_repeat() -> None:
    clips = with_absent_body()
    everything = sample(clips, training=False)
    index = torch.tensor([3, 1, 3])
    batch = sample_batch(clips, index, SETTINGS, FRAMES, training=False, absent_bodies="drop")
    assert batch.clip_B.tolist() == [0, 1, 1, 2]
    expected = torch.cat([everything.x_BTVC[everything.clip_B == clip] for clip in index.tolist()])
    assert torch.equal(batch.x_BTVC, expected)


def test_training_needs_a_generator() -> None:
    with pytest.raises(ValueError, match="generator"):
        sample_batch(random_clips([(1, 9)]), torch.tensor([0]), SETTINGS, 6, training=True, absent_bodies="drop")


def test_seeded_draws_depend_on_seed_purpose_and_number_only() -> None:
    def draw(*place: object) -> float:
        return float(torch.rand((), dtype=torch.float64, generator=seeded(*place)))  # type: ignore[arg-type]

    assert draw(1, "a", 2) == draw(1, "a", 2)
    assert len({draw(*place) for place in [(1, "a", 2), (2, "a", 2), (1, "b", 2), (1, "a", 3), (12, "a", 2)]}) == 5
