"""Output while a program works: live progress on a terminal, plain lines in a log; tables at the end."""

import sys
import time
from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from types import TracebackType

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Column
from rich.text import Text

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_MOMENTS = 1.0
RECENT_MOMENTS = 30

SLOW = 0.1
"""Rates under so many per second are shown per minute."""

WIDE_TERMINAL, WIDE_BAR, NARROW_BAR = 100, 40, 12
"""Characters; from this width on, a terminal has room for the wide bar."""

WIDTH_OF_TABLES = 160
"""Where they are not shown on a terminal, in characters."""

console = Console(stderr=True)


def table_console() -> Console:
    """Standard output, for tables that the user asked for."""
    output = Console()
    return output if output.is_terminal else Console(width=WIDTH_OF_TABLES)


def say(text: str) -> None:
    """One plain line."""
    print(text, file=sys.stderr, flush=True)


class Bar(Progress):
    """A line of fixed parts that fits 80 columns, and the task's note on a line of its own, shortened to the width."""

    def __init__(self) -> None:
        columns = (
            SpinnerColumn(),
            _text("{task.description}"),
            BarColumn(WIDE_BAR if console.width >= WIDE_TERMINAL else NARROW_BAR),
            _text("{task.fields[count]}"),
            _text("{task.fields[rate]}"),
            _text("{task.fields[left]}"),
        )
        super().__init__(*columns, console=console)

    def get_renderables(self) -> Iterator[RenderableType]:
        """The line, and below it the note if there is one."""
        yield self.make_tasks_table(self.tasks)
        for task in self.tasks:
            if task.fields["note"]:
                yield Text(f"  {task.fields['note']}", no_wrap=True, overflow="ellipsis", style="dim")


def _text(template: str) -> TextColumn:
    return TextColumn(template, table_column=Column(no_wrap=True))


class Work:
    """Progress of counted work, with rate and time left: a live bar on a terminal, a line now and then elsewhere.

    The rate is over the last half minute. total: may be set later, once it is known.
    """

    def __init__(self, title: str, total: int | None, unit: str) -> None:
        self.title, self.total, self.unit = title, total, unit
        self.done: float = 0
        self._begin = self._last = time.monotonic()
        # The last few moments and what was done by then: a start slower than the rest must not speak for it, nor what
        # a resumed run had done before.
        self._recent: deque[tuple[float, float]] = deque(maxlen=RECENT_MOMENTS)
        self._live: Bar | None = None
        if console.is_terminal:
            self._live = Bar()
            self._task = self._live.add_task(title, total=total, note="", count=self._count(), rate="", left="")

    def __enter__(self) -> "Work":
        if self._live:
            self._live.start()
        return self

    def update(self, done: float, note: str = "") -> None:
        """`done` of the total are finished, perhaps a part of one; `note` says more."""
        self.done = done
        now = time.monotonic()
        if not self._recent or now - self._recent[-1][0] >= SECONDS_BETWEEN_MOMENTS:
            self._recent.append((now, done))
        then, before = self._recent[0] if now > self._recent[0][0] else (self._begin, 0)
        rate = (done - before) / max(now - then, 1e-9)
        if self._live:
            seconds = self._left(rate)
            left = "" if seconds is None else f"{timedelta(seconds=round(seconds))} left"
            count, speed = self._count(), self._rate(rate)
            self._live.update(
                self._task, completed=done, total=self.total, count=count, rate=speed, left=left, note=note
            )
        elif now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            left = "" if self._left(rate) is None else f"{self._left(rate):,.0f} s left"
            parts = (f"{self._count()} {self.unit}", f"{self._rate(rate)} {note}".rstrip(), left)
            say(f"{self.title}: {', '.join(part for part in parts if part)}")

    def advance(self, note: str = "") -> None:
        """One more is finished."""
        self.update(self.done + 1, note)

    def _count(self) -> str:
        return f"{int(self.done):,}" + (f"/{self.total:,}" if self.total else "")

    def _rate(self, per_second: float) -> str:
        if per_second < SLOW:
            return f"{60 * per_second:.1f} {self.unit}/min"
        return f"{per_second:,.{0 if per_second >= 10 else 1}f} {self.unit}/s"

    def _left(self, rate: float) -> float | None:
        """Seconds; None: not known."""
        return (self.total - self.done) / rate if self.total and rate > 0 else None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
        elif kind is None:
            seconds = time.monotonic() - self._begin
            say(f"{self.title}: {int(self.done):,} {self.unit} in {seconds:.1f} s")
