"""A step with real loading beside the same step on a fixed batch, and augmentation beside its own floor.

    python -m benchmarks.loading [--config release] [--clips 16] [--device cpu] [--json FILE]

Loading is what training does: order, crops, rotations and the gather from the set in memory. Both kinds of step take
turns; the median of the rounds' ratios is quoted, and of the same figures the sum of augmentation's own time and the
step's, which other work on the machine disturbs less. Data are made up. (Reading a store: benchmarks.store.)
"""

import argparse
import statistics
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.arithmetic import count_augmentation
from benchmarks.hardware import measure_peak, timed
from benchmarks.made_up import KINECT
from benchmarks.measure import alternate, median_ratio
from benchmarks.recipes import add_options, facts, find_recipe
from benchmarks.step import compare_to_floor, start_run
from hacm.devices import choose_device
from hacm.files import write_json
from hacm.settings import TrainSettings
from hacm.training.engine import Pretraining

ROUNDS_OF_AUGMENTATION = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--clips", type=int, help="a step's clips; by default the recipe's batch")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    device = torch.device(choose_device(options.device))
    found = {
        "config": options.config,
        **facts(device),
        **measure(find_recipe(options.config, options.clips), device, options.rounds),
    }
    show(found)
    if options.json:
        write_json(options.json, found)


def measure(settings: TrainSettings, device: torch.device, rounds: int) -> dict[str, Any]:
    """Seconds of both kinds of step, of augmentation, and its floor."""
    loading, fixed = (start_run(settings, 1, device) for _ in range(2))
    hold_batch(fixed)
    seconds = alternate(
        {
            "loading": lambda: timed(loading.advance, device),
            "fixed": lambda: timed(fixed.advance, device),
        },
        rounds,
    )
    augmentation = statistics.median(
        timed(lambda: loading.batches.load(loading.step), device) for _ in range(ROUNDS_OF_AUGMENTATION)
    )
    work = count_augmentation(settings, settings.augment, KINECT, settings.pretrain.batch)
    return {
        "clips": settings.pretrain.batch,
        "seconds": seconds,
        "augmentation": compare_to_floor(work, measure_peak(device), augmentation),
        "times_fixed": median_ratio(seconds["loading"], seconds["fixed"]),
        "times_fixed_from_parts": 1 + augmentation / statistics.median(seconds["fixed"]),
    }


def hold_batch(run: Pretraining) -> None:
    """Every further step of the run works on its first batch."""
    batch = run.batches.load(0)
    run.batches.take = lambda step: batch  # type: ignore[method-assign]


def show(found: dict[str, Any]) -> None:
    console = Console()
    console.print(f"{found['config']}, {found['clips']} clips per step, {found['device']}, {found['threads']} threads")
    table = Table("", "ms")
    for name, times in found["seconds"].items():
        table.add_row(f"step, {name}", f"{statistics.median(times) * 1e3:,.1f}")
    one = found["augmentation"]
    table.add_row("augmentation", f"{one['seconds'] * 1e3:,.2f}")
    table.add_row(f"  its floor ({one['bytes'] / 1e6:,.1f} MB)", f"{one['floor_seconds'] * 1e3:,.3f}")
    console.print(table)
    console.print(
        f"with loading {found['times_fixed']:.3f} × the step on a fixed batch (median of the rounds); from the parts "
        f"{found['times_fixed_from_parts']:.3f} ×"
    )


if __name__ == "__main__":
    main()
