"""Split rules: which clips train and which test, and which of the training clips carry labels in a semi-supervised run.

Computed from the manifest and the rule alone: the same on every machine.
"""

import hashlib
from dataclasses import dataclass

import polars as pl

from hacm.errors import UserError

LABEL_DRAWS = 5
"""How many independent orders of the training clips a split carries (hacm.md §6: 5 draws, mean ± std)."""


@dataclass(frozen=True)
class SplitRule:
    """Clips whose `column` of the manifest has one of the `train` values train; all others test.

    test: the values that test, where the rest is in neither part: a rule that holds out some of another's training
    subjects, so that settings can be chosen without its test clips.
    """

    column: str
    train: frozenset[int] | frozenset[str]
    test: frozenset[int] | frozenset[str] | None = None

    def __post_init__(self) -> None:
        both = self.train & (self.test or frozenset())
        if both:
            raise UserError(f"split by {self.column}: {sorted(both)} cannot both train and test; choose one")


UNLABELLED = "unlabelled"
"""The part of the clips without a label that are pretrained on."""


def assign(manifest: pl.DataFrame, rules: dict[str, SplitRule]) -> pl.DataFrame:
    """One row per clip: its name and, for every rule, `train` or `test`; null where the rule's column is null, or has a
    value that is in neither part. A clip without a label never tests: it is UNLABELLED where the column is null or has
    a value that trains, and else null."""
    return manifest.select("name", *(_part_of(rule).alias(name) for name, rule in rules.items()))


def _part_of(rule: SplitRule) -> pl.Expr:
    value = pl.col(rule.column)
    tests = value.is_not_null() if rule.test is None else value.is_in(list(rule.test))
    trains = value.is_in(list(rule.train))
    labelled = pl.col("label").is_not_null()
    return (
        pl.when(labelled & trains).then(pl.lit("train"))
        .when(labelled & tests).then(pl.lit("test"))
        .when(~labelled & (trains | value.is_null())).then(pl.lit(UNLABELLED))
    )  # fmt: skip


def select(splits: pl.DataFrame, rule: str, part: str) -> pl.Series:
    """Names of the clips of one part (`train` or `test`) of a split rule, in store order; UserError if it is empty."""
    if rule not in splits.columns:
        known = ", ".join(column for column in splits.columns if column != "name")
        raise UserError(f"unknown split rule {rule!r}; this data set has: {known}")
    names = splits.filter(pl.col(rule) == part)["name"]
    if names.is_empty():
        raise UserError(f"split rule {rule!r} leaves no clip in its {part} part; use more clips (is a --limit set?)")
    return names


def rank_labels(clips: pl.DataFrame, draws: int = LABEL_DRAWS) -> pl.DataFrame:
    """`name` and, for every draw, a column `draw_0` …: the clip's place among the clips of its class, from 0.

    clips: `name` and `label` of the training clips. The clips of a class are ordered by a hash of the draw and their
    name, so that a share of the labels is the first of every class: stratified, and a larger share holds the smaller.
    """
    keys = {f"draw_{draw}": [_shuffle_key(draw, name) for name in clips["name"]] for draw in range(draws)}
    places = [pl.col(column).rank("ordinal").over("label").cast(pl.UInt32) - 1 for column in keys]
    return clips.with_columns(**{column: pl.Series(values) for column, values in keys.items()}).select("name", *places)


def _shuffle_key(draw: int, name: str) -> int:
    digest = hashlib.blake2b(f"{draw} {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1  # Int64
