"""Counted kernels against hand-made ones, their operations against the formulas, and the projection's arithmetic."""

from dataclasses import replace

import pytest
import torch

from benchmarks.arithmetic import count_step, total
from benchmarks.kernels import Kernels, Rates, count_kernels, project
from benchmarks.made_up import KINECT
from hacm.settings import LossSettings, ModelSettings, TrainSettings

SIZES = ModelSettings(dim=32, heads=2, encoder_blocks=2, decoder_blocks=1, frames=24)
RECIPES = {
    "published": TrainSettings(model=SIZES),
    "pomo": TrainSettings(
        model=replace(SIZES, decoder="cross_attention"),
        loss=LossSettings(target="both", weight="energy", predicted=0.25, contrast=False),
    ),
}


def test_what_computes_is_a_kernel_and_what_looks_is_none() -> None:
    x, y = torch.ones(6, 4), torch.ones(4, 5)
    with Kernels() as kernels:
        product = x @ y  # reads 24 + 20 numbers, writes 30
        product.T.reshape(30).view(5, 6).unsqueeze(0)[..., 0].numel()  # not contiguous: reshape copies 30 numbers
        x.add_(x[:1].expand(6, 4))  # reads 24, and 4 six times, writes 24
        torch.empty(100)
    assert [(name, bytes_, flops) for name, bytes_, flops, _ in kernels.found] == [
        ("mm", 4 * 74, 2 * 6 * 4 * 5),
        ("clone", 4 * 60, 0),
        ("add_", 4 * 72, 0),
    ]


@pytest.mark.parametrize("name", RECIPES)
def test_operations_are_those_of_the_formulas(name: str) -> None:
    """But for attention's way back, which computes the scores a second time: a fifth product of their size."""
    settings = RECIPES[name]
    kernels = count_kernels(KINECT, settings, 3)
    back = sum(flops for kernel, _, flops, _ in kernels.found if "attention_backward" in kernel)
    criteria = 3 * 4 * 18 * 19 * 32 * 3  # distances among joints: no matrix product
    expected = total(count_step(settings, KINECT, 3, parameters=0)).flops - criteria
    assert sum(flops for _, _, flops, _ in kernels.found) - back / 5 == pytest.approx(expected, rel=1e-3)


def test_a_step_takes_as_long_as_its_kernels_or_the_host() -> None:
    kernels = Kernels([("mm", 100, 4000, False), ("mm", 100, 4000, True), ("add", 300, 0, False)])
    slow_device = project(kernels, Rates(bytes=100.0, float32=1000.0, bfloat16=8000.0, host=0.1), steps=3600)
    assert slow_device["device_seconds"] == {"matrix products": 4.0 + 1.0, "attention": 0.0, "everything else": 3.0}
    assert (slow_device["step_seconds"], slow_device["hours"], slow_device["bound_by"]) == (8.0, 8.0, "matrix products")
    slow_host = project(kernels, Rates(bytes=1e9, float32=1e9, bfloat16=1e9, host=2.0), steps=3600)
    assert (slow_host["hours"], slow_host["bound_by"]) == (6.0, "the host")
