"""Values in force are those that stages read; what is overridden changes nothing when it is changed."""

from copy import deepcopy
from dataclasses import asdict
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hacm.files import read_json
from pipeline.graph.lock import read_lock
from pipeline.lineage.parameter_layers import Value, in_force, layers_of, overlap, overridden_by, value_at
from pipeline.params import ABSENT, Params, flatten, look_up, merge, plain, read_yaml
from stages.shared.parameters import TRAIN, train_settings
from tests.conftest import PROJECT

TREE = plain(read_yaml(PROJECT / "params.yaml"))


def declared(benchmark, variant):
    keys = [key.format(benchmark=benchmark, variant=variant) for key in TRAIN]
    return {key: look_up(TREE, key) for key in sorted(keys)}  # dvc.lock does not keep dvc.yaml's order


@pytest.mark.parametrize("variant", TREE["variants"])
@pytest.mark.parametrize("benchmark", ["kinect-sim-xsub", "ntu60-xview", "pku2-xsub"])
def test_training_is_set_as_the_stage_reads_it(benchmark, variant):
    params = Params(PROJECT / "params.yaml", declared(benchmark, variant))
    settings = flatten(asdict(train_settings(params, benchmark, variant)), "train")
    found = in_force(declared(benchmark, variant))
    assert {key: one.value for key, one in found.items()} == settings


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


def test_layers_and_origins():
    params = {
        "benchmarks.b.train": {"model": {"dim": 64}, "loss": {"alpha": 1}},
        "train": {"model": {"dim": 256, "heads": 8}, "loss": {"alpha": 2}, "list": [1]},
        "variants.v": {"loss": {"alpha": 3}},
        "evaluate.bootstrap": 100,
    }  # fmt: skip
    assert layers_of(params) == {
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
    assert layers_of({"cleaning": {}, "datasets.d.cleaning": {}, "datasets.d.source": {}}) == {
        "cleaning": ["cleaning", "datasets.d.cleaning"], "datasets.d.source": ["datasets.d.source"],
    }  # fmt: skip


@pytest.mark.parametrize("variant", TREE["variants"])
def test_overridden_is_what_changes_nothing(variant):
    """Every single value of all three sections is changed, and what the stage would read compared."""
    params = declared("utd-mhad-xsub", variant)
    order = [key.format(benchmark="utd-mhad-xsub", variant=variant) for key in TRAIN]
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


keys = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(".".join)


@given(keys, keys)
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
