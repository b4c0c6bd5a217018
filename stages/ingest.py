"""Parse raw recordings into the raw Zarr store. This is slow, so it is a separate stage that depends on raw files only.

A large data set can be parsed in parts first: `--shard I --of N` puts the I-th part (from 0) into
.state/ingest/DATASET. The plain command then takes the parsed recordings from there; the store is the same byte for
byte.
"""

from stages.shared import command


def command_line() -> command.Parser:
    """The parser of the command line."""
    parser = command.parser(__doc__, "dataset", example="--dataset kinect-sim --limit 100")
    parser.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help="only try this many recordings, spread over the data set, in data/NAME/trial; the full store is untouched",
    )
    parser.add_argument("--workers", type=int, metavar="N", help="number of parsing processes (default: one per core)")
    parser.add_argument(
        "--shard", type=int, metavar="I", help="parse only this part (from 0), for the plain command to use"
    )
    parser.add_argument("--of", type=int, default=1, metavar="N", help="number of parts")
    return parser


command.answer_early(command_line, __name__)

import argparse
import shutil

from hacm.errors import UserError
from hacm.files import read_json, replace_file
from hacm.recordings import Recording
from hacm.recordings.notes import Kind, Note
from pipeline.datasets.definition import DataSet
from pipeline.datasets.registry import find_dataset
from pipeline.graph.fingerprint import hash_reader
from pipeline.ingest.differences import find_differences, summarise
from pipeline.ingest.gathering import check_verified, find_files, find_receipt, read_raw
from pipeline.ingest.parsing import Reading, read_recordings
from pipeline.ingest.sizes import check_sizes
from pipeline.store.losses import READING, find_losses
from pipeline.store.store import StoreWriter
from stages.shared import box, parameters, places
from stages.shared.losses import tell_losses
from stages.shared.progress import Work, say

PARAMS = parameters.keys(parameters.INGEST)


def main() -> None:
    options = command_line().parse_args()
    dataset = find_dataset(options.dataset)
    settings = parameters.load(parameters.INGEST, dataset=dataset.name).get(parameters.INGEST)
    trial = options.limit is not None
    limit = options.limit if trial else settings.limit
    for option, number in (("--limit", limit), ("--workers", options.workers)):
        if number is not None and number < 1:
            raise UserError(f"{option}: must be at least 1")
    shard = shard_of(options)
    facts = {"kind": "recordings", "partial": limit is not None or shard is not None, "reader": hash_reader(dataset)}
    if dataset.dimensions != 3:
        facts["dimensions"] = dataset.dimensions
    if (settings_of_reader := dataset.describe_reader()) is not None:
        facts["reading"] = settings_of_reader
    receipt = read_json(find_receipt(places.raw(dataset.name), dataset.name))
    check_verified(places.raw(dataset.name), receipt["files"], dataset)
    files = [places.raw(dataset.name) / file for file in receipt["files"]]
    whole, shards = places.recordings(dataset.name), places.shards(dataset.name)
    target = places.trial(dataset.name) if trial else whole if shard is None else shards / "{}-of-{}".format(*shard)
    earlier = [whole, *(sorted(shards.iterdir()) if shards.is_dir() else ())]
    reused = 0
    sizes: dict[str, float] = {}
    with (
        StoreWriter(target, dataset.name, dataset.topology, facts) as store,
        Work("parsing", (limit or receipt["recordings"]) // options.of, "recordings") as work,
    ):
        for reading in read_recordings(read_raw(files, dataset, limit, shard), dataset, earlier, options.workers):
            add(store, reading, dataset, strict=settings.strict)
            sizes |= reading.sizes
            reused += reading.reused
            work.advance()
        lines: list[str] = []
        if shard is None:
            if not trial:
                places.differences(dataset.name).unlink(missing_ok=True)
            check_count(store, dataset, receipt["recordings"], partial=settings.allow_partial or limit is not None)
            lines = check_sizes(dataset.name, sizes)
            losses = find_losses(store.manifest(), store.exclusions(), READING)
            lines += tell_losses(dataset.name, losses, settings.strict)
    if shard is None and not trial:
        shutil.rmtree(shards, ignore_errors=True)
    for line in lines:
        say(line)
    kept = f", {reused} unchanged and not parsed again" if reused else ""
    where = f"; a trial, in {target}: {whole} is as it was" if trial else ""
    say(f"{dataset.name}: {len(store)} recordings, {store.excluded} excluded{kept}{where}")


def shard_of(options: argparse.Namespace) -> tuple[int, int] | None:
    """The part to parse and the number of parts, if one was asked for; UserError if there is no such part."""
    if options.shard is None:
        return None
    if options.limit is not None:
        raise UserError("--limit: does not go with --shard; leave one out")
    if not 0 <= options.shard < options.of:
        raise UserError(f"--shard: {options.shard} is none of {options.of} parts; they count from 0")
    return options.shard, options.of


def add(store: StoreWriter, reading: Reading, dataset: DataSet, *, strict: bool) -> None:
    """Add what was read to the store, or record why it is left out; under `strict`, stop instead."""
    hashes = iter(reading.hashes)
    for found in reading.found:
        if isinstance(found, Recording):
            earlier = store.source_of(found.identity.name)
            if strict and earlier is not None:
                raise UserError(
                    f"{reading.source}: called {found.identity.name} like {earlier}; name them apart (the reader of "
                    "arrays: folders=1), or remove one, or set "
                    f"datasets.{dataset.name}.ingest.strict to false to leave it out"
                )
            store.add(found, reading.source, reading.sha256, reading.fingerprint, clip_hash=next(hashes))
        elif strict and found.reason != Note(Kind.LISTED_MISSING):
            raise UserError(
                f"{found.source}: {found.reason}; mend or remove it, or set datasets.{dataset.name}.ingest.strict to "
                "false"
            )
        else:
            store.exclude(found.name, found.source, found.reason)


def check_count(store: StoreWriter, dataset: DataSet, videos: int, *, partial: bool) -> None:
    """UserError if nothing is left, or if the number of recordings or videos is not the one the authors state.

    It names what differs.
    """
    if len(store) == 0:
        raise UserError(f"{dataset.name}: no recording could be read; the first reason: {store.first_reason}")
    found = {"videos": (videos, dataset.videos), "recordings": (len(store) + store.excluded, dataset.clips)}
    for kind, (count, expected) in found.items():
        if expected is None:
            continue
        if count != expected and not partial:
            raise UserError(
                f"{dataset.name}: {count} {kind}, {expected} are expected; {name_differences(store, dataset)}fetch the "
                f"archive again, or set datasets.{dataset.name}.ingest.allow_partial to true"
            )
        say(f"{dataset.name}: {count} {kind}, {expected} expected")


def name_differences(store: StoreWriter, dataset: DataSet) -> str:
    """The first names of what is absent or does not belong, after writing all of them into a file; maybe nothing."""
    differences = find_differences(dataset, store.names, find_files(places.raw(dataset.name), dataset))
    if not differences:
        return ""
    path = places.differences(dataset.name)
    with replace_file(path) as temporary:
        lines = [f"{kind}: {name}\n" for kind, names in differences.items() for name in names]
        temporary.write_text("".join(lines), encoding="utf-8")
    return f"{summarise(differences)} (all of them: {path}); "


if __name__ == "__main__":
    box.run(main, "ingest", command_line())
