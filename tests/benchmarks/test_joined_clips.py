"""Joined recordings: seams without jumps, and a truth that covers every frame."""

import numpy as np

from benchmarks.joined_clips import SEAM, join
from hacm.segmentation.spans import Span


def walks(count: int) -> list[np.ndarray]:
    """Clips of three joints that move a centimetre per frame, each from another place."""
    draw = np.random.default_rng(0)
    steps = [draw.uniform(-0.01, 0.01, (1, 20 + number, 3, 3)) for number in range(count)]
    return [(step.cumsum(axis=1) + draw.uniform(-2, 2, (1, 1, 3, 3))).astype(np.float32) for step in steps]


def test_clips_follow_each_other_without_jumps_and_keep_their_movement():
    clips = walks(3)
    joined = join(clips, [4, 0, 2], centre=1)
    assert joined.bodies_MTVC.shape == (1, 20 + 21 + 22 + 2 * SEAM, 3, 3)
    first = joined.bodies_MTVC[0, : clips[0].shape[1]]
    np.testing.assert_array_equal(first, clips[0][0])
    second = joined.bodies_MTVC[0, 20 + SEAM : 41 + SEAM]
    np.testing.assert_allclose(np.diff(second, axis=0), np.diff(clips[1][0], axis=0), atol=1e-6)
    centre = np.diff(joined.bodies_MTVC[0, :, 1], axis=0)
    assert np.abs(centre).max() < 0.011  # the centre joint never jumps
    seam = np.diff(joined.bodies_MTVC[0, 19 : 21 + SEAM], axis=0)
    distance = np.abs(joined.bodies_MTVC[0, 20 + SEAM] - joined.bodies_MTVC[0, 19]).max()
    assert np.abs(seam).max() < 2 * distance / SEAM


def test_the_truth_changes_in_the_middle_of_the_seams():
    truth = join(walks(3), [4, 0, 2], centre=1).truth
    assert truth == (Span(0, 25, 4, 1.0), Span(25, 56, 0, 1.0), Span(56, 83, 2, 1.0))
