"""Raw recordings → recordings: several at a time, and nothing twice that an earlier store holds already."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hacm.cores import count_cores
from hacm.errors import BadRecording, UserError
from hacm.recordings import Excluded, RawRecording, Recording
from hacm.recordings.notes import Kind, Note, reason_of
from pipeline.datasets.definition import DataSet
from pipeline.graph.fingerprint import hash_reader
from pipeline.ingest.workers import map_ahead
from pipeline.store.manifest import hash_clip, recording_of
from pipeline.store.rows import RowWindow
from pipeline.store.store import SkeletonStore

MOST_WORKERS = 8
"""What a worker does inside the interpreter, some tenth of its time, is done by one worker at a time."""


@dataclass(frozen=True)
class Reading:
    """What a raw recording turned out to hold. sha256, fingerprint: as in RawRecording, empty if it was not read.

    reused: its recordings come from the earlier store; it was not parsed.
    """

    source: str
    found: list[Recording | Excluded]
    sha256: str = ""
    fingerprint: str = ""
    reused: bool = False


def read_recordings(
    raw: Iterable[RawRecording | Excluded], dataset: DataSet, earlier: Sequence[Path] = (), workers: int | None = None
) -> Iterator[Reading]:
    """What each raw recording holds, in the same order; workers: at most so many threads, by default one a core.

    earlier: stores that this code wrote before. What one holds of an unchanged raw recording is taken from it, so that
    after a change of one file one file is parsed, and none if shards hold all. What comes out is the same.
    """
    missing = dataset.missing_names()
    stores = [store for path in earlier if (store := _EarlierStore.open(path, dataset))]

    def read(one: RawRecording | Excluded) -> Reading | tuple[RawRecording, _EarlierStore]:
        if one.name in missing:
            return Reading(one.source, [Excluded(one.name, one.source, Note(Kind.LISTED_MISSING))])
        if isinstance(one, Excluded):
            return Reading(one.source, [one])
        holder = next((store for store in stores if store.holds(one)), None)
        if holder:
            return one, holder  # rows are read one after the other, below
        return _parse(one, dataset)

    for reading in map_ahead(read, raw, min(workers or count_cores(), MOST_WORKERS)):
        if isinstance(reading, Reading):
            yield reading
        else:
            recording, holder = reading
            yield holder.read(recording) or _parse(recording, dataset)


def _parse(raw: RawRecording, dataset: DataSet) -> Reading:
    found: list[Recording | Excluded] = []
    try:
        found.extend(dataset.parse(raw))
    except BadRecording as reason:
        found.append(Excluded(raw.name, raw.source, reason_of(reason)))
    return Reading(raw.source, found, raw.sha256, raw.fingerprint)


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

    def read(self, raw: RawRecording) -> Reading | None:
        """What it holds of a raw recording; None if that is not what its manifest says."""
        rows = self._rows[raw.source]
        found: list[Recording | Excluded] = []
        for row in rows:
            try:
                bodies_MTVC = self._window.read(row)
            except UserError:
                return None
            if hash_clip(bodies_MTVC) != row["hash"]:
                return None
            found.append(recording_of(row, self._topology, bodies_MTVC))
        return Reading(raw.source, found, rows[0]["source_sha256"], raw.fingerprint, reused=True)
