"""Audit a data set's version, verify it, or compare it with another. Nothing is written.

The graph's stage of the same name (`python -m stages.audit`) leaves the audit under results/.
"""

from pathlib import Path

from stages.shared import command


def command_line() -> command.Parser:
    """What may follow the program's name."""
    parser = command.parser(__doc__, example="--dataset kinect-sim --strict")
    parser.add_argument("--dataset", metavar="NAME", help="data set (those active in params.yaml if not given)")
    parser.add_argument("--store", type=Path, metavar="FOLDER", help="a store anywhere, instead of the data set's")
    parser.add_argument("--verify", action="store_true", help="recompute every file's, row's and clip's hash instead")
    parser.add_argument(
        "--strict", nargs="*", metavar="WHAT",
        help="exit code 2 for findings of these severities and kinds (error if none is named), or if clips differ",
    )  # fmt: skip
    parser.add_argument(
        "--from", dest="revisions", metavar="REV", help="compare this revision (workspace if not given) …"
    )
    parser.add_argument("--to", metavar="REV", help="… with this one: git revisions, tags, experiments")
    parser.add_argument(
        "--no-values", action="store_true", help="compare manifests alone, not by how much values differ"
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print audit.json instead of tables")
    output.add_argument("--markdown", action="store_true", help="print audit.md instead of tables")
    return parser


command.answer_early(command_line, __name__)

import argparse
import json
import sys
from dataclasses import replace

from hacm.errors import FailedCheck
from hacm.files import read_json
from pipeline.audit.changes import changes_page, collect_changes
from pipeline.audit.dataset_revisions import find_causes, open_store, read_revision
from pipeline.audit.findings import choose_strict
from pipeline.audit.integrity import report_verification, verify
from pipeline.audit.markdown import audit_page
from pipeline.audit.overview import tabulate_audit
from pipeline.audit.split_artefacts import verify_split
from pipeline.audit.version_differences import compare_versions, measure_changes
from pipeline.datasets.definition import DataSet
from pipeline.datasets.registry import find_dataset
from pipeline.text_tables import show_tables
from stages.shared import parameters, places
from stages.shared.auditing import audit_dataset, audit_store, paths_of
from stages.shared.progress import console, say


def main() -> None:
    options = command_line().parse_args()
    for dataset in find_datasets(options):
        if options.revisions is not None or options.to is not None:
            compare_revisions(dataset, options)
        elif options.verify:
            verify_store(dataset, options.store)
        else:
            show_audit(dataset, options)


def find_datasets(options: argparse.Namespace) -> list[DataSet]:
    """What to look at: the named data set, that of the store, or the active ones."""
    if options.dataset:
        return [find_dataset(options.dataset)]
    if options.store is not None:
        return [find_dataset(read_json(options.store / "store.json")["dataset"])]
    active = parameters.load(parameters.ACTIVE).get(parameters.ACTIVE)
    return [find_dataset(name) for name in active.datasets]


def show_audit(dataset: DataSet, options: argparse.Namespace) -> None:
    """Audit one version and show it; under --strict, FailedCheck for findings that are named."""
    found = audit_dataset(dataset) if options.store is None else audit_store(options.store, dataset)
    if options.json:
        print(json.dumps(found.facts, indent=2, ensure_ascii=False))
    elif options.markdown:
        print(audit_page(found.facts), end="")
    else:
        show_tables(console, tabulate_audit(found.facts, found.findings))
        say(f"{found.facts['clips']} clips, {found.facts['excluded']} excluded")
    failing = choose_strict(found.findings, options.strict or ["error"]) if options.strict is not None else []
    if failing:
        raise FailedCheck(f"{dataset.name}: {len(failing)} findings that --strict names; the first: {failing[0].text}")


def compare_revisions(dataset: DataSet, options: argparse.Namespace) -> None:
    """Show what differs between two revisions' clips; under --strict, FailedCheck if anything does."""
    place = paths_of(dataset)
    before, after = (read_revision(rev, place, dataset) for rev in (options.revisions, options.to))
    differences = compare_versions(before.tables, after.tables)
    if not differences.values.is_empty() and not options.no_values:
        with open_store(before, place) as one, open_store(after, place) as other:
            if one is not None and other is not None:
                differences = replace(differences, values=measure_changes(differences.values, one, other))
    facts = collect_changes(before, after, differences, find_causes(before, after, dataset.name), dataset.name)
    print(json.dumps(facts, indent=2, ensure_ascii=False) if options.json else changes_page(facts))
    if options.strict is not None and not differences.empty:
        raise FailedCheck(f"{dataset.name}: {before.name} and {after.name} do not hold the same clips")


def verify_store(dataset: DataSet, store: Path | None) -> None:
    """Verify a store, or the project's own and the splits made from it. FailedCheck if anything changed."""
    path = places.clips(dataset.name) if store is None else store
    found = verify(path)
    for split in (places.split(f"{dataset.name}-{rule}") for rule in dataset.splits) if store is None else ():
        if split.is_dir():
            verify_split(split, path, dataset, found)
    report_verification(found, lambda line: print(line, file=sys.stdout, flush=True))
    if found.faults:
        raise FailedCheck(f"{path}: {len(found.faults)} faults; run dvc repro, or dvc pull, to bring it back")
