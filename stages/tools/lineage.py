"""Where a result comes from (behind), and what depends on a raw file, code or a parameter (affected-by).

Nothing is run, and nothing but hashes is kept.
"""

from stages.shared import command


def command_line() -> command.Parser:
    """What may follow the program's name."""
    parser = command.parser(__doc__, example="behind results/benchmarks/kinect-sim-xsub/hacm/seed-0/linear")
    directions = parser.add_subparsers(dest="direction", required=True, metavar="DIRECTION")
    backward = directions.add_parser("behind", help="from a result to the raw files, parameters, code and checkpoint")
    backward.add_argument(
        "thing", metavar="RESULT", help="a file, with or without :METRIC, a stage such as report, or"
        " published:BENCHMARK/VARIANT/seed-N/PROTOCOL, a figure of docs/results.md"
    )  # fmt: skip
    backward.add_argument("--rev", help="as recorded in this git revision's dvc.lock")
    backward.add_argument("--clip", metavar="NAME", help="only this clip: raw file, cleaning, part, prediction")
    backward.add_argument("--files", action="store_true", help="list every raw recording, one per line")
    forward = directions.add_parser("affected-by", help="from a raw file, a recording, code or a parameter to results")
    forward.add_argument("thing", metavar="THING", help="a path, a key of params.yaml, a recording, a stage")
    for direction in (backward, forward):
        direction.add_argument("--all", action="store_true", help="also show what is as recorded, and whole hashes")
        direction.add_argument("--json", action="store_true", help="print JSON instead of tables")
        direction.add_argument(
            "--strict", action="store_true", help="exit code 2 if something is stale or contradicted"
        )
    return parser


command.answer_early(command_line, __name__)

import argparse
import json
from typing import Any

from hacm.errors import FailedCheck, UserError, name_some
from pipeline.graph.revisions import read_lock_at
from pipeline.lineage import affected, behind, display
from pipeline.lineage.artefacts import ArtefactReader
from pipeline.lineage.clip_history import trace_clip
from pipeline.lineage.published import PREFIX, describe_published, describe_published_clip
from pipeline.lineage.recorded_graph import RecordedGraph
from stages.shared.progress import table_console


def main() -> None:
    options = command_line().parse_args()
    if options.direction == "behind" and options.thing.startswith(PREFIX):
        show_published(options)
        return
    graph = RecordedGraph.read()
    try:
        (show_behind if options.direction == "behind" else show_affected)(graph, options)
    finally:
        graph.keep_hashes()


def show_published(options: argparse.Namespace) -> None:
    """Behind a published figure: its record. UserError for options that ask about a run that is here."""
    if options.rev or options.files or options.strict:
        raise UserError(f"{options.thing}: --rev, --files and --strict are about runs that are here, not about records")
    text, clip = options.thing, options.clip
    facts = describe_published_clip(text, clip) if clip else describe_published(text)
    show(facts, lambda console, found, _: display.show_published(console, found), options)


def show_behind(graph: RecordedGraph, options: argparse.Namespace) -> None:
    """From a result to all that made it."""
    if options.rev:
        graph = graph.at(read_lock_at(options.rev))
    reader = ArtefactReader(graph.contents)
    trace = behind.trace_back(graph, reader, behind.find_target(graph, options.thing))
    if options.clip:
        facts = trace_clip(reader, trace, options.clip)
        show(facts, lambda console, found, _: display.show_clip(console, found), options)
    elif options.files and not options.json:
        for row in behind.list_recordings(reader, trace):
            print(row["source_sha256"] or "left out", row["source"], sep="  ")
    else:
        facts = behind.describe_origin(graph, reader, trace, options.rev or "HEAD")
        if options.files:
            facts["recordings"] = list(behind.list_recordings(reader, trace))
        show(facts, display.show_behind, options)
    if options.strict:
        check_behind(graph, trace)


def check_behind(graph: RecordedGraph, trace: behind.Trace) -> None:
    """FailedCheck if a stage behind the result is not current, or if what is recorded of it contradicts itself."""
    stale = [name for name in trace.chain if graph.state_of(name).state != "current"]
    told = [f"stale; {len(stale)} stages behind it are not current, from {stale[0]} on"] if stale else []
    told += behind.find_contradictions(graph, trace)
    if told:
        raise FailedCheck(f"{trace.target.stage}: {name_some(told)}")


def show_affected(graph: RecordedGraph, options: argparse.Namespace) -> None:
    """From a cause to all that depends on it."""
    facts = affected.describe_effects(graph, affected.find_cause(graph, options.thing))
    show(facts, display.show_affected, options)
    if options.strict and facts["counts"]["stale"]:
        raise FailedCheck(f"{facts['cause']}: {facts['counts']['stale']} stages that depend on it are stale")


def show(facts: dict[str, Any], draw: Any, options: argparse.Namespace) -> None:
    """Facts as JSON or as tables, on standard output."""
    if options.json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    draw(table_console(), facts, options.all)
