"""Whole processes: wall time, processor time and peak memory, as the operating system accounts for them."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]

KIBIBYTE = 1024


@dataclass(frozen=True)
class Cost:
    """seconds: of the clock; processor_seconds: of all cores together; peak_bytes: largest resident size."""

    seconds: float
    processor_seconds: float
    peak_bytes: int

    def __add__(self, other: "Cost") -> "Cost":
        """One after the other."""
        return Cost(
            self.seconds + other.seconds,
            self.processor_seconds + other.processor_seconds,
            max(self.peak_bytes, other.peak_bytes),
        )


def run_module(module: str, *arguments: str, folder: Path) -> Cost:
    """Run `python -m module` in a folder; RuntimeError with what it printed if it fails."""
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    begin = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        printed = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begin
    if process.returncode != 0:
        raise RuntimeError(f"{module} {' '.join(arguments)} ended with {process.returncode}: {printed.strip()}")
    unit = 1 if sys.platform == "darwin" else KIBIBYTE
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)
