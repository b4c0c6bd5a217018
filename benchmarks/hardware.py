"""What this machine can do at best: matrix products and copies, measured, so that a floor holds for any machine."""

import time
from collections.abc import Callable

import torch

from benchmarks.arithmetic import Work

MATRIX = {"cpu": 2048, "cuda": 8192}
COPY_BYTES = {"cpu": 1 << 28, "cuda": 1 << 32}
SECONDS = 1.0  # at least so long for each figure


def measure_peak(device: torch.device, dtype: torch.dtype = torch.float32, seconds: float = SECONDS) -> Work:
    """The best rates seen, a second: of a large square matrix product, and of bytes a large copy reads and writes."""
    side = MATRIX[device.type]
    first, second = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    product = torch.empty_like(first)
    flops = 2 * side**3 / best_seconds(lambda: torch.mm(first, second, out=product), device, seconds)
    source = torch.zeros(COPY_BYTES[device.type] // 4, device=device)
    target = torch.empty_like(source)
    bytes_ = 2 * source.nbytes / best_seconds(lambda: target.copy_(source), device, seconds)
    return Work(flops, bytes_)


def best_seconds(action: Callable[[], object], device: torch.device, seconds: float) -> float:
    """The shortest of the runs that fit into so many seconds, after one that is not counted; at least three."""
    action()
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        times.append(timed(action, device))
    return min(times)


def timed(action: Callable[[], object], device: torch.device) -> float:
    """Seconds of one run, the device's work included."""
    wait_for(device)
    begin = time.perf_counter()
    action()
    wait_for(device)
    return time.perf_counter() - begin


def wait_for(device: torch.device) -> None:
    """Until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def describe_device(device: torch.device) -> dict[str, object]:
    """What computes, for a file of figures."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {"device": name, "threads": torch.get_num_threads(), "torch": torch.__version__}
