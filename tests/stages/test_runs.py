"""Variants, seeds, protocols and transfer as stages: what is added runs, what is done is not done again."""

import json
import re
import subprocess
import sys

import polars as pl
import pytest

from pipeline.results.writing import name_figure
from pipeline.yaml_tree import editor, merge, read_yaml
from stages import evaluate, split, transfer
from tests.conftest import PROJECT, end_of, run

BENCHMARK = "kinect-sim-xsub"

PROTOCOL = '''
"""Everything is of the class that is commonest in training; under half the labels of another draw, of the first class."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hacm.evaluation.result import Condition, Result


@dataclass(frozen=True)
class Settings:
    """certainty: of the commonest class."""

    certainty: float


def run(model, task, settings, seed, device, on_epoch: Callable[[int], None] | None = None) -> Result:
    target_N = task.clips.label_N[task.test_index].numpy()
    scores_NK = np.zeros((len(target_N), task.classes), dtype=np.float32)
    scores_NK[:, 0] = settings.certainty
    never_NK = np.zeros_like(scores_NK)
    conditions = (Condition("half labels", 0.5, 0, scores_NK), Condition("half labels", 0.5, 1, never_NK))
    return Result(scores_NK, target_N, {"guesses": 1.0}, (*conditions, Condition("all labels", 1, 0, scores_NK)))
'''


def change_params(folder, changes):
    """Put further keys into params.yaml."""
    tree = merge(read_yaml(folder / "params.yaml"), changes)
    with open(folder / "params.yaml", "w") as stream:
        editor().dump(tree, stream)


def call(monkeypatch, folder, stage, *options):
    """Run a stage in this process, in that project."""
    monkeypatch.chdir(folder)
    return end_of(stage.main, *options)


def test_a_new_protocol_is_one_file_and_its_settings(project_copy):
    """And the graph has a stage for it, and its conditions are written, and summed up flat."""
    (project_copy / "hacm/protocols/commonest.py").write_text(PROTOCOL)
    change_params(
        project_copy,
        {
            "active": {"protocols": ["linear", "knn", "commonest"]},
            "evaluate": {"commonest": {"certainty": 0.5}},
            "benchmarks": {BENCHMARK: {"evaluate": {"commonest": {}}}},
        },
    )
    done = run(project_copy, "dvc", "repro", f"evaluate@{BENCHMARK}-hacm-0-commonest")
    started = re.findall(r"Running stage '(\S+)'", done.stdout)
    taken = re.findall(r"(\S+): the same code, parameters and inputs", done.stdout + done.stderr)
    assert set(started) - set(taken) == {f"evaluate@{BENCHMARK}-hacm-0-commonest"}
    folder = project_copy / f"results/benchmarks/{BENCHMARK}/hacm/seed-0/commonest"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["top1"] == metrics["random_top1"] == 25  # one of four classes, equally many clips of each
    assert metrics["guesses"] == 1
    assert metrics["half_labels_0.5_top1"] == 12.5  # the mean of 25 and, as ties are no hits, 0
    assert metrics["half_labels_0.5_top1_std"] == pytest.approx(25 / 2**0.5, abs=1e-4)
    assert metrics["all_labels_1_top1"] == 25
    assert "all_labels_1_top1_std" not in metrics
    header, *rows = (folder / "conditions.csv").read_text().splitlines()
    assert header == "kind,level,draw,top1,top1_low,top1_high,random_top1"
    assert [row.split(",")[:4] for row in rows] == [
        ["half labels", "0.5", "0", "25.0"], ["half labels", "0.5", "1", "0.0"], ["all labels", "1.0", "0", "25.0"],
    ]  # fmt: skip


def test_names_of_conditions_are_flat_keys():
    assert name_figure("limb of joint 4 missing", 0.16) == "limb_of_joint_4_missing_0.16"
    assert name_figure("view", 90.0) == "view_90"


def ablation_commands(*options):
    """What `make ablations` runs, but for setting the environment up."""
    command = ["make", "-n", "-f", str(PROJECT / "Makefile"), "ablations", *options]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if line.startswith(("hacm ", "dvc "))]


