"""A pretraining step: what it must compute and move, the floor that implies here, what it takes, and the ratio.

    python -m benchmarks.step [--config release] [--clips 16] [--bodies 1] [--device cpu] [--json FILE]

Counts come from formulas (benchmarks/arithmetic.py), tested against PyTorch's own counter. The floor is the larger of
arithmetic over the best matrix-product rate and bytes over the best copying rate, both measured in the same run, so it
means something on any machine, also one with other work. The clips are made up; absent bodies are dropped, so --bodies
says how many sequences a clip gives.
"""

import argparse
import statistics
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.arithmetic import Work, count_augmentation, count_step, total
from benchmarks.hardware import measure_peak, timed
from benchmarks.made_up import KINECT, NTU_TRAIN, make_clips
from benchmarks.recipes import add_options, facts, find_recipe
from hacm.clips.augment import Batch
from hacm.devices import choose_device
from hacm.files import write_json
from hacm.settings import TrainSettings
from hacm.training.engine import Pretraining

GIGA = 1e9
HOUR = 3600
NTU_EPOCHS = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--clips", type=int, help="a step's clips; by default the recipe's batch")
    parser.add_argument("--bodies", type=int, choices=(1, 2), default=1)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    device = torch.device(choose_device(options.device))
    settings = find_recipe(options.config, options.clips)
    found = {"config": options.config, **facts(device), **measure(settings, options.bodies, device, options.repeats)}
    show(found)
    if options.json:
        write_json(options.json, found)


def start_run(settings: TrainSettings, bodies: int, device: torch.device) -> Pretraining:
    """A run over made-up clips, some batches of them."""
    clips = make_clips(4 * settings.pretrain.batch, bodies, hierarchies=settings.needs_hierarchies)
    return Pretraining(clips, torch.arange(len(clips)), KINECT, settings, seed=0, device=str(device))


def measure(settings: TrainSettings, bodies: int, device: torch.device, repeats: int, **peak: float) -> dict[str, Any]:
    """All figures of a configuration; times in seconds, medians of so many steps."""
    run = start_run(settings, bodies, device)
    sequences = bodies * settings.pretrain.batch
    parameters = sum(parameter.numel() for parameter in run.trained)
    counted = count_step(settings, KINECT, sequences, parameters)
    augmentation = count_augmentation(settings, settings.augment, KINECT, sequences)
    rates = Work(**peak) if peak else measure_peak(device, compute_type(settings))
    seconds = time_parts(run, device, repeats)
    step = seconds["step"]
    return {
        "clips": settings.pretrain.batch,
        "sequences": sequences,
        "parameters": parameters,
        "peak": {"flops": rates.flops, "bytes": rates.bytes},
        "parts": {
            name: {"flops": work.flops, "bytes": work.bytes, "floor_seconds": work.floor_seconds(rates)}
            for name, work in counted.items()
        },
        "step": compare_to_floor(total(counted), rates, step),
        "augmentation": compare_to_floor(augmentation, rates, seconds["augmentation"]),
        "seconds": seconds,
        "clips_per_second": settings.pretrain.batch / step,
        "flop_utilisation": total(counted).flops / step / rates.flops,
        "ntu60_hours": NTU_TRAIN * NTU_EPOCHS / settings.pretrain.batch * step / HOUR,
    }


def compute_type(settings: TrainSettings) -> torch.dtype:
    """What the blocks' matrix products are computed in."""
    return torch.bfloat16 if settings.pretrain.precision == "bfloat16" else torch.float32


def compare_to_floor(work: Work, peak: Work, seconds: float) -> dict[str, float]:
    """Counted, floor, measured, ratio."""
    floor = work.floor_seconds(peak)
    return {
        "flops": work.flops,
        "bytes": work.bytes,
        "floor_seconds": floor,
        "seconds": seconds,
        "times_the_floor": seconds / floor,
    }


def time_parts(run: Pretraining, device: torch.device, repeats: int) -> dict[str, float]:
    """Whole steps, as training makes them, and their parts, by turns; medians."""
    batch = run.batches.load(0)
    actions = {
        "step": run.advance,
        "augmentation": lambda: run.batches.load(run.step),
        "forward and back": lambda: forward_and_back(run, batch),
        "optimiser": run.optimiser.step,
    }
    times: dict[str, list[float]] = {name: [] for name in actions}
    for action in actions.values():
        action()
    for _ in range(repeats):
        for name, action in actions.items():
            times[name].append(timed(action, device))
    return {name: statistics.median(each) for name, each in times.items()}


def forward_and_back(run: Pretraining, batch: Batch) -> None:
    """A step on a fixed batch without the optimiser."""
    run.optimiser.zero_grad(set_to_none=True)
    run.losses(batch).loss.backward()


def show(found: dict[str, Any]) -> None:
    console = Console()
    peak = found["peak"]
    console.print(
        f"{found['config']}: {found['clips']} clips, {found['sequences']} sequences a step, {found['parameters']:,} "
        f"parameters, on {found['device']} ({found['machine']['processor']}, {found['threads']} threads)\n"
        f"at best here: {peak['flops'] / GIGA:,.0f} GFLOP/s, {peak['bytes'] / GIGA:,.1f} GB/s"
    )
    table = Table("part", "GFLOP", "GB", "floor ms", "measured ms", "ratio")
    for name, part in found["parts"].items():
        table.add_row(name, *counts(part))
    for name in ("step", "augmentation"):
        one = found[name]
        label = "whole step" if name == "step" else "of it augmentation"
        table.add_row(label, *counts(one), f"{one['seconds'] * 1e3:,.2f}", f"{one['times_the_floor']:.2f}")
    for name in ("forward and back", "optimiser"):
        table.add_row(f"of it {name}", "", "", "", f"{found['seconds'][name] * 1e3:,.2f}", "")
    console.print(table)
    console.print(
        f"{found['clips_per_second']:,.1f} clips/s; model FLOP utilisation {found['flop_utilisation']:.0%} of the "
        f"measured peak; {NTU_TRAIN:,} clips × {NTU_EPOCHS} epochs: {found['ntu60_hours']:,.2f} h"
    )


def counts(part: dict[str, float]) -> tuple[str, str, str]:
    return f"{part['flops'] / GIGA:,.2f}", f"{part['bytes'] / GIGA:,.3f}", f"{part['floor_seconds'] * 1e3:,.2f}"


if __name__ == "__main__":
    main()
