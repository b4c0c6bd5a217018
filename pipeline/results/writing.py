"""The small files that an evaluated encoder leaves: metrics for DVC, tables for plots, predictions for paired tests."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hacm.files import hash_file, replace_directory, write_json

PREDICTIONS = "predictions.parquet"
RECORDED = "predictions_sha256"
"""Where details.json, beside them, has the predictions' checksum."""


@dataclass(frozen=True)
class Summary:
    """What an evaluation comes to, before it is written.

    metrics: flat, free of times and commits, so that equal runs are equal files. accuracy: one row per encoder, for
    plots. per_class: one row per class. predictions: name, label and predicted as class numbers, scores, one row per
    test clip. conditions: one row each, and none where a protocol evaluates under one alone; None: no such file.
    classes: their names. bootstrap: how many resamples the intervals rest on.
    """

    metrics: dict[str, Any]
    accuracy: pl.DataFrame
    per_class: pl.DataFrame
    predictions: pl.DataFrame
    conditions: pl.DataFrame | None
    classes: list[str]
    bootstrap: int


def write_results(folder: Path, summary: Summary, details: dict[str, Any]) -> None:
    """Write metrics.json, details.json, predictions.parquet and the tables (.csv) of the same names, all or none."""
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
        write_json(temporary / "details.json", details | {RECORDED: hash_file(temporary / PREDICTIONS)})


def name_figure(kind: str, level: float) -> str:
    """How a condition is called in metrics.json: "gaussian noise" at 0.05 is gaussian_noise_0.05."""
    return f"{re.sub(r'[^a-z0-9]+', '_', kind.lower()).strip('_')}_{level:g}"