def test_ablations_run_what_is_missing_and_then_nothing(project_copy):
    commands = ablation_commands(f"BENCHMARKS={BENCHMARK}", "VARIANTS=hacm random", "SEEDS=0", "PROTOCOLS=knn")
    assert [command.split()[:3] for command in commands] == [
        ["hacm", "activate", BENCHMARK], ["dvc", "repro", "--keep-going"],
    ]  # fmt: skip

    def ablate():
        output = "".join(run(project_copy, "sh", "-ec", command).stdout for command in commands)
        return set(re.findall(r"Running stage '(\S+)'", output))

    new = f"{BENCHMARK}-random-0"
    assert ablate() == {f"pretrain@{new}", f"evaluate@{new}-knn", "report"}
    page = (project_copy / "report/report.md").read_text()
    assert f"**Variants on {BENCHMARK}, top-1 %**" in page
    assert f"**Top-1 minus that of hacm, {BENCHMARK}**" in page
    settings = json.loads((project_copy / f"models/{BENCHMARK}/random/seed-0/checkpoint.json").read_text())
    assert '"strategy": "random"' in json.dumps(settings)
    assert ablate() == set()


def test_seeds_differ_and_variants_differ(project_copy, monkeypatch):
    """The seed and the variant on the command line reach the encoder's weights and the sidecar."""
    from stages import pretrain

    hashes = set()
    for variant, seed in (("hacm", 0), ("hacm", 1), ("no-contrast", 0)):
        monkeypatch.chdir(project_copy)
        monkeypatch.setattr(
            sys, "argv", ["pretrain", "--benchmark", BENCHMARK, "--variant", variant, "--seed", str(seed)]
        )
        pretrain.main()
        folder = project_copy / f"results/benchmarks/{BENCHMARK}/{variant}/seed-{seed}/pretrain"
        details = json.loads((folder / "details.json").read_text())
        assert (details["variant"], details["seed"]) == (variant, seed)
        assert details["settings"]["loss"]["contrast"] == (variant == "hacm")
        hashes.add(details["encoder_hash"])
    assert len(hashes) == 3


def test_an_encoder_that_was_not_trained_is_named(project_copy, monkeypatch):
    code = call(monkeypatch, project_copy, evaluate, "--benchmark", BENCHMARK, "--seed", 5, "--protocol", "knn")
    assert f"models/{BENCHMARK}/hacm/seed-5: not pretrained yet" in code
    assert code.endswith(f"python -m stages.pretrain --benchmark {BENCHMARK} --variant hacm --seed 5")


def test_transfer_to_another_benchmark(project_copy, monkeypatch):
    """kinect-sim's cameras in place of its people: fine-tuned on one, evaluated on the others."""
    small = {"epochs": 3, "warmup_epochs": 1, "batch": 8, "hidden": 16}
    recipe = {"train": {"augment": {"min_frames": 32}}, "evaluate": {"transfer": small}}
    change_params(project_copy, {"benchmarks": {"kinect-sim-xview": recipe}})
    assert call(monkeypatch, project_copy, split, "--benchmark", "kinect-sim-xview") == ""
    options = ("--source", BENCHMARK, "--target", "kinect-sim-xview")
    assert call(monkeypatch, project_copy, transfer, *options) == ""
    folder = project_copy / f"results/transfer/{BENCHMARK}/kinect-sim-xview/hacm/seed-0"
    metrics, details = (json.loads((folder / name).read_text()) for name in ("metrics.json", "details.json"))
    evaluated = set(pl.read_parquet(folder / "predictions.parquet")["name"])
    parts = pl.read_parquet(project_copy / "data/benchmarks/kinect-sim-xview/split/split.parquet")
    assert evaluated == set(parts.filter(pl.col("part") == "test")["name"])
    assert metrics["n"] == len(evaluated)
    assert {"top1", "random_top1"} <= set(metrics)
    assert (details["source"], details["benchmark"]) == (BENCHMARK, "kinect-sim-xview")
    assert details["settings"]["epochs"] == 3
    linear = project_copy / f"results/benchmarks/{BENCHMARK}/hacm/seed-0/linear/details.json"
    assert details["encoder_hash"] == json.loads(linear.read_text())["encoder_hash"]
