"""Pretrain a variant of HA-CM on a benchmark's training clips, without labels. A killed run resumes.

The unfinished state is in .state/pretrain/BENCHMARK/VARIANT/seed-N, with a fingerprint of parameters, data, code and
library. A state with another fingerprint is not resumed. `torchrun --nproc-per-node 2 -m stages.pretrain …` shares one
run between two devices.
"""

from stages.shared import command


def command_line() -> command.Parser:
    """The parser of the command line."""
    parser = command.parser(__doc__, "benchmark", example="--benchmark kinect-sim-xsub --variant hacm --seed 0")
    command.add_run(parser)
    command.add_device(parser)
    where = "where to keep the clips' rows; auto: on the device if they fit"
    parser.add_argument("--rows", choices=("auto", "device", "host"), default="auto", help=where)
    patience = "give up on a process that does not answer for this long"
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS", help=patience)
    return parser


command.answer_early(command_line, __name__)

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import torch

from hacm.checkpoints import checkpoint
from hacm.clips.augment import sample_batch
from hacm.clips.ragged import Rows, place_rows
from hacm.errors import SettingsError
from hacm.files import replace_directory, write_json
from hacm.model.network import HACM
from hacm.model.transformer import token_joints
from hacm.settings import Budget, TrainSettings, token_budget
from hacm.training import distributed
from hacm.training.distributed import Processes
from hacm.training.engine import EpochRecord, Step, pretrain
from hacm.training.watching import Watch
from pipeline.graph.git import describe_code
from pipeline.results.machine import describe_machine
from pipeline.results.writing import write_details
from stages.shared import box, launching, parameters
from stages.shared.costs import Meter
from stages.shared.live import Live
from stages.shared.loading import Benchmark, load_benchmark, skeleton_of
from stages.shared.places import Run
from stages.shared.progress import Work, say

PARAMS = parameters.keys(parameters.TRAIN)


def main() -> None:
    options = command_line().parse_args()
    device = distributed.device_of(command.choose_device(options.device))
    with distributed.join(device, options.timeout) as processes:
        pretrain_benchmark(command.run_of(options), device, options.rows, processes)


@dataclass(frozen=True)
class Pretraining:
    """What a run trains on and how, and where this process does its part. rows: where the clips lie."""

    run: Run
    benchmark: Benchmark
    settings: TrainSettings
    device: str
    rows: Rows
    processes: Processes


def pretrain_benchmark(run: Run, device: str, rows: Rows, processes: Processes) -> None:
    """Run or resume a pretraining; the first of the processes writes what it gave."""
    params = parameters.load(parameters.TRAIN, benchmark=run.benchmark, variant=run.variant)
    settings = params.get(parameters.TRAIN)
    benchmark = load_benchmark(run.benchmark, hierarchies=settings.needs_hierarchies)
    benchmark = replace(benchmark, clips=place_rows(benchmark.clips, device, rows))
    work = state_fingerprint(run, settings, benchmark.store.version, training_clips(benchmark), device)
    meter = Meter(device, run.resume_state / "costs.json", work)
    pretraining = Pretraining(run, benchmark, settings, device, rows, processes)
    watch = watch_of(pretraining, work)
    model, history = train(pretraining, work, meter, watch)
    if processes.first:
        write_results(pretraining, model, history, meter.read(), {} if watch is None else watch.looks)
        shutil.rmtree(run.resume_state, ignore_errors=True)


def watch_of(one: Pretraining, work: str) -> Watch | None:
    """What looks at the features in between, if the settings say so; on the first of the processes."""
    every, clips = one.settings.pretrain.watch_epochs, one.benchmark.clips
    if every is None or not one.processes.first:
        return None
    if clips.device.type != torch.device(one.device).type:
        raise SettingsError("watch_epochs: the clips do not fit on the device beside the model; leave it out (null)")
    return Watch(one.benchmark.task(one.settings.augment), every, one.run.resume_state / "looks.json", work)


def train(one: Pretraining, fingerprint: str, meter: Meter, watch: Watch | None) -> tuple[HACM, list[EpochRecord]]:
    """Run or resume it; the first of the processes shows its progress and keeps what it cost."""
    benchmark = one.benchmark
    begin = partial(
        pretrain,
        benchmark.clips,
        benchmark.pretrain_index,
        skeleton_of(benchmark.dataset.topology),
        one.settings,
        seed=one.run.seed,
        state_dir=one.run.resume_state,
        fingerprint=fingerprint,
        device=one.device,
        processes=one.processes,
        rows=one.rows,
    )
    if not one.processes.first:
        return begin()
    say(f"{benchmark.dataset.name}: {budget(benchmark, one.settings)}")
    with Work("pretraining", None, "clips") as work, Live(one.run.live) as live:

        def show(step: Step) -> None:
            meter.keep()
            batch = len(benchmark.pretrain_index) * step.epochs / step.steps
            work.total = len(benchmark.pretrain_index) * step.epochs
            work.update(
                round(step.step * batch), f"epoch {step.epoch}/{step.epochs} loss {step.loss:.4f} "
                f"(reconstruction {step.reconstruction:.4f}, contrast {step.contrast:.4f})"
            )  # fmt: skip
            live.log(step, None if watch is None else watch.looks.get(step.epoch))

        return begin(on_step=show, on_epoch=watch)


