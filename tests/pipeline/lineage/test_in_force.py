"""Values in force are those that stages read; what is overridden changes nothing when it is changed."""

from copy import deepcopy
from dataclasses import asdict
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hacm.files import read_json
from pipeline.graph.lock import read_lock
from pipeline.layers import layers_of
from pipeline.lineage.in_force import Value, in_force, overlap, overridden_by, value_at
from pipeline.yaml_tree import ABSENT, flatten, look_up, merge, plain, read_yaml
from stages.shared.parameters import EVALUATION, TRAIN, TRANSFER, keys, load
from tests.conftest import PROJECT

TREE = plain(read_yaml(PROJECT / "params.yaml"))


def declared(*sections, **names):
    """As dvc.lock records it, which does not keep dvc.yaml's order."""
    found = sorted(key.format(**names) for key in keys(*sections))
    return {key: look_up(TREE, key) for key in found}


@pytest.mark.parametrize("variant", TREE["variants"])
@pytest.mark.parametrize("benchmark", ["kinect-sim-xsub", "utd-mhad-xsub", "ntu60-xview", "pku2-xsub"])
def test_training_is_set_as_the_stage_reads_it(benchmark, variant):
    names = {"benchmark": benchmark, "variant": variant}
    settings = load(TRAIN, path=PROJECT / "params.yaml", **names).get(TRAIN)
    found = in_force(declared(TRAIN, **names))
    assert {key: one.value for key, one in found.items()} == flatten(asdict(settings), "train")


@pytest.mark.parametrize("way", [name for name in TREE["evaluate"] if name not in ("bootstrap", "probe", "tuning")])
@pytest.mark.parametrize("benchmark", ["kinect-sim-xsub", "utd-mhad-xsub", "pku2-xsub"])
def test_evaluation_is_set_as_the_stage_reads_it(benchmark, way):
    section = TRANSFER if way == "transfer" else EVALUATION
    names = {"benchmark": benchmark, "protocol": way}
    settings = load(section, path=PROJECT / "params.yaml", **names).get(section)
    found = {key: one.value for key, one in in_force(declared(section, **names)).items()}
    as_listed = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(settings).items()}
    assert found == flatten(as_listed, f"evaluate.{way}")


def test_recorded_settings_are_those_the_checkpoint_says(small_project):
    lock = read_lock((small_project / "dvc.lock").read_text())
    for stage, base, file in (
        ("pretrain@kinect-sim-xsub-hacm-0", "train", "pretrain/details.json"),
        ("evaluate@kinect-sim-xsub-hacm-0-linear", "evaluate.linear", "linear/details.json"),
        ("evaluate@kinect-sim-xsub-hacm-0-knn", "evaluate.knn", "knn/details.json"),
    ):
        settings = read_json(small_project / "results/benchmarks/kinect-sim-xsub/hacm/seed-0" / file)["settings"]
        found = {key: one.value for key, one in in_force(lock[stage].params).items() if key.startswith(f"{base}.")}
        assert found == flatten(settings, base)


def names_of(params):
    return {root: list(sections) for root, sections in layers_of(params).items()}


def test_layers_and_origins():
    params = {
        "benchmarks.b.train": {"model": {"dim": 64}, "loss": {"alpha": 1}},
        "train": {"model": {"dim": 256, "heads": 8}, "loss": {"alpha": 2}, "list": [1]},
        "variants.v": {"loss": {"alpha": 3}},
        "evaluate.bootstrap": 100,
    }  # fmt: skip
    assert names_of(params) == {
        "train": ["train", "benchmarks.b.train", "variants.v"], "evaluate.bootstrap": ["evaluate.bootstrap"],
    }  # fmt: skip
    assert in_force(params) == {
        "train.model.dim": Value(64, "benchmarks.b.train"),
        "train.model.heads": Value(8, "train"),
        "train.loss.alpha": Value(3, "variants.v"),
        "train.list": Value([1], "train"),
        "evaluate.bootstrap": Value(100, "evaluate.bootstrap"),
    }
    assert overridden_by(params, "train.model.dim") == ["benchmarks.b.train"]
    assert overridden_by(params, "benchmarks.b.train.loss.alpha") == ["variants.v"]
    assert overridden_by(params, "train.model") == []  # heads
    assert overridden_by(params, "train.loss") == ["variants.v"]
    assert overridden_by(params, "benchmarks.b") == []
    assert overridden_by(params, "evaluate.bootstrap") == []
    assert names_of({"cleaning": {}, "datasets.d.cleaning": {}, "datasets.d.source": {}}) == {
        "cleaning": ["cleaning", "datasets.d.cleaning"], "datasets.d.source": ["datasets.d.source"],
    }  # fmt: skip


