"""Audit a data set's version: counts, provenance, leakage, duplicates, values; verify it; compare it with another."""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from hacm.errors import UserError
from hacm.files import read_json, replace_directory, write_json
from pipeline.audit import Audit, audit
from pipeline.audit.changes import changes_page, collect_changes
from pipeline.audit.dataset_revisions import DataSetPaths, find_causes, open_store, read_revision
from pipeline.audit.findings import choose_strict
from pipeline.audit.integrity import report_verification, verify
from pipeline.audit.markdown import audit_page
from pipeline.audit.overview import tabulate_audit
from pipeline.audit.provenance import Origin, find_origin
from pipeline.audit.split_artefacts import verify_split
from pipeline.audit.version_differences import compare_versions, measure_changes
from pipeline.datasets.definition import DataSet
from pipeline.datasets.registry import find_dataset
from pipeline.store.store import SkeletonStore
from pipeline.text_tables import show_tables
from stages.shared import arguments, box, parameters, places
from stages.shared.console import console, say

PARAMS: tuple[str, ...] = ()


def main() -> None:
    options = parse()
    if options.revisions is not None or options.to is not None:
        for name in [options.dataset] if options.dataset else active_datasets():
            compare_revisions(find_dataset(name), options)
        return
    for dataset, path in find_stores(options):
        if options.verify:
            verify_store(dataset, path, in_place=options.store is None)
        else:
            audit_store(dataset, path, options)


def parse() -> argparse.Namespace:
    parser = arguments.parser(__doc__)
    parser.add_argument("--dataset", help="data set (default: those active in params.yaml)")
    parser.add_argument("--store", type=Path, help="a store anywhere, instead of the data set's; nothing is written")
    parser.add_argument("--verify", action="store_true", help="recompute every file's, row's and clip's hash instead")
    parser.add_argument(
        "--strict", nargs="*", metavar="WHAT",
        help="exit code 1 for findings of these severities and kinds (default: error)",
    )  # fmt: skip
    parser.add_argument("--from", dest="revisions", metavar="REV", help="compare this revision (default: workspace) …")
    parser.add_argument("--to", metavar="REV", help="… with this one: git revisions, tags, experiments")
    parser.add_argument(
        "--no-values", action="store_true", help="compare manifests alone, not by how much values differ"
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print audit.json instead of tables")
    output.add_argument("--markdown", action="store_true", help="print audit.md instead of tables")
    return parser.parse_args()


def find_stores(options: argparse.Namespace) -> list[tuple[DataSet, Path]]:
    """What to look at: a store anywhere, the named data set, or the active ones."""
    if options.store is not None:
        return [(find_dataset(options.dataset or read_json(options.store / "store.json")["dataset"]), options.store)]
    names = [options.dataset] if options.dataset else active_datasets()
    return [(find_dataset(name), places.clips(name)) for name in names]


def active_datasets() -> list[str]:
    """Only asked for by hand; in the graph the data set is named."""
    return parameters.load(parameters.ACTIVE).get(parameters.ACTIVE).datasets


def audit_store(dataset: DataSet, path: Path, options: argparse.Namespace) -> None:
    """Audit one store and show it; one of the project's own leaves its results, too."""
    store = SkeletonStore.open(path)
    if options.store is None:
        from pipeline.ingest.gathering import RECEIPT  # brings every archive format with it

        origin = find_origin(places.raw(dataset.name) / RECEIPT, places.recordings(dataset.name))
    else:
        origin = Origin()
    found = audit(store, dataset, origin)
    if options.store is None:
        write(found, places.dataset_results(dataset.name) / "audit")
    if options.json:
        print(json.dumps(found.facts, indent=2, ensure_ascii=False))
    elif options.markdown:
        print(audit_page(found.facts), end="")
    else:
        show_tables(console, tabulate_audit(found.facts, found.findings))
        say(f"{found.facts['clips']} clips, {found.facts['excluded']} excluded")
    failing = choose_strict(found.findings, options.strict or ["error"]) if options.strict is not None else []
    if failing:
        raise UserError(f"{dataset.name}: {len(failing)} findings that --strict names; the first: {failing[0].text}")


def write(found: Audit, folder: Path) -> None:
    """audit.json and audit.md; clips.csv, measurements of every clip; altered.csv, all that was done to any."""
    with replace_directory(folder) as temporary:
        write_json(temporary / "audit.json", found.facts)
        (temporary / "audit.md").write_text(audit_page(found.facts), encoding="utf-8")
        found.measures.write_csv(temporary / "clips.csv", float_precision=6)
        found.alterations.write_csv(temporary / "altered.csv")


def compare_revisions(dataset: DataSet, options: argparse.Namespace) -> None:
    """Show what differs between two revisions' clips; under --strict, UserError if anything does."""
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
        raise UserError(f"{dataset.name}: {before.name} and {after.name} do not hold the same clips")


def paths_of(dataset: DataSet) -> DataSetPaths:
    """Where its clips and splits lie."""
    return DataSetPaths(
        places.clips(dataset.name), {rule: places.split(f"{dataset.name}-{rule}") for rule in dataset.splits}
    )


def verify_store(dataset: DataSet, path: Path, *, in_place: bool) -> None:
    """Verify one store; of the project's own, the splits made from it, too. UserError if anything changed."""
    found = verify(path)
    for split in (places.split(f"{dataset.name}-{rule}") for rule in dataset.splits) if in_place else ():
        if split.is_dir():
            verify_split(split, path, dataset, found)
    report_verification(found, lambda line: print(line, file=sys.stdout, flush=True))
    if found.faults:
        raise UserError(f"{path}: {len(found.faults)} faults; run dvc repro, or dvc pull, to bring it back")


if __name__ == "__main__":
    box.run(main, "audit")
