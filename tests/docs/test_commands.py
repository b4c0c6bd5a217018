"""Commands of the pages run, and say what the page says."""

import json

import numpy as np

from hacm.files import read_json
from tests.conftest import PROJECT, run, shell_lines


def test_commands_of_out_again_run(project_copy):
    lines = shell_lines((PROJECT / "docs" / "data.md").read_text(encoding="utf-8"), "5. Out again")
    assert [line.split("--format ")[1].split()[0] for line in lines] == ["ntu-npz", "pyskl"]
    for line in lines:
        run(project_copy, "sh", "-ec", line)
    with np.load(project_copy.parent / "kinect-sim-xsub.npz") as file:
        assert len(file["x_test"]) == len(file["y_test"]) == 16
    assert (project_copy.parent / "kinect-sim-xsub.pkl").stat().st_size > 0


def test_commands_of_the_audit_run(project_copy):
    lines = shell_lines((PROJECT / "docs" / "audit.md").read_text(encoding="utf-8"), "1. Commands")
    assert len(lines) == 6
    for line in lines:
        run(project_copy, "sh", "-ec", line)
    assert read_json(project_copy / "audit.json")["dataset"] == "kinect-sim"


def test_commands_of_the_audit_between_versions_run(project_copy):
    for command in (
        "git config user.name reader",
        "git config user.email reader@example.org",
        "git add -A",
        "git commit -qm it",
    ):
        run(project_copy, *command.split())
    for line in shell_lines((PROJECT / "docs" / "audit.md").read_text(encoding="utf-8"), "5. Between versions"):
        output = run(project_copy, "sh", "-ec", line).stdout
    assert json.loads(output)["same"] is True


def test_commands_of_lineage_run(project_copy):
    lines = shell_lines((PROJECT / "docs" / "audit.md").read_text(encoding="utf-8"), "6. Lineage")
    outputs = [run(project_copy, "sh", "-ec", line).stdout for line in lines]
    assert len(outputs) == 7
    assert "kinect-sim.zip" in outputs[0]
    assert json.loads(outputs[1])["state"] == "current"
    assert len(outputs[2].splitlines()) == 32
    assert all("S002C001P001R001A006" in outputs[place] for place in (3, 6))
    assert all("0 stale" in output for output in outputs[4:])


def test_commands_of_the_cluster_page_run(project_copy):
    lines = shell_lines((PROJECT / "docs" / "cluster.md").read_text(encoding="utf-8"), "1. On this machine")
    outputs = [run(project_copy, "sh", "-ec", line) for line in lines]
    assert "up to date" in outputs[2].stdout
    assert all("Nothing to be done" in outputs[index].stdout + outputs[index].stderr for index in (0, 1, 3))


def test_commands_of_the_baselines_run(project_copy):
    """MAMP and random masking are trained and evaluated; each beside its own budget."""
    page = (PROJECT / "docs" / "hacm.md").read_text(encoding="utf-8")
    run(project_copy, "git", "config", "user.name", "reader")
    run(project_copy, "git", "config", "user.email", "reader@example.org")
    run(project_copy, "git", "add", "-A")
    run(project_copy, "git", "commit", "-qm", "before")
    budgets = []
    for line in shell_lines(page, "8. Baselines inside the same framework"):
        output = run(project_copy, "sh", "-ec", line)
        if line.startswith("dvc exp run"):
            path = project_copy / "results/benchmarks/kinect-sim-xsub/hacm/seed-0/pretrain/metrics.json"
            metrics = json.loads(path.read_text())
            budgets.append((metrics["tokens_seen"], metrics["tokens"]))
            assert f"{metrics['tokens_seen']} of {metrics['tokens']} tokens seen" in output.stdout + output.stderr
    assert budgets == [(74, 750), (43, 432)]
    assert "mamp" in output.stdout
    assert "random" in output.stdout
