"""Compares what results were made from: the data, code and parameters that differ."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hacm.errors import UserError
from hacm.files import read_json
from pipeline.audit.changes import collect_changes
from pipeline.audit.dataset_revisions import DataSetPaths, find_causes, read_revision
from pipeline.audit.version_differences import compare_versions
from pipeline.comparison.naming import BASELINE, PRETRAIN, ResultKey
from pipeline.comparison.result_sets import Match, ResultSet
from pipeline.datasets.definition import DataSet
from pipeline.datasets.registry import find_dataset
from pipeline.graph.lock import LockedStage
from pipeline.graph.revisions import WORKSPACE, list_commits
from pipeline.yaml_tree import flatten, flatten_sections, merge

OF_DATASET = ("download", "ingest", "normalize", "hierarchy")
OF_BENCHMARK = ("split", "prepare")
MADE = ("data/", "models/", "results/")
"""Where stages write: what lies elsewhere and is read by them is code."""
NONE = "none"
"""In place of a value, where a set of results has no such parameter."""


def describe_origins(
    sets: Sequence[ResultSet], matches: Sequence[Match], paths_of: Callable[[DataSet], DataSetPaths]
) -> dict[str, Any]:
    """What is compared, and what it was made from: data, code, parameters."""
    code, unknown = compare_code(sets, matches)
    return {
        "compared": [{"name": one.name, "revision": one.rev or WORKSPACE, "commit": one.commit} for one in sets],
        "results": [{"name": match.name, "of": [str(key) for key in match.keys]} for match in matches],
        "data": compare_data(sets, matches, paths_of),
        "code": code,
        "unrecorded": unknown,
        "parameters": compare_parameters(sets, matches),
    }


def stages_behind(results: ResultSet, key: ResultKey) -> Iterator[tuple[str, LockedStage | None]]:
    """Every stage behind a result, with its record."""
    dataset = results.details(key)["dataset"]
    for kind in OF_DATASET:
        yield kind, results.lock.get(f"{kind}@{dataset}")
    for kind in OF_BENCHMARK:
        yield kind, results.lock.get(f"{kind}@{key.benchmark}")
    before = key.pretraining
    if before is not None and before != key:
        yield PRETRAIN, results.recorded(before) if results.holds(before) else None
    yield key.stage.split("@")[0], results.recorded(key)


def compare_data(
    sets: Sequence[ResultSet], matches: Sequence[Match], paths_of: Callable[[DataSet], DataSetPaths]
) -> list[dict[str, Any]]:
    """Of every benchmark the data versions, the splits' hashes and the clips of either part; where they differ between
    revisions that can still be read, what differs between their clips."""
    found = []
    for benchmark, match in {match.keys[0].benchmark: match for match in reversed(matches)}.items():
        details = [results.details(key) for results, key in zip(sets, match.keys, strict=True)]
        versions = [one["data_version"] for one in details]
        splits = [_split_hash(results, key) for results, key in zip(sets, match.keys, strict=True)]
        names = [one["dataset"] for one in details]
        same = len(set(versions)) == len(set(names)) == 1 and len(set(splits) - {None}) <= 1
        facts: dict[str, Any] = {"benchmark": benchmark, "same": same, "datasets": names, "versions": versions}
        if not same and len(set(names)) == 1:
            dataset = find_dataset(names[0])
            facts["differences"] = [_compare_clips(sets[0], other, dataset, paths_of(dataset)) for other in sets[1:]]
        found.append(facts)
    return found[::-1]


def _split_hash(results: ResultSet, key: ResultKey) -> str | None:
    """Of the split's content, whichever format the store beside it has; None if it cannot be had."""
    try:
        facts = read_json(results.path(Path("data", "benchmarks", key.benchmark, "split", "split.json")))
    except UserError:
        return None
    return str(facts["split_hash"])


