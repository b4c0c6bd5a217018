"""Two stores of made-up clips under other names: which are equal, changed by how much, and unmatched, exactly."""

from dataclasses import replace

import numpy as np
import pytest

from hacm.errors import UserError
from hacm.skeletons.shipped import KINECT_V1, KINECT_V2
from pipeline.audit.content_matches import describe_matches, match_clips
from tests.helpers.made_up_clips import make_clips, write_store

CENTRE = KINECT_V1.centre


def renamed(clip, name, bodies_MTVC=None, **changes):
    bodies_MTVC = clip.bodies_MTVC if bodies_MTVC is None else bodies_MTVC.astype(np.float32)
    return replace(clip, identity=replace(clip.identity, name=name, **changes), bodies_MTVC=bodies_MTVC)


def farther(bodies_MTVC, metres):
    """One joint that many metres away in every frame, so that the root mean square over V joints is metres / √V."""
    moved = bodies_MTVC.copy()
    moved[:, :, (CENTRE + 1) % len(KINECT_V1.joints), 0] += metres
    return moved


@pytest.fixture(scope="module")
def raw():
    return make_clips()


@pytest.fixture(scope="module")
def stores(tmp_path_factory, raw):
    """Of the raw clips: 0–4 equal, 5 under another label, 6 moved as a whole, 7 by 1 mm in the mean, 8 by 40, 9 in half
    precision; and a stranger."""
    joints = len(KINECT_V1.joints)
    theirs = [renamed(clip, f"train-{number:06}") for number, clip in enumerate(raw[:5])]
    theirs.append(renamed(raw[5], "other label", action=raw[5].identity.action + 1))
    theirs.append(renamed(raw[6], "moved", raw[6].bodies_MTVC + np.float32(2)))
    theirs.append(renamed(raw[7], "one mm", farther(raw[7].bodies_MTVC, 0.001 * np.sqrt(joints))))
    theirs.append(renamed(raw[8], "forty mm", farther(raw[8].bodies_MTVC, 0.04 * np.sqrt(joints))))
    theirs.append(renamed(raw[9], "half", raw[9].bodies_MTVC.astype(np.float16)))
    noise = np.random.default_rng(7).normal(size=raw[0].bodies_MTVC.shape)
    theirs.append(renamed(raw[0], "stranger", noise))
    folder = tmp_path_factory.mktemp("matches")
    return write_store(folder / "prepared", theirs), write_store(folder / "raw", raw)


def test_each_clip_finds_its_like(stores, raw):
    found = match_clips(*stores, KINECT_V1, 0.004)
    pairs = {row["name"]: row for row in found.pairs.iter_rows(named=True)}
    names = [clip.identity.name for clip in raw]
    for number in range(5):
        row = pairs[f"train-{number:06}"]
        assert (row["kind"], row["other"], row["distance"], row["same_label"]) == ("equal", names[number], 0, True)
    assert (pairs["other label"]["kind"], pairs["other label"]["same_label"]) == ("equal", False)
    assert (pairs["moved"]["kind"], pairs["moved"]["other"]) == ("changed", names[6])
    assert pairs["moved"]["distance"] < 1e-6
    assert (pairs["one mm"]["kind"], pairs["one mm"]["other"]) == ("changed", names[7])
    assert pairs["one mm"]["distance"] == pytest.approx(0.001, rel=1e-3)
    assert (pairs["half"]["kind"], pairs["half"]["other"]) == ("changed", names[9])
    assert 0 < pairs["half"]["distance"] < 0.001
    for name in ("forty mm", "stranger"):
        assert (pairs[name]["kind"], pairs[name]["other"], pairs[name]["distance"]) == ("unmatched", None, None)
    assert found.unused == sorted([names[8], *names[10:]])


def test_the_shares(stores):
    found = match_clips(*stores, KINECT_V1, 0.004)
    facts = found.facts
    assert (facts["equal"], facts["changed"], facts["unmatched"], facts["clips"]) == (6, 3, 2, 11)
    assert facts["equal_share"] + facts["changed_share"] + facts["unmatched_share"] == 1
    assert facts["changed_by_most"] == pytest.approx(0.001, rel=1e-3)
    lines = describe_matches(found, "theirs", "ntu60")
    assert lines[0] == "theirs beside ntu60, by content, within 4 mm:"
    assert lines[1] == "  equal to the last bit: 6 of 11 clips (54.5%)"
    assert lines[2].startswith("  changed: 3 of 11 clips (27.3%), by ")
    assert lines[2].endswith(" and at most 1")
    assert lines[3] == "  unmatched: 2 of 11 clips (18.2%); forty mm, stranger"
    assert lines[4] == "  of those with a match, under another label: 1; other label"


def test_the_tolerance_decides(stores):
    kinds = {
        tolerance: match_clips(*stores, KINECT_V1, tolerance).count("unmatched")
        for tolerance in (0.0009, 0.0011, 0.045)
    }
    assert kinds == {0.0009: 3, 0.0011: 2, 0.045: 1}


def test_a_store_matches_itself(stores):
    found = match_clips(stores[1], stores[1], KINECT_V1, 0.004)
    assert found.count("equal") == len(stores[1].manifest)
    assert found.unused == []
    assert (found.pairs["name"] == found.pairs["other"]).all()


def test_what_cannot_be_compared(stores):
    with pytest.raises(UserError, match="its skeleton is not kinect-v2-25"):
        match_clips(*stores, KINECT_V2, 0.004)
    with pytest.raises(UserError, match="--tolerance: 0 must be positive"):
        match_clips(*stores, KINECT_V1, 0)
