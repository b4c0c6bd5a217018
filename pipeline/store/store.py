"""A data set on disk: ragged joints in Zarr, a Parquet manifest beside them, and the hash of every file.

    store.json         what it is: data set, topology, counts, version
    manifest.parquet   one row per clip (pipeline.store.manifest.SCHEMA)
    excluded.parquet   one row per recording that is not in it, with the reason
    joints.zarr/       float32 (rows, V, 3), sharded; row = one body in one frame; with checksums of its rows
    files.json         SHA-256 of each of the above, and of what it says itself

Raw recordings (with NaN where a track was not seen) and cleaned clips are stored in the same way.
Legend: M bodies, T frames, V joints, C coordinates, R rows.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hacm.errors import BadRecording, UserError
from hacm.files import read_json, replace_directory, write_json
from hacm.recordings import Clip, Recording
from hacm.recordings.notes import Kind, Note, reason_of
from hacm.skeletons.topology import Topology
from pipeline.store import manifest as manifests
from pipeline.store.manifest import Source
from pipeline.store.rows import WINDOW_ROWS, RowReader, RowWindow, RowWriter
from pipeline.store.seal import check_folder, seal_folder

FORMAT = 4
CONVERTIBLE = (3,)
"""Earlier formats that pipeline.store.format_3 converts."""


def read_parquet(path: Path) -> pl.DataFrame:
    """Read a Parquet table; UserError naming the file if it is absent or damaged."""
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise UserError(f"{path}: not readable as Parquet ({error}); run dvc repro to write it again") from error


def expect_format(path: Path, facts: dict[str, Any]) -> None:
    """UserError unless the store whose store.json says `facts` is of the format that this code writes."""
    found = facts.get("format")
    if found != FORMAT:
        remedy = "hacm migrate to convert it" if found in CONVERTIBLE else "dvc repro to write it again"
        raise UserError(f"{path}: a store of format {found}, not {FORMAT}; run {remedy}")


class StoreWriter:
    """Writes a store; it appears at `path` whole when the block ends well, and not at all otherwise."""

    def __init__(self, path: Path, dataset: str, topology: Topology, facts: dict[str, Any]) -> None:
        self.path, self.dataset, self.topology, self.facts = Path(path), dataset, topology, facts
        self._sources: dict[str, str] = {}
        self._rows: list[dict[str, Any]] = []
        self._manifest = pl.DataFrame(schema=manifests.SCHEMA)
        self._excluded: list[dict[str, Any]] = []
        self._folder: AbstractContextManager[Path] = replace_directory(self.path)

    def __enter__(self) -> "StoreWriter":
        self._temporary = self._folder.__enter__()
        attributes = {"dataset": self.dataset, "topology": self.topology.name, "units": "metres"}
        self._joints = RowWriter(self._temporary / "joints.zarr", (len(self.topology.joints), 3), attributes)
        return self

    def add(
        self,
        clip: Recording | Clip,
        source: str,
        source_sha256: str,
        source_fingerprint: str | None = None,
        *,
        clip_hash: str | None = None,
    ) -> None:
        """Append a clip; a name that is already there is excluded with that reason.

        clip_hash: of its bodies (manifests.hash_clip), where that is known already.
        """
        if clip.identity.name in self._sources:
            self.exclude(clip.identity.name, source, Note(Kind.NAME_TAKEN))
            return
        self._sources[clip.identity.name] = source
        bodies, frames, joints, coordinates = clip.bodies_MTVC.shape
        offset = self._joints.append(clip.bodies_MTVC.reshape(bodies * frames, joints, coordinates))
        from_file = Source(source, source_sha256, source_fingerprint)
        digest = clip_hash or manifests.hash_clip(clip.bodies_MTVC)
        self._rows.append(manifests.describe(clip, offset, from_file, digest))

    def exclude(self, name: str, source: str, reason: BadRecording | Note | str) -> None:
        """Record a recording that is left out, and why."""
        self._excluded.append(manifests.exclusion(name, source, reason_of(reason)))

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def names(self) -> list[str]:
        """Of the recordings so far, those that are left out last."""
        return [str(row["name"]) for row in (*self._rows, *self._excluded)]

    @property
    def excluded(self) -> int:
        """How many recordings are left out so far."""
        return len(self._excluded)

    def source_of(self, name: str) -> str | None:
        """The raw file of the recording of that name, if there is one so far."""
        return self._sources.get(name)

    def exclusions(self) -> pl.DataFrame:
        """The recordings that are left out so far."""
        return pl.DataFrame(self._excluded, schema=manifests.EXCLUDED_SCHEMA)

    @property
    def first_reason(self) -> str:
        """The file of the first excluded recording, and why it was left out."""
        if not self._excluded:
            return "there was none to read"
        first = self._excluded[0]
        return f"{first['source'] or first['name']}: {first['reason']}"

    @property
    def version(self) -> str:
        """The version of what has been added so far."""
        return manifests.version(self.manifest())

    def manifest(self) -> pl.DataFrame:
        """The manifest so far, in the order of appending."""
        if len(self._manifest) != len(self._rows):
            self._manifest = pl.DataFrame(self._rows, schema=manifests.SCHEMA)
        return self._manifest

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._joints.__exit__(kind, error, trace)
            if kind is None:
                self._finish()
        except BaseException as failure:
            if not self._folder.__exit__(type(failure), failure, failure.__traceback__):
                raise
        else:
            self._folder.__exit__(kind, error, trace)

    def _finish(self) -> None:
        manifest = self.manifest()
        excluded = self.exclusions()
        for name, table in {"manifest": manifest, "excluded": excluded}.items():
            table.write_parquet(self._temporary / f"{name}.parquet")
        facts = {
            "format": FORMAT,
            "dataset": self.dataset,
            "topology": self.topology.name,
            "skeleton": self.topology.describe(),
            "clips": len(manifest),
            "excluded": len(excluded),
            "rows": self._joints.rows,
            "version": self.version,
            **self.facts,
        }
        write_json(self._temporary / "store.json", facts)
        seal_folder(self._temporary)


class SkeletonStore:
    """A store opened for reading: `store[name]` is (M, T, V, 3) float32; len, iteration over names, bulk reads.

    Every file is checked when it is opened, and rows as they are read. has_checksums: whether the rows can be; stores
    that earlier versions of this project wrote have none.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.facts: dict[str, Any] = read_json(self.path / "store.json")
        expect_format(self.path, self.facts)
        check_folder(self.path)
        self.manifest = self.table("manifest")
        self.rows = RowReader(self.path / "joints.zarr")
        self.has_checksums = self.rows.checksums is not None
        self._place = {name: index for index, name in enumerate(self.manifest["name"])}

    @classmethod
    def open(cls, path: Path) -> "SkeletonStore":
        """Open the store at `path`; UserError naming what is missing or damaged."""
        return cls(path)

    @property
    def version(self) -> str:
        """The data set's version (pipeline.store.manifest.version), as recorded when it was written."""
        return str(self.facts["version"])

    @property
    def dimensions(self) -> int:
        """2 where every z is 0, because the clips are of pictures; else 3."""
        return int(self.facts.get("dimensions", 3))

    @cached_property
    def topology(self) -> Topology:
        """The skeleton of its clips, as it was when they were written."""
        return Topology.described(self.facts["topology"], self.facts["skeleton"])

    def table(self, name: str) -> pl.DataFrame:
        """The table NAME.parquet of the store."""
        return read_parquet(self.path / f"{name}.parquet")

    def __len__(self) -> int:
        return len(self.manifest)

    def __iter__(self) -> Iterator[str]:
        return iter(self.manifest["name"])

    def __contains__(self, name: object) -> bool:
        return name in self._place

    def row(self, name: str) -> dict[str, Any]:
        """The manifest row of a clip; UserError if there is none of that name."""
        if name not in self._place:
            raise UserError(f"{self.path}: no clip named {name!r}")
        return self.manifest.row(self._place[name], named=True)

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        row = self.row(name)
        start, bodies, frames = row["offset"], row["bodies"], row["frames"]
        rows = self.rows.read(start, start + bodies * frames)
        return rows.reshape(bodies, frames, *rows.shape[1:])

    def read_rows(self) -> NDArray[np.float32]:
        """All rows, (R, V, 3); manifest offsets point into it."""
        return self.rows.read(0, len(self.rows))

    def read(self, names: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The rows of the named clips in that order, (R, V, 3), and where each begins, with the end last (n + 1)."""
        parts = [self[name] for name in names]
        lengths = [part.shape[0] * part.shape[1] for part in parts]
        joints = int(self.rows.array.shape[1])
        flat = [part.reshape(-1, joints, 3) for part in parts] or [np.empty((0, joints, 3), np.float32)]
        return np.concatenate(flat), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)

    def stream(self, rows: int = WINDOW_ROWS) -> Iterator[tuple[dict[str, Any], NDArray[np.float32]]]:
        """Every clip with its manifest row, in store order, reading about `rows` rows at a time."""
        window = RowWindow(self.rows, rows)
        for row in self.manifest.iter_rows(named=True):
            yield row, window.read(row)
