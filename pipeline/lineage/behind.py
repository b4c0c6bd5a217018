"""From a result back to the stages, raw files, parameters, code and checkpoint behind it, each beside how it is now."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hacm.errors import UserError, name_some
from pipeline.graph.commits import find_commits
from pipeline.graph.declared import declare, names_of
from pipeline.graph.fingerprint import CODE, take
from pipeline.graph.finished import FOLDER, Shelf
from pipeline.graph.former_names import rename_path, rename_stage
from pipeline.graph.run_records import Difference
from pipeline.lineage.artefacts import Artefact, ArtefactReader
from pipeline.lineage.in_force import in_force
from pipeline.lineage.recorded_graph import Node, RecordedGraph
from pipeline.yaml_tree import ABSENT, flatten


@dataclass(frozen=True)
class Target:
    """What was asked for. path: the result's file, where one was named; metric: a key in it."""

    stage: str
    path: str | None = None
    metric: str | None = None


@dataclass(frozen=True)
class Trace:
    """target: what was asked for. chain: the stages behind it, itself last. artefacts: all that these wrote."""

    target: Target
    chain: list[str]
    artefacts: list[Artefact]

    def of_kind(self, kind: str) -> list[Artefact]:
        """The artefacts of one kind, in the chain's order."""
        return [artefact for artefact in self.artefacts if artefact.kind == kind]


def find_target(graph: RecordedGraph, text: str) -> Target:
    """What is meant by a stage's name or a path, with or without `:METRIC`; UserError where that is nobody's result."""
    name = rename_stage(text.removeprefix("dvc.yaml:"))
    if name in graph.nodes:
        return _expect_made(graph, Target(name))
    path, metric = (text, None) if graph.makers_of(text) else (text.rpartition(":")[0] or text, text.rpartition(":")[2])
    path = rename_path(path.rstrip("/").removeprefix("./"))
    makers = graph.makers_of(path)
    if not makers:
        raise UserError(f"{text}: no stage of dvc.yaml has that name or writes it; for raw files, code and parameters: "
                        "hacm lineage affected-by")  # fmt: skip
    if len(makers) > 1:
        raise UserError(f"{path}: {len(makers)} stages write there; name one: {name_some(makers)}")
    return _expect_made(graph, Target(makers[0], path, None if metric == path else metric))


def _expect_made(graph: RecordedGraph, target: Target) -> Target:
    if graph.nodes[target.stage].record is None:
        raise UserError(f"{target.stage}: was never made here; run dvc repro {target.stage}")
    return target


def trace_back(graph: RecordedGraph, reader: ArtefactReader, target: Target) -> Trace:
    """Follow a result to where it came from."""
    chain = graph.before(target.stage)
    artefacts = []
    for name in chain:
        record = graph.nodes[name].record
        artefacts += [
            reader.describe_artefact(path, content.md5, name)
            for path, content in (record.outs if record else {}).items()
        ]
    return Trace(target, chain, artefacts)


def describe_origin(graph: RecordedGraph, reader: ArtefactReader, trace: Trace, start: str = "HEAD") -> dict[str, Any]:
    """All of it as facts: what `lineage behind --json` prints. start: the revision in whose history code is sought."""
    target = trace.target
    code = _describe_code(graph, trace, start)
    return {
        "result": target.path or target.stage,
        "stage": target.stage,
        "state": graph.state_of(target.stage).state,
        "metrics": _read_metrics(graph, reader, target),
        "data": [_describe_data(trace, raw) for raw in trace.of_kind("raw")],
        "checkpoints": [_describe_checkpoint(one) for one in trace.of_kind("checkpoint")],
        "run": [_describe_run(one) for one in trace.of_kind("details") if one.stage == target.stage],
        "contradictions": find_contradictions(graph, trace),
        "stages": [describe_stage(graph, name) for name in trace.chain],
        "parameters": _list_parameters(graph, trace),
        "code": code,
    }


def describe_stage(graph: RecordedGraph, name: str) -> dict[str, Any]:
    """A stage: its state, what is not as recorded, and the MD5 sums of all that it read and wrote."""
    node, now = graph.nodes[name], graph.state_of(name)
    record = node.record
    return {
        "stage": name,
        "state": now.state,
        "active": node.active,
        "differs": [fact for one in now.differences for fact in explain(one)],
        "after": list(now.after),
        "code_changes": _code_changes(node),
        "command": record.cmd if record else node.stage.cmd,
        "inputs": {path: content.md5 for path, content in record.deps.items()} if record else {},
        "outputs": {path: content.md5 for path, content in record.outs.items()} if record else {},
    }


