"""Joints that were not seen: each setting computed by hand, and a plain second implementation on any gaps.

A chain of four joints stands at x = 0, 1, 2, 3 and moves along y by one a frame, so that every value says joint and frame.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hacm.cleaning import CleaningSettings, clean
from hacm.errors import BadRecording
from hacm.recordings import Clip, Identity, Recording
from hacm.recordings.arrays import ArrayReader
from hacm.skeletons.missing_joints import fill_gaps, order_by_distance, order_from_root, take_from_parents
from hacm.skeletons.shipped import COCO_17, TOPOLOGIES
from hacm.skeletons.topology import Topology
from tests.helpers.said import said

CHAIN = Topology("chain-4", ("root", "one", "two", "three"), (-1, 0, 1, 2), (0,), centre=1)
FRAMES = 12

Array = NDArray[np.float32]


def chain(*missing: tuple[Any, Any], body: float = 0.0) -> Array:
    """(12, 4, 3), with NaN at each (frame, joint); z = 5 + body."""
    joints = np.zeros((FRAMES, 4, 3), np.float32)
    joints[..., 0] = np.arange(4)
    joints[..., 1] = np.arange(FRAMES)[:, np.newaxis]
    joints[..., 2] = 5 + body
    for frame, joint in missing:
        joints[frame, joint] = np.nan
    return joints


def cleaned(*bodies: Array, missing: Any = "interpolate", translate: Any = "none", **more: Any) -> Clip:
    recording = Recording(Identity("clip", 1, 0), 25.0, CHAIN, np.stack(bodies))
    return clean(recording, CleaningSettings("none", missing=missing, translate=translate, **more))


def ys(clip: Clip, joint: int) -> list[float]:
    """Of the first body's joint; nan where it is zero, as what is not known is left."""
    return [float(y) if z else np.nan for _, y, z in clip.bodies_MTVC[0, :, joint]]


MIDDLE, START, END = (slice(4, 8), 2), (slice(0, 3), 2), (slice(10, 12), 2)
NAN = np.nan
SEEN = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]


@pytest.mark.parametrize(
    ("missing", "gap", "expected"),
    [
        ("interpolate", MIDDLE, SEEN),
        ("interpolate", START, [3, 3, 3, *SEEN[3:]]),
        ("interpolate", END, [*SEEN[:10], 9, 9]),
        ("hold", MIDDLE, [*SEEN[:4], 3, 3, 3, 3, *SEEN[8:]]),
        ("hold", START, [3, 3, 3, *SEEN[3:]]),
        ("hold", END, [*SEEN[:10], 9, 9]),
        ("parent", MIDDLE, SEEN),
        ("parent", START, SEEN),
        ("leave", MIDDLE, [*SEEN[:4], NAN, NAN, NAN, NAN, *SEEN[8:]]),
        ("leave", START, [NAN, NAN, NAN, *SEEN[3:]]),
        ("leave", END, [*SEEN[:10], NAN, NAN]),
    ],
)
def test_each_setting(missing: str, gap: tuple[slice, int], expected: list[float]) -> None:
    clip = cleaned(chain(gap), missing=missing)
    np.testing.assert_array_equal(ys(clip, 2), expected)
    np.testing.assert_array_equal(clip.bodies_MTVC[0][:, [0, 1, 3]], chain()[:, [0, 1, 3]])  # the others are untouched
    x = clip.bodies_MTVC[0, gap[0], 2, 0]
    assert set(x.tolist()) == {{"parent": 1.0, "leave": 0.0}.get(missing, 2.0)}
    count = gap[0].stop - gap[0].start
    done = "not seen and left at zero" if missing == "leave" else "filled where it was not seen,"
    assert said(clip) == (f"joint two {done} in {count} of 12 body-frames",)


