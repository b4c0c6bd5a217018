"""Nothing is parsed twice, and nobody can tell from what comes out."""

import shutil
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from hacm.files import hash_tree
from hacm.recordings import Recording, ntu
from pipeline.datasets.kinect_sim import KINECT_SIM
from pipeline.ingest.gathering import read_raw
from pipeline.ingest.parsing import hash_reader, read_recordings
from pipeline.kinect_sim import SimulatorSettings, clips
from pipeline.store.store import SkeletonStore, StoreWriter

SETTINGS = SimulatorSettings(performers=(1, 3), setups=(1,), actions=(6, 58), cameras=(1, 2))


@pytest.fixture(scope="module")
def texts() -> dict[str, bytes]:
    return {f"{name}.skeleton": text for name, text in clips(SETTINGS)}


class Parsed:
    """How often each raw file has been parsed, in whatever process: a file with a line for each time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clear()

    def clear(self) -> None:
        self.path.write_text("")

    def add(self, name: str) -> None:
        with open(self.path, "a") as stream:
            stream.write(f"{name}\n")

    def counts(self) -> dict[str, int]:
        return dict(Counter(self.path.read_text().split()))


@pytest.fixture
def parsed(monkeypatch, tmp_path) -> Parsed:
    counter = Parsed(tmp_path / "parsed.txt")
    original = ntu.read

    def read(raw):
        counter.add(raw.name)
        return original(raw)

    monkeypatch.setattr(ntu, "read", read)
    return counter


def pack(path: Path, texts: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
    return path


def ingest(
    file: Path, target: Path, *, earlier: Path | None = None, reader: str | None = None, workers: int = 2
) -> int:
    """Write the store; how many raw recordings were taken from the earlier one."""
    reused = 0
    facts = {"kind": "recordings", "partial": False, "reader": reader or hash_reader(KINECT_SIM)}
    with StoreWriter(target, "kinect-sim", KINECT_SIM.topology, facts) as store:
        for reading in read_recordings(
            read_raw([file], KINECT_SIM, None), KINECT_SIM, [earlier] if earlier else [], workers
        ):
            reused += reading.reused
            for found in reading.found:
                if isinstance(found, Recording):
                    store.add(found, reading.source, reading.sha256, reading.fingerprint)
                else:
                    store.exclude(found.name, found.source, found.reason)
    return reused


def test_nothing_changed_nothing_parsed(tmp_path, texts, parsed):
    file = pack(tmp_path / "raw.zip", texts)
    assert ingest(file, tmp_path / "one") == 0
    assert set(parsed.counts().values()) == {1}
    parsed.clear()
    assert ingest(file, tmp_path / "two", earlier=tmp_path / "one") == len(texts)
    assert not parsed.counts()
    assert hash_tree(tmp_path / "one") == hash_tree(tmp_path / "two")


@pytest.mark.parametrize("workers", [1, 4])
def test_one_changed_file_is_the_one_that_is_parsed(tmp_path, texts, parsed, workers):
    file = pack(tmp_path / "raw.zip", texts)
    ingest(file, tmp_path / "one")
    first, second = sorted(texts)[:2]
    pack(file, texts | {first: texts[second]})
    parsed.clear()
    ingest(file, tmp_path / "two", earlier=tmp_path / "one", workers=workers)
    assert parsed.counts() == {first.removesuffix(".skeleton"): 1}
    ingest(file, tmp_path / "fresh")
    assert hash_tree(tmp_path / "two") == hash_tree(tmp_path / "fresh")
    assert SkeletonStore.open(tmp_path / "two").version != SkeletonStore.open(tmp_path / "one").version


def test_added_removed_and_renamed_files(tmp_path, texts, parsed):
    file = pack(tmp_path / "raw.zip", texts)
    ingest(file, tmp_path / "one")
    names = sorted(texts)
    changed = {name: texts[name] for name in names[1:]}
    changed["S009C001P001R001A001.skeleton"] = changed.pop(names[1])
    pack(file, changed)
    parsed.clear()
    assert ingest(file, tmp_path / "two", earlier=tmp_path / "one") == len(texts) - 2
    assert parsed.counts() == {"S009C001P001R001A001": 1}
    ingest(file, tmp_path / "fresh")
    assert hash_tree(tmp_path / "two") == hash_tree(tmp_path / "fresh")


def test_what_was_excluded_is_looked_at_again(tmp_path, texts, parsed):
    file = pack(tmp_path / "raw.zip", texts | {"S009C001P001R001A001.skeleton": b"1\n"})
    ingest(file, tmp_path / "one")
    parsed.clear()
    ingest(file, tmp_path / "two", earlier=tmp_path / "one")
    assert parsed.counts() == {"S009C001P001R001A001": 1}
    assert hash_tree(tmp_path / "one") == hash_tree(tmp_path / "two")


def test_other_code_parses_everything(tmp_path, texts, parsed):
    file = pack(tmp_path / "raw.zip", texts)
    ingest(file, tmp_path / "one", reader="older")
    parsed.clear()
    assert ingest(file, tmp_path / "two", earlier=tmp_path / "one") == 0
    assert len(parsed.counts()) == len(texts)


@pytest.mark.parametrize("damage", ["flipped", "missing", "no manifest", "no store"])
def test_a_damaged_earlier_store_is_not_trusted(tmp_path, texts, parsed, damage):
    file = pack(tmp_path / "raw.zip", texts)
    one = tmp_path / "one"
    ingest(file, one)
    (shard,) = (path for path in (one / "joints.zarr").rglob("*") if path.is_file() and path.suffix != ".json")
    if damage == "flipped":
        content = bytearray(shard.read_bytes())
        content[len(content) // 2] ^= 1
        shard.write_bytes(content)
    elif damage == "missing":
        shard.unlink()
    elif damage == "no manifest":
        (one / "manifest.parquet").write_bytes(b"PAR1")
    else:
        shutil.rmtree(one)
    parsed.clear()
    ingest(file, tmp_path / "two", earlier=one)
    assert len(parsed.counts()) >= 1
    ingest(file, tmp_path / "fresh")
    assert hash_tree(tmp_path / "two") == hash_tree(tmp_path / "fresh")


def test_packing_makes_no_difference_but_to_the_fingerprint(tmp_path, texts):
    """Deflated, stored, or a folder: the same recordings, sums and version."""
    ingest(pack(tmp_path / "raw.zip", texts), tmp_path / "deflated")
    ingest(pack(tmp_path / "raw.zip", texts, zipfile.ZIP_STORED), tmp_path / "stored")
    folder = tmp_path / "again" / "raw.zip"  # a folder of the archive's name: paths begin alike
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / name).write_bytes(text)
    ingest(folder, tmp_path / "folder")
    tables = [SkeletonStore.open(tmp_path / name).manifest for name in ("deflated", "stored", "folder")]
    packing = ["source_fingerprint", "row_hash"]  # the row's hash covers the fingerprint
    for other in tables[1:]:
        assert other.drop(packing).equals(tables[0].drop(packing))
    assert tables[1].equals(tables[2])
