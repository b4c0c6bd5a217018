"""After a Snakemake run, enters what it made into DVC's records, as `dvc commit -f` would, but with checks.

A stage is handed over only if its job's record still matches: command, parameters, inputs, outputs. A stage whose
output was edited by hand, or made from something else, is refused and named.
"""

import sys
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hacm.errors import UserError
from hacm.files import replace_file
from pipeline.engine.mending import note_handed_over
from pipeline.graph import plan as plans
from pipeline.graph import run_records
from pipeline.graph.damage import mend_dvc_files
from pipeline.graph.lock import LOCK_FILE
from pipeline.graph.run_records import Contents, Record


@dataclass
class Outcome:
    """accepted: stages handed over just now. refused: why each of the others was not."""

    accepted: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def hand_over() -> Outcome:
    """Hand over every stage that has a record which DVC does not know of yet."""
    mend_dvc_files(partial(print, file=sys.stderr))
    plan, locked = plans.resolve()
    outcome, contents = Outcome(), Contents()
    kept = {name: record for name in plan.stages if (record := run_records.read(name))}
    for record in kept.values():
        contents.remember(record)
    accepted: dict[str, Record] = {}
    for name, record in kept.items():
        stage = plan.stages[name]
        if record.is_locked(locked[name]):
            continue  # DVC knows, be it true now or not
        difference = record.difference(stage, contents)
        if difference:
            outcome.refused[name] = difference
        else:
            accepted[name] = record
    if accepted:
        commit(accepted)
    outcome.accepted = list(accepted)
    if not outcome.refused and LOCK_FILE.exists():
        note_handed_over()
    return outcome


def commit(accepted: dict[str, Record]) -> None:
    """Write the stages into dvc.lock and their outputs into DVC's cache; UserError if DVC saw other content.

    DVC hashes the files itself. Should one have changed since it was compared, dvc.lock is put back as it was.
    """
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.repo import Repo

    before = LOCK_FILE.read_bytes() if LOCK_FILE.exists() else None
    try:
        with Repo() as repo, repo.lock:
            stages = [stage for stage in repo.index.stages if stage.name in accepted]
            for stage in stages:
                stage.save()
                stage.commit()
            differing = [stage.name for stage in stages if not agrees(stage, accepted[stage.name])]
            if not differing:
                stages[0].dvcfile.dump_stages(stages, update_pipeline=False)
    except LockError as error:
        raise UserError(f"DVC is at work ({error}); then run: python -m pipeline.engine hand-over") from error
    except DvcException as error:
        _put_back(before)
        raise UserError(f"DVC could not take over: {error}") from error
    if differing:
        raise UserError(f"{differing[0]}: its files changed while DVC took them over; start snakemake again")


def agrees(stage: Any, record: Record) -> bool:
    """Whether DVC hashed the same content that the stage's job recorded."""
    seen = {str(one.def_path): one.hash_info.value for one in (*stage.deps, *stage.outs) if not hasattr(one, "params")}
    return seen == {path: content.md5 for path, content in (record.deps | record.outs).items()}


def _put_back(before: bytes | None) -> None:
    if before is None:
        LOCK_FILE.unlink(missing_ok=True)
    else:
        with replace_file(LOCK_FILE) as temporary:
            temporary.write_bytes(before)
