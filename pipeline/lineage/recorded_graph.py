"""The graph with every stage as it was recorded and as it is now.

A stage is *stale* if anything recorded of it is another thing now (what `dvc status` lists), or if a stage before it is
stale or was never made. A stage that dvc.yaml no longer has (of a variant that is not active, say) is in the graph as
long as something of what it wrote is there.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from hacm.errors import UserError
from pipeline.graph import plan as plans
from pipeline.graph import run_records
from pipeline.graph.content import Content
from pipeline.graph.lock import LOCK_FILE, LockedStage, read_lock
from pipeline.graph.plan import Plan, Stage
from pipeline.graph.run_records import Contents, Difference, Record
from pipeline.yaml_tree import ABSENT, look_up, plain, read_yaml

PARAMS_FILE = Path("params.yaml")
KEPT_HASHES = Path(".state/lineage/hashes.json")

CURRENT, STALE, NEVER_MADE = "current", "stale", "never made"


@dataclass(frozen=True)
class Node:
    """stage: as it is now. record: of when it last ran, None if it never did. active: whether dvc.yaml has it now."""

    stage: Stage
    record: Record | None
    active: bool


@dataclass(frozen=True)
class StageState:
    """state: CURRENT, STALE or NEVER_MADE. differences: its own. after: the stages just before it that are not current.

    A stage that was never made has neither.
    """

    state: str
    differences: tuple[Difference, ...] = ()
    after: tuple[str, ...] = ()


class RecordedGraph:
    """The stages by name, each after those that it reads from."""

    def __init__(self, nodes: Mapping[str, Node], contents: Contents) -> None:
        order = TopologicalSorter({name: node.stage.after for name, node in nodes.items()})
        try:
            self.nodes = {name: nodes[name] for name in order.static_order()}
        except CycleError as error:
            circle = ", ".join(sorted(set(error.args[1])))
            raise UserError(
                f"{LOCK_FILE}: {circle} read one another's outputs; remove those not in dvc.yaml"
            ) from error
        self.contents = contents
        self._states: dict[str, StageState] = {}

    @classmethod
    def read(cls) -> "RecordedGraph":
        """The graph of the workspace: dvc.yaml, params.yaml, and what was recorded."""
        plan, contents = plans.load(), Contents()
        contents.recall(KEPT_HASHES)
        text = LOCK_FILE.read_text(encoding="utf-8") if LOCK_FILE.exists() else ""
        recorded = to_records(read_lock(text))
        recorded |= _by_snakemake(plan, recorded, contents)
        present = {
            name: record
            for name, record in recorded.items()
            if name in plan.stages or any(os.path.exists(path) for path in record.outs)
        }
        return cls(_join(plan, present), contents)

    def at(self, locked: Mapping[str, LockedStage]) -> "RecordedGraph":
        """The graph that another dvc.lock records; its stages are compared with how things are now."""
        stages = {name: node.stage for name, node in self.nodes.items() if node.active}
        records_then = to_records(locked)
        gone = _stages_gone({name: record for name, record in records_then.items() if name not in stages})
        nodes = {
            name: Node(stages.get(name) or gone[name], record, name in stages) for name, record in records_then.items()
        }
        return RecordedGraph(_link(nodes, nodes), self.contents)

    def state_of(self, name: str) -> StageState:
        """The state of a stage; this hashes what it and all stages before it read and wrote."""
        if name not in self._states:
            node = self.nodes[name]
            after = tuple(one for one in node.stage.after if self.state_of(one).state != CURRENT)
            differences = tuple(node.record.differences(node.stage, self.contents)) if node.record else ()
            state = NEVER_MADE if node.record is None else STALE if differences or after else CURRENT
            self._states[name] = StageState(state, differences, after if node.record else ())
        return self._states[name]

    def before(self, name: str) -> list[str]:
        """The stages behind a stage, in order, itself last."""
        found = {name}
        for one in reversed(self.nodes):
            if one in found:
                found.update(self.nodes[one].stage.after)
        return [one for one in self.nodes if one in found]

    def beyond(self, names: Iterable[str]) -> list[str]:
        """The stages that read what `names` write, or what is made from it; those too, in order."""
        found = set(names)
        for name, node in self.nodes.items():
            if found.intersection(node.stage.after):
                found.add(name)
        return [name for name in self.nodes if name in found]

    def makers_of(self, path: str) -> list[str]:
        """The stages whose outputs are, hold or lie in a path; those of dvc.yaml before any that it no longer has."""
        return self._outputs.makers_of(path)

    def code_of(self, name: str) -> dict[str, str]:
        """What a stage read that no stage writes, with its MD5."""
        record = self.nodes[name].record
        deps = record.deps if record else {}
        return {path: content.md5 for path, content in deps.items() if not self.makers_of(path)}

    @cached_property
    def _outputs(self) -> "OutputIndex":
        return OutputIndex(self.nodes)

    def keep_hashes(self) -> None:
        """Remember what was hashed, so that the next command need not read it again."""
        self.contents.keep(KEPT_HASHES)


def to_records(locked: Mapping[str, LockedStage]) -> dict[str, Record]:
    """What dvc.lock says, as records; a path without a hash counts as not recorded."""

    def contents(hashes: Mapping[str, str | None]) -> dict[str, Content]:
        return {path: Content(md5, "") for path, md5 in hashes.items() if md5}

    return {
        name: Record(one.cmd, one.params, contents(one.deps), contents(one.outs))
        for name, one in locked.items()
    }  # fmt: skip


def _by_snakemake(plan: Plan, recorded: Mapping[str, Record], contents: Contents) -> dict[str, Record]:
    """Snakemake's records of those stages of which DVC does not know, or knows what is no longer true."""
    kept = {name: record for name in plan.stages if (record := run_records.read(name))}
    for record in kept.values():
        contents.remember(record)
    return {
        name: record
        for name, record in kept.items()
        if name not in recorded
        or (
            _restrict(recorded[name], plan.stages[name]).difference(plan.stages[name], contents) is not None
            and record.difference(plan.stages[name], contents) is None
        )
    }


