"""Where a published figure comes from, by its record: nothing of the run itself need be here."""

from typing import Any

from hacm.errors import UserError
from pipeline.comparison.naming import BASELINE, ResultKey, key_of_name
from pipeline.records.records import BenchmarkRecords, read_all
from pipeline.yaml_tree import flatten_sections

PREFIX = "published:"
"""What stands before a record's name where an artefact's path could stand."""
ORIGIN = ("dataset", "data_version", "encoder_hash", "code", "device", "seconds", "memory_mb", "machine", "sealed")


def describe_published(text: str) -> dict[str, Any]:
    """The record of PUBLISHED:BENCHMARK/VARIANT/seed-N/PROTOCOL and that of its pretraining, as facts.

    UserError for a name that has no record.
    """
    name, _, metric = text.removeprefix(PREFIX).partition(":")
    records = _records_of(name)
    facts = records.facts[name]
    figures = facts["figures"]
    if metric and metric not in figures:
        raise UserError(f"{text}: the record has no {metric}; it has {', '.join(figures)}")
    trained = _pretraining(records, key_of_name(name))
    behind = trained and {
        "figures": trained["figures"],
        "origin": _origin(trained),
        "settings": flatten_sections(trained["settings"]),
    }
    return {
        "published": name,
        "figures": {metric: figures[metric]} if metric else figures,
        "origin": _origin(facts),
        "settings": flatten_sections(facts["settings"] or {}),
        "pretraining": behind,
    }


def describe_published_clip(text: str, clip: str) -> dict[str, Any]:
    """What a published result said of one test clip; UserError for a clip that is not among them."""
    name = text.removeprefix(PREFIX).partition(":")[0]
    clips = _records_of(name).clips
    if name not in clips.columns:
        raise UserError(f"{name}: a pretraining says nothing of clips; name a protocol's result")
    rows = clips.filter(clips["name"] == clip)
    if rows.is_empty():
        raise UserError(f"{clip}: none of the {clips.height} test clips of {name} has that name")
    row = rows.row(0, named=True)
    return {"published": name, "clip": clip, "subject": row["subject"], "actual": row["label"], "predicted": row[name]}


def _origin(facts: dict[str, Any]) -> dict[str, Any]:
    return {key: facts[key] for key in ORIGIN if facts.get(key) is not None}


def _records_of(name: str) -> BenchmarkRecords:
    every = read_all()
    benchmark = name.split("/")[0]
    if benchmark not in every:
        raise UserError(
            f"{name}: nothing is published of {benchmark}; there are records of {', '.join(every) or 'none'}"
        )
    if name not in every[benchmark].facts:
        raise UserError(f"{name}: has no record; there are {_names(every[benchmark])}")
    return every[benchmark]


def _names(records: BenchmarkRecords) -> str:
    """What may be asked for, with the variants that are recorded."""
    variants = dict.fromkeys(key.variant for key in records.keys if key.seed is not None)
    return f"{records.benchmark}/{BASELINE} and {records.benchmark}/VARIANT/seed-N/PROTOCOL of {', '.join(variants)}"


def _pretraining(records: BenchmarkRecords, key: ResultKey) -> dict[str, Any] | None:
    """The record of the encoder's pretraining; None for ridge, for a pretraining itself, and where it was not kept."""
    return None if key.pretraining in (None, key) else records.facts.get(str(key.pretraining))
