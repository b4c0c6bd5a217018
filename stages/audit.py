"""Audit a data set's version: counts, provenance, leakage, duplicates, values; verify it; compare it with another."""

import argparse
import json
import sys
from pathlib import Path

from pipeline.audit import Audit, audit
from pipeline.audit.findings import choose_strict
from pipeline.audit.integrity import summarise, verify
from pipeline.audit.markdown import to_markdown
from pipeline.audit.provenance import Origin, find_origin
from pipeline.audit.split_artefacts import find_splits, verify_split
from pipeline.audit.terminal import show
from pipeline.datasets import DataSet, find_dataset
from pipeline.errors import UserError
from pipeline.files import read_json, replace_directory, write_json
from pipeline.store import SkeletonStore
from stages import arguments, parameters, places
from stages.console import console, run, say

PARAMS: tuple[str, ...] = ()


def main() -> None:
    options = parse()
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
    return parameters.load(("active",)).section("active", parameters.Active).datasets


def audit_store(dataset: DataSet, path: Path, options: argparse.Namespace) -> None:
    """Audit one store and show it; one of the project's own leaves its results, too."""
    store = SkeletonStore.open(path)
    if options.store is None:
        from pipeline.raw import RECEIPT  # brings every archive format with it

        origin = find_origin(places.raw(dataset.name) / RECEIPT, places.recordings(dataset.name))
    else:
        origin = Origin()
    found = audit(store, dataset, origin)
    if options.store is None:
        write(found, places.dataset_results(dataset.name) / "audit")
    if options.json:
        print(json.dumps(found.facts, indent=2, ensure_ascii=False))
    elif options.markdown:
        print(to_markdown(found.facts), end="")
    else:
        show(console, found.facts, found.findings)
        say(f"{found.facts['clips']} clips, {found.facts['excluded']} excluded")
    failing = choose_strict(found.findings, options.strict or ["error"]) if options.strict is not None else []
    if failing:
        raise UserError(f"{dataset.name}: {len(failing)} findings that --strict names; the first: {failing[0].text}")


def write(found: Audit, folder: Path) -> None:
    """audit.json and audit.md; clips.csv, measurements of every clip; altered.csv, all that was done to any."""
    with replace_directory(folder) as temporary:
        write_json(temporary / "audit.json", found.facts)
        (temporary / "audit.md").write_text(to_markdown(found.facts), encoding="utf-8")
        found.measures.write_csv(temporary / "clips.csv", float_precision=6)
        found.alterations.write_csv(temporary / "altered.csv")


def verify_store(dataset: DataSet, path: Path, *, in_place: bool) -> None:
    """Verify one store; of the project's own, the splits made from it, too. UserError if anything changed."""
    found = verify(path)
    for split in find_splits(places.split("any").parent, dataset) if in_place else ():
        verify_split(split, path, dataset, found)
    summarise(found, lambda line: print(line, file=sys.stdout, flush=True))
    if found.faults:
        raise UserError(f"{path}: {len(found.faults)} faults; run dvc repro, or dvc pull, to bring it back")


if __name__ == "__main__":
    run(main)
