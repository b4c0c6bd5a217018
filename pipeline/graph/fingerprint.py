"""The fingerprint of a stage: a hash of all that decides what it computes, and the parts that it is made of.

These are the code that the stage can reach, without comments and docstrings (pipeline/graph/code.py), the data files
that this code reads, what it asks of its data set's definition, its parameters and its inputs. Two runs of equal
fingerprints compute the same. It is the one answer to "is this the same work?": for resuming, for taking over finished
work, and for what lineage says of code.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from hacm.errors import UserError
from pipeline.datasets.definition import FACTS, DataSet
from pipeline.datasets.registry import find_benchmark, find_dataset
from pipeline.graph.code import BODY, Code, Reach, Target
from pipeline.graph.content import Content
from pipeline.graph.declared import Declared, declare
from pipeline.graph.plan import FOLDER
from pipeline.graph.run_records import Contents
from pipeline.layers import in_force
from pipeline.yaml_tree import ABSENT, look_up, plain, read_shared

INDEX = FOLDER / "code.json"
HASHES = FOLDER / "hashes.json"
PARAMS_FILE = Path("params.yaml")

SHOWING = (
    "hacm.command_line",
    "hacm.cores",
    "hacm.devices",
    "hacm.interrupts",
    "pipeline:<module>",
    "stages:<module>",
    "stages.shared.box",
    "stages.shared.command",
    "stages.shared.costs",
    "stages.shared.launching",
    "stages.shared.live",
    "stages.shared.progress",
    "pipeline.graph",
    "pipeline.results.machine",
)
"""Modules and packages that only show, measure or keep books: no result reads from them (a test sees to it)."""

CHECKING = (
    "hacm.training.memory",
    "pipeline.datasets.registry",
    "stages.shared.parameters",
)
"""What finds or refuses and changes nothing: what it lets through is part of the fingerprint itself."""

COMMAND_LINE = "command_line"
"""The function of a stage that says what options it has and what their help texts are."""

READER = ("pipeline.datasets.definition", "DataSet.reader_object")
PROTOCOL = ("hacm.protocols", "find")
"""The two places where code is imported by a name that is not in the text."""

READER_NAMES = ("COMPANIONS", "part_of", "read", "listed", "entries")
"""What a module that reads a raw format defines (hacm/recordings/__init__.py)."""

FACT_FIELDS = ("checksums", "missing", "action_names")
"""Fields of a data set that name files of pipeline/datasets/facts."""

Part = dict[str, str]

CODE = ("dataset", "files", "code")
"""Parts of a fingerprint that are the project's own, and no parameter or artefact."""
PARTS = ("params", "inputs", *CODE)


