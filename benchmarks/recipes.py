"""Which settings a benchmark measures: the release's, this project's own, or those of a benchmark in params.yaml.

The first two need no more than torch and a reader of YAML, so that a bare machine can be measured.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml

from benchmarks.processes import PROJECT
from hacm.command_line import add_device
from hacm.settings import TrainSettings
from pipeline.graph.git import describe_code
from pipeline.results.machine import describe_machine

RELEASE, POMO = "release", "pomo"
RECIPES = {RELEASE: TrainSettings()}  # the settings' defaults are the published recipe


def add_options(parser: argparse.ArgumentParser) -> None:
    """--config, --device, --json: what all benchmarks of training ask."""
    parser.add_argument(
        "--config", default=RELEASE, help="release (D 256, 8 + 3 blocks), pomo, or a benchmark in params.yaml"
    )
    add_device(parser)
    parser.add_argument("--json", type=Path, help="write the figures here as well")


def find_recipe(name: str, batch: int | None = None) -> TrainSettings:
    """The settings of that name, with another number of clips per step if one is given."""
    if name in RECIPES:
        settings = RECIPES[name]
    elif name == POMO:
        variants = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))["variants"]
        settings = change(RECIPES[RELEASE], variants[POMO])
    else:
        from stages.shared import parameters

        settings = parameters.load(parameters.BENCHMARK_TRAIN, benchmark=name).get(parameters.BENCHMARK_TRAIN)
    if batch is None:
        return settings
    return replace(settings, pretrain=replace(settings.pretrain, batch=batch))


def change(settings: Any, changes: Mapping[str, Any]) -> Any:
    """Settings with what a section of params.yaml changes in them."""
    return replace(
        settings,
        **{
            name: change(getattr(settings, name), value) if isinstance(value, dict) else value
            for name, value in changes.items()
        },
    )


def facts(device: torch.device) -> dict[str, Any]:
    """Machine, code and device behind a file of figures."""
    from benchmarks.hardware import describe_device

    return {"machine": describe_machine(), **describe_code(), **describe_device(device)}
