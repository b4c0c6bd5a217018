"""What benchmarks.gpu measures: one function a part, which yields its figures as it finds them."""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks import hardware, loading, recipes, side_by_side, step
from benchmarks.arithmetic import Work, count_step, total
from benchmarks.hardware import measure_peak, wait_for
from benchmarks.made_up import KINECT, NTU_TRAIN, make_clips
from benchmarks.measure import growth
from benchmarks.recipes import POMO, RELEASE, facts, find_recipe
from hacm.devices import choose_device
from hacm.files import write_json
from hacm.settings import ModelSettings, PretrainSettings, TrainSettings
from hacm.training import engine, memory
from hacm.training.engine import Pretraining

Figures = Iterator[dict[str, Any]]

RECIPES = (RELEASE, POMO)
PRECISIONS: dict[Literal["float32", "bfloat16"], torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}
WARM_UP = 5
BUNCH = 5
"""Steps that are timed together: within, the host runs ahead of the device, as it does in training."""

CURVE = 10
"""Times the steps: the length of a loss curve."""

CURVE_CLIPS = 16  # batches in the set that the curves are trained on
BATCHES = (1, 4, 16)  # times the recipe's
HEAVIEST = 12  # kernels named
SMALL = TrainSettings(
    model=ModelSettings(dim=16, heads=2, encoder_blocks=1, decoder_blocks=1),
    pretrain=PretrainSettings(epochs=30, warmup_epochs=1),
)
SMALL_MATRIX, SMALL_COPY, SMALL_GALLERY, SMALL_QUERIES = 256, 1 << 22, 400, 100
GIGA, HOUR = 1e9, 3600


def work(options: argparse.Namespace) -> None:
    """Run one part, its figures written after each of them. What it raises goes into its file as the error."""
    device = torch.device(choose_device(options.device))
    engine.COMPILER = options.compiler
    if options.small:
        shrink(options, device)
    path = options.out / f"{options.part}.json"
    found: dict[str, Any] = {"part": options.part, **facts(device), "options": asked(options), "summary": ""}
    measure, summarise = PARTS[options.part]
    try:
        for figures in measure(options, device):
            found |= figures
            found["summary"] = summarise(found)
            write_json(path, found)
    except Exception as error:
        write_json(path, found | {"error": f"{type(error).__name__}: {error}"})


def shrink(options: argparse.Namespace, device: torch.device) -> None:
    """A small model in place of the published one, and small matrices to find the machine's rates with."""
    recipes.RECIPES[RELEASE] = SMALL
    hardware.MATRIX[device.type], hardware.COPY_BYTES[device.type] = SMALL_MATRIX, SMALL_COPY
    options.gallery, options.queries = SMALL_GALLERY, SMALL_QUERIES


def asked(options: argparse.Namespace) -> dict[str, Any]:
    """The options that shape the figures."""
    names = ("steps", "clips", "rounds", "gallery", "queries", "small", "compiler")
    return {name: getattr(options, name) for name in names}


def variants(options: argparse.Namespace) -> Iterator[tuple[str, TrainSettings]]:
    """Each recipe in each precision, by name."""
    for recipe in RECIPES:
        for precision in PRECISIONS:
            settings = find_recipe(recipe, options.clips)
            pretrain = replace(settings.pretrain, precision=precision)
            yield f"{recipe} {precision}", replace(settings, pretrain=pretrain)


def compiled(settings: TrainSettings) -> TrainSettings:
    """The same, through torch.compile."""
    return replace(settings, pretrain=replace(settings.pretrain, compile=True))


# ---- steps ----------------------------------------------------------------------------------------------------------


def measure_steps(options: argparse.Namespace, device: torch.device) -> Figures:
    """The machine's best rates; then each variant's step; then what its time goes to."""
    peaks = {name: measure_peak(device, dtype) for name, dtype in PRECISIONS.items()}
    yield {"peak": {name: {"flops": peak.flops, "bytes": peak.bytes} for name, peak in peaks.items()}}
    steps: dict[str, Any] = {}
    runs: dict[str, Pretraining] = {}
    for name, settings in variants(options):
        runs[name] = step.start_run(settings, 1, device)
        steps[name] = time_run(runs[name], options.steps, device, peaks[settings.pretrain.precision])
        yield {"steps": steps}
    for name, run in runs.items():  # once all times are known: what may fail comes last
        steps[name] |= {"waits": waits(run, device)}
        steps[name] |= profile_step(run, device)
        yield {"steps": steps}


