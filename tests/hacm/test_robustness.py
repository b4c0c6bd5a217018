"""Corruptions against plain loops over frames, and the protocol that evaluates under them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from hacm.clips.augment import sample_batch
from hacm.clips.ragged import Clips, pack_clips
from hacm.evaluation import corruption as corrupting
from hacm.evaluation import metrics
from hacm.evaluation.corruption import (
    Corruption,
    LostFrames,
    Missing,
    MissingJoints,
    MissingLimb,
    Noise,
    View,
    corrupt,
    last_seen,
)
from hacm.evaluation.task import Task
from hacm.model.network import HACM
from hacm.protocols import linear, robustness
from hacm.settings import AugmentSettings
from hacm.skeletons.limbs import find_limbs_by_branching
from hacm.skeletons.shipped import TOPOLOGIES
from hacm.skeletons.skeleton import Skeleton
from tests.helpers.every_skeleton import CRAB, SKELETONS
from tests.helpers.small_training import SETTINGS, SKELETON, moving_clips

AUGMENT = AugmentSettings(min_frames=6)
SHAPES = [(1, 20), (2, 31), (1, 1), (2, 8), (1, 200)]
ALL = robustness.corruptions(robustness.Settings(draws=2), CRAB)


def crab_clips() -> Clips:
    """Clips of the invented skeleton; the second body of clip 1 is absent from frame 10 on, that of clip 3 always."""
    generator = torch.Generator().manual_seed(0)
    clips = [torch.randn(bodies, frames, 11, 3, generator=generator) for bodies, frames in SHAPES]
    clips[1][1, 10:] = 0
    clips[3][1] = 0
    return pack_clips(clips, [0, 1, 0, 1, 0], parents=CRAB.parents)


def unpack(clips: Clips) -> list[Tensor]:
    """One (M, T, V, 3) a clip."""
    rows_N = (clips.frames_N * clips.bodies_N).tolist()
    parts = clips.joints_RVC.split(rows_N)
    return [part.unflatten(0, (int(bodies), -1)) for part, bodies in zip(parts, clips.bodies_N, strict=True)]


def pairs(corruption: Corruption, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Each clip before and after."""
    clips = crab_clips()
    return list(zip(unpack(clips), unpack(corrupt(clips, torch.arange(5), corruption, seed)), strict=True))


@pytest.mark.parametrize("corruption", ALL, ids=lambda each: f"{each.kind} {each.level:.3g} {each.draw}")
def test_a_clip_is_corrupted_alike_whatever_is_beside_it_and_stays_as_it_was(corruption: Corruption) -> None:
    clips = crab_clips()
    before = clips.joints_RVC.clone()
    together = unpack(corrupt(clips, torch.arange(5), corruption, 7))
    assert torch.equal(clips.joints_RVC, before)
    others = corrupt(clips, torch.tensor([3, 1]), corruption, 7)
    assert torch.equal(unpack(others)[0], together[3])
    assert torch.equal(unpack(others)[1], together[1])
    assert others.present_NM.tolist() == [[True, False], [True, True]]
    assert others.label_N.tolist() == [1, 1]
    # What is absent stays absent, and what is there is changed (a clip of one frame has none to lose).
    assert not together[3][1].any()
    lost = isinstance(corruption, LostFrames)
    assert lost or not together[1][1, 10:].any()
    for number, (one, other) in enumerate(zip(unpack(clips), together, strict=True)):
        assert torch.equal(one, other) == (lost and number == 2)


RANDOM = [each for each in ALL if not isinstance(each, MissingLimb | View)]


@pytest.mark.parametrize("corruption", RANDOM[::2], ids=lambda each: f"{each.kind} {each.level:.3g}")
def test_draws_and_seeds_differ(corruption: Corruption) -> None:
    assert corruption.draw == 0
    everything = torch.arange(5)
    first = corrupt(crab_clips(), everything, corruption, 0).joints_RVC
    assert not torch.equal(corrupt(crab_clips(), everything, corruption, 1).joints_RVC, first)
    again = replace(corruption, draw=1)  # type: ignore[type-var]
    assert not torch.equal(corrupt(crab_clips(), everything, again, 0).joints_RVC, first)


