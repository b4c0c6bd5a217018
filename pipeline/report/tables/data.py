"""Splits, exclusions, cleaning, values and classes of a data set, and how faithfully its tree is embedded."""

from collections import Counter

from pipeline.report.audits import Audit
from pipeline.report.collecting import Dataset
from pipeline.report.formatting import integer
from pipeline.report.table_model import UNKNOWN, Cell, Column, Table, row


def distortion_table(dataset: Dataset) -> Table:
    """How faithfully the ball holds the kinematic tree, beside two baselines."""
    entries = (
        ("Poincaré ball, optimised", dataset.hierarchy.tree_distortion),
        ("Euclidean space of the same dimension", dataset.hierarchy.tree_distortion_euclidean),
        ("Poincaré ball, random points", dataset.hierarchy.tree_distortion_random),
    )
    rows = tuple(row([name, f"{value:.4f}"], synthetic=dataset.audit.synthetic) for name, value in entries)
    return Table(
        f"Tree distortion, {dataset.name}",
        (Column("Embedding", numeric=False), Column("Distortion")),
        rows,
        "Mean over joint pairs of |distance / tree distance − 1|, after the best overall scale; 0 is faithful.",
    )


def audit_tables(audit: Audit) -> list[Table]:
    """Splits, exclusions and cleaning of a data set."""
    mark = audit.synthetic
    reasons = Counter(entry.reason for entry in audit.exclusions)
    tables = [_split_table(audit)]
    if reasons:
        rows = tuple(row([reason, integer(clips)], synthetic=mark) for reason, clips in reasons.most_common())
        columns = (Column("Reason", numeric=False), Column("Clips"))
        tables.append(Table(f"Excluded clips, {audit.dataset}", columns, rows))
    if audit.cleaning:
        rows = tuple(row([entry.note, integer(entry.clips)], synthetic=mark) for entry in audit.cleaning)
        columns = (Column("What cleaning did", numeric=False), Column("Clips"))
        tables.append(Table(f"Cleaning, {audit.dataset}", columns, rows))
    if audit.alterations:
        tables.append(_alteration_table(audit))
    if audit.values:
        tables.append(_value_table(audit))
    return tables


def _alteration_table(audit: Audit) -> Table:
    """How many clips were altered by which rule."""
    rows = [row([one.action, one.rule, integer(one.clips)], synthetic=audit.synthetic) for one in audit.alterations]
    columns = (Column("Action", numeric=False), Column("Rule", numeric=False), Column("Clips"))
    return Table(f"By which rule, {audit.dataset}", columns, tuple(rows))


def _value_table(audit: Audit) -> Table:
    """The measurements behind the findings, over clips."""
    rows = tuple(
        row(
            [name.replace("_", " "), *(UNKNOWN if value is None else f"{value:.3g}" for value in statistics.values())],
            synthetic=audit.synthetic,
        )
        for name, statistics in audit.values.items()
    )
    columns = (Column("Measurement", numeric=False), Column("Median"), Column("99th percentile"), Column("Maximum"))
    note = (
        "Of each clip: speed of its fastest joint in m/s, deviation of its least steady bone and span of its body in m."
    )
    return Table(f"Values, {audit.dataset}", columns, rows, note)


def _split_table(audit: Audit) -> Table:
    rows = []
    for rule, split in audit.benchmarks.items():
        cells: list[str | Cell] = [rule]
        for found, expected in ((split.train, split.expected_train), (split.test, split.expected_test)):
            difference = UNKNOWN if expected is None else f"{found - expected:+,}".replace("-", "−").replace("+0", "0")
            cells += [integer(found), integer(expected), difference]
        cells += [str(len(subjects) or "–") for subjects in (split.train_subjects, split.test_subjects)]
        rows.append(row(cells, synthetic=audit.synthetic))
    columns = [Column("Split", numeric=False)]
    sides, titles = ("Train clips", "Test clips"), ("Found", "Expected", "Difference")
    columns += [Column(title, group=side) for side in sides for title in titles]
    columns += [Column(title, group="Subjects") for title in ("Train", "Test")]
    note = "Expected: what the data set's authors' rule gives on the complete data set; a dash where it is not known."
    return Table(f"Splits, {audit.dataset}", tuple(columns), tuple(rows), note)


def detail_tables(audit: Audit) -> list[Table]:
    """Every class, every subject and every excluded clip of a data set."""
    mark = audit.synthetic
    classes = tuple(
        row([str(entry.label), entry.name, *map(integer, (entry.clips, entry.train, entry.test))], synthetic=mark)
        for entry in audit.classes
    )
    subjects = tuple(row([str(entry.subject), integer(entry.clips)], synthetic=mark) for entry in audit.subjects)
    titles = (Column("Label"), Column("Class", False), Column("Clips"), Column("Train"), Column("Test"))
    tables = [
        Table(f"Clips of each class, {audit.dataset}", titles, classes),
        Table(f"Clips of each subject, {audit.dataset}", (Column("Subject", False), Column("Clips")), subjects),
    ]
    if audit.exclusions:
        excluded = tuple(row([entry.name, entry.reason], synthetic=mark) for entry in audit.exclusions)
        columns = (Column("Clip", numeric=False), Column("Reason", numeric=False))
        tables.append(Table(f"Each excluded clip, {audit.dataset}", columns, excluded))
    return tables
