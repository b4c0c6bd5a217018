"""The small files that a evaluated encoder leaves: metrics for DVC, tables for plots, predictions for paired tests."""

import re
from pathlib import Path
from typing import Any

import polars as pl

from hacm.files import replace_directory, write_json


def write_results(
    folder: Path,
    *,
    metrics: dict[str, Any],
    accuracy: pl.DataFrame,
    per_class: pl.DataFrame,
    predictions: pl.DataFrame,
    conditions: pl.DataFrame | None,
    classes: list[str],
    details: dict[str, Any],
) -> None:
    """Write metrics.json, details.json, predictions.parquet and the tables (.csv) of the same names, all or none.

    metrics: flat, free of times and commits, so that equal runs are equal files. accuracy: a row an encoder, for plots.
    predictions: name, label and predicted as class numbers, scores, one row a test clip. conditions: one row each, and
    none where a protocol evaluates under one alone; None: no such file. classes: their names.
    """
    names = pl.col("label", "predicted").replace_strict(dict(enumerate(classes)), return_dtype=pl.String)
    confusion = predictions.select(names).rename({"label": "actual"})
    with replace_directory(folder) as temporary:
        write_json(temporary / "metrics.json", metrics)
        write_json(temporary / "details.json", details)
        accuracy.write_csv(temporary / "accuracy.csv")
        per_class.write_csv(temporary / "per_class.csv")
        confusion.write_csv(temporary / "confusion.csv")
        if conditions is not None:
            conditions.write_csv(temporary / "conditions.csv")
        predictions.write_parquet(temporary / "predictions.parquet")


def name_figure(kind: str, level: float) -> str:
    """How a condition is called in metrics.json: "gaussian noise" at 0.05 is gaussian_noise_0.05."""
    return f"{re.sub(r'[^a-z0-9]+', '_', kind.lower()).strip('_')}_{level:g}"
