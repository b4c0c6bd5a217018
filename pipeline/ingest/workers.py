"""Maps a function over items on several threads, in order, with few items in memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4
"""Items a worker has waiting for it: enough to stay busy, few enough to hold in memory."""


def map_ahead(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """function(item) for every item, in the items' order, on `workers` threads.

    Threads gain where the work is done outside the interpreter: inflating, hashing, compiled code. `items` is advanced
    on the caller's thread and at most AHEAD × workers items beyond what has been handed out. An error in `function` is
    raised where its result would have come.
    """
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(max_workers=workers)
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
