"""What the code of commit aaa4aa5 was: its files by hash, and which of them each of its stages depended on."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from hacm.files import read_json
from pipeline.graph.former_names import rename_stage

COMMIT = "aaa4aa5"
FACTS = Path(__file__).with_name("aaa4aa5.json")
OWN = "pipeline/own"
"""Where users put data sets of their own; the commit had none."""


@cache
def _facts() -> dict[str, Any]:
    facts: dict[str, Any] = read_json(FACTS)
    return facts


def reader_hash() -> str:
    """What stores of recordings said of the code that read them."""
    return str(_facts()["reader"])


def method_hashes() -> dict[str, str]:
    """SHA-256 of every Python file of hacm/, by path: the code in the fingerprint of an unfinished pretraining."""
    return dict(_facts()["method"])


def code_of(kind: str, names: Mapping[str, str]) -> dict[str, str | None]:
    """The code that a stage depended on, but for OWN: MD5 by path; None for a file that the commit did not have.

    kind: as it is called now.
    """
    stages = {rename_stage(name): paths for name, paths in _facts()["stages"].items()}
    paths = [path.format(**names) for path in stages.get(kind, ())]
    return {path: _facts()["paths"].get(path) for path in paths if path != OWN}
