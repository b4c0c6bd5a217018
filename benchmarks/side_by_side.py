"""The project's pretraining step beside the textbook step, and beside the released code where a copy of it is at hand.

    python -m benchmarks.side_by_side [--clips 16] [--bodies 1] [--whole] [--released FOLDER] [--json FILE]

The release's configuration on made-up clips. All contenders take turns in one process, with the same number of threads;
the median of the rounds' ratios is quoted, in seconds of the clock and of the processor (the latter counts also what
threads waste in waiting for one another). Peak memory is that of a process of its own. Without --whole: forward and
backward pass on a fixed batch; with it: loading and optimiser too. Of clips of one body the others work on an absent
second one.

FOLDER is a checkout of github.com/YinxPeng/HA-CM-main at 5619066, mended so that it imports: model/drop.py copied into
model_hacm/, and the method mask_hyper_matrix of its commit 5755d8a (model_mamp/transformer.py) put into
model_hacm/transformer.py; with a recent NumPy also rand(1) → rand() in feeder/tools.py.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.hardware import wait_for
from benchmarks.made_up import make_clips
from benchmarks.measure import alternate, median_ratio, peak, printed_number
from benchmarks.plain_step import PlainModel, load_batch
from benchmarks.recipes import add_options, facts, find_recipe
from benchmarks.step import forward_and_back, start_run
from hacm.clips.augment import DRAWS
from hacm.clips.ragged import Clips
from hacm.devices import choose_device
from hacm.files import write_json
from hacm.settings import TrainSettings

MEGABYTE = 1e6
Action = Callable[[], None]


def main() -> None:
    options = parse(sys.argv[1:])
    device = torch.device(choose_device(options.device))
    settings = find_recipe(options.config, options.clips)
    if options.bfloat16:
        settings = replace(settings, pretrain=replace(settings.pretrain, precision="bfloat16"))
    if options.peak_of:
        print(measure_memory(options, settings, device))
        return
    found = measure(settings, options, device)
    show(found)
    if options.json:
        write_json(options.json, found)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options, and as `arguments` how they were given: the processes that memory is measured in get them too."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--bodies", type=int, choices=(1, 2), default=1)
    parser.add_argument("--whole", action="store_true", help="loading and optimiser too")
    parser.add_argument("--bfloat16", action="store_true", help="ours in bfloat16")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--released", type=Path, metavar="FOLDER", help="a mended checkout of the released code")
    parser.add_argument("--peak-of", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.arguments = arguments
    return options


def measure_memory(options: argparse.Namespace, settings: TrainSettings, device: torch.device) -> int:
    """The largest memory after two steps of one contender: of the device, or of this process."""
    action = make_action(options.peak_of, settings, options.bodies, device, options.whole, options.released)
    for _ in range(2):
        action()
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak()


def measure(settings: TrainSettings, options: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Seconds of every round, peak memory, and ratios, of each contender."""
    names = ["ours", "plain"] + (["released"] if options.released else [])
    contenders = {
        name: Timed(make_action(name, settings, options.bodies, device, options.whole, options.released), device)
        for name in names
    }
    seconds = alternate(contenders, options.rounds)
    found: dict[str, Any] = {
        **facts(device),
        "config": options.config,
        "clips": options.clips,
        "bodies": options.bodies,
        "whole": options.whole,
        "contenders": {},
    }
    for name, contender in contenders.items():
        processor = contender.processor_seconds[1:]  # the first run is not counted
        ours = contenders["ours"].processor_seconds[1:]
        found["contenders"][name] = {
            "seconds": seconds[name],
            "processor_seconds": processor,
            "clips_per_second": options.clips / statistics.median(seconds[name]),
            "peak_bytes": printed_number("benchmarks.side_by_side", *options.arguments, "--peak-of", name),
            "times_ours": median_ratio(seconds[name], seconds["ours"]),
            "times_ours_processor": median_ratio(processor, ours),
        }
    return found


class Timed:
    """An action that is waited for, with the processor seconds of each run."""

    def __init__(self, action: Action, device: torch.device) -> None:
        self.action = action
        self.device = device
        self.processor_seconds: list[float] = []

    def __call__(self) -> None:
        begin = time.process_time()
        self.action()
        wait_for(self.device)
        self.processor_seconds.append(time.process_time() - begin)


