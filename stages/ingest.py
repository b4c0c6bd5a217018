"""Parse raw recordings into the raw Zarr store. Slow, and therefore kept apart: it depends on raw files alone."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.archives import Member, Refused, member_names, members
from pipeline.datasets import DataSet, find_dataset
from pipeline.errors import BadRecording, UserError
from pipeline.files import read_json
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
    receipt = read_json(places.raw(dataset.name) / "receipt.json")
    with (
        StoreWriter(places.recordings(dataset.name), dataset.name, dataset.topology, facts) as store,
        Work("parsing", limit or receipt["recordings"], "recordings") as work,
    ):
        for member in read_members(places.raw(dataset.name), receipt, dataset, limit):
            add(store, member, dataset, missing, strict=settings.strict)
            work.advance()
        check_count(store, dataset, partial=settings.allow_partial or limit is not None)
    say(f"{dataset.name}: {len(store)} recordings, {store.excluded} excluded")


def read_members(
    folder: Path, receipt: dict[str, Any], dataset: DataSet, limit: int | None
) -> Iterator[Member | Refused]:
    """The recordings of the data set's archives in the archives' order; `limit` of them, where it is given."""
    for file in receipt["files"]:
        chosen = choose(folder / file, dataset, limit)
        for member in members(folder / file):
            if (isinstance(member, Refused) or member.name.endswith(dataset.suffix)) and (
                chosen is None or base_name(member.name) in chosen
            ):
                yield member


def choose(path: Path, dataset: DataSet, limit: int | None) -> set[str] | None:
    """`limit` file names spread over the data set without regard to their order: those whose hashes come first."""
    if limit is None:
        return None
    names = [base_name(name) for name in member_names(path) if name.endswith(dataset.suffix)]
    return set(sorted(names, key=lambda name: hashlib.blake2b(name.encode()).digest())[:limit])


def base_name(member: str) -> str:
    """The file name of a member without its folders."""
    return member.rsplit("/", 1)[-1]


def add(
    store: StoreWriter, member: Member | Refused, dataset: DataSet, missing: frozenset[str], *, strict: bool
) -> None:
    """Parse one recording into the store, or record why it is left out; under `strict`, stop instead."""
    name = base_name(member.name).removesuffix(dataset.suffix)
    try:
        if name in missing:
            raise BadRecording("listed by the data set's authors as missing or incomplete")
        if isinstance(member, Refused):
            raise BadRecording(member.reason)
        recording = dataset.parse(member.data, member.name)
    except BadRecording as reason:
        if strict and name not in missing:
            raise UserError(
                f"{member.name}: {reason}; mend or remove it, or set datasets.{dataset.name}.ingest.strict to false"
            ) from reason
        store.exclude(name, member.name, str(reason))
    else:
        store.add(recording, member.name, hashlib.sha256(member.data).hexdigest())


def check_count(store: StoreWriter, dataset: DataSet, *, partial: bool) -> None:
    """UserError if nothing is left, or if the number of recordings is not the one the authors state."""
    if len(store) == 0:
        raise UserError(f"{dataset.name}: no recording could be read; the first reason: {store.first_reason}")
    found = len(store) + store.excluded
    if dataset.clips is not None and found != dataset.clips and not partial:
        raise UserError(
            f"{dataset.name}: {found} recordings, {dataset.clips} are expected; fetch the archive again, or set "
            f"datasets.{dataset.name}.ingest.allow_partial to true"
        )


if __name__ == "__main__":
    run(main)
