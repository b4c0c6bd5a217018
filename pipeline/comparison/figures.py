"""Compares results: figures with paired intervals, classes, costs. N test clips."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import isinf
from typing import Any

import numpy as np
import polars as pl

from hacm.errors import UserError, name_some
from pipeline.comparison.naming import PRETRAIN, ResultKey
from pipeline.comparison.result_sets import Match, ResultSet
from pipeline.report.comparisons import compare_scores
from pipeline.report.predictions import Scores, read_scores
from pipeline.results.people import Paired, pool
from pipeline.results.significance import over_seeds
from pipeline.results.writing import PREDICTIONS

PAIRED = {"top1": 1, "top5": 5}
"""Figures that are a share of the test clips, and of how many guesses one must be right."""
INTERVAL = ("_low", "_high")
COSTS = ("seconds", "memory_mb", "gpu_memory_mb", "energy_joules")


@dataclass(frozen=True)
class Evaluated:
    """The scores of one result, in name order. classes: names, by class number."""

    scores: Scores
    classes: tuple[str, ...]

    @property
    def actual(self) -> dict[str, str]:
        """The class of every test clip, by name."""
        labels = (self.classes[label] for label in self.scores.label_N.tolist())
        return dict(zip(self.scores.names, labels, strict=True))


def describe_outcomes(sets: Sequence[ResultSet], matches: Sequence[Match]) -> dict[str, Any]:
    """The results' figures and costs, compared. UserError if accuracies were measured on different test clips."""
    expect_same_clips(sets, matches)
    return {
        "figures": compare_figures(sets, matches),
        "over_seeds": compare_over_seeds(sets, matches),
        "over_people": compare_over_people(sets, matches),
        "classes": compare_classes(sets, matches),
        "costs": compare_costs(sets, matches),
    }


def read_evaluated(results: ResultSet, key: ResultKey) -> Evaluated:
    """The predictions of a result; UserError if they are absent or damaged."""
    results.details(key)  # fetched, for the predictions' checksum is in it
    scores = read_scores(results.path(key.folder / PREDICTIONS), key.folder / PREDICTIONS)
    order = np.argsort(np.array(scores.names))
    subject_N = None if scores.subject_N is None else scores.subject_N[order]
    arranged = Scores(tuple(sorted(scores.names)), scores.label_N[order], scores.scores_NK[order], subject_N)
    return Evaluated(arranged, tuple(pl.read_csv(results.table(key, "per_class.csv"))["class"].cast(pl.String)))


def expect_same_clips(sets: Sequence[ResultSet], matches: Sequence[Match]) -> None:
    """UserError unless each match's accuracies were measured on the same test clips; it names those that differ."""
    for match in evaluated_matches(matches):
        first, *others = (read_evaluated(results, key).actual for results, key in zip(sets, match.keys, strict=True))
        for results, other in zip(sets[1:], others, strict=True):
            parts = [
                f"{len(names)} {words}: {name_some(names)}"
                for words, names in {
                    f"only in {sets[0].name}": sorted(first.keys() - other.keys()),
                    f"only in {results.name}": sorted(other.keys() - first.keys()),
                    "of another class": sorted(name for name in first if other.get(name, first[name]) != first[name]),
                }.items()
                if names
            ]
            if parts:
                raise UserError(
                    f"{match.name}: {sets[0].name} and {results.name} were not measured on the same test clips, "
                    f"so their accuracies cannot be compared ({'; '.join(parts)})"
                )


def evaluated_matches(matches: Sequence[Match]) -> Iterator[Match]:
    """Those of results that were measured on test clips: no pretraining."""
    return (match for match in matches if PRETRAIN not in {key.protocol for key in match.keys})


def compare_figures(sets: Sequence[ResultSet], matches: Sequence[Match]) -> list[dict[str, Any]]:
    """Every figure that differs, and top-1 in any case: each set's value, and its difference from the first set's.

    Differences of shares of the test clips have the paired bootstrap 95 % interval and McNemar's p, two-sided.
    """
    rows = []
    for match in matches:
        metrics = [results.metrics(key) for results, key in zip(sets, match.keys, strict=True)]
        evaluated = (
            [read_evaluated(*pair) for pair in zip(sets, match.keys, strict=True)]
            if list(evaluated_matches([match]))
            else []
        )
        resamples = max(results.details(key).get("bootstrap", 0) for results, key in zip(sets, match.keys, strict=True))
        for name in dict.fromkeys(name for one in metrics for name in one if not name.endswith(INTERVAL)):
            values = [one.get(name) for one in metrics]
            if len(set(values)) == 1 and name != "top1":
                continue
            differences = [_difference(values[0], value) for value in values[1:]]
            if name in PAIRED and evaluated:
                for difference, other in zip(differences, evaluated[1:], strict=True):
                    paired = compare_scores(other.scores, evaluated[0].scores, resamples, PAIRED[name])
                    difference |= asdict(paired.points) | {"p": paired.p}
            row = {"result": match.name, "figure": name, "values": values, "differences": differences}
            if f"{name}_low" in metrics[0]:
                row["intervals"] = [[one.get(f"{name}{end}") for end in INTERVAL] for one in metrics]
            rows.append(row)
    return rows


