"""Stores give back exactly what was put in, by name, in bulk and streamed; their version follows the contents."""

import hashlib
import json
import multiprocessing
import pickle

import numpy as np
import polars as pl
import pytest
import zarr
import zarr.codecs
from hypothesis import given, settings
from hypothesis import strategies as st

from hacm.errors import UserError
from hacm.files import hash_tree, read_json
from hacm.recordings import Clip, Identity
from hacm.recordings.notes import Kind, Note
from hacm.skeletons.shipped import KINECT_V1
from pipeline.store import rows
from pipeline.store.manifest import LISTED_COLUMNS, VERSION_COLUMNS, hash_clip, version
from pipeline.store.store import SkeletonStore, StoreWriter


def make_clips(count=12, seed=0):
    random = np.random.default_rng(seed)
    clips = []
    for index in range(count):
        bodies, frames = 1 + index % 2, 3 + 7 * index % 40
        values = random.normal(size=(bodies, frames, 20, 3)).astype(np.float32)
        identity = Identity(f"clip{index:02d}", subject=index % 3, action=index % 4, camera=1 + index % 3)
        clips.append(Clip(identity, 30.0, KINECT_V1, values, (Note(Kind.REMARK, words=f"note {index}"),)))
    return clips


def write(path, clips, **facts):
    with StoreWriter(path, "made-up", KINECT_V1, facts) as store:
        for clip in clips:
            store.add(clip, f"{clip.identity.name}.mat", "0" * 64)
    return SkeletonStore.open(path)


@pytest.fixture
def clips():
    return make_clips()


@pytest.fixture
def store(tmp_path, clips):
    return write(tmp_path / "store", clips)


@pytest.mark.parametrize("others", [0, 3])
def test_an_empty_clip_that_comes_first_is_streamed_in_its_shape(tmp_path, others):
    empty = Clip(Identity("a", 0, 0), 30.0, KINECT_V1, np.empty((0, 4, 20, 3), np.float32), ())
    store = write(tmp_path / "store", [empty, *make_clips(others)])
    assert next(store.stream())[1].shape == (0, 4, 20, 3)


def test_round_trip_by_name_in_bulk_and_streamed(store, clips):
    assert list(store) == [clip.identity.name for clip in clips]
    assert len(store) == len(clips)
    for clip in clips:
        assert np.array_equal(store[clip.identity.name], clip.bodies_MTVC)
    flat, offsets = store.read(["clip03", "clip01"])
    assert np.array_equal(flat[: offsets[1]], clips[3].bodies_MTVC.reshape(-1, 20, 3))
    assert np.array_equal(flat[offsets[1] :], clips[1].bodies_MTVC.reshape(-1, 20, 3))
    for block in (1, 50, 10_000):
        for clip, (row, bodies) in zip(clips, store.stream(block), strict=True):
            assert row["name"] == clip.identity.name
            assert np.array_equal(bodies, clip.bodies_MTVC)


def test_rows_across_shards(tmp_path, clips, monkeypatch):
    """Shards are filled across clip borders; nothing is lost where a clip spans two."""
    monkeypatch.setattr(rows, "SHARD_ROWS", 64)
    monkeypatch.setattr(rows, "CHUNK_ROWS", 16)
    store = write(tmp_path / "small", clips)
    assert len(list((tmp_path / "small" / "joints.zarr" / "c").rglob("0"))) > 3
    for clip in clips:
        assert np.array_equal(store[clip.identity.name], clip.bodies_MTVC)


@pytest.mark.parametrize("count", [0, 1, 16, 63, 64, 150])
def test_an_array_is_what_zarr_writes_on_one_thread(tmp_path, monkeypatch, count):
    """Byte for byte, with chunks of zeros, of −0 and of NaN, and shards of zeros alone."""
    monkeypatch.setattr(rows, "SHARD_ROWS", 32)
    monkeypatch.setattr(rows, "CHUNK_ROWS", 8)
    values = np.random.default_rng(0).standard_normal((count, 25, 3)).astype(np.float32)
    for start, filling in ((8, 0), (16, -0.0), (24, np.nan), (64, 0), (96, 0)):
        values[start : start + (32 if start > 32 else 8)] = filling
    with rows.RowWriter(tmp_path / "ours", (25, 3), {"units": "metres"}) as writer:
        for start in range(0, count, 7):
            assert writer.append(values[start : start + 7]) == start
    assert writer.rows == count
    with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline", "threading.max_workers": 1}):
        array = zarr.create_array(
            str(tmp_path / "theirs"),
            shape=(0, 25, 3),
            chunks=(8, 25, 3),
            shards=(32, 25, 3),
            dtype="float32",
            compressors=zarr.codecs.BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle"),
            fill_value=0.0,
            attributes={"units": "metres"},
            dimension_names=("row", "joint", "coordinate"),
        )
        array.resize((count, 25, 3))
        array[:] = values
    theirs, ours = hash_tree(tmp_path / "theirs"), hash_tree(tmp_path / "ours")
    ours.pop("checksums.json")
    assert ours == theirs
    assert len(ours) == 1 + sum(values[start : start + 32].view(np.uint32).any() for start in range(0, count, 32))


