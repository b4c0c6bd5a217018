"""The field's standard cleaning: golden numbers, each branch computed by hand, and a second implementation."""

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hacm.cleaning import CleaningSettings, clean, denoise
from hacm.errors import BadRecording
from hacm.recordings import Clip, Identity, Recording, ntu
from hacm.recordings.notes import Kind, Note
from hacm.skeletons.shipped import KINECT_V1, KINECT_V2
from hacm.skeletons.topology import Topology
from tests.helpers.said import said

GOLDEN = Path(__file__).parents[2].parent / "shared" / "golden"
FIELD = CleaningSettings()
IDENTITY = Identity("S001C001P001R001A001", subject=1, action=0)
CENTRE = 1  # spine mid

Array = NDArray[np.float32]


def person(frames: int, mark: float = 0.0, wide: tuple[int, ...] = (), sway: float = 0.0) -> Array:
    """(F, 25, 3): 2 m high and 0.5 m wide, or 4 m wide in the frames `wide`; z = 3 + mark + frame/64 says which.

    sway: every other frame stands so far to the right, which is what makes its motion large.
    """
    joints = np.zeros((frames, 25, 3), dtype=np.float32)
    joints[:, :, 1] = np.linspace(-1, 1, 25)
    joints[:, ::2, 0] = 0.5
    joints[list(wide), ::2, 0] = 4
    joints[1::2, :, 0] += sway
    joints[:, :, 2] = 3 + mark + np.arange(frames, dtype=np.float32)[:, np.newaxis] / 64
    return joints


def recording(frames: int, *tracks: tuple[list[int] | range, Array], topology: Topology = KINECT_V2) -> Recording:
    """Tracks given as (frames in which they are seen, joints)."""
    joints = tracks[0][1].shape[1] if tracks else 25
    bodies = np.full((len(tracks), frames, joints, 3), np.nan, dtype=np.float32)
    for row, (seen, values) in zip(bodies, tracks, strict=True):
        row[list(seen)] = values
    return Recording(IDENTITY, 30.0, topology, bodies)


def seen_frames(body_TVC: Array) -> list[int]:
    return np.flatnonzero(body_TVC.any(axis=(1, 2))).tolist()


def same(left: Array, right: Array) -> None:
    np.testing.assert_array_equal(left, right)


# Golden numbers


@pytest.fixture(scope="module")
def golden() -> list[tuple[Clip, Clip, int, Array, Array]]:
    """(denoised, cleaned, bodies, expected denoised, expected cleaned) for each golden clip."""
    cases = []
    numbers = np.load(GOLDEN / "ntu_golden.npz")
    names, offsets, bodies = numbers["names"], numbers["offsets"], numbers["bodies"]
    denoised, joints = numbers["denoised"], numbers["joints"]
    with zipfile.ZipFile(GOLDEN / "ntu_golden.zip") as archive:
        for clip, name in enumerate(names):
            read = ntu.parse(archive.read(f"nturgb+d_skeletons/{name}.skeleton"), str(name))
            rows = slice(offsets[clip], offsets[clip + 1])
            found = denoise(read, FIELD), clean(read, FIELD)
            cases.append((*found, int(bodies[clip]), denoised[rows], joints[rows]))
    return cases


def as_columns(clip: Clip) -> Array:
    """(T, 150): body, joint, xyz; zeros for a second body that is not there."""
    columns = np.zeros((clip.bodies_MTVC.shape[1], 2, 75), dtype=np.float32)
    for number, body in enumerate(clip.bodies_MTVC):
        columns[:, number] = body.reshape(-1, 75)
    return columns.reshape(-1, 150)


@pytest.mark.skipif(not GOLDEN.exists(), reason="golden files are not here")
def test_golden(golden: list[tuple[Clip, Clip, int, Array, Array]]) -> None:
    assert len(golden) == 72
    largest = [0.0, 0.0]
    for denoised, cleaned, bodies, expected_denoised, expected_cleaned in golden:
        assert len(denoised.bodies_MTVC) == len(cleaned.bodies_MTVC) == bodies
        for place, (clip, expected) in enumerate(((denoised, expected_denoised), (cleaned, expected_cleaned))):
            found = as_columns(clip)
            assert found.shape == expected.shape
            largest[place] = max(largest[place], float(np.abs(found - expected).max()))
    print(f"largest deviation: denoised {largest[0]}, translated {largest[1]}")
    assert max(largest) <= 1e-5


