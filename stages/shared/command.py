"""The command line that all programs of a clone share: options, help, and how a program ends."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from hacm import protocols
from hacm.errors import USER_MISTAKE, UserError, drop_unread_output, end, run_program
from hacm.interrupts import STARTS_AGAIN
from stages.shared.places import Run

EXAMPLE = "example: "


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Shows a default only where there is one, and an example as it is typed, in one line."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False or action.default == []:
            return action.help
        return super()._get_help_string(action)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith(EXAMPLE) else super()._fill_text(text, width, indent)


class Parser(argparse.ArgumentParser):
    """A mistake on the command line is a user error like any other: one line, exit code 1."""

    def error(self, message: str) -> NoReturn:
        end(f"error: {message}; see {self.prog} --help", USER_MISTAKE)


def parser(doc: str | None, *names: str, example: str = "") -> Parser:
    """A parser with a required option for each of `names` (dataset, benchmark, protocol, source, target).

    doc: the program's docstring, whose first line is shown. example: what may be typed after the program's name.
    """
    result = Parser(prog=program(), description=(doc or "").strip().splitlines()[0], formatter_class=Help)
    result.epilog = f"{EXAMPLE}{result.prog} {example}" if example else None
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
    """What a user typed to start this program; None: as argparse finds out by itself."""
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


def answer_early(command_line: Callable[[], Parser], module: str) -> None:
    """Answer --help and mistakes before the imports below the call, which take seconds, if this module is what runs."""
    tool = f"hacm {module.rpartition('.')[2].replace('_', '-')}"
    if module == "__main__" or sys.argv[0] == tool:
        try:
            command_line().parse_args()
        except SystemExit:
            drop_unread_output()
            raise


def add_run(parser: argparse.ArgumentParser) -> None:
    """Give a stage the options --variant and --seed, beside --benchmark: which pretraining is meant (run_of)."""
    variant = f"variant of the method{list_known('variants')}"
    parser.add_argument("--variant", default="hacm", metavar="NAME", help=variant)
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="seed of every random draw")


def run_of(options: argparse.Namespace) -> Run:
    """The pretraining that the options name."""
    return Run(options.benchmark, options.variant, options.seed)


def seed(text: str) -> int:
    """What --seed means: a number that every source of randomness takes."""
    if not (text.isascii() and text.isdecimal()) or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 2**32 - 1, not {text!r}")
    return int(text)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Give a program the option --device (choose_device)."""
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto: cuda where there is one")


def choose_device(wanted: str) -> str:
    """The device to compute on; UserError if it is asked for and not there."""
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        raise UserError("--device cuda: PyTorch sees no CUDA device; use --device cpu or install a CUDA build of torch")
    return wanted


def run(main: Callable[[], Any], interrupted: str = STARTS_AGAIN) -> NoReturn:
    """Run a stage and end the process: mistakes the user can mend are one line (hacm.errors.run_program)."""
    run_program(main, interrupted)
