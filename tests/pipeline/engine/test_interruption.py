"""Either engine killed at any moment, then the other: the same artefacts, and DVC knows of them."""

import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest

from tests.conftest import environment, run, write_small_params
from tests.helpers.engines import CLEAN, LOCAL, artefacts, lines, status, wants
from tests.pipeline.engine.conftest import FOLDER, LONGER, NAME, PRETRAIN

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
        if first is LOCAL:  # whose hand-over may have been in DVC's code; `make repro` begins with this, too
            run(project, "python", "-c", "from pipeline.graph.damage import mend_dvc_files; mend_dvc_files(print)")
        run(project, *(DVC if first is LOCAL else LOCAL))
        assert artefacts(project) == expected
        assert status(project) == CLEAN
        assert wants(project) == set()
    assert killed >= MOMENTS // 2


@pytest.mark.parametrize("half", ["", '{"write": {"/models'])
def test_a_table_of_paths_that_a_killed_dvc_left_half_written(toy, half):
    """DVC itself stops at it for good."""
    table = toy / ".dvc/tmp/rwlock"
    table.parent.mkdir(exist_ok=True)
    table.write_text(half)
    assert "corrupted" in run(toy, *DVC, check=False).stderr
    assert "rwlock: left half written" in run(toy, *LOCAL).stderr
    assert status(toy) == CLEAN


@pytest.mark.parametrize("left", [0, 0.6])
def test_a_dvc_lock_that_a_killed_dvc_left_half_written(done_toy, left):
    """It is put back as it was last seen whole; without that, nothing that was in it is thrown away unasked."""
    lock = done_toy / "dvc.lock"
    whole = lock.read_text()
    run(done_toy, *LOCAL)  # has nothing to do, and sees it
    lock.write_text(whole[: int(left * len(whole))])
    if not left:  # of a longer piece DVC reads what it can
        assert "validation failed" in run(done_toy, *DVC, check=False).stderr
    assert "dvc.lock: left half written" in (shown := run(done_toy, *LOCAL).stderr)
    assert "put back" in shown
    assert lock.read_text() == whole
    assert status(done_toy) == CLEAN

    (done_toy / ".state/dvc.lock").unlink()
    lock.write_text(whole[: int(left * len(whole))])
    done = run(done_toy, *LOCAL, check=False)
    if left:
        assert done.returncode == 1
        assert "git checkout dvc.lock, or delete it" in done.stderr
    else:
        assert "nothing was in it, removed" in done.stderr
        assert lock.read_text() == whole
        assert status(done_toy) == CLEAN


def wait_for_stage(log, *, killed):
    """What a stage that Snakemake started says at its end."""
    deadline = time.monotonic() + 300
    while not killed and "stopped" not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    return log.read_text()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=["kill", "term", "ctrl-c"])
@pytest.mark.parametrize("first", [LOCAL, DVC, PRETRAIN], ids=["snakemake", "dvc", "by hand"])
def test_pretraining_begun_one_way_and_ended_is_resumed_another(
    project_copy, weights_of_a_run_left_alone, first, number
):
    """It resumes from its state, and ends with the weights of the run that was left alone.

    The signal reaches all that was started, as a terminal's does and that of a cluster.
    """
    write_small_params(project_copy / "params.yaml", LONGER)
    begin = [*LOCAL, "--cores", "1"] if first is LOCAL else first
    shutil.rmtree(project_copy / f"models/{FOLDER}")  # as the engines do
    process = subprocess.Popen(
        begin, cwd=project_copy, env=environment(), start_new_session=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    state = project_copy / f".state/pretrain/{FOLDER}"
    while process.poll() is None and not (state / "state.pt").exists():
        time.sleep(0.005)
    assert process.poll() is None, "it ended before it could be ended"
    os.killpg(process.pid, number)
    said = process.communicate()[1]
    assert (
        process.returncode == {signal.SIGKILL: -9, signal.SIGTERM: 1, signal.SIGINT: 130}[number]
        or first is not PRETRAIN
    )
    if first is LOCAL:
        said = wait_for_stage(project_copy / f".state/engine/logs/pretrain@{NAME}.log", killed=number == signal.SIGKILL)
    assert not (project_copy / f"models/{FOLDER}").exists()
    assert (state / "state.pt").exists()
    if number != signal.SIGKILL:
        assert re.search(r"stopped (by SIGTERM )?after step \d+ of \d+, saved; the same command resumes", said), said
        assert "Traceback" not in said
    if first is not LOCAL:
        run(project_copy, *LOCAL, "--cores", "1", f".state/engine/done/pretrain@{NAME}")
    else:
        run(project_copy, *DVC, f"pretrain@{NAME}")
    assert (project_copy / f"models/{FOLDER}/weights.safetensors").read_bytes() == weights_of_a_run_left_alone
    assert not state.exists()
    assert f"pretrain@{NAME}" not in wants(project_copy)
    assert "up to date" in run(project_copy, "dvc", "status", f"pretrain@{NAME}").stdout