# Step 1


def test_frames_without_body_are_dropped() -> None:
    joints = person(4)
    clip = denoise(recording(7, ([1, 2, 4, 5], joints)), FIELD)
    same(clip.bodies_MTVC, joints[np.newaxis])
    assert said(clip) == ("frames without body dropped: 3",)


def test_one_non_finite_coordinate_makes_a_frame_missing() -> None:
    joints = person(5)
    broken = recording(5, (range(5), joints))
    broken.bodies_MTVC[0, 2, 7, 1] = np.inf
    same(denoise(broken, FIELD).bodies_MTVC[0], joints[[0, 1, 3, 4]])


@pytest.mark.parametrize("tracks", [0, 1, 3])
def test_nothing_seen_is_refused(tracks: int) -> None:
    empty = recording(9, *([([], person(0))] * tracks))
    with pytest.raises(BadRecording, match="no body in any frame"):
        clean(empty, FIELD)
    with pytest.raises(BadRecording, match="no body in any frame"):
        clean(empty, CleaningSettings(strategy="none"))


# Step 2 and one track


def test_a_single_track_is_kept_as_it_is_however_short_or_noisy() -> None:
    joints = person(3, wide=(0, 1, 2))
    clip = denoise(recording(3, (range(3), joints)), FIELD)
    same(clip.bodies_MTVC, joints[np.newaxis])
    assert clip.notes == ()


def test_a_track_never_seen_is_no_track() -> None:
    joints = person(3)
    clip = denoise(recording(3, ([], person(0)), (range(3), joints)), FIELD)
    same(clip.bodies_MTVC, joints[np.newaxis])


def test_a_track_that_returns_is_closed_up() -> None:
    moving, gappy = person(30, sway=1), person(15, mark=5)
    seen = [*range(5, 12), *range(20, 28)]
    clip = denoise(recording(30, (range(30), moving), (seen, gappy)), FIELD)
    same(clip.bodies_MTVC[0], moving)
    same(clip.bodies_MTVC[1, 5:20], gappy)
    assert seen_frames(clip.bodies_MTVC[1]) == list(range(5, 20))
    assert said(clip) == ("track 1 closed up: 8 frames without it",)


# Step 3a


def test_eleven_frames_are_a_ghost_and_twelve_are_not() -> None:
    long, twelve, eleven = person(30, sway=1), person(12, mark=5), person(11, mark=7)
    clip = denoise(recording(30, (range(30), long), (range(12), twelve), (range(11), eleven)), FIELD)
    assert len(clip.bodies_MTVC) == 2
    same(clip.bodies_MTVC[1, :12], twelve)
    assert said(clip) == ("track 2 dropped: only 11 frames",)


def test_one_left_after_ghosts_is_alone_and_the_frames_it_does_not_cover_go() -> None:
    long = person(20)
    clip = denoise(recording(25, (range(5), person(5, mark=5)), (range(5, 25), long)), FIELD)
    same(clip.bodies_MTVC, long[np.newaxis])
    assert said(clip) == ("track 0 dropped: only 5 frames", "frames without remaining body dropped: 5")


def test_longest_is_kept_if_all_are_ghosts_and_the_first_of_equals() -> None:
    tracks = (range(4), person(4)), (range(9), person(9, mark=1)), (range(9), person(9, mark=2))
    clip = denoise(recording(9, *tracks), FIELD)
    same(clip.bodies_MTVC, tracks[1][1][np.newaxis])
    assert said(clip) == (
        "track 1 kept as the longest: no track over 11 frames",
        "track 0 dropped: only 4 frames",
        "track 2 dropped: only 9 frames",
    )


# Step 3b


