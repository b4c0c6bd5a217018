"""Every fault that the audit looks for is put into clips with which nothing is wrong, and found, in the right clip."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hacm.errors import UserError
from hacm.recordings import Clip
from hacm.recordings.notes import Kind, Note
from hacm.skeletons.shipped import KINECT_V1, KINECT_V2, UI_PRMD
from pipeline.audit import audit, sketches
from pipeline.audit.findings import KINDS, Finding, choose_strict, in_order
from pipeline.audit.markdown import audit_page
from pipeline.audit.provenance import Origin
from pipeline.audit.sketches import NEAR, measure_distance
from pipeline.audit.streaming import split_into_batches
from pipeline.audit.values import CHECKS, measure, pair_limbs_by_name
from pipeline.datasets.definition import Archive
from pipeline.datasets.splits import SplitRule
from pipeline.store.store import SkeletonStore, StoreWriter
from tests.helpers.made_up_clips import DATASET, make_body, make_clips, write_store

VICTIM = "a2_s3_t1"
OTHER = "a2_s4_t1"


@pytest.fixture(scope="module")
def clips():
    return {clip.identity.name: clip for clip in make_clips()}


@pytest.fixture(scope="module")
def sound(tmp_path_factory, clips):
    return write_store(tmp_path_factory.mktemp("sound") / "clips", list(clips.values()))


def found_in(tmp_path, clips, dataset=DATASET, origin=None, sources=None):
    """By kind, the findings on these clips."""
    result = audit(write_store(tmp_path / "clips", list(clips.values()), sources), dataset, origin)
    found: dict[str, list[Finding]] = {}
    for finding in result.findings:
        found.setdefault(finding.kind, []).append(finding)
    return found


def with_values(clips, name, values):
    return clips | {name: replace(clips[name], bodies_MTVC=values)}


def test_nothing_is_found_where_nothing_is_wrong(sound):
    result = audit(sound, DATASET)
    assert result.findings == []
    assert result.facts["version"] == sound.version
    assert result.facts["benchmarks"]["xsub"]["train"] == result.facts["benchmarks"]["xsub"]["test"] == 24
    assert [row["clips"] for row in result.facts["subjects"]] == [6] * 8
    assert result.facts["balance"]["label"] == {"groups": 3, "least": 16, "median": 16, "most": 16, "effective": 3.0}
    assert len(result.measures) == len(sound)


# ----------------------------------------------------------------------------------------------------------- values


def non_finite(body):
    body[0, 7, 3] = np.nan


def empty_clip(body):
    body[:] = 0


def empty_frames(body):
    body[0, 10:13] = 0


def frozen_joint(body):
    body[0, 10:24, 6] = body[0, 10, 6]


def repeated_frame(body):
    body[0, 10] = body[0, 9]


def teleport(body):
    body[0, 20, 7] += 1.0


def rubber_bone(body):
    body[0, :, 14:16, 1] -= 0.2 * np.sin(np.linspace(0, 20, body.shape[1]))[:, np.newaxis]


def swapped_arms(body):
    left, right = [4, 5, 6, 7], [8, 9, 10, 11]
    body[0, 15:, left], body[0, 15:, right] = body[0, 15:, right].copy(), body[0, 15:, left].copy()


def swapped_legs_for_a_frame(body):
    left, right = [12, 13, 14, 15], [16, 17, 18, 19]
    body[0, 15, left], body[0, 15, right] = body[0, 15, right].copy(), body[0, 15, left].copy()


def millimetres(body):
    body *= 1000


def centimetre_body(body):
    body *= 0.01


VALUE_FAULTS = {
    non_finite: "non-finite", empty_clip: "empty", empty_frames: "empty", frozen_joint: "frozen",
    repeated_frame: "repeated", teleport: "teleport", rubber_bone: "bones", swapped_arms: "swap",
    swapped_legs_for_a_frame: "swap", millimetres: "size", centimetre_body: "size",
}  # fmt: skip


CONSEQUENCES = {"frozen": {"bones"}, "teleport": {"bones"}, "swap": {"teleport"}}
"""A joint that stays where it was, or is elsewhere, stretches its bones; arms that change places move fast."""


@pytest.mark.parametrize("fault", VALUE_FAULTS, ids=lambda fault: fault.__name__)
def test_faulty_values_are_found_in_their_clip(tmp_path, clips, fault):
    values = clips[VICTIM].bodies_MTVC.copy()
    fault(values)
    found = found_in(tmp_path, with_values(clips, VICTIM, values))
    assert [finding.clips for finding in found[VALUE_FAULTS[fault]]] == [(VICTIM,)]
    assert all(finding.clips == (VICTIM,) for findings in found.values() for finding in findings)
    if fault not in (millimetres, non_finite, empty_clip):
        kind = VALUE_FAULTS[fault]
        assert set(found) - CONSEQUENCES.get(kind, set()) == {kind}


def test_the_second_body_is_looked_at_as_well(tmp_path, clips):
    second = make_body(99, clips[VICTIM].bodies_MTVC.shape[1])
    pair = np.stack([clips[VICTIM].bodies_MTVC[0], second])
    assert found_in(tmp_path / "sound", with_values(clips, VICTIM, pair)) == {}
    pair[1, 20, 7] += 1.0
    assert found_in(tmp_path / "jump", with_values(clips, VICTIM, pair))["teleport"][0].clips == (VICTIM,)
    pair[1] = 0
    assert found_in(tmp_path / "gone", with_values(clips, VICTIM, pair))["absent-body"][0].clips == (VICTIM,)


def test_a_body_that_comes_back_elsewhere_has_not_teleported(tmp_path, clips):
    pair = np.stack([clips[VICTIM].bodies_MTVC[0], make_body(99, clips[VICTIM].bodies_MTVC.shape[1])])
    pair[1, 10:15] = 0
    pair[1, 15:] += 2.0
    assert found_in(tmp_path, with_values(clips, VICTIM, pair)) == {}


def test_lengths_and_frame_rates(tmp_path, clips):
    short = with_values(clips, VICTIM, clips[VICTIM].bodies_MTVC[:, :8])
    assert found_in(tmp_path / "short", short)["length"][0].clips == (VICTIM,)
    other = clips | {VICTIM: replace(clips[VICTIM], fps=25.0)}
    assert [(one.severity, one.clips) for one in found_in(tmp_path / "rate", other)["frame-rate"]] == [
        ("warning", (VICTIM,))
    ]
    wrong = clips | {VICTIM: replace(clips[VICTIM], fps=0.033)}
    assert found_in(tmp_path / "wrong", wrong)["frame-rate"][0].severity == "error"


def test_measurements_are_those_of_each_clip_alone(sound, clips):
    """Computed in batches of many clips; here by plain loops over each."""
    table = pl.concat(
        measure(batch, sound.rows.read(batch.start, batch.stop), KINECT_V1)
        for batch in split_into_batches(sound.manifest, rows=150)
    )
    for name, speed, spread, size in table.select("name", "speed", "bone_spread", "size").iter_rows():
        body = clips[name].bodies_MTVC[0].astype(np.float64)
        steps = [np.linalg.norm(body[t] - body[t - 1], axis=1).max() for t in range(1, len(body))]
        lengths = [np.linalg.norm(body[:, joint] - body[:, parent], axis=1).std() for joint, parent in KINECT_V1.bones]
        assert speed == pytest.approx(30 * max(steps), rel=1e-4)
        assert spread == pytest.approx(max(lengths), rel=1e-3)
        assert size == pytest.approx(np.ptp(body, axis=1).max(), rel=1e-5)


def test_limbs_are_found_by_name():
    assert [left.tolist() for left, _ in pair_limbs_by_name(KINECT_V1)] == [[4, 5, 6, 7], [12, 13, 14, 15]]
    assert [right.tolist() for _, right in pair_limbs_by_name(KINECT_V2)] == [[8, 9, 10, 11, 23, 24], [16, 17, 18, 19]]
    assert len(pair_limbs_by_name(UI_PRMD)) == 2
    assert pair_limbs_by_name(replace(KINECT_V1, joints=tuple(f"j{joint}" for joint in range(20)))) == []


def test_findings_of_values_are_sentences():
    """Each names how many clips, of how many, and one of them; numbers have their units."""
    told = {check.column: check.describe(36, 768, "S001", 2) for check in CHECKS if check.above}
    assert told["swaps"] == "left and right limbs swap within one frame in 36 of 768 clips; most: 2 swaps in S001"
    assert told["absent_bodies"] == "second body empty throughout, 36 of 768 clips (e.g. S001)"
    spread = next(check for check in CHECKS if check.kind == "bones").describe(50, 768, "X", 0.2671)
    assert spread == "bone length varies by more than 0.1 m (SD) in 50 of 768 clips; largest 0.267 m in X"
    short = CHECKS[-1].describe(1, 1, "X", 1)
    assert short == "fewer than 10 frames in 1 of 1 clip; shortest: 1 frame in X"
    assert all("36 of 768 clips" in text and "S001" in text for text in told.values())
    assert all(check.kind in KINDS for check in CHECKS)


# ---------------------------------------------------------------------------------------------- leakage, duplicates


def copied(clips, change=lambda values: values, label=None):
    """The test clip OTHER becomes a copy of the training clip VICTIM."""
    one = clips[OTHER]
    identity = one.identity if label is None else replace(one.identity, action=label)
    return clips | {
        OTHER: Clip(identity, one.fps, one.topology, change(clips[VICTIM].bodies_MTVC.copy()).astype(np.float32))
    }


def test_identical_clips_on_both_sides(tmp_path, clips):
    found = found_in(tmp_path, copied(clips))
    assert set(found) == {"identical", "leak-identical"}
    assert found["leak-identical"][0].clips == (VICTIM, OTHER)
    assert found["leak-identical"][0].severity == "error"


def resampled(values):
    time = np.linspace(0, 1, 61)
    old = np.linspace(0, 1, values.shape[1])
    flat = values.reshape(len(old), -1)
    return np.stack([np.interp(time, old, column) for column in flat.T], axis=1).reshape(1, 61, *values.shape[2:])


NEAR_COPIES = {
    "noise": lambda values: values + np.random.default_rng(5).normal(scale=0.001, size=values.shape),
    "one bit": lambda values: np.nextafter(values, np.float32(9)),
    "another origin": lambda values: values + np.array([0.5, -0.2, 2.0]),
    "another frame rate": resampled,
    "one joint": lambda values: values + 0.005 * (np.arange(20) == 7)[:, np.newaxis],
}


@pytest.mark.parametrize("change", NEAR_COPIES)
def test_nearly_identical_clips_on_both_sides(tmp_path, clips, change):
    found = found_in(tmp_path, copied(clips, NEAR_COPIES[change]))
    assert set(found) == {"near-identical", "leak-near"}
    assert set(found["leak-near"][0].clips) == set(found["near-identical"][0].clips) == {VICTIM, OTHER}


def test_duplicates_on_one_side_are_no_leak(tmp_path, clips):
    same_side = "a2_s5_t2"
    doubled = clips | {same_side: replace(clips[same_side], bodies_MTVC=clips[VICTIM].bodies_MTVC)}
    assert set(found_in(tmp_path, doubled)) == {"identical"}


def test_duplicates_with_different_labels(tmp_path, clips):
    found = found_in(tmp_path, copied(clips, NEAR_COPIES["noise"], label=0))
    assert found["labels"][0].severity == "error"
    assert set(found["labels"][0].clips) == {VICTIM, OTHER}


def test_one_raw_file_under_two_names(tmp_path, clips):
    sources = {VICTIM: ("one.mat", "ab" * 32), OTHER: ("other.mat", "ab" * 32)}
    found = found_in(tmp_path, clips, sources=sources)
    assert set(found) == {"identical", "leak-identical"}


def test_a_recording_on_both_sides(tmp_path, clips):
    sources = {VICTIM: ("video.mat", "ab" * 32), OTHER: ("video.mat", "ab" * 32)}
    found = found_in(tmp_path, clips, sources=sources)
    assert found["leak-recording"][0].clips == (VICTIM, OTHER)
    assert "leak-identical" not in found


def test_a_subject_and_a_performance_on_both_sides_of_listed_parts(tmp_path, clips):
    """Where the authors list the parts, as PKU-MMD's do, the list can be wrong."""
    dataset = replace(DATASET, splits={"xsub": SplitRule("xsub_part", frozenset({"train"}))})
    listed = {
        name: replace(
            clip, identity=replace(clip.identity, camera=1, xsub_part="train" if clip.identity.subject % 2 else "test")
        )
        for name, clip in clips.items()
    }
    assert found_in(tmp_path / "right", listed, dataset) == {}
    wrong = listed | {VICTIM: replace(listed[VICTIM], identity=replace(listed[VICTIM].identity, xsub_part="test"))}
    found = found_in(tmp_path / "wrong", wrong, dataset)
    assert set(found) == {"leak-subject"}
    assert found["leak-subject"][0].clips[0] == VICTIM
    twin = replace(listed[VICTIM], identity=replace(listed[VICTIM].identity, name="twin", camera=2, xsub_part="test"),
                   bodies_MTVC=make_body(77)[np.newaxis])  # fmt: skip
    found = found_in(tmp_path / "twin", listed | {"twin": twin}, dataset)
    assert set(found) == {"leak-subject", "leak-recording"}
    assert set(found["leak-recording"][0].clips) == {VICTIM, "twin"}


