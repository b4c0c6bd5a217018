"""A benchmark's split on disk: split.parquet, and split.json with its origin and its hash."""

import hashlib
from pathlib import Path
from typing import Any

import polars as pl

from hacm.files import check_seal, damaged, hash_file, read_json, seal, write_json
from pipeline.store.store import read_parquet

RECORDED = "split_sha256"
"""Where split.json has the checksum of split.parquet."""


def hash_split(split: pl.DataFrame) -> str:
    """BLAKE2b-128 of a split's rows as CSV; 32 hex digits."""
    return hashlib.blake2b(split.write_csv().encode(), digest_size=16).hexdigest()


def read_split(folder: Path) -> tuple[pl.DataFrame, dict[str, Any]]:
    """A split and what is said of it; UserError unless it is the one of which that is said."""
    path, facts = folder / "split.parquet", read_json(folder / "split.json")
    check_seal(folder / "split.json", facts)
    changed = damaged(path, "is not the one that split.json has the hash of", folder)
    # Bytes first: of damaged ones the reader may make anything. Earlier versions recorded the rows' hash alone.
    if path.exists() and facts.get(RECORDED, "") not in ("", hash_file(path)):
        raise changed
    split = read_parquet(path)
    if hash_split(split) != facts.get("split_hash"):
        raise changed
    return split, facts


def write_split(folder: Path, split: pl.DataFrame, facts: dict[str, Any]) -> None:
    """Write a split and what is said of it into a folder."""
    split.write_parquet(folder / "split.parquet")
    write_json(folder / "split.json", seal(facts | {RECORDED: hash_file(folder / "split.parquet")}))
