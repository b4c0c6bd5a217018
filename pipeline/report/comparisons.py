"""Variants of the method beside each other on the same test clips: paired differences, and streams fused.

Everything is computed from the scores that the stages left; accuracies and differences are in percent.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import UserError
from pipeline.report.predictions import Scores, fuse, read_scores
from pipeline.report.results import Benchmark, Estimate, Run
from pipeline.significance import mcnemar, paired_interval

BOOTSTRAP_SEED = 0
FUSIONS = (("joint", "bone"), ("joint", "bone", "motion"))
"""The input streams that the field reports together."""


@dataclass(frozen=True)
class Difference:
    """One accuracy less another on the same clips, in points. p: McNemar's exact test, two-sided."""

    points: Estimate
    p: float


@dataclass(frozen=True)
class Comparison:
    """Of one benchmark. differences: by variant, seed and protocol. fused: by streams and protocol, one a seed."""

    differences: dict[tuple[str, int, str], Difference]
    fused: dict[tuple[tuple[str, ...], str], tuple[Estimate, ...]]


def compare(benchmark: Benchmark) -> Comparison:
    """Reads the scores of a benchmark's runs, of one seed and protocol at a time.

    UserError if they cannot be read or are not of the same clips.
    """
    differences: dict[tuple[str, int, str], Difference] = {}
    fused: dict[tuple[tuple[str, ...], str], tuple[Estimate, ...]] = {}
    for runs in _alike(benchmark):
        scores = _read(runs)
        seed, protocol, resamples = runs[0].seed, runs[0].protocol, runs[0].details.bootstrap
        ours = scores[benchmark.reference]
        for variant, other in scores.items():
            if variant != benchmark.reference:
                differences[variant, seed, protocol] = compare_scores(other, ours, resamples)
        for streams, variants in fusions(benchmark).items():
            together = fuse([scores[variant] for variant in variants])
            fused[streams, protocol] = (*fused.get((streams, protocol), ()), _accuracy(together, resamples))
    return Comparison(differences, fused)


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
    """The runs of each seed and protocol, one a variant."""
    for seed in benchmark.seeds:
        for protocol in benchmark.protocols:
            yield [run for run in benchmark.runs if (run.seed, run.protocol) == (seed, protocol)]


def _read(runs: list[Run]) -> dict[str, Scores]:
    """The runs' scores, by variant; UserError unless there is one of each clip, and all are of the same clips."""
    found: dict[str, Scores] = {}
    for run in runs:
        path = run.folder / "predictions.parquet"
        scores = read_scores(path)
        if len(scores.names) != run.metrics.n:
            raise UserError(f"{path}: {len(scores.names)} rows but n in metrics.json is {run.metrics.n}; run it again")
        if found and not scores.fits(found[runs[0].variant]):
            raise UserError(f"{path}: not of the test clips of {runs[0].folder}; run both again (dvc repro)")
        found[run.variant] = scores
    return found


def compare_scores(other: Scores, ours: Scores, resamples: int, k: int = 1) -> Difference:
    """Top-k of `other` less that of `ours`, which must be of the same clips in the same order."""
    others_N, ours_N = other.top(k), ours.top(k)
    return Difference(
        _percent(*paired_interval(others_N, ours_N, resamples, BOOTSTRAP_SEED)), mcnemar(others_N, ours_N)
    )


def _accuracy(scores: Scores, resamples: int) -> Estimate:
    """Top-1 with its interval: what it is better by than nothing."""
    hits_N = scores.hits_N
    return _percent(*paired_interval(hits_N, hits_N & False, resamples, BOOTSTRAP_SEED))


def _percent(value: float, low: float, high: float) -> Estimate:
    return Estimate(100 * value, 100 * low, 100 * high)
