"""A process with the libraries loaded that forks itself for every program a test starts: python -m tests.helpers.warm PLACE.

A stage computes for a second or less in tests, and takes one to two to load torch, zarr, polars and the like. tests/bin/python
asks for the forks. The project's own code is never loaded here: each program loads that of its own folder.
"""

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
from dataclasses import dataclass
from typing import Any

# Not polars: it starts threads, which a fork would lose.
LIBRARIES = (
    "torch", "geoopt", "numpy", "zarr", "pydantic", "ruamel.yaml", "yaml", "rich.progress", "rich.console",
    "jinja2", "scipy.stats", "safetensors.torch", "dvc.cli", "dvc.repo", "dvc.repo.reproduce", "dvc.commands.repro",
    "dvc.stage.run", "dvc.output", "dvc.dependency",
)  # fmt: skip
WORD = 8
"""Bytes of a number in the talk with tests/bin/python."""


@dataclass(frozen=True)
class Request:
    """A program to run: the words after `python`, where, in which environment; signals that it ignores."""

    words: list[str]
    folder: str
    environment: dict[str, str]
    ignored: list[int]


def serve(place: str) -> Request:
    """Fork for every request until standard input ends; returns in the forked processes, ready to run the program."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.bind(f"{place}.new")
        door.listen(64)
        os.rename(f"{place}.new", place)  # whoever sees it can connect
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
        while True:
            ready, _, _ = select.select([door, 0], [], [])
            if 0 in ready:  # the test run holds the other end, however it ends
                os._exit(0)
            talk, _ = door.accept()
            if os.fork() == 0:
                break
            talk.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return keep(talk)


def keep(talk: socket.socket) -> Request:
    """Fork once more: the child returns with the request; this process watches over it, says how it ended, and ends."""
    head, streams, _, _ = socket.recv_fds(talk, WORD, 3)
    wanted = int.from_bytes(head, "little")
    content = b""
    while len(content) < wanted:
        content += talk.recv(wanted - len(content))
    program = os.fork()
    if program:
        watch(talk, program)
    os.setsid()
    talk.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    return Request(**json.loads(content))


def watch(talk: socket.socket, program: int) -> None:
    """Pass signals on until the program ends; if nobody waits for it any longer, it and its children are killed."""
    ended = os.pidfd_open(program)
    for stream in (0, 1, 2):
        os.close(stream)
    while True:
        ready, _, _ = select.select([talk, ended], [], [])
        if ended in ready:
            talk.sendall(os.waitpid(program, 0)[1].to_bytes(WORD, "little"))
            os._exit(0)
        sent = talk.recv(1)
        if not sent:
            os.killpg(program, signal.SIGKILL)
            os._exit(0)
        os.kill(program, sent[0])


def settle_in(request: Request) -> None:
    """Make this process what a new one would be."""
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    for number in request.ignored:
        signal.signal(number, signal.SIG_IGN)
    sys.stdin = sys.__stdin__ = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.__stdout__ = _stream(1, "strict")
    sys.stderr = sys.__stderr__ = _stream(2, "backslashreplace")


def _stream(number: int, errors: str) -> Any:
    raw: Any = open(number, "wb", closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(raw, errors=errors, line_buffering=number == 2 or os.isatty(number))


def run(words: list[str]) -> None:
    """What the interpreter does with these words: -m MODULE …, or SCRIPT …"""
    if words[0] == "-m":
        sys.path[0] = os.getcwd()
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        return
    sys.path[0] = os.path.dirname(os.path.abspath(words[0]))
    sys.argv = words
    runpy.run_path(words[0], run_name="__main__")


def end(code: object) -> None:
    """End as the interpreter would after SystemExit(code), but leave its memory to the system: that takes a third of a
    second with torch loaded."""
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    for library in LIBRARIES:
        importlib.import_module(library)
    if len(os.listdir("/proc/self/task")) > 1:
        raise RuntimeError("a library started a thread, which the forks would lack")
    gc.collect()
    gc.freeze()  # or the collector's marks would copy every page into every fork
    asked = serve(sys.argv[1])
    settle_in(asked)
    try:
        run(asked.words)
    except SystemExit as ended:
        end(ended.code)
    except Exception:
        traceback.print_exc()
        end(1)
    end(0)
