"""Protocols that train, run as a stage on the small project."""

import json

import pytest

from hacm.errors import UserError
from stages.shared.parameters import check_file
from tests.conftest import run, write_small_params


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


@pytest.mark.parametrize("section", ["evaluate.transfer", "benchmarks.kinect-sim-xsub.evaluate.transfer"])
def test_transfer_is_a_section_like_those_of_the_protocols(tmp_path, section):
    own = {"benchmarks.kinect-sim-xsub.evaluate.transfer": {}}
    write_small_params(tmp_path / "params.yaml", own | {f"{section}.layer_decay": 1.0})
    check_file(tmp_path / "params.yaml")
    write_small_params(tmp_path / "params.yaml", own | {f"{section}.layer_decay": 1.5})
    with pytest.raises(UserError, match=rf"{section}(\.layer_decay)?: .*layer_decay 1.5 must lie in \(0, 1\]"):
        check_file(tmp_path / "params.yaml")
