"""Audits a data version: what it holds, where it comes from, and what is wrong with it.

One pass over the store, a batch of clips at a time; the checks are functions of what that pass measures.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from pipeline.audit.alterations import count_alterations, count_missing_joints, count_notes, list_alterations
from pipeline.audit.conventions import find_broken_conventions
from pipeline.audit.counts import count_by, count_classes, count_splits, describe_balance, find_count_faults
from pipeline.audit.findings import Finding, in_order
from pipeline.audit.leakage import find_duplicates, find_leaks
from pipeline.audit.provenance import Origin, check_store, trace_provenance
from pipeline.audit.registered_versions import compare_with_registered
from pipeline.audit.sketches import find_near_pairs, sketch
from pipeline.audit.streaming import split_into_batches
from pipeline.audit.values import MEASURES, find_value_faults, measure
from pipeline.audit.worst_moments import describe_worst
from pipeline.datasets.definition import DataSet
from pipeline.datasets.splits import assign
from pipeline.store.store import SkeletonStore


@dataclass(frozen=True)
class Audit:
    """facts: what audit.json holds. measures: one row per clip. alterations: one row per alteration."""

    facts: dict[str, Any]
    findings: list[Finding]
    measures: pl.DataFrame
    alterations: pl.DataFrame


def audit(store: SkeletonStore, dataset: DataSet, origin: Origin | None = None) -> Audit:
    """Counts, provenance, alterations, leakage, duplicates, values and balance of a store of clips.

    UserError if the store is of another data set or holds something else than clips.
    """
    check_store(store, dataset)
    manifest, excluded = store.manifest, store.table("excluded")
    parts = assign(manifest, dataset.splits)
    clips = manifest.join(parts, on="name", maintain_order="left")
    measures, sketches = _measure_store(store, dataset)
    near = find_near_pairs(store, measures["name"], sketches, dataset.topology)
    alterations = list_alterations(manifest, excluded)
    origin = origin or Origin()
    provenance, findings = trace_provenance(store, dataset, origin)
    findings += find_broken_conventions(origin.recordings, dataset)
    findings += find_count_faults(clips, excluded, dataset, partial=bool(store.facts.get("partial")))
    findings += find_leaks(manifest, parts, dataset.splits, near)
    findings += find_duplicates(manifest, near)
    findings += find_value_faults(measures)
    findings = in_order(findings)
    facts = {
        "dataset": dataset.name,
        "title": dataset.title,
        "synthetic": dataset.synthetic,
        "licence": dataset.licence,
        "topology": dataset.topology.name,
        "version": store.version,
        "registered": compare_with_registered(store, dataset.name),
        "provenance": provenance,
        "clips": len(manifest),
        "expected_clips": dataset.clips,
        "excluded": len(excluded),
        "bodies": {str(n): count for n, count in manifest["bodies"].value_counts().sort("bodies").iter_rows()},
        "frames": {
            "least": manifest["frames"].min(),
            "median": manifest["frames"].median(),
            "most": manifest["frames"].max(),
            "total": manifest["frames"].sum(),
        },
        "benchmarks": count_splits(clips, dataset),
        "classes": count_classes(clips, dataset),
        **{f"{column}s": count_by(clips, column) for column in ("subject", "camera", "setup")},
        "balance": {column: describe_balance(clips, column) for column in ("label", "subject")},
        "exclusions": excluded.select("name", "reason").to_dicts(),
        "cleaning": count_notes(manifest),
        "alterations": count_alterations(alterations),
        "missing_joints": count_missing_joints(manifest),
        "values": _summarise(measures),
        "findings": [asdict(finding) for finding in findings],
        "worst": describe_worst(store, findings, dataset.topology),
    }
    return Audit(facts, findings, measures, alterations)


def _measure_store(store: SkeletonStore, dataset: DataSet) -> tuple[pl.DataFrame, "np.ndarray[Any, Any]"]:
    """Measurements and sketches of all clips, in store order."""
    tables, sketches = [], []
    for batch in split_into_batches(store.manifest):
        rows_RVC = store.rows.read(batch.start, batch.stop)
        tables.append(measure(batch, rows_RVC, dataset.topology))
        sketches.append(sketch(batch, rows_RVC, dataset.topology))
    return pl.concat(tables), np.concatenate(sketches)


def _summarise(measures: pl.DataFrame) -> dict[str, dict[str, float | None]]:
    """Median, 99th percentile and maximum of each measurement over clips."""
    statistics = {
        "median": lambda column: column.median(),
        "p99": lambda column: column.quantile(0.99, "nearest"),
        "most": lambda column: column.max(),
    }
    return {name: {key: _rounded(compute(measures[name])) for key, compute in statistics.items()} for name in MEASURES}


def _rounded(value: Any) -> float | None:
    return None if value is None else float(f"{value:.6g}")
