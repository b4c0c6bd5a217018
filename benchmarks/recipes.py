"""Which settings a benchmark measures: the release's, or those of a benchmark in params.yaml."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from hacm.settings import TrainSettings
from pipeline.graph.git import describe_code
from pipeline.results.machine import describe_machine
from stages.shared import command, parameters

RELEASE = "release"
RECIPES = {RELEASE: TrainSettings()}  # the settings' defaults are the published recipe


def add_options(parser: argparse.ArgumentParser) -> None:
    """--config, --device, --json: what all benchmarks of training ask."""
    parser.add_argument(
        "--config", default=RELEASE, help="release (D 256, 8 + 3 blocks), or a benchmark in params.yaml"
    )
    command.add_device(parser)
    parser.add_argument("--json", type=Path, help="write the figures here as well")


def find_recipe(name: str, batch: int | None = None) -> TrainSettings:
    """The settings of that name, with another number of clips a step if one is given."""
    if name in RECIPES:
        settings = RECIPES[name]
    else:
        settings = parameters.load(parameters.BENCHMARK_TRAIN, benchmark=name).get(parameters.BENCHMARK_TRAIN)
    if batch is None:
        return settings
    return replace(settings, pretrain=replace(settings.pretrain, batch=batch))


def facts(device: torch.device) -> dict[str, Any]:
    """Machine, code and device behind a file of figures."""
    from benchmarks.hardware import describe_device

    return {"machine": describe_machine(), **describe_code(), **describe_device(device)}
