"""The errors that reach a user as one line, and how a program ends with them. Any other error is a bug."""

import os
import select
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

from hacm import interrupts
from hacm.interrupts import STARTS_AGAIN

MOST_NAMED = 10
LONGEST_WORDS = 150

USER_MISTAKE = 1
FAILED_CHECK = 2
INTERRUPTED = interrupts.EXIT_CODE
NOBODY_READS = 141
"""Exit codes of every program here; 0 is success."""

TRACEBACK = "HACM_TRACEBACK"
"""Environment variable: set to 1, the traceback of every error is shown, also of those that are one line otherwise."""


class UserError(Exception):
    """A mistake the user can mend. The message is one line: what, where (file, line or key), what to do.

    Programs print it and end with exit code 1, without a traceback.
    """

    exit_code = USER_MISTAKE


class FailedCheck(UserError):
    """A check that the user asked for did not pass. Programs end with exit code 2."""

    exit_code = FAILED_CHECK


class SettingsError(UserError, ValueError):
    """Settings that are impossible, in themselves or for the clips at hand. The message names the key."""


class DamagedModel(UserError, ValueError):
    """A model's files cannot be used: damaged, of another format, or not what they are said to be."""


class ImplausibleRecording(UserError, ValueError):
    """A recording or an array that a model cannot say anything of. The message says what was seen and what to do."""


class NotFinite(UserError, FloatingPointError):
    """Training diverged: a loss or a score is infinite or not a number."""


class Terminated(UserError):
    """The run was asked to end by SIGTERM. The message is one line that says whether its state is saved."""


class Interrupted(UserError):
    """The run was asked to end by Ctrl-C, and says in one line whether its state is saved. Exit code 130."""

    exit_code = INTERRUPTED


class BadRecording(Exception):
    """A recording that cannot be used. The message is the reason written into the table of excluded clips."""


def run_program(main: Callable[[], int | None], interrupted: str = STARTS_AGAIN) -> NoReturn:
    """Run a program's `main` and end the process with the exit code it returns (None: 0), or with one line.

    A UserError ends with its exit code, an interrupt with 130 and the line `interrupted`, and without a word where what
    reads the output has ended (`hacm lineage … | head`). Any other exception is a bug, here or in a library: it keeps
    its traceback.
    """
    try:
        interrupts.raise_when_interrupted()
        code = main()
        sys.stdout.flush()
    except BaseException as error:
        if drop_unread_output() and isinstance(error, BrokenPipeError | SystemExit):
            sys.exit(NOBODY_READS)
        ending = ending_of(error, interrupted)
        if ending is None:
            raise
        if ending[1] == INTERRUPTED:
            interrupts.let_next_interrupt_end()
        end(*ending)
    sys.exit(code)


def ending_of(error: BaseException, interrupted: str = STARTS_AGAIN) -> tuple[str, int] | None:
    """The one line and the exit code that a program ends with because of an error; None for a bug."""
    if isinstance(error, Interrupted):
        return str(error), error.exit_code
    if isinstance(error, UserError):
        return f"error: {error}", error.exit_code
    if isinstance(error, MemoryError):
        line = "error: not enough memory; use fewer clips (datasets.NAME.ingest.limit) or a smaller batch"
        return line, USER_MISTAKE
    if isinstance(error, KeyboardInterrupt):
        return interrupted, INTERRUPTED
    return None


def drop_unread_output() -> bool:
    """Whether standard output is a pipe that nobody reads any more; then Python says nothing of it at exit."""
    if sys.stdout is None or sys.stdout.closed:
        return False
    try:
        output = sys.stdout.fileno()
    except OSError:  # replaced by something in memory
        return False
    watched = select.poll()
    watched.register(output, 0)
    if not any(event & select.POLLERR for _, event in watched.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    return True


def end(line: str, exit_code: int) -> NoReturn:
    """End the process with one line on standard error; after the traceback, if that is wanted."""
    show_traceback()
    print(line, file=sys.stderr, flush=True)
    sys.exit(exit_code)


def show_traceback() -> None:
    """Print the traceback of the error being handled, if HACM_TRACEBACK asks for it."""
    if os.environ.get(TRACEBACK, "") not in ("", "0") and sys.exc_info()[1] is not None:
        traceback.print_exc()


def name_some(names: Sequence[str]) -> str:
    """The first names of a list that may be too long for one line, and how many more there are."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def in_one_line(error: BaseException) -> str:
    """What another library's error says, fit for a message: some repeat what they read, however long and whatever."""
    words = "".join(character if character.isprintable() else " " for character in str(error)[: 4 * LONGEST_WORDS])
    text = " ".join(words.split())
    return (text[:LONGEST_WORDS] + "…" if len(text) > LONGEST_WORDS else text) or type(error).__name__