def test_what_a_split_by_cameras_shares_by_design_is_a_note(tmp_path, clips):
    dataset = replace(DATASET, splits={"xview": SplitRule("camera", frozenset({1}))})
    seen = {
        f"{name}_c{camera}": replace(
            clip, identity=replace(clip.identity, name=f"{name}_c{camera}", camera=camera),
            bodies_MTVC=clip.bodies_MTVC if camera == 1 else make_body(200 + number)[np.newaxis],
        )
        for number, (name, clip) in enumerate(clips.items()) for camera in (1, 2)
    }  # fmt: skip
    found = found_in(tmp_path, seen, dataset)
    assert {kind: [one.severity for one in findings] for kind, findings in found.items()} == {
        "leak-subject": ["note"], "leak-recording": ["note"],
    }  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0001, 0.9))
def test_a_sketch_never_hides_a_near_clip(seed, share):
    """Clips nearer than NEAR have sketches within the distance that is searched."""
    rng = np.random.default_rng(seed)
    one = rng.normal(size=(1, 8, 20, 3)).astype(np.float32)
    step = rng.normal(size=one.shape)
    step -= step[:, :, KINECT_V1.centre : KINECT_V1.centre + 1]
    step *= share * NEAR / np.sqrt((step**2).sum(-1).mean())
    other = (one + step).astype(np.float32)
    assert measure_distance(one, other, KINECT_V1) < 1.3 * NEAR
    manifest = pl.DataFrame({"name": ["x"], "offset": [0], "bodies": [1], "frames": [8]})
    batch = next(split_into_batches(manifest))
    one_K, other_K = (sketches.sketch(batch, clip[0], KINECT_V1)[0] for clip in (one, other))
    assert np.linalg.norm(one_K - other_K) < sketches.SAFETY * NEAR * np.sqrt(sketches.SKETCH_NUMBERS / 3)


