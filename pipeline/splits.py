"""Split rules: which clips train and which test. Computed from the manifest and the rule alone."""

from dataclasses import dataclass

import polars as pl

from pipeline.errors import UserError


@dataclass(frozen=True)
class SplitRule:
    """Clips whose `column` of the manifest has one of the `train` values train; all others test."""

    column: str
    train: frozenset[int] | frozenset[str]


def assign(manifest: pl.DataFrame, rules: dict[str, SplitRule]) -> pl.DataFrame:
    """One row a clip: its name and, for every rule, `train` or `test`; null where the rule's column is null."""
    parts = [
        pl.when(pl.col(rule.column).is_null())
        .then(None)
        .when(pl.col(rule.column).is_in(list(rule.train)))
        .then(pl.lit("train"))
        .otherwise(pl.lit("test"))
        .alias(name)
        for name, rule in rules.items()
    ]
    return manifest.select("name", *parts)


def select(splits: pl.DataFrame, rule: str, part: str) -> pl.Series:
    """Names of the clips of one part (`train` or `test`) of a split rule, in store order; UserError if it is empty."""
    if rule not in splits.columns:
        known = ", ".join(column for column in splits.columns if column != "name")
        raise UserError(f"unknown split rule {rule!r}; this data set has: {known}")
    names = splits.filter(pl.col(rule) == part)["name"]
    if names.is_empty():
        raise UserError(f"split rule {rule!r} leaves no clip in its {part} part; use more clips (is a --limit set?)")
    return names
