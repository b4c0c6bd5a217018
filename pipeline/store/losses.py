"""What of a data set's recordings is lost on their way to clips: how many recordings, what share, and why."""

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from hacm.errors import name_some
from hacm.recordings.notes import Kind
from pipeline.store.manifest import notes_of

READING = (Kind.GAP, Kind.NOT_FINITE, Kind.BODY_TWICE)
CLEANING = (
    Kind.TRUNCATED, Kind.TRACK_BEYOND_TWO, Kind.SUM_ZERO, Kind.FRAMES_WITHOUT_BODY, Kind.FRAMES_WITHOUT_REMAINING_BODY,
    Kind.TRACK_CLOSED_UP, Kind.TRACK_SHORT, Kind.TRACK_NOISY, Kind.TRACK_MERGED, Kind.TRACK_OVERLAPS,
)  # fmt: skip
"""Kinds of notes that say that something was dropped, cut or merged."""

UNASKED = (Kind.NOT_FINITE, Kind.BODY_TWICE, Kind.TRUNCATED, Kind.TRACK_BEYOND_TWO)
"""Those of them that no setting asked for; TRUNCATED unless the data set's own section says max_frames."""


@dataclass(frozen=True)
class Loss:
    """kind: what it is. names: of the recordings. text: one line, with number, share and the first few names.

    excluded: the recordings are left out altogether.
    """

    kind: Kind
    names: tuple[str, ...]
    text: str
    excluded: bool = False


def find_losses(manifest: pl.DataFrame, excluded: pl.DataFrame, kinds: Collection[Kind]) -> list[Loss]:
    """The losses of these kinds among the recordings, and those that are left out, but for the authors' own list."""
    total = len(manifest) + len(excluded)
    noted: dict[Kind, list[tuple[str, str]]] = {}
    for name, records in manifest.select("name", "notes").filter(pl.col("notes").list.len() > 0).iter_rows():
        patterns = {note.kind: note.pattern for note in notes_of(records) if note.kind in kinds}
        for kind, pattern in patterns.items():
            noted.setdefault(kind, []).append((name, pattern))
    left_out: dict[Kind, list[tuple[str, str]]] = {}
    for name, note in zip(excluded["name"], notes_of(excluded["note"]), strict=True):
        if note.kind is not Kind.LISTED_MISSING:
            left_out.setdefault(note.kind, []).append((name, note.text))
    losses = []
    for groups, words in ((left_out, "left out, "), (noted, "")):
        for kind, found in groups.items():
            names = tuple(name for name, _ in found)
            share = f"{len(found)} of {total} recordings ({len(found) / total:.1%})"
            text = f"{share}: {words}{found[0][1]}; {name_some(names)}"
            losses.append(Loss(kind, names, text, groups is left_out))
    return losses


def find_without_part(manifest: pl.DataFrame, column: str) -> tuple[str, ...]:
    """The clips that a split by this column cannot put into a part, because they do not say it."""
    return tuple(manifest.filter(pl.col(column).is_null())["name"])
