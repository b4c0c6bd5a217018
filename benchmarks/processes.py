"""Whole programs: wall time, processor time and peak memory, as the operating system accounts for them."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]

KIBIBYTE = 1024

SECONDS_BETWEEN_LOOKS = 0.05


@dataclass(frozen=True)
class Cost:
    """seconds: of the clock; processor_seconds: of all cores together; peak_bytes: largest memory at a time.

    Processes that the program itself starts are counted. Of memory that several share each has its part.
    """

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


def run_module(module: str, *arguments: str, folder: Path, project: Path = PROJECT) -> Cost:
    """Run `python -m module` in a folder; RuntimeError with what it printed if it fails. project: whose module."""
    environment = os.environ | {"PYTHONPATH": str(project)}
    begin = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        watch = MemoryWatch(process.pid)
        watch.start()
        assert process.stderr is not None
        printed = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begin
    watch.over.set()
    watch.join()
    if process.returncode != 0:
        raise RuntimeError(f"{module} {' '.join(arguments)} ended with {process.returncode}: {printed.strip()}")
    unit = 1 if sys.platform == "darwin" else KIBIBYTE
    return Cost(seconds, usage.ru_utime + usage.ru_stime, max(usage.ru_maxrss * unit, watch.peak_bytes))


class MemoryWatch(threading.Thread):
    """Looks, again and again, how much memory a process and all that it started have together. Linux; 0 elsewhere."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self.process = process
        self.peak_bytes = 0
        self.over = threading.Event()

    def run(self) -> None:
        """Until `over` is set."""
        while not self.over.wait(SECONDS_BETWEEN_LOOKS):
            self.peak_bytes = max(self.peak_bytes, sum(map(memory_of, find_tree(self.process))))


def find_tree(process: int) -> list[int]:
    """A process and all that it started that still run."""
    found = [process]
    for one in found:
        for path in Path(f"/proc/{one}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # gone meanwhile
                found += map(int, path.read_text().split())
    return found


def memory_of(process: int) -> int:
    """Bytes that a process has in memory, its part of those that it shares; 0 if it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * KIBIBYTE
    return 0
