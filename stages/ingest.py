"""Parse raw recordings into the raw Zarr store. Slow, and therefore kept apart: it depends on raw files alone."""

from collections.abc import Iterator

from pipeline.datasets import DataSet, find_dataset
from pipeline.errors import BadRecording, UserError
from pipeline.files import read_json
from pipeline.raw import RECEIPT, read_raw
from pipeline.recordings import Excluded, RawRecording, Recording
from pipeline.store import StoreWriter
from stages import arguments, parameters, places
from stages.console import Work, run, say

PARAMS = ("datasets.{dataset}.ingest",)


def main() -> None:
    parser = arguments.parser(__doc__, "dataset")
    parser.add_argument("--limit", type=int, help="this many recordings only, spread over the data set")
    options = parser.parse_args()
    dataset = find_dataset(options.dataset)
    settings = parameters.load(PARAMS, dataset=dataset.name).section(
        PARAMS[0].format(dataset=dataset.name), parameters.IngestSettings
    )
    limit = options.limit if options.limit is not None else settings.limit
    if limit is not None and limit < 1:
        raise UserError("--limit: must be at least 1")
    facts = {"kind": "recordings", "partial": limit is not None}
    missing = dataset.missing_names()
    receipt = read_json(places.raw(dataset.name) / RECEIPT)
    files = [places.raw(dataset.name) / file for file in receipt["files"]]
    with (
        StoreWriter(places.recordings(dataset.name), dataset.name, dataset.topology, facts) as store,
        Work("parsing", limit or receipt["recordings"], "recordings") as work,
    ):
        for raw in read_raw(files, dataset, limit):
            if raw.name in missing:
                store.exclude(raw.name, raw.source, "listed by the data set's authors as missing or incomplete")
            else:
                add(store, raw, dataset, strict=settings.strict)
            work.advance()
        check_count(store, dataset, receipt["recordings"], partial=settings.allow_partial or limit is not None)
    say(f"{dataset.name}: {len(store)} recordings, {store.excluded} excluded")


def add(store: StoreWriter, raw: RawRecording | Excluded, dataset: DataSet, *, strict: bool) -> None:
    """Read a raw recording into the store, or record why it is left out; under `strict`, stop instead."""
    for found in read(raw, dataset):
        if isinstance(found, Recording):
            assert isinstance(raw, RawRecording)
            store.add(found, raw.source, raw.sha256)
        elif strict:
            raise UserError(
                f"{found.source}: {found.reason}; mend or remove it, or set datasets.{dataset.name}.ingest.strict to "
                "false"
            )
        else:
            store.exclude(found.name, found.source, found.reason)


def read(raw: RawRecording | Excluded, dataset: DataSet) -> Iterator[Recording | Excluded]:
    """The recordings in a raw recording; what cannot be read is Excluded."""
    if isinstance(raw, Excluded):
        yield raw
        return
    try:
        yield from dataset.read(raw)
    except BadRecording as reason:
        yield Excluded(raw.name, raw.source, str(reason))


def check_count(store: StoreWriter, dataset: DataSet, videos: int, *, partial: bool) -> None:
    """UserError if nothing is left, or if the number of recordings or videos is not the one the authors state."""
    if len(store) == 0:
        raise UserError(f"{dataset.name}: no recording could be read; the first reason: {store.first_reason}")
    found = {"videos": (videos, dataset.videos), "recordings": (len(store) + store.excluded, dataset.clips)}
    for kind, (count, expected) in found.items():
        if expected is not None and count != expected and not partial:
            raise UserError(
                f"{dataset.name}: {count} {kind}, {expected} are expected; fetch the archive again, or set "
                f"datasets.{dataset.name}.ingest.allow_partial to true"
            )


if __name__ == "__main__":
    run(main)
