"""The manifest: one row per clip, its content hash, and the version of a data set that follows from them.

Hashes are BLAKE2b-128 over canonical bytes: shape as little-endian int64, then the values as little-endian float32 in C
order with −0 as 0 and every NaN as the same NaN (only raw recordings, before cleaning, hold any).
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hacm.errors import UserError
from hacm.recordings import Clip, Identity, Recording
from hacm.recordings.notes import NUMBERS, WORDS, Note
from hacm.skeletons.topology import Topology

NOTE = pl.Struct({"kind": pl.String, **dict.fromkeys(NUMBERS, pl.Int64), WORDS: pl.String})
"""A note (hacm.recordings.notes): its kind's label, and every field of any kind, null where this kind has none."""

SCHEMA: dict[str, Any] = {
    "name": pl.String,
    "label": pl.Int32,
    "subject": pl.Int32,
    "camera": pl.Int32,
    "setup": pl.Int32,
    "replication": pl.Int32,
    "execution": pl.String,
    "xsub_part": pl.String,
    "xview_part": pl.String,
    "fps": pl.Float64,
    "topology": pl.String,
    "frames": pl.Int32,
    "bodies": pl.Int32,
    "offset": pl.Int64,
    "source": pl.String,
    "source_sha256": pl.String,
    "source_fingerprint": pl.String,
    "hash": pl.String,
    "notes": pl.List(NOTE),
    "row_hash": pl.String,
}
"""Columns of a manifest. offset: the clip's first row in the store; it holds bodies × frames rows, body after body.
source, source_sha256: the raw file's path, and the sum of its content (with its companions'). source_fingerprint: of
the file as it is packed; in stores of recordings, where it tells what need not be parsed again. row_hash: of all the
others, so that a changed row is known and not only a changed file."""

EXCLUDED_SCHEMA: dict[str, Any] = {"name": pl.String, "source": pl.String, "reason": pl.String, "note": NOTE}
"""Columns of the table of excluded recordings. note: the reason as a record; reason: the same in words, for people."""

VERSION_COLUMNS = ("name", "label", "subject", "camera", "setup", "fps", "topology", "hash")
LISTED_COLUMNS = ("xsub_part", "xview_part")
"""What the authors' lists say; part of the version of data sets that have such lists."""


def hash_clip(bodies_MTVC: NDArray[np.float32]) -> str:
    """Content hash of a clip, 32 hex digits, independent of how it is stored."""
    return hash_canonical(to_canonical(bodies_MTVC))


def to_canonical(values: NDArray[np.float32], out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """The values as they are hashed, in C order; out: where to, such as the values' own place."""
    with np.errstate(invalid="ignore"):  # signalling NaNs
        canonical = np.add(values, np.float32(0), out=out, dtype="<f4", order="C")  # −0 + 0 is 0
    if canonical.size and np.isnan(canonical.max()):
        canonical[np.isnan(canonical)] = np.nan
    return canonical


def hash_canonical(values: NDArray[np.float32]) -> str:
    """Content hash of a clip whose values are canonical and contiguous."""
    digest = hashlib.blake2b(np.asarray(values.shape, dtype="<i8").tobytes(), digest_size=16)
    digest.update(values.ravel().view(np.uint8).data)
    return digest.hexdigest()


def hash_row(row: Mapping[str, Any]) -> str:
    """BLAKE2b-128 of what a manifest says of a clip, without `row_hash` itself; 32 hex digits."""
    text = json.dumps(row, ensure_ascii=True, separators=(",", ":"), sort_keys=True, default=int)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Source:
    """The raw file that a clip comes from, as the manifest has it: `source` and `source_…` there."""

    path: str
    sha256: str
    fingerprint: str | None = None


def describe(clip: Recording | Clip, offset: int, source: Source, clip_hash: str) -> dict[str, Any]:
    """The manifest row of one clip, whose first row in the store is `offset`; clip_hash: of its bodies (hash_clip)."""
    bodies, frames = clip.bodies_MTVC.shape[:2]
    identity = clip.identity
    row = {
        "name": identity.name,
        "label": identity.action,
        "subject": identity.subject,
        "camera": identity.camera,
        "setup": identity.setup,
        "replication": identity.replication,
        "execution": identity.execution,
        "xsub_part": identity.xsub_part,
        "xview_part": identity.xview_part,
        "fps": float(clip.fps),
        "topology": clip.topology.name,
        "frames": frames,
        "bodies": bodies,
        "offset": offset,
        "source": source.path,
        "source_sha256": source.sha256,
        "source_fingerprint": source.fingerprint,
        "hash": clip_hash,
        "notes": [note.record for note in clip.notes],
    }
    return row | {"row_hash": hash_row(row)}


def identity_of(row: dict[str, Any]) -> Identity:
    """The inverse of `describe` for what names a clip."""
    return Identity(
        name=row["name"],
        subject=row["subject"],
        action=row["label"],
        camera=row["camera"],
        setup=row["setup"],
        replication=row["replication"],
        execution=row["execution"],
        xsub_part=row["xsub_part"],
        xview_part=row["xview_part"],
    )


def recording_of(row: dict[str, Any], topology: Topology, bodies_MTVC: NDArray[np.float32]) -> Recording:
    """The recording that a manifest row describes; topology: the store's."""
    return Recording(identity_of(row), row["fps"], topology, bodies_MTVC, notes_of(row["notes"]))


def notes_of(records: Iterable[dict[str, Any]]) -> tuple[Note, ...]:
    """The notes as the tables of a store have them; UserError for a kind that this code does not know."""
    try:
        return tuple(Note.of_record(record) for record in records)
    except (KeyError, TypeError) as error:
        raise UserError(f"a note that this code does not know ({error}); use the code that wrote the store") from error


def exclusion(name: str, source: str, reason: Note) -> dict[str, Any]:
    """The row of a recording in the table of excluded ones."""
    return {"name": name, "source": source, "reason": reason.text, "note": reason.record}


def version(manifest: pl.DataFrame) -> str:
    """The data set's version: a hash over what VERSION_COLUMNS (and LISTED_COLUMNS) say of all clips, in name order.

    A changed label, subject, camera, setup or joint changes it; the order of rows, chunking and codec do not.
    """
    digest = hashlib.blake2b(digest_size=16)
    for _, row in iter_version_rows(manifest):
        digest.update(row)
    return digest.hexdigest()


def iter_version_rows(manifest: pl.DataFrame) -> Iterator[tuple[str, bytes]]:
    """In name order, the name of each clip and the bytes that it adds to the version."""
    listed = [column for column in LISTED_COLUMNS if manifest[column].is_not_null().any()]
    for row in manifest.select(*VERSION_COLUMNS, *listed).sort("name").iter_rows():
        yield row[0], json.dumps(row, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
