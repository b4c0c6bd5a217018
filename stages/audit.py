"""Audit a data set's version: counts, provenance, leakage, duplicates, faulty values. By hand: hacm audit."""

from stages.shared import command


def command_line() -> command.Parser:
    """The parser of the command line."""
    return command.parser(__doc__, "dataset", example="--dataset kinect-sim")


command.answer_early(command_line, __name__)

from pathlib import Path

from hacm.files import replace_directory, write_json
from pipeline.audit import Audit
from pipeline.audit.markdown import audit_page
from pipeline.audit.overview import tabulate_audit
from pipeline.datasets.registry import find_dataset
from pipeline.text_tables import show_tables
from stages.shared import box, places
from stages.shared.auditing import audit_dataset
from stages.shared.progress import console, say

PARAMS: tuple[str, ...] = ()


def main() -> None:
    dataset = find_dataset(command_line().parse_args().dataset)
    found = audit_dataset(dataset)
    write(found, places.dataset_results(dataset.name) / "audit")
    show_tables(console, tabulate_audit(found.facts, found.findings))
    say(f"{found.facts['clips']} clips, {found.facts['excluded']} excluded")


def write(found: Audit, folder: Path) -> None:
    """audit.json and audit.md; clips.csv, measurements of every clip; altered.csv, all that was done to any."""
    with replace_directory(folder) as temporary:
        write_json(temporary / "audit.json", found.facts)
        (temporary / "audit.md").write_text(audit_page(found.facts), encoding="utf-8")
        found.measures.write_csv(temporary / "clips.csv", float_precision=6)
        found.alterations.write_csv(temporary / "altered.csv")


if __name__ == "__main__":
    box.run(main, "audit", command_line())
