"""Texts of a line a joint → Recording: hand-written values, a plain second implementation, any bytes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hacm.errors import BadRecording, UserError
from hacm.recordings import Part, RawFile, RawRecording
from hacm.recordings.joint_lines import MOST_FRAMES, JointLines
from hacm.skeletons.topology import Topology
from pipeline.datasets.kard import KARD
from pipeline.datasets.msr_action3d import MSR_ACTION3D
from tests.helpers.said import said

STICK = Topology("stick-3", ("hip", "left hand", "right hand"), (-1, 0, 0), (0,), 0)
PLAIN = JointLines(STICK, ending=".txt", fps=15.0)
SURE = JointLines(STICK, ending=".txt", fps=15.0, confidence=True)
NAME = "a01_s02_e03.txt"
TWO_FRAMES = b"1 2 3 1\n4 5 6 0\n7 8 9 0.5\n-1 0.5 2e0 0\n0 0 0 0\n1 1 1 1\n"


def text(values: Any) -> bytes:
    return "".join(" ".join(f"{value:.6f}" for value in row) + "\n" for row in np.asarray(values)).encode()


@pytest.mark.parametrize("dataset", [MSR_ACTION3D, KARD], ids=lambda each: each.name)
@pytest.mark.parametrize("folder", ["", "skeleton/", "archive.tar.xz/msr/skeleton/"])
def test_a_files_name_says_who_and_what(dataset: Any, folder: str) -> None:
    ending = dataset.reader.ending
    assert dataset.part_of(f"{folder}a18_s10_e02{ending}") == Part("a18_s10_e02")
    identity = dataset.reader.identify(f"{folder}a18_s10_e02{ending}")
    assert (identity.name, identity.action, identity.subject, identity.replication) == ("a18_s10_e02", 17, 10, 2)
    assert identity.camera is identity.setup is None
    assert dataset.part_of("files_used_in_cvpr12_paper.txt") is None
    for name in (f"a00_s01_e01{ending}", f"a01_s01{ending}", f"x{ending}"):
        with pytest.raises(BadRecording, match="name"):
            dataset.reader.identify(name)


def test_values_by_hand() -> None:
    recording = SURE.parse(TWO_FRAMES, NAME)
    assert recording.bodies_MTVC.dtype == np.float32
    assert recording.bodies_MTVC.tolist() == [[[[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[-1, 0.5, 2], [0, 0, 0], [1, 1, 1]]]]
    assert (recording.fps, recording.topology, recording.notes) == (15.0, STICK, ())
    millimetres = JointLines(STICK, ending=".txt", fps=30.0, metres=0.001, mirrored=True)
    found = millimetres.parse(b"1500 250 2000\r\n-1 0 0\r\n0 0 1\r\n", NAME).bodies_MTVC
    assert found.tolist() == np.float32([[[[-1.5, 0.25, 2], [0.001, 0, 0], [0, 0, 0.001]]]]).tolist()


def test_the_raw_recording_is_read() -> None:
    (recording,) = SURE.read(RawRecording("a01_s02_e03", RawFile(NAME, TWO_FRAMES)))
    assert recording.identity == SURE.identify(NAME)


def test_a_confidence_of_0_changes_nothing() -> None:
    values = np.random.default_rng(0).normal(size=(30, 4))
    found = []
    for confidence in (0, 0.3, 1):
        values[:, 3] = confidence
        found.append(SURE.parse(text(values), NAME).bodies_MTVC)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_only_frames_of_zeros_throughout_are_absent() -> None:
    """One joint at 0 0 0, or two, is a place like another; whatever the confidence is."""
    values = np.random.default_rng(0).normal(size=(6, 3, 4))
    values[..., 3] = 0
    values[1, :2, :3] = 0
    values[3, :, :3] = 0
    values[4] = (0, 0, 0, 1)
    bodies_MTVC = SURE.parse(text(values.reshape(-1, 4)), NAME).bodies_MTVC
    assert np.isnan(bodies_MTVC).all(axis=(0, 2, 3)).tolist() == [False, False, False, True, True, False]
    assert not bodies_MTVC[0, 1, :2].any()
    assert len(SURE.parse(b"0 0 0 0\n" * 6, NAME).bodies_MTVC) == 0  # nobody


@pytest.mark.parametrize("bad", ["nan", "inf", "-inf", "1e300"])
def test_a_joint_that_is_not_finite_was_not_seen(bad: str) -> None:
    recording = PLAIN.parse(text(np.ones((9, 3))).replace(b"1.000000", bad.encode(), 1), NAME)
    assert np.argwhere(np.isnan(recording.bodies_MTVC[0]).all(axis=2)).tolist() == [[0, 0]]
    infinite = "joints with infinite or too large coordinates taken as not seen: 1"
    assert said(recording) == (() if bad == "nan" else (infinite,))


def test_numbers_that_mean_not_seen_are_a_setting() -> None:
    reader = replace(PLAIN, unseen=(0, -1), metres=0.001)
    bodies = reader.parse(b"1 2 3\n-1 -1 -1\n0 0 0\n0 0 1\n-1 -1 0\n5 5 5\n", NAME).bodies_MTVC
    assert np.isnan(bodies).all(axis=3).tolist() == [[[False, True, True], [False, False, False]]]


@pytest.mark.parametrize("wrong", [{"unseen": 0}, {"metres": 0}, {"least_confidence": -1}, {"least_confidence": 0.5}])
def test_impossible_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"JointLines: {next(iter(wrong))}"):
        replace(PLAIN, **wrong)


def test_a_threshold_of_confidence_is_a_setting() -> None:
    values = np.random.default_rng(0).uniform(0.1, 1, size=(9, 4)).round(6)
    bodies_MTVC = replace(SURE, least_confidence=0.5).parse(text(values), NAME).bodies_MTVC
    assert np.isnan(bodies_MTVC).all(axis=3).ravel().tolist() == (values[:, 3] < 0.5).tolist()
    assert 0 < np.isnan(bodies_MTVC).sum() < bodies_MTVC.size


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b" \n\n", "the file is empty"),
        (b"1 2 3 1\n" * 4, "line 4: the last frame has 1 of 3 joints"),
        (b"1 2 3 1\n" * 5, "line 5: the last frame has 2 of 3 joints"),
        (b"1 2 3\n" * 3, "line 1: 3 numbers instead of 4"),
        (b"1 2 3 1\n1 2 3 1\n1 2 3 1 1\n", "line 3: 5 numbers instead of 4"),
        (b"1 2 3 1\n1 x 3 1\n1 2 3 1\n", "line 2: field 2 is not a number"),
        (b"1 2 3 1\n1 2 3 1.5\n1 2 3 1\n", "line 2: confidence 1.5 does not lie between 0 and 1"),
        (b"1 2 3 1\n1 2 3 1\n1 2 3 nan\n", "line 3: confidence nan does not lie between 0 and 1"),
        (b"1 2 3 -1\n" * 3, "line 1: confidence -1 does not lie between 0 and 1"),
        (b"<html><body>404</body></html>", "an HTML page"),
        (b"0 0 0 0\n" * (3 * MOST_FRAMES + 3), "more than 30000 lines"),
    ],
)
def test_other_content_is_refused_with_the_line(data: bytes, reason: str) -> None:
    with pytest.raises(BadRecording, match=reason):
        SURE.parse(data, NAME)


@given(st.binary(max_size=200))
@example(b"1 2 3 1\n" * 3)
@settings(deadline=None, max_examples=100)
def test_any_bytes(data: bytes) -> None:
    survives(data)


@given(st.lists(st.tuples(st.integers(0, len(TWO_FRAMES) - 1), st.integers(0, 255)), min_size=1, max_size=4))
@settings(deadline=None, max_examples=300)
def test_any_damage(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(TWO_FRAMES)
    for position, value in changes:
        damaged[position] = value
    survives(bytes(damaged))


def survives(data: bytes) -> None:
    reason = ""
    try:
        bodies_MTVC = SURE.parse(data, NAME).bodies_MTVC
        assert bodies_MTVC.shape[2:] == (3, 3)
        finite_MTV = np.isfinite(bodies_MTVC).all(axis=3)
        assert np.isnan(bodies_MTVC[~finite_MTV]).all()
    except BadRecording as error:
        reason = str(error)
    assert "\n" not in reason
