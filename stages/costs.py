"""What a stage costs: seconds, memory, and energy where the machine counts it."""

import ctypes
import resource
import sys
import time
from pathlib import Path
from typing import Any

import torch

POWERCAP = Path("/sys/class/powercap")
MEGABYTE = 1e6


class Meter:
    """Counts from when it is made. device: where the stage computes."""

    def __init__(self, device: str) -> None:
        self.on_gpu = torch.device(device).type == "cuda"
        self._began = time.monotonic()
        self._energy = read_counters(POWERCAP) | (read_gpu_counters() if self.on_gpu else {})

    def read(self) -> dict[str, Any]:
        """seconds; memory_mb and, on a GPU, gpu_memory_mb: the most that this process ever held; energy_joules of the
        machine's packages (RAPL) and GPUs (NVML) since then, whoever used them, where every counter can be read."""
        found: dict[str, Any] = {"seconds": round(time.monotonic() - self._began, 1), "memory_mb": peak_memory()}
        if self.on_gpu:
            found["gpu_memory_mb"] = round(torch.cuda.max_memory_allocated() / MEGABYTE)
        now = read_counters(POWERCAP) | (read_gpu_counters() if self.on_gpu else {})
        joules = used_between(self._energy, now)
        return found if joules is None else found | {"energy_joules": joules}


def peak_memory() -> int:
    """The most memory that this process has held, in MB of 10⁶ bytes."""
    try:  # getrusage's figure would hold what the process that started this one had
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return round(int(status.split("VmHWM:")[1].split()[0]) * 1024 / MEGABYTE)
    except (OSError, IndexError, ValueError):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return round(most * (1 if sys.platform == "darwin" else 1024) / MEGABYTE)


Counters = dict[str, tuple[float, float]]
"""By name the joules counted so far, and at how many the counter starts again at zero (infinity: never)."""


def read_counters(folder: Path) -> Counters:
    """Of every processor package; none where the system has none or lets nobody read them."""
    found: Counters = {}
    try:
        for zone in sorted(folder.glob("intel-rapl:*")):  # AMD's are called so, too
            if (zone / "name").read_text().startswith("package"):  # others are parts of one, or hold it
                count, most = (int((zone / name).read_text()) / 1e6 for name in ("energy_uj", "max_energy_range_uj"))
                found[zone.name] = (count, most)
    except (OSError, ValueError):
        return {}
    return found


def read_gpu_counters() -> Counters:
    """Of every GPU that NVIDIA's driver counts the energy of."""
    try:
        driver = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return {}
    found: Counters = {}
    count = ctypes.c_uint()
    if driver.nvmlInit_v2() or driver.nvmlDeviceGetCount_v2(ctypes.byref(count)):
        return {}
    for number in range(count.value):
        handle, millijoules = ctypes.c_void_p(), ctypes.c_ulonglong()
        if driver.nvmlDeviceGetHandleByIndex_v2(number, ctypes.byref(handle)):
            continue
        if not driver.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(millijoules)):
            found[f"gpu {number}"] = (millijoules.value / 1e3, float("inf"))
    driver.nvmlShutdown()
    return found


def used_between(before: Counters, after: Counters) -> float | None:
    """Joules, over all counters; None without any. One that started again at zero in between did so once."""
    if not before or before.keys() != after.keys():
        return None
    used = [(now - then) if now >= then else now + most - then
            for (then, _), (now, most) in zip(before.values(), after.values(), strict=True)]  # fmt: skip
    return round(sum(used), 1)
