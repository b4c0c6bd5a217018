"""Points of sweeps: what they are called, and what they do to params.yaml."""

import itertools
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hacm.errors import UserError
from pipeline.comparison.naming import ResultKey
from pipeline.sweeps import experiments, sweep_results, variant_points
from pipeline.sweeps.points import Point, apply_settings, expect_in_force, name_points, parse_grid, read_list
from pipeline.yaml_tree import editor, plain, read_yaml
from stages.shared.parameters import check_file
from tests.conftest import write_small_params


def test_a_grid_is_every_combination():
    found = parse_grid(["train.masking.tau=0.7,0.8", "evaluate.semi.shares=[0.1,0.2],[0.5]", "x.y=null,true,a b"])
    values = itertools.product([0.7, 0.8], [[0.1, 0.2], [0.5]], [None, True, "a b"])
    assert [tuple(point.values()) for point in found] == list(values)
    assert list(found[0]) == ["train.masking.tau", "evaluate.semi.shares", "x.y"]


@pytest.mark.parametrize("option", ["train.masking.tau", "=1", "a.b=", "a.b=[1"])
def test_what_is_no_grid_is_refused(option):
    with pytest.raises(UserError, match="KEY=VALUE"):
        parse_grid([option])


def test_a_list_of_points(tmp_path):
    path = tmp_path / "points.yaml"
    path.write_text("- {evaluate.knn.k: 3}\n- {evaluate.knn.k: 5, cleaning.ghost_frames: 7}\n")
    assert read_list(path) == [{"evaluate.knn.k": 3}, {"evaluate.knn.k": 5, "cleaning.ghost_frames": 7}]
    path.write_text("evaluate.knn.k: 3\n")
    with pytest.raises(UserError, match="must be a list"):
        read_list(path)


def test_names_follow_from_the_settings_and_differ():
    settings = [{"train.masking.tau": 0.7, "a.lr": 1e-05}, {"train.masking.tau": -1, "a.lr": [1, 2]}]
    assert [point.name for point in name_points("tau", settings)] == ["tau-tau-0-7-lr-1e-05", "tau-tau-minus-1-lr-1-2"]
    with pytest.raises(UserError, match="would both be called s-v-1-2"):
        name_points("s", [{"a.v": 1.2}, {"a.v": [1, 2]}])
    with pytest.raises(UserError, match="small letters"):
        name_points("My sweep", settings)


@pytest.fixture
def params(tmp_path, monkeypatch):
    write_small_params(tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "params.yaml"


def test_settings_that_would_do_nothing_are_refused(params):
    tree = read_yaml(params)
    expect_in_force(tree, {"train.masking.tau": 0.5, "evaluate.knn.k": 3, "evaluate.bootstrap": 300}, params)
    with pytest.raises(UserError, match=r"train.model.dim is not in force, benchmarks.kinect-sim-xsub.train.model.dim"):
        expect_in_force(tree, {"train.model.dim": 32}, params)
    with pytest.raises(
        UserError, match=r"evaluate.probe.views is not in force, benchmarks.kinect-sim-xsub.evaluate.probe"
    ):
        expect_in_force(tree, {"evaluate.probe.views": 3}, params)
    with pytest.raises(UserError, match=r"has no evaluate.linear.views; sweep evaluate.probe.views"):
        apply_settings(tree, {"evaluate.linear.views": 3}, params)
    with pytest.raises(UserError, match=r"has no train.masking.tua"):
        apply_settings(tree, {"train.masking.tua": 1}, params)


def test_points_become_variants_once(params):
    points = name_points("tau", parse_grid(["train.masking.tau=0.7,0.8", "train.masking.spatial.root_weight=0.1"]))
    variant_points.add_variants(points, params, check_file)
    once = params.read_text()
    tree = plain(editor().load(once))
    assert tree["active"]["variants"] == ["hacm", *(point.name for point in points)]
    assert [tree["variants"][point.name] for point in points] == [
        {"masking": {"tau": tau, "spatial": {"root_weight": 0.1}}} for tau in (0.7, 0.8)
    ]
    variant_points.add_variants(points, params, check_file)
    assert params.read_text() == once
    with pytest.raises(UserError, match="says something else"):
        variant_points.add_variants([Point(points[0].name, {"train.masking.tau": 0.1})], params, check_file)
    with pytest.raises(UserError, match="only settings of train can be variants"):
        variant_points.add_variants([Point("k", {"evaluate.knn.k": 3})], params, check_file)
    with pytest.raises(UserError, match="masking"):  # and params.yaml stays as it was
        variant_points.add_variants([Point("bad", {"train.masking.ratio": 7})], params, check_file)
    assert params.read_text() == once


def test_corrupted_clips_have_a_column_of_their_own():
    """Settings of a corruption change nothing of the clean clips' accuracy."""

    def results(corrupted: float) -> list[dict[str, object]]:
        metrics = {"top1": 70.7, "top1_low": 66.5, "top1_high": 74.9, "n": 430, "corrupted_mean_top1": corrupted}
        key = ResultKey("gym-xsub", "hacm", 0, "robustness")
        return sweep_results._results(cast("Any", SimpleNamespace(keys=[key], metrics=lambda _: metrics)))

    points = [
        {"name": f"m-{way}", "settings": {"missing": way}, "done": True, "seconds": 1.0, "results": results(corrupted)}
        for way, corrupted in (("zeros", 45.47), ("hold", 61.28))
    ]
    table = sweep_results.tabulate_sweep({"sweep": "m", "points": points})
    assert table.headings[2:4] == ("gym-xsub hacm robustness", "gym-xsub hacm robustness corrupted")
    assert [row[2:4] for row in table.rows] == [("70.7 [66.5, 74.9]", "45.5"), ("70.7 [66.5, 74.9]", "61.3")]


def test_values_are_written_as_dvc_reads_them(params):
    """By DVC's own parser of -S."""
    from dvc.utils.hydra import apply_overrides

    values = [0.1, 1e-05, 3, None, True, "drop", "a b", [1, 2.5], ["x", "y"], {"a": 1, "b": [1]}]
    for value in values:
        params.write_text("s: {v: 1}\n")
        apply_overrides(str(params), [f"s.v={experiments._hydra(value)}"])
        assert plain(read_yaml(params))["s"]["v"] == value