@pytest.mark.parametrize("missing", ["interpolate", "hold"])
@pytest.mark.parametrize("gap", [MIDDLE, START, END])
def test_longer_gaps_than_allowed_are_left(missing: str, gap: tuple[slice, int]) -> None:
    length = gap[0].stop - gap[0].start
    assert not np.isnan(ys(cleaned(chain(gap), missing=missing, longest_gap=length), 2)).any()
    clip = cleaned(chain(gap, (9, 2)), missing=missing, longest_gap=length - 1)
    lost = np.flatnonzero(np.isnan(ys(clip, 2)))
    # At the end, the frame that is missing beside the gap makes it longer still.
    assert lost.tolist() == [*([9] if gap is END else []), *range(gap[0].start, gap[0].stop)]
    left = f"joint two not seen and left at zero in {len(lost)} of 12 body-frames"
    filled = () if gap is END else ("joint two filled where it was not seen, in 1 of 12 body-frames",)
    assert said(clip) == (*filled, left)


@pytest.mark.parametrize("missing", ["interpolate", "hold", "leave"])
def test_a_joint_that_is_never_seen_is_left_and_costs_nothing(missing: str) -> None:
    clip = cleaned(chain((slice(None), 3)), missing=missing, longest_gap=100, translate="first_frame")
    assert not clip.bodies_MTVC[0, :, 3].any()
    np.testing.assert_array_equal(clip.bodies_MTVC[0, :, :3], chain()[:, :3] - chain()[0, 1])
    assert said(clip) == ("joint three not seen and left at zero in 12 of 12 body-frames",)


def test_parent_is_the_nearest_seen_joint_towards_the_root() -> None:
    clip = cleaned(chain((3, [2, 3]), (5, [1, 2, 3]), (7, [0, 1]), (8, 0)), missing="parent")
    assert clip.bodies_MTVC[0, 3, :, 0].tolist() == [0, 1, 1, 1]
    assert clip.bodies_MTVC[0, 5, :, 0].tolist() == [0, 0, 0, 0]
    assert clip.bodies_MTVC[0, 7].tolist() == [[0, 0, 0], [0, 0, 0], [2, 7, 5], [3, 7, 5]]  # the root hangs on nothing
    assert clip.bodies_MTVC[0, 8].tolist() == [[0, 0, 0], [1, 8, 5], [2, 8, 5], [3, 8, 5]]
    assert said(clip) == (
        "joint one filled where it was not seen, in 1 of 12 body-frames",
        "joint two filled where it was not seen, in 2 of 12 body-frames",
        "joint three filled where it was not seen, in 2 of 12 body-frames",
        "joint root not seen and left at zero in 2 of 12 body-frames",
        "joint one not seen and left at zero in 1 of 12 body-frames",
    )


@pytest.mark.parametrize("missing", ["interpolate", "hold", "parent", "leave"])
@pytest.mark.parametrize("translate", ["first_frame", "none"])
def test_frames_without_the_body_stay_without_it(missing: str, translate: str) -> None:
    """And time goes on in them: a gap of a joint that begins and ends beside them is as long as it lasts."""
    joints = chain((slice(4, 7), slice(None)), (3, 2), (7, 2))
    clip = cleaned(joints, missing=missing, translate=translate, longest_gap=5)
    assert np.flatnonzero(~clip.bodies_MTVC[0].any(axis=(1, 2))).tolist() == [4, 5, 6]
    held = {"interpolate": [3, 7], "hold": [2, 2], "parent": [3, 7], "leave": [NAN, NAN]}[missing]
    if translate == "none":
        np.testing.assert_array_equal([ys(clip, 2)[3], ys(clip, 2)[7]], held)
        assert " in 2 of 9 body-frames" in said(clip)[0]
        shorter = cleaned(joints, missing=missing, longest_gap=4)
        assert np.isnan(ys(shorter, 2)[3]) == (missing != "parent")


def test_the_origin_is_where_the_centring_joint_is_first_seen() -> None:
    joints = chain((slice(0, 3), 1))
    clip = cleaned(joints, missing="leave", translate="first_frame")
    expected = joints - joints[3, 1]
    expected[:3, 1] = 0
    np.testing.assert_array_equal(clip.bodies_MTVC[0], expected)
    filled = cleaned(joints, missing="parent", translate="first_frame")  # filled, but not seen
    assert filled.bodies_MTVC[0, 3, 1].tolist() == [0, 0, 0]
    assert filled.bodies_MTVC[0, 0, 1].tolist() == [-1, -3, 0]


