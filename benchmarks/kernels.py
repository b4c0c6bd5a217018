"""Kernels, bytes and operations of a pretraining step on a GPU, counted on any machine, and what they would take there.

    python -m benchmarks.kernels [--bytes-per-second 4.3e12] [--float32 50e12] [--bfloat16 780e12] [--host 1e-5]

A step of NTU-60's size goes by with tensors that have sizes and no content (hacm/training/memory.py), and every
operation that computes is one kernel, which reads its inputs and writes its outputs. A kernel takes as long as its
bytes or its matrix products do at the given rates, whichever is longer; the host needs --host seconds to hand one
over. The step takes the longer of both: a projection, by rates that large copies and matrix products reach on an H200.
Some operations are several kernels, and small matrices do not reach those rates: the true time is longer.
"""

import argparse
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from benchmarks.gpu_parts import PRECISIONS
from benchmarks.made_up import KINECT, NTU_TRAIN
from benchmarks.recipes import POMO, RELEASE, find_recipe
from hacm.files import write_json
from hacm.model.network import HACM
from hacm.settings import TrainSettings
from hacm.skeletons.skeleton import Skeleton
from hacm.training.memory import as_on_a_gpu, empty, make_step
from hacm.training.optimisers import pretraining_optimiser

SEQUENCES_PER_CLIP = 1 + 11 / 60  # two people perform eleven of NTU-60's classes
KINDS = ("matrix products", "attention", "everything else")
MATRIX = ("mm", "addmm", "bmm", "baddbmm")
ATTENTION = "_scaled_dot_product"
NO_KERNEL = ("empty", "new_empty", "empty_like", "empty_strided")
HOUR = 3600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes-per-second", type=float, default=4.3e12, help="of a large copy, read and written")
    parser.add_argument("--float32", type=float, default=50e12, help="operations per second of large matrix products")
    parser.add_argument("--bfloat16", type=float, default=780e12)
    parser.add_argument("--host", type=float, default=1e-5, help="seconds to hand over a kernel")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    options = parser.parse_args()
    rates = Rates(options.bytes_per_second, options.float32, options.bfloat16, options.host)
    found = {"rates": vars(rates), "rows": measure(rates)}
    show(found)
    if options.json:
        write_json(options.json, found)


@dataclass(frozen=True)
class Rates:
    """Per second; host: seconds per kernel."""

    bytes: float
    float32: float
    bfloat16: float
    host: float


@dataclass
class Kernels(TorchDispatchMode):
    """Every operation that computes: its name, bytes read and written, operations, and whether it is in bfloat16."""

    found: list[tuple[str, int, int, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        named = named or {}
        answer = function(*arguments, **named)
        packet = function.overloadpacket
        inputs = [one for one in tree_leaves((arguments, named)) if isinstance(one, Tensor)]
        outputs = [one for one in tree_leaves(answer) if isinstance(one, Tensor)]
        if packet.__name__ not in NO_KERNEL and not is_view(function, inputs, outputs):
            count = flop_registry.get(packet)
            flops = count(*arguments, **named, out_val=answer) if count else 0
            half = any(one.dtype == torch.bfloat16 for one in inputs)
            self.found.append((packet.__name__, sum(map(moved, [*inputs, *outputs])), flops, half))
        return answer


def is_view(function: Any, inputs: list[Tensor], outputs: list[Tensor]) -> bool:
    """Whether an operation only looks at its input in another way, or asks something of it."""
    held = {one.untyped_storage()._cdata for one in inputs}
    return not function._schema.is_mutable and all(one.untyped_storage()._cdata in held for one in outputs)


def moved(tensor: Tensor) -> int:
    """Bytes of a tensor; what is expanded lies in memory once."""
    return min(tensor.numel() * tensor.itemsize, tensor.untyped_storage().nbytes())


def count_kernels(skeleton: Skeleton, settings: TrainSettings, sequences: int) -> Kernels:
    """Those of one step, the optimiser's included."""
    model = HACM(skeleton, settings.model, settings.masking, settings.loss).train()
    kernels = Kernels()
    with FakeTensorMode(), as_on_a_gpu():
        empty(model)
        optimiser = pretraining_optimiser(model, settings.pretrain)
        make_step(model, optimiser, settings, 2)  # makes the optimiser's state
        with kernels:
            make_step(model, optimiser, settings, sequences)
    return kernels


def measure(rates: Rates) -> dict[str, Any]:
    """By recipe and precision, what a step is made of and how long it would take."""
    rows = {}
    for recipe in (RELEASE, POMO):
        for precision in PRECISIONS:
            settings = find_recipe(recipe)
            settings = replace(settings, pretrain=replace(settings.pretrain, precision=precision))
            batch = settings.pretrain.batch
            kernels = count_kernels(KINECT, settings, round(batch * SEQUENCES_PER_CLIP))
            rows[f"{recipe} {precision}"] = project(kernels, rates, NTU_TRAIN // batch * settings.pretrain.epochs)
    return rows


def project(kernels: Kernels, rates: Rates, steps: int) -> dict[str, Any]:
    """Counts of a step, its seconds by kind of kernel, and hours of a whole run."""
    seconds = dict.fromkeys(KINDS, 0.0)
    for name, bytes_, flops, half in kernels.found:
        seconds[kind(name)] += max(bytes_ / rates.bytes, flops / (rates.bfloat16 if half else rates.float32))
    device, host = sum(seconds.values()), len(kernels.found) * rates.host
    return {
        "kernels": len(kernels.found),
        "bytes": sum(bytes_ for _, bytes_, _, _ in kernels.found),
        "flops": sum(flops for _, _, flops, _ in kernels.found),
        "device_seconds": seconds,
        "host_seconds": host,
        "bound_by": "the host" if host > device else max(seconds, key=lambda name: seconds[name]),
        "step_seconds": max(device, host),
        "hours": steps * max(device, host) / HOUR,
        "hours_of_the_device": steps * device / HOUR,
    }


def kind(name: str) -> str:
    """Which of KINDS a kernel is, by its operation's name."""
    if name in MATRIX:
        return KINDS[0]
    return KINDS[1] if name.startswith(ATTENTION) else KINDS[2]


def show(found: dict[str, Any]) -> None:
    console = Console()
    table = Table("", "kernels", "GB", "TFLOP", "ms: products", "attention", "else", "host", "hours", "on the device")
    for name, one in found["rows"].items():
        table.add_row(
            name,
            f"{one['kernels']:,}",
            f"{one['bytes'] / 1e9:.1f}",
            f"{one['flops'] / 1e12:.2f}",
            *(f"{value * 1e3:.1f}" for value in one["device_seconds"].values()),
            f"{one['host_seconds'] * 1e3:.1f}",
            f"{one['hours']:.1f}",
            f"{one['hours_of_the_device']:.1f}",
        )
    console.print(table)
    for name, one in found["rows"].items():
        console.print(f"{name}: bound by {one['bound_by']}")


if __name__ == "__main__":
    main()