@pytest.mark.parametrize(("share", "count"), [(0.01, 1), (0.3, 3), (0.5, 6), (0.9, 10)])
def test_joints_missing_throughout_are_that_many_and_others_for_each_body(share: float, count: int) -> None:
    sets = []
    for before, after in pairs(MissingJoints(share, 0, by_frame=False, skeleton=CRAB)):
        for body_before, body_after in zip(before, after, strict=True):
            if not body_before.any():
                continue
            seen_T = body_before.flatten(1).any(1)
            zero_TV = (body_after == 0).all(-1)[seen_T]
            assert torch.equal(zero_TV, zero_TV[:1].expand_as(zero_TV))  # the same in every frame
            assert int(zero_TV[0].sum()) == count
            assert torch.equal(body_after[:, ~zero_TV[0]], body_before[:, ~zero_TV[0]])
            sets.append(tuple(zero_TV[0].tolist()))
    assert len(set(sets)) > 2


def test_joints_missing_by_frame_are_that_many_in_each_and_every_joint_as_often() -> None:
    before, after = pairs(MissingJoints(0.3, 0, by_frame=True, skeleton=CRAB))[4]
    zero_TV = (after == 0).all(-1)[0]
    assert (zero_TV.sum(1) == 3).all()
    assert torch.equal(after[0][~zero_TV], before[0][~zero_TV])
    share_V = zero_TV.double().mean(0)
    assert (share_V - 3 / 11).abs().max() < 4 * math.sqrt(3 / 11 * 8 / 11 / 200)


@pytest.mark.parametrize("kind", ["throughout", "by frame", "frames"])
def test_a_greater_level_takes_away_what_a_lesser_one_does(kind: str) -> None:
    def taken(level: float) -> Tensor:
        if kind == "frames":
            before, after = pairs(LostFrames(level, 0, block=False))[4]
            return (before != after).flatten(2).any(2)[0]
        before, after = pairs(MissingJoints(level, 0, kind == "by frame", CRAB))[4]
        return (before != after).any(-1)

    lesser, greater = taken(0.2), taken(0.6)
    assert not (lesser & ~greater).any()
    assert greater.sum() > lesser.sum()


def test_a_missing_joint_may_read_as_the_nearest_seen_one_towards_the_root() -> None:
    zeros = pairs(MissingJoints(0.6, 0, by_frame=True, skeleton=CRAB))
    parents = pairs(MissingJoints(0.6, 0, by_frame=True, skeleton=CRAB, missing="parent"))
    orphans = 0
    for (before, without), (_, after) in zip(zeros, parents, strict=True):
        for body in range(len(before)):
            for frame in range(before.shape[1]):
                for joint in range(11):
                    up = [each for each in CRAB.chain(joint) if without[body, frame, each].any()]
                    expected = before[body, frame, up[0]] if up else torch.zeros(3)
                    assert torch.equal(after[body, frame, joint], expected)
                    orphans += not up
    assert orphans > 0


@pytest.mark.parametrize("how", ["interpolate", "hold"])
@pytest.mark.parametrize("longest", [1, 3, 1000])
def test_a_missing_joint_may_read_as_it_did_in_the_frames_around(how: Missing, longest: int) -> None:
    """Against a loop over frames. A frame without the body gives nothing and takes nothing, but counts in a gap."""
    zeros = pairs(MissingJoints(0.6, 0, by_frame=True, skeleton=CRAB))
    mended = pairs(MissingJoints(0.6, 0, True, CRAB, how, longest))
    filled = left = 0
    for (before, without), (_, after) in zip(zeros, mended, strict=True):
        for body in range(len(before)):
            present = before[body].flatten(1).any(1).tolist()
            for joint in range(11):
                seen = without[body, :, joint].any(1).tolist()
                for frame in range(len(seen)):
                    last = next((t for t in range(frame, -1, -1) if seen[t]), None)
                    following = next((t for t in range(frame, len(seen)) if seen[t]), None)
                    gap = (len(seen) if following is None else following) - (-1 if last is None else last) - 1
                    expected = torch.zeros(3)
                    if seen[frame]:
                        expected = before[body, frame, joint]
                    elif present[frame] and gap <= longest and (last is not None or following is not None):
                        first = following if last is None else last
                        second = last if following is None or how == "hold" else following
                        second = first if second is None else second
                        share = 0 if first == second else (frame - first) / (second - first)
                        expected = before[body, first, joint].lerp(before[body, second, joint], share)
                        filled += 1
                    else:
                        left += 1
                    torch.testing.assert_close(after[body, frame, joint], expected)
    assert filled > 0
    assert left > 0


