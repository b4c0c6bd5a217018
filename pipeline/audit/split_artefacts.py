"""Checks that a split on disk is the one that its rule gives for the store's manifest."""

from pathlib import Path

import polars as pl

from hacm.errors import UserError
from hacm.files import read_json
from pipeline.audit.integrity import Verification
from pipeline.audit.leakage import find_leaks
from pipeline.datasets.definition import DataSet
from pipeline.datasets.splits import assign
from pipeline.store.seal import FILES
from pipeline.store.split_files import hash_split
from pipeline.store.store import read_parquet


def verify_split(path: Path, store: Path, dataset: DataSet, found: Verification) -> None:
    """Add the faults of a split: its hash, its data version, the files it was made from, every clip's part, and what
    is on both of its sides. path: BENCHMARK/split."""
    place = path.parent.name
    try:
        facts, split = read_json(path / "split.json"), read_parquet(path / "split.parquet")
        manifest, recorded = read_parquet(store / "manifest.parquet"), read_json(store / FILES)
        stored_version = read_json(store / "store.json")["version"]
    except UserError as error:
        found.add("split", place, str(error))
        return
    found.files += 2
    if hash_split(split) != facts.get("split_hash"):
        found.add("split", place, "split.parquet is not the one that split.json has the hash of")
    if facts.get("data_version") != stored_version:
        found.add("split", place, f"was made of version {facts.get('data_version')}, the store is {stored_version}")
    if facts.get("store_files") != recorded:
        found.add("split", place, f"was made of other files than those of {store.name}/{FILES}")
    rule = str(facts.get("rule"))
    if rule not in dataset.splits or not {"name", "part"} <= set(split.columns):
        found.add("split", place, f"has no parts of a rule {rule!r} of {dataset.name}")
        return
    _verify_parts(place, manifest, split, rule, dataset, found)


def _verify_parts(
    place: str, manifest: pl.DataFrame, split: pl.DataFrame, rule: str, dataset: DataSet, found: Verification
) -> None:
    expected = assign(manifest, {rule: dataset.splits[rule]}).drop_nulls(rule)
    both = expected.join(split.select("name", "part"), on="name", how="full", coalesce=True)
    for name, should, has in both.filter(~pl.col(rule).eq_missing(pl.col("part"))).sort("name").iter_rows():
        found.add("split", f"{place}: {name}", f"is in {has or 'no part'}, its rule puts it in {should or 'no part'}")
    parts = split.select("name", pl.col("part").alias(rule))
    for leak in find_leaks(manifest, parts, {rule: dataset.splits[rule]}, ()):
        if leak.severity == "error":
            found.add("split", place, leak.text)
