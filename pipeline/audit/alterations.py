"""What became of each recording on its way to a clip: left out, cut, merged, with the reason and the rule behind it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

STANDARD = "docs/data.md, standard cleaning"


@dataclass(frozen=True)
class Rule:
    """pattern: begins a note or a reason. action: what was done. rule: where it is written down."""

    pattern: str
    action: str
    rule: str


RULES = (
    Rule(r"frames without body dropped", "frames dropped", f"{STANDARD}, step 1"),
    Rule(r"no body in any frame", "excluded", f"{STANDARD}, step 1"),
    Rule(r"track \d+ closed up", "track closed up", f"{STANDARD}, step 2"),
    Rule(r"track \d+ dropped: only \d+ frames", "track dropped", f"{STANDARD}, step 3a"),
    Rule(r"track \d+ kept as the longest", "track kept", f"{STANDARD}, step 3a"),
    Rule(r"track \d+ dropped: \d+ of \d+ frames noisy", "track dropped", f"{STANDARD}, step 3b"),
    Rule(r"track \d+ merged into body", "tracks merged", f"{STANDARD}, step 3c"),
    Rule(r"track \d+ dropped: overlaps both", "track dropped", f"{STANDARD}, step 3c"),
    Rule(r"track \d+ dropped: a clip has two", "track dropped", "cleaning.strategy: none"),
    Rule(r"frames without remaining body dropped", "frames dropped", f"{STANDARD}, step 3d"),
    Rule(r"coordinates too large to translate", "excluded", f"{STANDARD}, step 4"),
    Rule(r"no body left", "excluded", f"{STANDARD}: nothing is left"),
    Rule(r"frames truncated", "truncated", "cleaning.max_frames"),
    Rule(r"body 0 copied", "body copied", "cleaning.single_body: copy"),
    Rule(r"listed by the data set's authors", "excluded", "the authors' list of incomplete recordings"),
    Rule(r"duplicate name", "excluded", "a name is given once"),
)


def classify(text: str, *, excluded: bool) -> tuple[str, str]:
    """(action, rule) of a note, or of the reason for leaving a recording out."""
    for rule in RULES:
        if re.match(rule.pattern, text):
            return ("excluded" if excluded else rule.action), rule.rule
    return ("excluded", "its reader") if excluded else ("read", "its reader")


def list_alterations(manifest: pl.DataFrame, excluded: pl.DataFrame) -> pl.DataFrame:
    """One row a note or exclusion: name, action, reason, rule; by name."""
    rows = [(name, *_row(reason, excluded=True)) for name, reason in excluded.select("name", "reason").iter_rows()]
    rows += _rows_of_notes(manifest)
    schema = {"name": pl.String, "action": pl.String, "reason": pl.String, "rule": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("name", maintain_order=True)


def _rows_of_notes(manifest: pl.DataFrame) -> Iterator[tuple[str, str, str, str]]:
    noted = manifest.select("name", "notes").filter(pl.col("notes").list.len() > 0)
    for name, notes in noted.iter_rows():
        for note in notes:
            yield (name, *_row(note, excluded=False))


def _row(text: str, *, excluded: bool) -> tuple[str, str, str]:
    action, rule = classify(text, excluded=excluded)
    return action, text, rule


def count_alterations(alterations: pl.DataFrame) -> list[dict[str, Any]]:
    """Clips and rows of each action and rule, the commonest first."""
    groups = alterations.group_by("action", "rule").agg(
        pl.col("name").n_unique().alias("clips"), pl.len().alias("times")
    )
    return groups.sort("clips", "action", "rule", descending=[True, False, False]).to_dicts()


def count_notes(manifest: pl.DataFrame) -> list[dict[str, Any]]:
    """How many clips each kind of note stands on; numbers inside a note do not make it another kind."""
    kinds = manifest.select(pl.col("notes").explode().str.replace_all(r"\d+(\.\d+)?", "…").alias("note")).drop_nulls()
    return kinds.group_by("note").len("clips").sort("clips", "note", descending=[True, False]).to_dicts()
