"""Finds every stage and result that depends on a raw file, a recording, any other file, or a parameter."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hacm.errors import UserError
from pipeline.graph.plan import overlaps
from pipeline.lineage.behind import explain
from pipeline.lineage.clip_history import find_recording
from pipeline.lineage.in_force import overlap, overridden_by, value_at
from pipeline.lineage.recorded_graph import CURRENT, NEVER_MADE, PARAMS_FILE, STALE, Node, RecordedGraph
from pipeline.yaml_tree import ABSENT, look_up, read_yaml


@dataclass(frozen=True)
class Cause:
    """What was asked about. kind: stage, parameter, path or recording. facts: of a recording, where it ended up."""

    kind: str
    what: str
    paths: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DirectUse:
    """That a stage reads the cause itself. changed: it is not now what the stage read; None: it never ran.

    how: the declared keys or paths by which it does. overridden_by: of a parameter, the sections that decide instead.
    """

    how: list[str]
    changed: bool | None
    overridden_by: list[str] = field(default_factory=list)


def find_cause(graph: RecordedGraph, text: str) -> Cause:
    """What is meant by a parameter's key, a stage's name, a path or a recording's name; UserError if nothing is."""
    if text.removeprefix("dvc.yaml:") in graph.nodes:
        return Cause("stage", text.removeprefix("dvc.yaml:"))
    if _is_parameter(graph, text):
        return Cause("parameter", text)
    path = _relative(text)
    known = (known for node in graph.nodes.values() for known in (*node.stage.deps, *node.stage.outs))
    if os.path.exists(path) or any(overlaps(path, (one,)) for one in known):
        return Cause("path", path, (path,))
    found = find_recording(graph, text)
    if found is None:
        raise UserError(
            f"{text}: neither a key of {PARAMS_FILE}, nor a stage, nor a file, nor a recording that was read"
        )
    return Cause("recording", text, tuple(found["raw"]), found)


def _is_parameter(graph: RecordedGraph, key: str) -> bool:
    """Whether params.yaml has the key, or a stage was once run with it."""
    records = (node.record for node in graph.nodes.values())
    used = any(record is not None and value_at(record.params, key) is not ABSENT for record in records)
    return used or look_up(read_yaml(PARAMS_FILE), key) is not ABSENT


def _relative(text: str) -> str:
    path = os.path.relpath(text) if os.path.isabs(text) else os.path.normpath(text)
    return Path(path).as_posix()


def describe_effects(graph: RecordedGraph, cause: Cause) -> dict[str, Any]:
    """All of it as facts: what `lineage affected-by --json` prints."""
    uses = {name: one for name, node in graph.nodes.items() if (one := _find_use(graph, node, cause))}
    reached = graph.beyond(uses)
    changed = set(graph.beyond(name for name, one in uses.items() if one.changed))
    deciding = set(graph.beyond(name for name, one in uses.items() if not one.overridden_by))
    stages = [_describe_stage(graph, name, uses.get(name), name in changed, name in deciding) for name in reached]
    counts = {state: sum(one["state"] == state for one in stages) for state in (STALE, CURRENT, NEVER_MADE)}
    makers = [name for path in cause.paths for name in graph.makers_of(path) if name not in reached]
    return {
        "cause": cause.what,
        "kind": cause.kind,
        **({"recording": cause.facts} if cause.facts else {}),
        "made_by": [{"stage": name, "state": graph.state_of(name).state} for name in makers],
        "counts": counts,
        "stages": stages,
    }


def _describe_stage(
    graph: RecordedGraph, name: str, use: DirectUse | None, changed: bool, deciding: bool
) -> dict[str, Any]:
    """because: whether the cause is (one reason) why it is stale. decides: whether it can change anything in it."""
    node, now = graph.nodes[name], graph.state_of(name)
    return {
        "stage": name,
        "state": now.state,
        "active": node.active,
        "reads": use.how if use else [],
        "overridden_by": use.overridden_by if use else [],
        "decides": deciding,
        "because": changed and now.state == STALE,
        "differs": [fact["text"] for one in now.differences for fact in explain(one)],
        "after": list(now.after),
        "results": [path for path in node.stage.metrics if os.path.exists(path)],
        "outputs": list(node.stage.outs),
    }


def _find_use(graph: RecordedGraph, node: Node, cause: Cause) -> DirectUse | None:
    """How a stage itself reads the cause; None if it does not."""
    if cause.kind == "stage":
        reads = cause.what in node.stage.after
        return DirectUse([cause.what], graph.state_of(cause.what).state != CURRENT) if reads else None
    if cause.kind == "parameter":
        return _read_parameter(node, cause.what)
    return _read_paths(graph, node, cause.paths)


def _read_parameter(node: Node, key: str) -> DirectUse | None:
    recorded = node.record.params if node.record else {}
    declared = [one for one in node.stage.params.keys() | recorded.keys() if overlap(key, one)]
    if not declared:
        return None
    changed = None if node.record is None else value_at(recorded, key) != value_at(node.stage.params, key)
    return DirectUse(sorted(declared), changed, overridden_by(node.stage.params, key))


def _read_paths(graph: RecordedGraph, node: Node, paths: Iterable[str]) -> DirectUse | None:
    """A folder that a stage reads is one thing, as DVC sees it: any change in it is one of all of it."""
    read = [dep for dep in node.stage.deps if overlaps(dep, tuple(paths))]
    if not read:
        return None
    if node.record is None:
        return DirectUse(read, None)
    return DirectUse(read, any(_differs(graph, node, dep) for dep in read))


def _differs(graph: RecordedGraph, node: Node, dep: str) -> bool:
    before, now = node.record.deps.get(dep) if node.record else None, graph.contents.of(dep)
    return before is None or now is None or before.md5 != now.md5
