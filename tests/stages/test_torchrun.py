"""stages.pretrain started by torchrun: two gloo processes on the CPU."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import PROJECT, environment, run, shell_lines
from tests.helpers.pretrained import BENCHMARK, RESULTS, details, losses

TORCHRUN = (
    "env", "HACM_AGAIN=1", "torchrun", "--nproc-per-node", "2", "-m", "stages.pretrain", "--benchmark", BENCHMARK, "--device", "cpu",
)  # fmt: skip


def set_epochs(folder: Path, epochs: int) -> None:
    path = folder / "params.yaml"
    text = path.read_text()
    changed = re.sub(r"(benchmarks:.*?epochs: )4\b", rf"\g<1>{epochs}", text, count=1, flags=re.DOTALL)
    assert changed != text
    path.write_text(changed)


def find_rank(parent: int, rank: int) -> int:
    """The process id of one of torchrun's children."""
    children = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True, check=True).stdout.split()
    for child in children:
        if f"\0RANK={rank}\0" in Path(f"/proc/{child}/environ").read_text():
            return int(child)
    raise AssertionError(f"no process {rank} among {children}")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes by /proc")
def test_a_run_shared_by_torchrun_survives_a_kill_and_ends_with_the_same_bits(project_copy):
    set_epochs(project_copy, 12)
    output = run(project_copy, *TORCHRUN).stderr
    shared, shared_details = losses(project_copy), details(project_copy)
    assert len(shared) == 12
    assert (shared_details["processes"], shared_details["precision"], shared_details["compile"]) == (
        2,
        "float32",
        False,
    )
    assert output.count("12 epochs, loss") == 1  # one process speaks

    shutil.rmtree(project_copy / RESULTS)
    process = subprocess.Popen(TORCHRUN, cwd=project_copy, env=environment(), stderr=subprocess.PIPE, text=True)
    state = project_copy / ".state" / "pretrain" / BENCHMARK / "hacm" / "seed-0" / "state.pt"
    while not state.exists() and process.poll() is None:
        time.sleep(0.02)
    os.kill(find_rank(process.pid, 1), signal.SIGKILL)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1
    cause = errors.split("Root Cause", 1)[1]
    assert re.search(r"rank +: 1 ", cause)
    assert "SIGKILL" in cause
    assert not (project_copy / RESULTS).exists()
    assert state.exists()

    run(project_copy, *TORCHRUN)
    assert losses(project_copy) == shared
    assert details(project_copy)["encoder_hash"] == shared_details["encoder_hash"]
    assert not state.exists()


def test_a_mistake_ends_all_processes_with_the_reason(project_copy):
    text = (project_copy / "params.yaml").read_text()
    (project_copy / "params.yaml").write_text(text.replace("precision: float32", "precision: float16"))
    done = run(project_copy, *TORCHRUN, check=False)
    assert done.returncode == 1
    assert "params.yaml:" in done.stderr
    assert "precision" in done.stderr.split("Root Cause", 1)[1]


def test_commands_of_several_gpus_run(project_copy):
    lines = shell_lines((PROJECT / "docs" / "training.md").read_text(encoding="utf-8"), "Several GPUs")
    assert lines[0].startswith("torchrun")
    alone, alone_details = losses(project_copy), details(project_copy)
    assert len(alone) == 4
    for line in lines:  # the project is finished: without HACM_AGAIN it would be taken over
        output = run(project_copy, "sh", "-ec", line, **{"HACM_AGAIN": "1"} if line == lines[0] else {})
    assert (
        f"Stage 'pretrain@{BENCHMARK}-hacm-0' didn't change, skipping" in output.stdout
    )  # what torchrun computed is taken
    assert "Running stage 'evaluate" in output.stdout
    assert (details(project_copy)["processes"], alone_details["processes"]) == (2, 1)
    for one, two in zip(alone, losses(project_copy), strict=True):
        assert two == pytest.approx(one, rel=1e-3)
