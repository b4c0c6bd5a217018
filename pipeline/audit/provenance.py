"""Traces the clips to their origin: archives with their checksums, the raw store, and whether a clip can be traced."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hacm.errors import UserError, name_some
from hacm.files import read_json
from pipeline.audit.findings import Finding, count
from pipeline.datasets.definition import DataSet
from pipeline.store.store import SkeletonStore

IDENTITY = (
    "label", "subject", "camera", "setup", "replication", "execution", "xsub_part", "xview_part", "fps", "topology",
    "source", "source_sha256",
)  # fmt: skip
"""Columns that cleaning copies unchanged from a recording."""


@dataclass(frozen=True)
class Origin:
    """What a store was made from, where that is there. archives: SHA-256 by file, from the receipt of the raw files."""

    archives: Mapping[str, str] | None = None
    recordings: SkeletonStore | None = None


def find_origin(receipt: Path, recordings: Path) -> Origin:
    """The receipt of the raw files and the raw store, each where it exists."""
    archives = read_json(receipt)["files"] if receipt.exists() else None
    raw = SkeletonStore.open(recordings) if (recordings / "store.json").exists() else None
    return Origin(archives, raw)


def trace_provenance(store: SkeletonStore, dataset: DataSet, origin: Origin) -> tuple[dict[str, Any], list[Finding]]:
    """The chain from archives to clips, in numbers, and where it is broken."""
    known = {archive.file: archive.sha256 for group in dataset.sources for archive in group if archive.sha256}
    archives, findings = [], []
    for file, digest in sorted((origin.archives or {}).items()):
        stated = known.get(file)
        archives.append({"file": file, "sha256": digest, "stated": stated})
        if stated is not None and stated != digest:
            text = f"{file}: SHA-256 {digest[:12]}…, known as {stated[:12]}…"
            findings.append(Finding("provenance", "error", (), text))
    checked, wrong = _check_members(store.manifest, dataset)
    if wrong:
        text = f"raw files that are not the authors': {name_some(wrong)}"
        findings.append(Finding("provenance", "error", tuple(wrong), text))
    facts: dict[str, Any] = {
        "archives": archives,
        "recordings_version": store.facts.get("recordings_version"),
        "raw_files": store.manifest["source_sha256"].n_unique(),
        "raw_files_of_known_content": checked,
    }
    if origin.recordings is not None:
        facts["reading"] = origin.recordings.facts.get("reading")
        traced, broken = _trace_to_recordings(store, origin.recordings)
        facts["traced_to_recordings"] = traced
        findings += broken
    return facts, findings


def _check_members(manifest: pl.DataFrame, dataset: DataSet) -> tuple[int, list[str]]:
    """How many clips come from a raw file whose checksum the authors' copy has, and the names of those that do not."""
    known = dataset.member_checksums()
    checked, wrong = 0, []
    for name, source, digest in manifest.select("name", "source", "source_sha256").iter_rows():
        stated = known.get(source.rsplit("/", 1)[-1])
        checked += stated is not None
        if stated not in (None, digest):
            wrong.append(name)
    return checked, wrong


def _trace_to_recordings(store: SkeletonStore, recordings: SkeletonStore) -> tuple[int, list[Finding]]:
    """How many clips agree with their recording in all that cleaning takes over, and what does not."""
    findings = []
    if store.facts.get("recordings_version") != recordings.version:
        text = "the clips were cleaned from another version of the recordings; run dvc repro"
        findings.append(Finding("provenance", "error", (), text))
    columns = [column for column in IDENTITY if column in recordings.manifest.columns]
    both = store.manifest.select("name", *columns).join(
        recordings.manifest.select("name", *columns, pl.lit(True).alias("known")), on="name", how="left"
    )
    absent = both.filter(pl.col("known").is_null())["name"].to_list()
    if absent:
        text = f"{count(len(absent), 'clip')} without a recording in {recordings.path}: {name_some(absent)}"
        findings.append(Finding("provenance", "error", tuple(absent), text))
    found = both.filter(pl.col("known"))
    differs = [column for column in columns if not found[column].eq_missing(found[f"{column}_right"]).all()]
    same = pl.all_horizontal(pl.col(column).eq_missing(pl.col(f"{column}_right")) for column in columns)
    changed = found.filter(~same)["name"].to_list()
    if changed:
        what = f"other than in the recording: {', '.join(differs)}"
        text = f"{count(len(changed), 'clip')} with values {what}: {name_some(changed)}"
        findings.append(Finding("provenance", "error", tuple(changed), text))
    accounted = set(store.manifest["name"]) | set(store.table("excluded")["name"])
    lost = sorted(set(recordings.manifest["name"]) - accounted)
    if lost:
        text = f"{len(lost)} recordings are neither among the clips nor among the excluded: {name_some(lost)}"
        findings.append(Finding("provenance", "error", tuple(lost), text))
    return len(both) - len(absent) - len(changed), findings


def check_store(store: SkeletonStore, dataset: DataSet) -> None:
    """UserError unless the store holds the data set's clips, in its skeleton as it is now."""
    if store.facts.get("dataset") != dataset.name:
        raise UserError(f"{store.path}: holds {store.facts.get('dataset')}, not {dataset.name}; name its data set")
    if store.facts.get("kind") == "recordings":
        raise UserError(f"{store.path}: holds raw recordings; audit the clips cleaned from them (--verify takes both)")
    if store.facts.get("skeleton") != dataset.topology.describe():
        raise UserError(f"{store.path}: another skeleton than {dataset.topology.name} is now; run dvc repro")
