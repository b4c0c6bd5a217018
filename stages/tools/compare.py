"""Compare results of revisions, experiments or runs: first what differs behind them, then figures, classes and costs.

A and B: REVISION[:[BENCHMARK/]VARIANT[/seed-N[/PROTOCOL]]]. The revision is `workspace`, a git revision, a tag or a DVC
experiment. Without a run, all results that every revision has are compared.
"""

from pathlib import Path

from stages.shared import command

FORM = "REVISION[:[BENCHMARK/]VARIANT[/seed-N[/PROTOCOL]]]"
REVISIONS = "a revision is workspace, a git revision, a tag or an experiment"


def command_line() -> command.Parser:
    """The parser of the command line."""
    parser = command.parser(__doc__, example="HEAD workspace:hacm/seed-0/linear")
    parser.add_argument("first", metavar="A", help=f"the side that the others are compared with: {FORM}")
    parser.add_argument("others", metavar="B", nargs="+", help=f"one or more sides to compare with it; {REVISIONS}")
    parser.add_argument("--all", action="store_true", help="list every code file that differs")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print JSON, with the unchanged classes too")
    output.add_argument("--markdown", action="store_true", help="print Markdown")
    output.add_argument(
        "--html", metavar="FILE", type=Path, help="write a page with curves, and the clips won and lost"
    )
    return parser


command.answer_early(command_line, __name__)

import argparse
import json
from collections.abc import Sequence
from typing import Any

from hacm.errors import UserError
from hacm.files import replace_file
from pipeline import text_tables
from pipeline.comparison import comparison_tables, figures, origins
from pipeline.comparison.page import compose_comparison
from pipeline.comparison.result_sets import Match, ResultSet, match_results, open_result_sets
from pipeline.report import to_html
from stages.shared.auditing import paths_of
from stages.shared.progress import say, table_console


def main() -> None:
    options = command_line().parse_args()
    with open_result_sets([options.first, *options.others]) as sets:
        matches = match_results(sets)
        found = origins.describe_origins(sets, matches, paths_of)
        try:
            found |= figures.describe_outcomes(sets, matches)
        except UserError as error:
            write(found | {"refused": str(error)}, sets, matches, options)
            raise
        write(found, sets, matches, options)


def write(
    found: dict[str, Any], sets: Sequence[ResultSet], matches: Sequence[Match], options: argparse.Namespace
) -> None:
    """On standard output, or as a page into a file."""
    if options.html:
        text = to_html(compose_comparison(found, sets, matches))
        with replace_file(options.html) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
        say(f"the page: {options.html.resolve()}")
    elif options.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    elif options.markdown:
        print(text_tables.markdown_page(comparison_tables.tabulate_comparison(found)), end="")
    else:
        tables = comparison_tables.tabulate_comparison(found, everything=options.all)
        text_tables.show_tables(table_console(), tables)
