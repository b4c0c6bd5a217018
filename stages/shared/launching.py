"""A stage that torchrun may start as several processes at once: whichever fails, its reason is what the user sees."""

import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import NoReturn

from stages.shared import console

SECONDS_TO_BE_ENDED = 10.0


def run(main: Callable[[], None]) -> NoReturn:
    """As console.run; as one of several processes, the reason of a failure also goes into torchrun's own report.

    A process that merely lost the others waits for torchrun to end it, so that torchrun finds the one that failed first
    and names that one as the cause. After a failure nothing is waited for: a device may be at work with processes that
    are gone.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        console.run(main)
    from hacm.training.distributed import PeersLost

    try:
        console.run(recorded(main))
    except SystemExit as end:
        code = end.code
    except PeersLost as error:
        say(str(error))
        time.sleep(SECONDS_TO_BE_ENDED)
        code = 1
    except BaseException:
        traceback.print_exc()
        code = 1
    if not code:
        sys.exit(0)
    if isinstance(code, str):
        say(code)
        code = 1
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
