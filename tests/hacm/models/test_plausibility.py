"""What cannot be a recording of a model's kind is told from what is merely unusual."""

import numpy as np
import pytest

from hacm.models.plausibility import Measures, check_clip, look_at, pair_sides
from hacm.recordings.bodies import UPRIGHT
from hacm.skeletons.shipped import KINECT_V1
from tests.helpers.made_up_clips import make_body

FPS = 30.0
CLIPS = [make_body(seed, 30 + seed, 0.9 + 0.02 * seed)[np.newaxis] for seed in range(10)]
SEEN = look_at(CLIPS, KINECT_V1, FPS)


def check(bodies_MTVC, fps=FPS):
    return check_clip(bodies_MTVC.astype(np.float32), KINECT_V1, SEEN, fps)


def turn(body, degrees):
    angle = np.radians(degrees)
    matrix = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    return body @ matrix.T


def test_the_range_of_training_is_that_of_its_clips():
    assert SEEN.frames == (30, 39)
    assert SEEN.bodies == 1
    assert SEEN.turned <= 1
    lengths = [
        np.median([np.mean([np.linalg.norm(row[j] - row[p]) for j, p in KINECT_V1.bones]) for row in clip[0]])
        for clip in CLIPS
    ]
    assert SEEN.size == pytest.approx((min(lengths), max(lengths)), rel=1e-4)
    assert SEEN.height_V[KINECT_V1.joints.index("head")] == max(SEEN.height_V)
    assert sum(SEEN.height_V) == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(SEEN.facing_C, [-1, 0, 0], atol=0.1)  # STANDING has left at −x


@pytest.mark.parametrize("seed", range(20, 26))
def test_nobody_of_training_and_nobody_alike_is_doubted(seed):
    for clip in CLIPS:
        assert check(clip) == ([], [])
    assert check(make_body(seed, 35)[np.newaxis]) == ([], [])


@pytest.mark.parametrize(("scale", "unit"), [(1000, "mm"), (100, "cm"), (1 / 0.0254, "in"), (1 / 0.3048, "ft")])
def test_another_unit_is_named(scale, unit):
    (line,), unusual = check(CLIPS[4] * scale)
    assert line.endswith(f"if they are {unit}, say unit={unit}")
    assert not any("anybody" in line for line in unusual)


@pytest.mark.parametrize("scale", [1e-3, 5.7])
def test_a_unit_that_nobody_knows(scale):
    (line,), _ = check(CLIPS[4] * scale)
    assert line.endswith("say how many metres their unit is (unit=0.5)")


@pytest.mark.parametrize("up", [up for up in UPRIGHT if up != "y"])
def test_another_axis_is_named(up):
    clip = make_body(30)[np.newaxis]
    other = np.empty_like(clip)
    for axis, (source, sign) in enumerate(UPRIGHT[up]):
        other[..., source] = sign * clip[..., axis]
    (line,), _ = check(other)
    assert line.startswith(f"y does not point up: {up} does, so say up={up} (")


def test_a_child_and_a_giant_are_unusual():
    assert check(CLIPS[0] * 0.6) == ([], [check(CLIPS[0] * 0.6)[1][0]])
    assert check(CLIPS[0] * 0.6)[1][0].startswith("smaller than anybody in training")
    assert check(CLIPS[-1] * 1.6)[1][0].startswith("larger than anybody in training")


@pytest.mark.parametrize(("degrees", "said"), [(0, False), (20, False), (90, True), (180, True), (-90, True)])
def test_who_faces_another_way_is_unusual(degrees, said):
    wrong, unusual = check(turn(CLIPS[3], degrees))
    assert not wrong
    assert [line.startswith(f"turned by {abs(degrees)} degrees") for line in unusual] == [True] * said or abs(
        int(unusual[0].split()[2]) - abs(degrees)
    ) <= 10


def test_the_turn_that_is_named_is_the_one_that_mends_it():
    for degrees in (90, 135, 180, -100):
        line = check(turn(CLIPS[3], degrees))[1][0]
        named = int(line.split("say turn=")[1].split()[0])
        assert check(turn(CLIPS[3], degrees + named)) == ([], [])


def test_a_mirrored_recording_is_unusual():
    assert check(CLIPS[3] * np.array([-1, 1, 1]))[1][0].startswith("turned by 1")


def test_length_is_judged_in_seconds():
    long = np.concatenate([make_body(3, 30)] * 4)[np.newaxis]
    assert check(long)[1] == ["long for one movement: 4 s, 1 to 1.3 s in training"]
    assert check(long, fps=120) == ([], [])
    assert check(CLIPS[0], fps=120)[1][0].startswith("short for one movement")


def test_one_frame_is_no_movement():
    assert check(CLIPS[0][:, :1]) == (["1 frame: a movement has at least 2"], [])


def test_absent_rows_do_not_count():
    clip = CLIPS[2].copy()
    clip[0, 5:10] = 0
    assert Measures.of(clip, KINECT_V1).size == pytest.approx(Measures.of(CLIPS[2], KINECT_V1).size, rel=0.01)


@pytest.mark.parametrize("degrees", [0, 20, 45, 90, 180])
def test_upright_is_the_cosine_of_a_tilt(degrees):
    angle = np.radians(degrees)
    tilt = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    straight = np.zeros((1, 3, 20, 3), np.float32)
    straight[..., 1] = np.array(SEEN.height_V)
    found = Measures.of(straight @ tilt.T.astype(np.float32) * 1.7, KINECT_V1).upright(np.array(SEEN.height_V))
    assert found == pytest.approx(np.cos(angle), abs=1e-5)


def test_a_body_without_height_has_no_direction():
    flat = np.zeros((1, 3, 20, 3), np.float32)
    flat[..., 0] = 1
    assert Measures.of(flat, KINECT_V1).upright(np.array(SEEN.height_V)) == 0


def test_sides_are_found_by_name():
    pairs = pair_sides(KINECT_V1)
    assert len(pairs) == 8
    assert all(KINECT_V1.joints[a].replace("left", "right") == KINECT_V1.joints[b] for a, b in pairs)
