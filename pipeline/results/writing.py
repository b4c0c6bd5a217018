"""The small files that an evaluated encoder leaves: metrics for DVC, tables for plots, predictions for paired tests."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hacm.files import check_seal, damaged, hash_file, hash_tree, read_json, replace_directory, seal, write_json

PREDICTIONS = "predictions.parquet"
LANDSCAPE = "landscape.parquet"
DETAILS = "details.json"
RECORDED = "files"
"""Where details.json has the SHA-256 of every other file of the result, by name."""


@dataclass(frozen=True)
class Summary:
    """What an evaluation comes to, before it is written.

    metrics: flat, free of times and commits, so that equal runs are equal files. accuracy: one row per encoder, for
    plots. per_class: one row per class. predictions: name, subject, label and predicted as class numbers, scores, one
    row per clip. conditions: one row each, and none where a protocol evaluates under one alone; None: no such file.
    classes: their names. bootstrap: how many resamples the intervals rest on.
    """

    metrics: dict[str, Any]
    accuracy: pl.DataFrame
    per_class: pl.DataFrame
    predictions: pl.DataFrame
    conditions: pl.DataFrame | None
    classes: list[str]
    bootstrap: int


def write_results(
    folder: Path, summary: Summary, details: dict[str, Any], files: Mapping[str, bytes] | None = None
) -> None:
    """Write metrics.json, details.json, predictions.parquet and the tables (.csv) of the same names, all or none.

    files: what else belongs to the result, by name.
    """
    names = pl.col("label", "predicted").replace_strict(dict(enumerate(summary.classes)), return_dtype=pl.String)
    confusion = summary.predictions.select(names).rename({"label": "actual"})
    with replace_directory(folder) as temporary:
        write_json(temporary / "metrics.json", summary.metrics)
        summary.accuracy.write_csv(temporary / "accuracy.csv")
        summary.per_class.write_csv(temporary / "per_class.csv")
        confusion.write_csv(temporary / "confusion.csv")
        if summary.conditions is not None:
            summary.conditions.write_csv(temporary / "conditions.csv")
        summary.predictions.write_parquet(temporary / PREDICTIONS)
        for name, content in (files or {}).items():
            (temporary / name).write_bytes(content)
        write_details(temporary, details)


def write_details(folder: Path, details: dict[str, Any]) -> None:
    """Write details.json, the last file of a result's folder, with the checksums of the others and its own seal."""
    write_json(folder / DETAILS, seal(details | {RECORDED: hash_tree(folder)}))


def check_result(folder: Path) -> None:
    """UserError if any file of a result differs from what its details.json recorded. Earlier ones have no checksums."""
    recorded = _recorded(folder, folder)
    for name in sorted(recorded):
        _check_recorded(folder / name, recorded, folder / name)


def check_result_file(path: Path, name: Path | None = None) -> None:
    """UserError if a file differs from what the details.json beside it recorded.

    name: what it is called in the message, where `path` is that of a copy.
    """
    name = name or path
    _check_recorded(path, _recorded(path.parent, name.parent), name)


def _recorded(folder: Path, name: Path) -> dict[str, str]:
    """SHA-256 by file of a result; none where there is no details.json, or one of an earlier version."""
    if not (folder / DETAILS).exists():
        return {}
    facts = read_json(folder / DETAILS)
    check_seal(name / DETAILS, facts)
    return dict(facts.get(RECORDED, {})) if isinstance(facts, dict) else {}


def _check_recorded(path: Path, recorded: Mapping[str, str], name: Path) -> None:
    if path.exists() and path.name in recorded and hash_file(path) != recorded[path.name]:
        raise damaged(name, f"is not as it was written, by {DETAILS}", name.parent)


def name_figure(kind: str, level: float) -> str:
    """How a condition is called in metrics.json: "gaussian noise" at 0.05 is gaussian_noise_0.05."""
    return f"{re.sub(r'[^a-z0-9]+', '_', kind.lower()).strip('_')}_{level:g}"