def test_version_does_not_depend_on_order_or_sharding(tmp_path, clips, store, monkeypatch):
    monkeypatch.setattr(rows, "SHARD_ROWS", 64)
    monkeypatch.setattr(rows, "CHUNK_ROWS", 16)
    assert write(tmp_path / "other", clips[::-1]).version == store.version


@pytest.mark.parametrize("column", [column for column in VERSION_COLUMNS if column != "name"])
def test_version_follows_every_fact(store, column):
    changed = "x" if store.manifest.schema[column] == pl.String else 99
    manifest = store.manifest.with_columns(
        pl.when(pl.col("name") == "clip04")
        .then(pl.lit(changed))
        .otherwise(column)
        .cast(store.manifest.schema[column])
        .alias(column)
    )
    assert version(manifest) != store.version
    assert version(store.manifest) == store.version


def test_one_changed_bit_changes_the_version(tmp_path, clips, store):
    values = clips[5].bodies_MTVC.copy()
    values.view(np.uint32)[0, 0, 0, 0] ^= 1
    changed = [*clips[:5], Clip(clips[5].identity, 30.0, KINECT_V1, values, ()), *clips[6:]]
    assert write(tmp_path / "changed", changed).version != store.version


def test_clip_hash_is_blake2b_of_shape_and_canonical_bytes():
    values = np.arange(2 * 3 * 20 * 3, dtype=np.float32).reshape(2, 3, 20, 3)
    shape = b"".join(number.to_bytes(8, "little") for number in values.shape)
    assert hash_clip(values) == hashlib.blake2b(shape + values.tobytes(), digest_size=16).hexdigest()
    assert hash_clip(-0.0 * values) == hash_clip(0.0 * values)
    assert hash_clip(values) != hash_clip(values.reshape(1, 6, 20, 3))
    assert hash_clip(np.asfortranarray(values)) == hash_clip(values)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_every_nan_hashes_alike(bits):
    odd = np.array([0x7F800001 | bits & 0x807FFFFF], dtype=np.uint32).view(np.float32)
    assert np.isnan(odd[0])
    plain = np.full((1, 1, 1, 1), np.nan, dtype=np.float32)
    assert hash_clip(odd.reshape(1, 1, 1, 1)) == hash_clip(plain)


def test_duplicates_are_excluded_with_a_reason(tmp_path, clips):
    store = write(tmp_path / "twice", [*clips, clips[0]])
    assert len(store) == len(clips)
    assert store.table("excluded").to_dicts() == [
        {
            "name": "clip00",
            "source": "clip00.mat",
            "reason": "duplicate name: an earlier recording has it",
            "note": Note(Kind.NAME_TAKEN).record,
        }
    ]


def test_files_are_hashed_and_few(tmp_path, store):
    recorded = read_json(store.path / "files.json")
    found = hash_tree(store.path)
    found.pop("files.json")
    assert recorded.pop("files.json") == hashlib.sha256(json.dumps(found).encode()).hexdigest()
    assert recorded == found
    assert len(found) < 50


def test_nothing_appears_when_writing_fails(tmp_path, clips):
    with pytest.raises(RuntimeError), StoreWriter(tmp_path / "broken", "made-up", KINECT_V1, {}) as store:
        store.add(clips[0], "a", "0")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_unknown_clip_and_damaged_files_are_named(store):
    with pytest.raises(UserError, match="no clip named 'nobody'"):
        store["nobody"]
    (store.path / "manifest.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"manifest\.parquet"):
        SkeletonStore.open(store.path)


def test_missing_array_is_named(tmp_path, store):
    (store.path / "joints.zarr" / "zarr.json").unlink()
    with pytest.raises(UserError, match=r"joints\.zarr"):
        SkeletonStore.open(store.path)["clip00"]


def test_recordings_without_any_body_keep_their_length(tmp_path):
    empty = Clip(Identity("empty", 1, 1), 30.0, KINECT_V1, np.empty((0, 9, 20, 3), np.float32), ())
    store = write(tmp_path / "store", [empty, *make_clips(2)])
    assert store["empty"].shape == (0, 9, 20, 3)
    assert [bodies.shape[1] for _, bodies in store.stream()] == [9, 3, 10]


def _sum(store_and_name):
    store, name = store_and_name
    return float(store[name].sum())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_read_what_the_parent_reads(store, method):
    expected = [float(store[name].sum()) for name in store]  # opened in the parent before the workers start
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(_sum, [(store, name) for name in store]) == expected
    assert pickle.loads(pickle.dumps(store)).version == store.version


@pytest.mark.parametrize("column", LISTED_COLUMNS)
def test_version_follows_the_authors_lists_where_there_are_any(store, column):
    listed = store.manifest.with_columns(pl.lit("train").alias(column))
    other = store.manifest.with_columns(pl.lit("test").alias(column))
    assert len({version(manifest) for manifest in (store.manifest, listed, other)}) == 3