def _code_changes(node: Node) -> list[str] | None:
    """What has changed of the code that the stage can reach since it ran; None where that is not known.

    dvc.yaml names folders, in which something may change that the stage does not use.
    """
    names = names_of(node.stage.cmd)
    if node.record is None or not node.active or names is None:
        return None
    shelf = Shelf(FOLDER, declare(node.stage.kind, names))
    then = shelf.fingerprint_of({path: content.md5 for path, content in node.record.outs.items()})
    now = take(node.stage.kind, names) if then else None
    return then.differences(now, CODE) if then and now else None


def explain(difference: Difference) -> Iterator[dict[str, Any]]:
    """What differs; of a section of params.yaml, each value that does."""
    if difference.kind != "parameter":
        yield {"kind": difference.kind, "what": difference.what, "before": difference.before, "now": difference.now,
               "text": difference.text}  # fmt: skip
        return
    before, now = (
        {} if value is None else flatten(value, difference.what) for value in (difference.before, difference.now)
    )
    for key in sorted(before.keys() | now.keys()):
        values = (before.get(key, ABSENT), now.get(key, ABSENT))
        if values[0] != values[1]:
            shown = ("absent" if value is ABSENT else json.dumps(value, ensure_ascii=False) for value in values)
            known = (None if value is ABSENT else value for value in values)
            yield dict(zip(("kind", "what", "before", "now", "text"),
                           ("parameter", key, *known, f"{key}: {' → '.join(shown)}"), strict=True))  # fmt: skip


def _read_metrics(graph: RecordedGraph, reader: ArtefactReader, target: Target) -> dict[str, Any]:
    """The figures of the result as recorded: the one asked for, or all; UserError if there is no such."""
    node = graph.nodes[target.stage]
    outs = node.record.outs if node.record else {}
    files = [target.path] if target.path in outs else [path for path in node.stage.metrics if path in outs]
    figures: dict[str, Any] = {}
    for path in files:
        content = reader.read(path, outs[path].md5) if path and path.endswith(".json") else None
        if content is not None:
            figures |= json.loads(content)
    if target.metric is None:
        return figures
    if figures and target.metric not in figures:
        raise UserError(f"{target.path}: has no {target.metric}; it has: {', '.join(figures)}")
    return {target.metric: figures.get(target.metric)}


def _describe_data(trace: Trace, raw: Artefact) -> dict[str, Any]:
    """Of one data set the raw files, and the versions of recordings and clips that were made from them."""
    name = raw.facts.get("dataset")
    stores = {one.facts.get("kind"): one for one in trace.of_kind("store") if one.facts.get("dataset") == name}
    facts: dict[str, Any] = {
        "dataset": name,
        "raw": raw.path,
        "md5": raw.md5,
        "here": raw.here,
        "archives": [{"file": file, "sha256": sum_} for file, sum_ in sorted(raw.facts.get("files", {}).items())],
        "raw_recordings": raw.facts.get("recordings"),
    }
    for kind, store in stores.items():
        facts[str(kind)] = {
            "path": store.path,
            "here": store.here,
            **{key: store.facts.get(key) for key in ("version", "clips", "excluded", "partial")},
        }
    return facts


def _describe_checkpoint(one: Artefact) -> dict[str, Any]:
    facts = one.facts.get("facts", {})
    return {
        "path": one.path,
        "md5": one.md5,
        "here": one.here,
        "stage": one.stage,
        "weights": one.facts.get("weights"),
        "encoder": one.facts.get("encoder"),
        **{key: facts.get(key) for key in ("data_version", "benchmark", "variant", "seed", "epochs", "torch")},
    }


RUN = ("code", "dirty", "seed", "data_version", "encoder_hash", "device", "seconds", "machine")
"""What a result's details.json says of the run beside its settings."""


def _describe_run(one: Artefact) -> dict[str, Any]:
    return {"path": one.path, "here": one.here} | {key: one.facts[key] for key in RUN if key in one.facts}


def find_contradictions(graph: RecordedGraph, trace: Trace) -> list[str]:
    """Where two artefacts of the chain, or an artefact and dvc.lock, say different things of what made it."""
    return [*_other_origins(trace), *(one.text for one in _other_settings(graph, trace))]


def _other_origins(trace: Trace) -> Iterator[str]:
    """Where an artefact says that it was made from other clips or another encoder than are behind it."""
    clips = {one.facts["version"] for one in trace.of_kind("store") if one.facts.get("kind") == "clips"}
    encoders = {one.facts.get("encoder") for one in trace.of_kind("checkpoint")}
    for one in trace.artefacts:
        facts = one.facts.get("facts", {}) if one.kind == "checkpoint" else one.facts
        version, encoder = facts.get("data_version"), facts.get("encoder_hash")
        if clips and version is not None and version not in clips:
            yield f"{one.path} is of data version {version}, the clips behind it are of {', '.join(sorted(clips))}"
        if encoders and encoder is not None and encoder not in encoders:
            yield f"{one.path} is of encoder {encoder}, the checkpoint behind it is not"


