"""Reading a store: whole, clip by clip, and streamed where it is larger than memory.

    python -m benchmarks.store [--clips 20000] [--json FILE]

The clips are made up: smooth random walks of 25 joints, some 100 frames each, one or two bodies. Every way of reading
runs in a process of its own, so that its peak memory is its own; the median of five rounds is shown. The files were
just written, so the disk is not
measured: what is measured is finding, decompressing and copying.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.processes import run_module
from hacm.files import write_json
from hacm.recordings import Clip, Identity
from hacm.skeletons.shipped import KINECT_V2
from pipeline.results.machine import describe_machine
from pipeline.store.rows import RowReader
from pipeline.store.store import SkeletonStore, StoreWriter

MEGABYTE = 1e6
NAMED_CLIPS = 500
ROUNDS = 5
STORE = Path("store")

Reader = Callable[[SkeletonStore], dict[str, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=20_000)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--part", choices=("write", *READERS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        run_part(options.part, options.clips)
        return
    with tempfile.TemporaryDirectory(prefix="hacm-store-") as name:
        found = measure(Path(name), options.clips)
    show(found)
    if options.json:
        write_json(options.json, found)


def measure(folder: Path, count: int) -> dict[str, Any]:
    """Seconds, bytes of joints and peak memory of each way of reading."""
    parts = {}
    for part in ("write", *READERS):
        cost = run_module("benchmarks.store", "--part", part, "--clips", str(count), folder=folder)
        parts[part] = json.loads((folder / f"{part}.json").read_text()) | {"peak_bytes": cost.peak_bytes}
    sizes = [path.stat().st_size for path in (folder / STORE).rglob("*") if path.is_file()]
    return {
        "machine": describe_machine(),
        "clips": count,
        "files": len(sizes),
        "disk_bytes": sum(sizes),
        "parts": parts,
    }


def run_part(part: str, count: int) -> None:
    """In a process of its own: a child's peak memory counts from its parent's."""
    if part == "write":
        begin = time.perf_counter()
        size = write(STORE, count)
        found = {"seconds": time.perf_counter() - begin, "bytes": size, "clips": count}
    else:
        rounds = [READERS[part](SkeletonStore.open(STORE)) for _ in range(ROUNDS)]
        found = sorted(rounds, key=lambda one: one["seconds"])[ROUNDS // 2]
    write_json(Path(f"{part}.json"), found)


def write(path: Path, count: int) -> int:
    size = 0
    rng = np.random.default_rng(0)
    with StoreWriter(path, "made-up", KINECT_V2, {"kind": "clips"}) as store:
        for number in range(count):
            shape = (1 + number % 3 // 2, int(rng.integers(40, 160)), 25, 3)
            steps = rng.normal(scale=0.01, size=shape).astype(np.float32)
            clip = Clip(Identity(f"clip-{number:06d}", 1, 0), 30.0, KINECT_V2, steps.cumsum(axis=1))
            store.add(clip, "made up", "")
            size += clip.bodies_MTVC.nbytes
    return size


def read_whole(store: SkeletonStore) -> dict[str, float]:
    begin = time.perf_counter()
    size = store.read_rows().nbytes
    return {"seconds": time.perf_counter() - begin, "bytes": size}


def read_named(store: SkeletonStore) -> dict[str, float]:
    names = np.random.default_rng(1).choice(store.manifest["name"].to_numpy(), NAMED_CLIPS, replace=False)
    begin = time.perf_counter()
    size = sum(store[str(name)].nbytes for name in names)
    return {"seconds": time.perf_counter() - begin, "bytes": size, "clips": NAMED_CLIPS}


def read_streamed(store: SkeletonStore) -> dict[str, float]:
    begin = time.perf_counter()
    size = sum(bodies.nbytes for _, bodies in store.stream())
    return {"seconds": time.perf_counter() - begin, "bytes": size, "clips": len(store)}


def unchecked(read: Reader) -> Reader:
    """The same without comparing rows with their checksums, to see what that costs."""

    def read_unchecked(store: SkeletonStore) -> dict[str, float]:
        store.rows = RowReader(store.rows.path, checked=False)
        return read(store)

    return read_unchecked


READERS = {
    "whole": read_whole,
    "whole-unchecked": unchecked(read_whole),
    "named": read_named,
    "named-unchecked": unchecked(read_named),
    "streamed": read_streamed,
}


def show(found: dict[str, Any]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(
        f"{found['clips']:,} clips (made up), {found['files']} files, {found['disk_bytes'] / MEGABYTE:,.0f} MB on disk"
    )
    table = Table("", "MB of joints", "seconds", "MB/s", "clips/s", "peak MB of the process")
    for part, one in found["parts"].items():
        table.add_row(
            part,
            f"{one['bytes'] / MEGABYTE:,.0f}",
            f"{one['seconds']:.2f}",
            f"{one['bytes'] / MEGABYTE / one['seconds']:,.0f}",
            f"{one['clips'] / one['seconds']:,.0f}" if "clips" in one else "",
            f"{one['peak_bytes'] / MEGABYTE:,.0f}",
        )
    console.print(table)


if __name__ == "__main__":
    main()