@pytest.mark.parametrize(("noisy", "bodies"), [(13, 2), (14, 1)])  # of 20: 65 % and 70 %, the limit is 69.754 %
def test_share_of_noisy_frames(noisy: int, bodies: int) -> None:
    tracks = (range(20), person(20)), (range(20), person(20, wide=tuple(range(noisy))))
    clip = denoise(recording(20, *tracks), FIELD)
    assert len(clip.bodies_MTVC) == bodies
    assert ("track 1 dropped: 14 of 20 frames noisy" in said(clip)) == (bodies == 1)


@pytest.mark.parametrize(("share", "bodies"), [(0.5, 1), (0.500001, 2)])
def test_share_equal_to_the_limit_goes(share: float, bodies: int) -> None:
    tracks = (range(20), person(20)), (range(20), person(20, wide=tuple(range(10))))
    assert len(denoise(recording(20, *tracks), CleaningSettings(noisy_share=share)).bodies_MTVC) == bodies


@pytest.mark.parametrize(("spread", "bodies"), [(0.25, 2), (0.2499999, 1)])
def test_extent_equal_to_the_limit_is_not_noisy(spread: float, bodies: int) -> None:
    tracks = (range(20), person(20)), (range(20), person(20))  # 0.5 m wide, 2 m high
    assert len(denoise(recording(20, *tracks), CleaningSettings(noisy_spread=spread)).bodies_MTVC) == bodies


def test_noise_is_looked_for_until_one_track_is_left() -> None:
    wide = tuple(range(20))
    tracks = [(range(20), person(20, mark=mark, wide=wide)) for mark in range(3)]
    clip = denoise(recording(20, *tracks), FIELD)
    same(clip.bodies_MTVC, tracks[2][1][np.newaxis])
    assert said(clip) == ("track 0 dropped: 20 of 20 frames noisy", "track 1 dropped: 20 of 20 frames noisy")


def column(heights: NDArray[np.floating[Any]], depths: NDArray[np.floating[Any]], width: float = 0.0) -> Array:
    """Joints at (0 or width, heights[joint], depths[frame])."""
    joints = np.zeros((len(depths), 25, 3), dtype=np.float32)
    joints[:, :, 1] = heights
    joints[:, :, 2] = depths[:, np.newaxis]
    joints[:, ::2, 0] = width
    return joints


UPRIGHT = np.linspace(0, 1, 25)  # variance (25² − 1) / 12 / 24² = 0.0903
FLAT = np.full(25, 0.5)


def test_motion_is_the_lesser_when_noise_hides_motion() -> None:
    # 12 clean frames at z = 2 ± 1 (motion 1 + 0.0903) and 12 noisy ones of no height at z = 2 between them: together
    # 0.5 + 0.0451. The other track, at z = 8 ± 0.8, has 0.64 + 0.0903. Taking clean frames only would rank it second.
    calm = column(FLAT, np.full(12, 2.0), width=0.01)
    lively = column(UPRIGHT, 2 + np.tile([1.0, -1.0], 6))
    other = column(UPRIGHT, 8 + np.tile([0.8, -0.8], 12))
    clip = denoise(recording(24, (range(24), np.concatenate([calm, lively])), (range(24), other)), FIELD)
    same(clip.bodies_MTVC[0], other)


def test_motion_is_the_lesser_when_noise_makes_motion() -> None:
    # Clean frames alone: 0.0903. With the noisy ones, at z = 2 ± 3, over 4. The other track has 0.64 + 0.0903.
    jumping = column(FLAT, 2 + np.tile([3.0, -3.0], 6), width=0.01)
    still = column(UPRIGHT, np.full(12, 2.0))
    other = column(UPRIGHT, 8 + np.tile([0.8, -0.8], 12))
    clip = denoise(recording(24, (range(24), np.concatenate([jumping, still])), (range(24), other)), FIELD)
    same(clip.bodies_MTVC[0], other)


# Step 3c


def test_the_body_that_moves_most_is_first() -> None:
    calm, lively = person(20), person(20, mark=5, sway=1)
    clip = denoise(recording(20, (range(20), calm), (range(20), lively)), FIELD)
    same(clip.bodies_MTVC, np.stack([lively, calm]))


