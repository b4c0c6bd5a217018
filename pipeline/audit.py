"""What a clean store holds, in numbers: a first audit of a data set's version."""

from typing import Any

import polars as pl

from pipeline.datasets import DataSet
from pipeline.splits import assign
from pipeline.store import SkeletonStore


def audit(store: SkeletonStore, dataset: DataSet) -> dict[str, Any]:
    """Counts per split, class and subject, excluded recordings with reasons, what cleaning did, and the version."""
    manifest, excluded = store.manifest, store.table("excluded")
    splits = assign(manifest, dataset.splits).join(manifest.select("name", "label", "subject"), on="name")
    return {
        "dataset": dataset.name,
        "title": dataset.title,
        "synthetic": dataset.synthetic,
        "licence": dataset.licence,
        "topology": dataset.topology.name,
        "version": store.version,
        "clips": len(manifest),
        "excluded": len(excluded),
        "bodies": {str(n): count for n, count in manifest["bodies"].value_counts().sort("bodies").iter_rows()},
        "frames": {
            "least": manifest["frames"].min(),
            "median": manifest["frames"].median(),
            "most": manifest["frames"].max(),
            "total": manifest["frames"].sum(),
        },
        "benchmarks": {rule: _count_split(splits, rule, dataset) for rule in dataset.splits},
        "classes": _count_classes(splits, dataset),
        "subjects": splits.drop_nulls("subject").group_by("subject").len("clips").sort("subject").to_dicts(),
        "exclusions": excluded.select("name", "reason").to_dicts(),
        "cleaning": _count_notes(manifest),
        "findings": find_faults(store, dataset),
    }


def find_faults(store: SkeletonStore, dataset: DataSet) -> list[dict[str, str]]:
    """What a user should know before trusting the version: severity (error, warning) and text."""
    manifest = store.manifest
    splits = assign(manifest, dataset.splits).join(manifest.select("name", "subject"), on="name")
    faults = []
    for hash_, names in manifest.group_by("hash").agg("name").filter(pl.col("name").list.len() > 1).iter_rows():
        faults.append({"severity": "warning", "text": f"identical clips {', '.join(sorted(names))} ({hash_[:12]})"})
    for rule in dataset.splits:
        counts = _count_split(splits, rule, dataset)
        expected = (counts["expected_train"], counts["expected_test"])
        if expected != (None, None) and (counts["train"], counts["test"]) != expected:
            found = f"{counts['train']} training and {counts['test']} test clips"
            faults.append({"severity": "error", "text": f"{rule}: {found}, expected {expected[0]} and {expected[1]}"})
    return sorted(faults, key=lambda fault: (fault["severity"], fault["text"]))


def _count_split(splits: pl.DataFrame, rule: str, dataset: DataSet) -> dict[str, Any]:
    expected = dataset.expected.get(rule, (None, None))
    counts: dict[str, Any] = {}
    for part, number in zip(("train", "test"), expected, strict=True):
        chosen = splits.filter(pl.col(rule) == part)
        counts[part] = len(chosen)
        counts[f"expected_{part}"] = number
        counts[f"{part}_subjects"] = sorted(chosen["subject"].drop_nulls().unique().to_list())
    return counts


def _count_classes(splits: pl.DataFrame, dataset: DataSet) -> list[dict[str, Any]]:
    rule = next(iter(dataset.splits))
    counts = splits.group_by("label").agg(
        pl.len().alias("clips"),
        (pl.col(rule) == "train").sum().alias("train"),
        (pl.col(rule) == "test").sum().alias("test"),
    )
    return [{"name": dataset.class_name(row["label"]), **row} for row in counts.sort("label").to_dicts()]


def _count_notes(manifest: pl.DataFrame) -> list[dict[str, Any]]:
    """How many clips each kind of note stands on; numbers inside a note do not make it another kind."""
    kinds = manifest.select(pl.col("notes").explode().str.replace_all(r"\d+(\.\d+)?", "…").alias("note")).drop_nulls()
    return kinds.group_by("note").len("clips").sort("clips", "note", descending=[True, False]).to_dicts()


def to_markdown(facts: dict[str, Any]) -> str:
    """The audit as a Markdown page."""
    mark = " (synthetic)" if facts["synthetic"] else ""
    lines = [
        f"# Audit of {facts['title']}{mark}",
        "",
        f"version `{facts['version']}`, topology {facts['topology']}, "
        f"{facts['clips']} clips, {facts['excluded']} excluded",
        "",
        "| split | train | expected | test | expected | training subjects | test subjects |",
        "|---|---|---|---|---|---|---|",
    ]
    for rule, counts in facts["benchmarks"].items():
        lines.append(
            f"| {rule} | {counts['train']} | {_shown(counts['expected_train'])} "
            f"| {counts['test']} | {_shown(counts['expected_test'])} "
            f"| {_listed(counts['train_subjects'])} | {_listed(counts['test_subjects'])} |"
        )
    lines += ["", "| class | clips | train | test |", "|---|---|---|---|"]
    lines += [f"| {row['name']} | {row['clips']} | {row['train']} | {row['test']} |" for row in facts["classes"]]
    lines += ["", "| subject | clips |", "|---|---|"]
    lines += [f"| {row['subject']} | {row['clips']} |" for row in facts["subjects"]]
    lines += ["", "| what reading and cleaning did | clips |", "|---|---|"]
    lines += [f"| {row['note']} | {row['clips']} |" for row in facts["cleaning"]]
    lines += ["", "| excluded | reason |", "|---|---|"]
    lines += [f"| {row['name']} | {row['reason']} |" for row in facts["exclusions"]]
    lines += ["", *[f"- {fault['severity']}: {fault['text']}" for fault in facts["findings"]]]
    return "\n".join(lines).rstrip() + "\n"


def _shown(number: int | None) -> str:
    return "–" if number is None else str(number)


def _listed(numbers: list[int]) -> str:
    return " ".join(map(str, numbers)) or "–"
