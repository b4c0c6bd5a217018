"""Work on several things at a time in processes of their own, in order, with few of them in memory.

Processes gain where the work is done inside the interpreter, where threads would wait for each other.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Any, TypeVar

from hacm.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")

BATCH_BYTES = 1 << 20
"""About so much goes to a process at a time: far more than the handing over costs, little to hold in memory."""

AHEAD = 2
"""Batches that a process has waiting for it or in work."""

_function: Callable[[Any], Any]
"""What a process works with; set in it when it starts."""


def map_in_processes(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int, weigh: Callable[[Item], int]
) -> Iterator[tuple[Item, Result]]:
    """Every item with function(item), in the items' order, in `workers` processes; in this one if workers is 1.

    Items and results must be such as can be pickled; the function, and what it knows, is there as it was at the start.
    weigh: the bytes of an item, which go to a process in batches of about BATCH_BYTES. `items` is advanced in the
    caller's process, at most AHEAD × workers batches beyond what has been handed out. An error in `function` is raised
    where the batch's results would have come. UserError if a process was killed.
    """
    iterator = iter(items)
    # Worked on here, before the processes are forked: what this loads, such as a compiler, they then have already.
    for item in iterator:
        yield item, function(item)
        break
    if workers == 1:
        for item in iterator:
            yield item, function(item)
        return
    waiting: deque[tuple[list[Item], Future[list[Result]]]] = deque()
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), _begin, (function,))
    try:
        for batch in _in_batches(iterator, weigh):
            waiting.append((batch, _submit(pool, batch)))
            if len(waiting) > AHEAD * workers:
                yield from _take(waiting)
        while waiting:
            yield from _take(waiting)
    except BrokenProcessPool as error:
        raise UserError(
            "a worker process was killed, usually for lack of memory; run it again, with --workers 1 if necessary"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _in_batches(items: Iterable[Item], weigh: Callable[[Item], int]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    size = 0
    for item in items:
        batch.append(item)
        size += weigh(item)
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _take(waiting: deque[tuple[list[Item], Future[list[Result]]]]) -> Iterator[tuple[Item, Result]]:
    batch, future = waiting.popleft()
    yield from zip(batch, future.result(), strict=True)


def _submit(pool: ProcessPoolExecutor, batch: list[Any]) -> Future[list[Any]]:
    """The processes are started when the first batch comes. Until they pass over Ctrl-C they must not hear of it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(_work, batch)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(function: Callable[[Any], Any]) -> None:
    """What a process does first. Ctrl-C is for its parent, which then ends it; when the parent is gone, it ends too."""
    global _function
    _function = function
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _work(batch: list[Any]) -> list[Any]:
    return [_function(item) for item in batch]