def _difference(first: Any, other: Any) -> dict[str, Any]:
    numbers = all(isinstance(value, int | float) for value in (first, other))
    return {"value": round(other - first, 6) if numbers else None}


def compare_over_seeds(sets: Sequence[ResultSet], matches: Sequence[Match]) -> list[dict[str, Any]]:
    """Where a benchmark, variant and protocol is there from several seeds: the mean difference in top-1, and its
    standard deviation over seeds."""
    groups: dict[tuple[Any, ...], list[Match]] = {}
    for match in evaluated_matches(matches):
        named = tuple((key.benchmark, key.variant, key.protocol) for key in match.keys)
        groups.setdefault(named, []).append(match)
    rows = []
    for group in groups.values():
        if len(group) < 2:
            continue
        top1 = [
            [results.metrics(key)["top1"] for results, key in zip(sets, match.keys, strict=True)] for match in group
        ]
        differences = []
        for number in range(1, len(sets)):
            mean, deviation = over_seeds([values[number] - values[0] for values in top1])
            differences.append({"mean": mean, "deviation": deviation})
        key = group[0].keys[0]
        seeds = [match.keys[0].seed for match in group]
        rows.append({"benchmark": key.benchmark, "variants": [one.variant for one in group[0].keys],
                     "protocol": key.protocol, "seeds": seeds, "differences": differences})  # fmt: skip
    return rows


def compare_over_people(sets: Sequence[ResultSet], matches: Sequence[Match]) -> list[dict[str, Any]]:
    """Of each variant and protocol the difference in top-1, pooled over benchmarks and seeds and tested on people.

    In points; low and high are None where so few people cannot reject any difference. Results of earlier versions,
    which do not say who performs a clip, are left out.
    """
    groups: dict[tuple[Any, ...], dict[str, list[list[Scores]]]] = {}
    for match in evaluated_matches(matches):
        scores = [read_evaluated(results, key).scores for results, key in zip(sets, match.keys, strict=True)]
        if all(one.subject_N is not None for one in scores):
            named = tuple((key.variant, key.protocol) for key in match.keys)
            groups.setdefault(named, {}).setdefault(match.keys[0].benchmark, []).append(scores)
    rows = []
    for named, benchmarks in groups.items():
        differences = []
        for number in range(1, len(sets)):
            found = pool([_pair(seeds, number) for seeds in benchmarks.values()])
            low, high = (None if isinf(edge) else 100 * edge for edge in (found.low, found.high))
            differences.append({"value": 100 * found.value, "low": low, "high": high, "p": found.p})
        rows.append({"benchmarks": list(benchmarks), "variants": [variant for variant, _ in named],
                     "protocol": named[0][1], "people": found.people, "differences": differences})  # fmt: skip
    return rows


def _pair(seeds: Sequence[Sequence[Scores]], number: int) -> Paired:
    """The clips of a benchmark that a set and the first set recognise, one row per seed."""
    subject_N = seeds[0][0].subject_N
    assert subject_N is not None
    return Paired(
        subject_N,
        np.stack([scores[number].hits_N for scores in seeds]),
        np.stack([scores[0].hits_N for scores in seeds]),
    )


def compare_classes(sets: Sequence[ResultSet], matches: Sequence[Match]) -> list[dict[str, Any]]:
    """Of every class its test clips, how many of them each set recognises, and the differences in points."""
    rows = []
    for match in evaluated_matches(matches):
        evaluated = [read_evaluated(results, key) for results, key in zip(sets, match.keys, strict=True)]
        table = pl.DataFrame({"class": list(evaluated[0].actual.values())}).with_columns(
            pl.Series(str(number), one.scores.hits_N) for number, one in enumerate(evaluated)
        )
        counted = table.group_by("class", maintain_order=True).agg(pl.len().alias("clips"), pl.exclude("class").sum())
        for name, clips, *hits in counted.sort("class").iter_rows():
            points = [100 * (other - hits[0]) / clips for other in hits[1:]]
            rows.append({"result": match.name, "class": name, "clips": clips, "hits": hits, "points": points})
    return rows


def compare_costs(sets: Sequence[ResultSet], matches: Sequence[Match]) -> list[dict[str, Any]]:
    """What each result cost, where recorded, and on which machine and device."""
    rows = []
    for match in matches:
        details = [results.details(key) for results, key in zip(sets, match.keys, strict=True)]
        machines = [f"{one['machine'].get('processor')}, {one.get('device', 'cpu')}" for one in details]
        for cost in COSTS:
            values = [one.get(cost) for one in details]
            if any(value is not None for value in values):
                rows.append({"result": match.name, "cost": cost, "values": values, "machines": machines})
    return rows
