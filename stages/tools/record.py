"""Keep results as published records, under version control, and make the docs' tables of them.

A result is named as for `hacm compare`: REVISION[:[BENCHMARK/]VARIANT[/seed-N[/PROTOCOL]]]. Without one, the tables of
README.md and docs/results.md are made anew.
"""

from stages.shared import command


def command_line() -> command.Parser:
    """What may follow the program's name."""
    parser = command.parser(__doc__, example="workspace:utd-mhad-xsub/hacm/seed-0")
    parser.add_argument("results", metavar="RESULTS", nargs="*", help="what to put down in docs/records")
    return parser


command.answer_early(command_line, __name__)

from hacm.errors import name_some
from pipeline.comparison.result_sets import open_result_sets
from pipeline.records.pages import fill_pages
from pipeline.records.records import add_results
from stages.shared.progress import say


def main() -> None:
    options = command_line().parse_args()
    with open_result_sets(options.results) as sets:
        for results in sets:
            say(f"recorded: {name_some(add_results(results))}")
    for page in fill_pages():
        say(f"its tables made anew: {page}")
