"""What an exact search costs: `hacm search` as a whole program among made-up features of ever more clips.

    python -m benchmarks.search [--clips 10000 100000 1000000] [--json FILE]

Queries are the five recordings of examples/; the features they are looked for in are drawn at random, as wide as the
model's, and written as `hacm embed` writes them. Time and memory are the program's own, start and imports included.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

import hacm
from benchmarks.processes import PROJECT, run_module
from hacm.commands.embed import SCHEMA
from hacm.files import write_json
from hacm.models.retrieval import ROWS

MODEL = "ui-prmd"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    width = hacm.load(MODEL).width
    found: dict[str, Any] = {"model": MODEL, "width": width, "features": "made up", "searches": []}
    for clips in options.clips:
        with tempfile.TemporaryDirectory() as place:
            path = Path(place, "features.parquet")
            make_up(path, clips, width)
            words = ("search", str(PROJECT / "examples"), "--in", str(path), "--model", MODEL, "--json")
            cost = run_module("hacm", *words, folder=Path(place))
            figures = {"file_MB": path.stat().st_size / 1e6, "MB": cost.peak_bytes / 1e6}
            times = {"seconds": cost.seconds, "processor_seconds": cost.processor_seconds}
            found["searches"].append({"clips": clips, **figures, **times})
    show(found)
    if options.json:
        write_json(options.json, found)


def make_up(path: Path, clips: int, width: int) -> None:
    """Random features of so many clips, never all in memory."""
    draw = np.random.default_rng(0)
    parts = []
    for start in range(0, clips, ROWS):
        count = min(ROWS, clips - start)
        rows = {"recording": [f"made-up/{start + place:07}" for place in range(count)], "person": "1", "frames": 60,
                "fps": 30.0, "remarks": ""}  # fmt: skip
        features = pl.Series("features", draw.standard_normal((count, width), np.float32), pl.Array(pl.Float32, width))
        parts.append(path.with_name(f"part-{start:09}.parquet"))
        pl.DataFrame(rows, schema=SCHEMA).with_columns(pl.lit(MODEL).alias("model"), features).write_parquet(parts[-1])
    pl.scan_parquet(parts).sink_parquet(path, row_group_size=ROWS)
    for part in parts:
        part.unlink()


def show(found: dict[str, Any]) -> None:
    table = Table(title=f"hacm search, {found['width']} made-up features per clip")
    for name in ("clips", "file, MB", "seconds", "processor seconds", "peak memory, MB"):
        table.add_column(name, justify="right")
    for one in found["searches"]:
        table.add_row(f"{one['clips']:,}", f"{one['file_MB']:.0f}", f"{one['seconds']:.1f}",
                      f"{one['processor_seconds']:.1f}", f"{one['MB']:.0f}")  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