# ----------------------------------------------------------------------------------- counts, provenance, what was done


def test_other_numbers_than_the_published(tmp_path, clips):
    dataset = replace(DATASET, clips=50, expected={"xsub": (25, 24)})
    found = found_in(tmp_path, clips, dataset)
    assert [one.severity for one in found["counts"]] == ["error", "error"]
    assert {one.text for one in found["counts"]} == {
        "xsub: 24 training and 24 test clips, expected 25 and 24", "48 clips with those left out, expected 50",
    }  # fmt: skip


def test_a_class_that_a_part_lacks_and_uneven_classes(tmp_path, clips):
    rare = {name: clip for name, clip in clips.items() if clip.identity.action != 1 or name == VICTIM}
    found = found_in(tmp_path, rare)
    assert set(found) == {"classes", "balance"}
    assert found["classes"][0].clips == (VICTIM,)
    assert "no test clip" in found["classes"][0].text


def test_excluded_clips_that_the_authors_count_are_named_with_share_and_reason(tmp_path, clips):
    with StoreWriter(tmp_path / "clips", DATASET.name, KINECT_V1, {"kind": "clips"}) as writer:
        for clip in clips.values():
            writer.add(clip, "", "")
        writer.exclude("a9_s1_t1", "x.mat", Note(Kind.NO_BODY))
        writer.exclude("a9_s2_t1", "y.mat", "line 1: the file is empty")
    result = audit(SkeletonStore.open(tmp_path / "clips"), DATASET)
    assert [(one.kind, one.clips) for one in result.findings] == [("lost", ("a9_s2_t1",)), ("lost", ("a9_s1_t1",))]
    total = len(clips) + 2
    assert (
        result.findings[0].text
        == f"1 of {total} recordings ({1 / total:.1%}): left out, line 1: the file is empty; a9_s2_t1"
    )
    assert result.alterations.rows() == [
        ("a9_s1_t1", "excluded", "no body in any frame", "docs/data.md, standard cleaning, step 1"),
        ("a9_s2_t1", "excluded", "line 1: the file is empty", "its reader"),
    ]


