"""Functions run as the processes of one run, started from a process that has imported torch once."""

import multiprocessing
import os
import signal
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from hacm.training.distributed import Processes, join

SECONDS = 300  # a test that hangs is ended after so many
Work = Callable[..., Any]


def context() -> multiprocessing.context.ForkServerContext:
    """Processes forked from a server that has imported what they need."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["torch._dynamo", "torch.distributed", "tests.hacm.test_training", __name__])
    return found


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(folder: Path, work: Work, *arguments: Any, count: int = 2, timeout: float = 60) -> list[Any]:
    """The processes; process r calls work(processes, *arguments) and leaves what it returns in folder/r.pt."""
    surroundings = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    parts = [
        context().Process(target=be_rank, args=(rank, surroundings, timeout, folder, work, arguments))
        for rank in range(count)
    ]
    for part in parts:
        part.start()
    return parts


def be_rank(
    rank: int, surroundings: dict[str, str], timeout: float, folder: Path, work: Work, arguments: tuple[Any, ...]
) -> None:
    signal.alarm(SECONDS)
    torch.set_num_threads(1)
    os.environ.update(surroundings, RANK=str(rank), LOCAL_RANK=str(rank))
    try:
        with join("cpu", timeout) as processes:
            torch.save(work(processes, *arguments), folder / f"{rank}.pt")
    except BaseException as error:
        (folder / f"{rank}.txt").write_text(f"{type(error).__name__}: {error}")
        traceback.print_exc()
        os._exit(1)


def finish(parts: list[Any], folder: Path) -> tuple[list[int], list[Any]]:
    """Exit codes, and what each returned: an object, or the one line that it failed with, or None if it was killed."""
    for part in parts:
        part.join()
    return [part.exitcode for part in parts], [read(folder, rank) for rank in range(len(parts))]


def read(folder: Path, rank: int) -> Any:
    path, failed = folder / f"{rank}.pt", folder / f"{rank}.txt"
    if path.exists():
        return torch.load(path, weights_only=False)
    return failed.read_text() if failed.exists() else None


def run_ranks(folder: Path, work: Work, *arguments: Any, count: int = 2) -> list[Any]:
    """What each process returned; all must end well."""
    folder.mkdir(exist_ok=True)
    codes, found = finish(start(folder, work, *arguments, count=count), folder)
    assert codes == [0] * count, found
    return found


__all__ = ["Processes", "finish", "run_ranks", "start"]