@pytest.mark.parametrize("by_frame", [False, True])
def test_the_same_joints_are_lost_whatever_is_read_in_their_place(by_frame: bool) -> None:
    """Where `zeros` leaves a joint as it was, every other setting does; a joint that is never seen stays at zero."""

    def rows(missing: Missing, longest_gap: int = 10) -> Tensor:
        corruption = MissingJoints(0.4, 1, by_frame, CRAB, missing, longest_gap)
        return corrupt(crab_clips(), torch.arange(5), corruption, 3).joints_RVC

    before, zeros = crab_clips().joints_RVC, rows("zeros")
    kept_RV = (zeros == before).all(-1)
    assert 0.3 < float(kept_RV.float().mean()) < 0.8
    ways: tuple[Missing, ...] = ("parent", "interpolate", "hold")
    for how in ways:
        assert torch.equal(rows(how)[kept_RV], before[kept_RV])
        assert torch.equal(rows(how), zeros) == (how != "parent" and not by_frame)


def test_a_hidden_limb_is_missing_from_both_bodies_throughout() -> None:
    (claw, *_) = find_limbs_by_branching(CRAB)
    for before, after in pairs(MissingLimb(claw, CRAB)):
        expected = before.clone()
        expected[:, :, list(claw)] = 0
        assert torch.equal(after, expected)
    for before, after in pairs(MissingLimb(claw, CRAB, "parent")):
        expected = before.clone()
        expected[:, :, list(claw)] = before[:, :, 3:4]
        assert torch.equal(after, expected)
    assert MissingLimb(claw, CRAB).level == pytest.approx(3 / 11)
    assert MissingLimb(claw, CRAB).kind == "limb of joint 0 missing"


HAND = Skeleton(  # one hand with five fingers of three joints: 3 to 6 its arm, 22 to 25 the other, then the legs
    joints=34,
    parents=(-1, 0, 1, 1, 3, 4, 5, 6, 7, 8, 6, 10, 11, 6, 13, 14, 6, 16, 17, 6, 19, 20, 1, 22, 23, 24,
             0, 26, 27, 28, 0, 30, 31, 32),
    roots=(0, 1),
    centre=0,
)  # fmt: skip


def test_limbs_follow_from_the_tree() -> None:
    named = {
        name: {" ".join(topology.joints[joint] for joint in limb) for limb in find_limbs_by_branching(SKELETONS[name])}
        for name, topology in TOPOLOGIES.items()
    }
    legs = {f"{side} hip {side} knee {side} ankle {side} foot" for side in ("left", "right")}
    arms = {f"{side} shoulder {side} elbow {side} wrist {side} hand" for side in ("left", "right")}
    assert named["kinect-v1-20"] == legs | arms | {"head"}
    hands = {f"{arm} {arm.split()[0]} hand tip {arm.split()[0]} thumb" for arm in arms}
    assert named["kinect-v2-25"] == legs | hands | {"neck head"}
    assert len(named["ui-prmd-22"]) == 5
    assert "right collar right upper arm right forearm right hand" in named["ui-prmd-22"]
    assert find_limbs_by_branching(CRAB) == ((0, 1, 2), (4, 5, 6), (7, 8, 9, 10))
    assert [len(limb) for limb in find_limbs_by_branching(HAND)] == [1, 19, 4, 4, 4]  # fingers make no trunk of the arm
    chain = Skeleton(joints=4, parents=(-1, 0, 1, 2), roots=(0,), centre=1)
    assert find_limbs_by_branching(chain) == ((0,), (2, 3))  # no hub: what hangs on the centre


