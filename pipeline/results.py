"""The small files that a judged encoder leaves: metrics for DVC, tables for plots, predictions for paired tests."""

from pathlib import Path
from typing import Any

import polars as pl

from pipeline.files import replace_directory, write_json


def write_results(
    folder: Path,
    *,
    metrics: dict[str, Any],
    per_class: pl.DataFrame,
    predictions: pl.DataFrame,
    classes: list[str],
    details: dict[str, Any],
) -> None:
    """Write metrics.json, per_class.csv, confusion.csv, predictions.parquet and details.json, all or none.

    metrics: flat, free of times and commits, so that equal runs are equal files. predictions: name, label and
    predicted as class numbers, one row a test clip. classes: their names.
    """
    names = pl.col("label", "predicted").replace_strict(dict(enumerate(classes)), return_dtype=pl.String)
    confusion = predictions.select(names).rename({"label": "actual"})
    with replace_directory(folder) as temporary:
        write_json(temporary / "metrics.json", metrics)
        write_json(temporary / "details.json", details)
        per_class.write_csv(temporary / "per_class.csv")
        confusion.write_csv(temporary / "confusion.csv")
        predictions.write_parquet(temporary / "predictions.parquet")