def make_action(
    name: str, settings: TrainSettings, bodies: int, device: torch.device, whole: bool, released: Path | None
) -> Action:
    """One step of a contender."""
    if name == "ours":
        run = start_run(settings, bodies, device)
        batch = run.batches.load(0)
        return run.advance if whole else lambda: forward_and_back(run, batch)
    clips = make_clips(settings.pretrain.batch, bodies)
    if name == "plain":
        return plain_action(settings, clips, bodies, device, whole)
    assert released is not None
    return released_action(released, settings, clips, device, whole)


def plain_action(settings: TrainSettings, clips: Clips, bodies: int, device: torch.device, whole: bool) -> Action:
    """The textbook step."""
    run = start_run(settings, bodies, device)
    model = PlainModel(run.model.state_dict(), settings, run.model.skeleton)
    optimiser = torch.optim.AdamW(model.parameters(), foreach=False)
    listed = both_bodies(clips)
    tokens = run.model.segments * run.model.joints

    def load() -> Tensor:
        return load_batch(listed, torch.rand(len(listed), DRAWS), settings).to(device)

    fixed = load()

    def step() -> None:
        x_BTVC = load() if whole else fixed
        optimiser.zero_grad(set_to_none=True)
        model.loss(x_BTVC, torch.rand(len(x_BTVC), tokens, device=device)).backward()
        if whole:
            optimiser.step()

    return step


def both_bodies(clips: Clips) -> list[Tensor]:
    """Each clip as (2, F, V, C), zeros where the second body is absent."""
    found = []
    for first, frames, bodies in zip(
        clips.offset_N.tolist(), clips.frames_N.tolist(), clips.bodies_N.tolist(), strict=True
    ):
        rows = clips.joints_RVC[first : first + frames * bodies].unflatten(0, (bodies, frames))
        found.append(torch.cat([rows, rows.new_zeros(2 - bodies, *rows.shape[1:])]))
    return found


def released_action(folder: Path, settings: TrainSettings, clips: Clips, device: torch.device, whole: bool) -> Action:
    """The released model and its loading, as its own loop calls them."""
    sys.path.insert(0, str(folder))
    from feeder import tools
    from model_hacm.transformer import Transformer

    model_settings, augment = settings.model, settings.augment
    silent, sys.stdout = sys.stdout, sys.stderr  # it prints while it is built
    model = Transformer(
        dim_in=3, dim_feat=model_settings.dim, decoder_dim_feat=model_settings.dim, depth=model_settings.encoder_blocks,
        decoder_depth=model_settings.decoder_blocks, num_heads=model_settings.heads, mlp_ratio=model_settings.mlp_ratio,
        num_frames=model_settings.frames, num_joints=18, patch_size=1, t_patch_size=model_settings.segment,
        norm_skes_loss=True,
    ).to(device)  # fmt: skip
    sys.stdout = silent
    optimiser = torch.optim.AdamW(model.parameters())
    arrays = [clip.permute(3, 1, 2, 0).numpy() for clip in both_bodies(clips)]
    crop = [augment.crop_least, augment.crop_most]

    def load() -> Tensor:
        loaded = [
            tools.random_rot(tools.valid_crop_resize(array, array.shape[1], crop, model_settings.frames))
            for array in arrays
        ]
        return torch.from_numpy(np.stack([np.asarray(each) for each in loaded])).float().to(device)

    fixed = load()

    def step() -> None:
        x = load() if whole else fixed
        optimiser.zero_grad(set_to_none=True)
        model(x, mask_ratio=settings.masking.ratio).backward()
        if whole:
            optimiser.step()

    return step


def show(found: dict[str, Any]) -> None:
    console = Console()
    what = "whole steps" if found["whole"] else "forward and backward pass"
    console.print(
        f"{what}, {found['config']}, {found['clips']} clips of {found['bodies']}, {found['device']} "
        f"({found['machine']['processor']}, {found['threads']} threads)"
    )
    table = Table("", "seconds", "processor s", "clips/s", "ours faster", "by processor s", "peak MB", "ours of it")
    ours = found["contenders"]["ours"]
    for name, one in found["contenders"].items():
        other = name != "ours"
        table.add_row(
            name,
            f"{statistics.median(one['seconds']):.3f}",
            f"{statistics.median(one['processor_seconds']):.3f}",
            f"{one['clips_per_second']:,.2f}",
            f"{one['times_ours']:.2f} ×" if other else "",
            f"{one['times_ours_processor']:.2f} ×" if other else "",
            f"{one['peak_bytes'] / MEGABYTE:,.0f}",
            f"{ours['peak_bytes'] / one['peak_bytes']:.0%}" if other else "",
        )
    console.print(table)


if __name__ == "__main__":
    main()