def test_noise_is_normal_in_metres_and_independent() -> None:
    error = torch.cat([(after - before)[0].flatten() for before, after in pairs(Noise(0.05, 0))])
    assert error.std() == pytest.approx(0.05, rel=0.05)
    assert abs(float(error.mean())) < 4 * 0.05 / math.sqrt(len(error))
    assert float((error.abs() > 0.05 * 1.96).double().mean()) == pytest.approx(0.05, abs=0.01)
    double = torch.cat([(after - before)[0].flatten() for before, after in pairs(Noise(0.1, 0))])
    torch.testing.assert_close(double, 2 * error, atol=1e-6, rtol=1e-5)  # one draw, another level


def plain_hold(frames_TVC: Tensor, lost: list[bool]) -> Tensor:
    """Frame after frame: what was seen last, at the beginning what is seen first."""
    held, last = [], frames_TVC[lost.index(False)]
    for frame, gone in zip(frames_TVC, lost, strict=True):
        last = last if gone else frame
        held.append(last)
    return torch.stack(held)


@pytest.mark.parametrize("block", [False, True])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_lost_frames_are_filled_by_the_last_seen_one(
    block: bool, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks: list[list[bool]] = []

    def note(lost_F: Tensor) -> Tensor:
        masks.append(lost_F.tolist())
        return last_seen(lost_F)

    monkeypatch.setattr(corrupting, "last_seen", note)
    found = pairs(LostFrames(share, 0, block))
    assert len(masks) == 5
    for (before, after), lost in zip(found, masks, strict=True):
        frames = before.shape[1]
        assert sum(lost) == min(max(1, math.floor(share * frames + 0.5)), frames - 1)
        if block and any(lost):
            first = lost.index(True)
            assert all(lost[first : first + sum(lost)])
        for body_before, body_after in zip(before, after, strict=True):
            assert torch.equal(body_after, plain_hold(body_before, lost))


def test_a_block_begins_anywhere_alike() -> None:
    clips = pack_clips([torch.randn(1, 10, 11, 3)] * 2000, [0] * 2000)
    after = corrupt(clips, torch.arange(2000), LostFrames(0.5, 0, block=True), 0)
    still_NF = torch.stack([(clip[0].diff(dim=0) == 0).all(-1).all(-1) for clip in unpack(after)])
    first = still_NF.int().argmax(1) + 1
    changed_N = [
        not torch.equal(one[:, 0], other[:, 0]) for one, other in zip(unpack(clips), unpack(after), strict=True)
    ]
    first[torch.tensor(changed_N)] = 0  # the first seen frame stands in for those before it
    share = first.bincount(minlength=6) / 2000
    assert (share - 1 / 6).abs().max() < 0.04


def test_another_view_is_a_turn_about_the_vertical_axis() -> None:
    for before, after in pairs(View(90)):
        torch.testing.assert_close(after, torch.stack([before[..., 2], before[..., 1], -before[..., 0]], -1))
    for before, after in pairs(View(-30, "z")):
        sin, cos = math.sin(math.radians(-30)), math.cos(math.radians(-30))
        x, y, z = before.unbind(-1)
        torch.testing.assert_close(after, torch.stack([cos * x - sin * y, sin * x + cos * y, z], -1))


PROBE = {"epochs": 6, "views": 2, "batch": 8}
FEW = robustness.Settings(
    **PROBE, joints=(0.3,), joints_by_frame=(), noise=(0.05, 5.0), frames=(), block=(0.5,), view=(0.0, 90.0), draws=2
)
TASK = Task(moving_clips(36), torch.arange(24), torch.arange(24, 36), 2, AUGMENT)


@pytest.fixture
def model() -> HACM:
    torch.manual_seed(0)
    return HACM(SKELETON, SETTINGS.model, SETTINGS.masking, SETTINGS.loss)


def test_the_clean_outcome_is_the_linear_probes_and_every_condition_stands_beside_it(model: HACM) -> None:
    done: list[float] = []
    result = robustness.run(model, TASK, FEW, 0, "cpu", done.append)
    clean = linear.run(model, TASK, linear.Settings(**PROBE), 0, "cpu")
    assert np.array_equal(result.scores_NK, clean.scores_NK)
    assert done == sorted(done)
    assert [part for part in done if isinstance(part, int)] == [1, 2, 3, 4, 5, 6]
    limb_kinds = [(f"limb of joint {limb[0]} missing", len(limb) / 6, 0) for limb in find_limbs_by_branching(SKELETON)]
    assert [(each.kind, each.level, each.draw) for each in result.conditions] == [
        ("joints missing", 0.3, 0), ("joints missing", 0.3, 1), *limb_kinds,
        ("gaussian noise", 0.05, 0), ("gaussian noise", 0.05, 1), ("gaussian noise", 5, 0), ("gaussian noise", 5, 1),
        ("block of frames lost", 0.5, 0), ("block of frames lost", 0.5, 1), ("view", 0, 0), ("view", 90, 0),
    ]  # fmt: skip
    top1 = [metrics.top_k(each.scores_NK, result.target_N, 1).mean() for each in result.conditions]
    assert result.extra == {**clean.extra, "corrupted_mean_top1": pytest.approx(np.mean(top1))}
    unturned = next(each for each in result.conditions if (each.kind, each.level) == ("view", 0))
    np.testing.assert_allclose(unturned.scores_NK, clean.scores_NK, atol=1e-5)


def test_scores_of_a_condition_are_the_probes_of_corrupted_clips(model: HACM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clip by clip: corrupt, crop, encode, average over bodies, classify."""
    probe = torch.nn.Sequential(torch.nn.Linear(16, 2)).eval()
    for corruption in (MissingLimb((2, 3), SKELETON), Noise(0.05, 0), LostFrames(0.5, 0, block=False), View(60)):
        expected = []
        for number in TASK.test_index:
            clip = corrupt(TASK.clips, number[None], corruption, 3)
            x_BTVC = sample_batch(clip, torch.tensor([0]), AUGMENT, 12, training=False, absent_bodies="drop").x_BTVC
            expected.append(probe(model.eval().features(x_BTVC).mean((1, 2)).mean(0)))
        for at_once in (512, 5):
            monkeypatch.setattr(robustness, "CLIPS_AT_ONCE", at_once)
            found = robustness.evaluate(model, TASK, FEW, probe, corruption, 3, "cpu")
            np.testing.assert_allclose(found.scores_NK, torch.stack(expected).detach().numpy(), atol=1e-5)


def test_what_was_learnt_is_lost_where_everything_is_noise(model: HACM) -> None:
    settings = replace(FEW, epochs=30, views=5, draws=8, joints=(), limbs=False, block=(), view=(), noise=(1e-4, 50.0))
    result = robustness.run(model, TASK, settings, 0, "cpu")
    top1 = [metrics.top_k(each.scores_NK, result.target_N, 1).mean() for each in result.conditions]
    assert min(top1[:8]) >= 0.9
    assert np.mean(top1[8:]) < 0.75


def test_without_any_condition_it_is_the_linear_probe(model: HACM) -> None:
    settings = replace(FEW, joints=(), limbs=False, noise=(), block=(), view=())
    result = robustness.run(model, TASK, settings, 0, "cpu")
    assert result.conditions == ()
    assert set(result.extra) == {"best_epoch_as_released_top1"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"joints": (0.5, 1.0)}, "joints 1.0 must lie between 0 and 1"),
        ({"joints_by_frame": (0.0,)}, "joints_by_frame 0.0"),
        ({"frames": (-0.1,)}, "frames -0.1"),
        ({"block": (math.nan,)}, "block nan"),
        ({"noise": (0.0,)}, "noise must be positive"),
        ({"view": (math.inf,)}, "view inf"),
        ({"draws": 0}, "draws must be at least 1"),
        ({"vertical": "up"}, "vertical must be one of x, y, z"),
        ({"missing": "mean"}, "missing must be one of zeros, parent, interpolate, hold"),
        ({"longest_gap": 0}, "longest_gap must be at least 1"),
        ({"views": 101}, "views 101"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        robustness.Settings(**wrong)  # type: ignore[arg-type]
