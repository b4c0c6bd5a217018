"""Audit a data version, verify it, or compare it with another. Writes nothing.

The stage of the same name (`python -m stages.audit`) writes the audit to results/.
"""

from pathlib import Path

from stages.shared import command


def command_line() -> command.Parser:
    """The parser of the command line."""
    parser = command.parser(__doc__, example="--dataset kinect-sim --strict")
    parser.add_argument("--dataset", metavar="NAME", help="data set (default: those active in params.yaml)")
    parser.add_argument("--store", type=Path, metavar="FOLDER", help="any store, instead of the data set's")
    parser.add_argument("--verify", action="store_true", help="recompute every hash, back to the raw files")
    parser.add_argument(
        "--strict", nargs="*", metavar="WHAT",
        help="exit code 2 for findings of these severities or kinds (default: error), or if clips differ",
    )  # fmt: skip
    parser.add_argument(
        "--from", dest="revisions", metavar="REV", help="compare this revision (default: the workspace) …"
    )
    parser.add_argument("--to", metavar="REV", help="… with this one: git revisions, tags, experiments")
    parser.add_argument(
        "--no-values", action="store_true", help="compare manifests only; do not measure how much values differ"
    )
    parser.add_argument(
        "--against", metavar="NAME", help="match the clips by content with those of this data set (for prepared files)"
    )
    parser.add_argument(
        "--tolerance", type=float, metavar="METRES", help="… largest distance between matching clips (default: 0.004)"
    )
    parser.add_argument(
        "--register", nargs="?", const="version", choices=("version", "clips"),
        help="print the line for the registry of versions; `clips`: also a line per clip",
    )  # fmt: skip
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print audit.json instead of tables")
    output.add_argument("--markdown", action="store_true", help="print audit.md instead of tables")
    return parser


command.answer_early(command_line, __name__)

import argparse
import json
import sys
from dataclasses import replace

from hacm.errors import FailedCheck, UserError, name_some
from hacm.files import read_json
from pipeline.audit.changes import changes_page, collect_changes
from pipeline.audit.content_matches import TOLERANCE, describe_matches, match_clips
from pipeline.audit.dataset_revisions import find_causes, open_store, read_revision
from pipeline.audit.findings import choose_strict
from pipeline.audit.integrity import Verification, report_verification, verify
from pipeline.audit.markdown import audit_page
from pipeline.audit.overview import tabulate_audit
from pipeline.audit.provenance import check_store
from pipeline.audit.registered_versions import register
from pipeline.audit.split_artefacts import verify_split
from pipeline.audit.version_differences import compare_versions, measure_changes
from pipeline.datasets.definition import DataSet
from pipeline.datasets.registry import find_dataset
from pipeline.text_tables import show_tables
from stages.shared import parameters, places
from stages.shared.auditing import audit_dataset, audit_store, paths_of
from stages.shared.progress import console, say
from stages.shared.stores import open_store as open_clips

DOWNLOAD = "python -m stages.download --dataset"


def main() -> None:
    options = command_line().parse_args()
    for dataset in find_datasets(options):
        if options.revisions is not None or options.to is not None:
            compare_revisions(dataset, options)
        elif options.against is not None:
            match_content(dataset, options)
        elif options.register:
            print_registration(dataset, options)
        elif options.verify:
            verify_dataset(dataset) if options.store is None else verify_store(options.store)
        else:
            show_audit(dataset, options)


def find_datasets(options: argparse.Namespace) -> list[DataSet]:
    """The data sets to audit: the named one, that of the store, or the active ones."""
    if options.dataset:
        return [find_dataset(options.dataset)]
    if options.store is not None:
        return [find_dataset(read_json(options.store / "store.json")["dataset"])]
    active = parameters.load(parameters.ACTIVE).get(parameters.ACTIVE)
    return [find_dataset(name) for name in active.datasets]


def show_audit(dataset: DataSet, options: argparse.Namespace) -> None:
    """Audit one version and show it; FailedCheck for findings that --strict names."""
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