def test_of_equal_motion_the_earlier_is_first() -> None:
    left, right = person(20, mark=0), person(20, mark=4)  # whose depths have the same variance exactly
    clip = denoise(recording(20, (range(20), right), (range(20), left)), FIELD)
    same(clip.bodies_MTVC, np.stack([right, left]))


def test_a_shared_frame_is_no_overlap_and_the_later_writing_wins_it() -> None:
    early, late = person(20, sway=1), person(20, mark=5)
    clip = denoise(recording(39, (range(20), early), (range(19, 39), late)), FIELD)
    same(clip.bodies_MTVC[0], np.concatenate([early[:19], late]))
    assert clip.bodies_MTVC.shape[0] == 2
    assert not clip.bodies_MTVC[1].any()
    assert said(clip) == ("track 1 merged into body 0: frames 19 to 38",)


def test_two_shared_frames_are_an_overlap() -> None:
    early, late = person(20, sway=1), person(20, mark=5)
    clip = denoise(recording(38, (range(20), early), (range(18, 38), late)), FIELD)
    assert seen_frames(clip.bodies_MTVC[0]) == list(range(20))
    same(clip.bodies_MTVC[1, 18:], late)


def test_intervals_widen_and_what_overlaps_both_bodies_goes() -> None:
    # By motion: 0 (frames 20–39), 1 (0–19) continues body 0, which is then taken as 0–39 and has no room for 2 (10–29);
    # that starts body 1, then 0–29 because its interval starts at [0, 0]; 3 (30–44) overlaps 0–39 and continues body 1;
    # 4 (24–38) overlaps both.
    spans = range(20, 40), range(20), range(10, 30), range(30, 45), range(24, 39)
    tracks = [(span, person(len(span), mark=10 * n, sway=5 - n)) for n, span in enumerate(spans)]
    clip = denoise(recording(45, *tracks), FIELD)
    same(clip.bodies_MTVC[0, :40], np.concatenate([tracks[1][1], tracks[0][1]]))
    same(clip.bodies_MTVC[1, 10:45], np.concatenate([tracks[2][1], tracks[3][1]]))
    assert seen_frames(clip.bodies_MTVC[0]) == list(range(40))
    assert seen_frames(clip.bodies_MTVC[1]) == list(range(10, 45))
    assert said(clip) == (
        "track 1 merged into body 0: frames 0 to 19",
        "track 3 merged into body 1: frames 30 to 44",
        "track 4 dropped: overlaps both bodies",
    )


def test_the_second_body_may_start_where_its_empty_interval_starts() -> None:
    # A track from frame 0 on shares just frame 0 with [0, 0]; a second one that shares more is dropped.
    tracks = [(range(20), person(20, mark=10 * n, sway=5 - n)) for n in range(3)]
    clip = denoise(recording(20, *tracks), FIELD)
    same(clip.bodies_MTVC[1], tracks[1][1])
    assert said(clip) == ("track 2 dropped: overlaps both bodies",)


def test_the_empty_interval_of_the_second_body_counts_as_taken() -> None:
    # Track 1 (20–39) makes body 1's interval 0–39, not 20–39: track 2 (0–11) finds no room, though nothing is there.
    spans = range(40), range(20, 40), range(12)
    tracks = [(span, person(len(span), mark=10 * n, sway=5 - n)) for n, span in enumerate(spans)]
    clip = denoise(recording(40, *tracks), FIELD)
    assert seen_frames(clip.bodies_MTVC[1]) == list(range(20, 40))
    assert said(clip) == ("track 2 dropped: overlaps both bodies",)


# Step 3d


def test_frames_left_without_any_body_go() -> None:
    # Only a ghost fills the gap of track 1, so that closing it up leaves frames 35–39 to nobody.
    first, second, ghost = person(20, sway=1), person(15, mark=5), person(5)
    gappy = [*range(20, 30), *range(35, 40)]
    clip = denoise(recording(40, (range(20), first), (gappy, second), (range(30, 35), ghost)), FIELD)
    same(clip.bodies_MTVC[0], np.concatenate([first, second]))
    assert said(clip)[-1] == "frames without remaining body dropped: 5"


