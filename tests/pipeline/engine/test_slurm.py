"""The graph on a real SLURM. Skipped, with a word on how to get it, where there is none."""

import os
import re
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import environment, run, write_small_params
from tests.helpers import slurm
from tests.helpers.engines import CLEAN, artefacts, lines, status, wants
from tests.helpers.pretrained import details, losses
from tests.pipeline.engine.conftest import FOLDER, LONGER, NAME

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(not slurm.installed(), reason=slurm.GET_IT)]
QUICK = ("--slurm-init-seconds-before-status-checks", "2")
ON_SLURM = ("snakemake", "--profile", "profiles/slurm", "--max-threads", "1", "--latency-wait", "10", *QUICK)
GENERIC = ("snakemake", "--profile", "profiles/cluster", "--max-threads", "1", "--latency-wait", "10")
NO_GPU = ("--set-resources", "pretrain:gpu=0", "evaluate:gpu=0")


@pytest.fixture(scope="module")
def cluster():
    if not slurm.installed():  # another test run's may have come up since this file was read
        pytest.skip(slurm.GET_IT)
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, slurm.cluster(Path(folder)) as found:
        yield found


def test_slurm_executor_makes_what_a_local_run_makes(toy, finished_toy, cluster):
    run(toy, *ON_SLURM, **cluster)
    assert artefacts(toy) == artefacts(finished_toy)
    assert status(toy) == CLEAN
    assert wants(toy) == set()