@dataclass(frozen=True)
class OtherSetting:
    """A parameter that an artefact was made with, by its own words, which dvc.lock records otherwise for its stage."""

    artefact: Artefact
    key: str
    said: Any
    recorded: Any

    @property
    def text(self) -> str:
        """Both values, in one line."""
        return f"{self.artefact.path} was made with {self.key} {self.said}, dvc.lock records {self.recorded}"


def _other_settings(graph: RecordedGraph, trace: Trace) -> Iterator[OtherSetting]:
    for one in trace.artefacts:
        facts = one.facts.get("facts", {}) if one.kind == "checkpoint" else one.facts
        settings, record = facts.get("settings"), graph.nodes[one.stage].record
        if not isinstance(settings, dict) or record is None:
            continue
        recorded = in_force(record.params)
        protocol = facts.get("protocol")
        said = flatten(settings, f"evaluate.{protocol}" if protocol else "train")
        for key in sorted(said.keys() & recorded.keys()):
            if said[key] != recorded[key].value:
                yield OtherSetting(one, key, said[key], recorded[key].value)


def _list_parameters(graph: RecordedGraph, trace: Trace) -> list[dict[str, Any]]:
    """Every value in force in the chain, with the value it has now; one row for stages that agree.

    made_with: other values that artefacts of these stages say they were made with.
    """
    said: dict[tuple[str, str], list[Any]] = {}
    for other in _other_settings(graph, trace):
        values = said.setdefault((other.artefact.stage, other.key), [])
        values += [] if other.said in values else [other.said]
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for name in trace.chain:
        node = graph.nodes[name]
        now = in_force(node.stage.params)
        for key, used in (in_force(node.record.params) if node.record else {}).items():
            row = {
                "key": key, "value": used.value, "set_in": used.origin, "now": now[key].value if key in now else None,
                "made_with": said.get((name, key), []),
            }  # fmt: skip
            place = tuple(json.dumps(one, sort_keys=True) for one in row.values())
            rows.setdefault(place, row | {"stages": []})["stages"].append(name)
    return [rows[place] for place in sorted(rows)]


def _describe_code(graph: RecordedGraph, trace: Trace, start: str) -> dict[str, Any]:
    """Every file or folder of code that a stage of the chain read, and the commits that have it."""
    used: dict[str, dict[str, list[str]]] = {}
    for name in trace.chain:
        for path, md5 in graph.code_of(name).items():
            used.setdefault(path, {}).setdefault(md5, []).append(name)
    # Stages may have run at different times, with different code; then no one commit has all of it.
    several = sorted(path for path, sums in used.items() if len(sums) > 1)
    newest = {path: list(sums)[-1] for path, sums in used.items()}
    stated = [one.facts["code"] for one in trace.of_kind("details") if one.facts.get("code", "unknown") != "unknown"]
    found = find_commits(newest, start, stated)
    older = find_commits({path: next(iter(used[path])) for path in several}, start, stated) if several else None
    files = []
    for path, sums in sorted(used.items()):
        for md5, stages in sums.items():
            now = graph.contents.of(path)
            by_path = found.by_path if md5 == newest[path] else older.by_path if older else {}
            files.append({"path": path, "md5": md5, "now": now.md5 if now else None, "commit": by_path.get(path),
                          "stages": stages})  # fmt: skip
    return {"commits": [] if several else found.whole, "several_versions": several, "files": files}


def list_recordings(reader: ArtefactReader, trace: Trace) -> Iterator[dict[str, Any]]:
    """Every raw recording behind the result, one that was left out too; UserError if their list is not to be had."""
    for raw in trace.of_kind("raw"):
        name = raw.facts.get("dataset")
        stores = [one for one in trace.of_kind("store")
                  if one.facts.get("dataset") == name and one.facts.get("kind") == "recordings"]  # fmt: skip
        for store in stores:
            manifest, excluded = (reader.table(store, f"{table}.parquet") for table in ("manifest", "excluded"))
            if manifest is None or excluded is None:
                raise UserError(f"{store.path}: what was recorded is neither here nor in DVC's cache; dvc pull")
            for row in manifest.select("name", "source", "source_sha256").iter_rows(named=True):
                yield {"dataset": name, **row, "excluded": None}
            for row in excluded.iter_rows(named=True):
                yield {"dataset": name, "name": row["name"], "source": row["source"], "source_sha256": None,
                       "excluded": row["reason"]}  # fmt: skip
