"""Whether a store is still what was written: every file, every row of its manifest, every clip, recomputed.

Nothing is trusted: a damaged part ends in a fault that names it, never in an exception, and what can still be checked
is. Read a batch of clips at a time, on as many threads as there are cores.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipeline.audit.batches import Batch, split_into_batches
from pipeline.errors import UserError, name_some
from pipeline.files import hash_file, read_json
from pipeline.manifest import SCHEMA, hash_clip, hash_row, version
from pipeline.rows import RowReader
from pipeline.store import FILES, read_parquet, seal_files

JOINTS = "joints.zarr"
NOT_OF_ITS_HASH = "its joints are not those of its hash"


@dataclass(frozen=True)
class Fault:
    """What changed. kind: `file`, `row` (of the manifest), `clip`, `split` or `version`. place: its name."""

    kind: str
    place: str
    text: str


@dataclass
class Verification:
    """What was recomputed, and the faults. bytes: of files as they lie there and of joints, unpacked."""

    faults: list[Fault] = field(default_factory=list)
    files: int = 0
    clips: int = 0
    file_bytes: int = 0
    clip_bytes: int = 0

    def add(self, kind: str, place: str, text: str) -> None:
        """Record a fault."""
        self.faults.append(Fault(kind, place, text))


def verify(path: Path, workers: int | None = None) -> Verification:
    """Recompute everything that a store says of itself. UserError only if there is no store at all."""
    path = Path(path)
    if not path.is_dir():
        raise UserError(f"{path}: no such store")
    found = Verification()
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        changed = _verify_files(path, found, pool)
        with _quiet() if "manifest.parquet" in changed else nullcontext():
            manifest = _read_manifest(path, found)
        if manifest is not None:
            _verify_manifest(path, manifest, found)
            if f"{JOINTS}/zarr.json" in changed:
                found.add("file", JOINTS, "the array's description changed, so that its clips cannot be read")
            else:
                _verify_clips(path, manifest, found, pool)
    return found


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


def _verify_files(path: Path, found: Verification, pool: ThreadPoolExecutor) -> set[str]:
    """Compare every file with files.json, and files.json with its seal. Returns the names of files that changed."""
    recorded = _read_recorded(path, found)
    present = {one.relative_to(path).as_posix(): one for one in sorted(path.rglob("*")) if one.is_file()}
    present.pop(FILES, None)
    digests = dict(zip(present, pool.map(hash_file, present.values()), strict=True))
    found.files = len(present) + 1
    found.file_bytes = sum(one.stat().st_size for one in present.values())
    changed = set()
    for name in sorted(recorded.keys() | digests.keys()):
        if name not in digests:
            found.add("file", name, "is missing")
        elif name not in recorded:
            found.add("file", name, f"is not in {FILES}")
        elif digests[name] != recorded[name]:
            found.add("file", name, f"its bytes are not those recorded in {FILES}")
        else:
            continue
        changed.add(name)
    return changed


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


def _verify_clips(path: Path, manifest: pl.DataFrame, found: Verification, pool: ThreadPoolExecutor) -> None:
    """Every clip's content hash, from the array."""
    reader = RowReader(path / JOINTS)
    try:
        joints = int(reader.array.shape[1])
        rows = len(reader)
    except Exception as error:  # whatever zarr makes of it
        found.add("file", JOINTS, f"cannot be opened ({type(error).__name__})")
        return
    found.clips = len(manifest)
    found.clip_bytes = rows * joints * 3 * 4

    def check(batch: Batch) -> list[Fault]:
        return list(_check_batch(reader, batch))

    stop = pl.col("offset") + pl.col("bodies").cast(pl.Int64) * pl.col("frames")
    inside = pl.all_horizontal(pl.col("offset", "bodies", "frames") >= 0, stop <= rows).fill_null(False)
    for name in manifest.filter(~inside)["name"]:
        found.add("clip", str(name), "its row of the manifest points outside the array")
    empty = manifest.filter(inside & (stop == pl.col("offset")))
    for name, bodies, frames, recorded in empty.select("name", "bodies", "frames", "hash").iter_rows():
        if hash_clip(np.empty((bodies, frames, joints, 3), np.float32)) != recorded:
            found.add("clip", name, NOT_OF_ITS_HASH)
    for faults in pool.map(check, split_into_batches(manifest.filter(inside))):
        found.faults.extend(faults)


def _check_batch(reader: RowReader, batch: Batch) -> Iterator[Fault]:
    """The clips of a batch whose content is not that of their hash."""
    try:
        block = reader.read(batch.start, batch.stop)
    except Exception:  # one damaged chunk: its neighbours are read without it
        block = None
    for name, offset, bodies, frames, recorded in batch.clips.select(
        "name", "offset", "bodies", "frames", "hash"
    ).iter_rows():
        begin, size = offset - batch.start, bodies * frames
        try:
            rows = reader.read(offset, offset + size) if block is None else block[begin : begin + size]
        except Exception:
            yield Fault("clip", name, "its joints cannot be read")
            continue
        if hash_clip(rows.reshape(bodies, frames, *rows.shape[1:])) != recorded:
            yield Fault("clip", name, NOT_OF_ITS_HASH)


def summarise(found: Verification, show: Callable[[str], None], most: int = 20) -> None:
    """Say what was recomputed and what changed, naming at most so many of a kind."""
    show(
        f"{found.files} files ({found.file_bytes / 1e6:,.1f} MB) and {found.clips:,} clips "
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