@dataclass(frozen=True)
class Fingerprint:
    """What decides a stage's result. Each part maps what it is about to a digest or a value as JSON.

    code: by `module:definition`. files: data files by path. dataset: by `data set.field`. params: values in force, by
    section. inputs: MD5 by path.
    """

    stage: str
    code: Part
    files: Part
    dataset: Part
    params: Part
    inputs: Part

    @cached_property
    def digest(self) -> str:
        """32 hex digits."""
        text = json.dumps([getattr(self, field.name) for field in fields(self)], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def differences(self, now: "Fingerprint", parts: Iterable[str] = PARTS) -> list[str]:
        """What is not the same now, in words: parameters with both values, then inputs, data set, files, code."""
        words = []
        for part in parts:
            before, after = getattr(self, part), getattr(now, part)
            for key in sorted(before.keys() | after.keys()):
                if before.get(key) != after.get(key):
                    words += _say(part, key, before.get(key), after.get(key))
        return list(dict.fromkeys(words))


def _say(part: str, key: str, before: str | None, after: str | None) -> list[str]:
    if part == "params":
        old, new = (json.loads(value) if value is not None else None for value in (before, after))
        return list(_value_differences(key, old, new))
    if part == "code":
        module, _, name = key.partition(":")
        return [f"{module.replace('.', '/')}.py: {name}" if name != BODY else f"{module.replace('.', '/')}.py"]
    return [f"{key.replace('.', ': ', 1)}" if part == "dataset" else key]


def _value_differences(key: str, old: Any, new: Any) -> Iterable[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                yield from _value_differences(f"{key}.{name}", old.get(name), new.get(name))
    else:
        yield f"{PARAMS_FILE}: {key} was {json.dumps(old)}, is {json.dumps(new)}"


def take(kind: str, names: Mapping[str, str]) -> Fingerprint | None:
    """The fingerprint of a stage as things are; None if one of its inputs is not there.

    names: a value for each of the stage's options. UserError if params.yaml lacks a key that dvc.yaml names.
    """
    declared = declare(kind, names)
    inputs = hash_inputs(declared.inputs)
    if inputs is None:
        return None
    datasets = datasets_of(names)
    reach = reach_of([(f"stages.{kind}", "main")], datasets, names.get("protocol"))
    return Fingerprint(
        stage=declared.name,
        code=reach.code,
        files=reach.files | _facts(datasets, reach.attributes),
        dataset=_definitions(datasets, reach.attributes),
        params=_params(declared),
        inputs=inputs,
    )


def reach_of(start: Iterable[Target], datasets: Iterable[DataSet], protocol: str | None = None) -> Reach:
    """The code that decides a result, from `start` on."""
    dynamic = {READER: [target for dataset in datasets for target in _reader_of(dataset)]}
    if protocol:
        dynamic[PROTOCOL] = [(f"hacm.protocols.{protocol}", "*")]
    return Code(index=INDEX).reach(start, dynamic, ignored=decides_nothing)


def hash_reader(dataset: DataSet) -> str:
    """Hash of the code that turns raw files of a data set into recordings; what it reads of them otherwise is equal."""
    reach = reach_of([("pipeline.datasets.definition", "DataSet.parse"), READER], [dataset])
    definition = {"reader": canonical(dataset.reader), "topology": canonical(dataset.topology)}
    text = json.dumps([reach.code, reach.files, definition], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def decides_nothing(module: str, name: str) -> bool:
    """Whether a definition is of SHOWING or CHECKING, or says how a stage is called."""
    return (module.startswith("stages.") and name == COMMAND_LINE) or any(
        module == one or module.startswith(f"{one}.") or f"{module}:{name}" == one for one in (*SHOWING, *CHECKING)
    )


def datasets_of(names: Mapping[str, str]) -> list[DataSet]:
    """The data sets that a stage's names are about."""
    benchmarks = [names[part] for part in ("benchmark", "source", "target") if part in names]
    found = [find_benchmark(name)[0] for name in benchmarks]
    return [find_dataset(names["dataset"])] if "dataset" in names else found


def _reader_of(dataset: DataSet) -> list[Target]:
    """Where a data set's reader is defined: what a reader's module must hold, or a class."""
    if isinstance(dataset.reader, str):
        return [(dataset.reader, name) for name in READER_NAMES]
    kind = type(dataset.reader)
    return [(kind.__module__, kind.__qualname__.split(".")[0])]


def _definitions(datasets: Iterable[DataSet], asked: set[str]) -> Part:
    """Those fields of the data sets that the code asks for."""
    return {
        f"{dataset.name}.{field.name}": json.dumps(canonical(getattr(dataset, field.name)), sort_keys=True)
        for dataset in datasets
        for field in fields(DataSet)
        if field.name in asked
    }


def _facts(datasets: Iterable[DataSet], asked: set[str]) -> Part:
    """The files of the authors' facts that the code asks for."""
    found = {}
    for dataset in datasets:
        for field in FACT_FIELDS:
            name = getattr(dataset, field)
            if field in asked and name:
                content = (FACTS / name).read_bytes()
                found[f"pipeline/datasets/facts/{name}"] = hashlib.blake2b(content, digest_size=16).hexdigest()
    return found


def canonical(value: Any) -> Any:
    """A value of a data set's definition as JSON can hold it, the same in every process."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [canonical(one) for one in value]
    if isinstance(value, set | frozenset):
        return sorted((canonical(one) for one in value), key=lambda one: json.dumps(one, sort_keys=True))
    if isinstance(value, range):
        return [value.start, value.stop, value.step]
    if isinstance(value, Mapping):
        return [[canonical(key), canonical(one)] for key, one in value.items()]
    if isinstance(value, type | FunctionType | ModuleType):
        return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value.__name__)}"
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if is_dataclass(value):
        return {"kind": kind} | {field.name: canonical(getattr(value, field.name)) for field in fields(value)}
    return {"kind": kind} | {name: canonical(one) for name, one in sorted(getattr(value, "__dict__", {}).items())}


def _params(declared: Declared) -> Part:
    """The values in force, by the section that they are read as: what lies under another value decides nothing."""
    tree = read_shared(PARAMS_FILE)
    found = {}
    for key in declared.params:
        value = look_up(tree, key)
        if value is ABSENT:
            raise UserError(f"{PARAMS_FILE}: {key}: missing; add it (the published params.yaml has every key)")
        found[key] = plain(value)
    return {key: json.dumps(value, sort_keys=True) for key, value in in_force(found).items()}


def hash_inputs(paths: Iterable[str]) -> Part | None:
    """MD5 by path, as in dvc.lock; None if one of them is not there. What has not changed is not read again."""
    contents = Contents()
    contents.recall(HASHES)
    found: dict[str, Content | None] = {path: contents.of(path) for path in paths}
    contents.keep(HASHES)
    if not all(found.values()):
        return None
    return {path: one.md5 for path, one in found.items() if one}
