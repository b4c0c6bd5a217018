"""The tables of the docs that are made of the data sets' definitions, against tables written by hand."""

import pytest

from hacm.skeletons.topology import Topology
from pipeline.datasets.definition import DataSet
from pipeline.datasets.page_tables import PUBLISHED, describe_rule, joint_table, split_table, token_table
from pipeline.datasets.splits import SplitRule

LONG = Topology("long", ("hip", "knee", "foot"), (-1, 0, 1), (0,), 0)
SHORT = Topology("short", ("foot", "hip"), (1, -1), (1,), 0)


def test_joints_stand_in_a_column_per_skeleton():
    assert joint_table((LONG, SHORT)) == [
        "|  | `long` | `short` |",
        "|---|---|---|",
        "| 0 | **hip** ★ (root) | foot ★ → 1 |",
        "| 1 | knee → 0 | **hip** (root) |",
        "| 2 | foot → 1 |  |",
    ]


def test_pruned_joints_and_tokens_are_told_apart():
    assert token_table(LONG)[2:] == ["| root set R, 1 joints | 0 hip |", "| token joints, J' = 2 | 1 knee, 2 foot |"]


@pytest.mark.parametrize(
    ("column", "train", "words"),
    [
        ("subject", {1, 2, 4, 5, 6, 9}, "subjects 1, 2, 4–6, 9"),
        ("camera", {2, 3}, "cameras 2, 3"),
        ("setup", set(range(2, 33, 2)), "setups 2, 4, … 32"),
        ("subject", {1, 3, 5, 7, 9}, "subjects 1, 3, 5, 7, 9"),
        ("subject", set(range(1, 12)), "subjects 1–11"),
        ("xsub_part", {"train"}, PUBLISHED),
    ],
)
def test_rules_in_words(column, train, words):
    assert describe_rule(SplitRule(column, frozenset(train))) == words


def test_a_benchmark_without_published_counts_has_dashes():
    rules = {"xsub": SplitRule("subject", frozenset({1})), "xview": SplitRule("camera", frozenset({2}))}
    dataset = DataSet("toy", "Toy", LONG, "", rules, contents="x", expected={"xsub": (1000, 2)})
    assert split_table([dataset])[2:] == [
        "| `toy-xsub` | 1,000 | 2 | subjects 1 |",
        "| `toy-xview` | – | – | cameras 2 |",
    ]
