"""From a protocol's scores to the files of a result: accuracies with intervals, tables, predictions, sidecar."""

import io
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import polars as pl

from hacm.bootstrap import bootstrap_interval
from hacm.evaluation import metrics
from hacm.evaluation.result import Result
from pipeline.graph.git import describe_code
from pipeline.results.machine import describe_machine
from pipeline.results.writing import Summary, name_figure, write_results
from stages.shared.loading import Benchmark
from stages.shared.progress import say

BOOTSTRAP_SEED = 0
"""The same resamples for every result, so that two intervals differ by their results alone."""


def write_result(
    folder: Path,
    title: str,
    benchmark: Benchmark,
    summary: Summary,
    details: dict[str, Any],
    files: Mapping[str, bytes] | None = None,
) -> None:
    """Write one result of a benchmark, and say what it is.

    title: what the result is called on the screen. details: what it is and how it came about, beside what is told here.
    files: what else belongs to it, by name.
    """
    known = {
        "dataset": benchmark.dataset.name,
        "synthetic": benchmark.dataset.synthetic,
        **({} if benchmark.store.dimensions == 3 else {"dimensions": benchmark.store.dimensions}),
        "data_version": benchmark.store.version,
        "train": len(benchmark.train_index),
        "bootstrap": summary.bootstrap,
    }
    write_results(folder, summary, {**known, **details, **describe_code(), "machine": describe_machine()}, files)
    mark = "" if benchmark.store.dimensions == 3 else f" [{benchmark.store.dimensions}-D]"
    say(f"{title}{mark}: {describe_figures(summary.metrics)}")


def describe_figures(figures: dict[str, Any]) -> str:
    """A result's top-1 with its interval, beside the control's, as one line."""
    beside = f", random weights {figures['random_top1']:.1f} %" if "random_top1" in figures else ""
    interval = f"[{figures['top1_low']:.1f}, {figures['top1_high']:.1f}]"
    return f"top-1 {figures['top1']:.1f} % {interval}, n {figures['n']}{beside}"


def summarise(benchmark: Benchmark, result: Result, control: Result | None, bootstrap: int) -> Summary:
    """The figures and tables of a result; `control` is the same protocol on random weights, where there is one.

    bootstrap: how many resamples its intervals rest on.
    """
    figures: dict[str, Any] = {"n": len(result.target_N), "classes": len(benchmark.classes)}
    figures |= compute_figures(result, bootstrap)
    conditions = None
    if control is not None:
        figures |= {f"random_{key}": value for key, value in compute_figures(control, bootstrap).items()}
        conditions = tabulate_conditions(result, control, bootstrap)
        figures |= average_conditions(conditions)
    return Summary(
        metrics=figures,
        accuracy=tabulate_accuracy(figures, "raw-joint ridge" if control is None else "pretrained"),
        per_class=tabulate_classes(benchmark.classes, result, control),
        predictions=tabulate_predictions(benchmark, result, control),
        conditions=conditions,
        classes=benchmark.classes,
        bootstrap=bootstrap,
    )


def compute_figures(result: Result, bootstrap: int) -> dict[str, float]:
    """Top-1 and top-5 with bootstrap 95 % intervals and the mean over classes, in percent; then the protocol's own."""
    figures: dict[str, float] = {}
    for k in (1, 5):
        hits_N = metrics.top_k(result.scores_NK, result.target_N, k)
        interval = bootstrap_interval(hits_N, resamples=bootstrap, seed=BOOTSTRAP_SEED)
        figures |= {f"top{k}": hits_N.mean(), f"top{k}_low": interval.low, f"top{k}_high": interval.high}
    figures["mean_class"] = float(np.nanmean(class_percent(result))) / 100
    shares = {key: value for key, value in result.extra.items() if key.endswith(("_top1", "_map"))}
    rounded = {key: round(100 * float(value), 4) for key, value in (figures | shares).items()}
    return rounded | {key: value for key, value in result.extra.items() if key not in shares}


def tabulate_accuracy(figures: dict[str, Any], ours: str) -> pl.DataFrame:
    """Top-1 with its interval, ours and the control's, as rows for a plot: encoder, top1, low, high; in percent."""
    rows = [
        (encoder, *(figures[f"{prefix}top1{end}"] for end in ("", "_low", "_high")))
        for encoder, prefix in ((ours, ""), ("random weights", "random_"))
        if f"{prefix}top1" in figures
    ]
    return pl.DataFrame(rows, schema=["encoder", "top1", "low", "high"], orient="row")


def tabulate_classes(classes: list[str], result: Result, control: Result | None) -> pl.DataFrame:
    """One row per class: its name, how many test clips it has, top1 and the control's top1, in percent."""
    columns: dict[str, Any] = {"class": classes}
    columns["n"] = metrics.class_counts(result.target_N, len(classes))
    columns["top1"] = class_percent(result)
    if control is not None:
        columns["random_top1"] = class_percent(control)
    return pl.DataFrame(columns)