def test_frames_whose_coordinates_sum_to_zero_go_only_in_files_with_several_tracks() -> None:
    joints = person(20, sway=1)
    joints[4] = 0
    alone = denoise(recording(20, (range(20), joints)), FIELD)
    assert alone.bodies_MTVC.shape[1] == 20
    with_ghost = denoise(recording(20, (range(20), joints), (range(5, 10), person(5))), FIELD)
    same(with_ghost.bodies_MTVC[0], np.delete(joints, 4, axis=0))


# Step 4


def test_origin_of_one_body() -> None:
    joints = person(5, sway=2)
    clip = clean(recording(5, (range(5), joints)), FIELD)
    same(clip.bodies_MTVC[0], joints - joints[0, CENTRE])
    assert not clip.bodies_MTVC[0, 0, CENTRE].any()


def test_origin_is_in_the_first_frame_of_body_0_and_missing_frames_stay_zero() -> None:
    late, early = person(20, mark=1, sway=3), person(30, mark=7)
    clip = clean(recording(40, (range(20, 40), late), (range(30), early)), FIELD)
    origin = late[0, CENTRE]
    same(clip.bodies_MTVC[0, 20:], late - origin)
    same(clip.bodies_MTVC[1, :30], early - origin)
    assert not clip.bodies_MTVC[0, :20].any()
    assert not clip.bodies_MTVC[1, 30:].any()


def test_origin_skips_frames_that_are_zero() -> None:
    joints = person(4)
    joints[0] = 0
    clip = clean(recording(4, (range(4), joints)), FIELD)
    same(clip.bodies_MTVC[0], joints - joints[1, CENTRE])  # one body: its zero frames are moved like the others


def test_each_topology_has_its_own_centre() -> None:
    joints = np.arange(3 * 20 * 3, dtype=np.float32).reshape(3, 20, 3)
    clip = clean(recording(3, (range(3), joints), topology=KINECT_V1), FIELD)
    same(clip.bodies_MTVC[0], joints - joints[0, 2])


def test_translation_can_be_left_out() -> None:
    joints = person(5)
    same(clean(recording(5, (range(5), joints)), CleaningSettings(translate="none")).bodies_MTVC[0], joints)


# The rest


def test_at_most_300_frames() -> None:
    joints = person(310)
    clip = clean(recording(310, (range(310), joints)), FIELD)
    same(clip.bodies_MTVC[0], (joints - joints[0, CENTRE])[:300])
    assert said(clip) == ("frames truncated: 310 to 300",)
    assert clean(recording(300, (range(300), joints[:300])), FIELD).notes == ()


def test_second_body_of_a_one_body_clip() -> None:
    one = recording(5, (range(5), person(5)))
    zeros, copy = clean(one, FIELD), clean(one, CleaningSettings(single_body="copy"))
    assert len(zeros.bodies_MTVC) == 1
    same(copy.bodies_MTVC, np.repeat(zeros.bodies_MTVC, 2, axis=0))
    assert said(copy) == ("body 0 copied to body 1",)


def test_an_empty_second_body_is_not_replaced_by_a_copy() -> None:
    tracks = (range(20), person(20, sway=1)), (range(20, 40), person(20))
    clip = clean(recording(40, *tracks), CleaningSettings(single_body="copy"))
    assert len(clip.bodies_MTVC) == 2
    assert not clip.bodies_MTVC[1].any()


