"""Completion of the command `hacm` by the shells bash and zsh: a script for each, made of the commands' own options."""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hacm.command_line import parser_of
from hacm.errors import UserError
from hacm.models.finding import list_shipped

Completed = Mapping[str, Any]
"""By shell, the function that completes a value."""
SHELLS = ("bash", "zsh")
MODELS = ("--model", "--from")
"""Options whose value is the name of a shipped model, or a model's folder."""
FOLDER = "FOLDER"
PLACES = ("PATH", "FILE", FOLDER)
"""What stands for a file or a folder in help."""

MODEL_FUNCTIONS = {
    "bash": '_hacm_models() {{ compgen -W "{names}" -- "$1"; compgen -d -- "$1"; }}',
    "zsh": "_hacm_models() {{ compadd {names}; _files -/ }}",
}


def write_completion(shell: str, commands: Mapping[str, str], modules: Mapping[str, str]) -> str:
    """The script. commands: the line of help of each; modules: where the options of each are defined.

    UserError for another shell.
    """
    import shtab  # here and not above: only this takes it

    if shell not in SHELLS:
        raise UserError(f"--completion {shell}: must be {' or '.join(SHELLS)}")
    whole = argparse.ArgumentParser("hacm")
    whole.add_argument("--version", action="store_true", help="the version")
    each = whole.add_subparsers()
    for name, line in commands.items():
        options = parser_of(modules[name])
        one = each.add_parser(name, help=line, parents=[options], add_help=False, prog=f"hacm {name}")
        for action, completed in complete_values(one, shtab.FILE, shtab.DIRECTORY):
            action.complete = completed  # type: ignore[attr-defined]
    functions = MODEL_FUNCTIONS[shell].format(names=" ".join(list_shipped()))
    preamble: Any = {shell: functions}
    return str(shtab.complete(whole, shell=shell, preamble=preamble))


def complete_values(
    parser: argparse.ArgumentParser, file: Completed, folder: Completed
) -> Iterator[tuple[argparse.Action, Completed]]:
    """The options and arguments whose values are completed, and how."""
    for action in parser._actions:
        if any(name in MODELS for name in action.option_strings) and action.metavar != FOLDER:
            yield action, dict.fromkeys(SHELLS, "_hacm_models")
        elif action.type is Path or action.metavar in PLACES:
            yield action, folder if action.metavar == FOLDER else file
