"""Whoever reads a store notices what is not as it was written, also where only one clip is read."""

import random
import re
import shutil
import zlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hacm.errors import UserError
from hacm.files import hash_file, hash_tree, write_json
from pipeline.datasets.splits import assign
from pipeline.report.predictions import read_scores
from pipeline.results.writing import RECORDED
from pipeline.store import rows
from pipeline.store.checksums import CHECKSUMS, sum_blocks
from pipeline.store.rows import RowReader, RowWriter
from pipeline.store.seal import FILES, seal_files
from pipeline.store.split_files import hash_split, read_split, write_split
from pipeline.store.store import SkeletonStore
from stages.shared.stores import open_hierarchies, open_store
from tests.helpers.made_up_clips import DATASET, make_clips, write_store

BLOCK, SHARD = 64, 256


@pytest.fixture(scope="module", params=["shards", "smaller than a shard"])
def sound(request, tmp_path_factory) -> SkeletonStore:
    """Nine shards of four blocks each; or one, a part of which is used. Clips begin anywhere in a block."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "shards":
            patch.setattr(rows, "SHARD_ROWS", SHARD)
            patch.setattr(rows, "CHUNK_ROWS", BLOCK)
        return write_store(tmp_path_factory.mktemp("sound") / "clips", make_clips())


@pytest.fixture
def store(sound, tmp_path) -> Path:
    return shutil.copytree(sound.path, tmp_path / "clips")


def flip(path: Path, bit: int) -> bytes:
    """Flip a bit of a file; its bytes before."""
    before = path.read_bytes()
    changed = bytearray(before)
    changed[bit // 8] ^= 1 << bit % 8
    path.write_bytes(changed)
    return before


def expect_one_line(error: pytest.ExceptionInfo[UserError], file: str, folder: Path) -> None:
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"{folder / file}: ")
    assert str(error.value).endswith(f"; delete {folder} and run dvc repro to bring it back")


def test_a_flipped_bit_is_noticed_in_every_file_but_shards_when_the_store_is_opened(store):
    draw = random.Random(0)
    for file in (name for name in hash_tree(store) if "/c/" not in name and name != "store.json"):
        for bit in draw.sample(range(8 * (store / file).stat().st_size), 8):
            before = flip(store / file, bit)
            with pytest.raises(UserError) as error:
                SkeletonStore.open(store)
            assert "\n" not in str(error.value)
            assert str(store) in str(error.value)
            (store / file).write_bytes(before)


def test_every_bit_of_what_a_store_is_is_noticed(store):
    for bit in range(0, 8 * (store / "store.json").stat().st_size, 7):
        before = flip(store / "store.json", bit)
        with pytest.raises(UserError, match=re.escape(str(store))):
            SkeletonStore.open(store)
        (store / "store.json").write_bytes(before)


def test_no_read_of_a_clip_gives_other_values_after_a_flip(store, sound):
    """200 places of the array: who reads every clip by itself gets the values that were written, or an error."""
    draw = random.Random(1)
    shards = [path for path in (store / "joints.zarr" / "c").rglob("*") if path.is_file()]
    expected = {name: sound[name] for name in sound}
    refused, said = 0, list[str]()
    for _ in range(200):
        shard = draw.choice(shards)
        before = flip(shard, draw.randrange(8 * shard.stat().st_size))
        damaged = SkeletonStore.open(store)
        whole = 0
        for name, values in expected.items():
            try:
                assert np.array_equal(damaged[name], values), (shard, name)
                whole += 1
            except UserError as error:
                said.append(str(error))
        if whole < len(expected):
            with pytest.raises(UserError):
                damaged.read_rows()
        refused += whole < len(expected)
        shard.write_bytes(before)
    assert not any("\n" in line for line in said)
    assert refused > 150, "most bytes of an array are of its values"


def test_the_first_a_middle_and_the_last_block_are_named(tmp_path):
    """Values changed behind the checksums' back: the message names the rows, the shard and the remedy."""
    values = np.random.default_rng(0).normal(size=(700, 5)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "SHARD_ROWS", SHARD)
        patch.setattr(rows, "CHUNK_ROWS", BLOCK)
        for name, row in {"first": 0, "middle": 300, "last": 699}.items():
            folder = tmp_path / name
            with RowWriter(folder / "good.zarr", (5,), {}) as good:
                good.append(values)
            changed = values.copy()
            changed[row].view(np.uint32)[2] ^= 1
            with RowWriter(folder / "x.zarr", (5,), {}) as bad:
                bad.append(changed)
            shutil.copy(folder / "good.zarr" / CHECKSUMS, folder / "x.zarr" / CHECKSUMS)
            description = (folder / "x.zarr" / CHECKSUMS).read_text()
            sizes = {path: (folder / "x.zarr" / path).stat().st_size for path in ("c/0/0", "c/1/0", "c/2/0")}
            for path, size in sizes.items():
                description = re.sub(rf'("{path}"): \d+', rf"\1: {size}", description)
            (folder / "x.zarr" / CHECKSUMS).write_text(description)
            reader = RowReader(folder / "x.zarr")
            begin = row // BLOCK * BLOCK
            words = f"rows {begin} to {min(begin + BLOCK, 700)} are not those that were written"
            for start, stop in ((0, 700), (row, row + 1), (begin, begin + 1)):
                with pytest.raises(UserError, match=words) as error:
                    reader.read(start, stop)
                expect_one_line(error, f"x.zarr/c/{row // SHARD}/0", folder)
            assert np.array_equal(reader.read(100, 130), values[100:130]), "blocks that are whole are read"