def test_where_the_centring_joint_is_never_seen_the_nearest_stands_in() -> None:
    clip = cleaned(chain((slice(None), 1), (slice(0, 2), 0)), missing="leave", translate="first_frame")
    expected = chain() - chain()[2, 0]
    expected[:, 1] = 0
    expected[:2, 0] = 0
    np.testing.assert_array_equal(clip.bodies_MTVC[0], expected)
    assert said(clip)[-1] == "centring joint never seen; origin: root for one"
    further = cleaned(chain((slice(None), [0, 1, 2])), missing="leave", translate="first_frame")
    assert further.bodies_MTVC[0, 0, 3].tolist() == [0, 0, 0]
    assert said(further)[-1] == "centring joint never seen; origin: three for one"


def test_the_second_body_is_mended_for_itself_and_shares_the_origin() -> None:
    first, second = chain((5, 3)), chain((slice(3, 5), 0), (slice(7, 9), slice(None)), body=2)
    clip = cleaned(first, second, missing="hold", translate="first_frame")
    origin = first[0, 1]
    np.testing.assert_array_equal(clip.bodies_MTVC[0, 5, 3], first[4, 3] - origin)
    np.testing.assert_array_equal(clip.bodies_MTVC[1, 3:5, 0], np.stack([second[2, 0]] * 2) - origin)
    assert not clip.bodies_MTVC[1, 7:9].any()
    assert said(clip) == (
        "joint root filled where it was not seen, in 2 of 22 body-frames",
        "joint three filled where it was not seen, in 1 of 22 body-frames",
    )


@pytest.mark.parametrize("missing", ["interpolate", "hold", "parent", "leave"])
def test_where_nothing_is_missing_no_setting_matters(missing: str) -> None:
    clip = cleaned(chain((slice(2, 4), slice(None))), missing=missing, translate="first_frame")
    expected = chain() - chain()[0, 1]
    expected[2:4] = 0
    np.testing.assert_array_equal(clip.bodies_MTVC[0], expected)
    assert clip.notes == ()


def test_nobody_is_nobody() -> None:
    with pytest.raises(BadRecording):
        cleaned(chain((slice(None), slice(None))))


def test_to_the_standard_cleaning_a_body_with_a_missing_joint_is_absent_and_noted() -> None:
    clip = clean(Recording(Identity("clip", 1, 0), 25.0, CHAIN, chain((2, 3))[np.newaxis]), CleaningSettings())
    assert clip.bodies_MTVC.shape[1] == FRAMES - 1
    assert said(clip)[0] == "body-frames with non-finite coordinates taken as absent: 1"


# A second implementation


