"""What a stage costs: seconds, memory, and energy where the machine counts it."""

import ctypes
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hacm.errors import UserError
from hacm.files import read_json, write_json

SECONDS_BETWEEN_KEEPING = 5.0
POWERCAP = Path("/sys/class/powercap")
MEGABYTE = 1e6


class Meter:
    """Counts from the moment it is created.

    device: where the stage computes. kept: a file for the costs of work that may be killed and resumed, so that its
    earlier parts count. work: tells its costs from those of other work that used the same file.
    """

    def __init__(self, device: str, kept: Path | None = None, work: str = "") -> None:
        self.on_gpu = device.startswith("cuda")
        self._began = time.monotonic()
        self._energy = self._read_energy()
        self._kept, self._work = kept, work
        self._last_kept = self._began
        self._earlier = read_kept(kept, work) if kept else {}

    def read(self) -> dict[str, Any]:
        """seconds; memory_mb and, on a GPU, gpu_memory_mb: the most that this process ever held; energy_joules of the
        machine's packages (RAPL) and GPUs (NVML) since then, whoever used them, where every counter can be read."""
        found: dict[str, Any] = {"seconds": round(time.monotonic() - self._began, 1), "memory_mb": peak_memory()}
        if self.on_gpu:
            import torch

            found["gpu_memory_mb"] = round(torch.cuda.max_memory_allocated() / MEGABYTE)
        joules = used_between(self._energy, self._read_energy())
        return add_up(self._earlier, found if joules is None else found | {"energy_joules": joules})

    def keep(self) -> None:
        """Write the costs so far to the file, if the last time is long enough ago."""
        now = time.monotonic()
        if self._kept and now - self._last_kept >= SECONDS_BETWEEN_KEEPING:
            self._last_kept = now
            self._kept.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._kept, {"work": self._work, "costs": self.read()})

    def _read_energy(self) -> "Counters":
        return read_counters(POWERCAP) | (read_gpu_counters() if self.on_gpu else {})


def read_kept(path: Path, work: str) -> dict[str, float]:
    """The costs of earlier parts of that work; none if there is nothing to read."""
    try:
        kept = read_json(path)
        return {name: max(0, value) for name, value in kept["costs"].items()} if kept["work"] == work else {}
    except (UserError, KeyError, TypeError, AttributeError):
        return {}


def add_up(earlier: Mapping[str, float], now: Mapping[str, float]) -> dict[str, float]:
    """The costs of two parts of the same work: the most memory of either, the sum of the rest; energy only if known
    of both."""
    if not earlier:
        return dict(now)
    both = {name: value for name, value in now.items() if name in earlier or name != "energy_joules"}
    return {
        name: max(value, earlier.get(name, 0)) if name.endswith("_mb") else round(value + earlier.get(name, 0), 1)
        for name, value in both.items()
    }


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
    """The counter of every processor package; none if the system has none or does not let us read them."""
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
    """The counter of every GPU whose energy NVIDIA's driver measures."""
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
