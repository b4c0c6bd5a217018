"""Gather everything in results/ into one self-contained HTML page and a Markdown table."""

from stages.shared import command


def command_line() -> command.Parser:
    """The parser of the command line."""
    return command.parser(__doc__)


command.answer_early(command_line, __name__)

from pathlib import Path

from pipeline.report import build
from pipeline.report.collecting import Selection
from stages.shared import box, parameters, places
from stages.shared.progress import say

PARAMS = parameters.keys(parameters.ACTIVE)


def main() -> None:
    command_line().parse_args()
    active = parameters.load(parameters.ACTIVE).get(parameters.ACTIVE)
    selection = Selection(
        benchmarks=active.benchmarks,
        datasets=active.datasets,
        protocols=active.protocols,
        variants=active.variants,
        seeds=active.seeds,
        sources=active.transfer.sources,
        targets=active.transfer.targets,
    )
    build(places.RESULTS, selection, places.REPORT)
    say((places.REPORT / "report.md").read_text(encoding="utf-8"))
    say(f"the page: {Path(places.REPORT / 'report.html').resolve()}")


if __name__ == "__main__":
    box.run(main, "report", command_line())
