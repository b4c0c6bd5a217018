"""Counts the clips of a version by split, class and subject, and compares the counts with the published ones."""

from typing import Any

import polars as pl

from hacm.errors import name_some
from hacm.recordings.notes import Kind
from pipeline.audit.findings import Finding
from pipeline.datasets.definition import DataSet
from pipeline.store.losses import READING, UNASKED, find_losses, find_unlabelled, find_without_part

UNEVEN = 10.0
"""The largest class (or person) has so many times the clips of the smallest."""


def count_splits(clips: pl.DataFrame, dataset: DataSet) -> dict[str, dict[str, Any]]:
    """By split rule: clips and subjects of either part. clips: the manifest with a column per rule."""
    return {rule: _count_split(clips, rule, dataset) for rule in dataset.splits}


def _count_split(clips: pl.DataFrame, rule: str, dataset: DataSet) -> dict[str, Any]:
    counts: dict[str, Any] = {}
    for part, number in zip(("train", "test"), dataset.expected.get(rule, (None, None)), strict=True):
        chosen = clips.filter(pl.col(rule) == part)
        counts[part] = len(chosen)
        counts[f"expected_{part}"] = number
        counts[f"{part}_subjects"] = sorted(chosen["subject"].drop_nulls().unique().to_list())
    return counts


def count_classes(clips: pl.DataFrame, dataset: DataSet) -> list[dict[str, Any]]:
    """The clips of each class: in total, in the parts of the first rule, and for the other rules under `parts`."""
    sides = [
        ((pl.col(rule) == part).sum().alias(f"{rule} {part}")) for rule in dataset.splits for part in ("train", "test")
    ]
    counts = clips.drop_nulls("label").group_by("label").agg(pl.len().alias("clips"), *sides).sort("label")
    first = next(iter(dataset.splits))
    return [
        {
            "name": dataset.class_name(row["label"]),
            "label": row["label"],
            "clips": row["clips"],
            "train": row[f"{first} train"],
            "test": row[f"{first} test"],
            "parts": {rule: [row[f"{rule} train"], row[f"{rule} test"]] for rule in dataset.splits},
        }
        for row in counts.to_dicts()
    ]


def count_by(clips: pl.DataFrame, column: str) -> list[dict[str, Any]]:
    """Clips by subject, camera or setup; empty where the data set does not say."""
    return clips.drop_nulls(column).group_by(column).len("clips").sort(column).to_dicts()


def describe_balance(clips: pl.DataFrame, column: str) -> dict[str, Any] | None:
    """Evenness of classes or subjects: least, median and most clips, and exp(entropy), the number of equally large
    groups that are as varied; None where the data set does not say."""
    counts = clips.drop_nulls(column)[column].value_counts()["count"]
    if counts.is_empty():
        return None
    share = counts / counts.sum()
    return {
        "groups": len(counts),
        "least": counts.min(),
        "median": counts.median(),
        "most": counts.max(),
        "effective": round(float(pl.Series([-(share * share.log()).sum()]).exp()[0]), 3),
    }


def find_count_faults(clips: pl.DataFrame, excluded: pl.DataFrame, dataset: DataSet, *, partial: bool) -> list[Finding]:
    """Numbers that are not the published ones, classes that a part lacks, and groups of very different size.

    partial: the user asked for a part of the data set, so that other numbers are no error.
    """
    findings = []
    severity = "note" if partial else "error"
    for rule, counts in count_splits(clips, dataset).items():
        expected = (counts["expected_train"], counts["expected_test"])
        if expected != (None, None) and (counts["train"], counts["test"]) != expected:
            found = f"{counts['train']} training and {counts['test']} test clips"
            text = f"{rule}: {found}, expected {expected[0]} and {expected[1]}"
            findings.append(Finding("counts", severity, (), text))
        findings += _find_absent_classes(clips, rule, dataset)
    recordings = len(clips) + len(excluded)
    if dataset.clips is not None and recordings != dataset.clips:
        text = f"{recordings} clips with those left out, expected {dataset.clips}"
        findings.append(Finding("counts", severity, (), text))
    return findings + _find_lost(clips, excluded, dataset) + _find_unevenness(clips)


def _find_lost(clips: pl.DataFrame, excluded: pl.DataFrame, dataset: DataSet) -> list[Finding]:
    """What is left out beside the authors' own list, what reading and cleaning lost beside the standard cleaning, what
    was not read, and clips in no part of a split."""
    severity = "note" if dataset.synthetic else "warning"
    losses = find_losses(clips, excluded, (*READING, *UNASKED, Kind.SUM_ZERO))
    findings = [
        Finding("not-read" if loss.kind is Kind.NOT_READ else "lost", severity, loss.names, loss.text)
        for loss in losses
    ]
    for rule, definition in dataset.splits.items():
        names, text = find_without_part(clips, definition.column)
        if names:
            findings.append(Finding("no-part", "warning", names, f"{rule}: {text}"))
        names, text = find_unlabelled(clips, clips[rule])
        if names:
            findings.append(Finding("unlabelled", "note", names, f"{rule}: {text}"))
    return findings


def _find_absent_classes(clips: pl.DataFrame, rule: str, dataset: DataSet) -> list[Finding]:
    findings = []
    labels = set(clips["label"].drop_nulls())
    for part, other in (("train", "test"), ("test", "train")):
        missing = sorted(labels - set(clips.filter(pl.col(rule) == part)["label"]))
        shown = name_some([dataset.class_name(label) for label in missing])
        names = clips.filter(pl.col("label").is_in(missing) & (pl.col(rule) == other))["name"].to_list()
        if names:
            findings.append(Finding("classes", "error", tuple(names), f"{rule}: no {part} clip of {shown}"))
    return findings


def _find_unevenness(clips: pl.DataFrame) -> list[Finding]:
    findings = []
    for column, word in (("label", "classes"), ("subject", "subjects")):
        balance = describe_balance(clips, column)
        if balance and balance["most"] > UNEVEN * balance["least"]:
            sizes = f"{balance['least']} to {balance['most']} clips"
            text = (
                f"{word} are uneven: {sizes}; the {balance['groups']} are as varied as {balance['effective']:g} equal"
            )
            findings.append(Finding("balance", "note", (), text))
    return findings
