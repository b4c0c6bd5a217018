"""Compares a reader's own results with the published ones: the same, or different, and in what."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.comparison.naming import PRETRAIN, ResultKey
from pipeline.comparison.result_sets import ResultSet
from pipeline.records.records import BenchmarkRecords
from pipeline.report.formatting import p_value
from pipeline.results.significance import mcnemar
from pipeline.text_tables import Table
from pipeline.yaml_tree import flatten_sections

REAL = 0.01
"""Below this p of McNemar's test two results differ by more than chance."""


@dataclass(frozen=True)
class Reproduction:
    """A result that is both published and here. published, here: top-1 in percent. moved: test clips that one of them
    alone has right, of n. verdict: in words. differs: whether by more than another processor's rounding explains."""

    name: str
    published: float
    here: float
    moved: int
    n: int
    verdict: str
    differs: bool


def compare_with_records(results: ResultSet) -> Iterator[Reproduction]:
    """Every result of a set that is published too. Pretraining by itself has no figure to compare."""
    every: dict[str, BenchmarkRecords] = {}
    for key in results.keys:
        if key.protocol == PRETRAIN:
            continue
        records = every.setdefault(key.benchmark, BenchmarkRecords.read(key.benchmark))
        if str(key) in records.facts:
            yield _compare(key, results, records)


def _compare(key: ResultKey, results: ResultSet, records: BenchmarkRecords) -> Reproduction:
    facts, details, top1 = records.facts[str(key)], results.details(key), results.metrics(key)["top1"]
    published = facts["figures"]["top1"]
    if facts["data_version"] != details["data_version"]:
        verdict = f"another data version: {details['data_version'][:12]}, not {facts['data_version'][:12]}"
        return Reproduction(str(key), published, top1, 0, facts["figures"]["n"], verdict, differs=True)
    ours_N, theirs_N = records.hits_of(key, results), records.hits(key)
    moved = int(np.sum(ours_N != theirs_N))
    keys = _differing_keys(facts["settings"], details.get("settings"))
    if keys:
        verdict, differs = f"other settings: {', '.join(keys)}", True
    elif moved == 0:
        verdict, differs = "the same clips are right", False
    else:
        p = mcnemar(ours_N, theirs_N)
        differs = p < REAL
        words = "different" if differs else "as another processor's rounding, or another seed, may change it"
        verdict = f"{words} (McNemar's p {p_value(p)})"
    return Reproduction(str(key), published, top1, moved, len(ours_N), verdict, differs)


def _differing_keys(first: dict[str, Any] | None, second: dict[str, Any] | None) -> list[str]:
    """The settings in which two results differ, by dotted key; ridge has none."""
    ours, theirs = (flatten_sections(settings or {}) for settings in (first, second))
    return [key for key in dict.fromkeys([*ours, *theirs]) if ours.get(key) != theirs.get(key)]


def tabulate(found: list[Reproduction]) -> Table:
    """As a table; without rows where nothing that is here is published."""
    rows = [
        (one.name, f"{one.published:.1f}", f"{one.here:.1f}", f"{one.moved} of {one.n}", one.verdict) for one in found
    ]
    notes = [] if rows else ["nothing that is here is published; docs/records lists what is"]
    headings = ("result", "published", "here", "clips", "verdict")
    return Table("here beside the published results", headings, rows, notes, numbers=1, whole=1)
