"""Functions side by side: repeats taken by turns, and peak memory, each in a process of its own.

`alternate` times any functions of no arguments; `growth` says by how much one lets the process grow, and
`printed_number` fetches that number from a child, so that no other contender's memory is counted.
"""

import contextlib
import ctypes
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.processes import KIBIBYTE, PROJECT

Contenders = Mapping[str, Callable[[], object]]


def alternate(contenders: Contenders, repeats: int) -> dict[str, list[float]]:
    """Seconds of each repeat of each contender, after one run of each that is not counted.

    They take turns, and every round begins with another one, so that whatever else the machine does meets all alike.
    """
    names = list(contenders)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for contender in contenders.values():
        contender()
    for turn in range(repeats):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            begin = time.perf_counter()
            contenders[name]()
            seconds[name].append(time.perf_counter() - begin)
    return seconds


def median_ratio(first: list[float], second: list[float]) -> float:
    """Median of first / second over the rounds."""
    return statistics.median(one / other for one, other in zip(first, second, strict=True))


def growth(action: Callable[[], object]) -> int:
    """By how many bytes the process's resident size rises at most above its size before, while `action` runs."""
    before = reset_peak()
    action()
    return max(peak() - before, 0)


def reset_peak() -> int:
    """Let the peak begin anew at the present size (Linux; elsewhere it stays what it was). The size it has now.

    What was freed goes back to the system first: memory kept for later would hide as much growth.
    """
    with contextlib.suppress(OSError, AttributeError):  # glibc only
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> int:
    """The process's largest resident size in bytes, since `reset_peak` where the system can do that."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * KIBIBYTE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else KIBIBYTE)


def printed_number(module: str, *arguments: str) -> int:
    """The number that `python -m module arguments` prints; RuntimeError with what it said if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join((module, *arguments))} ended with {done.returncode}: {done.stderr.strip()}")
    return int(done.stdout)
