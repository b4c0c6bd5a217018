"""Counted operations against PyTorch's own counter."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.arithmetic import Work, count_features, count_step, total
from benchmarks.made_up import KINECT
from hacm.model import chunks
from hacm.model.network import HACM
from hacm.settings import LossSettings, MaskingSettings, ModelSettings, SpatialSettings, TrainSettings

SMALL = ModelSettings(dim=32, heads=2, encoder_blocks=2, decoder_blocks=1, mlp_ratio=3.0, frames=24, segment=3)
RECIPES = {
    "small": TrainSettings(model=SMALL),
    "segments of an odd number": TrainSettings(model=replace(SMALL, frames=21)),
    "mostly seen": TrainSettings(model=SMALL, masking=MaskingSettings(ratio=0.4)),
    "hierarchies from the data": TrainSettings(
        model=SMALL, masking=MaskingSettings(spatial=SpatialSettings(source="precomputed"))
    ),
    "release": TrainSettings(),
    "predicted by queries": TrainSettings(
        model=replace(SMALL, decoder="cross_attention"),
        loss=LossSettings(target="both", predicted=0.25, contrast=False),
    ),
}
SEQUENCES = 3


class Untracked(contextlib.nullcontext):
    """Stands in for the counter's tracker of modules, which fails on modules that are called without gradients."""

    parents: ClassVar = {"Global"}


def operations(action: Callable[[], object]) -> int:
    """What PyTorch counts, attention written out."""
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = Untracked()
    with counter, sdpa_kernel(SDPBackend.MATH):
        action()
    return counter.get_total_flops()


def build(settings: TrainSettings) -> HACM:
    torch.manual_seed(0)
    return HACM(KINECT, settings.model, settings.masking, settings.loss)


def inputs(settings: TrainSettings) -> list[torch.Tensor]:
    frames = settings.model.frames
    hierarchy = [torch.rand(SEQUENCES, frames, 18)] if settings.needs_hierarchies else []
    return [torch.randn(SEQUENCES, frames, 25, 3), *hierarchy]


def distances(settings: TrainSettings) -> float:
    """What PyTorch's counter leaves out: 18 joints with 18 and with their father, three operations a coordinate."""
    if settings.needs_hierarchies:
        return 0.0
    odd = settings.model.frames // settings.model.segment // 2
    return 3.0 * SEQUENCES * odd * 18 * 19 * settings.model.dim


@pytest.mark.parametrize("name", RECIPES)
def test_operations_of_a_step_are_those_that_pytorch_counts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = RECIPES[name]
    model = build(settings)
    monkeypatch.setattr(chunks, "CHUNK", SEQUENCES)
    expected = operations(lambda: model(*inputs(settings)).loss.backward())
    counted = total(count_step(settings, KINECT, SEQUENCES, parameters=0)).flops - distances(settings)
    assert counted == pytest.approx(expected, rel=1e-3)


def test_operations_of_the_features_are_those_that_pytorch_counts() -> None:
    settings = RECIPES["small"]
    model = build(settings)
    with torch.no_grad():
        expected = operations(lambda: model.features(*inputs(settings)))
    assert count_features(settings, KINECT, SEQUENCES).flops == pytest.approx(expected, rel=1e-3)


def test_bytes_grow_with_sequences_and_parameters() -> None:
    settings = RECIPES["small"]
    one, two = (total(count_step(settings, KINECT, count, 1000)).bytes for count in (1, 2))
    parameters = total(count_step(settings, KINECT, 1, 2000)).bytes - one
    assert parameters == 1000 * 4 * 10  # read twice, gradient written; AdamW reads four vectors and writes three
    assert two - one == one - parameters


def test_the_floor_is_the_scarcer_resource() -> None:
    peak = Work(flops=100.0, bytes=10.0)
    assert Work(200.0, 1.0).floor_seconds(peak) == 2.0
    assert Work(200.0, 50.0).floor_seconds(peak) == 5.0
