"""Whatever changes in a store is found, and placed: in a file, in a row of the manifest, in a clip, in a split."""

import json
import random
import shutil

import numpy as np
import polars as pl
import pytest

from hacm.errors import UserError
from hacm.files import hash_tree, read_json, write_json
from hacm.recordings.notes import Kind, Note
from pipeline.audit.integrity import Verification, report_verification, verify
from pipeline.audit.split_artefacts import verify_split
from pipeline.datasets.splits import assign
from pipeline.store import rows
from pipeline.store.manifest import version
from pipeline.store.seal import FILES, seal_files
from pipeline.store.store import SkeletonStore
from tests.helpers.made_up_clips import DATASET, make_clips, write_store

VICTIM = "a2_s3_t1"
SHARD = 256


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Nine shards; clips begin anywhere in them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "SHARD_ROWS", SHARD)
        patch.setattr(rows, "CHUNK_ROWS", 64)
        return write_store(tmp_path_factory.mktemp("sound") / "clips", make_clips()).path


@pytest.fixture
def store(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "clips")


def places(path, kind):
    return [fault.place for fault in verify(path, 1).faults if fault.kind == kind]


def clips_in_shard(path, shard):
    manifest = pl.read_parquet(path / "manifest.parquet")
    size = pl.col("bodies") * pl.col("frames")
    touched = manifest.filter((pl.col("offset") < (shard + 1) * SHARD) & (pl.col("offset") + size > shard * SHARD))
    return touched["name"].to_list()


def reseal(path):
    """As whoever changed the store would, to hide it: the checksums of all files are written anew."""
    digests = hash_tree(path)
    digests.pop(FILES, None)
    (path / FILES).write_text(seal_files(digests))


def test_nothing_is_found_where_nothing_changed(sound):
    found = verify(sound)
    assert found.faults == []
    assert found.clips == 48
    assert found.files == len(hash_tree(sound))
    assert found.clip_bytes == sum(clip.bodies_MTVC.nbytes for clip in make_clips())
    lines = []
    report_verification(found, lines.append)
    assert lines[-1] == "nothing changed"


def test_a_flipped_bit_anywhere_is_found_and_placed(store):
    """Eight random bits of every file, one at a time; the bits of an array file lie in its clips."""
    draw = random.Random(0)
    files = sorted(hash_tree(store))
    assert len(files) > 12
    for file in files:
        sound = (store / file).read_bytes()
        for _ in range(8):
            changed = bytearray(sound)
            changed[draw.randrange(len(sound))] ^= 1 << draw.randrange(8)
            (store / file).write_bytes(changed)
            found = verify(store, 1).faults
            named = {fault.place for fault in found if fault.kind == "file"}
            assert file in named, (file, found)
            if file == FILES:
                assert {fault.text.split("(")[0].strip() for fault in found if fault.place == FILES} <= {
                    "cannot be read", "its seal does not fit what it says", "is no table of checksums",
                    "has no seal: written by an earlier version of this project; run dvc repro",
                }  # fmt: skip
            if "/c/" in file:
                shard = int(file.split("/c/")[1].split("/")[0])
                clips = {fault.place for fault in found if fault.kind == "clip"}
                assert clips <= set(clips_in_shard(store, shard))
        (store / file).write_bytes(sound)
    assert verify(store, 1).faults == []


def test_every_bit_of_the_checksums_is_guarded(store):
    """files.json cannot be recomputed from elsewhere: all of its bytes, one bit each."""
    sound = (store / FILES).read_bytes()
    from pipeline.audit import integrity

    for place in range(len(sound)):
        changed = bytearray(sound)
        changed[place] ^= 1 << (place % 8)
        (store / FILES).write_bytes(changed)
        found = Verification()
        integrity._read_recorded(store, found)
        assert [fault.place for fault in found.faults] == [FILES], place


@pytest.mark.parametrize("shard", [0, 4, 8])
def test_a_missing_or_truncated_shard_names_its_clips(store, shard):
    file = store / f"joints.zarr/c/{shard}/0/0"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert places(store, "file") == [f"joints.zarr/c/{shard}/0/0"]
    assert places(store, "clip") == clips_in_shard(store, shard)
    file.unlink()
    found = verify(store)
    assert ("file", f"joints.zarr/c/{shard}/0/0", "is missing") in [(f.kind, f.place, f.text) for f in found.faults]
    assert places(store, "clip") == clips_in_shard(store, shard)