def time_run(run: Pretraining, steps: int, device: torch.device, peak: Work) -> dict[str, Any]:
    """A run's step: seconds (median of bunches), what the host needs to hand it over, and what both say."""
    settings = run.settings
    for _ in range(min(WARM_UP, steps)):
        run.advance()
    whole, host = [], []
    for _ in range(max(1, steps // BUNCH)):
        wait_for(device)
        begin = time.perf_counter()
        for _ in range(min(BUNCH, steps)):
            run.advance()
        handed_over = time.perf_counter()
        wait_for(device)
        whole.append((time.perf_counter() - begin) / min(BUNCH, steps))
        host.append((handed_over - begin) / min(BUNCH, steps))
    seconds = statistics.median(whole)
    counted = total(count_step(settings, KINECT, settings.pretrain.batch, sum(one.numel() for one in run.trained)))
    return {
        "seconds": seconds,
        "bunches": whole,
        "host_seconds": statistics.median(host),
        "flops": counted.flops,
        "utilisation": counted.flops / seconds / peak.flops,
        "times_the_floor": seconds / counted.floor_seconds(peak),
        "clips_per_second": settings.pretrain.batch / seconds,
        "ntu60_hours": NTU_TRAIN * settings.pretrain.epochs / settings.pretrain.batch * seconds / HOUR,
    }


def waits(run: Pretraining, device: torch.device) -> str | None:
    """Where a step makes the host wait for the device: what PyTorch says of it; None: nowhere, or without CUDA."""
    if device.type != "cuda":
        return None
    wait_for(device)
    torch.cuda.set_sync_debug_mode("error")
    try:
        run.advance()
    except RuntimeError as error:
        return str(error)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return None


def profile_step(run: Pretraining, device: torch.device) -> dict[str, Any]:
    """Of one step on a GPU: how many kernels, their seconds together, and the heaviest of them by name."""
    if device.type != "cuda":
        return {}
    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        run.advance()
        wait_for(device)
    kernels = [one for one in profiled.key_averages() if one.self_device_time_total > 0]
    kernels.sort(key=lambda one: -one.self_device_time_total)
    return {
        "kernels": sum(one.count for one in kernels),
        "kernel_seconds": sum(one.self_device_time_total for one in kernels) / 1e6,
        "heaviest": {one.key[:120]: [one.count, one.self_device_time_total / 1e6] for one in kernels[:HEAVIEST]},
    }


def summarise_steps(found: dict[str, Any]) -> str:
    return " | ".join(
        f"{name} {one['seconds'] * 1e3:.1f} ms, {one['utilisation']:.0%} used, NTU-60 {one['ntu60_hours']:.1f} h"
        for name, one in found.get("steps", {}).items()
    )


# ---- curves ---------------------------------------------------------------------------------------------------------


def measure_curves(options: argparse.Namespace, device: torch.device) -> Figures:
    """For each recipe the losses in float32, in bfloat16 from the same weights with the same draws, and with others."""
    apart: dict[str, Any] = {}
    losses: dict[str, list[float]] = {}
    for recipe in RECIPES:
        settings = find_recipe(recipe, options.clips)
        half = replace(settings, pretrain=replace(settings.pretrain, precision="bfloat16"))
        plain = losses[f"{recipe} float32"] = train(settings, device, CURVE * options.steps, seed=0)
        other = losses[f"{recipe} bfloat16"] = train(half, device, CURVE * options.steps, seed=0)
        apart[recipe] = {"by_precision": distance(plain, other)}
        yield {"losses": losses, "apart": apart}
        drawn = losses[f"{recipe} float32, other draws"] = train(settings, device, CURVE * options.steps, seed=1)
        apart[recipe] |= {"by_draws": distance(plain, drawn)}
        yield {"losses": losses, "apart": apart}


def train(settings: TrainSettings, device: torch.device, steps: int, seed: int) -> list[float]:
    """The losses of so many steps on made-up clips, whatever the seed the same clips; read once, at the end."""
    clips = make_clips(CURVE_CLIPS * settings.pretrain.batch)
    warm = replace(settings, pretrain=replace(settings.pretrain, warmup_epochs=1))
    run = Pretraining(clips, torch.arange(len(clips)), KINECT, warm, seed, str(device))
    return losses_of(run, steps)


def losses_of(run: Pretraining, steps: int) -> list[float]:
    """The loss of each of the next steps."""
    sums = [run.sums[0].clone()]
    for _ in range(steps):
        run.advance()
        sums.append(run.sums[0].clone())
    return torch.stack(sums).diff().tolist()


def distance(first: list[float], second: list[float]) -> float:
    """Mean relative distance of two curves over their second half."""
    half = len(first) // 2
    return statistics.mean(abs(a - b) / abs(a) for a, b in zip(first[half:], second[half:], strict=True))


def summarise_curves(found: dict[str, Any]) -> str:
    parts = []
    for recipe, apart in found.get("apart", {}).items():
        words = f"{recipe}: bfloat16 {apart['by_precision']:.2%} from float32"
        parts.append(words + (f" (other draws {apart['by_draws']:.2%})" if "by_draws" in apart else ""))
    return " | ".join(parts)


# ---- compiled -------------------------------------------------------------------------------------------------------


def measure_compiled(options: argparse.Namespace, device: torch.device) -> Figures:
    """Each variant compiled, bfloat16 first: seconds until it runs, its step, its first losses and the eager ones."""
    steps: dict[str, Any] = {}
    errors = []
    for name, settings in sorted(variants(options), key=lambda one: "float32" in one[0]):
        steps[name] = {}
        try:
            for figures in measure_program(options, settings, device):
                steps[name] |= figures
                yield {"steps": steps}
        except Exception as error:  # what one program does not compile for, another may
            errors.append(f"{name}: {type(error).__name__}: {error}")
    if errors:
        raise RuntimeError("\n".join(errors))


def measure_program(options: argparse.Namespace, settings: TrainSettings, device: torch.device) -> Figures:
    """One variant compiled."""
    eager = losses_of(step.start_run(settings, 1, device), min(WARM_UP, options.steps))
    run = step.start_run(compiled(settings), 1, device)
    begin = time.perf_counter()
    first = losses_of(run, min(WARM_UP, options.steps))
    wait_for(device)
    yield {"compile_seconds": time.perf_counter() - begin, "losses": first, "losses_eager": eager}
    peak = measure_peak(device, PRECISIONS[settings.pretrain.precision])
    yield {"peak_flops": peak.flops, **time_run(run, options.steps, device, peak)}
    yield {"waits": waits(run, device), **profile_step(run, device)}


def summarise_compiled(found: dict[str, Any]) -> str:
    return " | ".join(
        f"{name} {one['seconds'] * 1e3:.1f} ms {one['utilisation']:.0%} (compiled in {one['compile_seconds']:.0f} s)"
        for name, one in found.get("steps", {}).items()
        if "seconds" in one
    )


# ---- memory ---------------------------------------------------------------------------------------------------------


def measure_memory(options: argparse.Namespace, device: torch.device) -> Figures:
    """Of each variant and batch: the most memory of a step, what was predicted, and clips per second."""
    batches: dict[str, Any] = {}
    for name, settings in variants(options):
        need = memory.needed(KINECT, settings)
        for times in BATCHES:
            batch = times * options.clips
            larger = replace(settings, pretrain=replace(settings.pretrain, batch=batch))
            measured = measure_batch(larger, options.steps, device)
            batches[f"{name}, {batch} clips"] = measured | {"predicted_bytes": need.of(batch)}
            yield {"batches": batches}


def measure_batch(settings: TrainSettings, steps: int, device: torch.device) -> dict[str, Any]:
    """Peak bytes of a run's steps, its clips left out, and its speed; on a CPU by how much the process grows."""
    run = step.start_run(settings, 1, device)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        before = run.batches.clips.row_bytes
        for _ in range(2):  # the first makes the optimiser's state
            run.advance()
        bytes_ = torch.cuda.max_memory_allocated(device) - before
        reserved = torch.cuda.max_memory_reserved(device)
    else:
        bytes_ = reserved = growth(run.advance)
    wait_for(device)
    begin = time.perf_counter()
    few = max(1, steps // BUNCH)
    for _ in range(few):
        run.advance()
    wait_for(device)
    seconds = (time.perf_counter() - begin) / few
    return {
        "bytes": bytes_,
        "reserved_bytes": reserved,
        "seconds": seconds,
        "clips_per_second": settings.pretrain.batch / seconds,
    }


def summarise_memory(found: dict[str, Any]) -> str:
    largest = {name.split(",")[0]: (name, one) for name, one in found.get("batches", {}).items()}
    return " | ".join(
        f"{name} {one['bytes'] / GIGA:.2f} GB ({one['predicted_bytes'] / GIGA:.2f} predicted), "
        f"{one['clips_per_second']:,.0f} clips/s"
        for name, one in largest.values()
    )


# ---- loading, evaluation, beside ------------------------------------------------------------------------------------


def measure_loading(options: argparse.Namespace, device: torch.device) -> Figures:
    """See benchmarks.loading; each recipe in bfloat16."""
    found: dict[str, Any] = {}
    for name, settings in variants(options):
        if settings.pretrain.precision == "bfloat16":
            found[name] = loading.measure(settings, device, options.rounds)
            yield {"loading": found}


def summarise_loading(found: dict[str, Any]) -> str:
    return " | ".join(
        f"{name} {one['times_fixed_from_parts']:.3f} × the step on a fixed batch, a batch in "
        f"{one['augmentation']['seconds'] * 1e3:.2f} ms"
        for name, one in found.get("loading", {}).items()
    )


def measure_evaluation(options: argparse.Namespace, device: torch.device) -> Figures:
    """See benchmarks.evaluation; the published encoder."""
    from benchmarks import evaluation  # what it reads models with is not on every machine

    settings = find_recipe(RELEASE)
    yield evaluation.measure(settings, device, 4 * options.clips, options.gallery, options.queries)


def summarise_evaluation(found: dict[str, Any]) -> str:
    if "linear_minutes" not in found:
        return ""
    minutes = f"linear protocol {found['linear_minutes']:,.1f} min, k-NN {found['knn_minutes']:,.2f} min"
    return f"{found['clips_per_second']:,.0f} clips/s; {minutes}"


def measure_beside(options: argparse.Namespace, device: torch.device) -> Figures:
    """See benchmarks.side_by_side: whole steps, all in float32, then ours in bfloat16."""
    for half in (False, True):
        words = ["--whole", "--clips", str(options.clips), "--device", str(device), "--rounds", str(options.rounds)]
        words += ["--released", str(options.released)] if options.released else []
        settings = find_recipe(RELEASE, options.clips)
        if half:
            settings = replace(settings, pretrain=replace(settings.pretrain, precision="bfloat16"))
            words.append("--bfloat16")
        yield {"bfloat16" if half else "float32": side_by_side.measure(settings, side_by_side.parse(words), device)}


def summarise_beside(found: dict[str, Any]) -> str:
    return " | ".join(
        f"ours in {precision} {one['times_ours']:.2f} × as fast as {name}"
        for precision in PRECISIONS
        for name, one in found.get(precision, {}).get("contenders", {}).items()
        if name != "ours"
    )


Part = tuple[Callable[[argparse.Namespace, torch.device], Figures], Callable[[dict[str, Any]], str]]

PARTS: dict[str, Part] = {
    "steps": (measure_steps, summarise_steps),
    "curves": (measure_curves, summarise_curves),
    "compiled": (measure_compiled, summarise_compiled),
    "memory": (measure_memory, summarise_memory),
    "loading": (measure_loading, summarise_loading),
    "evaluation": (measure_evaluation, summarise_evaluation),
    "beside": (measure_beside, summarise_beside),
}
