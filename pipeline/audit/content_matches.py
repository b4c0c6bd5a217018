"""Matches the clips of one store with those of another by content, not by name: a prepared file with the raw set.

Clips are *equal* if every value is. A clip is *changed* if its nearest clip is within a tolerance, by the distance of
nearly identical clips (sketches.py: the first bodies, each frame centred, in metres, root mean square). All others are
*unmatched*.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hacm.errors import UserError, name_some
from hacm.skeletons.topology import Topology
from pipeline.audit.sketches import NEAR, NEIGHBOURS, SAFETY, SKETCH_NUMBERS, measure_distance, sketch
from pipeline.audit.streaming import split_into_batches
from pipeline.store.losses import describe_share
from pipeline.store.store import SkeletonStore

TOLERANCE = NEAR
"""Metres. Half precision, which some files have, moves joints by under a millimetre."""

SCHEMA: dict[str, Any] = {
    "name": pl.String, "kind": pl.String, "other": pl.String, "distance": pl.Float64, "same_label": pl.Boolean,
}  # fmt: skip


@dataclass(frozen=True)
class Matches:
    """pairs: of each clip its name, kind (equal, changed, unmatched), the other's name, metres apart, and whether the
    labels are the same; null where it is unmatched. others: how many clips the other store holds. unused: those of
    them that match none.
    """

    pairs: pl.DataFrame
    tolerance: float
    others: int
    unused: list[str]

    def count(self, kind: str) -> int:
        """The clips of one kind."""
        return len(self.pairs.filter(pl.col("kind") == kind))

    @property
    def facts(self) -> dict[str, Any]:
        """In numbers and names."""
        changed = self.pairs.filter(pl.col("kind") == "changed")
        total = len(self.pairs)
        return {
            "clips": total,
            "tolerance": self.tolerance,
            **{kind: self.count(kind) for kind in ("equal", "changed", "unmatched")},
            **{f"{kind}_share": self.count(kind) / total for kind in ("equal", "changed", "unmatched")},
            "changed_by_median": changed["distance"].median(),
            "changed_by_most": changed["distance"].max(),
            "other_labels": self.pairs.filter(~pl.col("same_label"))["name"].to_list(),
            "unmatched_clips": self.pairs.filter(pl.col("kind") == "unmatched")["name"].to_list(),
            "others": self.others,
            "others_unused": self.unused,
        }


def match_clips(store: SkeletonStore, other: SkeletonStore, topology: Topology, tolerance: float) -> Matches:
    """Match every clip of a store with the nearest of another. UserError unless both have this skeleton."""
    if not tolerance > 0:
        raise UserError(f"--tolerance: {tolerance} must be positive, in metres")
    for one in (store, other):
        if one.facts.get("skeleton") != topology.describe():
            raise UserError(
                f"{one.path}: its skeleton is not {topology.name}; only clips of one skeleton can be matched"
            )
    same = dict(zip(other.manifest["hash"], other.manifest["name"], strict=True))
    label = dict(other.manifest.select("name", "label").iter_rows())
    rows: list[tuple[str, str, str | None, float | None, bool | None]] = []
    open_rows = store.manifest.filter(~pl.col("hash").is_in(list(same)))
    near = _find_near(store, other, set(open_rows["name"]), topology, tolerance)
    for name, digest, own in store.manifest.select("name", "hash", "label").iter_rows():
        if digest in same:
            rows.append((name, "equal", same[digest], 0.0, label[same[digest]] == own))
        elif name in near:
            found, distance = near[name]
            rows.append((name, "changed", found, distance, label[found] == own))
        else:
            rows.append((name, "unmatched", None, None, None))
    pairs = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    # Of clips that are equal to one another one is named; all of them have their like.
    used = set(pairs["other"].drop_nulls())
    hashes = set(other.manifest.filter(pl.col("name").is_in(list(used)))["hash"])
    unused = other.manifest.filter(~pl.col("hash").is_in(list(hashes)))["name"].sort().to_list()
    return Matches(pairs, tolerance, len(other.manifest), unused)


def _find_near(
    store: SkeletonStore, other: SkeletonStore, names: set[str], topology: Topology, tolerance: float
) -> dict[str, tuple[str, float]]:
    """For each of these clips, the nearest of the other store and its distance, if within the tolerance."""
    if not names:
        return {}
    from scipy.spatial import cKDTree

    own_names, own_NK = _sketch_all(store, topology)
    other_names, other_NK = _sketch_all(other, topology)
    chosen = [number for number, name in enumerate(own_names) if name in names]
    radius = SAFETY * tolerance * np.sqrt(SKETCH_NUMBERS / 3)
    neighbours = cKDTree(other_NK).query(
        own_NK[chosen], k=min(NEIGHBOURS, len(other_names)), distance_upper_bound=radius
    )[1]
    found = {}
    for number, row in zip(chosen, np.asarray(neighbours).reshape(len(chosen), -1), strict=True):
        name = own_names[number]
        candidates = [other_names[place] for place in row if place < len(other_names)]
        distances = [(measure_distance(store[name], other[one], topology), one) for one in candidates]
        if distances and min(distances)[0] <= tolerance:
            distance, nearest = min(distances)
            found[name] = (nearest, distance)
    return found


def _sketch_all(store: SkeletonStore, topology: Topology) -> tuple[list[str], NDArray[np.float64]]:
    names, sketches = [], []
    for batch in split_into_batches(store.manifest):
        names += batch.clips["name"].to_list()
        sketches.append(sketch(batch, store.rows.read(batch.start, batch.stop), topology))
    return names, np.concatenate(sketches).astype(np.float64)


def describe_matches(matches: Matches, name: str, other: str) -> list[str]:
    """Lines for people."""
    facts = matches.facts
    total = facts["clips"]
    lines = [f"{name} beside {other}, by content, within {1000 * matches.tolerance:g} mm:"]
    changed = ""
    if facts["changed"]:
        median, most = (1000 * facts[key] for key in ("changed_by_median", "changed_by_most"))
        changed = f", by {median:.2g} mm (median) and at most {most:.2g}"
    lines += [
        f"  equal to the last bit: {describe_share(facts['equal'], total, 'clips')}",
        f"  changed: {describe_share(facts['changed'], total, 'clips')}{changed}",
        f"  unmatched: {describe_share(facts['unmatched'], total, 'clips')}{_named(facts['unmatched_clips'])}",
        f"  of those with a match, under another label: {len(facts['other_labels'])}{_named(facts['other_labels'])}",
        f"  in {other} alone: {describe_share(len(facts['others_unused']), facts['others'], 'clips')}"
        f"{_named(facts['others_unused'])}",
    ]
    return lines


def _named(names: list[str]) -> str:
    return f"; {name_some(names)}" if names else ""