@pytest.mark.parametrize("values", [-0.0, 0.0, np.nan])
def test_blocks_of_nothing_but_fill_values_are_read(tmp_path, values):
    """Zarr does not write them: what is read of them must be what the checksums say."""
    with RowWriter(tmp_path / "x.zarr", (5,), {}) as writer:
        writer.append(np.full((rows.CHUNK_ROWS + 3, 5), values, np.float32))
    read = RowReader(tmp_path / "x.zarr").read(3, 9)
    assert np.array_equal(read, np.full((6, 5), values, np.float32), equal_nan=True)


def test_sums_are_crc_32_of_the_values():
    values = np.arange(30, dtype=np.float32).reshape(10, 3)
    parts = [values[:4], values[4:8], values[8:]]
    assert sum_blocks(values, 4) == [zlib.crc32(part.astype("<f4").tobytes()) for part in parts]
    assert sum_blocks(values[:0], 4) == []


def test_missing_and_truncated_shards_are_noticed_when_the_store_is_opened(store):
    shard = next(path for path in sorted((store / "joints.zarr" / "c").rglob("*")) if path.is_file())
    name, content = shard.relative_to(store).as_posix(), shard.read_bytes()
    shard.write_bytes(content[:-1])
    with pytest.raises(UserError, match=f"has {len(content) - 1:,} bytes, {len(content):,} were written") as error:
        SkeletonStore.open(store)
    expect_one_line(error, name, store)
    shutil.rmtree(store / "joints.zarr" / "c")
    with pytest.raises(UserError, match="is missing") as error:
        SkeletonStore.open(store)
    expect_one_line(error, name, store)


@pytest.mark.parametrize("file", ["manifest.parquet", "excluded.parquet", FILES, f"joints.zarr/{CHECKSUMS}"])
def test_any_missing_file_is_named(store, file):
    (store / file).unlink()
    with pytest.raises(UserError, match=re.escape(str(store / file))):
        SkeletonStore.open(store)


def test_a_store_without_checksums_is_read_and_said_to_have_none(store, sound, capsys):
    (store / "joints.zarr" / CHECKSUMS).unlink()
    digests = hash_tree(store)
    digests.pop(FILES)
    (store / FILES).write_text(seal_files(digests))
    opened = open_store(store)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"{store}: written by an earlier version, without checksums")
    assert "python -m stages.normalize --dataset made-up" in lines[0]
    assert np.array_equal(opened.read_rows(), sound.read_rows())
    open_store(sound.path)
    assert capsys.readouterr().err == ""


def test_a_split_that_is_not_the_recorded_one_is_named(sound, tmp_path):
    parts = assign(sound.manifest, DATASET.splits).select("name", part="xsub").sort("name")
    facts = {"split_hash": hash_split(parts)}
    write_split(tmp_path, parts, facts)
    assert read_split(tmp_path)[0].equals(parts)
    for bit in range(0, 8 * (tmp_path / "split.parquet").stat().st_size, 97):
        before = flip(tmp_path / "split.parquet", bit)
        with pytest.raises(UserError, match=r"is not the one that split\.json has the hash of"):
            read_split(tmp_path)
        (tmp_path / "split.parquet").write_bytes(before)
    write_json(tmp_path / "split.json", facts)
    assert read_split(tmp_path)[0].equals(parts), "as earlier versions wrote it"
    parts[::-1].write_parquet(tmp_path / "split.parquet")
    with pytest.raises(UserError, match=r"is not the one that split\.json has the hash of") as error:
        read_split(tmp_path)
    expect_one_line(error, "split.parquet", tmp_path)


def test_flipped_bits_in_hierarchies_are_noticed(tmp_path):
    folder = tmp_path / "hierarchy"
    values = np.random.default_rng(0).normal(size=(700, 18)).astype(np.float32)
    with RowWriter(folder / "hierarchy.zarr", (18,), {}) as writer:
        writer.append(values)
    write_json(folder / "hierarchy.json", {"data_version": "v"})
    (folder / FILES).write_text(seal_files(hash_tree(folder)))
    draw, said = random.Random(2), list[str]()
    for file in hash_tree(folder):
        for bit in draw.sample(range(8 * (folder / file).stat().st_size), 8):
            before = flip(folder / file, bit)
            with pytest.raises(UserError, match=re.escape(str(folder))):
                open_hierarchies(folder, "made-up", whole=True)
            try:
                version, reader = open_hierarchies(folder, "made-up")
                assert version == "v"
                assert np.array_equal(reader.read(0, 700), values)
            except UserError as error:
                said.append(str(error))
            (folder / file).write_bytes(before)
    assert said
    assert not any("\n" in line for line in said)
    assert np.array_equal(open_hierarchies(folder, "made-up")[1].read(0, 700), values)


def test_predictions_that_are_not_the_recorded_ones_are_named(tmp_path):
    path = tmp_path / "predictions.parquet"
    pl.DataFrame({"name": ["a", "b"], "label": [0, 1], "scores": [[1.0, 0.0], [0.0, 1.0]]}).write_parquet(path)
    assert read_scores(path).hits_N.tolist() == [True, True], "no record: written by an earlier version"
    write_json(tmp_path / "details.json", {RECORDED: {path.name: hash_file(path)}})
    read_scores(path)
    for bit in range(0, 8 * path.stat().st_size, 97):
        before = flip(path, bit)
        with pytest.raises(UserError, match=r"is not as it was written, by details\.json"):
            read_scores(path)
        path.write_bytes(before)
