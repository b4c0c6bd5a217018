"""From a protocol's scores to the files of a result: accuracies with intervals, tables, predictions, sidecar."""

from typing import Any

import numpy as np
import polars as pl

from hacm import metrics
from hacm.evaluation.outcome import Outcome
from pipeline.machine import describe_code, describe_machine
from pipeline.results import write_results
from stages import places
from stages.console import say
from stages.loading import Benchmark


def write_outcome(
    name: str,
    part: str,
    benchmark: Benchmark,
    outcome: Outcome,
    control: Outcome | None,
    *,
    seed: int,
    bootstrap: int,
    details: dict[str, Any],
) -> None:
    """Write one result of a benchmark; `control` is the same protocol on random weights, where there is one."""
    figures: dict[str, Any] = {"n": len(outcome.target_N), "classes": len(benchmark.classes)}
    figures |= summarize(outcome, seed, bootstrap)
    columns: dict[str, Any] = {"class": benchmark.classes}
    columns["n"] = metrics.class_counts(outcome.target_N, len(benchmark.classes))
    columns["top1"] = class_percent(outcome)
    predictions = {
        "name": [benchmark.names[index] for index in benchmark.test_index.tolist()],
        "label": outcome.target_N,
        "predicted": outcome.scores_NK.argmax(axis=1),
    }
    if control is not None:
        figures |= {f"random_{key}": value for key, value in summarize(control, seed, bootstrap).items()}
        columns["random_top1"] = class_percent(control)
        predictions["random_predicted"] = control.scores_NK.argmax(axis=1)
    write_results(
        places.benchmark_results(name, part),
        metrics=figures,
        per_class=pl.DataFrame(columns),
        predictions=pl.DataFrame(predictions),
        classes=benchmark.classes,
        details={
            "benchmark": name,
            "protocol": part,
            "dataset": benchmark.dataset.name,
            "synthetic": benchmark.dataset.synthetic,
            "data_version": benchmark.store.version,
            "train": len(benchmark.train_index),
            "seed": seed,
            "bootstrap": bootstrap,
            **details,
            **describe_code(),
            "machine": describe_machine(),
        },
    )
    beside = f", random weights {figures['random_top1']:.1f} %" if control is not None else ""
    say(f"{name} {part}: top-1 {figures['top1']:.1f} % [{figures['top1_low']:.1f}, {figures['top1_high']:.1f}], "
        f"n {figures['n']}{beside}")  # fmt: skip


def summarize(outcome: Outcome, seed: int, bootstrap: int) -> dict[str, float]:
    """Top-1 and top-5 with bootstrap 95 % intervals and the mean over classes, in percent; then the protocol's own."""
    figures: dict[str, float] = {}
    for k in (1, 5):
        hits_N = metrics.top_k(outcome.scores_NK, outcome.target_N, k)
        interval = metrics.bootstrap_interval(hits_N, resamples=bootstrap, seed=seed)
        figures |= {f"top{k}": hits_N.mean(), f"top{k}_low": interval.low, f"top{k}_high": interval.high}
    figures["mean_class"] = float(np.nanmean(class_percent(outcome))) / 100
    shares = {key: value for key, value in outcome.extra.items() if key.endswith(("_top1", "_map"))}
    rounded = {key: round(100 * float(value), 4) for key, value in (figures | shares).items()}
    return rounded | {key: value for key, value in outcome.extra.items() if key not in shares}


def class_percent(outcome: Outcome) -> np.ndarray:
    """Accuracy of each class in percent; nan for a class without test clips."""
    classes = outcome.scores_NK.shape[1]
    return np.round(100 * metrics.per_class(outcome.scores_NK, outcome.target_N, classes), 4)
