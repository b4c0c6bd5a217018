"""Frame hierarchies against geoopt and their symmetries; the tree's embedding against its baselines."""

import dataclasses
import functools
import math

import geoopt
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

import hacm.hierarchy
from hacm.hierarchy import TreeEmbedding, distortion, embed_tree, frame_hierarchy, sarkar_layout, tree_distances
from hacm.settings import TreeSettings
from hacm.skeletons.shipped import TOPOLOGIES
from hacm.skeletons.skeleton import Skeleton
from hacm.skeletons.topology import Topology

SKELETON = Skeleton(joints=6, parents=(-1, 0, 1, 2, 0, 4), roots=(0, 4), centre=0)


def skeleton_of(topology: Topology) -> Skeleton:
    return Skeleton(len(topology.joints), topology.parents, topology.roots, topology.centre)


def moving_skeleton(frames: int, skeleton: Skeleton) -> NDArray[np.float32]:
    """A body of about 1.7 m whose bones swing by ±35° twice a second, at 30 frames a second."""
    rng = np.random.default_rng(0)
    time = np.arange(frames) / 30
    joints_RVC = np.zeros((frames, skeleton.joints, 3))
    for joint in sorted(range(skeleton.joints), key=lambda j: len(skeleton.chain(j))):
        if joint == skeleton.root:
            joints_RVC[:, joint] = [0.1, 0.9, 3.0] + 0.3 * np.sin(time)[:, None]
            continue
        angle = rng.uniform(0, 2 * np.pi) + 0.6 * np.sin(2 * np.pi * 2 * time + rng.uniform(0, 2 * np.pi))
        bone = np.stack([np.cos(angle), np.sin(angle), 0.4 * np.sin(angle)], axis=-1)
        joints_RVC[:, joint] = joints_RVC[:, skeleton.parents[joint]] + 0.25 * bone
    return joints_RVC.astype(np.float32)


# ---- hierarchy of a frame ------------------------------------------------------------------------------------------


def test_matches_geoopt_in_loops() -> None:
    joints_RVC = moving_skeleton(3, SKELETON)
    found = frame_hierarchy(joints_RVC, SKELETON, scale=2.0, root_weight=0.5)
    ball = geoopt.PoincareBall(c=1.0)
    for r in range(3):
        joints = torch.from_numpy(joints_RVC[r]).double()
        points = ball.expmap0(2.0 * (joints - joints[[0, 4]].mean(0)))
        father = points[[0, 4]].mean(0)
        for j, v in enumerate((1, 2, 3, 5)):
            expected = sum(ball.dist(points[u], points[v]) for u in (1, 2, 3, 5)) + 0.5 * ball.dist(father, points[v])
            assert found[r, j] == pytest.approx(expected.item(), rel=1e-5)


def test_by_hand() -> None:
    skeleton = Skeleton(joints=3, parents=(-1, 0, 0), roots=(0,), centre=0)
    joints = np.array([[[1, 1, 1], [1.5, 1, 1], [0.5, 1, 1]]], dtype=np.float32)
    found = frame_hierarchy(joints, skeleton, scale=2.0, root_weight=0.1)
    assert found[0] == pytest.approx([4 + 0.1 * 2] * 2, rel=1e-5)  # radii 2·(2·0.5) on opposite sides of the father


@pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=TOPOLOGIES)
def test_rotation_and_translation_leave_it_unchanged(topology: Topology) -> None:
    skeleton = skeleton_of(topology)
    joints_RVC = moving_skeleton(40, skeleton)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0].astype(np.float32)
    plain = frame_hierarchy(joints_RVC, skeleton, 2.0, 0.01)
    moved = frame_hierarchy(joints_RVC @ rotation + np.array([0.5, -1, 2]), skeleton, 2.0, 0.01)
    assert plain.shape == (40, len(skeleton.kept))
    np.testing.assert_allclose(moved, plain, rtol=1e-4)


@pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=TOPOLOGIES)
def test_interpolating_it_is_near_computing_it_after_resampling(topology: Topology) -> None:
    """A segment's value within 2 % of the value from the resampled joints, 0.5 % on average."""
    skeleton = skeleton_of(topology)
    joints_RVC = torch.from_numpy(moving_skeleton(97, skeleton))

    def resample(rows: torch.Tensor) -> torch.Tensor:
        picture = rows.flatten(1).T[None, :, :, None]
        sampled = F.interpolate(picture, size=(72, 1), mode="bilinear", align_corners=False)
        return sampled[0, :, :, 0].T.unflatten(1, rows.shape[1:])

    before = resample(frame_hierarchy(joints_RVC, skeleton, 2.0, 0.01)).unflatten(0, (24, 3)).mean(1)
    after = frame_hierarchy(resample(joints_RVC), skeleton, 2.0, 0.01).unflatten(0, (24, 3)).mean(1)
    error = (before / after - 1).abs()
    assert error.max() < 0.02
    assert error.mean() < 0.005


def test_absent_frames_are_zero_and_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    joints_RVC = moving_skeleton(10, SKELETON)
    joints_RVC[[0, 7]] = 0
    whole = frame_hierarchy(joints_RVC, SKELETON, 2.0, 0.01)
    monkeypatch.setattr(hacm.hierarchy, "ROWS_AT_ONCE", 3)
    np.testing.assert_array_equal(frame_hierarchy(joints_RVC, SKELETON, 2.0, 0.01), whole)
    assert not whole[[0, 7]].any()
    assert (whole[[1, 2, 3, 4, 5, 6, 8, 9]] > 0).all()
    assert whole.dtype == np.float32
    tensor = frame_hierarchy(torch.from_numpy(joints_RVC), SKELETON, 2.0, 0.01)
    assert isinstance(tensor, torch.Tensor)
    np.testing.assert_array_equal(tensor.numpy(), whole)
    np.testing.assert_array_equal(frame_hierarchy(joints_RVC.astype(np.float64), SKELETON, 2.0, 0.01), whole)
    assert frame_hierarchy(joints_RVC[:0], SKELETON, 2.0, 0.01).shape == (0, 4)


