"""The command reference, made of the parsers that answer `--help`."""

import argparse
import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from hacm.__main__ import COMMANDS, TOOLS

WIDTH = 90
"""Columns of a help text."""
MARK = re.compile(r"<!-- commands: (\w+) -->")


def fill_commands(page: str) -> str:
    """Replace each mark `<!-- commands: GROUP -->` of a page by the commands of that group; KeyError for no group."""
    return MARK.sub(lambda found: "\n".join(describe(*command) for command in GROUPS[found[1]]()), page)


def using() -> Iterator[tuple[str, str]]:
    """Commands that use a model: what is typed, and the module."""
    return ((f"hacm {name}", f"hacm.commands.{name}") for name in COMMANDS)


def working() -> Iterator[tuple[str, str]]:
    """Commands that work on a project."""
    return ((f"hacm {name}", f"stages.tools.{name.replace('-', '_')}") for name in TOOLS)


def stages() -> Iterator[tuple[str, str]]:
    """The stages of the graph, in its order."""
    names = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return ((f"python -m stages.{name}", f"stages.{name}") for name in names)


GROUPS: dict[str, Callable[[], Iterator[tuple[str, str]]]] = {"using": using, "working": working, "stages": stages}


def describe(typed: str, module: str) -> str:
    """A section of Markdown: the command, its module's docstring, and its help as the terminal shows it."""
    loaded = importlib.import_module(module)
    with typing(typed):
        parser: argparse.ArgumentParser = loaded.command_line()
        parser.prog = typed
        help_text = parser.format_help()
    return f"### {typed}\n\n{inspect.getdoc(loaded)}\n\n```text\n{help_text.rstrip()}\n```\n"


@contextmanager
def typing(command: str) -> Iterator[None]:
    """As if the command had been typed, in a terminal of WIDTH columns without colours."""
    words, before = sys.argv, {name: os.environ.get(name) for name in ("COLUMNS", "NO_COLOR")}
    sys.argv = [command]
    os.environ.update(COLUMNS=str(WIDTH), NO_COLOR="1")
    try:
        yield
    finally:
        sys.argv = words
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