def test_strategy_none_keeps_tracks_and_frames() -> None:
    ghost, gappy = person(3, mark=5), person(4)
    tracks = ([2, 3, 4], ghost), ([0, 1, 4, 5], gappy), (range(8), person(8))
    settings = CleaningSettings(strategy="none", translate="none")
    clip = clean(recording(9, *tracks), settings)
    assert clip.bodies_MTVC.shape == (2, 9, 25, 3)
    same(clip.bodies_MTVC[0, 2:5], ghost)
    same(clip.bodies_MTVC[1, [0, 1, 4, 5]], gappy)
    assert seen_frames(clip.bodies_MTVC[0]) == [2, 3, 4]
    assert seen_frames(clip.bodies_MTVC[1]) == [0, 1, 4, 5]
    assert said(clip) == ("track 2 dropped: a clip has two bodies",)
    centred = clean(recording(9, tracks[0]), CleaningSettings(strategy="none"))
    same(centred.bodies_MTVC[0, 2:5], ghost - ghost[0, CENTRE])
    assert seen_frames(centred.bodies_MTVC[0]) == [2, 3, 4]


def centred_on_centroid(frames: int) -> np.ndarray:
    """A person of whole millimetres over 2^10, so that each frame's coordinates add up to exactly 0."""
    joints = np.round(person(frames).astype(np.float64) * 2**10)
    joints[:, :, :] -= np.round(joints.mean(axis=1, keepdims=True))
    joints[:, 0] -= joints.sum(axis=1)
    centred = (joints / 2**10).astype(np.float32)
    assert (centred.sum(axis=(1, 2), dtype=np.float64) == 0).all()
    return centred


@pytest.mark.parametrize("others", [[], [(range(3, 6), person(3))]])
@pytest.mark.parametrize("translate", ["first_frame", "none"])
def test_under_none_a_frame_is_present_whatever_its_coordinates_add_up_to(translate: Any, others: Any) -> None:
    joints = centred_on_centroid(7)
    clip = clean(recording(9, ([0, 1, 2, 3, 4, 6, 8], joints), *others), CleaningSettings("none", translate=translate))
    origin = joints[0, CENTRE] if translate == "first_frame" else 0
    same(clip.bodies_MTVC[0, [0, 1, 2, 3, 4, 6, 8]], joints - origin)
    assert seen_frames(clip.bodies_MTVC[0]) == [0, 1, 2, 3, 4, 6, 8]
    assert said(clip) == ()


def test_the_standard_cleaning_says_what_it_takes_for_absent() -> None:
    joints = person(20)
    joints[4] = centred_on_centroid(1)
    clip = clean(recording(20, (range(20), joints), (range(20), person(20, mark=3))), FIELD)
    body = 0 if not clip.bodies_MTVC[0, 4].any() else 1
    assert not clip.bodies_MTVC[body, 4].any()
    assert "body-frames whose coordinates add up to 0 taken as absent: 1" in said(clip)


def test_nothing_but_zeros_is_refused() -> None:
    zeros = np.zeros((20, 25, 3), dtype=np.float32)
    point = zeros + 1
    for bad in (recording(20, (range(20), zeros)), recording(20, (range(20), zeros), (range(20), zeros))):
        with pytest.raises(BadRecording, match="no body left"):
            clean(bad, FIELD)
    with pytest.raises(BadRecording, match="no body left"):
        clean(recording(20, (range(20), point)), FIELD)


def test_what_float32_cannot_hold_is_refused() -> None:
    huge = np.full((3, 25, 3), 3e38, dtype=np.float32)
    huge[1:] *= -1
    with pytest.raises(BadRecording, match="too large"):
        clean(recording(3, (range(3), huge)), FIELD)


def test_joints_must_fit_the_topology() -> None:
    with pytest.raises(BadRecording, match="do not fit"):
        clean(recording(5, (range(5), person(5)), topology=KINECT_V1), FIELD)


def test_notes_of_the_reading_come_first_and_the_recording_is_not_changed() -> None:
    raw = replace(recording(7, ([1, 2, 4, 5], person(4))), notes=(Note(Kind.REMARK, words="read so"),))
    before = raw.bodies_MTVC.copy()
    clip = clean(raw, FIELD)
    assert said(clip) == ("read so", "frames without body dropped: 3")
    assert (clip.identity, clip.fps, clip.topology) == (IDENTITY, 30.0, KINECT_V2)
    same(raw.bodies_MTVC, before)