def test_what_was_done_is_named_with_its_rule_and_counted(tmp_path, clips):
    notes = {
        VICTIM: (Note(Kind.TRACK_SHORT, track=1, frames=5), Note(Kind.TRACK_SHORT, track=12, frames=9)),
        OTHER: (Note(Kind.TRUNCATED, frames=330, limit=300), Note(Kind.REMARK, words="cut by hand")),
    }
    noted = clips | {name: replace(clips[name], notes=of) for name, of in notes.items()}
    result = audit(write_store(tmp_path / "clips", list(noted.values())), DATASET)
    step = "docs/data.md, standard cleaning, step 3a"
    assert result.alterations.rows() == [
        (VICTIM, "track dropped", "track 1 dropped: only 5 frames", step),
        (VICTIM, "track dropped", "track 12 dropped: only 9 frames", step),
        (OTHER, "truncated", "frames truncated: 330 to 300", "cleaning.max_frames"),
        (OTHER, "read", "cut by hand", "its reader"),
    ]
    assert result.facts["cleaning"] == [
        {"note": "track … dropped: only … frames", "clips": 2},
        {"note": "cut by hand", "clips": 1},
        {"note": "frames truncated: … to …", "clips": 1},
    ]
    assert result.facts["alterations"][0] == {"action": "read", "rule": "its reader", "clips": 1, "times": 1}
    assert result.facts["alterations"][1] == {"action": "track dropped", "rule": step, "clips": 1, "times": 2}


