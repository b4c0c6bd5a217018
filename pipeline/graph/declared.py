"""Reads what dvc.yaml declares for one stage from its templates; also for stages run by hand, active or not.

DVC's own resolver knows only what `active` in params.yaml covers, and takes a second to start.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hacm.errors import UserError
from pipeline.datasets.registry import find_benchmark
from pipeline.graph.code import PACKAGES
from pipeline.yaml_tree import plain, read_yaml

FILE = Path("dvc.yaml")
VARIABLE = re.compile(r"\$\{([\w.]+)\}")
OPTION = re.compile(r"--([\w-]+) \$\{([\w.]+)\}")


@dataclass(frozen=True)
class Declared:
    """A stage of dvc.yaml with its names filled in.

    name: as DVC calls it. params: keys of params.yaml. code, inputs: the deps, by whether they are the project's own
    code. outs: every path that it writes; kept: those that DVC leaves in place before a run (`persist: true`).
    """

    name: str
    params: tuple[str, ...]
    code: tuple[str, ...]
    inputs: tuple[str, ...]
    outs: tuple[str, ...]
    kept: tuple[str, ...]


def options_of(kind: str) -> tuple[str, ...]:
    """The options that tell which stage of a kind is meant: dataset, benchmark, variant, …"""
    return tuple(option for option, _ in OPTION.findall(_body(kind)["cmd"]))


def names_of(command: str) -> dict[str, str] | None:
    """The value of each option in a stage's command; None if it is no command of dvc.yaml's form."""
    words = command.split()
    options, values = words[3::2], words[4::2]
    if words[:2] != ["python", "-m"] or len(options) != len(values):
        return None
    return dict(zip((option.removeprefix("--") for option in options), values, strict=True))


def kinds() -> tuple[str, ...]:
    """The names of dvc.yaml's stages: download, ingest, …"""
    return tuple(_stages())


def declare(kind: str, names: Mapping[str, str]) -> Declared:
    """What dvc.yaml says of the stage of that kind; names: a value for each of `options_of`."""
    stage, body = _stages()[kind], _body(kind)
    values = {variable: str(names[option]) for option, variable in OPTION.findall(body["cmd"])}
    if "foreach" in stage and "key" in values:  # over benchmarks, each with its data set
        values["item"] = find_benchmark(values["key"])[0].name
    which = [values[f"item.{part}"] for part in stage["matrix"]] if "matrix" in stage else []
    which += [values.get("key", values["item"])] if "foreach" in stage else []

    def fill(text: str) -> str:
        return VARIABLE.sub(lambda match: values[match[1]], text)

    deps = [fill(path) for path in body.get("deps", ())]
    outs = [one for part in ("outs", "metrics", "plots") for one in body.get(part, ())]
    paths = {fill(_path_of(one)): one for one in outs}
    return Declared(
        name="@".join([kind, "-".join(which)]) if which else kind,
        params=tuple(fill(key) for key in body.get("params", ())),
        code=tuple(path for path in deps if Path(path).parts[0] in PACKAGES),
        inputs=tuple(path for path in deps if Path(path).parts[0] not in PACKAGES),
        outs=tuple(paths),
        kept=tuple(path for path, one in paths.items() if isinstance(one, dict) and _flags(one).get("persist")),
    )


def _path_of(out: Any) -> str:
    return str(next(iter(out))) if isinstance(out, dict) else str(out)


def _flags(out: dict[str, Any]) -> dict[str, Any]:
    return next(iter(out.values())) or {}


def _body(kind: str) -> dict[str, Any]:
    stages = _stages()
    if kind not in stages:
        raise UserError(f"{FILE}: has no stage {kind}; it has: {', '.join(stages)}")
    stage: dict[str, Any] = stages[kind]
    return dict(stage["do"]) if "do" in stage else stage


def _stages() -> dict[str, Any]:
    return _read(FILE.resolve(), FILE.stat().st_mtime_ns)


@cache
def _read(path: Path, time: int) -> dict[str, Any]:
    stages: dict[str, Any] = plain(read_yaml(path))["stages"]
    return stages
