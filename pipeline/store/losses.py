"""Finds what is lost between a data set's recordings and its clips: how many, what share, and why."""

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from hacm.errors import name_some
from hacm.recordings.notes import Kind, Note, describe_notes
from pipeline.store.manifest import notes_of

READING = (Kind.GAP, Kind.NOT_FINITE, Kind.INFINITE, Kind.BODY_TWICE, Kind.NOT_READ)
JOINTS = (Kind.JOINT_FILLED, Kind.JOINT_LEFT, Kind.CENTRE_STAND_IN)
"""Kinds of notes on joints that were not seen."""

CLEANING = (
    *JOINTS, Kind.TRUNCATED, Kind.TRACK_BEYOND_TWO, Kind.SUM_ZERO, Kind.FRAMES_WITHOUT_BODY,
    Kind.FRAMES_WITHOUT_REMAINING_BODY, Kind.TRACK_CLOSED_UP, Kind.TRACK_SHORT, Kind.TRACK_NOISY, Kind.TRACK_MERGED,
    Kind.TRACK_OVERLAPS,
)  # fmt: skip
"""Kinds of notes that say that something was dropped, cut, merged, filled or not read."""

UNASKED = (Kind.NOT_FINITE, Kind.INFINITE, Kind.BODY_TWICE, *JOINTS, Kind.TRUNCATED, Kind.TRACK_BEYOND_TWO)
"""Those of them that no setting asked for; TRUNCATED unless the data set's own section says max_frames, JOINTS unless
it says missing."""


@dataclass(frozen=True)
class Loss:
    """kind: what it is. names: of the recordings. text: one line, with number, share and the first few names.

    excluded: the recordings are left out altogether.
    """

    kind: Kind
    names: tuple[str, ...]
    text: str
    excluded: bool = False


def describe_share(count: int, total: int, noun: str) -> str:
    """How many of how many, and in per cent."""
    return f"{count} of {total} {noun} ({count / total:.1%})"


def find_losses(manifest: pl.DataFrame, excluded: pl.DataFrame, kinds: Collection[Kind]) -> list[Loss]:
    """The losses of these kinds among the recordings, and those that are left out, but for the authors' own list."""
    total = len(manifest) + len(excluded)
    noted: dict[Kind, dict[str, list[Note]]] = {}
    for name, records in manifest.select("name", "notes").filter(pl.col("notes").list.len() > 0).iter_rows():
        for note in notes_of(records):
            if note.kind in kinds:
                noted.setdefault(note.kind, {}).setdefault(name, []).append(note)
    left_out: dict[Kind, list[tuple[str, Note]]] = {}
    for name, note in zip(excluded["name"], notes_of(excluded["note"]), strict=True):
        if note.kind is not Kind.LISTED_MISSING:
            left_out.setdefault(note.kind, []).append((name, note))

    def loss(kind: Kind, names: tuple[str, ...], notes: list[Note], *, excluded: bool) -> Loss:
        share = describe_share(len(names), total, "recordings")
        text = f"{share}: {'left out, ' if excluded else ''}{describe_notes(notes)}; {name_some(names)}"
        return Loss(kind, names, text, excluded)

    return [
        loss(kind, tuple(name for name, _ in found), [note for _, note in found], excluded=True)
        for kind, found in left_out.items()
    ] + [
        loss(kind, tuple(found), [note for notes in found.values() for note in notes], excluded=False)
        for kind, found in noted.items()
    ]


def find_without_part(manifest: pl.DataFrame, column: str) -> tuple[tuple[str, ...], str]:
    """The clips that a split by this column cannot put into a part, because they do not say it; and a line on them."""
    names = tuple(manifest.filter(pl.col(column).is_null() & pl.col("label").is_not_null())["name"])
    share = describe_share(len(names), len(manifest), "clips")
    return names, f"{share} have no {column} and are in neither part: {name_some(names)}"


def find_unlabelled(manifest: pl.DataFrame, part: pl.Series) -> tuple[tuple[str, ...], str]:
    """The clips without a label, and a line on what becomes of them. part: of each clip, null where it is in none."""
    without = manifest.with_columns(part.alias("part")).filter(pl.col("label").is_null())
    names = tuple(without["name"])
    left_out = without["part"].null_count()
    share = describe_share(len(names), len(manifest), "clips")
    text = f"{share} have no label: {len(names) - left_out} are pretrained on, {left_out} are in no part"
    return names, f"{text}: {name_some(names)}"
