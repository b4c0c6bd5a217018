"""Sweeps that are killed and gone on with: by DVC's queue, as experiments."""

import json
import os
import signal
import subprocess
import time

import polars as pl
import torch

from pipeline.sweeps.experiments import choose_errors
from tests.conftest import environment, run

SWEEP = ("hacm", "sweep", "neighbours")


def commit(project):
    for command in ("git config user.name t", "git config user.email t@example.org", "git add -A", "git commit -qm it"):
        run(project, *command.split())


def experiments(project):
    """The commits of the project's experiments, by name."""
    lines = run(project, "git", "for-each-ref", "refs/exps", "--format=%(refname) %(objectname)").stdout.split("\n")
    found = dict(line.split() for line in lines if "neighbours" in line)
    return {name.rsplit("/", 1)[1]: commit for name, commit in found.items()}


def begin(project, *sweep):
    """Start a sweep in the background."""
    return subprocess.Popen(
        sweep, cwd=project, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def kill_all_in(folder):
    """Kill whatever runs in a folder, as a power failure would."""
    for entry in os.listdir("/proc"):
        if entry.isdecimal() and int(entry) != os.getpid():
            try:
                inside = os.readlink(f"/proc/{entry}/cwd").startswith(str(folder))
            except OSError:
                continue
            if inside:
                os.kill(int(entry), signal.SIGKILL)


def test_a_killed_sweep_goes_on_with_what_is_missing(project_copy):
    commit(project_copy)
    begun = begin(project_copy, *SWEEP, "--set", "evaluate.knn.k=1,3")
    while not (done := experiments(project_copy)):
        assert begun.poll() is None, "it ended without a point"
        time.sleep(0.2)
    kill_all_in(project_copy)
    assert begun.wait() == -signal.SIGKILL
    assert len(experiments(project_copy)) == 1, "both points were done before it could be killed"

    run(project_copy, *SWEEP)
    after = experiments(project_copy)
    assert set(after) == {"neighbours-k-1", "neighbours-k-3"}
    assert done.items() <= after.items()  # what was done is the same experiment still
    facts = json.loads(run(project_copy, *SWEEP, "--show", "--json").stdout)
    k = [next(row["top1"] for row in point["results"] if row["protocol"] == "knn") for point in facts["points"]]
    first = json.loads((project_copy / "results/benchmarks/kinect-sim-xsub/hacm/seed-0/knn/metrics.json").read_text())
    assert k[0] == first["top1"]  # k = 1 is what the workspace has
    assert (project_copy / "sweeps/neighbours/chart.svg").read_text().count("evaluate.knn.k") >= 1

    again = run(project_copy, *SWEEP)
    assert "Running stage" not in again.stdout + again.stderr
    assert experiments(project_copy) == after
    params = project_copy / "params.yaml"
    params.write_text(params.read_text().replace("ghost_frames: 11", "ghost_frames: 10"))
    refused = run(project_copy, *SWEEP, check=False)
    assert refused.returncode == 1
    assert "already exists, with other code or settings" in refused.stderr


def test_a_killed_point_goes_on_with_its_pretraining(project_copy):
    """A queued experiment runs in a folder of its own, which is lost; what it had learnt is not."""
    commit(project_copy)
    sweep = (
        "hacm",
        "sweep",
        "long",
        "--set",
        "benchmarks.kinect-sim-xsub.train.pretrain.epochs=100",
    )
    state = project_copy / ".state/experiments/long-epochs-100/pretrain/kinect-sim-xsub/hacm/seed-0/state.pt"
    begun = begin(project_copy, *sweep)
    while not state.exists():
        assert begun.poll() is None, "it ended without a state"
        time.sleep(0.05)
    kill_all_in(project_copy)
    begun.wait()
    unfinished = torch.load(state, weights_only=True)
    assert 1 <= len(unfinished["records"]) < 100
    unfinished["records"][0]["loss"] = 123.0  # nobody learns this anew
    torch.save(unfinished, state)

    run(project_copy, *sweep)
    assert not state.parent.exists()
    losses = "results/benchmarks/kinect-sim-xsub/hacm/seed-0/pretrain/loss.csv"
    run(project_copy, "dvc", "get", ".", losses, "--rev", "long-epochs-100", "--out", "losses.csv")
    assert pl.read_csv(project_copy / "losses.csv")["loss"][0] == 123.0


def test_of_what_dvc_says_the_errors_are_shown():
    said = "Running stage 'x':\nerror: a.yaml:3: k: mend it\nERROR: failed to reproduce 'x'\nHaving any troubles? Hit us up"
    assert choose_errors(said) == "a.yaml:3: k: mend it; failed to reproduce 'x'"
    assert choose_errors("fatal: no space\n") == "fatal: no space"
    assert choose_errors("") == "no reason given"
