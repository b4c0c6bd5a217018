"""Protocols that train, run as a stage on the small project."""

import json

import pytest

from tests.conftest import run


@pytest.mark.parametrize("protocol", ["finetune", "semi"])
def test_protocols_that_train_run_as_a_stage(project_copy, protocol):
    run(project_copy, "python", "-m", "stages.evaluate", "--benchmark", "kinect-sim-xsub", "--protocol", protocol)
    folder = project_copy / "results/benchmarks/kinect-sim-xsub/hacm/seed-0" / protocol
    metrics = json.loads((folder / "metrics.json").read_text())
    details = json.loads((folder / "details.json").read_text())
    assert metrics["n"] == 2 * 4 * 2
    assert {"top1", "random_top1"} <= set(metrics)
    assert details["settings"]["hidden"] == 32
    linear = json.loads((folder.parent / "linear/details.json").read_text())
    assert details["encoder_hash"] == linear["encoder_hash"]
