"""Choose what `dvc repro` covers: rewrites `active` in params.yaml and nothing else.

Variants, seeds and protocols that are not given stay as they are; without --transfer-from there is no transfer.
"""

import argparse
from collections.abc import Iterable
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from hacm import protocols
from hacm.errors import UserError
from pipeline.datasets.registry import find_benchmark
from pipeline.yaml_tree import read_yaml, write_yaml
from stages.shared import arguments, parameters
from stages.shared.console import run, say

ALL = "all"


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
    """The command line."""
    parser = arguments.parser(__doc__)
    parser.add_argument("benchmarks", nargs="+", metavar="BENCHMARK", help="such as utd-mhad-xsub")
    for name, what in {
        "variants": "keys of `variants` in params.yaml",
        "protocols": "ways to evaluate an encoder",
    }.items():
        help_text = f"{what}, or {ALL}; those active now if not given"
        parser.add_argument(f"--{name}", nargs="+", default=argparse.SUPPRESS, metavar="NAME", help=help_text)
    seeds = "those active now if not given"
    parser.add_argument("--seeds", nargs="+", type=arguments.seed, default=argparse.SUPPRESS, metavar="N", help=seeds)
    for name, what in {"from": "pretrained on these", "to": "evaluated on these"}.items():
        help_text = f"transfer: encoders {what}; none if not given"
        parser.add_argument(
            f"--transfer-{name}", nargs="+", default=argparse.SUPPRESS, metavar="BENCHMARK", help=help_text
        )
    nothing: dict[str, list[Any]] = {
        name: [] for name in ("variants", "protocols", "seeds", "transfer_from", "transfer_to")
    }
    options = argparse.Namespace(**nothing | vars(parser.parse_args()))
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
    say(f"{parameters.PARAMS_FILE}: active are now {', '.join(active['benchmarks'])}")
    for part in ("variants", "seeds", "protocols"):
        say(f"{part}: {', '.join(map(str, active[part]))}")
    if transfer["sources"]:
        say(f"transfer: from {', '.join(transfer['sources'])} to {', '.join(transfer['targets'])}")
    say(f"pretrainings: {pretrainings}")


if __name__ == "__main__":
    run(main)
