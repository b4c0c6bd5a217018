"""Finds what differs between two data versions, from their manifests; and by how much, from their stores."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from pipeline.datasets.definition import DataSet
from pipeline.datasets.splits import assign
from pipeline.store.manifest import notes_of
from pipeline.store.store import SkeletonStore

TEXTS = pl.List(pl.String)

FACTS = ("subject", "camera", "setup", "replication", "execution", "fps", "topology", "xsub_part", "xview_part")
"""What a clip is said to be, beside its label."""


@dataclass(frozen=True)
class Differences:
    """Tables of clips, by name; every one may be empty.

    added: name, label. removed: name, label, reason (why it is left out now, where that is recorded). relabelled: name,
    before, after. described: name, column, before, after, of FACTS. values: clips of another content, with `raw`:
    whether their raw file changed, frames and bodies before and after. recleaned: clips of the same raw file whose
    notes changed, with the texts of both. moved: name, rule, before, after. benchmarks: by rule, clips and changes of
    either part.
    """

    added: pl.DataFrame
    removed: pl.DataFrame
    relabelled: pl.DataFrame
    described: pl.DataFrame
    values: pl.DataFrame
    recleaned: pl.DataFrame
    moved: pl.DataFrame
    benchmarks: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether the two versions are the same in everything that is compared."""
        tables = (self.added, self.removed, self.relabelled, self.described, self.values, self.recleaned, self.moved)
        return all(table.is_empty() for table in tables)


@dataclass(frozen=True)
class VersionTables:
    """What a version holds. parts: name and a column a split rule, with `train`, `test` or null."""

    manifest: pl.DataFrame
    excluded: pl.DataFrame
    parts: pl.DataFrame

    @classmethod
    def by_rule(cls, manifest: pl.DataFrame, excluded: pl.DataFrame, dataset: DataSet) -> "VersionTables":
        """With the parts that the data set's rules make now."""
        return cls(manifest, excluded, assign(manifest, dataset.splits))


def compare_versions(one: VersionTables, other: VersionTables) -> Differences:
    """What is different in `other`, which came later."""
    before, after = one.manifest, other.manifest
    both = before.join(after, on="name", suffix=" after")
    removed = before.join(after, on="name", how="anti").select("name", "label")
    added = after.join(before, on="name", how="anti").select("name", "label")
    was_out, is_out = (tables.excluded.select("name", "reason").unique("name", keep="first") for tables in (one, other))
    rules = [rule for rule in one.parts.columns if rule != "name" and rule in other.parts.columns]
    return Differences(
        added=added.join(was_out, on="name", how="left").sort("name"),
        removed=removed.join(is_out, on="name", how="left").sort("name"),
        relabelled=_changes(both, "label"),
        described=_describe(both),
        values=_find_values(both),
        recleaned=_find_recleaned(both),
        moved=_find_moved(one.parts, other.parts, rules),
        benchmarks={rule: _count(one, other, rule) for rule in rules},
    )


def _changes(both: pl.DataFrame, column: str) -> pl.DataFrame:
    changed = both.filter(~pl.col(column).eq_missing(pl.col(f"{column} after")))
    return changed.select("name", before=column, after=f"{column} after").sort("name")


def _find_recleaned(both: pl.DataFrame) -> pl.DataFrame:
    changed = both.filter(pl.col("notes") != pl.col("notes after")).sort("name")
    texts = {
        side: pl.Series([[note.text for note in notes_of(records)] for records in changed[column]], dtype=TEXTS)
        for side, column in (("before", "notes"), ("after", "notes after"))
    }
    return changed.select("name").with_columns(**texts)


def _describe(both: pl.DataFrame) -> pl.DataFrame:
    tables = [
        _changes(both, column).select("name", pl.lit(column).alias("column"), pl.col("before", "after").cast(pl.String))
        for column in FACTS
        if column in both.columns and f"{column} after" in both.columns
    ]
    return pl.concat(tables).sort("name", "column")


def _find_values(both: pl.DataFrame) -> pl.DataFrame:
    changed = both.filter(pl.col("hash") != pl.col("hash after"))
    sizes = {f"{column}_{side}": f"{column}{end}" for column in ("frames", "bodies")
             for side, end in (("before", ""), ("after", " after"))}  # fmt: skip
    raw = (pl.col("source_sha256") != pl.col("source_sha256 after")).alias("raw")
    return changed.select("name", "label", raw, **sizes).sort("name")


def _find_moved(before: pl.DataFrame, after: pl.DataFrame, rules: list[str]) -> pl.DataFrame:
    both = before.join(after, on="name", suffix=" after")
    tables = [_changes(both, rule).select("name", pl.lit(rule).alias("rule"), "before", "after") for rule in rules]
    return pl.concat(tables).sort("name", "rule")


def _count(one: VersionTables, other: VersionTables, rule: str) -> dict[str, Any]:
    """Of either part: clips before and after, those that came, went, or stayed with another label or content."""
    content = ("label", "hash")
    counts: dict[str, Any] = {}
    for part in ("train", "test"):
        had, has = (
            tables.parts.filter(pl.col(rule) == part)
            .select("name")
            .join(tables.manifest.select("name", *content), on="name")
            for tables in (one, other)
        )
        stayed = had.join(has, on="name", suffix=" after")
        changed = pl.any_horizontal(pl.col(column) != pl.col(f"{column} after") for column in content)
        counts[part] = {
            "before": len(had),
            "after": len(has),
            "came": len(has) - len(stayed),
            "went": len(had) - len(stayed),
            "changed": len(stayed.filter(changed)),
        }
    return counts


def measure_changes(values: pl.DataFrame, before: SkeletonStore, after: SkeletonStore) -> pl.DataFrame:
    """`values` with by how much: `mean` and `most`, metres that a joint lies elsewhere, over the frames and bodies that
    both have; null where they have none in common."""
    rows: list[tuple[str, float | None, float | None]] = []
    for name in values["name"]:
        one, other = before[name], after[name]
        bodies, frames = min(len(one), len(other)), min(one.shape[1], other.shape[1])
        if not bodies or not frames or one.shape[2:] != other.shape[2:]:
            rows.append((name, None, None))
            continue
        steps = np.linalg.norm(one[:bodies, :frames].astype(np.float64) - other[:bodies, :frames], axis=-1)
        rows.append((name, float(steps.mean()), float(steps.max())))
    schema = {"name": pl.String, "mean": pl.Float64, "most": pl.Float64}
    return values.join(pl.DataFrame(rows, schema=schema, orient="row"), on="name", maintain_order="left")
