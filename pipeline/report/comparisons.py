"""Variants of the method and its controls on the same test clips: paired differences, and streams fused.

Everything is computed from the scores that the stages left; accuracies and differences are in percent.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hacm.errors import UserError
from pipeline.report.charts import RANDOM
from pipeline.report.collecting import Benchmark, Run
from pipeline.report.model import Estimate
from pipeline.report.predictions import Hits, Scores, fuse, read_scores, read_untrained_hits
from pipeline.results.people import Paired
from pipeline.results.significance import mcnemar, paired_interval
from pipeline.results.writing import PREDICTIONS

BOOTSTRAP_SEED = 0
FUSIONS = (("joint", "bone"), ("joint", "bone", "motion"))
"""The input streams that the field reports together."""
RIDGE = "Raw-joint ridge"
"""A control, as RANDOM is: the reference without pretraining."""


@dataclass(frozen=True)
class Difference:
    """One accuracy less another on the same clips, in points. p: McNemar's exact test, two-sided."""

    points: Estimate
    p: float


@dataclass(frozen=True)
class Comparison:
    """Of one benchmark. differences: from the reference, by variant or control, seed and protocol. fused: by streams
    and protocol, one per seed. paired: which clips each variant or control and the reference recognise, by its name
    and protocol, over all seeds; empty where it is not known who performs them."""

    differences: dict[tuple[str, int, str], Difference]
    fused: dict[tuple[tuple[str, ...], str], tuple[Estimate, ...]]
    paired: dict[tuple[str, str], Paired]


def compare(benchmark: Benchmark) -> Comparison:
    """Reads the scores of a benchmark's runs, of one seed and protocol at a time.

    UserError if they cannot be read or are not of the same clips.
    """
    differences: dict[tuple[str, int, str], Difference] = {}
    fused: dict[tuple[tuple[str, ...], str], tuple[Estimate, ...]] = {}
    hits: dict[tuple[str, str], list[tuple[Hits, Hits]]] = {}
    subject_N: NDArray[np.int64] | None = None
    ridge = read_scores(benchmark.baseline.folder / PREDICTIONS)
    for runs in _alike(benchmark):
        scores = _read(runs)
        [reference] = [run for run in runs if run.variant == benchmark.reference]
        seed, protocol, resamples = reference.seed, reference.protocol, reference.details.bootstrap
        ours = scores[benchmark.reference]
        _expect_alike(ridge, benchmark.baseline.folder, ours, reference)
        untrained_N = read_untrained_hits(reference.folder / PREDICTIONS)
        others = {RIDGE: ridge.hits_N, RANDOM: untrained_N} | {
            variant: other.hits_N for variant, other in scores.items() if variant != benchmark.reference
        }
        subject_N = ours.subject_N
        for name, others_N in others.items():
            differences[name, seed, protocol] = _difference(others_N, ours.hits_N, resamples)
            hits.setdefault((name, protocol), []).append((others_N, ours.hits_N))
        for streams, variants in fusions(benchmark).items():
            together = fuse([scores[variant] for variant in variants])
            fused[streams, protocol] = (*fused.get((streams, protocol), ()), _accuracy(together, resamples))
    return Comparison(differences, fused, {} if subject_N is None else _pair(hits, subject_N))


def _pair(
    hits: dict[tuple[str, str], list[tuple[Hits, Hits]]], subject_N: NDArray[np.int64]
) -> dict[tuple[str, str], Paired]:
    """Of each variant or control and protocol the clips that it and the reference recognise, one row per seed."""
    paired = {}
    for key, pairs in hits.items():
        others, ours = zip(*pairs, strict=True)
        paired[key] = Paired(subject_N, np.stack(others), np.stack(ours))
    return paired


def fusions(benchmark: Benchmark) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Which variants give the streams of each fusion; none where a stream is not there.

    What counts is what a network was fed, not the variant's name: a recipe may say `motion` for the reference too.
    """
    candidates = (benchmark.reference, *(name for name in benchmark.variants if name.endswith("-stream")))
    fed: dict[str, str] = {}
    for variant in candidates:
        fed.setdefault(benchmark.stream(variant), variant)
    return {streams: tuple(fed[name] for name in streams) for streams in FUSIONS if set(streams) <= set(fed)}


def _alike(benchmark: Benchmark) -> Iterator[list[Run]]:
    """The runs of each seed and protocol, one per variant."""
    for seed in benchmark.seeds:
        for protocol in benchmark.protocols:
            yield [run for run in benchmark.runs if (run.seed, run.protocol) == (seed, protocol)]


def _read(runs: list[Run]) -> dict[str, Scores]:
    """The runs' scores, by variant; UserError unless there is one of each clip, and all are of the same clips."""
    found: dict[str, Scores] = {}
    for run in runs:
        path = run.folder / PREDICTIONS
        scores = read_scores(path)
        if len(scores.names) != run.metrics.n:
            raise UserError(f"{path}: {len(scores.names)} rows but n in metrics.json is {run.metrics.n}; run it again")
        found[run.variant] = scores
        _expect_alike(scores, run.folder, found[runs[0].variant], runs[0])
    return found


def _expect_alike(scores: Scores, folder: Path, expected: Scores, run: Run) -> None:
    """UserError unless a folder's scores are of the clips of a run's."""
    if not scores.fits(expected):
        raise UserError(f"{folder / PREDICTIONS}: not of the test clips of {run.folder}; run both again (dvc repro)")


def compare_scores(other: Scores, ours: Scores, resamples: int, k: int = 1) -> Difference:
    """Top-k of `other` less that of `ours`, which must be of the same clips in the same order."""
    return _difference(other.top(k), ours.top(k), resamples)


def _difference(others_N: Hits, ours_N: Hits, resamples: int) -> Difference:
    interval = paired_interval(others_N, ours_N, resamples, BOOTSTRAP_SEED)
    return Difference(_percent(*interval), mcnemar(others_N, ours_N))


def _accuracy(scores: Scores, resamples: int) -> Estimate:
    """Top-1 with its interval: what it is better by than nothing."""
    hits_N = scores.hits_N
    return _percent(*paired_interval(hits_N, hits_N & False, resamples, BOOTSTRAP_SEED))


def _percent(value: float, low: float, high: float) -> Estimate:
    return Estimate(100 * value, 100 * low, 100 * high)
