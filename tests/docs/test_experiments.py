"""docs/experiments.md is followed from its first command to its last."""

import json
import re

from tests.conftest import PROJECT, run, shell_lines


def test_commands_of_the_experiments_run(project_copy):
    """One after the other, and with what they promise: plots that are not empty, a paired comparison, a finished sweep."""
    page = (PROJECT / "docs" / "experiments.md").read_text(encoding="utf-8")
    for command in (
        "git config user.name reader",
        "git config user.email r@example.org",
        "git add -A",
        "git commit -qm it",
    ):
        run(project_copy, *command.split())
    lines = shell_lines(page, "A first change")
    assert len(lines) == 8
    assert lines[0] == ". .venv/bin/activate"  # the tests run in that environment already
    said = {line: run(project_copy, "sh", "-ec", line).stdout for line in lines[1:]}
    assert "masking.ratio" in next(text for line, text in said.items() if line.startswith("dvc params diff"))
    assert "ingest.limit" in run(project_copy, "dvc", "params", "diff").stdout
    run(project_copy, "sh", "-ec", "git checkout params.yaml && dvc repro")
    told = [run(project_copy, "sh", "-ec", line).stdout for line in shell_lines(page, "1. DVC's commands")]
    assert "k5" in told[3]
    assert "top1" in told[3]
    assert "evaluate.knn.k" in told[4]
    assert "knn/metrics.json" in told[5]
    plots = [
        json.loads(spec)
        for spec in re.findall(r"var spec = (.*);$", (project_copy / "plots/index.html").read_text(), re.M)
    ]
    revisions = [{row["rev"] for row in plot["data"]["values"]} for plot in plots]
    assert revisions == [{"HEAD", "k3"}] * 10  # losses; accuracies, confusions and classes of baseline, linear and k-NN
    assert len({plot["title"]["text"] for plot in plots}) == 10
    assert not re.search("<DVC_METRIC", json.dumps(plots))
    told = [
        run(project_copy, "sh", "-ec", line).stdout for line in shell_lines(page, "2. Is one better than the other?")
    ]
    assert re.search(r"evaluate.knn.k +1 +3", told[0])
    assert "| evaluate.knn.k | 1 | 3 |" in told[1]
    assert next(row for row in json.loads(told[2])["figures"] if row["figure"] == "top1")["differences"][0]["p"] <= 1
    assert "Clips won and lost against A" in (project_copy / "plots/compared.html").read_text(encoding="utf-8")
    told = [run(project_copy, "sh", "-ec", line).stdout for line in shell_lines(page, "3. Sweeps")]
    assert "| neighbours-k-9 | 9 |" in told[1]
    assert "not done" not in told[1]
    assert re.search(r"evaluate.knn.k +7 +9", told[2])
