"""Follows one clip from its raw file to its prediction, and one recording to its clips and splits."""

from pathlib import Path
from typing import Any

import polars as pl

from hacm.errors import UserError
from pipeline.lineage.artefacts import KINDS, Artefact, ArtefactReader
from pipeline.lineage.behind import Trace
from pipeline.lineage.recorded_graph import RecordedGraph
from pipeline.store.format_3 import update_excluded, update_manifest
from pipeline.store.manifest import notes_of
from pipeline.store.split_files import read_split
from pipeline.store.store import SkeletonStore

IDENTITY = ("label", "subject", "camera", "setup", "replication", "execution", "fps", "frames", "bodies", "hash")


def trace_clip(reader: ArtefactReader, trace: Trace, name: str) -> dict[str, Any]:
    """Raw file, what reading and cleaning did, part of the split and prediction; UserError if no store has the clip."""
    steps = []
    facts: dict[str, Any] = {"clip": name}
    for store in trace.of_kind("store"):
        row = _find_row(reader, store, name)
        if row is None:
            continue
        kind = store.facts.get("kind")
        facts["dataset"] = store.facts.get("dataset")
        reason = row.get("reason")
        if reason is None:
            facts |= {key: row[key] for key in ("source", "source_sha256") if row.get(key)}
            facts["identity"] = {key: row[key] for key in IDENTITY if row.get(key) is not None}
        notes = notes_of(row["notes"] if reason is None else [row["note"]])
        done = [{"action": note.kind.action, "rule": note.kind.rule, "text": note.text} for note in notes]
        steps.append({"store": store.path, "kind": kind, "excluded": reason, "done": done})
    if not steps:
        stores = ", ".join(one.path for one in trace.of_kind("store"))
        raise UserError(f"{name}: no clip of that name in {stores or 'what was recorded'}")
    return facts | {
        "archive": _find_archive(trace, facts),
        "steps": steps,
        "parts": {one.path: _find_part(reader, one, name) for one in trace.of_kind("split")},
        "prediction": _find_prediction(reader, trace, name),
    }


def _find_row(reader: ArtefactReader, store: Artefact, name: str) -> dict[str, Any] | None:
    """The row of a clip in the manifest, or in the table of excluded recordings, which has a `reason`."""
    for table, update in (("manifest", update_manifest), ("excluded", update_excluded)):
        found = reader.table(store, f"{table}.parquet")
        # The store may be a revision's of an earlier format.
        rows = [] if found is None else update(found.filter(pl.col("name") == name)).to_dicts()
        if rows:
            return rows[0]
    return None


def _find_archive(trace: Trace, facts: dict[str, Any]) -> dict[str, Any] | None:
    """The raw file that the source lies in, with its checksum."""
    for raw in trace.of_kind("raw"):
        file = str(facts.get("source", "")).split("/", 1)[0]
        if raw.facts.get("dataset") == facts.get("dataset") and file in raw.facts.get("files", {}):
            return {"path": f"{raw.path}/{file}", "sha256": raw.facts["files"][file], "here": raw.here}
    return None


def _find_part(reader: ArtefactReader, split: Artefact, name: str) -> str | None:
    table = reader.table(split, "split.parquet")
    return None if table is None else next(iter(table.filter(pl.col("name") == name)["part"]), None)


def _find_prediction(reader: ArtefactReader, trace: Trace, name: str) -> dict[str, Any] | None:
    """What the result says of the clip, in the classes' names; None if it has no prediction of it."""
    outs = {one.path: one for one in trace.artefacts if one.stage == trace.target.stage}
    tables = {Path(path).name: one for path, one in outs.items()}
    if "predictions.parquet" not in tables or "confusion.csv" not in tables:
        return None
    predictions = reader.table(tables["predictions.parquet"])
    confusion = reader.read(tables["confusion.csv"].path, tables["confusion.csv"].md5)
    if predictions is None or confusion is None or name not in set(predictions["name"]):
        return None
    # confusion.csv has the same clips in the same order, by the names of their classes (pipeline.results.writing).
    place = predictions["name"].to_list().index(name)
    names = pl.read_csv(confusion, infer_schema=False).row(place, named=True)
    return {"actual": names["actual"], "predicted": names["predicted"], "right": names["actual"] == names["predicted"]}


def find_recording(graph: RecordedGraph, name: str) -> dict[str, Any] | None:
    """Where a recording is and what became of it in the workspace; None if no data set has it.

    name: of the recording or clip, or of its raw file, with or without folders and ending.
    """
    for stage, node in graph.nodes.items():
        for out in node.stage.outs:
            recordings = _read_tables(Path(out), "recordings")
            rows = _match(recordings, name) if recordings else []
            if rows:
                return _follow(graph, stage, rows)
    return None


def _read_tables(folder: Path, kind: str) -> list[pl.DataFrame]:
    """Manifest and exclusions of a store in the workspace; none if it is not there or of another kind."""
    if not (folder / KINDS["store"]).is_file():
        return []
    store = SkeletonStore.open(folder)
    return [store.manifest, store.table("excluded")] if store.facts.get("kind") == kind else []


def _match(tables: list[pl.DataFrame], name: str) -> list[dict[str, Any]]:
    file = pl.col("source").str.split("/").list.last()
    meant = (pl.col("name") == name) | (pl.col("source") == name) | (file == name) | file.str.starts_with(f"{name}.")
    keys = ("name", "source", "source_sha256", "reason")
    return [{key: row.get(key) for key in keys} for table in tables for row in table.filter(meant).to_dicts()]


def _follow(graph: RecordedGraph, stage: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The recordings' raw folder, the clips made of them, and the part that each is in."""
    raw = [path for path in graph.nodes[stage].stage.deps if Path(path, KINDS["raw"]).is_file()]
    names = {row["name"] for row in rows}
    clips: list[dict[str, Any]] = []
    parts: dict[str, dict[str, str]] = {}
    for one in graph.beyond([stage]):
        for out in graph.nodes[one].stage.outs:
            for table in _read_tables(Path(out), "clips"):
                found = table.filter(pl.col("name").is_in(list(names))).to_dicts()
                clips += [{"name": row["name"], "store": out, "excluded": row.get("reason")} for row in found]
            if Path(out, KINDS["split"]).is_file():
                table = read_split(Path(out))[0].filter(pl.col("name").is_in(list(names)))
                parts[out] = dict(table.select("name", "part").iter_rows())
    return {"raw": raw, "recordings": rows, "clips": clips, "parts": parts}
