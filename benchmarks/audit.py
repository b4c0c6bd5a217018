"""The audit's speed: verifying a store, auditing it, and comparing two versions of 114,000 clips from their manifests.

    python -m benchmarks.audit [--clips 20000] [--rows 114000] [--json FILE]

The clips and manifests are made up (benchmarks/store.py). Verifying and auditing run in processes of their own, so that
their peak memory is their own; MB are those of joints, unpacked. The files were just written, so the disk
is not measured.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from benchmarks.processes import run_module
from benchmarks.store import MEGABYTE, STORE, write
from hacm.files import write_json
from hacm.recordings.notes import Kind, Note
from pipeline.audit import audit
from pipeline.audit.integrity import verify
from pipeline.audit.version_differences import VersionTables, compare_versions
from pipeline.datasets.ntu import NTU120
from pipeline.results.machine import describe_machine
from pipeline.store.manifest import EXCLUDED_SCHEMA, SCHEMA, version
from pipeline.store.store import SkeletonStore

ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=20_000, help="of the store that is verified and audited")
    parser.add_argument("--rows", type=int, default=114_000, help="of the manifests that are compared")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        write_json(Path(f"{options.part}.json"), PARTS[options.part](options))
        return
    with tempfile.TemporaryDirectory(prefix="hacm-audit-") as name:
        found = measure(Path(name), options)
    show(found)
    if options.json:
        write_json(options.json, found)


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Figures of every part, with the peak memory of its process."""
    numbers = ("--clips", str(options.clips), "--rows", str(options.rows))
    parts = {}
    for part in PARTS:
        cost = run_module("benchmarks.audit", "--part", part, *numbers, folder=folder)
        parts[part] = json.loads((folder / f"{part}.json").read_text()) | {"peak_bytes": cost.peak_bytes}
    return {"machine": describe_machine(), "clips": options.clips, "rows": options.rows, "parts": parts}


def measure_verify(options: argparse.Namespace) -> dict[str, float]:
    """The median of a few rounds."""
    rounds, busy = [], time.process_time()
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        found = verify(STORE)
        rounds.append(time.perf_counter() - begin)
        assert not found.faults
    processor = (time.process_time() - busy) / ROUNDS
    return {"seconds": sorted(rounds)[ROUNDS // 2], "processor_seconds": processor, "bytes": found.clip_bytes}


def measure_audit(options: argparse.Namespace) -> dict[str, float]:
    store = SkeletonStore.open(STORE)
    dataset = replace(NTU120, name="made-up")
    begin, busy = time.perf_counter(), time.process_time()
    audit(store, dataset)
    seconds = {"seconds": time.perf_counter() - begin, "processor_seconds": time.process_time() - busy}
    return seconds | {"bytes": len(store.rows) * 25 * 3 * 4}


def measure_compare(options: argparse.Namespace) -> dict[str, float]:
    """Both manifests are read from disk, as they are for two revisions."""
    before = make_manifest(options.rows)
    make_other(before).write_parquet("after.parquet")
    before.write_parquet("before.parquet")
    rounds, busy = [], time.process_time()
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        tables = [pl.read_parquet(f"{name}.parquet") for name in ("before", "after")]
        excluded = pl.DataFrame(schema=EXCLUDED_SCHEMA)
        found = compare_versions(*(VersionTables.by_rule(table, excluded, NTU120) for table in tables))
        versions = [version(table) for table in tables]
        rounds.append(time.perf_counter() - begin)
    assert versions[0] != versions[1]
    assert len(found.added) == len(found.removed) == options.rows // 1000
    processor = (time.process_time() - busy) / ROUNDS
    return {"seconds": sorted(rounds)[ROUNDS // 2], "processor_seconds": processor, "clips": options.rows}


def make_manifest(rows: int) -> pl.DataFrame:
    """As NTU RGB+D 120's would be: names, labels, people, cameras, setups, hashes and notes."""
    rng = np.random.default_rng(0)
    number = np.arange(rows)
    camera, subject, label = 1 + number % 3, 1 + number // 3 % 106, number // 318 % 120
    setup, replication = 1 + number // 1000 % 32, 1 + number // 38160
    digests = [value.tobytes().hex() for value in rng.integers(0, 2**63, size=(rows, 4))]
    columns = {
        "name": [
            f"S{s:03}C{c:03}P{p:03}R{r:03}A{a + 1:03}-{n}"
            for s, c, p, r, a, n in zip(setup, camera, subject, replication, label, number, strict=True)
        ],
        "label": label, "subject": subject, "camera": camera, "setup": setup, "replication": replication,
        "fps": np.full(rows, 30.0), "topology": ["kinect-v2-25"] * rows, "frames": rng.integers(40, 160, rows),
        "bodies": 1 + number % 2, "offset": number * 100, "source": [f"archive.zip/{n}.skeleton" for n in number],
        "source_sha256": digests, "hash": [digest[:32] for digest in digests],
        "notes": [[Note(Kind.FRAMES_WITHOUT_BODY, frames=int(n % 9)).record] if n % 5 == 0 else [] for n in number],
    }  # fmt: skip
    missing = {name: [None] * rows for name in SCHEMA if name not in columns}
    return pl.DataFrame({name: columns.get(name, missing.get(name)) for name in SCHEMA}, schema=SCHEMA, strict=False)


def make_other(manifest: pl.DataFrame) -> pl.DataFrame:
    """One clip in a thousand gone, as many new, relabelled, of other values, cleaned otherwise, and of other people."""
    number = pl.int_range(pl.len()) % 1000
    truncated = [Note(Kind.TRUNCATED, frames=400, limit=300).record]
    changed = manifest.with_columns(
        pl.when(number == 0).then(pl.col("name") + "x").otherwise("name").alias("name"),
        pl.when(number == 1).then((pl.col("label") + 1) % 120).otherwise("label").cast(pl.Int32).alias("label"),
        pl.when(number == 2).then(pl.col("hash").str.reverse()).otherwise("hash").alias("hash"),
        pl.when(number == 3).then(pl.lit(truncated, SCHEMA["notes"])).otherwise("notes").alias("notes"),
        pl.when(number == 4).then(pl.col("subject") % 106 + 1).otherwise("subject").cast(pl.Int32).alias("subject"),
    )
    return changed.sample(fraction=1, shuffle=True, seed=0)[: len(manifest) // 1000 * 1000]


def measure_write(options: argparse.Namespace) -> dict[str, float]:
    """What the others read; in a process of its own, because a child's peak memory counts from its parent's."""
    begin = time.perf_counter()
    return {"bytes": write(STORE, options.clips), "seconds": time.perf_counter() - begin}


PARTS = {"write": measure_write, "verify": measure_verify, "audit": measure_audit, "compare": measure_compare}


def show(found: dict[str, Any]) -> None:
    table = Table("", "seconds", "processor seconds", "MB/s of joints", "clips/s", "peak MB of the process")
    for part, one in found["parts"].items():
        clips = one.get("clips", found["clips"])
        rate = f"{one['bytes'] / MEGABYTE / one['seconds']:,.0f}" if "bytes" in one else ""
        peak = f"{one['peak_bytes'] / MEGABYTE:,.0f}"
        busy = f"{one['processor_seconds']:.2f}" if "processor_seconds" in one else ""
        table.add_row(part, f"{one['seconds']:.2f}", busy, rate, f"{clips / one['seconds']:,.0f}", peak)
    Console(width=None if sys.stdout.isatty() else 120).print(table)


if __name__ == "__main__":
    main()
