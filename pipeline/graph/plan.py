"""The graph as DVC resolves it from dvc.yaml and params.yaml, kept in a file that jobs read without starting DVC."""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hacm.errors import UserError
from hacm.files import write_json
from pipeline.yaml_tree import ABSENT, look_up

FOLDER = Path(".state/engine")
FILE = FOLDER / "plan.json"
SOURCES = (Path("dvc.yaml"), Path("params.yaml"))
FORMAT = 1


@dataclass(frozen=True)
class Stage:
    """One box of the graph. deps, outs: paths. kept: those outs that are not deleted before it runs (`persist: true`).

    metrics: those outs that hold figures. after: the stages whose outs it reads.
    """

    name: str
    cmd: str
    params: dict[str, Any]
    deps: tuple[str, ...]
    outs: tuple[str, ...]
    kept: tuple[str, ...]
    metrics: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The name in dvc.yaml: `pretrain` of `pretrain@kinect-sim-xsub`."""
        return self.name.split("@", 1)[0]

    @property
    def instance(self) -> str | None:
        """Which of its kind: `kinect-sim-xsub` of `pretrain@kinect-sim-xsub`; None if there is but one."""
        return self.name.split("@", 1)[1] if "@" in self.name else None


@dataclass(frozen=True)
class Locked:
    """What dvc.lock says of a stage; None where it says nothing. deps, outs: MD5 by path."""

    same_cmd: bool
    params: dict[str, Any]
    deps: dict[str, str | None]
    outs: dict[str, str | None]


@dataclass(frozen=True)
class Plan:
    """All stages, each after those that it needs. source: hash of what it was resolved from."""

    source: str
    stages: dict[str, Stage]

    @cached_property
    def kinds(self) -> dict[str, list[Stage]]:
        """Stages by kind."""
        found: dict[str, list[Stage]] = {}
        for stage in self.stages.values():
            found.setdefault(stage.kind, []).append(stage)
        return found

    def sources_of(self, stage: Stage) -> list[str]:
        """Those of its deps that no stage writes: code."""
        return [path for path in stage.deps if not any(overlaps(path, self.stages[name].outs) for name in stage.after)]


def overlaps(path: str, outs: tuple[str, ...]) -> bool:
    """Whether a path is, holds or lies in one of `outs`."""
    return any(path == out or path.startswith(f"{out}/") or out.startswith(f"{path}/") for out in outs)


def hash_sources() -> str:
    """Of dvc.yaml, params.yaml and the form of the plan."""
    digest = hashlib.blake2b(str(FORMAT).encode(), digest_size=16)
    for path in SOURCES:
        try:
            digest.update(path.read_bytes() + b"\0")
        except FileNotFoundError as error:
            raise UserError(f"{path}: not found; run from the project's top folder") from error
    return digest.hexdigest()


def load() -> Plan:
    """The plan of dvc.yaml and params.yaml as they are now: the kept one if it is of these, else resolved anew."""
    try:
        content = json.loads(FILE.read_text(encoding="utf-8"))
        if content["source"] == hash_sources():
            return _restore(content)
    except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError):
        pass  # kept for speed only
    return resolve()[0]


def load_kept() -> Plan:
    """The plan that Snakemake works by; UserError if dvc.yaml or params.yaml have changed since it started."""
    try:
        content = json.loads(FILE.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError) as error:
        raise UserError(f"{FILE}: not readable ({error}); start snakemake, which writes it") from error
    if content.get("source") != hash_sources():
        raise UserError("dvc.yaml or params.yaml was changed while snakemake ran; start snakemake again")
    return _restore(content)


def _restore(content: dict[str, Any]) -> Plan:
    stages = {}
    for name, fields in content["stages"].items():
        parts: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()
        }
        stages[name] = Stage(**parts)
    return Plan(content["source"], stages)


def resolve() -> tuple[Plan, dict[str, Locked]]:
    """Ask DVC: the stages of dvc.yaml, and what dvc.lock says of each. The plan is kept for load."""
    # Imported here: DVC takes a second to start, and jobs do without it.
    import networkx
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    source = hash_sources()
    try:
        with Repo() as repo:
            graph = repo.index.graph
            order = [
                stage for stage in reversed(list(networkx.topological_sort(graph))) if hasattr(stage, "cmd_changed")
            ]
            after = {stage.name: sorted(one.name for one in graph.successors(stage)) for stage in order}
            values = _Values()
            stages = {stage.name: _describe(stage, after[stage.name], values) for stage in order}
            locked = {stage.name: _locked(stage) for stage in order}
    except DvcException as error:
        raise UserError(f"dvc.yaml: {error}") from error
    plan = Plan(source, stages)
    write_json(FILE, {"source": source, "stages": {name: asdict(stage) for name, stage in stages.items()}})
    return plan, locked


class _Values:
    """What files of parameters say, each read once: DVC reads params.yaml anew for every stage."""

    def __init__(self) -> None:
        self._trees: dict[str, Any] = {}

    def of(self, dep: Any) -> dict[str, Any]:
        """The values that a stage depends on, as DVC's own read_params gives them; a key that is absent is left out."""
        from dvc.utils.serialize import load_path

        if not dep.exists:
            return {}
        if dep.fs_path not in self._trees:
            self._trees[dep.fs_path] = load_path(dep.fs_path, dep.repo.fs)
        tree = self._trees[dep.fs_path]
        found = {key: look_up(tree, key) for key in dep.params or tree}
        return {key: value for key, value in found.items() if value is not ABSENT}


def _describe(stage: Any, after: list[str], values: _Values) -> Stage:
    params: dict[str, Any] = {}
    for dep in stage.deps:
        if hasattr(dep, "params"):
            params |= values.of(dep)
    return Stage(
        name=stage.name,
        cmd=stage.cmd,
        params=params,
        deps=tuple(str(dep.def_path) for dep in stage.deps if not hasattr(dep, "params")),
        outs=tuple(str(out.def_path) for out in stage.outs),
        kept=tuple(str(out.def_path) for out in stage.outs if out.persist),
        metrics=tuple(str(out.def_path) for out in stage.outs if out.metric),
        after=tuple(after),
    )


def _locked(stage: Any) -> Locked:
    params: dict[str, Any] = {}
    for dep in stage.deps:
        if hasattr(dep, "params"):
            params |= dep.hash_info.value or {}
    deps = {str(dep.def_path): dep.hash_info.value for dep in stage.deps if not hasattr(dep, "params")}
    outs = {str(out.def_path): out.hash_info.value for out in stage.outs}
    return Locked(not stage.cmd_changed, params, deps, outs)