@pytest.mark.parametrize("file", ["manifest.parquet", "excluded.parquet", "store.json", "joints.zarr/zarr.json", FILES])
def test_a_missing_or_truncated_file_is_named(store, file):
    whole = (store / file).read_bytes()
    for rest in (whole[: len(whole) // 2], b"", None):
        (store / file).unlink() if rest is None else (store / file).write_bytes(rest)
        assert file in places(store, "file")


def test_a_file_too_many_is_named(store):
    (store / "joints.zarr/c/99").mkdir()
    (store / "joints.zarr/c/99/0").write_bytes(b"x")
    assert places(store, "file") == ["joints.zarr/c/99/0"]


COLUMNS = {
    "label": 2, "subject": 9, "camera": 1, "setup": 3, "replication": 7, "execution": "x", "xsub_part": "test", "fps": 29.0,
    "topology": "other", "source": "elsewhere.mat", "source_sha256": "0", "notes": [Note(Kind.REMARK, words="cut").record], "hash": "0" * 32,
    "row_hash": "0" * 32,
}  # fmt: skip


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("hidden", [False, True], ids=["plain", "checksums written anew"])
def test_a_changed_row_of_the_manifest_is_named(store, column, hidden):
    manifest = pl.read_parquet(store / "manifest.parquet")
    values = manifest[column].to_list()
    values[manifest["name"].to_list().index(VICTIM)] = COLUMNS[column]
    manifest.with_columns(pl.Series(column, values, dtype=manifest.schema[column])).write_parquet(
        store / "manifest.parquet"
    )
    if hidden:
        reseal(store)
    assert places(store, "row") == [VICTIM]
    assert places(store, "file") == ([] if hidden else ["manifest.parquet"])
    in_version = column in ("label", "subject", "camera", "setup", "xsub_part", "fps", "topology", "hash")
    assert bool(places(store, "version")) == in_version
    assert places(store, "clip") == ([VICTIM] if column == "hash" else [])


def test_a_row_removed_or_added_is_another_version(store):
    manifest = pl.read_parquet(store / "manifest.parquet")
    for changed in (manifest.filter(pl.col("name") != VICTIM), pl.concat([manifest, manifest[:1]])):
        changed.write_parquet(store / "manifest.parquet")
        reseal(store)
        faults = verify(store).faults
        assert {fault.kind for fault in faults} == {"version", "file"}
        assert any("clips are recorded" in fault.text for fault in faults)


def test_one_changed_bit_of_one_joint_is_named_though_all_checksums_fit(store):
    """Through zarr itself, which writes a whole shard anew."""
    import zarr

    row = SkeletonStore.open(store).row(VICTIM)
    array = zarr.open_array(str(store / "joints.zarr"), mode="r+")
    values = np.asarray(array[row["offset"] : row["offset"] + 1])
    values.view(np.uint32)[0, 7, 2] ^= 1
    array[row["offset"] : row["offset"] + 1] = values
    reseal(store)
    assert [(fault.kind, fault.place) for fault in verify(store).faults] == [("clip", VICTIM)]


def test_a_store_without_row_hashes_is_said_to_be_older(store):
    manifest = pl.read_parquet(store / "manifest.parquet").drop("row_hash")
    manifest.write_parquet(store / "manifest.parquet")
    reseal(store)
    (fault,) = verify(store).faults
    assert "earlier version" in fault.text


def test_what_is_no_store_is_refused(tmp_path):
    with pytest.raises(UserError, match="no such store"):
        verify(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    assert {fault.place for fault in verify(tmp_path / "empty").faults} == {FILES, "manifest.parquet"}


# ----------------------------------------------------------------------------------------------------------- splits


@pytest.fixture
def split(store, tmp_path):
    """As stages/split.py writes it."""
    import hashlib

    opened = SkeletonStore.open(store)
    parts = assign(opened.manifest, DATASET.splits).select("name", pl.col("xsub").alias("part")).sort("name")
    folder = tmp_path / "made-up-xsub" / "split"
    folder.mkdir(parents=True)
    parts.write_parquet(folder / "split.parquet")
    digest = hashlib.blake2b(parts.write_csv().encode(), digest_size=16).hexdigest()
    facts = {
        "rule": "xsub",
        "split_hash": digest,
        "data_version": opened.version,
        "store_files": read_json(store / FILES),
    }
    write_json(folder / "split.json", facts)
    return folder


def split_faults(split, store):
    found = Verification()
    verify_split(split, store, DATASET, found)
    return {fault.place: fault.text for fault in found.faults}


def test_a_clip_moved_between_the_parts_of_a_split_is_named(split, store):
    assert split_faults(split, store) == {}
    table = pl.read_parquet(split / "split.parquet")
    moved = table.with_columns(part=pl.when(pl.col("name") == VICTIM).then(pl.lit("test")).otherwise("part"))
    moved.write_parquet(split / "split.parquet")
    faults = split_faults(split, store)
    assert faults[f"made-up-xsub: {VICTIM}"] == "is in test, its rule puts it in train"
    assert "made-up-xsub" in faults  # its hash, and the person who is on both sides


def test_a_split_of_another_version_is_named(split, store):
    facts = json.loads((split / "split.json").read_text())
    (split / "split.json").write_text(json.dumps(facts | {"data_version": "0" * 32}))
    assert "was made of version 000" in split_faults(split, store)["made-up-xsub"]
    (split / "split.json").write_text("{")
    assert "split.json" in split_faults(split, store)["made-up-xsub"]
    (split / "split.json").write_text(json.dumps(facts | {"rule": "xview"}))
    assert "no parts of a rule 'xview'" in split_faults(split, store)["made-up-xsub"]


def test_a_changed_label_subject_or_split_is_a_changed_version_as_much_as_a_joint(store):
    manifest = pl.read_parquet(store / "manifest.parquet")
    for column, value in (("label", 2), ("subject", 9), ("xsub_part", "test"), ("hash", "0" * 32)):
        changed = manifest.with_columns(
            pl.when(pl.col("name") == VICTIM)
            .then(pl.lit(value))
            .otherwise(column)
            .cast(manifest.schema[column])
            .alias(column)
        )
        assert version(changed) != version(manifest)
