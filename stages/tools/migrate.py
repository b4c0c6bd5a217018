"""Turn a project worked in at commit aaa4aa5 into one of today's code: nothing that was computed is lost.

Stores, models and results are converted, and finished work is entered as such, so that `dvc repro` takes it over. It
may be killed at any moment and started again. docs/upgrading.md says what becomes of what.
"""

from pathlib import Path

from stages.shared import command


def command_line() -> command.Parser:
    """What may follow the program's name."""
    parser = command.parser(__doc__, example="--dry-run")
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH",
        help="convert only what is in this place: a store, a model, a folder of results",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument(
        "--trust-code", action="store_true",
        help="also take over work done with code that differs from the commit's: you know that today's does the same",
    )  # fmt: skip
    return parser


command.answer_early(command_line, __name__)

import argparse
import sys
from collections.abc import Callable, Iterator

from hacm.errors import UserError, name_some
from pipeline.graph import fingerprint
from pipeline.graph.damage import hold_dvc
from pipeline.graph.finished import Shelf
from pipeline.migration.adoption import WRITTEN_ANEW, Examiner, Stage, list_stages, read_stages
from pipeline.migration.conversions import Conversion, Converter, mend
from pipeline.migration.journal import Journal
from stages.shared import parameters, places
from stages.shared.progress import say
from stages.shared.unfinished import find_unfinished


def main() -> None:
    options = command_line().parse_args()
    for path in options.paths:
        if not path.exists():
            raise UserError(f"{path}: not found")
    if not options.paths:
        parameters.check_file(parameters.PARAMS_FILE)
    with hold_dvc():
        done, problems = migrate(options)
    if not done and not problems:
        say("nothing to migrate")
    if problems:
        raise UserError(f"{len(problems)} not converted: {name_some(problems)}; what can be done is done")


def migrate(options: argparse.Namespace) -> tuple[int, list[str]]:
    """Convert and take over; returns how many things it named, and where what could not be converted lies."""
    journal = Journal()
    for path in mend():
        say(f"{path}: put back, as a conversion was killed on the way")
    unfinished = [] if options.paths else list(find_unfinished())
    done, problems = 0, []
    for look in look_at(options):
        try:
            found = look()
            if found:
                carry_out(found, journal, dry_run=options.dry_run)
                done += 1
        except UserError as error:
            print(error, file=sys.stderr)
            problems.append(str(error).split(":")[0])
    for one in unfinished:
        if not options.dry_run:
            one.convert()
        say(str(one))
    done += len(unfinished) + (take_over(options, journal) if not options.paths else 0)
    return done, problems


def look_at(options: argparse.Namespace) -> Iterator[Callable[[], Conversion | None]]:
    """What may have to be converted, in order."""
    recorded = {path: md5 for stage in read_stages().values() for path, md5 in stage.outs.items()}
    converter = Converter(recorded, trusting=options.trust_code)
    for top in options.paths or [Path()]:
        yield from converter.find(top)


def carry_out(conversion: Conversion, journal: Journal, *, dry_run: bool) -> None:
    """Note it, do it, say it."""
    if not dry_run:
        journal.add(conversion.outputs())
        conversion.apply()
    say(str(conversion))


def take_over(options: argparse.Namespace, journal: Journal) -> int:
    """Enter as finished work what was up to date and is the same work now, and say of every other stage why not.

    Returns of how many stages something was said.
    """
    examiner = Examiner(journal, trusting=options.trust_code)
    said = 0
    for stage in list_stages():
        if stage.kind in WRITTEN_ANEW or not stage.is_former:
            continue
        reason = examiner.reason_against(stage)
        if reason or options.dry_run or enter(stage):
            say(f"{stage.name}: {f'not taken over: {reason}' if reason else 'its finished work is taken over'}")
            said += 1
    examiner.keep_hashes()
    return said


def enter(stage: Stage) -> bool:
    """Enter a stage's outputs as its finished work under the present fingerprint; False if they are that already."""
    taken = fingerprint.take(stage.kind, stage.names)
    shelf = Shelf(places.finished(), stage.declared)
    if taken is None:
        return False
    finished = shelf.find(taken)
    if finished is None:
        shelf.put(taken)
    else:
        shelf.restore(finished)  # a kill may have come before it was in fingerprints.json
    return finished is None
