"""A pretraining step beside other work: alone, and beside processes that compute without pause; of several checkouts.

    python -m benchmarks.busy [--config utd-mhad-xsub] [--against FOLDER…] [--others 0 1 3] [--json FILE]

Each checkout's steps run in a process of its own, as its own stages would run them. They take turns, so that whatever
else the machine does meets all alike, and the others wait meanwhile without computing. FOLDER is a checkout of another
commit. The clips are made up.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.processes import PROJECT
from benchmarks.recipes import add_options, facts
from hacm.files import write_json
from stages.shared import command

HERE = "here"
# Only what checkouts since the first benchmark have; `stages` first, as it sets how threads wait, where it does.
WORKER = """
import json, sys, time
import stages
import torch
from benchmarks.recipes import find_recipe
from benchmarks.step import start_run
run = start_run(find_recipe(sys.argv[1]), 1, torch.device(sys.argv[2]))
run.advance()
print("ready", flush=True)
for line in sys.stdin:
    seconds = []
    for _ in range(int(line)):
        begin = time.perf_counter()
        run.advance()
        seconds.append(time.perf_counter() - begin)
    print(json.dumps(seconds), flush=True)
"""
BUSY = "x = 1\nwhile True: x = x * 3 % 1000003"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--against", type=Path, nargs="*", default=[], metavar="FOLDER", help="checkouts to compare")
    parser.add_argument("--others", type=int, nargs="+", default=[0, 1, 3], help="numbers of busy processes")
    parser.add_argument("--steps", type=int, default=5, help="per turn")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    device = command.choose_device(options.device)
    folders = {HERE: PROJECT} | {folder.resolve().name: folder.resolve() for folder in options.against}
    found = {
        **facts(torch.device(device)),
        "config": options.config,
        "checkouts": list(folders),
        "seconds": measure((options.config, device), folders, options.others, options.steps, options.rounds),
    }
    show(found)
    if options.json:
        write_json(options.json, found)


def measure(
    work: tuple[str, str], folders: dict[str, Path], others: Sequence[int], steps: int, rounds: int
) -> dict[str, dict[str, list[float]]]:
    """Seconds of every step, by number of busy processes and by checkout. work: configuration and device."""
    with ExitStack() as stack:
        workers = {name: stack.enter_context(worker(folder, *work)) for name, folder in folders.items()}
        found: dict[str, dict[str, list[float]]] = {}
        for count in others:
            seconds: dict[str, list[float]] = {name: [] for name in workers}
            with busy(count):
                for turn in range(rounds):
                    for name in list(workers)[:: 1 if turn % 2 else -1]:
                        seconds[name] += ask(workers[name], steps)
            found[str(count)] = seconds
        return found


@contextmanager
def worker(folder: Path, config: str, device: str) -> Iterator[subprocess.Popen[str]]:
    """A process that makes steps by the code of a checkout, when it is asked to."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, config, device],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError(f"{folder}: its step cannot be run; see above")
        yield process
    finally:
        process.kill()
        process.communicate()


def ask(process: subprocess.Popen[str], steps: int) -> list[float]:
    """Seconds of each of so many further steps."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{steps}\n")
    process.stdin.flush()
    seconds: list[float] = json.loads(process.stdout.readline())
    return seconds


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that compute without pause, while the block lasts."""
    processes = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def show(found: dict[str, Any]) -> None:
    """Median milliseconds per step, and how many times those alone."""
    table = Table(
        "beside", *(f"{name} (ms)" for name in found["checkouts"]), *(f"{name} / alone" for name in found["checkouts"])
    )
    medians = {
        count: {name: statistics.median(seconds) for name, seconds in by_name.items()}
        for count, by_name in found["seconds"].items()
    }
    alone = next(iter(medians.values()))
    for count, by_name in medians.items():
        times = [f"{1e3 * one:.0f}" for one in by_name.values()]
        ratios = [f"{one / alone[name]:.2f}" for name, one in by_name.items()]
        table.add_row(f"{count} busy processes", *times, *ratios)
    Console().print(table)


if __name__ == "__main__":
    main()
