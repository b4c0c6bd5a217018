"""The command line that all programs share: options, help, and how a mistake in it ends."""

import argparse
import importlib
import sys
from collections.abc import Callable
from typing import NoReturn

from hacm.errors import USER_MISTAKE, drop_unread_output, end

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
        """End the program with one line and exit code 1."""
        end(f"error: {message}; see {self.prog} --help", USER_MISTAKE)


def parser(doc: str | None, example: str = "", prog: str | None = None) -> Parser:
    """A parser without options.

    doc: the program's docstring, whose first line is shown. example: what may be typed after the program's name. prog:
    that name, if it is not what is in sys.argv.
    """
    result = Parser(prog=prog, description=(doc or "").strip().splitlines()[0], formatter_class=Help)
    result.epilog = f"{EXAMPLE}{result.prog} {example}" if example else None
    return result


class _Asked(Exception):
    """Carries a command line out of a module that is being imported."""

    def __init__(self, command_line: Parser) -> None:
        self.command_line = command_line


_asked: set[str] = set()
"""Modules whose command line alone is asked for."""


def parser_of(module: str) -> Parser:
    """The command line of a module that calls answer_early, without the imports below the call."""
    if hasattr(sys.modules.get(module), "command_line"):
        known: Parser = sys.modules[module].command_line()
        return known
    _asked.add(module)
    try:
        importlib.import_module(module)
    except _Asked as asked:
        return asked.command_line
    finally:
        _asked.remove(module)
    raise ValueError(f"{module} does not call answer_early")


def answer_early(command_line: Callable[[], Parser], module: str) -> None:
    """Answer --help and mistakes before the imports below the call, which take seconds, if this module is what runs."""
    if module in _asked:
        raise _Asked(command_line())
    tool = f"hacm {module.rpartition('.')[2].replace('_', '-')}"
    if module == "__main__" or sys.argv[0] == tool:
        try:
            command_line().parse_args()
        except SystemExit:
            drop_unread_output()
            raise


def add_device(parser: argparse.ArgumentParser) -> None:
    """Give a program the option --device (hacm.devices.choose_device)."""
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto: cuda where there is one")
