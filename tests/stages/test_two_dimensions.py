"""Recordings of two dimensions: said once, scaled to the body, turned in their plane, and said with every result."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hacm.clips.augment import rotation_matrix, sample_batch
from hacm.clips.ragged import Clips, pack_clips
from hacm.errors import BadRecording, SettingsError, UserError
from hacm.evaluation.corruption import MissingJoints, Noise, View, corrupt
from hacm.recordings.arrays import ArrayReader
from hacm.recordings.bodies import BODY_SIZE, as_bodies
from hacm.settings import AugmentSettings
from hacm.skeletons.shipped import COCO_17
from hacm.skeletons.skeleton import Skeleton
from hacm.skeletons.topology import Topology
from pipeline.store.store import SkeletonStore
from stages.shared.loading import load_clips
from tests.helpers.lab import a_lab, run

STICK = Topology("stick-3", ("hip", "left hand", "right hand"), (-1, 0, 0), (0,), 0)
PIXELS = np.array([[500.0, 600], [400, 300], [600, 340]])  # 300 high


def film(*sizes: float) -> NDArray[np.float64]:
    """(T, 3, 2) pixels, one size a frame."""
    return np.stack([PIXELS * size for size in sizes])


def test_the_unit_follows_from_the_median_size_of_the_bodies() -> None:
    """Sizes are 300, 600 and 150; the second is far from the median and changes nothing."""
    bodies, notes = as_bodies(film(1, 2, 0.5), STICK, dimensions=2, up="-y")
    unit = BODY_SIZE / 300
    expected = np.stack([[[x * unit * size, -y * unit * size, 0] for x, y in PIXELS] for size in (1, 2, 0.5)])
    np.testing.assert_allclose(bodies[0], expected, rtol=1e-6)
    assert bodies.dtype == np.float32
    assert not np.signbit(bodies[..., 2]).any()
    assert notes == ()


@pytest.mark.parametrize("scale", [1.0, 0.01, 1 / 1920])
def test_no_unit_matters_and_two_people_keep_their_proportions(scale: float) -> None:
    pair = np.stack([film(1, 1, 1), film(0.5, 0.5, 0.5) + 700])
    bodies, _ = as_bodies(pair * scale, STICK, dimensions=2)
    sizes = (bodies.max(axis=2) - bodies.min(axis=2)).max(axis=2)
    assert np.median(sizes) == pytest.approx(BODY_SIZE)
    np.testing.assert_allclose(sizes[0], 2 * sizes[1], rtol=1e-5)
    np.testing.assert_allclose(bodies, as_bodies(pair, STICK, dimensions=2)[0], rtol=1e-5)


def test_joints_that_were_not_seen_have_no_part_in_the_size() -> None:
    joints = film(1, 1, 1)
    joints[1, 1] = 0
    joints[2] = -1
    bodies, _ = as_bodies(joints, STICK, dimensions=2, unseen=(0, -1))
    assert np.argwhere(np.isnan(bodies[0]).all(axis=2)).tolist() == [[1, 1], [2, 0], [2, 1], [2, 2]]
    assert np.isnan(bodies).any(axis=3).sum() == 4
    assert (bodies[0, 0].max(axis=0) - bodies[0, 0].min(axis=0)).max() == pytest.approx(BODY_SIZE * 300 / 280, rel=1e-6)


@pytest.mark.parametrize(
    ("joints", "more", "reason"),
    [
        (np.ones((4, 3, 3)), {"dimensions": 2}, r"instead of \(frames, 3, 2\) .*; set dimensions=3 where the reader"),
        (np.ones((4, 3, 2)), {}, r"instead of \(frames, 3, 3\) .*; set dimensions=2 where the reader"),
        (np.ones((4, 3, 2)), {"dimensions": 2, "up": "z"}, "up is z, but the recording has two dimensions"),
    ],
)
def test_what_does_not_fit_is_told(joints: NDArray[np.float64], more: dict, reason: str) -> None:
    with pytest.raises(BadRecording, match=reason):
        as_bodies(joints, STICK, **more)


@pytest.mark.parametrize("wrong", [{"dimensions": 4}, {"dimensions": 2, "metres": 0.1}, {"dimensions": 2, "up": "-z"}])
def test_impossible_settings(wrong: dict) -> None:
    with pytest.raises(UserError, match="dimensions"):
        ArrayReader(STICK, **wrong)


def test_tables_have_two_columns_a_joint() -> None:
    reader = ArrayReader(STICK, names="s{subject}_a{action}", fps=25, dimensions=2)
    bare = "\n".join(",".join(map(str, frame.ravel())) for frame in film(1, 1.5)) + "\n"
    names = ",".join(f"{joint}_{axis}" for joint in STICK.joints for axis in "xy")
    expected, _ = as_bodies(film(1, 1.5), STICK, dimensions=2)
    for text in (bare, f"{names}\n{bare}"):
        np.testing.assert_array_equal(reader.parse(text.encode(), "s1_a1.csv").bodies_MTVC, expected)


CASE = Path(__file__).parents[2].parent / "shared" / "cases" / "own" / "32-coco17" / "coco17.pkl"


@pytest.mark.real
@pytest.mark.skipif(not CASE.exists(), reason="the cases are not here")
def test_people_of_coco_17_stand_upright_at_their_size() -> None:
    for one in pickle.loads(CASE.read_bytes())["annotations"]:
        bodies, _ = as_bodies(
            one["keypoint"], COCO_17, dimensions=2, up="-y", confidence=one["keypoint_score"], least_confidence=0.1
        )
        at = {name: bodies[0, :, joint] for joint, name in enumerate(COCO_17.joints)}
        assert (at["nose"][:, 1] > at["mid hip"][:, 1]).all()
        assert (at["mid hip"][:, 1] > at["left ankle"][:, 1]).all()
        sizes = (bodies.max(axis=2) - bodies.min(axis=2)).max(axis=2)
        assert np.nanmedian(sizes) == pytest.approx(BODY_SIZE, rel=0.05)
        assert not np.nan_to_num(bodies)[..., 2].any()


# Augmentation and corruption

SKELETON = Skeleton(3, (-1, 0, 0), (0,), 0)


def flat_clips() -> Clips:
    generator = torch.Generator().manual_seed(0)
    clips = [torch.randn(1, frames, 3, 3, generator=generator) for frames in (20, 30)]
    for clip in clips:
        clip[..., 2] = 0
    return replace(pack_clips(clips, [0, 1]), flat=True)


def test_clips_are_turned_in_their_plane_by_the_angle_that_was_drawn() -> None:
    settings = AugmentSettings(min_frames=6, rotation=0.5, crop_least=1.0, crop_most=1.0)
    index = torch.arange(2)

    def sample(clips: Clips, settings: AugmentSettings) -> torch.Tensor:
        generator = torch.Generator().manual_seed(1)
        return sample_batch(
            clips, index, settings, 12, training=True, absent_bodies="drop", generator=generator
        ).x_BTVC  # fmt: skip

    turned, still = sample(flat_clips(), settings), sample(flat_clips(), replace(settings, rotation=0))
    assert not turned[..., 2].any()
    angle = (torch.rand((2, 5), generator=torch.Generator().manual_seed(1), dtype=torch.float64)[:, 4] * 2 - 1) * 0.5
    assert angle.abs().max() > 0.05
    matrix = rotation_matrix(torch.stack([torch.zeros(2), torch.zeros(2), angle], 1)).float()
    torch.testing.assert_close(turned, torch.einsum("bcd,btvd->btvc", matrix, still), rtol=1e-5, atol=1e-6)
    assert sample(replace(flat_clips(), flat=False), settings)[..., 2].abs().max() > 0.01  # and others are not


def test_corruptions_stay_in_the_plane() -> None:
    index = torch.arange(2)
    for corruption in (Noise(0.1, 0), MissingJoints(0.4, 0, True, SKELETON, "interpolate"), View(30, "z")):
        corrupted = corrupt(flat_clips(), index, corruption, 0)
        assert corrupted.flat
        assert not corrupted.joints_RVC[..., 2].any()
        assert (corrupted.joints_RVC != flat_clips().joints_RVC).any()
    with pytest.raises(SettingsError, match="two dimensions have no other view"):
        corrupt(flat_clips(), index, View(30), 0)


# Through the stages


@pytest.mark.parametrize(("reader", "dimensions"), [("fps=25, dimensions=2, up='-y'", 2), ("fps=25", 3)])
def test_the_stores_know_what_the_reader_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str, dimensions: int
) -> None:
    joints = film(*np.linspace(0.9, 1.1, 20))
    if dimensions == 3:
        joints = np.concatenate([joints, np.zeros((20, 3, 1))], axis=2) / 300
    with a_lab(tmp_path, monkeypatch, reader) as make:
        make(
            True, {f"{name}.npz": {"joints": joints, "action": 1, "subject": who} for name, who in (("a", 1), ("b", 2))}
        )
        assert run() == ""
        for store in ("recordings", "clips"):
            facts = json.loads(Path("data/lab", store, "store.json").read_text())
            assert facts.get("dimensions") == (2 if dimensions == 2 else None)
        clips = load_clips(SkeletonStore.open(Path("data/lab/clips")), [0], None)
        assert clips.flat == (dimensions == 2)
        assert not clips.joints_RVC[..., 2].any()