def _join(plan: Plan, recorded: Mapping[str, Record]) -> dict[str, Node]:
    nodes = {}
    for name, stage in plan.stages.items():
        record = recorded.get(name)
        nodes[name] = Node(stage, _restrict(record, stage) if record else None, True)
    gone = {name: record for name, record in recorded.items() if name not in nodes}
    others = {name: Node(stage, gone[name], False) for name, stage in _stages_gone(gone).items()}
    return nodes | _link(others, nodes | others)


def _restrict(record: Record, stage: Stage) -> Record:
    """A record without what dvc.yaml has since ceased to name: DVC looks at what it names now."""
    return Record(
        record.cmd,
        {key: value for key, value in record.params.items() if key in stage.params},
        {path: content for path, content in record.deps.items() if path in stage.deps},
        {path: content for path, content in record.outs.items() if path in stage.outs},
    )


def _stages_gone(gone: Mapping[str, Record]) -> dict[str, Stage]:
    """What stages that dvc.yaml no longer has would be now: as recorded, but for the parameters' present values."""
    tree = read_yaml(PARAMS_FILE) if gone else {}
    return {name: _as_recorded(name, record, tree) for name, record in gone.items()}


def _as_recorded(name: str, record: Record, tree: Mapping[str, Any]) -> Stage:
    values = {key: look_up(tree, key) for key in record.params}
    params = {key: plain(value) for key, value in values.items() if value is not ABSENT}
    metrics = tuple(path for path in record.outs if Path(path).name == "metrics.json")
    return Stage(name, record.cmd, params, tuple(record.deps), tuple(record.outs), (), metrics, ())


def _link(nodes: Mapping[str, Node], among: Mapping[str, Node]) -> dict[str, Node]:
    """The nodes with the edges that follow from their paths."""
    outputs = OutputIndex(among)
    linked = {}
    for name, node in nodes.items():
        deps = node.record.deps if node.record else node.stage.deps
        after = {maker for path in deps for maker in outputs.makers_of(path)} - {name}
        linked[name] = replace(node, stage=replace(node.stage, after=tuple(sorted(after))))
    return linked


class OutputIndex:
    """Which stages write where."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._active = {name for name, node in nodes.items() if node.active}
        self._at: dict[str, set[str]] = {}
        self._below: dict[str, set[str]] = {}
        for name, node in nodes.items():
            for path in {*node.stage.outs, *(node.record.outs if node.record else ())}:
                self._at.setdefault(path, set()).add(name)
                for folder in _folders_above(path):
                    self._below.setdefault(folder, set()).add(name)

    def makers_of(self, path: str) -> list[str]:
        """The stages whose outputs are, hold or lie in a path; those of dvc.yaml before any that it no longer has."""
        found = set(self._below.get(path, ()))
        for place in (path, *_folders_above(path)):
            found |= self._at.get(place, set())
        return sorted(found & self._active or found)


def _folders_above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