def _compare_clips(one: ResultSet, other: ResultSet, dataset: DataSet, paths: DataSetPaths) -> dict[str, Any]:
    """What `hacm audit --from --to` says, or why it cannot."""
    if one.rev == other.rev:
        return {"unknown": "both lie in one revision, which has but one of the versions"}
    try:
        before, after = (read_revision(results.rev, paths, dataset) for results in (one, other))
    except UserError as error:
        return {"unknown": str(error)}
    return collect_changes(
        before,
        after,
        compare_versions(before.tables, after.tables),
        find_causes(before, after, dataset.name),
        dataset.name,
    )


def compare_code(sets: Sequence[ResultSet], matches: Sequence[Match]) -> tuple[list[dict[str, Any]], list[str]]:
    """The files that differ, with the stages that depend on them and the commits between; and the results of which
    dvc.lock does not say what they were made of."""
    stages: dict[str, set[str]] = {}
    hashes: dict[str, list[set[str | None]]] = {}
    unknown: dict[str, None] = {}
    for match in matches:
        behind = [dict(stages_behind(results, key)) for results, key in zip(sets, match.keys, strict=True)]
        for results, key, one in zip(sets, match.keys, behind, strict=True):
            unknown |= {
                f"{results.name}: {kind} of {key}": None
                for kind, stage in one.items()
                if not stage and _needs(kind, key)
            }
        for kind in behind[0]:
            recorded = [one.get(kind) for one in behind]
            if not all(recorded):
                continue
            for number, stage in enumerate(recorded):
                for path, md5 in stage.deps.items() if stage else ():
                    if not path.startswith(MADE):
                        stages.setdefault(path, set()).add(kind)
                        hashes.setdefault(path, [set() for _ in sets])[number].add(md5)
    differing = [path for path, found in sorted(hashes.items()) if any(one != found[0] for one in found[1:])]
    rows = []
    for path in differing:
        commits = [list_commits(sets[0].rev, other.rev, path) for other in sets[1:]]
        rows.append({"path": path, "stages": sorted(stages[path]), "commits": commits})
    return rows, list(unknown)


def _needs(kind: str, key: ResultKey) -> bool:
    """The baseline needs no hierarchy and nothing that pretraining reads."""
    return key.protocol != BASELINE or kind not in ("hierarchy", "prepare")


def compare_parameters(sets: Sequence[ResultSet], matches: Sequence[Match]) -> list[dict[str, Any]]:
    """Those that differ, with each set's value and the results that it concerns. Values are those in force when the
    results were made, each section with what benchmark, data set and variant put over it."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for match in matches:
        values = [parameters_behind(results, key) for results, key in zip(sets, match.keys, strict=True)]
        for key in dict.fromkeys(name for one in values for name in one):
            of_each = [one.get(key, NONE) for one in values]
            if any(value != of_each[0] for value in of_each[1:]):
                row = found.setdefault((key, repr(of_each)), {"key": key, "values": of_each, "results": []})
                row["results"].append(match.name)
    return list(found.values())


def parameters_behind(results: ResultSet, key: ResultKey) -> dict[str, Any]:
    """Parameters behind a result, by dotted key: of data from dvc.lock, of training and evaluation from the result."""
    details = results.details(key)
    params = _data_params(results, details["dataset"])
    before = key.pretraining
    if before is not None and results.holds(before):
        params |= flatten(results.details(before).get("settings", {}), "train")
    if key.protocol != PRETRAIN:
        evaluated_by = "transfer" if key.source else key.protocol
        params |= flatten(details.get("settings") or {}, f"evaluate.{evaluated_by}")
        params["evaluate.bootstrap"] = details["bootstrap"]
    return params


def _data_params(results: ResultSet, dataset: str) -> dict[str, Any]:
    sections: dict[str, Any] = {}
    for kind in OF_DATASET:
        stage = results.lock.get(f"{kind}@{dataset}")
        sections |= stage.params if stage else {}
    own = f"datasets.{dataset}.cleaning"
    if own in sections:
        sections["cleaning"] = merge(sections.get("cleaning", {}), sections.pop(own))
    return flatten_sections(sections)