def fill_plainly(joints: Array, seen: NDArray[np.bool_], how: str, longest: int) -> tuple[Array, NDArray[np.bool_]]:
    filled, where = joints.astype(np.float64), np.zeros_like(seen)
    frames = len(seen)
    for joint in range(seen.shape[1]):
        frame = 0
        while frame < frames:
            if seen[frame, joint]:
                frame += 1
                continue
            end = frame
            while end < frames and not seen[end, joint]:
                end += 1
            if end - frame <= longest and (frame > 0 or end < frames):
                for t in range(frame, end):
                    where[t, joint] = True
                    if frame == 0:
                        filled[t, joint] = joints[end, joint]
                    elif end == frames or how == "hold":
                        filled[t, joint] = joints[frame - 1, joint]
                    else:
                        for c in range(3):
                            filled[t, joint, c] = np.interp(t, [frame - 1, end], joints[[frame - 1, end], joint, c])
            frame = end
    return filled.astype(np.float32), where


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["interpolate", "hold"]), st.integers(1, 6))
def test_any_gaps_are_filled_as_the_plain_implementation_does(seed: int, how: Any, longest: int) -> None:
    generator = np.random.default_rng(seed)
    frames = int(generator.integers(1, 15))
    joints = generator.normal(size=(frames, 3, 3)).astype(np.float32)
    seen = generator.random((frames, 3)) < generator.random()
    filled, where = fill_gaps(joints, seen, how, longest)
    expected, expected_where = fill_plainly(joints, seen, how, longest)
    np.testing.assert_array_equal(where, expected_where)
    np.testing.assert_allclose(filled, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(filled[~where], joints[~where])
    assert filled.dtype == np.float32


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(TOPOLOGIES)))
def test_any_joint_is_taken_from_the_first_seen_one_above_it(seed: int, name: str) -> None:
    generator = np.random.default_rng(seed)
    parents = TOPOLOGIES[name].parents
    joints = generator.normal(size=(4, len(parents), 3)).astype(np.float32)
    seen = generator.random((4, len(parents))) < generator.random()
    taken, where = take_from_parents(joints, seen, parents)
    for row in range(4):
        for joint in range(len(parents)):
            above = joint
            while above >= 0 and not seen[row, above]:
                above = parents[above]
            assert where[row, joint] == (above not in (joint, -1))
            np.testing.assert_array_equal(taken[row, joint], joints[row, joint if above < 0 else above])


@pytest.mark.parametrize("name", sorted(TOPOLOGIES))
def test_orders_of_joints(name: str) -> None:
    parents = TOPOLOGIES[name].parents
    order = order_from_root(parents)
    assert sorted(order) == list(range(len(parents)))
    assert all(parents[joint] < 0 or order.index(parents[joint]) < order.index(joint) for joint in order)
    near = order_by_distance(parents, TOPOLOGIES[name].centre)
    assert sorted(near) == list(range(len(parents)))
    assert near[0] == TOPOLOGIES[name].centre
    assert parents[near[1]] == near[0] or parents[near[0]] == near[1]


def test_without_a_hip_the_other_stands_in_for_their_middle() -> None:
    names = COCO_17.joints
    order = [names[joint] for joint in order_by_distance(COCO_17.parents, COCO_17.centre)]
    assert order[0] == "mid hip"
    assert {"left hip", "right hip"} <= set(order[1:4])


# What users have

CASES = Path(__file__).parents[2].parent / "shared" / "cases" / "own"
GYM = Topology(
    "gym-13", tuple(f"joint {number}" for number in range(13)), (-1, 0, 1, 1, 3, 4, 1, 6, 7, 0, 9, 0, 11), (0,), 0
)


@pytest.mark.real
@pytest.mark.skipif(not CASES.exists(), reason="the cases are not here")
@pytest.mark.parametrize(("case", "unseen"), [("02-joint-nan", ()), ("03-joint-zero", (0,)), ("21-minus-one", (-1,))])
@pytest.mark.parametrize("missing", ["interpolate", "hold", "parent", "leave"])
def test_cases(case: str, unseen: tuple[float, ...], missing: Any) -> None:
    reader = ArrayReader(GYM, names="s{subject}_a{action}_t{replication}", fps=25, unseen=unseen)
    for file in sorted((CASES / case).glob("*.npz")):
        joints = np.load(file)["joints"]
        seen = np.isfinite(joints).all(axis=2)
        for number in unseen:
            seen &= ~(joints == number).all(axis=2)
        recording = reader.parse(file.read_bytes(), file.name)
        np.testing.assert_array_equal(np.isfinite(recording.bodies_MTVC[0]).all(axis=2), seen)
        clip = clean(recording, CleaningSettings("none", missing=missing))
        assert clip.bodies_MTVC.shape == (1, *joints.shape)
        np.testing.assert_array_equal(clip.bodies_MTVC[0].any(axis=(1, 2)), seen.any(axis=1))
        origin = joints[np.argmax(seen[:, 0]), 0]
        np.testing.assert_allclose(clip.bodies_MTVC[0][seen], (joints - origin)[seen], rtol=0, atol=1e-5)
        assert bool(clip.notes) == (~seen & seen.any(axis=1, keepdims=True)).any()