def test_far_away_joints_stay_finite() -> None:
    assert np.isfinite(frame_hierarchy(1000 * moving_skeleton(5, SKELETON), SKELETON, 2.0, 0.01)).all()


def test_wrong_shape_is_named() -> None:
    with pytest.raises(ValueError, match=r"\(rows, 6, 3\), but have \(4, 5, 3\)"):
        frame_hierarchy(np.zeros((4, 5, 3), dtype=np.float32), SKELETON, 2.0, 0.01)


# ---- the kinematic tree ---------------------------------------------------------------------------------------------


@functools.cache
def embedded(name: str) -> TreeEmbedding:
    skeleton = skeleton_of(TOPOLOGIES[name])
    return embed_tree(skeleton, bones(skeleton), TreeSettings(steps=500))


def bones(skeleton: Skeleton) -> NDArray[np.float64]:
    """Bone lengths between 0.05 and 0.4 m; the root's is nan."""
    length_V = np.random.default_rng(0).uniform(0.05, 0.4, skeleton.joints)
    length_V[skeleton.root] = np.nan
    return length_V


def test_tree_distances_by_hand() -> None:
    found = tree_distances(SKELETON, np.array([np.nan, 1.0, 2.0, 4.0, 8.0, 16.0]))
    assert found[3].tolist() == [7, 6, 4, 0, 15, 31]
    assert np.array_equal(found, found.T)


def test_distortion_by_hand() -> None:
    tree = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]], dtype=np.float64)
    assert distortion(7 * tree, tree) == pytest.approx(0)
    uneven = tree * np.array([[0, 1, 2], [1, 0, 4], [2, 4, 0]])
    scales = np.linspace(0.1, 2, 100_001)
    least = np.abs(scales[:, None] * [1.0, 2.0, 4.0] - 1).mean(1).min()
    assert distortion(uneven, tree) == pytest.approx(least, abs=1e-4)


def test_sarkars_layout_has_true_bone_lengths_and_even_directions() -> None:
    disc = sarkar_layout(SKELETON, np.array([np.nan, 1.0, 0.5, 0.3, 2.0, 1.5]))
    ball = geoopt.PoincareBall(c=1.0)
    points = torch.view_as_real(torch.from_numpy(disc))
    for joint, length in ((1, 1.0), (2, 0.5), (3, 0.3), (4, 2.0), (5, 1.5)):
        assert ball.dist(points[joint], points[SKELETON.parents[joint]]).item() == pytest.approx(length)
    assert ball.dist(points[1], points[3]).item() == pytest.approx(0.8)  # a chain runs straight
    assert ball.dist(points[3], points[5]).item() == pytest.approx(5.3)  # two branches of the root lie opposite


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_tree_fits_better_than_flat_space_and_chance(name: str) -> None:
    found = embedded(name)
    assert found.distortion < 0.75 * found.distortion_euclidean
    assert found.distortion_euclidean < 0.5 * found.distortion_random
    assert found.distortion == pytest.approx(distortion(found.distance_VV, found.tree_VV))


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_numbers_of_the_embedding_belong_together(name: str) -> None:
    found, skeleton = embedded(name), skeleton_of(TOPOLOGIES[name])
    assert np.abs(found.points_VD[skeleton.root]).max() < 1e-12
    np.testing.assert_allclose(np.tanh(found.radius_V / 2), np.linalg.norm(found.points_VD, axis=1), atol=1e-9)
    points = torch.from_numpy(found.points_VD)
    oracle = geoopt.PoincareBall(c=1.0).dist(points[:, None], points[None]).numpy()
    np.testing.assert_allclose(found.distance_VV, oracle, atol=1e-4)
    np.testing.assert_allclose(found.tree_VV, 4.0 * tree_distances(skeleton, bones(skeleton)))


def test_embedding_is_a_function_of_its_settings() -> None:
    settings = TreeSettings(dim=3, steps=20)
    length_V = np.full(6, 0.3)
    torch.manual_seed(0)
    first = embed_tree(SKELETON, length_V, settings)
    torch.manual_seed(1)
    second = embed_tree(SKELETON, length_V, settings)
    assert first.points_VD.shape == (6, 3)
    for one, two in zip(dataclasses.astuple(first), dataclasses.astuple(second), strict=True):
        np.testing.assert_array_equal(one, two)
    other = embed_tree(SKELETON, length_V, dataclasses.replace(settings, seed=1))
    assert not np.array_equal(first.points_VD, other.points_VD)


@pytest.mark.parametrize("length", [0.0, -1.0, math.nan, math.inf])
def test_bones_without_length_are_named(length: float) -> None:
    length_V = np.full(6, 0.3)
    length_V[3] = length
    with pytest.raises(ValueError, match="joint 3"):
        embed_tree(SKELETON, length_V, TreeSettings())


def test_too_large_a_scale_is_named() -> None:
    with pytest.raises(ValueError, match=r"tree\.scale 40"):
        embed_tree(SKELETON, np.full(6, 0.3), TreeSettings(scale=40.0))
