"""Reading in a process of its own, with bounded time and memory: libraries in C hang, or crash, on damaged HDF5.

One such process serves all files that a process reads; it is started at the first, and again after each that it does
not survive. It ends when its other end does. A file comes with its form, one of FORMS; back comes what was read, or
why it was not.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from hacm.errors import BadRecording
from hacm.recordings.poses import deeplabcut, sleap
from hacm.recordings.poses.contents import NoPoses, Poses
from hacm.recordings.poses.extras import expect_extra
from hacm.recordings.poses.hdf5 import expect_hdf5, open_hdf5

SECONDS, SECONDS_PER_MEGABYTE = 60.0, 2.0
"""A file of an hour's recording of two people takes a tenth of that."""
MEMORY_BYTES = 8 << 30
STARTING_SECONDS = 120.0


def read_hdf5(data: bytes) -> Poses:
    """The recording in HDF5, DeepLabCut's or SLEAP's, by its content; in this process, so it may never come back."""
    with open_hdf5(data) as file:
        if deeplabcut.fits_hdf5(file):
            return deeplabcut.read_hdf5(file)
        if not sleap.fits_hdf5(file):
            raise NoPoses("HDF5 of none of the known forms: DeepLabCut, SLEAP's analysis")
    return sleap.read(data, analysis=True)


FORMS: dict[str, Callable[[bytes], Poses]] = {".h5": read_hdf5, ".slp": sleap.read}
REFUSALS = {one.__name__: one for one in (BadRecording, NoPoses)}


def read_apart(form: str, data: bytes) -> Poses:
    """What a file of one of FORMS holds; BadRecording if it is damaged, or takes too much time or memory.

    UserError, with the command that installs it, if the package is not there that reads it.
    """
    expect_extra("h5py", "HDF5 (.h5, .slp)")
    expect_extra("sleap_io", "SLEAP's .h5 and .slp")
    expect_hdf5(data)
    with _LOCK:
        return _SERVERS.setdefault(os.getpid(), _Server()).ask(form, data)


class _Server:
    """The process, as its other end sees it."""

    def __init__(self) -> None:
        self._connection: Connection[Any, Any] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, form: str, data: bytes) -> Poses:
        """What it reads of a file."""
        limit = SECONDS + SECONDS_PER_MEGABYTE * len(data) / 2**20
        connection = self._connection or self._start()
        try:
            connection.send((form, data, limit))
            if not connection.poll(limit):
                raise BadRecording(f"damaged, or too large: reading it took over {limit:.0f} s")
            name, answer = connection.recv()
        except BadRecording:
            self._end()
            raise
        except (EOFError, OSError) as error:
            self._end()
            raise BadRecording("damaged: the library that reads it did not survive it") from error
        except BaseException:  # an interrupt: the answer, when it comes, would be taken for the next file's
            self._end()
            raise
        if name in REFUSALS:
            raise REFUSALS[name](answer)
        poses: Poses = answer
        return poses

    def _start(self) -> "Connection[Any, Any]":
        ours, theirs = Pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # Ctrl-C is its other end's
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        theirs.close()
        self._connection = ours
        if not ours.poll(STARTING_SECONDS) or ours.recv() != "ready":
            self._end()
            raise BadRecording(f"the process that reads such files did not start in {STARTING_SECONDS:.0f} s")
        return ours

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._connection is not None:
            self._connection.close()
        self._connection = self._process = None


_LOCK = threading.Lock()
_SERVERS: dict[int, _Server] = {}


def serve(connection: "Connection[Any, Any]") -> None:
    """Read what comes, one file after the other, until nobody is at the other end."""
    import resource  # not there on Windows, where no file is read so

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    connection.send("ready")
    while True:
        try:
            form, data, limit = connection.recv()
        except EOFError:
            return
        # Who waits may be gone while this hangs: the system ends it then.
        used = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + 2 * limit) + 1, -1))
        try:
            answer: tuple[str, Any] = ("", FORMS[form](data))
        except (BadRecording, NoPoses) as reason:
            answer = (type(reason).__name__, str(reason))
        except MemoryError:
            answer = (BadRecording.__name__, f"damaged, or too large: reading it takes over {MEMORY_BYTES >> 30} GiB")
        connection.send(answer)


if __name__ == "__main__":
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    serve(Connection(int(sys.argv[1])))
