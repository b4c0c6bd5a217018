"""Group recordings that are alike, without a label, by the features of a trained model.

Recordings are given as for `hacm predict`, or as features that `hacm embed` wrote. The number of groups is found,
unless it is given.
"""

from pathlib import Path

from hacm.command_line import Parser, add_device, answer_early, parser
from hacm.commands import inputs


def command_line() -> Parser:
    """What may follow the program's name."""
    result = parser(__doc__, "recordings/ --model utd-mhad --out groups.csv")
    inputs.add_options(result)
    result.add_argument("--groups", type=inputs.count, metavar="N", help="number of groups (found if not given)")
    result.add_argument(
        "--smallest",
        type=inputs.count,
        default=5,
        metavar="N",
        help="fewest recordings that count as a group",
    )
    result.add_argument("--out", type=Path, metavar="FILE", help="write a row per recording (.csv)")
    result.add_argument("--json", action="store_true", help="print JSON")
    add_device(result)
    return result


answer_early(command_line, __name__)

import argparse
import json
import sys
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from hacm.commands.search import open_features
from hacm.errors import USER_MISTAKE, UserError
from hacm.files import replace_file
from hacm.models.clusters import ALONE, Group, find_groups

EXAMPLES = 3
IN_NONE = "in none"


def main() -> int:
    """Group the recordings, and write a row for each."""
    options = command_line().parse_args()
    if options.out is not None and options.out.suffix != ".csv":
        raise UserError(f"--out {options.out}: must end in .csv")
    model = inputs.open_model(options.model, options.paths, options)
    unread: list[inputs.Unread] = []
    names, features_ND = open_features(model, options.paths, options, unread)
    groups = find_groups(features_ND.numpy(), model.parts.neighbours, options.groups, options.smallest)
    show(groups, names, options)
    if all(group.number == ALONE for group in groups):
        print(f"no {options.smallest} of them are alike enough; --groups N makes N groups", file=sys.stderr)
    if options.out is not None:
        with replace_file(options.out) as path:
            pl.DataFrame(rows_of(groups, names)).write_csv(path)
    return USER_MISTAKE if inputs.tell_unread(unread) else 0


def rows_of(groups: list[Group], names: list[str]) -> list[dict[str, Any]]:
    """A row per recording: its group, from 1, and its place in it, the most typical first."""
    return [
        {"recording": names[place], "group": None if group.number == ALONE else group.number + 1, "place": rank}
        for group in groups
        for rank, place in enumerate(group.members_N.tolist(), 1)
    ]


def show(groups: list[Group], names: list[str], options: argparse.Namespace) -> None:
    """On standard output."""
    if options.json:
        print(json.dumps(rows_of(groups, names), indent=2, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("group", "recordings", "most typical"):
        table.add_column(heading, justify="right" if heading == "recordings" else "left", overflow="fold")
    for group in groups:
        title = IN_NONE if group.number == ALONE else str(group.number + 1)
        examples = ", ".join(names[place] for place in group.members_N[:EXAMPLES])
        table.add_row(title, str(len(group.members_N)), examples)
    Console().print(table)