def test_a_job_that_the_scheduler_ends_is_tried_again(toy, cluster):
    """scancel while it trains; the rest goes on, and the second try ends well with twice the memory."""
    train = (toy / "train.sh").read_text()
    (toy / "train.sh").write_text(f"test -e ended-$1 || {{ touch ended-$1; sleep 60; exit 1; }}\n{train}")
    script = (
        (toy / "Snakefile")
        .read_text()
        .replace('    "report":', '    "train": Needs(memory=1000, tries=1),\n    "report":')
    )
    (toy / "Snakefile").write_text(script)
    process = subprocess.Popen(
        GENERIC, cwd=toy, env=environment() | cluster, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    ended = set()
    while len(ended) < 2:
        assert process.poll() is None
        queue = run(toy, "squeue", "-h", "-n", "train", "-t", "R", "-o", "%A %m", **cluster).stdout.split("\n")
        for line in filter(None, queue):
            job, memory = line.split()
            if memory == "1000M" and job not in ended and len(list(toy.glob("ended-*"))) > len(ended):
                run(toy, "scancel", job, **cluster)
                ended.add(job)
        time.sleep(0.5)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert len(set(re.findall(r"Trying to restart job (\d+)", output))) == 2
    assert sorted(lines(toy / "runs-of-train")) == ["one", "two"]
    assert status(toy) == CLEAN


GREEDY = """
if ! test -e ended-$1; then
  touch ended-$1
  test $1 = one && exec python -c "import time; taken = b'1' * 1_000_000_000; time.sleep(60)"
  sleep 60; exit 1
fi
"""


def test_jobs_ended_by_their_limits_are_tried_again_with_more(toy, cluster):
    """One takes more memory than it asked for, the other more time; the next tries get twice of both."""
    (toy / "train.sh").write_text(GREEDY + (toy / "train.sh").read_text())
    needs = '    "train": Needs(memory=800, minutes=10, tries=1),\n    "report":'
    (toy / "Snakefile").write_text((toy / "Snakefile").read_text().replace('    "report":', needs))
    process = subprocess.Popen(
        GENERIC, cwd=toy, env=environment() | cluster, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    wait_until(lambda: job_states(toy, cluster, "MinMemoryNode=800M").count("RUNNING") == 1 and ends(toy) == 2, process)
    (job,) = run(toy, "squeue", "-h", "-n", "train", "-t", "R", "-o", "%A %m", **cluster).stdout.split(" 800M")[:1]
    reach_time_limit(toy, cluster, job)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert sorted(job_states(toy, cluster, "MinMemoryNode=800M")) == ["FAILED", "TIMEOUT"]
    assert job_states(toy, cluster, "MinMemoryNode=1600M", "TimeLimit=00:20:00") == ["COMPLETED", "COMPLETED"]
    assert "exceeded memory limit" in "".join(path.read_text() for path in (toy / ".state/engine/logs").glob("train-*"))
    assert sorted(lines(toy / "runs-of-train")) == ["one", "two"]
    assert status(toy) == CLEAN


def ends(toy):
    """How many stages began what their limits are to end."""
    return len(list(toy.glob("ended-*")))


def job_states(project, cluster, *facts):
    """The states of the jobs called train of which the controller says all of this."""
    found = run(project, "scontrol", "--oneliner", "show", "job", **cluster).stdout.splitlines()
    mine = [line for line in found if f"WorkDir={project} " in line and "JobName=train " in line]
    return [re.search(r"JobState=(\w+)", line)[1] for line in mine if all(f"{fact} " in line for fact in facts)]


def reach_time_limit(project, cluster, job):
    """The controller, which looks every 30 s, ends the job for its time limit (of a minute, were it not moved)."""
    run(project, "scontrol", "update", f"JobId={job}", "EndTime=now+1", **cluster)


def wait_until(true, process):
    """Wait for something that happens while Snakemake runs."""
    while not true():
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.1)


def pretraining_in(project):
    """The number of the process that pretrains in a project."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            here = os.readlink(folder / "cwd") == str(project)
            if here and (folder / "cmdline").read_bytes().split(b"\0")[:3][-2:] == [b"-m", b"stages.pretrain"]:
                return int(folder.name)
    raise AssertionError("nothing pretrains")


@pytest.mark.parametrize("reason", ["scancel", "time limit"])
def test_pretraining_ended_by_the_scheduler_goes_on_from_its_checkpoint(
    project_copy, weights_of_a_run_left_alone, cluster, reason
):
    """In the middle: its state stays, the next try ends with the weights of the run that was left alone."""
    write_small_params(project_copy / "params.yaml", LONGER)
    process = subprocess.Popen(
        [*GENERIC, *NO_GPU], cwd=project_copy, env=environment() | cluster, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    state = project_copy / f".state/pretrain/{FOLDER}"
    wait_until((state / "state.pt").exists, process)
    if reason == "scancel":
        run(project_copy, "scancel", "--name", "pretrain", **cluster)
    else:
        os.kill(pretraining_in(project_copy), signal.SIGSTOP)  # as if there were much to do; SLURM lets it go on to end
        job = run(project_copy, "squeue", "-h", "-n", "pretrain", "-o", "%A", **cluster).stdout.strip()
        reach_time_limit(project_copy, cluster, job)
    while run(project_copy, "squeue", "-h", "-n", "pretrain", "-t", "R", **cluster).stdout:
        time.sleep(0.1)
    assert (state / "state.pt").exists()
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert "Trying to restart job" in output
    assert (project_copy / f"models/{FOLDER}/weights.safetensors").read_bytes() == weights_of_a_run_left_alone
    assert status(project_copy) == CLEAN


def test_pretraining_shared_by_two_nodes(project_copy, cluster):
    """The same losses as by one process; the same stage in DVC's records, which has nothing to do."""
    alone, mark = losses(project_copy), f".state/engine/done/pretrain@{NAME}"
    tasks = ("--set-resources", "pretrain:gpu=0", "pretrain:nodes=2", "pretrain:tasks=2")
    partition = ("--default-resources", "slurm_partition=pair")
    run(project_copy, *ON_SLURM, *tasks, *partition, "--forcerun", "pretrain", "--", mark, **cluster)
    assert details(project_copy)["processes"] == 2
    for one, two in zip(alone, losses(project_copy), strict=True):
        assert two == pytest.approx(one, rel=1e-3)
    log = (project_copy / f".state/engine/logs/pretrain@{NAME}.log").read_text()
    assert log.startswith("$ srun ")
    assert " torchrun --nnodes 2 " in log
    assert "up to date" in run(project_copy, "dvc", "status", f"pretrain@{NAME}").stdout
    assert f"pretrain@{NAME}" not in wants(project_copy)


def test_gpus_are_asked_for(project_copy, tmp_path):
    """The command that would be submitted, by a stand-in for sbatch: pretraining asks for one GPU, the report for none."""
    log = tmp_path / "submitted"
    sbatch = tmp_path / "sbatch"
    sbatch.write_text(f'#!/bin/sh\necho "$@" >> {log}\necho 1; exit 1\n')
    sbatch.chmod(0o755)
    (project_copy / "hacm/model/losses.py").write_text(
        (project_copy / "hacm/model/losses.py").read_text() + "\n# A remark.\n"
    )
    path = f"{tmp_path}{os.pathsep}{environment()['PATH']}"
    run(project_copy, *GENERIC, check=False, PATH=path)
    (command, *_) = [line for line in lines(log) if "pretrain" in line]
    assert "--gpus-per-node=$((" not in command
    assert "--nodes=1 --gpus-per-node=1 " in command
    assert "--mem=8000" in command
    log.unlink()
    run(project_copy, *GENERIC, "--set-resources", "pretrain:nodes=2", "pretrain:gpu=8", check=False, PATH=path)
    (command, *_) = [line for line in lines(log) if "pretrain" in line]
    assert "--nodes=2 --gpus-per-node=4 " in command
