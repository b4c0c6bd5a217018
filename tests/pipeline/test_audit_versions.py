"""Two versions of made-up clips that differ in known ways: every way is told apart, clip by clip."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from hacm.recordings.notes import Kind, Note
from pipeline.audit.changes import changes_page, collect_changes
from pipeline.audit.dataset_revisions import DataSetRevision, find_causes
from pipeline.audit.version_differences import VersionTables, compare_versions, measure_changes
from pipeline.graph.lock import read_lock
from pipeline.store.store import SkeletonStore
from tests.helpers.made_up_clips import DATASET, make_clips, write_store


@pytest.fixture(scope="module")
def clips():
    return {clip.identity.name: clip for clip in make_clips()}


def tables(store):
    return VersionTables.by_rule(store.manifest, store.table("excluded"), DATASET)


def identified(clip, **changes):
    return replace(clip, identity=replace(clip.identity, **changes))


@pytest.fixture(scope="module")
def stores(tmp_path_factory, clips):
    """Before, and after: one clip gone, one new, one of another label, person, camera, content, raw file, cleaning."""
    folder = tmp_path_factory.mktemp("versions")
    after = dict(clips)
    del after["a1_s1_t1"]
    after["new"] = identified(clips["a1_s1_t1"], name="new", subject=2)
    after["a1_s1_t2"] = identified(clips["a1_s1_t2"], action=2)
    after["a1_s2_t1"] = identified(clips["a1_s2_t1"], subject=3)
    after["a1_s2_t2"] = identified(clips["a1_s2_t2"], camera=2)
    moved = clips["a1_s3_t1"].bodies_MTVC.copy()
    moved[0, 5, 7, 1] += 0.25
    after["a1_s3_t1"] = replace(clips["a1_s3_t1"], bodies_MTVC=moved)
    after["a1_s3_t2"] = replace(clips["a1_s3_t2"], bodies_MTVC=clips["a1_s3_t2"].bodies_MTVC[:, :30], notes=(Note(Kind.TRUNCATED, frames=45, limit=30),))  # fmt: skip
    sources = {name: (f"Skeleton.zip/{name}.mat", f"{number:064x}") for number, name in enumerate(clips)}
    changed = sources | {"a1_s3_t1": (sources["a1_s3_t1"][0], "ff" * 32)}
    one = write_store(folder / "before", list(clips.values()), sources)
    other = write_store(folder / "after", list(after.values())[::-1], changed)
    return one, other


def test_a_version_does_not_differ_from_itself_in_another_order(tmp_path, clips, stores):
    sources = {row["name"]: (row["source"], row["source_sha256"]) for row in stores[0].manifest.iter_rows(named=True)}
    again = write_store(tmp_path / "again", list(clips.values())[::-1], sources)
    found = compare_versions(tables(stores[0]), tables(again))
    assert found.empty
    assert found.benchmarks["xsub"]["train"] == {"before": 24, "after": 24, "came": 0, "went": 0, "changed": 0}


def test_every_difference_is_told_apart(stores):
    found = compare_versions(*map(tables, stores))
    assert found.added.rows() == [("new", 0, None)]
    assert found.removed.rows() == [("a1_s1_t1", 0, None)]
    assert found.relabelled.rows() == [("a1_s1_t2", 0, 2)]
    assert found.described.rows() == [("a1_s2_t1", "subject", "2", "3"), ("a1_s2_t2", "camera", None, "2")]
    assert found.moved.rows() == [("a1_s2_t1", "xsub", "test", "train")]
    assert found.values.select("name", "raw", "frames_before", "frames_after").rows() == [
        ("a1_s3_t1", True, 45, 45), ("a1_s3_t2", False, 46, 30),
    ]  # fmt: skip
    assert found.recleaned.rows() == [("a1_s3_t2", [], ["frames truncated: 45 to 30"])]
    assert found.benchmarks["xsub"] == {
        "train": {"before": 24, "after": 24, "came": 1, "went": 1, "changed": 3},
        "test": {"before": 24, "after": 24, "came": 1, "went": 1, "changed": 0},
    }


def test_values_differ_by_so_much(stores):
    values = measure_changes(compare_versions(*map(tables, stores)).values, *stores)
    one, other = values.to_dicts()
    assert one["most"] == pytest.approx(0.25, rel=1e-5)
    assert one["mean"] == pytest.approx(0.25 / (45 * 20), rel=1e-5)
    assert (other["mean"], other["most"]) == (0, 0)  # what is left of it is as it was


def test_a_clip_left_out_now_says_why(stores):
    one = tables(stores[0])
    reason = pl.DataFrame({"name": ["a1_s1_t1"], "source": ["x"], "reason": ["no body in any frame"]})
    other = replace(one, manifest=one.manifest.filter(pl.col("name") != "a1_s1_t1"), excluded=reason)
    assert compare_versions(one, other).removed.rows() == [("a1_s1_t1", 0, "no body in any frame")]
    assert compare_versions(other, one).added.rows() == [("a1_s1_t1", 0, "no body in any frame")]


def lock(frames, code):
    return read_lock(f"""
schema: '2.0'
stages:
  normalize@made-up:
    cmd: python -m stages.normalize --dataset made-up
    deps:
    - {{path: hacm/cleaning.py, md5: {code}}}
    - {{path: data/made-up/recordings, md5: r}}
    params:
      params.yaml:
        cleaning: {{max_frames: {frames}, translate: none}}
""")


def test_what_brought_it_is_read_from_both_locks(stores):
    sides = [
        DataSetRevision(None, store.version, tables(store), lock(*facts))
        for store, facts in zip(stores, ((300, "a"), (30, "b")), strict=True)
    ]
    causes = find_causes(sides[0], sides[1], "made-up")
    assert [(one["kind"], one["what"], one.get("before"), one.get("after")) for one in causes] == [
        ("parameter", "cleaning.max_frames", 300, 30), ("code", "hacm/cleaning.py", None, None),
    ]  # fmt: skip
    facts = collect_changes(sides[0], sides[1], compare_versions(*(side.tables for side in sides)), causes, "made-up")
    text = changes_page(facts)
    for words in (
        "1 clips relabelled**: a1_s1_t2 (0 → 2)", "a1_s2_t1 (xsub: test → train)", "cleaning.max_frames 300 → 30",
        "a1_s3_t2 (46 → 30 frames)", "a1_s3_t2 (now frames truncated: 45 to 30)", "| xsub | train | 24 | 24 | 1 | 1 | 3 |",
    ):  # fmt: skip
        assert words in text
    assert find_causes(sides[0], sides[0], "made-up") == []


def test_a_split_that_was_written_counts_more_than_the_rule_of_today(stores):
    one = tables(stores[0])
    parts = one.parts.with_columns(xsub=pl.when(pl.col("name") == "a1_s3_t1").then(pl.lit("test")).otherwise("xsub"))
    found = compare_versions(one, replace(one, parts=parts))
    assert found.moved.rows() == [("a1_s3_t1", "xsub", "train", "test")]
    assert not found.empty


def test_clips_that_share_no_frame_have_no_distance(tmp_path, clips, stores):
    name = "a1_s3_t1"
    second = replace(clips[name], bodies_MTVC=np.zeros((0, 4, 20, 3), np.float32))
    other = write_store(tmp_path / "none", [second])
    values = compare_versions(tables(stores[0]), tables(other)).values
    assert measure_changes(values, stores[0], SkeletonStore.open(tmp_path / "none"))["most"].to_list() == [None]
