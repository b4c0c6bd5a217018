"""Reads dvc.lock of any revision under today's names: what each stage was run with, read and wrote."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from hacm.errors import UserError
from pipeline.graph.former_names import rename_command, rename_params, rename_path, rename_stage

LOCK_FILE = Path("dvc.lock")


@dataclass(frozen=True)
class LockedStage:
    """What dvc.lock says of a stage. params: by declared key, which may be a section. deps, outs: MD5 by path."""

    cmd: str
    params: dict[str, Any]
    deps: dict[str, str | None]
    outs: dict[str, str | None]


def read_lock(text: str, where: str = "dvc.lock") -> dict[str, LockedStage]:
    """Every stage by name, those too that dvc.yaml no longer has; UserError naming `where` if it is damaged."""
    try:
        # YAML 1.2, as DVC reads it: 1e-05 is a number.
        tree = YAML(typ="safe").load(text) or {}
        return {rename_stage(name): _read_stage(one) for name, one in tree.get("stages", {}).items()}
    except (YAMLError, AttributeError, KeyError, TypeError) as error:
        raise UserError(f"{where}: not readable as a dvc.lock; restore it (git checkout) or run dvc repro") from error


def _read_stage(one: dict[str, Any]) -> LockedStage:
    params = {key: value for file in one.get("params", {}).values() for key, value in file.items()}
    deps, outs = (
        {rename_path(item["path"]): item.get("md5") for item in one.get(part, [])} for part in ("deps", "outs")
    )
    return LockedStage(rename_command(one["cmd"]), rename_params(params), deps, outs)
