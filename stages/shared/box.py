"""A stage from its first line to its last: take over finished work, or compute, and record only what is true.

Where a stage is started as dvc.yaml starts it (its names, typed or by default, and at most options that say how and not
what), its fingerprint is taken first. Finished work of the same fingerprint is put in place and nothing is computed.
Otherwise the stage computes, and if what decides its result was changed meanwhile, it is not recorded as done.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from hacm.errors import UserError, name_some
from hacm.interrupts import STARTS_AGAIN
from pipeline.graph import fingerprint as fingerprints
from pipeline.graph.declared import FILE, Declared, declare, kinds, options_of
from pipeline.graph.fingerprint import Fingerprint
from pipeline.graph.finished import Shelf
from stages.shared import command, places
from stages.shared.progress import say

HOW = ("device", "rows", "timeout", "workers")
"""Options that say how to compute; any other than these and the stage's names makes it another work."""

AGAIN = "HACM_AGAIN"
"""Environment variable: set, finished work is not taken over."""


@dataclass(frozen=True)
class Job:
    """The stage that this process runs. names: by option."""

    kind: str
    names: dict[str, str]
    declared: Declared
    fingerprint: Fingerprint
    shelf: Shelf


current: Job | None = None
"""Set while a stage runs whose fingerprint is known."""


def run(main: Callable[[], None], kind: str, parser: command.Parser, interrupted: str = STARTS_AGAIN) -> NoReturn:
    """Run a stage of dvc.yaml as a program. parser: of its command line. interrupted: its words when Ctrl-C ends it."""
    command.run(partial(work, main, kind, parser), interrupted)


def work(main: Callable[[], None], kind: str, parser: command.Parser) -> None:
    """Run `main`, the program of dvc.yaml's stage `kind`, unless its work is done already."""
    global current
    job = begin(kind, parser, sys.argv[1:])
    if job is None:
        main()
        return
    finished = None if os.environ.get(AGAIN) else job.shelf.find(job.fingerprint)
    if finished is not None:
        if is_first():
            job.shelf.restore(finished)
        say(f"{job.declared.name}: the same code, parameters and inputs as before; its finished work is taken over")
        return
    current = job
    try:
        main()
    finally:
        current = None
    if is_first():
        end(job)


def begin(kind: str, parser: command.Parser, arguments: Sequence[str]) -> Job | None:
    """The job that a command line asks for; None if it is not one of dvc.yaml's, or cannot be done."""
    names = read_names(kind, parser, arguments) if FILE.exists() and kind in kinds() else None
    if names is None:
        return None
    try:
        fingerprint = fingerprints.take(kind, names)
    except UserError:
        return None  # the stage says the same, and more
    if fingerprint is None:
        return None
    declared = declare(kind, names)
    return Job(kind, names, declared, fingerprint, Shelf(places.finished(), declared))


def read_names(kind: str, parser: command.Parser, arguments: Sequence[str]) -> dict[str, str] | None:
    """The value of each of the stage's options, by default where not typed; None if others ask for another work."""
    given = vars(parser.parse_args(arguments))
    names = {option: str(given.pop(option)) for option in options_of(kind)}
    same = all(option in HOW or value == parser.get_default(option) for option, value in given.items())
    return names if same else None


def end(job: Job) -> None:
    """Remember the work; UserError if what decides it is not what it was when the stage began."""
    job.shelf.put(job.fingerprint)
    now = fingerprints.take(job.kind, job.names)
    if now is None or now.digest != job.fingerprint.digest:
        changed = job.fingerprint.differences(now) if now else ["an input is gone"]
        raise UserError(
            f"{job.declared.name}: not recorded, for it was changed while the stage ran: {name_some(changed)}; put it "
            "back and run again (what was computed is kept and taken over at once), or run again to compute it again"
        )


def is_first() -> bool:
    """Whether this process speaks for the stage: of several that torchrun started, the first."""
    return os.environ.get("RANK", "0") == "0"


def resume_fingerprint(kind: str, names: dict[str, str]) -> str:
    """The fingerprint by which an unfinished run is resumed, also where the stage was not started as dvc.yaml does."""
    if current is not None and (current.kind, current.names) == (kind, names):
        return current.fingerprint.digest
    taken = fingerprints.take(kind, names) if Path(FILE).exists() else None
    return taken.digest if taken else ""
