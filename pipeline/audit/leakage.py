"""Finds duplicates, and clips, people or recordings that are in both parts of a split.

A *performance* is one person's one execution, maybe seen by several cameras; a *recording* is one raw file, from which
several clips may have been cut. A split by cameras or setups has the same people on both sides, and one by cameras the
same performances, by design; that is noted. Anything else on both sides lets a test clip be known from training.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from hacm.errors import name_some
from pipeline.audit.findings import Finding
from pipeline.audit.sketches import NearPair
from pipeline.datasets.splits import UNLABELLED, SplitRule

BY_CAMERA = ("camera", "xview_part")
BY_SUBJECT = ("subject", "xsub_part")
LISTED = {"xsub_part": "subject", "xview_part": "camera"}
"""Columns of authors' lists, and what such a list goes by."""
PERFORMANCE = ("setup", "subject", "replication", "label")


def find_leaks(
    manifest: pl.DataFrame, parts: pl.DataFrame, rules: dict[str, SplitRule], near: Sequence[NearPair]
) -> list[Finding]:
    """parts: `name` and one column per rule with `train`, `test` or null (splits.assign, or a split on disk)."""
    groups = group_near(near)
    findings = []
    for rule, split in rules.items():
        # What is pretrained on must not be known from the test clips either.
        side = pl.col(rule).replace(UNLABELLED, "train").alias("part")
        clips = manifest.join(parts.select("name", side), on="name").drop_nulls("part")
        findings += _find_subjects(clips, rule, split)
        findings += _find_unknown(clips, rule, split)
        findings += _find_recordings(clips, rule, split)
        same = pl.concat([_groups_of(clips, "hash"), _groups_of(clips, "source_sha256", whole=True)])
        findings += _find_both_sides(clips, same, "leak-identical", f"{rule}: identical clips on both sides")
        findings += _find_both_sides(clips, groups, "leak-near", f"{rule}: nearly identical clips on both sides")
    return findings


def find_duplicates(manifest: pl.DataFrame, near: Sequence[NearPair]) -> list[Finding]:
    """Clips that are there more than once, wherever they are, and what their labels say of it."""
    findings = []
    same = _groups_of(manifest, "hash")
    raw = _groups_of(manifest, "source_sha256", whole=True)
    for shared, what in ((same, "identical clips"), (raw, "clips of byte-identical raw files")):
        groups = shared.sort("group", "name").group_by("group", maintain_order=True).agg("name")
        findings += [
            Finding("identical", "warning", tuple(names), f"{what}: {name_some(list(names))}")
            for names in groups["name"]
        ]
    for pair in near:
        text = f"nearly identical clips: {pair.first} and {pair.second}, {1000 * pair.distance:.2g} mm apart"
        findings.append(Finding("near-identical", "warning", (pair.first, pair.second), text))
    labels = manifest.select("name", "label")
    for groups in (same, raw, group_near(near)):
        marked = groups.join(labels, on="name").drop_nulls("label")
        for names in _mixed(marked, "label"):
            text = f"identical or nearly identical clips with different labels: {name_some(list(names))}"
            findings.append(Finding("labels", "error", tuple(names), text))
    return list(dict.fromkeys(findings))


def group_near(near: Sequence[NearPair]) -> pl.DataFrame:
    """`name`, `group`: clips that a chain of pairs joins are one group."""
    names = sorted({name for pair in near for name in (pair.first, pair.second)})
    if not names:
        return pl.DataFrame(schema={"name": pl.String, "group": pl.String})
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    number = {name: place for place, name in enumerate(names)}
    ends = np.array([(number[pair.first], number[pair.second]) for pair in near])
    graph = coo_array((np.ones(len(near)), (ends[:, 0], ends[:, 1])), shape=(len(names),) * 2)
    groups = connected_components(graph, directed=False)[1]
    return pl.DataFrame({"name": names, "group": [f"near {group}" for group in groups]})


def _groups_of(clips: pl.DataFrame, column: str, *, whole: bool = False) -> pl.DataFrame:
    """`name`, `group`: clips that share a value. whole: of raw files that differ in path, so that clips which were cut
    from one file are no group."""
    known = clips.filter(pl.col(column).is_not_null() & (pl.col(column) != ""))
    several = known.filter(pl.col("source" if whole else "name").n_unique().over(column) > 1)
    if whole:
        # One file for all clips, such as a list of placeholders in a store written by hand, says nothing.
        several = several.filter(pl.col(column) != "0" * 64)
    return several.sort("name").select("name", pl.format("{} {}", pl.lit(column), column).alias("group"))


def _mixed(marked: pl.DataFrame, column: str) -> list[list[str]]:
    """Names of the groups in which a column has more than one value."""
    several = marked.filter(pl.col(column).n_unique().over("group") > 1)
    groups = several.sort("group", "name").group_by("group", maintain_order=True).agg("name")
    return [list(names) for names in groups["name"]]


def _find_both_sides(clips: pl.DataFrame, groups: pl.DataFrame, kind: str, words: str) -> list[Finding]:
    mixed = _mixed(groups.join(clips.select("name", "part"), on="name"), "part")
    names = tuple(dict.fromkeys(name for group in mixed for name in group))
    if not names:
        return []
    shown = "; ".join(", ".join(group[:4]) for group in mixed[:4])
    return [Finding(kind, "error", names, f"{words}: {len(mixed)} groups of {len(names)} clips, such as {shown}")]


def _find_subjects(clips: pl.DataFrame, rule: str, split: SplitRule) -> list[Finding]:
    known = clips.drop_nulls("subject")
    shared = known.filter(pl.col("part").n_unique().over("subject") > 1)
    if shared.is_empty():
        return []
    people = ", ".join(map(str, shared["subject"].unique().sort().head(10)))
    count = shared["subject"].n_unique()
    if split.column not in BY_SUBJECT:
        text = f"{rule}: {count} subjects are on both sides, by design of a split by {split.column}"
        return [Finding("leak-subject", "note", (), text)]
    minor = pl.len().over("subject", "part")
    names = shared.with_columns(minor.alias("count")).sort("count", "name")["name"]
    text = f"{rule}: {count} subjects are on both sides ({people}); fewest clips: {name_some(list(names[:10]))}"
    return [Finding("leak-subject", "error", tuple(names), text)]


def _find_unknown(clips: pl.DataFrame, rule: str, split: SplitRule) -> list[Finding]:
    """Of a split by a list, that nothing can be said of its sides, where no clip says what the list goes by."""
    column = LISTED.get(split.column)
    if column is None or clips.is_empty() or clips[column].is_not_null().any():
        return []
    text = f"{rule}: no clip says its {column}, so whether one is on both sides cannot be known; the list is trusted"
    return [Finding("unknown", "note", (), text)]


def _find_recordings(clips: pl.DataFrame, rule: str, split: SplitRule) -> list[Finding]:
    findings = []
    raw = clips.filter(pl.col("source") != "").with_columns(group=pl.col("source"))
    findings += _find_both_sides(clips, raw.select("name", "group"), "leak-recording", f"{rule}: clips of one raw file")
    seen = clips.drop_nulls(["camera", "subject"]).with_columns(
        group=pl.concat_str([pl.col(column).cast(pl.String).fill_null("–") for column in PERFORMANCE], separator=" ")
    )
    views = _find_both_sides(
        clips, seen.select("name", "group"), "leak-recording", f"{rule}: views of one performance on both sides"
    )
    if views and split.column in BY_CAMERA:
        text = f"{rule}: performances are on both sides, each seen by other cameras, by design of a split by cameras"
        views = [Finding("leak-recording", "note", (), text)]
    return findings + views
