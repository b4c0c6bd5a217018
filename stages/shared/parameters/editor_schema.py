"""The JSON schema of params.yaml for editors: names, types and choices, made from the types that check the file."""

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from hacm.cleaning import CleaningSettings
from hacm.settings import SHARED, HierarchySettings, TrainSettings
from pipeline.datasets.registry import find_shipped
from pipeline.layers import LIKE
from stages.shared.parameters.checks import BENCHMARK_KEYS, TOP_LEVEL
from stages.shared.parameters.sections import (
    Active,
    IngestSettings,
    Resamples,
    evaluation_kind,
    source_kind,
    ways_to_evaluate,
)

Schema = dict[str, Any]
FILE = Path("params.schema.json")
TEXT: Schema = {"type": "string"}


def write_schema() -> str:
    """The file's text."""
    definitions: Schema = {}
    active, cleaning, hierarchy, train = (
        _refer(kind, definitions) for kind in (Active, CleaningSettings, HierarchySettings, TrainSettings)
    )
    ways = {name: _refer(evaluation_kind(name), definitions) for name in (*SHARED, *ways_to_evaluate())}
    parts = {"train": train, "evaluate": _mapping(ways)}
    sections = {
        "active": active,
        "datasets": _mapping({name: _dataset(name, definitions) for name in find_shipped()}, others={"type": "object"}),
        "cleaning": cleaning,
        "hierarchy": hierarchy,
        "train": train,
        "variants": _mapping({}, others=train),
        "evaluate": _mapping(
            {"bootstrap": TypeAdapter(Resamples).json_schema()}
            | {name: _with_like(one, definitions) if name not in SHARED else one for name, one in ways.items()}
        ),
        "recipes": _mapping({part: _mapping({}, others=one) for part, one in parts.items()}),
        "benchmarks": _mapping(
            {}, others=_mapping({name: _with_like(parts[name], definitions) for name in BENCHMARK_KEYS})
        ),
    }
    assert tuple(sections) == TOP_LEVEL
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "params.yaml",
        **_mapping(sections),
        "$defs": dict(sorted(definitions.items())),
    }
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _dataset(name: str, definitions: Schema) -> Schema:
    return _mapping(
        {
            "source": _refer(source_kind(name), definitions),
            "ingest": _refer(IngestSettings, definitions),
            "cleaning": _refer(CleaningSettings, definitions),
            "tree_split": {"enum": list(find_shipped()[name].splits)},
        }
    )


def _refer(kind: Any, definitions: Schema) -> Schema:
    """A reference to a type's schema, which is put into the definitions with all that it refers to."""
    schema = TypeAdapter(kind).json_schema()
    definitions |= schema.pop("$defs", {})
    definitions[kind.__name__] = schema
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _mapping(known: Schema, others: Schema | bool = False) -> Schema:
    return {"type": "object", "properties": known, "additionalProperties": others}


def _with_like(schema: Schema, definitions: Schema) -> Schema:
    """The same section, which may also be like another."""
    full = definitions[schema["$ref"].removeprefix("#/$defs/")] if "$ref" in schema else schema
    return full | {"properties": {LIKE: TEXT, **full["properties"]}}
