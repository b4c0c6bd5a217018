"""Verifies that a store is unchanged: recomputes the hash of every file, manifest row and clip.

Nothing is trusted. A damaged part becomes a fault that names it, never an exception, and the rest is still checked.
Files and batches of clips are read on as many threads as there are cores, the rows of the manifest meanwhile.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hacm.errors import UserError, name_some
from hacm.files import hash_file, read_json
from pipeline.audit.streaming import ClipBatch, split_into_batches
from pipeline.store.manifest import SCHEMA, hash_canonical, hash_clip, hash_row, to_canonical, version
from pipeline.store.rows import RowReader
from pipeline.store.seal import FILES, seal_files
from pipeline.store.store import CONVERTIBLE, expect_format, read_parquet

JOINTS = "joints.zarr"
NOT_OF_ITS_HASH = "its joints are not those of its hash"
KINDS = ("file", "row", "version", "clip", "split")


@dataclass(frozen=True)
class Fault:
    """What changed. kind: one of KINDS; a row is one of the manifest. place: its name."""

    kind: str
    place: str
    text: str


@dataclass
class Verification:
    """What was recomputed, and the faults. bytes: of files as they lie there and of joints, unpacked.

    recordings: those of the store that the clips were made from.
    """

    faults: list[Fault] = field(default_factory=list)
    files: int = 0
    clips: int = 0
    recordings: int = 0
    file_bytes: int = 0
    clip_bytes: int = 0

    def add(self, kind: str, place: str, text: str) -> None:
        """Record a fault."""
        self.faults.append(Fault(kind, place, text))

    def add_recordings(self, path: Path, found: "Verification") -> None:
        """Take in what was found in a store of recordings; its faults are named with its path."""
        for fault in found.faults:
            place = f"{path}/{fault.place}" if fault.kind == "file" else f"{path}: {fault.place}"
            self.add(fault.kind, place, fault.text)
        self.files += found.files
        self.recordings += found.clips
        self.file_bytes += found.file_bytes
        self.clip_bytes += found.clip_bytes


def verify(path: Path, workers: int | None = None) -> Verification:
    """Recompute everything that a store states about itself. UserError only if there is no store, or one of an earlier
    format."""
    path = Path(path)
    if not path.is_dir():
        raise UserError(f"{path}: no such store")
    _check_format(path)
    found = Verification()
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        files = StoreFiles.start(path, found, pool)
        with _quiet() if files.has_changed("manifest.parquet") else nullcontext():
            manifest = _read_manifest(path, found)
        if manifest is not None:
            checks = _start_clips(path, manifest, files, found, pool)
            _verify_manifest(path, manifest, found)
            found.faults.extend(fault for check in checks for fault in check.result())
        files.verify(found)
    found.faults.sort(key=lambda fault: KINDS.index(fault.kind))
    return found


def _check_format(path: Path) -> None:
    """UserError for a whole store of another format; what is wrong with a damaged one is found later."""
    try:
        facts = read_json(path / "store.json")
    except UserError:
        return
    if isinstance(facts, dict) and facts.get("format") in CONVERTIBLE:
        expect_format(path, facts)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what polars' Rust writes to the standard error when a damaged file makes it panic."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


@dataclass(frozen=True)
class StoreFiles:
    """The files of a store, the sums they should have, and those they have, which other threads compute.

    paths, digests: by name, without files.json itself.
    """

    recorded: dict[str, str]
    paths: dict[str, Path]
    digests: dict[str, Future[str]]

    @classmethod
    def start(cls, path: Path, found: Verification, pool: ThreadPoolExecutor) -> "StoreFiles":
        """Small files first: what else is verified depends on some of them."""
        paths = {one.relative_to(path).as_posix(): one for one in path.rglob("*") if one.is_file()}
        paths.pop(FILES, None)
        by_size = sorted(paths, key=lambda name: (paths[name].stat().st_size, name))
        digests = {name: pool.submit(hash_file, paths[name]) for name in by_size}
        return cls(_read_recorded(path, found), paths, digests)

    def has_changed(self, name: str) -> bool:
        """Whether a file is not as recorded, or missing, or not recorded."""
        return name not in self.digests or self.digests[name].result() != self.recorded.get(name)

    def verify(self, found: Verification) -> None:
        """Compare every file with files.json."""
        found.files = len(self.paths) + 1
        found.file_bytes = sum(one.stat().st_size for one in self.paths.values())
        for name in sorted(filter(self.has_changed, self.recorded.keys() | self.digests.keys())):
            if name not in self.digests:
                found.add("file", name, "is missing")
            elif name not in self.recorded:
                found.add("file", name, f"is not in {FILES}")
            else:
                found.add("file", name, f"its bytes are not those recorded in {FILES}")


def _read_recorded(path: Path, found: Verification) -> dict[str, str]:
    """The sums of files.json without its seal; empty, with a fault, where they cannot be read."""
    try:
        recorded = read_json(path / FILES)
    except (UserError, OSError) as error:
        found.add("file", FILES, f"cannot be read ({error})")
        return {}
    if not isinstance(recorded, dict) or not all(isinstance(value, str) for value in recorded.values()):
        found.add("file", FILES, "is no table of checksums")
        return {}
    seal = recorded.pop(FILES, None)
    if seal is None:
        found.add("file", FILES, "has no seal: written by an earlier version of this project; run dvc repro")
    elif (path / FILES).read_text(encoding="utf-8") != seal_files(recorded):
        found.add("file", FILES, "its seal does not fit what it says")
        # What it says of the files is not to be relied on; they have other witnesses.
    return recorded


def _read_manifest(path: Path, found: Verification) -> pl.DataFrame | None:
    """None, with a fault, where there is no manifest in the bytes."""
    try:
        manifest = read_parquet(path / "manifest.parquet")
    except UserError:
        found.add("file", "manifest.parquet", "cannot be read, so that no clip can be found in the array")
        return None
    expected = {name: kind for name, kind in SCHEMA.items() if name in manifest.columns or name != "row_hash"}
    if manifest.schema != expected:
        found.add("file", "manifest.parquet", "its columns are not those of a manifest, so that no clip can be found")
        return None
    return manifest


def _verify_manifest(path: Path, manifest: pl.DataFrame, found: Verification) -> None:
    """Each row against its own hash, all of them against the version, and the numbers against store.json."""
    if "row_hash" in manifest.columns:
        for row in manifest.iter_rows(named=True):
            recorded = row.pop("row_hash")
            if hash_row(row) != recorded:
                found.add("row", str(row["name"]), "its row of the manifest is not as it was written")
    else:
        found.add("file", "manifest.parquet", "has no row hashes: written by an earlier version of this project")
    try:
        facts: dict[str, Any] = read_json(path / "store.json")
        recorded_version, clips, rows = str(facts["version"]), facts["clips"], facts["rows"]
    except (UserError, OSError, KeyError, TypeError):
        found.add("file", "store.json", "cannot be read")
        return
    computed = _computed_version(manifest)
    if computed != recorded_version:
        found.add("version", recorded_version, f"the manifest makes version {computed}")
    if clips != len(manifest):
        found.add("file", "store.json", f"{clips} clips are recorded, the manifest has {len(manifest)}")
    held = int((manifest["bodies"].cast(pl.Int64) * manifest["frames"]).sum())
    if rows != held:
        found.add("file", "store.json", f"{rows} rows are recorded, the manifest's clips have {held}")


def _computed_version(manifest: pl.DataFrame) -> str:
    try:
        return version(manifest)
    except (pl.exceptions.PolarsError, ValueError) as error:
        return f"none ({error})"


def _start_clips(
    path: Path, manifest: pl.DataFrame, files: StoreFiles, found: Verification, pool: ThreadPoolExecutor
) -> list[Future[list[Fault]]]:
    """Every clip's content hash, from the array; other threads compute them."""
    if files.has_changed(f"{JOINTS}/zarr.json"):
        found.add("file", JOINTS, "the array's description changed, so that its clips cannot be read")
        return []
    reader = RowReader(path / JOINTS, checked=False)  # each clip has a hash of its own
    try:
        joints = int(reader.array.shape[1])
        rows = len(reader)
    except Exception as error:  # whatever zarr makes of it
        found.add("file", JOINTS, f"cannot be opened ({type(error).__name__})")
        return []
    found.clips = len(manifest)
    found.clip_bytes = rows * joints * 3 * 4
    stop = pl.col("offset") + pl.col("bodies").cast(pl.Int64) * pl.col("frames")
    inside = pl.all_horizontal(pl.col("offset", "bodies", "frames") >= 0, stop <= rows).fill_null(False)
    for name in manifest.filter(~inside)["name"]:
        found.add("clip", str(name), "its row of the manifest points outside the array")
    empty = manifest.filter(inside & (stop == pl.col("offset")))
    for name, bodies, frames, recorded in empty.select("name", "bodies", "frames", "hash").iter_rows():
        if hash_clip(np.empty((bodies, frames, joints, 3), np.float32)) != recorded:
            found.add("clip", name, NOT_OF_ITS_HASH)
    batches = split_into_batches(manifest.filter(inside))
    return [pool.submit(lambda batch: list(_check_batch(reader, batch)), batch) for batch in batches]