@pytest.mark.parametrize(
    "wrong",
    [
        {"strategy": "some"},
        {"translate": "yes"},
        {"single_body": "twice"},
        {"ghost_frames": -1},
        {"max_frames": 0},
        {"noisy_spread": 0},
        {"noisy_share": 1.5},
    ],
)
def test_impossible_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CleaningSettings(**wrong)


# A second implementation: data.md §1 written down frame by frame with lists, for any recording


def plain_motion(frames: list[Array]) -> float:
    points = [point for joints in frames for point in joints.astype(np.float64)]
    return float(sum(np.var([point[axis] for point in points]) for axis in range(3)))


def plain_cleaning(bodies: Array) -> Array | None:
    kept_frames = [t for t in range(bodies.shape[1]) if not all(np.isnan(body[t]).any() for body in bodies)]
    tracks: list[dict[str, Any]] = []
    for body in bodies:
        seen = [(new, body[t]) for new, t in enumerate(kept_frames) if not np.isnan(body[t]).any()]
        if seen:
            joints = [values for _, values in seen]
            start = seen[0][0]
            tracks.append(
                {"joints": joints, "start": start, "end": start + len(joints) - 1, "motion": plain_motion(joints)}
            )
    if not tracks:
        return None
    several = len(tracks) > 1
    if several:
        longest = sorted(tracks, key=lambda track: -len(track["joints"]))[0]
        tracks = [track for track in tracks if len(track["joints"]) > 11] or [longest]
        for track in list(tracks):
            if len(tracks) == 1:
                break
            noisy = [np.ptp(j[:, 0]) > 0.8 * float(np.ptp(j[:, 1])) for j in track["joints"]]
            if sum(noisy) / len(noisy) >= 0.69754:
                tracks = [other for other in tracks if other is not track]
            elif any(noisy):
                quiet = [j for j, bad in zip(track["joints"], noisy, strict=True) if not bad]
                track["motion"] = min(track["motion"], plain_motion(quiet))
        tracks = sorted(tracks, key=lambda track: -track["motion"])
    out = np.zeros((min(len(tracks), 2), len(kept_frames), 25, 3), dtype=np.float32)
    spans = [[tracks[0]["start"], tracks[0]["end"]], [0, 0]]
    for rank, track in enumerate(tracks):
        for body in (0, 1):
            overlap = min(spans[body][1], track["end"]) - max(spans[body][0], track["start"])
            if rank == 0 or overlap <= 0:
                for step, joints in enumerate(track["joints"]):
                    out[body, track["start"] + step] = joints
                spans[body] = [min(spans[body][0], track["start"]), max(spans[body][1], track["end"])]
                break
    if several:
        out = out[:, [t for t in range(out.shape[1]) if out[:, t].any()]]
    first = next(t for t in range(out.shape[1]) if out[0, t].any())
    origin = out[0, first, CENTRE].copy()
    for body in out:
        for t in range(out.shape[1]):
            if len(out) == 1 or body[t].any():
                body[t] -= origin
    return out


@given(st.integers(0, 2**32 - 1))
@hypothesis_settings(deadline=None, max_examples=200)
def test_any_recording_is_cleaned_as_the_plain_implementation_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tracks, frames = rng.integers(1, 6), rng.integers(1, 60)
    bodies = np.full((tracks, frames, 25, 3), np.nan, dtype=np.float32)
    for body in bodies:
        start, end = sorted(rng.integers(0, frames + 1, size=2))
        seen = np.arange(start, end)[rng.random(end - start) < rng.choice([1.0, 1.0, 0.8])]
        joints = rng.normal(size=(len(seen), 25, 3)) * [0.2, 0.5, 0.2] + [0, 0, 3]
        joints[rng.random(len(seen)) < rng.choice([0.0, 0.3, 0.7, 0.9])] *= [6, 1, 1]
        body[seen] = joints + rng.normal(size=3) * rng.normal(size=(len(seen), 1, 1))
    expected = plain_cleaning(bodies)
    raw = Recording(IDENTITY, 30.0, KINECT_V2, bodies)
    if expected is None:
        with pytest.raises(BadRecording):
            clean(raw, FIELD)
    else:
        same(clean(raw, FIELD).bodies_MTVC, expected)