def test_what_is_like_another_takes_that_first():
    params = {
        "evaluate.probe": {"lr": 0.1}, "evaluate.tuning": {"lr": 1, "epochs": 2, "hidden": 3},
        "evaluate.semi": {"like": "tuning", "draws": 4, "hidden": 30},
        "recipes.evaluate": {"r": {"tuning": {"lr": 10}, "semi": {"draws": 40}}, "other": {"tuning": {"lr": 0}}},
        "benchmarks.b.evaluate": {"like": "r", "tuning": {"epochs": 20}},
        "evaluate.bootstrap": 100,
    }  # fmt: skip
    assert names_of(params) == {
        "evaluate.bootstrap": ["evaluate.bootstrap"],
        "evaluate.semi": [
            "evaluate.tuning", "recipes.evaluate.r.tuning", "benchmarks.b.evaluate.tuning",
            "evaluate.semi", "recipes.evaluate.r.semi",
        ],
    }  # fmt: skip
    assert in_force(params) == {
        "evaluate.semi.lr": Value(10, "recipes.evaluate.r.tuning"),
        "evaluate.semi.epochs": Value(20, "benchmarks.b.evaluate.tuning"),
        "evaluate.semi.hidden": Value(30, "evaluate.semi"),
        "evaluate.semi.draws": Value(40, "recipes.evaluate.r.semi"),
        "evaluate.bootstrap": Value(100, "evaluate.bootstrap"),
    }
    assert overridden_by(params, "evaluate.tuning.lr") == ["recipes.evaluate.r.tuning"]
    assert overridden_by(params, "evaluate.tuning.hidden") == ["evaluate.semi"]
    assert overridden_by(params, "recipes.evaluate.r") == []
    for unread in ("evaluate.probe.lr", "recipes.evaluate.other.tuning.lr"):
        assert overridden_by(params, unread) == [
            "benchmarks.b.evaluate.tuning", "evaluate.semi", "evaluate.tuning",
            "recipes.evaluate.r.semi", "recipes.evaluate.r.tuning",
        ]  # fmt: skip


def test_records_of_before_there_were_recipes_are_read_alike():
    params = {"evaluate.linear": {"lr": 1, "views": 2}, "benchmarks.b.evaluate.linear": {"views": 3}}
    assert in_force(params) == {
        "evaluate.linear.lr": Value(1, "evaluate.linear"),
        "evaluate.linear.views": Value(3, "benchmarks.b.evaluate.linear"),
    }


@pytest.mark.parametrize("variant", TREE["variants"])
def test_overridden_is_what_changes_nothing(variant):
    """Every single value of all sections is changed, and what the stage would read compared."""
    names = {"benchmark": "kinect-sim-xsub", "variant": variant}
    params = declared(TRAIN, **names)
    order = ["train", "benchmarks.kinect-sim-xsub.train", f"variants.{variant}"]
    before = reduce(merge, (params[key] for key in order))
    looked_at = 0
    for section in order:
        for key in flatten(params[section], section):
            if key == section:
                continue
            changed = deepcopy(params)
            *path, last = key.removeprefix(f"{section}.").split(".")
            reduce(lambda tree, part: tree[part], path, changed[section])[last] = object()
            same = reduce(merge, (changed[one] for one in order)) == before
            assert bool(overridden_by(params, key)) == same, key
            looked_at += 1
    assert looked_at > 40


dotted = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(".".join)


@given(dotted, dotted)
def test_keys_overlap_where_one_begins_with_the_other(one, other):
    parts = [key.split(".") for key in (one, other)]
    shorter = min(map(len, parts))
    assert overlap(one, other) == (parts[0][:shorter] == parts[1][:shorter])


def test_values_at_keys():
    params = {"a.b": {"c": 1}, "a.d": None}
    assert value_at(params, "a.b.c") == 1
    assert value_at(params, "a.d") is None
    assert value_at(params, "a") == params
    assert value_at(params, "a.b.x") is ABSENT
    assert value_at(params, "a.bc") is ABSENT
