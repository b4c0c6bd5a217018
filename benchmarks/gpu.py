"""All that a GPU should be asked, in one run, with the tables printed and the figures written.

    python -m benchmarks.gpu [--steps 200] [--clips 64] [--released FOLDER] [--json FILE]

1. float32 eager and bfloat16 compiled train on the same made-up clips from the same weights with the same draws: both
   loss curves, and how far apart they are beside what a float32 run with other draws shows.
2. Each one's clips/s, model FLOP utilisation and projected hours for NTU-60 (40,091 clips × 500 epochs).
3. A step with loading beside one on a fixed batch; whether a step waits for the device anywhere.
4. Both beside the textbook step, and beside the released code with --released (benchmarks.side_by_side).
5. Frozen features, linear probe and k-NN at NTU-60's size.

--device cpu with small --steps and --clips goes through the same motions without a GPU.
"""

import argparse
import statistics
from dataclasses import replace
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks import evaluation, loading, side_by_side, step
from benchmarks.hardware import wait_for
from benchmarks.made_up import KINECT, NTU_TEST, NTU_TRAIN, make_clips
from benchmarks.recipes import add_options, facts, find_recipe
from hacm.files import write_json
from hacm.settings import TrainSettings
from hacm.training.engine import Pretraining
from stages.shared import command

CURVE_CLIPS = 16  # batches in the set that the curves are trained on


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--clips", type=int, default=64, help="a step's clips")
    parser.add_argument("--steps", type=int, default=200, help="of each loss curve")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--gallery", type=int, default=NTU_TRAIN)
    parser.add_argument("--queries", type=int, default=NTU_TEST)
    parser.add_argument("--released", help="a mended checkout of the released code, see benchmarks.side_by_side")
    options = parser.parse_args()
    device = torch.device(command.choose_device(options.device))
    found = run_all(options, device)
    if options.json:
        write_json(options.json, found)


def run_all(options: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Every part, shown as soon as it is there."""
    console = Console()
    eager = find_recipe(options.config, options.clips)
    fast = as_fast(eager)
    found: dict[str, Any] = {"config": options.config, **facts(device)}
    found["curves"] = compare_curves(eager, fast, device, options.steps)
    show_curves(found["curves"], console)
    found["waits"] = {name: waits(settings, device) for name, settings in (("eager", eager), ("fast", fast))}
    console.print(f"a step waits for the device: {found['waits']}")
    for name, settings in (("float32 eager", eager), ("bfloat16 compiled", fast)):
        console.rule(name)
        described = {"config": f"{options.config}, {name}", **facts(device)}
        found[name] = described | step.measure(settings, 1, device, options.rounds)
        step.show(found[name])
        found[f"{name}, loading"] = described | loading.measure(settings, device, options.rounds)
        loading.show(found[f"{name}, loading"])
    console.rule("beside the others")
    found["side by side"] = beside(options, fast, device)
    console.rule("evaluation")
    evaluated = evaluation.measure(eager, device, 4 * options.clips, options.gallery, options.queries)
    found["evaluation"] = {"config": options.config, **facts(device), **evaluated}
    evaluation.show(found["evaluation"])
    return found


def as_fast(settings: TrainSettings) -> TrainSettings:
    """bfloat16 blocks, compiled."""
    return replace(settings, pretrain=replace(settings.pretrain, precision="bfloat16", compile=True))


def train(settings: TrainSettings, device: torch.device, steps: int, seed: int) -> list[float]:
    """The losses of so many steps on made-up clips, whatever the seed the same clips; read once, at the end."""
    clips = make_clips(CURVE_CLIPS * settings.pretrain.batch)
    warm = replace(settings.pretrain, warmup_epochs=1)
    run = Pretraining(
        clips,
        torch.arange(len(clips)),
        KINECT,
        replace(settings, pretrain=warm),
        seed=seed,
        device=str(device),
    )
    sums = []
    for _ in range(steps):
        run.advance()
        sums.append(run.sums[0].clone())
    return torch.stack(sums).diff(prepend=torch.zeros(1, dtype=torch.float64, device=device)).tolist()


def compare_curves(eager: TrainSettings, fast: TrainSettings, device: torch.device, steps: int) -> dict[str, Any]:
    """Loss curves, and mean relative distances over their second half: of precision, and of other draws (the noise)."""
    curves = {
        "float32 eager": train(eager, device, steps, seed=0),
        "bfloat16 compiled": train(fast, device, steps, seed=0),
        "float32 eager, other draws": train(eager, device, steps, seed=1),
    }
    reference, *others = curves.values()
    apart = [
        statistics.mean(abs(a - b) / abs(a) for a, b in zip(reference[steps // 2 :], other[steps // 2 :], strict=True))
        for other in others
    ]
    return {"losses": curves, "apart_by_precision": apart[0], "apart_by_draws": apart[1]}


def waits(settings: TrainSettings, device: torch.device) -> bool | None:
    """Whether a step makes the host wait for the device; None without CUDA, where the question has no answer."""
    if device.type != "cuda":
        return None
    run = step.start_run(settings, 1, device)
    for _ in range(3):
        run.advance()
    wait_for(device)
    torch.cuda.set_sync_debug_mode("error")
    try:
        run.advance()
    except RuntimeError:
        return True
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return False


def beside(options: argparse.Namespace, fast: TrainSettings, device: torch.device) -> dict[str, Any]:
    """Whole steps, ours as fast as it goes, beside the others in float32 as they are."""
    arguments = ["--whole", "--fast", "--clips", str(options.clips), "--device", str(device)]
    arguments += ["--config", options.config, "--rounds", str(options.rounds)]
    arguments += ["--released", options.released] if options.released else []
    found = side_by_side.measure(fast, side_by_side.parse(arguments), device)
    side_by_side.show(found)
    return found


def show_curves(curves: dict[str, Any], console: Console) -> None:
    table = Table("step", *curves["losses"])
    count = len(next(iter(curves["losses"].values())))
    for place in sorted({0, count // 4, count // 2, 3 * count // 4, count - 1}):
        table.add_row(str(place + 1), *(f"{losses[place]:.4f}" for losses in curves["losses"].values()))
    console.print(table)
    console.print(
        f"second half apart by {curves['apart_by_precision']:.2%} (precision and compiling), by "
        f"{curves['apart_by_draws']:.2%} (other weights and draws in float32)"
    )


if __name__ == "__main__":
    main()
