"""The command line that all programs of a clone share: options, help, and how a program ends."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from hacm import command_line, protocols
from hacm.command_line import Parser, add_device, answer_early
from hacm.devices import choose_device
from hacm.errors import run_program
from hacm.interrupts import STARTS_AGAIN
from stages.shared.places import Run

__all__ = [
    "Parser",
    "add_device",
    "add_run",
    "answer_early",
    "choose_device",
    "list_known",
    "list_protocols",
    "parser",
    "program",
    "run",
    "run_of",
    "seed",
]


def parser(doc: str | None, *names: str, example: str = "") -> Parser:
    """A parser with a required option for each of `names` (dataset, benchmark, protocol, source, target).

    doc: the program's docstring, whose first line is shown. example: what may be typed after the program's name.
    """
    result = command_line.parser(doc, example, program())
    helps = {
        "dataset": f"data set{list_known('datasets')}",
        "benchmark": f"benchmark of params.yaml{list_known('benchmarks')}",
        "source": f"benchmark that the encoder was pretrained on{list_known('benchmarks')}",
        "target": "benchmark that it is fine-tuned and evaluated on",
        "protocol": f"how to evaluate the encoder{list_protocols()}",
    }
    for name in names:
        result.add_argument(f"--{name}", required=True, metavar="NAME", help=helps[name])
    return result


def program() -> str | None:
    """What the user typed to start this program; None: argparse finds out by itself."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None and spec.name.startswith("stages."):
        return f"python -m {spec.name}"
    return None  # the command `hacm` puts itself and the tool's name into sys.argv


def list_known(section: str) -> str:
    """The end of a help text that lists the names in a section of params.yaml; empty where the file cannot be read."""
    import yaml

    try:
        content = yaml.load(Path("params.yaml").read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return f": {', '.join(map(str, content[section]))}"
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return ""


def list_protocols() -> str:
    """The same for the protocols."""
    return f": {', '.join(protocols.names())}"


def add_run(parser: argparse.ArgumentParser) -> None:
    """Give a stage the options --variant and --seed, beside --benchmark: which pretraining is meant (run_of)."""
    variant = f"variant of the method{list_known('variants')}"
    parser.add_argument("--variant", default="hacm", metavar="NAME", help=variant)
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="seed of every random draw")


def run_of(options: argparse.Namespace) -> Run:
    """The pretraining that the options name."""
    return Run(options.benchmark, options.variant, options.seed)


def seed(text: str) -> int:
    """The number given to --seed, which every source of randomness accepts."""
    if not (text.isascii() and text.isdecimal()) or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 2**32 - 1, not {text!r}")
    return int(text)


def run(main: Callable[[], Any], interrupted: str = STARTS_AGAIN) -> NoReturn:
    """Run a stage and end the process; an error that the user can fix is one line (hacm.errors.run_program)."""
    run_program(main, interrupted)