def _check_batch(reader: RowReader, batch: ClipBatch) -> Iterator[Fault]:
    """The clips of a batch whose content is not that of their hash."""

    def read(start: int, stop: int) -> NDArray[np.float32]:
        rows = reader.read(start, stop)
        return to_canonical(rows, out=rows)

    try:
        block = read(batch.start, batch.stop)
    except Exception:  # one damaged chunk: its neighbours are read without it
        block = None
    for name, offset, bodies, frames, recorded in batch.clips.select(
        "name", "offset", "bodies", "frames", "hash"
    ).iter_rows():
        begin, size = offset - batch.start, bodies * frames
        try:
            rows = read(offset, offset + size) if block is None else block[begin : begin + size]
        except Exception:
            yield Fault("clip", name, "its joints cannot be read")
            continue
        if hash_canonical(rows.reshape(bodies, frames, *rows.shape[1:])) != recorded:
            yield Fault("clip", name, NOT_OF_ITS_HASH)


def report_verification(found: Verification, show: Callable[[str], None], most: int = 20) -> None:
    """Say what was recomputed and what changed, naming at most so many of a kind."""
    recordings = f" and {found.recordings:,} recordings" if found.recordings else ""
    show(
        f"{found.files} files ({found.file_bytes / 1e6:,.1f} MB) and {found.clips:,} clips{recordings} "
        f"({found.clip_bytes / 1e6:,.1f} MB of joints) recomputed"
    )
    for kind in dict.fromkeys(fault.kind for fault in found.faults):
        faults = [fault for fault in found.faults if fault.kind == kind]
        for fault in faults[:most]:
            show(f"changed: {kind} {fault.place}: {fault.text}")
        if len(faults) > most:
            show(f"changed: {len(faults) - most} more: {name_some([fault.place for fault in faults[most:]])}")
    if not found.faults:
        show("nothing changed")
