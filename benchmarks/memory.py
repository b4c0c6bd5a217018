"""Memory of NTU-60 and NTU-120 pretraining on a GPU, counted beforehand, and the largest batch for GPUs of some sizes.

    python -m benchmarks.memory [--json FILE]

Counted as hacm/training/memory.py does, on any machine. A batch of n clips has more sequences than n, since two people
perform some classes; as many are counted as a batch has at most, but for one in a thousand million.
"""

import argparse
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.gpu_parts import PRECISIONS
from benchmarks.made_up import KINECT
from benchmarks.recipes import POMO, RELEASE, find_recipe
from hacm.files import write_json
from hacm.training.memory import DEVIATIONS, GIGABYTE, Need, needed

BATCHES = (64, 128, 256, 512, 1024)
CAPACITIES = (16, 24, 80, 140)  # GB
PAIRS = {"NTU-60": 11 / 60, "NTU-120": 26 / 120}
"""Which share of the classes is performed by two people."""

ROWS = {"NTU-60": 1.7, "NTU-120": 3.4}
"""GB of the clips themselves: 56,880 and 114,480 recordings of some 84 frames."""

ASIDE = 1.5
"""GB for the CUDA context, what kernels use within themselves, and what the allocator cannot give out again."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    options = parser.parse_args()
    found = measure()
    show(found)
    if options.json:
        write_json(options.json, found)


def measure() -> dict[str, Any]:
    """By data set, recipe and precision: bytes of a step, and the largest batch."""
    rows = {}
    for recipe in (RELEASE, POMO):
        for precision in PRECISIONS:
            settings = find_recipe(recipe)
            need = needed(KINECT, replace(settings, pretrain=replace(settings.pretrain, precision=precision)))
            for dataset in PAIRS:
                rows[f"{dataset} {recipe} {precision}"] = {
                    "fixed_bytes": need.fixed,
                    "bytes_per_sequence": need.per_sequence,
                    "bytes": {batch: need.of(sequences(batch, dataset)) for batch in BATCHES},
                    "largest": {gigabytes: largest(need, gigabytes, dataset) for gigabytes in CAPACITIES},
                }
    return {"rows": rows}


def sequences(batch: int, dataset: str) -> int:
    """How many sequences a batch of so many clips has at most (memory.most_sequences, of shares)."""
    share = PAIRS[dataset]
    return min(2 * batch, ceil(batch * (1 + share) + DEVIATIONS * (batch * share * (1 - share)) ** 0.5))


def largest(need: Need, gigabytes: float, dataset: str) -> int:
    """The largest batch that fits beside the clips themselves."""
    most = need.most_sequences((gigabytes - ASIDE - ROWS[dataset]) * GIGABYTE)
    return max((batch for batch in range(2, most + 1) if sequences(batch, dataset) <= most), default=0)


def show(found: dict[str, Any]) -> None:
    console = Console()
    table = Table("", "MB a sequence", *(f"{batch}" for batch in BATCHES), *(f"in {size} GB" for size in CAPACITIES))
    for name, one in found["rows"].items():
        table.add_row(
            name,
            f"{one['bytes_per_sequence'] / 1e6:.1f}",
            *(f"{value / GIGABYTE:.1f}" for value in one["bytes"].values()),
            *(f"{batch:,}" for batch in one["largest"].values()),
        )
    console.print("GB of a step by batch, and the largest batch by a GPU's memory")
    console.print(table)


if __name__ == "__main__":
    main()
