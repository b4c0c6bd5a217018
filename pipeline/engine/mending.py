"""Before Snakemake plans, decides which stages are up to date, by content and not by the clock."""

import os
import sys
import time
from collections.abc import Collection
from functools import partial

from hacm.files import hash_file, replace_file
from pipeline.graph import plan as plans
from pipeline.graph import run_records
from pipeline.graph.content import Content
from pipeline.graph.damage import mend_dvc_files
from pipeline.graph.lock import LOCK_FILE
from pipeline.graph.no_git import tell_dvc_of_git
from pipeline.graph.plan import Locked, Plan, Stage
from pipeline.graph.run_records import Contents, Record

SHARDS = plans.FOLDER / "shards"
"""Marks of parts of data sets that one Snakemake has parsed; of no use to the next."""
HANDED_OVER = plans.FOLDER / "handed-over"
"""There while DVC knows of all that the records say; it holds the hash of dvc.lock."""


def mend() -> Plan:
    """The plan, with Snakemake's marks as its stages are: one for each that is up to date, none for the others.

    A stage is up to date if its own record or its entry in dvc.lock matches now. So after `dvc repro` or `dvc pull`,
    Snakemake has nothing to do.
    """
    tell_dvc_of_git()
    mend_dvc_files(partial(print, file=sys.stderr))
    plan = plans.load()
    contents = Contents()
    kept = {name: record for name in plan.stages if (record := run_records.read(name))}
    for record in kept.values():
        contents.remember(record)
    fresh = {name: record for name, record in kept.items() if record.difference(plan.stages[name], contents) is None}
    if len(fresh) < len(plan.stages) and LOCK_FILE.exists():
        plan, locked = plans.resolve()
        fresh |= take_over(plan, locked, fresh, contents)
        if all(name in fresh and fresh[name].is_locked(locked[name]) for name in plan.stages):
            note_handed_over()
    mark(plan, fresh)
    return plan


def take_over(plan: Plan, locked: dict[str, Locked], fresh: Collection[str], contents: Contents) -> dict[str, Record]:
    """The stages not in `fresh` that are up to date by dvc.lock; they get a record of their own."""
    found = {}
    for name, stage in plan.stages.items():
        if name in fresh or not (record := by_dvc(stage, locked[name])):
            continue
        if record.difference(stage, contents) is None:
            found[name] = record.with_signatures(contents)
            run_records.write(name, found[name])
        elif run_records.read(name) is None:
            # Not true now, but maybe again when the stages before it have run: then it need not run.
            run_records.write(name, record)
    return found


def by_dvc(stage: Stage, locked: Locked) -> Record | None:
    """What dvc.lock says of a stage as a record, if it says all of it."""
    hashes = [*locked.deps.values(), *locked.outs.values()]
    if not locked.same_cmd or any(md5 is None for md5 in hashes):
        return None
    deps, outs = ({path: Content(str(md5), "") for path, md5 in one.items()} for one in (locked.deps, locked.outs))
    return Record(stage.cmd, locked.params, deps, outs)


def mark(plan: Plan, fresh: dict[str, Record]) -> None:
    """Give every stage in `fresh` its mark, all of one time, and take the others' away.

    To Snakemake the benchmark of a job is an output as well, so it gets the same time: a benchmark older than the marks
    of the stages before would make a job run again whose Snakemake was killed before it could note the job's inputs.
    """
    now = time.time()
    for path in SHARDS.glob("*-of-*"):
        path.unlink()
    for name in plan.stages:
        done, benchmark = run_records.done_file(name), run_records.benchmark_file(name)
        if name in fresh:
            if not done.exists():
                run_records.write_done(name, fresh[name])
            for path in (done, benchmark):
                if path.exists():
                    os.utime(path, (now, now))
        else:
            done.unlink(missing_ok=True)
    if len(fresh) == len(plan.stages) and is_handed_over():
        os.utime(HANDED_OVER, (now, now))
    else:
        HANDED_OVER.unlink(missing_ok=True)


def note_handed_over() -> None:
    """From now on, until dvc.lock or a record changes, DVC knows of all that the records say."""
    with replace_file(HANDED_OVER) as temporary:
        temporary.write_text(hash_file(LOCK_FILE) + "\n", encoding="utf-8")


def is_handed_over() -> bool:
    """Whether that was noted of the dvc.lock that is there now."""
    try:
        return HANDED_OVER.read_text(encoding="utf-8") == hash_file(LOCK_FILE) + "\n"
    except FileNotFoundError:
        return False