def test_joints_that_were_not_seen_are_counted_by_joint(tmp_path, clips):
    notes = {
        VICTIM: (
            Note(Kind.JOINT_FILLED, words="head", count=3, of=40),
            Note(Kind.JOINT_FILLED, words="spine", count=2, of=40),
            Note(Kind.JOINT_LEFT, words="head", count=4, of=40),
        ),
        OTHER: (Note(Kind.JOINT_LEFT, words="head", count=5, of=40),),
    }
    noted = clips | {name: replace(clips[name], notes=of) for name, of in notes.items()}
    result = audit(write_store(tmp_path / "clips", list(noted.values())), DATASET)
    total = sum(clip.bodies_MTVC.shape[0] * clip.bodies_MTVC.shape[1] for clip in clips.values())
    assert result.facts["missing_joints"] == [
        {"joint": "head", "missing": 12, "share": round(12 / total, 6), "filled": 3, "clips": 2},
        {"joint": "spine", "missing": 2, "share": round(2 / total, 6), "filled": 2, "clips": 1},
    ]
    assert f"| head | 12 | {12 / total:.1%} | 3 | 2 |" in audit_page(result.facts)
    lost = [finding.text for finding in result.findings if finding.kind == "lost"]
    assert any("joint head / spine filled where it was not seen, in 2–3 of 40 body-frames" in text for text in lost)
    assert any("joint head not seen and left at zero in 4–5 of 40 body-frames" in text for text in lost)


def raw_store(path, clips, **changes):
    """The recordings that the clips were cleaned from, here the same."""
    with StoreWriter(path, DATASET.name, KINECT_V1, {"kind": "recordings"}) as store:
        for number, clip in enumerate(clips.values()):
            name = clip.identity.name
            identity = replace(clip.identity, **changes.get(name, {}))
            store.add(replace(clip, identity=identity), f"Skeleton.zip/{name}.mat", f"{number:064x}")
    return SkeletonStore.open(path)


