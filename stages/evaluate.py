"""Judge a pretrained encoder by a protocol, beside the same encoder with random weights."""

import time
from dataclasses import asdict
from typing import Any

import torch

from hacm import checkpoint
from hacm.model import HACM
from hacm.protocols import knn, linear
from hacm.protocols.outcome import Outcome
from hacm.settings import AugmentSettings, KnnSettings, LinearSettings
from pipeline.errors import UserError
from pipeline.params import Params
from stages import arguments, parameters, places
from stages.console import Work, run
from stages.judging import write_outcome
from stages.loading import Benchmark, expect_version, load_benchmark
from stages.pretrain import choose_device

PARAMS = (
    "seed",
    "evaluate.bootstrap",
    "evaluate.{protocol}",
    "benchmarks.{benchmark}.evaluate.{protocol}",
)
SETTINGS: dict[str, type[Any]] = {"linear": LinearSettings, "knn": KnnSettings}


def main() -> None:
    parser = arguments.parser(__doc__, "benchmark", "protocol")
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto: cuda where there is one")
    options = parser.parse_args()
    name, protocol, device = options.benchmark, options.protocol, choose_device(options.device)
    if protocol not in SETTINGS:
        raise UserError(f"--protocol: unknown protocol {protocol!r}; known: {', '.join(SETTINGS)}")
    params = parameters.load(PARAMS, benchmark=name, protocol=protocol)
    settings = params.section(
        f"evaluate.{protocol}", SETTINGS[protocol], override=f"benchmarks.{name}.evaluate.{protocol}"
    )
    model, facts = load_model(name, device)
    benchmark = load_benchmark(name, hierarchies=False, device=device)
    expect_version(benchmark.store, facts["data_version"], places.model(name))
    judge(name, protocol, benchmark, model, facts, settings, params, device)


def load_model(name: str, device: str) -> tuple[HACM, dict[str, Any]]:
    """The benchmark's checkpoint; UserError if it is absent or damaged."""
    try:
        return checkpoint.load(places.model(name), device)
    except (OSError, ValueError) as error:
        raise UserError(f"{error}; run dvc repro to train it anew") from error


def judge(
    name: str,
    protocol: str,
    benchmark: Benchmark,
    model: HACM,
    facts: dict[str, Any],
    settings: LinearSettings | KnnSettings,
    params: Params,
    device: str,
) -> None:
    """Run the protocol on the trained encoder and on one with random weights, and write both."""
    seed = int(params.value("seed"))
    augment = AugmentSettings(**facts["settings"]["augment"])
    began = time.monotonic()
    trained = run_protocol("trained", model, benchmark, augment, settings, seed, device)
    control = run_protocol("random weights", like(model, seed + 1), benchmark, augment, settings, seed, device)
    write_outcome(
        name,
        protocol,
        benchmark,
        trained,
        control,
        seed=seed,
        bootstrap=int(params.value("evaluate.bootstrap")),
        details={
            "encoder_hash": checkpoint.encoder_hash(model),
            "settings": asdict(settings),
            "device": device,
            "seconds": round(time.monotonic() - began, 1),
        },
    )


def like(model: HACM, seed: int) -> HACM:
    """The same model with random weights, other than those the pretraining began from."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = HACM(model.skeleton, model.model_settings, model.masking_settings, model.loss_settings)
    return fresh.to(next(model.parameters()).device).eval()


def run_protocol(
    title: str,
    model: HACM,
    benchmark: Benchmark,
    augment: AugmentSettings,
    settings: LinearSettings | KnnSettings,
    seed: int,
    device: str,
) -> Outcome:
    """The protocol's scores on the test clips."""
    common = (model, benchmark.clips, benchmark.train_index, benchmark.test_index, len(benchmark.classes), augment)
    if isinstance(settings, LinearSettings):
        with Work(f"linear probe, {title}", settings.epochs, "epochs") as work:
            return linear.run(*common, settings, seed, device, work.update)
    return knn.run(*common, settings, seed, device)


if __name__ == "__main__":
    run(main)
