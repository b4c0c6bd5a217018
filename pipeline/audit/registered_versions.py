"""Compares a version with the registered one of its data set, which results were measured on: which clips differ.

The registry is a text under version control. A line `DATA-SET VERSION CLIPS` names a version, made with the settings
that params.yaml ships; below it, indented, each clip may stand with the digest of what the version says of it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from hacm.errors import UserError, name_some
from pipeline.datasets.definition import FACTS
from pipeline.store.manifest import iter_version_rows
from pipeline.store.store import SkeletonStore

REGISTRY = FACTS / "versions.txt"
MEASURED_ON = "the version that the results in README.md and docs/results.md were measured on"
DIGEST_BYTES = 4


@dataclass(frozen=True)
class Registered:
    """A version. clips: how many; digests: by clip, empty where only the version is known."""

    version: str
    clips: int
    digests: Mapping[str, str] = field(default_factory=dict)


def compare_with_registered(store: SkeletonStore, dataset: str) -> dict[str, Any]:
    """text: what is to be said; version: the registered one, if there is one; changed, absent, added: clips by name."""
    registered = read_registry(REGISTRY).get(dataset)
    facts: dict[str, Any] = {"version": None, "changed": [], "absent": [], "added": []}
    if registered is None:
        advice = f"hacm audit --dataset {dataset} --register prints the line to add to {_relative(REGISTRY)}"
        return facts | {"text": f"no version of {dataset} is registered; {advice}"}
    facts["version"] = registered.version
    if store.version == registered.version:
        return facts | {"text": f"this is {MEASURED_ON}"}
    text = f"not {MEASURED_ON} ({registered.version[:12]}…, {registered.clips} clips)"
    if not registered.digests:
        return facts | {"text": f"{text}; its clips are not registered"}
    found = digest_clips(store.manifest)
    both = registered.digests.keys() & found.keys()
    facts["changed"] = sorted(name for name in both if registered.digests[name] != found[name])
    facts["absent"] = sorted(registered.digests.keys() - found.keys())
    facts["added"] = sorted(found.keys() - registered.digests.keys())
    told = [f"{len(names)} {kind}: {name_some(names)}" for kind, names in facts.items()
            if kind in ("changed", "absent", "added") and names]  # fmt: skip
    return facts | {"text": "; ".join([text, *told])}


def register(store: SkeletonStore, dataset: str, *, clips: bool) -> Iterator[str]:
    """The line to add to the registry, and with `clips` those of its clips."""
    yield f"{dataset} {store.version} {len(store)}"
    if clips:
        for name, digest in sorted(digest_clips(store.manifest).items()):
            yield f"  {name} {digest}"


def digest_clips(manifest: pl.DataFrame) -> dict[str, str]:
    """By clip: a short hash of what the version says of it, label, subject, joints and all."""
    return {name: hashlib.blake2b(row, digest_size=DIGEST_BYTES).hexdigest()
            for name, row in iter_version_rows(manifest)}  # fmt: skip


def read_registry(path: Path) -> dict[str, Registered]:
    """The registered versions by data set; UserError naming the line that is none."""
    found: dict[str, Registered] = {}
    digests: dict[str, str] | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        fields = line.split()
        if line.startswith("  ") and len(fields) == 2 and digests is not None:
            digests[fields[0]] = fields[1]
        elif not line.startswith(" ") and len(fields) == 3 and fields[2].isdigit():
            digests = {}
            found[fields[0]] = Registered(fields[1], int(fields[2]), digests)
        elif fields:
            raise UserError(f"{_relative(path)}:{number}: {line[:40]!r} is neither a version nor a clip; correct it")
    return found


def _relative(path: Path) -> str:
    return f"pipeline/datasets/facts/{path.name}"
