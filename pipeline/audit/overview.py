"""The audit as tables for a terminal."""

from collections.abc import Sequence
from typing import Any

from pipeline.audit.findings import Finding
from pipeline.text_tables import Table

STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def tabulate_audit(facts: dict[str, Any], findings: Sequence[Finding]) -> list[Table]:
    """Splits, what was done to recordings, measurements, findings."""
    mark = " (synthetic)" if facts["synthetic"] and "synthetic" not in facts["title"] else ""
    tables = [_splits(facts, f"{facts['title']}{mark}, version {facts['version']}")]
    if facts["alterations"]:
        rows = [(row["action"], row["rule"], f"{row['clips']:,}") for row in facts["alterations"]]
        tables.append(Table("what reading and cleaning did", ("action", "rule", "clips"), rows, numbers=2))
    if facts["missing_joints"]:
        joints = [
            (row["joint"], f"{row['missing']:,}", f"{row['share']:.1%}", f"{row['filled']:,}", f"{row['clips']:,}")
            for row in facts["missing_joints"]
        ]
        headings = ("joint", "body-frames", "share", "filled", "clips")
        tables.append(Table("joints that were not seen", headings, joints, numbers=1))
    values = [
        (name.replace("_", " "), *("–" if value is None else f"{value:.3g}" for value in row.values()))
        for name, row in facts["values"].items()
    ]
    tables.append(Table("measurements", ("", "median", "99th percentile", "most"), values))
    found = [(one.severity, one.kind, str(len(one.clips) or ""), one.text) for one in findings]
    notes = [] if found else ["none"]
    tables.append(Table("findings", ("", "kind", "clips", "finding"), found, notes, numbers=4, styles=STYLES))
    return tables


def _splits(facts: dict[str, Any], title: str) -> Table:
    rows = []
    for rule, counts in facts["benchmarks"].items():
        subjects = (" ".join(map(str, counts[f"{part}_subjects"])) for part in ("train", "test"))
        found = (
            f"{counts[part]:,}" + ("" if counts[f"expected_{part}"] is None else f" of {counts[f'expected_{part}']:,}")
            for part in ("train", "test")
        )
        rows.append((rule, *found, *subjects))
    headings = ("split", "train", "test", "training subjects", "test subjects")
    reading = facts["provenance"].get("reading")
    notes = [facts["registered"]["text"], *([f"read by {reading}"] if reading else [])]
    return Table(title, headings, rows, notes, numbers=5)
