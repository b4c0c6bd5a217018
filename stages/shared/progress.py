"""What a person sees while a program works: live progress on a terminal, plain lines in a log; tables at its end."""

import sys
import time
from collections import deque
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_MOMENTS = 1.0
RECENT_MOMENTS = 30

WIDTH_OF_TABLES = 160
"""Where they are not shown on a terminal, in characters."""

console = Console(stderr=True)


def table_console() -> Console:
    """Standard output, for tables that are what was asked for."""
    output = Console()
    return output if output.is_terminal else Console(width=WIDTH_OF_TABLES)


def say(text: str) -> None:
    """One plain line."""
    print(text, file=sys.stderr, flush=True)


class Work:
    """Progress of counted work: a live bar with rate and time left on a terminal, a line now and then elsewhere.

    The rate is that of the last half minute.
    """

    def __init__(self, title: str, total: int | None, unit: str) -> None:
        self.title, self.total, self.unit = title, total, unit
        self.done = 0
        self._begin = self._last = time.monotonic()
        # The last few moments and what was done by then: a start slower than the rest must not speak for it, nor what
        # a resumed run had done before.
        self._recent: deque[tuple[float, int]] = deque(maxlen=RECENT_MOMENTS)
        self._live: Progress | None = None
        if console.is_terminal:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            self._live = Progress(*columns, TextColumn("{task.fields[note]}"), TimeRemainingColumn(), console=console)
            self._task = self._live.add_task(title, total=total, note="")

    def __enter__(self) -> "Work":
        if self._live:
            self._live.start()
        return self

    def update(self, done: int, note: str = "") -> None:
        """`done` of the total are finished; `note` stands beside the rate."""
        self.done = done
        now = time.monotonic()
        if not self._recent or now - self._recent[-1][0] >= SECONDS_BETWEEN_MOMENTS:
            self._recent.append((now, done))
        then, before = self._recent[0] if now > self._recent[0][0] else (self._begin, 0)
        rate = (done - before) / max(now - then, 1e-9)
        text = f"{rate:,.{0 if rate >= 10 else 1}f} {self.unit}/s {note}".rstrip()
        if self._live:
            self._live.update(self._task, completed=done, note=text)
        elif now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            say(self._line(text, rate))

    def advance(self, note: str = "") -> None:
        """One more is finished."""
        self.update(self.done + 1, note)

    def _line(self, text: str, rate: float) -> str:
        if not self.total:
            return f"{self.title}: {self.done:,} {self.unit}, {text}"
        left = (self.total - self.done) / max(rate, 1e-9)
        return f"{self.title}: {self.done:,}/{self.total:,} {self.unit}, {text}, {left:,.0f} s left"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
        elif kind is None:
            seconds = time.monotonic() - self._begin
            say(f"{self.title}: {self.done:,} {self.unit} in {seconds:.1f} s")