def tabulate_predictions(benchmark: Benchmark, result: Result, control: Result | None) -> pl.DataFrame:
    """One row per scored clip: name, subject, label, what was predicted (by the control, too), and the scores."""
    index_N = benchmark.part(result.part).numpy()
    columns = {
        "name": [benchmark.names[index] for index in index_N.tolist()],
        "subject": benchmark.subject_N[index_N],
        "label": result.target_N,
        "predicted": result.scores_NK.argmax(axis=1),
    }
    if control is not None:
        columns["random_predicted"] = control.scores_NK.argmax(axis=1)
    scores = pl.Series("scores", result.scores_NK.astype(np.float32), dtype=pl.List(pl.Float32))
    return pl.DataFrame(columns).with_columns(scores)


def tabulate_landscape(benchmark: Benchmark, result: Result, control: Result) -> pl.DataFrame:
    """One row per test clip: who and what it is, where its features lie, also the control's, and its nearest training
    clips with their labels and cosines, nearest first. No rows where a protocol does not compare features."""
    schema: dict[str, Any] = {
        "name": pl.String, "subject": pl.Int64, "camera": pl.Int64, "label": pl.Int64,
        "x": pl.Float32, "y": pl.Float32, "random_x": pl.Float32, "random_y": pl.Float32,
        "nearest": pl.List(pl.String), "nearest_label": pl.List(pl.Int64), "similarity": pl.List(pl.Float32),
    }  # fmt: skip
    if result.landscape is None or control.landscape is None:
        return pl.DataFrame(schema=schema)
    index_N, gallery_G = benchmark.part(result.part).numpy(), benchmark.train_index.numpy()
    nearest_Nk = gallery_G[result.landscape.nearest_Nk.numpy()]
    label = benchmark.clips.label_N.cpu().numpy()
    columns = {
        "name": [benchmark.names[index] for index in index_N.tolist()],
        "subject": benchmark.subject_N[index_N],
        "camera": benchmark.store.manifest["camera"].cast(pl.Int64)[index_N.tolist()],
        "label": result.target_N,
        "nearest": [[benchmark.names[index] for index in row] for row in nearest_Nk.tolist()],
        "nearest_label": label[nearest_Nk].tolist(),
        "similarity": result.landscape.similarity_Nk.tolist(),
    }
    for prefix, landscape in (("", result.landscape), ("random_", control.landscape)):
        columns |= {f"{prefix}{axis}": landscape.place_N2[:, number].numpy() for number, axis in enumerate("xy")}
    return pl.DataFrame({name: columns[name] for name in schema}, schema=schema)


def describe_landscape(result: Result, control: Result) -> dict[str, Any]:
    """Which shares of the variance the two drawn directions have, where there are such."""
    if result.landscape is None or control.landscape is None:
        return {}
    return {
        name: [round(share, 4) for share in landscape.explained_2.tolist()]
        for name, landscape in (("explained", result.landscape), ("random_explained", control.landscape))
    }


def to_parquet(table: pl.DataFrame) -> bytes:
    """The table as a file's content."""
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()


def class_percent(result: Result) -> np.ndarray:
    """Accuracy of each class in percent; nan for a class without test clips."""
    classes = result.scores_NK.shape[1]
    return np.round(100 * metrics.per_class(result.scores_NK, result.target_N, classes), 4)


def tabulate_conditions(result: Result, control: Result, bootstrap: int) -> pl.DataFrame:
    """One row a condition: kind, level, draw, top1 with its interval, and the control's top1; in percent."""
    controls = hits_under_conditions(control)
    rows = []
    for condition, hits_N in hits_under_conditions(result).items():
        interval = bootstrap_interval(hits_N, resamples=bootstrap, seed=BOOTSTRAP_SEED)
        shares = (hits_N.mean(), interval.low, interval.high, controls[condition].mean())
        rows.append((*condition, *(round(100 * float(share), 4) for share in shares)))
    percents = dict.fromkeys(("top1", "top1_low", "top1_high", "random_top1"), pl.Float64)
    schema = {"kind": pl.String, "level": pl.Float64, "draw": pl.Int64} | percents
    return pl.DataFrame(rows, schema=schema, orient="row")


def hits_under_conditions(result: Result) -> dict[tuple[str, float, int], np.ndarray]:
    """Which test clips are recognised, by kind, level and draw."""
    return {
        (entry.kind, entry.level, entry.draw): metrics.top_k(entry.scores_NK, result.target_N, 1)
        for entry in result.conditions
    }


def average_conditions(conditions: pl.DataFrame) -> dict[str, float]:
    """Of each kind and level the mean over the draws, and their standard deviation where there are several."""
    figures: dict[str, float] = {}
    draws: dict[str, list[float]] = {}
    for kind, level, top1 in conditions.select("kind", "level", "top1").iter_rows():
        draws.setdefault(name_figure(kind, level), []).append(top1)
    for name, values in draws.items():
        figures[f"{name}_top1"] = round(fmean(values), 4)
        if len(values) > 1:
            figures[f"{name}_top1_std"] = round(stdev(values), 4)
    return figures
