"""Lists what was done to recordings on the way to clips: left out, cut, merged, with the reason and the rule."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import polars as pl

from hacm.recordings.notes import Kind, Note
from pipeline.store.manifest import notes_of


def list_alterations(manifest: pl.DataFrame, excluded: pl.DataFrame) -> pl.DataFrame:
    """One row per note or exclusion: name, action, reason, rule; by name."""
    reasons = zip(excluded["name"], notes_of(excluded["note"]), strict=True)
    noted = [*reasons, *_iterate_notes(manifest)]
    rows = [(name, note.kind.action, note.text, note.kind.rule) for name, note in noted]
    schema = {"name": pl.String, "action": pl.String, "reason": pl.String, "rule": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("name", maintain_order=True)


def _iterate_notes(manifest: pl.DataFrame) -> Iterator[tuple[str, Note]]:
    """Every note with its clip's name, in the manifest's order."""
    noted = manifest.select("name", "notes").filter(pl.col("notes").list.len() > 0)
    for name, records in noted.iter_rows():
        yield from ((name, note) for note in notes_of(records))


def count_alterations(alterations: pl.DataFrame) -> list[dict[str, Any]]:
    """Clips and rows of each action and rule, the most frequent first."""
    groups = alterations.group_by("action", "rule").agg(
        pl.col("name").n_unique().alias("clips"), pl.len().alias("times")
    )
    return groups.sort("clips", "action", "rule", descending=[True, False, False]).to_dicts()


def count_notes(manifest: pl.DataFrame) -> list[dict[str, Any]]:
    """How many notes there are of each kind, the most frequent first; notes in a reader's own words are separate
    kinds."""
    counts = Counter(note.pattern for _, note in _iterate_notes(manifest))
    return [{"note": note, "clips": count} for note, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]


def count_missing_joints(manifest: pl.DataFrame) -> list[dict[str, Any]]:
    """For each joint that was ever unseen: in how many body-frames, their share, how many were filled, in how many
    clips.

    The most frequent first. The share is of the body-frames of all clips, including absent bodies.
    """
    of = int((manifest["bodies"].cast(pl.Int64) * manifest["frames"]).sum())
    filled, left = Counter[str](), Counter[str]()
    clips: dict[str, set[str]] = {}
    for name, note in _iterate_notes(manifest):
        if note.kind in (Kind.JOINT_FILLED, Kind.JOINT_LEFT):
            joint, count = str(note.words), note.count or 0
            (filled if note.kind is Kind.JOINT_FILLED else left)[joint] += count
            clips.setdefault(joint, set()).add(name)
    missing = filled + left
    return [
        {"joint": joint, "missing": count, "share": round(count / of, 6), "filled": filled[joint],
         "clips": len(clips[joint])}
        for joint, count in sorted(missing.items(), key=lambda one: (-one[1], one[0]))
    ]  # fmt: skip
