"""Keep results as published records, under version control, and make the docs' tables of them.

A result is named as for `hacm compare`: REVISION[:[BENCHMARK/]VARIANT[/seed-N[/PROTOCOL]]]. Without one, only the
docs' tables are updated, those of records and those of code. With --check nothing is written: what is here is
compared with what is published.
"""

from stages.shared import command


def command_line() -> command.Parser:
    """What may follow the program's name."""
    parser = command.parser(__doc__, example="workspace:utd-mhad-xsub/hacm/seed-0")
    parser.add_argument("results", metavar="RESULTS", nargs="*", help="results to keep in docs/records")
    parser.add_argument("--check", action="store_true", help="compare with what is published; exit code 2 if different")
    return parser


command.answer_early(command_line, __name__)

from hacm.errors import FailedCheck, name_some
from pipeline import text_tables
from pipeline.comparison.result_sets import open_result_sets
from pipeline.graph.revisions import WORKSPACE
from pipeline.records import reproduction
from pipeline.records.pages import fill_pages
from pipeline.records.records import add_results
from stages.shared.progress import say, table_console


def main() -> None:
    options = command_line().parse_args()
    if options.check:
        check(options.results or [WORKSPACE])
        return
    with open_result_sets(options.results) as sets:
        for results in sets:
            say(f"recorded: {name_some(add_results(results))}")
    for page in fill_pages():
        say(f"tables updated: {page}")


def check(names: list[str]) -> None:
    """Show the results beside the published ones; FailedCheck if one of them differs by more than rounding explains."""
    with open_result_sets(names) as sets:
        found = [one for results in sets for one in reproduction.compare_with_records(results)]
    text_tables.show_tables(table_console(), [reproduction.tabulate(found)])
    if differing := [one.name for one in found if one.differs]:
        raise FailedCheck(f"not as published: {name_some(differing)}")
