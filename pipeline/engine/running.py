"""Run one stage as DVC would, and record what it saw and wrote."""

import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import IO

from hacm.errors import UserError
from hacm.files import explain_disk_errors
from pipeline.engine.processes import ALONE, Launch, command_line, surroundings
from pipeline.graph import plan as plans
from pipeline.graph import run_records
from pipeline.graph.content import Content, sign
from pipeline.graph.plan import Plan, Stage
from pipeline.graph.run_records import Contents, Record

LAST_LINES = 20
PR_SET_PDEATHSIG = 1
PARENT = "SNAKEMAKE_PID"
"""Environment variable: the process that started the job."""
LOCKS = plans.FOLDER / "locks"


def run_stage(name: str, launch: Launch = ALONE) -> int:
    """Run a stage of the plan unless it is up to date; the exit code of its command.

    launch: as how many processes. UserError if an input is missing, an output was not written, or the inputs changed
    under the stage.
    """
    if PARENT in os.environ:
        end_with(int(os.environ[PARENT]))
    plan = plans.load_kept()
    if name not in plan.stages:
        raise UserError(f"{name}: dvc.yaml has no such stage; it has: {', '.join(plan.stages)}")
    stage = plan.stages[name]
    with only_one(name) as lock:
        contents = recall(plan, stage)
        record = run_records.read(name)
        if record and record.difference(stage, contents) is None:
            print(f"{name}: up to date by content", file=sys.stderr)
            run_records.write_done(name, record)
            return 0
        deps = look_at(stage, stage.deps, contents, "is missing; the stages before it did not write it")
        run_records.record_file(name).unlink(missing_ok=True)
        remove_outputs(stage)
        code = execute(stage, lock, launch)
        if code == 0:
            check_unchanged(stage, deps)
            outs = look_at(stage, stage.outs, Contents(), "was not written")
            if plans.hash_sources() != plan.source:
                raise UserError(f"{name}: dvc.yaml or params.yaml was changed while it ran; start snakemake again")
            record = Record(stage.cmd, stage.params, deps, outs)
            run_records.write(name, record)
            run_records.write_done(name, record)
        return code


def check_unchanged(stage: Stage, before: dict[str, Content]) -> None:
    """UserError if an input holds something else than before; a new time alone is no change."""
    for path, content in before.items():
        if sign(path) != content.signature:
            now = Contents().of(path)
            if now is None or now.md5 != content.md5:
                raise UserError(f"{stage.name}: {path} was changed while it ran; start snakemake again")


def recall(plan: Plan, stage: Stage) -> Contents:
    """Contents that know what the stages before this one hashed already."""
    contents = Contents()
    for name in (stage.name, *stage.after):
        if record := run_records.read(name):
            contents.remember(record)
    return contents


def look_at(stage: Stage, paths: tuple[str, ...], contents: Contents, complaint: str) -> dict[str, Content]:
    """What lies at each path; UserError for the first at which nothing lies."""
    found = {}
    for path in paths:
        content = contents.of(path)
        if content is None:
            raise UserError(f"{stage.name}: {path} {complaint}")
        found[path] = content
    return found


def remove_outputs(stage: Stage) -> None:
    """As DVC does before a run: nothing old is taken for new. What dvc.yaml keeps (`persist: true`) stays."""
    for out in stage.outs:
        path = Path(out)
        if out in stage.kept:
            continue
        with explain_disk_errors(path):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def execute(stage: Stage, lock: IO[str], launch: Launch) -> int:
    """Run its command, the output in a file of its own; if it fails, the last lines of that on stderr."""
    log = run_records.LOGS / f"{stage.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    cmd = command_line(stage.cmd, launch, os.environ)
    with open(log, "w", encoding="utf-8") as stream:
        print(f"$ {cmd}", file=stream, flush=True)
        # The command inherits the lock: if it outlives this process, the next one of the same stage waits for it.
        with passing_on_signals() as started:
            process = subprocess.Popen(
                cmd if set(cmd) & set("|&;\n") else f"exec {cmd}",
                shell=True,
                env=surroundings(launch),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                pass_fds=[lock.fileno()],
                preexec_fn=partial(end_with, os.getpid()),
            )
            started.append(process)
            code = process.wait()
    code = 128 - code if code < 0 else code
    if code:
        seconds = time.monotonic() - began
        print(f"{stage.name}: ended with {code} after {seconds:.0f} s; the last lines of {log}:", file=sys.stderr)
        with open(log, encoding="utf-8", errors="replace") as stream:
            sys.stderr.writelines(deque(stream, LAST_LINES))
    return code


@contextmanager
def passing_on_signals() -> Iterator[list[subprocess.Popen[bytes]]]:
    """While the block runs, what asks this process to end asks the command, which may want to save its state."""
    started: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, _: FrameType | None) -> None:
        for process in started:
            if number != signal.SIGINT:  # Control-C reaches the command by itself, and twice would be once too often
                process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield started
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_with(parent: int) -> None:
    """Ask the system to end this process when the one that started it is gone, so that none runs on unseen (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it was gone before it could be asked for
        os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def only_one(name: str) -> Iterator[IO[str]]:
    """Wait until no other process runs this stage. A lock whose processes are gone is no lock."""
    LOCKS.mkdir(parents=True, exist_ok=True)
    with open(LOCKS / name, "a", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{name}: waiting for an earlier run of it to end", file=sys.stderr, flush=True)
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield stream
