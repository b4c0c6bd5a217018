"""Parses raw recordings, several at a time; what an earlier store holds already is not parsed again."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from hacm.cores import count_cores
from hacm.errors import BadRecording, UserError
from hacm.recordings import Excluded, RawRecording, Recording
from hacm.recordings.notes import Kind, Note, reason_of
from pipeline.datasets.definition import DataSet
from pipeline.graph.fingerprint import hash_reader
from pipeline.ingest.sizes import measure_size
from pipeline.processes import map_in_processes
from pipeline.store.manifest import hash_clip, recording_of
from pipeline.store.rows import RowWindow
from pipeline.store.store import SkeletonStore

MOST_WORKERS = 8
"""Reading the packed files and writing the store is done by one process, which more workers would wait for."""


@dataclass(frozen=True)
class Reading:
    """What a raw recording turned out to hold. sha256, fingerprint: as in RawRecording, empty if it was not read.

    reused: its recordings come from the earlier store; it was not parsed. hashes: of the recordings among what was
    found, in their order (pipeline.store.manifest.hash_clip). sizes: of the body in each, by its name, if there is one.
    """

    source: str
    found: list[Recording | Excluded]
    sha256: str = ""
    fingerprint: str = ""
    reused: bool = False
    hashes: tuple[str, ...] = ()
    sizes: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Held:
    """That an earlier store, of that number, holds a raw recording of this fingerprint."""

    number: int
    fingerprint: str


def read_recordings(
    raw: Iterable[RawRecording | Excluded], dataset: DataSet, earlier: Sequence[Path] = (), workers: int | None = None
) -> Iterator[Reading]:
    """What each raw recording holds, in the same order; workers: at most so many processes, by default one per core.

    earlier: stores that this code wrote before. What one holds of an unchanged raw recording is taken from it, so that
    after a change of one file one file is parsed, and none if shards hold all. What comes out is the same.
    """
    missing = dataset.missing_names()
    stores = [store for path in earlier if (store := _EarlierStore.open(path, dataset))]

    def read(one: RawRecording | Excluded) -> Reading | _Held:
        if one.name in missing:
            return Reading(one.source, [Excluded(one.name, one.source, Note(Kind.LISTED_MISSING))])
        if isinstance(one, Excluded):
            return Reading(one.source, [one])
        for number, store in enumerate(stores):
            if store.holds(one):
                return _Held(number, one.fingerprint)
        return _parse(one, dataset)

    processes = min(workers or count_cores(), MOST_WORKERS)
    for one, reading in map_in_processes(read, raw, processes, _packed_bytes):
        if isinstance(reading, Reading):
            yield reading
        else:  # rows are read one after the other, here
            assert isinstance(one, RawRecording)
            held = stores[reading.number].read(one.source, reading.fingerprint)
            yield held or _parse(one, dataset)


def _packed_bytes(one: RawRecording | Excluded) -> int:
    return len(one.main.packed) if isinstance(one, RawRecording) else 0


def _parse(raw: RawRecording, dataset: DataSet) -> Reading:
    found: list[Recording | Excluded] = []
    try:
        found.extend(dataset.parse(raw))
    except BadRecording as reason:
        found.append(Excluded(raw.name, raw.source, reason_of(reason)))
    hashes = tuple(hash_clip(one.bodies_MTVC) for one in found if isinstance(one, Recording))
    return Reading(raw.source, found, raw.sha256, raw.fingerprint, hashes=hashes, sizes=_measure_sizes(found))


def _measure_sizes(found: Iterable[Recording | Excluded]) -> dict[str, float]:
    sizes = {one.identity.name: measure_size(one) for one in found if isinstance(one, Recording)}
    return {name: size for name, size in sizes.items() if size is not None}


class _EarlierStore:
    """What a store knows of raw recordings, by their paths: those of which every recording is in it."""

    def __init__(self, store: SkeletonStore) -> None:
        excluded = store.table("excluded")["source"]
        manifest = store.manifest.filter(~pl.col("source").is_in(excluded.implode()))
        self._rows: dict[str, list[dict[str, Any]]] = {}
        for row in manifest.iter_rows(named=True):
            self._rows.setdefault(row["source"], []).append(row)
        self._topology = store.topology
        self._window = RowWindow(store.rows)

    @classmethod
    def open(cls, path: Path, dataset: DataSet) -> "_EarlierStore | None":
        """The store at that path, if there is a whole one that the present code wrote."""
        try:
            store = SkeletonStore.open(path)
            return cls(store) if store.facts.get("reader") == hash_reader(dataset) else None
        except UserError:
            return None

    def holds(self, raw: RawRecording) -> bool:
        rows = self._rows.get(raw.source, [])
        return bool(rows) and all(row["source_fingerprint"] == raw.fingerprint for row in rows)

    def read(self, source: str, fingerprint: str) -> Reading | None:
        """What it holds of a raw recording of that path; None if that is not what its manifest says."""
        rows = self._rows[source]
        found: list[Recording | Excluded] = []
        for row in rows:
            try:
                bodies_MTVC = self._window.read(row)
            except UserError:
                return None
            if hash_clip(bodies_MTVC) != row["hash"]:
                return None
            found.append(recording_of(row, self._topology, bodies_MTVC))
        hashes = tuple(row["hash"] for row in rows)
        sha256 = rows[0]["source_sha256"]
        return Reading(source, found, sha256, fingerprint, reused=True, hashes=hashes, sizes=_measure_sizes(found))
