"""Compare results of revisions, experiments or runs: data, code, parameters that differ, then figures, classes, costs.

A, B, C: REVISION[:[BENCHMARK/]VARIANT[/seed-N[/PROTOCOL]]]; a revision is `workspace`, a git revision, a tag or a DVC
experiment. Without a run: all results that all of them have.
"""

from stages.shared import command

FORM = "REVISION[:[BENCHMARK/]VARIANT[/seed-N[/PROTOCOL]]]"
REVISIONS = "a revision is workspace, a git revision, a tag or an experiment"


def command_line() -> command.Parser:
    """What may follow the program's name."""
    parser = command.parser(__doc__, example="HEAD workspace:hacm/seed-0/linear")
    parser.add_argument("first", metavar="A", help=f"what to compare the others with: {FORM}")
    parser.add_argument("others", metavar="B", nargs="+", help=f"compared with it; {REVISIONS}")
    parser.add_argument("--all", action="store_true", help="name every file of code that differs")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print JSON, with classes that did not change")
    output.add_argument("--markdown", action="store_true", help="print Markdown")
    return parser


command.answer_early(command_line, __name__)

import argparse
import json
from typing import Any

from hacm.errors import UserError
from pipeline import text_tables
from pipeline.comparison import comparison_tables, figures, origins
from pipeline.comparison.result_sets import match_results, open_result_sets
from stages.shared.auditing import paths_of
from stages.shared.progress import table_console


def main() -> None:
    options = command_line().parse_args()
    with open_result_sets([options.first, *options.others]) as sets:
        matches = match_results(sets)
        found = origins.describe_origins(sets, matches, paths_of)
        try:
            found |= figures.describe_outcomes(sets, matches)
        except UserError as error:
            write(found | {"refused": str(error)}, options)
            raise
    write(found, options)


def write(found: dict[str, Any], options: argparse.Namespace) -> None:
    """On standard output."""
    if options.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    elif options.markdown:
        print(text_tables.markdown_page(comparison_tables.tabulate_comparison(found)), end="")
    else:
        tables = comparison_tables.tabulate_comparison(found, everything=options.all)
        text_tables.show_tables(table_console(), tables)
