"""What was called otherwise in projects of commit aaa4aa5, and its present name: the only place that knows old names.

A dvc.lock, a result or a checkpoint of an earlier revision is read under the present names. What has none of the old
names is returned as it is.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

STAGES = {"floor": "baseline"}
PROTOCOLS = {"floor": "baseline"}
SETTINGS = {"variant": ("arithmetic", {"paper": "textbook", "released": "released"})}
"""Of the model: by old key, the present one and the present value of each old one."""

ADDED = {
    "train.model.decoder": "self_attention",
    "train.model.readout": "mean",
    "train.loss.target": "motion",
    "train.loss.normalise": "patch",
    "train.loss.weight": "equal",
    "train.loss.predicted": 1.0,
    "train.augment.limbs": 0.0,
    "train.pretrain.average": None,
    "train.pretrain.watch_epochs": None,
    "evaluate.knn.standardise": False,
    "evaluate.robustness.longest_gap": 10,
    "cleaning.missing": "interpolate",
    "cleaning.longest_gap": 10,
}
"""Settings that came later, and the values by which everything is computed as before."""

RESULT_FOLDER = re.compile(r"(results/benchmarks/[^/]+)/([^/]+)(/[^/]+\.[^/]+)?")
"""The folder of a baseline, or a file in it; a variant's folder holds folders only."""
COMMAND = re.compile(r"(python -m stages)\.(\w+)\b")
TRAIN = re.compile(r"train|recipes\.train\.[^.]+|benchmarks\.[^.]+\.train|variants\.[^.]+")
"""Sections of params.yaml that hold settings of training."""


def rename_stage(name: str) -> str:
    """A stage of DVC: `floor@…` is `baseline@…`."""
    kind, at, instance = name.partition("@")
    return f"{STAGES.get(kind, kind)}{at}{instance}"


def rename_command(command: str) -> str:
    """A stage's command line."""
    return COMMAND.sub(lambda match: f"{match[1]}.{STAGES.get(match[2], match[2])}", command)


def rename_path(path: str) -> str:
    """The path of a result, relative to the project's top folder."""
    return _replace_folder(path, PROTOCOLS)


def former_path(path: str) -> str:
    """Where a result lay at that commit: the inverse of rename_path."""
    return _replace_folder(path, {new: old for old, new in PROTOCOLS.items()})


def _replace_folder(path: str, names: Mapping[str, str]) -> str:
    match = RESULT_FOLDER.fullmatch(path)
    if match is None or match[2] not in names:
        return path
    return f"{match[1]}/{names[match[2]]}{match[3] or ''}"


def rename_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """What dvc.lock says of a stage's parameters: values by declared key."""
    return {key: rename_training(value) if TRAIN.fullmatch(key) else value for key, value in params.items()}


def rename_key(key: str, value: Any) -> tuple[str, Any]:
    """A dotted key of params.yaml and its value, as a sweep sets it."""
    section, _, last = key.rpartition(".")
    owner = section.removesuffix(".model")
    if section.endswith(".model") and TRAIN.fullmatch(owner) and last in SETTINGS:
        new, values = SETTINGS[last]
        return f"{section}.{new}", values.get(value, value)
    return key, value


def rename_training(settings: Any) -> Any:
    """Settings of training, or a part of them."""
    if not isinstance(settings, dict) or not isinstance(settings.get("model"), dict):
        return settings
    return settings | {"model": rename_model(settings["model"])}


def rename_model(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the model, in the order that they have."""
    return _rename(settings, SETTINGS)


def former_model(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the model as they were written at that commit: the inverse of rename_model."""
    former = {new: (old, {now: then for then, now in values.items()}) for old, (new, values) in SETTINGS.items()}
    return _rename(settings, former)


def former_training(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of training as they were at that commit; a later setting that changes something stays."""
    known = without_added(settings, "train")
    return known | {"model": former_model(known["model"])}


def without_added(settings: Mapping[str, Any], section: str) -> dict[str, Any]:
    """Settings of a section of params.yaml without the later ones that have the values by which nothing changes."""
    found = {}
    for key, value in settings.items():
        name = f"{section}.{key}"
        if isinstance(value, Mapping):
            found[key] = without_added(value, name)
        elif name not in ADDED or value != ADDED[name]:
            found[key] = value
    return found


def _rename(settings: Mapping[str, Any], names: Mapping[str, tuple[str, dict[str, str]]]) -> dict[str, Any]:
    """names: by key, what it becomes, and what each of its values becomes."""
    renamed = {}
    for key, value in settings.items():
        if key in names:
            new, values = names[key]
            renamed[new] = values.get(value, value)
        else:
            renamed[key] = value
    return renamed


def rename_details(details: Mapping[str, Any]) -> dict[str, Any]:
    """What a result's details.json says of where it comes from."""
    found = dict(details)
    if found.get("protocol") in PROTOCOLS:
        found["protocol"] = PROTOCOLS[found["protocol"]]
    if "settings" in found:
        found["settings"] = rename_training(found["settings"])
    return found


def rename_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a sweep's table; a baseline is named by variant and protocol alike."""
    protocol = row.get("protocol")
    if protocol not in PROTOCOLS or row.get("variant") != protocol:
        return dict(row)
    return dict(row) | {"variant": PROTOCOLS[protocol], "protocol": PROTOCOLS[protocol]}


def rename_checkpoint(description: Mapping[str, Any]) -> dict[str, Any]:
    """What checkpoint.json says of a model; its format is not looked at."""
    found = dict(description)
    if isinstance(found.get("model"), dict):
        found["model"] = rename_model(found["model"])
    if isinstance(found.get("facts"), dict) and "settings" in found["facts"]:
        found["facts"] = found["facts"] | {"settings": rename_training(found["facts"]["settings"])}
    return found


def is_former_folder(path: str) -> bool:
    """Whether a folder of results has an old name."""
    return rename_path(path) != path and not PurePosixPath(path).suffix
