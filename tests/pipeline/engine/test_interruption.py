"""Either engine killed at any moment, then the other: the same artefacts, and DVC knows of them."""

import os
import random
import shutil
import signal
import subprocess
import time

import pytest

from tests.conftest import environment, run, write_small_params
from tests.pipeline.engine.conftest import FOLDER, LONGER, NAME
from tests.pipeline.engine.test_hand_over import CLEAN, LOCAL, artefacts, lines, status, wants

DVC = ("dvc", "repro")
MOMENTS = 3
"""For each engine and each way to kill it."""


def kill(process, group):
    """kill -9; of the engine alone, or of all it started as well (a cluster's way, and that of a closed window)."""
    if process.poll() is not None:
        return False
    (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
    process.wait()
    return True


@pytest.mark.parametrize("first", [LOCAL, DVC], ids=["snakemake", "dvc"])
def test_killed_at_random_moments_then_the_other_engine(toy, finished_toy, first):
    """Each time from nothing; the other engine ends what was begun."""
    dice = random.Random(first[0])
    expected = artefacts(finished_toy)
    killed = 0
    for moment in range(MOMENTS):
        project = shutil.copytree(toy, toy.with_name(f"moment-{moment}"), symlinks=True)
        process = subprocess.Popen(
            first, cwd=project, env=environment() | {"SECONDS_TO_TRAIN": "0.3"}, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while process.poll() is None and not lines(project / "runs-of-parse"):
            time.sleep(0.01)
        time.sleep(dice.uniform(0, 2.5))
        killed += kill(process, group=first is DVC or moment % 2)
        run(project, *(DVC if first is LOCAL else LOCAL))
        assert artefacts(project) == expected
        assert status(project) == CLEAN
        assert wants(project) == set()
    assert killed >= MOMENTS // 2


@pytest.mark.parametrize("first", [LOCAL, DVC], ids=["snakemake", "dvc"])
def test_pretraining_begun_by_one_engine_is_ended_by_the_other(project_copy, weights_of_a_run_left_alone, first):
    """It goes on from its state, and ends with the weights of the run that was left alone."""
    write_small_params(project_copy / "params.yaml", LONGER)
    begin = [*LOCAL, "--cores", "1"] if first is LOCAL else DVC
    process = subprocess.Popen(
        begin, cwd=project_copy, env=environment(), start_new_session=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    state = project_copy / f".state/pretrain/{FOLDER}"
    while process.poll() is None and not (state.exists() and any(state.iterdir())):
        time.sleep(0.005)
    assert kill(process, group=True), "it ended before it could be killed"
    assert not (project_copy / f"models/{FOLDER}").exists()
    assert any(state.iterdir())
    if first is DVC:
        run(project_copy, *LOCAL, "--cores", "1", f".state/engine/done/pretrain@{NAME}")
    else:
        run(project_copy, *DVC, f"pretrain@{NAME}")
    assert (project_copy / f"models/{FOLDER}/weights.safetensors").read_bytes() == weights_of_a_run_left_alone
    assert not state.exists()
    assert f"pretrain@{NAME}" not in wants(project_copy)
    assert "up to date" in run(project_copy, "dvc", "status", f"pretrain@{NAME}").stdout
