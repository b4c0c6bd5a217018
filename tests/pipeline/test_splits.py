"""Split rules as the data sets' authors state them."""

import polars as pl
import pytest

from hacm.errors import UserError
from pipeline.datasets.registry import find_benchmark, find_shipped
from pipeline.datasets.splits import SplitRule, assign, rank_labels, select

MANIFEST = pl.DataFrame(
    {
        "name": ["a", "b", "c", "d"],
        "subject": [1, 2, 3, 1],
        "camera": [1, 2, 3, None],
        "setup": [1, 2, 3, 4],
        "label": [0, 1, 0, 1],
    }
)


def test_assign_follows_the_rule_and_leaves_unknown_out():
    rules = {"xsub": SplitRule("subject", frozenset({1, 3})), "xview": SplitRule("camera", frozenset({2, 3}))}
    table = assign(MANIFEST, rules)
    assert table["xsub"].to_list() == ["train", "test", "train", "train"]
    assert table["xview"].to_list() == ["test", "train", "train", None]


def test_clips_without_a_label_are_never_tested():
    manifest = pl.DataFrame(
        {"name": list("abcd"), "subject": [1, 2, 3, None], "label": [None] * 4}, schema_overrides={"label": pl.Int32}
    )
    rule = SplitRule("subject", frozenset({1, 3}))
    assert assign(manifest, {"xsub": rule})["xsub"].to_list() == ["unlabelled", None, "unlabelled", "unlabelled"]
    assert assign(manifest, {"held": SplitRule("subject", frozenset({1}), frozenset({3}))})["held"].to_list() == [
        "unlabelled",
        None,
        None,
        "unlabelled",
    ]


def test_ntu_rules_as_published():
    rules = find_shipped()["kinect-sim"].splits
    assert sorted(rules["xsub"].train) == [1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38]
    assert len(rules["xsub"].train) == 20
    assert rules["xview"].train == {2, 3}
    assert all(setup % 2 == 0 for setup in rules["xset"].train)


def test_a_value_cannot_both_train_and_test():
    with pytest.raises(UserError, match=r"\[1\] cannot both train and test"):
        SplitRule("subject", frozenset({1}), frozenset({1, 2}))


def test_empty_part_and_unknown_rule_are_one_line():
    table = assign(MANIFEST, {"xsub": SplitRule("subject", frozenset({9}))})
    with pytest.raises(UserError, match="no clip in its train part"):
        select(table, "xsub", "train")
    with pytest.raises(UserError, match="unknown split rule 'xset'"):
        select(table, "xset", "train")


def test_benchmarks_are_named_after_data_set_and_rule():
    dataset, rule = find_benchmark("kinect-sim-xview")
    assert (dataset.name, rule) == ("kinect-sim", "xview")
    with pytest.raises(UserError, match="unknown benchmark 'kinect-sim-xsubject'"):
        find_benchmark("kinect-sim-xsubject")


def test_parts_that_the_authors_list():
    manifest = pl.DataFrame({"name": ["a", "b", "c"], "xsub_part": ["train", "test", None], "label": [0, 0, 0]})
    table = assign(manifest, {"xsub": SplitRule("xsub_part", frozenset({"train"}))})
    assert table["xsub"].to_list() == ["train", "test", None]


def test_labelled_clips_are_stratified_nested_and_the_same_whatever_the_order():
    clips = pl.DataFrame({"name": [f"clip{number}" for number in range(60)], "label": [n % 3 for n in range(60)]})
    ranks = rank_labels(clips).join(clips, on="name")
    assert [column for column in ranks.columns if column.startswith("draw_")] == [f"draw_{n}" for n in range(5)]
    for draw in range(5):
        for label in range(3):
            assert sorted(ranks.filter(label=label)[f"draw_{draw}"]) == list(range(20))
    first = {draw: set(ranks.filter(pl.col(f"draw_{draw}") < 2)["name"]) for draw in range(5)}
    assert all(len(names) == 6 for names in first.values())
    assert len({frozenset(names) for names in first.values()}) == 5
    shuffled = rank_labels(clips.sample(fraction=1, shuffle=True, seed=1)).sort("name")
    assert shuffled.equals(rank_labels(clips).sort("name"))
    fewer = rank_labels(clips.filter(pl.col("label") < 2)).sort("name")  # a class more changes nothing for the others
    assert fewer.equals(
        rank_labels(clips).join(clips, on="name").filter(pl.col("label") < 2).drop("label").sort("name")
    )
