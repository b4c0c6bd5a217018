"""What Ctrl-C does to a program, from its first line on. Imports next to nothing, so that it is there at once."""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` takes longer to import than all the rest
    from types import FrameType
    from typing import NoReturn

EXIT_CODE = 130

STARTS_AGAIN = "interrupted; nothing is saved: the same command starts again from the beginning"
RESUMES = "interrupted; the same command resumes from what was saved"
NOTHING_BEGAN = "interrupted before anything began"
"""What a program says when Ctrl-C ends it."""


def end_when_interrupted() -> None:
    """Until raise_when_interrupted, Ctrl-C ends the process with one line: during imports nothing needs clearing up."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where a shell has it ignored
        signal.signal(signal.SIGINT, _end_at_once)


def _end_at_once(number: int, frame: FrameType | None) -> NoReturn:
    os.write(2, f"{NOTHING_BEGAN}\n".encode())
    os._exit(EXIT_CODE)


def raise_when_interrupted() -> None:
    """Undo end_when_interrupted: from now on Ctrl-C is a KeyboardInterrupt."""
    if signal.getsignal(signal.SIGINT) is _end_at_once:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def let_next_interrupt_end() -> None:
    """Let the system end this process at the next Ctrl-C, whatever it is doing. For the main thread."""
    # Where a KeyboardInterrupt met code that was given to exec as text, as dataclasses do, CPython remembers it and in
    # the end dies by the signal in place of the exit code, handled or not; until such code runs again.
    exec("")
    signal.signal(signal.SIGINT, signal.SIG_DFL)
