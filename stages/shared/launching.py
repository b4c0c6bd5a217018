"""Runs a stage that torchrun may start as several processes; the user sees the reason of the one that failed."""

import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import NoReturn

from hacm.errors import USER_MISTAKE, ending_of, show_traceback
from hacm.interrupts import RESUMES, raise_when_interrupted
from stages.shared import command

SECONDS_TO_BE_ENDED = 10.0


def run(main: Callable[[], None]) -> NoReturn:
    """As command.run; as one of several processes, the reason of a failure also goes into torchrun's own report.

    A process that merely lost the others waits for torchrun to end it, so that torchrun finds the one that failed first
    and names that one as the cause. After a failure nothing is waited for: a device may be at work with processes that
    are gone.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        command.run(main, RESUMES)
    from hacm.training.distributed import PeersLost

    code = 0
    try:
        raise_when_interrupted()
        recorded(main)()
    except PeersLost as error:
        say(str(error))
        time.sleep(SECONDS_TO_BE_ENDED)
        code = USER_MISTAKE
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else bool(end.code)
    except BaseException as error:
        line, code = ending_of(error, RESUMES) or ("", USER_MISTAKE)
        if line:
            show_traceback()
            say(line)
        else:
            traceback.print_exc()
    if not code:
        sys.exit(0)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code))


def say(text: str) -> None:
    """One line at once, so that those of several processes do not run into each other."""
    sys.stderr.write(f"process {os.environ['RANK']}: {text}\n")


def recorded(main: Callable[[], None]) -> Callable[[], None]:
    """`main`, its exceptions left in the file that torchrun reads, but for those that another process caused."""
    if "TORCHELASTIC_ERROR_FILE" not in os.environ:
        return main
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler

    from hacm.training.distributed import PeersLost

    def call() -> None:
        handler = get_error_handler()
        handler.initialize()
        try:
            main()
        except PeersLost:
            raise
        except Exception as error:
            handler.record_exception(error)
            raise

    return call