def budget(benchmark: Benchmark, settings: TrainSettings) -> Budget:
    """How many tokens the encoder sees; strategies are compared fairly only beside it (hacm.md §3)."""
    joints = len(token_joints(skeleton_of(benchmark.dataset.topology), settings.model))
    return token_budget(joints, settings.model, settings.masking)


def training_clips(benchmark: Benchmark) -> list[str]:
    """The names of the clips that it trains on."""
    return [benchmark.names[index] for index in benchmark.pretrain_index.tolist()]


def state_fingerprint(run: Run, settings: TrainSettings, version: str, clips: list[str], device: str) -> str:
    """A hash of all that decides how an unfinished pretraining resumes: what decides the result, and the machinery.

    version: of the data. clips: those that it trains on.
    """
    facts = {
        "settings": asdict(settings),
        "seed": run.seed,
        "data": version,
        "train": clips,
        "work": box.resume_fingerprint("pretrain", run.names),
        "torch": torch.__version__,
        "device": torch.device(device).type,
    }
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).hexdigest()


def write_results(
    one: Pretraining, model: HACM, history: list[EpochRecord], cost: dict[str, Any], looks: dict[int, float]
) -> None:
    """The checkpoint, and beside it small files for DVC and the report. looks: at the features, by epoch."""
    run, benchmark, settings = one.run, one.benchmark, one.settings
    facts = {
        "benchmark": run.benchmark,
        "variant": run.variant,
        "dataset": benchmark.dataset.name,
        "data_version": benchmark.store.version,
        "seed": run.seed,
        "settings": asdict(settings),
        "epochs": settings.pretrain.epochs,
        "torch": torch.__version__,
    }
    last = history[-1]
    metrics = {
        "epochs": len(history),
        "clips": len(benchmark.pretrain_index),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "tokens": sum(model.masking.budget.tokens),
        "tokens_seen": sum(model.masking.budget.kept),
        "loss": round(last.loss, 6),
        "reconstruction": round(last.reconstruction, 6),
        "contrast": round(last.contrast, 6),
    }
    details = {
        **facts,
        **describe_code(),
        "encoder_hash": checkpoint.encoder_hash(model),
        "machine": describe_machine(),
        "device": torch.device(one.device).type,
        "processes": one.processes.count,
        "precision": settings.pretrain.precision,
        "compile": settings.pretrain.compile,
        **cost,
        "synthetic": benchmark.dataset.synthetic,
        **({} if benchmark.store.dimensions == 3 else {"dimensions": benchmark.store.dimensions}),
    }
    with replace_directory(run.results("pretrain")) as folder:
        write_json(folder / "metrics.json", metrics)
        losses = pl.DataFrame([asdict(record) for record in history])
        if settings.pretrain.watch_epochs is not None:
            shares = [looks.get(record.epoch) for record in history]
            losses = losses.with_columns(pl.Series("knn_top1", shares, dtype=pl.Float64))
        losses.write_csv(folder / "loss.csv")
        write_json(folder / "example.json", draw_example(benchmark, model, settings, run.seed))
        write_details(folder, details)
    with replace_directory(run.model) as folder:
        checkpoint.save(folder, model, facts)
    say(f"{run}: {len(history)} epochs, loss {last.loss:.4f}, {cost['seconds']:.0f} s")


def draw_example(benchmark: Benchmark, model: HACM, settings: TrainSettings, seed: int) -> dict[str, Any]:
    """The first training clip as the network sees it, and which of its tokens are masked."""
    index = benchmark.train_index[:1]
    generator = torch.Generator().manual_seed(seed)
    batch = sample_batch(
        benchmark.clips, index, settings.augment, settings.model.frames,
        training=False, absent_bodies="drop", generator=generator, device=next(model.parameters()).device,
    )  # fmt: skip
    masked_BSJ = model.token_mask(batch.x_BTVC, batch.hierarchy_BTJ, generator=generator)
    topology = benchmark.dataset.topology
    segments = list(range(settings.model.frames // settings.model.segment))
    clip = int(index[0])
    return {
        "name": benchmark.names[clip],
        "label": benchmark.classes[int(benchmark.clips.label_N[clip])],
        "segment": settings.model.segment,
        "joints": topology.joints,
        "parents": topology.parents,
        "kept": topology.kept if settings.model.prune else list(range(len(topology.joints))),
        "bodies": np.round(batch.x_BTVC.cpu().numpy(), 4).tolist(),
        "masked": masked_BSJ.int().cpu().tolist(),
        "branch": {"temporal": segments[0::2], "spatial": segments[1::2]},
    }


if __name__ == "__main__":
    launching.run(partial(box.work, main, "pretrain", command_line()))
