"""A benchmark's split on disk: split.parquet, and split.json, which says what it was made of and what its hash is."""

import hashlib
from pathlib import Path
from typing import Any

import polars as pl

from hacm.files import read_json
from pipeline.store.seal import damaged
from pipeline.store.store import read_parquet


def hash_split(split: pl.DataFrame) -> str:
    """BLAKE2b-128 of a split's rows as CSV; 32 hex digits."""
    return hashlib.blake2b(split.write_csv().encode(), digest_size=16).hexdigest()


def read_split(folder: Path) -> tuple[pl.DataFrame, dict[str, Any]]:
    """A split and what is said of it; UserError unless it has the hash that is said of it."""
    split, facts = read_parquet(folder / "split.parquet"), read_json(folder / "split.json")
    if hash_split(split) != facts.get("split_hash"):
        raise damaged(folder / "split.parquet", "is not the one that split.json has the hash of", folder)
    return split, facts
