"""Choose what `dvc repro` covers: rewrites only `active` in params.yaml.

Variants, seeds and protocols that are not given stay as they are. Without --transfer-from, nothing is transferred.
"""

from stages.shared import command

ALL = "all"


def command_line() -> command.Parser:
    """The parser of the command line."""
    parser = command.parser(__doc__, example="utd-mhad-xsub --variants hacm random --seeds 0 1 2")
    parser.add_argument(
        "benchmarks",
        nargs="+",
        metavar="BENCHMARK",
        help=f"benchmarks of params.yaml{command.list_known('benchmarks')}",
    )
    for name, what in {
        "variants": f"variants, or {ALL} (default: those active now){command.list_known('variants')}",
        "protocols": f"protocols, or {ALL} (default: those active now){command.list_protocols()}",
        "transfer-from": "benchmarks whose encoders are fine-tuned on others (default: none)",
        "transfer-to": "benchmarks on which these are fine-tuned and evaluated (default: none)",
    }.items():
        parser.add_argument(f"--{name}", nargs="+", default=[], metavar="NAME", help=what)
    parser.add_argument(
        "--seeds", nargs="+", type=command.seed, default=[], metavar="N", help="seeds (default: those active now)"
    )
    return parser


command.answer_early(command_line, __name__)

import argparse
from collections.abc import Iterable
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from hacm import protocols
from hacm.errors import UserError
from pipeline.datasets.registry import find_benchmark, find_dataset
from pipeline.ingest.gathering import RECEIPT
from pipeline.yaml_tree import read_yaml, write_yaml
from stages.shared import parameters, places
from stages.shared.progress import say


def main() -> None:
    options = parse()
    names = dict.fromkeys([*options.benchmarks, *options.transfer_from, *options.transfer_to])
    chosen = {name: find_benchmark(name)[0].name for name in names}
    parameters.check_file(parameters.PARAMS_FILE)
    tree = read_yaml(parameters.PARAMS_FILE)
    for name in chosen:
        if name not in tree["benchmarks"]:
            empty = f"benchmarks.{name}: {{train: {{}}, evaluate: {{}}}}"
            raise UserError(f"{parameters.PARAMS_FILE}: no recipe for {name}; add {empty}")
    active = tree["active"]
    active["datasets"] = in_one_line(chosen.values())
    active["benchmarks"] = CommentedMap(chosen)
    active["benchmarks"].fa.set_flow_style()
    if options.variants:
        active["variants"] = in_one_line(tree["variants"] if options.variants == [ALL] else options.variants)
    if options.seeds:
        active["seeds"] = in_one_line(options.seeds)
    if options.protocols:
        active["protocols"] = in_one_line(protocols.names() if options.protocols == [ALL] else options.protocols)
    for part, benchmarks in {"sources": options.transfer_from, "targets": options.transfer_to}.items():
        active["transfer"][part] = in_one_line(benchmarks)
    write_yaml(tree, parameters.PARAMS_FILE, parameters.check_file)
    announce(active)


def parse() -> argparse.Namespace:
    """The command line; UserError for half of a transfer."""
    options = command_line().parse_args()
    if bool(options.transfer_from) != bool(options.transfer_to):
        raise UserError("--transfer-from and --transfer-to: give both, or neither")
    return options


def in_one_line(values: Iterable[Any]) -> CommentedSeq:
    """The values without repetitions, to be written as […]."""
    listed = CommentedSeq(dict.fromkeys(values))
    listed.fa.set_flow_style()
    return listed


def announce(active: Any) -> None:
    """What is active now, and how much work it is."""
    pretrainings = len(active["benchmarks"]) * len(active["variants"]) * len(active["seeds"])
    transfer = active["transfer"]
    say(f"{parameters.PARAMS_FILE}: now active: {', '.join(active['benchmarks'])}")
    for part in ("variants", "seeds", "protocols"):
        say(f"{part}: {', '.join(map(str, active[part]))}")
    if transfer["sources"]:
        say(f"transfer: from {', '.join(transfer['sources'])} to {', '.join(transfer['targets'])}")
    say(f"pretrainings: {pretrainings}")
    for dataset in map(find_dataset, active["datasets"]):
        raw = places.raw(dataset.name)
        if dataset.gated and not (raw / RECEIPT).exists():
            say(f"first: request the data of {dataset.title} at {dataset.page} and put it into {raw}")
    say("next: make repro runs what is missing, and dvc repro --dry lists it; report/ then shows these benchmarks")