def match_content(dataset: DataSet, options: argparse.Namespace) -> None:
    """Show which clips match those of another data set; under --strict, FailedCheck unless all are equal."""
    other = find_dataset(options.against)
    store = open_clips(places.clips(dataset.name) if options.store is None else options.store)
    check_store(store, dataset)
    tolerance = TOLERANCE if options.tolerance is None else options.tolerance
    found = match_clips(store, open_clips(places.clips(other.name)), dataset.topology, tolerance)
    text = "\n".join(describe_matches(found, dataset.name, other.name))
    print(json.dumps(found.facts, indent=2, ensure_ascii=False) if options.json else text)
    if options.strict is not None and found.count("equal") < len(found.pairs):
        raise FailedCheck(f"{dataset.name}: not every clip is equal to one of {other.name}")


def print_registration(dataset: DataSet, options: argparse.Namespace) -> None:
    """Print what to add to the registry of versions."""
    store = open_clips(places.clips(dataset.name) if options.store is None else options.store)
    check_store(store, dataset)
    print(*register(store, dataset.name, clips=options.register == "clips"), sep="\n")


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


def verify_store(path: Path) -> None:
    """Verify a store that lies anywhere. FailedCheck if anything changed."""
    found = verify(path)
    conclude(found, count_faults(path, len(found.faults)))


def verify_dataset(dataset: DataSet) -> None:
    """Verify the project's clips, the splits made from them, and the recordings and raw files that they came from.

    FailedCheck if anything changed.
    """
    clips, recordings = places.clips(dataset.name), places.recordings(dataset.name)
    found = verify(clips)
    for split in (places.split(f"{dataset.name}-{rule}") for rule in dataset.splits):
        if split.is_dir():
            verify_split(split, clips, dataset, found)
    told = count_faults(clips, len(found.faults))
    if recordings.is_dir():
        parsed = verify(recordings)
        found.add_recordings(recordings, parsed)
        told += count_faults(recordings, len(parsed.faults))
    else:
        say(f"{recordings}: not here, and not verified; dvc pull fetches it")
    told += verify_raw(dataset, found)
    conclude(found, told)


def verify_raw(dataset: DataSet, found: Verification) -> list[str]:
    """Verify the raw files against their receipt; what is wrong and how to mend it. Says so where there are none."""
    from pipeline.ingest import gathering  # brings every archive format with it

    folder = places.raw(dataset.name)
    receipt = gathering.find_receipt(folder, dataset.name)
    try:
        digests: dict[str, str] = read_json(receipt)["files"] if receipt.exists() else {}
        here = {name: digest for name, digest in digests.items() if (folder / name).exists()}
        if not here:
            say(f"{folder}: raw files are missing, or have no receipt, so they are not verified")
            return []
        faults = {name: "is missing" for name in digests if name not in here}
        changed = gathering.find_changed(folder, here, dataset)
        faults |= dict.fromkeys(changed, f"is not what was verified and recorded in {receipt}")
    except (UserError, KeyError, TypeError, AttributeError) as error:
        text = str(error) if isinstance(error, UserError) else f"{receipt}: is no record of what was verified"
        found.add("file", *text.split(": ", 1))
        return [text]
    found.files += len(here)
    found.file_bytes += sum(measure_files(folder / name) for name in here)
    for name, text in faults.items():
        found.add("file", str(folder / name), text)
    remedy = (
        f"put back what was verified, or delete {receipt} and run {DOWNLOAD} {dataset.name} to accept what is there"
    )
    return [f"{name_some([str(folder / name) for name in faults])}: changed; {remedy}"] if faults else []


def measure_files(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    return sum(one.stat().st_size for one in (path.rglob("*") if path.is_dir() else (path,)) if one.is_file())


def count_faults(path: Path, count: int) -> list[str]:
    """What to say of a store at the end; nothing where there are no faults."""
    return [f"{path}: {count} faults; run dvc repro, or dvc pull, to bring it back"] if count else []


def conclude(found: Verification, told: list[str]) -> None:
    """Report what was verified; FailedCheck with what is told, if there is anything."""
    report_verification(found, lambda line: print(line, file=sys.stdout, flush=True))
    if told:
        raise FailedCheck("; ".join(told))