def test_clips_are_traced_to_their_recordings(tmp_path, clips):
    raw = raw_store(tmp_path / "raw", clips)
    store = write_store(tmp_path / "clips", list(clips.values()))
    store.facts["recordings_version"] = raw.version
    result = audit(store, DATASET, Origin({"Skeleton.zip": "ab" * 32}, raw))
    assert result.findings == []
    assert result.facts["provenance"]["traced_to_recordings"] == len(clips)
    changed = raw_store(tmp_path / "changed", clips, **{VICTIM: {"action": 2}})
    texts = [(one.clips, one.text) for one in audit(store, DATASET, Origin(None, changed)).findings]
    assert texts == [
        ((VICTIM,), f"1 clip with values other than in the recording: label: {VICTIM}"),
        ((), "the clips were cleaned from another version of the recordings; run dvc repro"),
    ]
    more = raw_store(
        tmp_path / "more", clips | {"x": replace(clips[VICTIM], identity=replace(clips[VICTIM].identity, name="x"))}
    )
    found = [one.clips for one in audit(store, DATASET, Origin(None, more)).findings if "neither" in one.text]
    assert found == [("x",)]
    last = list(clips)[-1]
    fewer = raw_store(tmp_path / "fewer", {name: clip for name, clip in clips.items() if name != last})
    result = audit(store, DATASET, Origin(None, fewer))
    texts = [(one.clips, one.text) for one in result.findings if one.clips]
    assert texts == [((last,), f"1 clip without a recording in {tmp_path / 'fewer'}: {last}")]
    assert result.facts["provenance"]["traced_to_recordings"] == len(clips) - 1


def test_archives_and_raw_files_of_other_content_are_named(tmp_path, clips, monkeypatch):
    dataset = replace(DATASET, sources=((Archive("Skeleton.zip", sha256="cd" * 32),),))
    found = found_in(tmp_path / "archive", clips, dataset, Origin({"Skeleton.zip": "ab" * 32}))
    assert found["provenance"][0].severity == "error"
    assert "Skeleton.zip" in found["provenance"][0].text
    monkeypatch.setattr(
        type(DATASET),
        "member_checksums",
        lambda self: {f"{VICTIM}.mat": "ef" * 32, f"{OTHER}.mat": f"{list(clips).index(OTHER):064x}"},
    )
    found = found_in(tmp_path / "member", clips)
    assert [one.clips for one in found["provenance"]] == [(VICTIM,)]


def test_a_store_of_something_else_is_refused(tmp_path, clips, sound):
    with pytest.raises(UserError, match="holds made-up, not utd-mhad"):
        audit(sound, replace(DATASET, name="utd-mhad"))
    with pytest.raises(UserError, match="raw recordings"):
        audit(raw_store(tmp_path / "raw", clips), DATASET)
    with pytest.raises(UserError, match="another skeleton"):
        audit(sound, replace(DATASET, topology=replace(KINECT_V1, centre=3)))


# ---------------------------------------------------------------------------------------------------- what comes of it


def test_strict_chooses_by_severity_and_kind():
    findings = [
        Finding("swap", "warning", (), "a"),
        Finding("counts", "error", (), "b"),
        Finding("balance", "note", (), "c"),
    ]
    assert [one.text for one in in_order(findings)] == ["b", "a", "c"]
    assert [one.text for one in choose_strict(findings, ["error"])] == ["b"]
    assert [one.text for one in choose_strict(findings, ["warning"])] == ["a", "b"]
    assert [one.text for one in choose_strict(findings, ["swap"])] == ["a"]
    with pytest.raises(UserError, match="--strict swaps: unknown"):
        choose_strict(findings, ["swaps"])


def test_the_worst_moment_is_shown(tmp_path, clips):
    values = clips[VICTIM].bodies_MTVC.copy()
    teleport(values)
    result = audit(write_store(tmp_path / "clips", list(with_values(clips, VICTIM, values).values())), DATASET)
    worst = next(one for one in result.facts["worst"] if one["kind"] == "teleport")
    assert (worst["clip"], worst["joints"]) == (VICTIM, ["left hand"])
    assert worst["frame"] in (20, 21)
    assert worst["frames"][2] == worst["frame"]
    np.testing.assert_allclose(worst["poses"], values[0, worst["frames"][0] : worst["frames"][-1] + 1], atol=0.0006)
    assert VICTIM in audit_page(result.facts)


def test_equal_stores_give_equal_audits(tmp_path, clips, sound):
    other = write_store(tmp_path / "again", list(clips.values()))
    assert audit(other, DATASET).facts == audit(sound, DATASET).facts
