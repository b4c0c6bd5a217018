"""The ridge baseline against closed forms, plain loops, and its published figure on UTD-MHAD."""

import io
import re
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import torch

from hacm.clips.ragged import Clips, pack_clips
from hacm.evaluation import ridge

UTD_MHAD = Path(__file__).parents[2].parent / "shared" / "data" / "utd-mhad-skeleton.tar.xz"
RANDOM = np.random.default_rng(0)


def normal_equations(x: np.ndarray, y: np.ndarray, test: np.ndarray, strength: float) -> np.ndarray:
    """Ridge with a column of ones that the penalty spares."""
    ones = np.c_[x, np.ones(len(x))]
    penalty = np.diag([strength] * x.shape[1] + [0.0])
    return np.c_[test, np.ones(len(test))] @ np.linalg.solve(ones.T @ ones + penalty, ones.T @ y)


@pytest.mark.parametrize(("clips", "features"), [(30, 8), (8, 30), (10, 10)])
@pytest.mark.parametrize("strength", [1e-3, 1.0, 1e3])
def test_both_forms_solve_the_normal_equations(clips: int, features: int, strength: float) -> None:
    x, test = RANDOM.normal(size=(clips, features)) + 3, RANDOM.normal(size=(5, features))
    y = RANDOM.normal(size=(clips, 4))
    found = ridge.Ridge(x, y).predict(test, strength)
    np.testing.assert_allclose(found, normal_equations(x, y, test, strength), rtol=1e-6, atol=1e-6)


def test_the_strength_is_the_best_on_left_out_subjects() -> None:
    subject = np.repeat([2, 5, 9], 20)
    label = np.tile(np.arange(4), 15)
    x = np.eye(4)[label] @ RANDOM.normal(size=(4, 12)) + RANDOM.normal(size=(60, 12)) * 1.5
    strengths = (0.01, 1.0, 30.0, 1000.0)
    hits = []
    for strength in strengths:
        total = 0
        for person in (2, 5, 9):
            out = subject == person
            scores = normal_equations(x[~out], np.eye(4)[label[~out]], x[out], strength)
            total += int((scores.argmax(1) == label[out]).sum())
        hits.append(total)
    assert len(set(hits)) > 1
    chosen, extra = ridge.choose_strength(x, label, 4, subject, strengths)
    assert chosen == max(zip(hits, strengths, strict=True))[1]
    assert extra == {"left_out_subject_top1": max(hits) / 60}


def test_a_single_subject_leaves_nothing_to_choose_by() -> None:
    assert ridge.choose_strength(np.eye(4), np.arange(4), 4, np.zeros(4, dtype=int)) == (1.0, {})


def test_features_are_centred_and_resampled_frames() -> None:
    """Against numpy.interp, clip by clip; the second body stands where it stood beside the first."""
    clips = [torch.randn(1, 30, 4, 3), torch.randn(2, 7, 4, 3), torch.randn(1, 1, 4, 3)]
    clips[1][1, 3:] = 0  # the second body leaves
    found = ridge.baseline_features(pack_clips(clips, [0] * 3), torch.tensor([1, 2, 0]), 2, 2)
    for row, clip in zip(found, (clips[1], clips[2], clips[0]), strict=True):
        joints = clip.double().numpy()
        bodies = []
        for body in range(2):
            frames = joints.shape[1]
            centred = np.zeros((frames, 12))
            if body < len(joints):
                seen = np.abs(joints[body]).sum((1, 2)) > 0
                centred[seen] = (joints[body] - joints[0, :, 2:3])[seen].reshape(-1, 12)
            at = np.linspace(0, frames - 1, 24)
            bodies.append(np.stack([np.interp(at, np.arange(frames), column) for column in centred.T], 1))
        np.testing.assert_allclose(row, np.concatenate(bodies).ravel(), atol=1e-9)


def test_blocks_of_clips_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    clips = pack_clips([torch.randn(1, 5 + place, 4, 3) for place in range(7)], [0] * 7)
    whole = ridge.baseline_features(clips, torch.arange(7), 0, 1)
    monkeypatch.setattr(ridge, "CLIPS_AT_A_TIME", 3)
    assert np.array_equal(ridge.baseline_features(clips, torch.arange(7), 0, 1), whole)


def test_test_clips_and_their_subjects_have_no_say_in_the_choice() -> None:
    clips = pack_clips([torch.randn(1, 9, 4, 3) for _ in range(24)], [place % 3 for place in range(24)])
    train, test = torch.arange(12), torch.arange(12, 24)
    subject = np.arange(24) % 4
    first = ridge.run(clips, train, test, 3, subject, 0)
    subject[12:] = 77
    clips.label_N[12:] = 0
    second = ridge.run(clips, train, test, 3, subject, 0)
    assert np.array_equal(first.scores_NK, second.scores_NK)
    assert first.extra == second.extra
    assert first.extra["strength"] in ridge.STRENGTHS
    assert ridge.run(clips, train, test, 3, subject, 0, strength=1.0).extra == {"strength": 1.0}


def utd_mhad() -> tuple[Clips, np.ndarray]:
    """All 861 clips in name order, with their subjects."""
    found: list[tuple[str, int, int, torch.Tensor]] = []
    with tarfile.open(UTD_MHAD) as archive:
        for member in archive:
            match = re.search(r"a(\d+)_s(\d+)_t\d+_skeleton\.mat$", member.name)
            file = archive.extractfile(member)
            if match is None or file is None:
                continue
            content: Any = io.BytesIO(file.read())  # scipy's stubs know of paths only
            joints = scipy.io.loadmat(content)["d_skel"].transpose(2, 0, 1)
            found.append((member.name, int(match[1]) - 1, int(match[2]), torch.from_numpy(joints.copy()).float()))
    found.sort(key=lambda each: each[0])
    return pack_clips([each[3][None] for each in found], [each[1] for each in found]), np.array([e[2] for e in found])


@pytest.mark.real
@pytest.mark.skipif(not UTD_MHAD.exists(), reason="the UTD-MHAD archive is not beside the repository")
def test_utd_mhad_gets_its_published_baseline() -> None:
    """data.md §3: hip-centred with strength 1, cross-subject, 82.8 %."""
    clips, subject = utd_mhad()
    assert len(clips) == 861
    train, test = (torch.from_numpy(np.flatnonzero(subject % 2 == part)) for part in (1, 0))
    hip, spine = 3, 2
    fixed = ridge.run(clips, train, test, 27, subject, hip, strength=1.0)
    assert 100 * (fixed.scores_NK.argmax(1) == fixed.target_N).mean() == pytest.approx(82.8, abs=0.05)
    chosen = ridge.run(clips, train, test, 27, subject, spine)
    assert 100 * (chosen.scores_NK.argmax(1) == chosen.target_N).mean() > 80
