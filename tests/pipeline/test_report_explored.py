"""What the report's drawings show, against counts and formulas: features, confidence, intervals, parameters, answers."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.report import build, charts, landscapes, reliability
from pipeline.report.collecting import Benchmark, read_results
from pipeline.report.comparisons import compare
from pipeline.report.contents import compose
from pipeline.report.model import ClassAccuracy, EpochLoss, Prediction
from pipeline.report.tables import parameters
from tests.helpers.made_up_results import AWKWARD, BOTH, CLASSES, write_results


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_results(tmp_path_factory.mktemp("made-up"))


@pytest.fixture(scope="module")
def benchmark(made_up: Path) -> Benchmark:
    return read_results(made_up, BOTH).benchmarks[0]


def test_a_landscape_holds_every_clip_and_marks_what_is_misread(benchmark: Benchmark) -> None:
    run = next(run for run in benchmark.drawn if run.protocol == "knn")
    guess = [CLASSES[label] for label in run.guesses[0]]
    plane = landscapes.Plane("Test clips", (0.4, 0.2))
    drawing = landscapes.landscape_chart(run.landscape, guess, CLASSES, plane, "x")
    wrong = sum(row.actual != row.predicted for row in run.predictions)
    assert drawing.svg.count("<path") == wrong + 1, "and one in the legend"
    assert drawing.svg.count("<circle") == len(run.predictions) - wrong + 1
    rows = [dict(zip(drawing.values.columns, row, strict=True)) for row in drawing.values.rows]
    assert [(row["class"], row["taken for"]) for row in rows] == [
        (row.actual, row.predicted) for row in run.predictions
    ]
    assert rows[3]["nearest training clips"].startswith(f"train 3-0 ({AWKWARD}, 0.990); train 3-1 (")
    many = landscapes.landscape_chart(run.landscape * 11, guess * 11, CLASSES, plane, "x")
    assert many.svg.count("<title>") == 1100
    assert "one of every 2 of the 2,200 clips is drawn" in many.svg
    assert len(many.values.rows) == 2200


def test_the_nearest_are_those_of_the_commonest_confusion(benchmark: Benchmark) -> None:
    run = next(run for run in benchmark.drawn if run.protocol == "knn")
    pairs = [(row.actual, row.predicted) for row in run.predictions]
    wrong = [pair for pair in pairs if pair[0] != pair[1]]
    commonest = max(dict.fromkeys(wrong), key=wrong.count)
    table = landscapes.nearest_table(run.landscape, [pair[1] for pair in pairs], CLASSES, synthetic=True)
    assert table is not None
    clip = pairs.index(commonest)
    assert table.caption == f"Nearest to test clip clip {clip} ({commonest[0]}, taken for {commonest[1]})"
    assert [row.cells[1].text for row in table.rows] == [f"train {clip}-{rank}" for rank in range(5)]
    assert [row.cells[3].text for row in table.rows] == ["0.990", "0.980", "0.970", "0.960", "0.950"]


def test_confidence_is_binned_and_its_error_is_the_mean_gap() -> None:
    """Two classes whose scores differ by log odds: confidences 0.55, 0.75, 0.75, 0.95; right, wrong, right, right."""
    odds = np.log(np.array([0.55 / 0.45, 3, 3, 19]))
    scores = np.stack([odds, np.zeros(4)], axis=1).astype(np.float32)
    bins = reliability.bin_confidences(scores, np.array([0, 1, 0, 0]))
    assert [(each.low, each.clips) for each in bins] == [(0.5, 1), (0.7, 2), (0.9, 1)]
    assert [each.confidence for each in bins] == pytest.approx([0.55, 0.75, 0.95])
    assert [each.accuracy for each in bins] == [1, 0.5, 1]
    assert reliability.expected_error(bins) == pytest.approx((0.45 + 2 * 0.25 + 0.05) / 4)
    drawing = reliability.reliability_chart(bins, "x")
    assert "2 clips, mean confidence 75.0 %, recognised 50.0 %" in drawing.svg


def test_a_certain_classifier_that_is_right_has_no_error() -> None:
    scores = np.eye(3, dtype=np.float32) * 100
    assert reliability.expected_error(reliability.bin_confidences(scores, np.arange(3))) == 0


def test_a_class_has_wilsons_interval() -> None:
    """Of 7 in 24, by the formula: (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n)."""
    n, p, z = 24, 7 / 24, 1.959963984540054
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    expected = [100 * (middle + side * half) / (1 + z * z / n) for side in (-1, 1)]
    assert charts.class_interval(ClassAccuracy("a", 24, 100 * 7 / 24, 0)) == pytest.approx(expected)
    shown = charts.class_chart([ClassAccuracy("a", 24, 100 * 7 / 24, 0), ClassAccuracy("b", 0, float("nan"), 0)], "x")
    assert [row[0] for row in shown.values.rows] == ["a"]


def test_a_cell_holds_its_clips() -> None:
    clips = [Prediction("a", "a", "1"), Prediction("a", "b", "2"), Prediction("b", "b", "3"), Prediction("a", "b", "4")]
    drawing = charts.confusion_chart(clips, ["a", "b"], ["1", "2"], "x")
    assert drawing.values.rows == (("a", "a", 1, "1"), ("a", "b", 2, "2; 4"), ("b", "b", 1, "3"))
    assert re.findall(r"<title>(.*?)</title>", drawing.svg) == ["a → a: 1 of 3", "a → b: 2 of 3", "b → b: 1 of 1"]


@pytest.mark.parametrize(("first", "said"), [(9.0, True), (1.05, False)])
def test_a_first_epoch_far_off_does_not_set_the_scale(first: float, said: bool) -> None:
    losses = [EpochLoss(epoch, loss, loss, 0, 0.1) for epoch, loss in enumerate([first, 1.0, 0.9, 0.8, 0.7], 1)]
    drawing = charts.loss_chart(losses, "x")
    assert ("first epoch 9, off the scale" in drawing.svg) == said
    assert len(drawing.values.rows) == 5


def test_every_parameter_is_listed_as_used(made_up: Path, benchmark: Benchmark) -> None:
    trained = {"model": {"dim": 64, "prune": True}, "pretrain": {"average": None, "lr": 1e-3}}
    runs = tuple(replace(run, settings={"k": 3}) for run in benchmark.runs if run.protocol == "knn")
    [first] = benchmark.pretrainings
    other = replace(first, variant="pomo", settings=trained | {"model": {"dim": 64, "prune": False}})
    several = replace(benchmark, pretrainings=(replace(first, settings=trained), other), runs=runs)
    used = parameters.parameters_table(several)
    assert used is not None
    assert {row.cells[0].text: row.cells[1].text for row in used.rows} == {
        "train.model.dim": "64", "train.model.prune": "true", "train.pretrain.average": "null",
        "train.pretrain.lr": "0.001", "evaluate.knn.k": "3",
    }  # fmt: skip
    changed = parameters.changes_table(several)
    assert changed is not None
    assert [[cell.text for cell in row.cells] for row in changed.rows] == [
        ["pomo", "train.model.prune", "false", "true"],
        ["pomo", "evaluate.knn.k", "–", "3"],
    ]
    assert parameters.changes_table(benchmark) is None


def test_the_answer_is_that_of_the_paired_test(made_up: Path) -> None:
    results = read_results(made_up, BOTH)
    report = compose(results, {"kinect-sim-xsub": compare(results.benchmarks[0])})
    [answer] = report.answers
    metrics = json.loads((made_up / "benchmarks/kinect-sim-xsub/hacm/seed-0/linear/metrics.json").read_text())
    assert report.title == f"HA-CM on kinect-sim-xsub (synthetic): {metrics['top1']:.1f}\u00a0% by linear probe"
    assert answer.lead == "kinect-sim-xsub, linear probe"
    assert answer.text.startswith(f"{metrics['top1']:.1f}\u00a0% [")
    assert answer.figure.number == 1
    wrong = [(row.actual, row.predicted) for row in results.benchmarks[0].drawn[0].predictions]
    wrong = [pair for pair in wrong if pair[0] != pair[1]]
    most = max(wrong.count(pair) for pair in wrong)
    found = re.search(r"Commonest confusion: (.+) taken for (.+) \((\d+) of 20 clips\)", answer.failing)
    assert found
    assert int(found[3]) == most == wrong.count((found[1], found[2]))


def test_published_figures_stand_beside_real_ones(tmp_path: Path) -> None:
    folder = write_results(tmp_path / "real", dataset="ntu60", synthetic=False)
    selection = replace(BOTH, benchmarks=["ntu60-xsub"], datasets=["ntu60"])
    results = read_results(folder, selection)
    [answer] = compose(results, {"ntu60-xsub": compare(results.benchmarks[0])}).answers
    shown: dict[Any, Any] = {row[1]: row[2] for row in answer.figure.drawing.values.rows}
    assert shown["HA-CM, published"] == 86.3
    assert shown["SLiM, published"] == 87.9
    assert "published, not measured here" in answer.figure.caption
    build(folder, selection, tmp_path)
