"""Snakemake's graph is DVC's: the same stages, edges, commands and parameters."""

import json
import re
import sys

import pytest

from pipeline.params import editor
from tests.conftest import copy_project, run, write_small_params

SIX = {
    "active.datasets": ["kinect-sim", "utd-mhad", "ui-prmd", "ntu60", "pku1"],
    "active.benchmarks": {
        "kinect-sim-xsub": "kinect-sim", "utd-mhad-xsub": "utd-mhad", "ui-prmd-xsub": "ui-prmd",
        "ntu60-xsub": "ntu60", "ntu60-xview": "ntu60", "pku1-xsub": "pku1",
    },
}  # fmt: skip

SNAKEMAKES_VIEW = """
import json
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import DAGSettings, ResourceSettings

with SnakemakeApi() as api:
    workflow = api.workflow(ResourceSettings(cores=1), snakefile=Path("Snakefile"))
    workflow.dag(DAGSettings(forceall=True))
    inner = workflow._workflow
    inner._prepare_dag(forceall=True, ignore_incomplete=True, lock_warn_only=True, nolock=True)
    inner._build_dag()
    names = {job: job.params.get("stage") for job in inner.dag.jobs}
    print("VIEW", json.dumps({
        "commands": {name: job.params.cmd for job, name in names.items() if name},
        "shells": {name: job.shellcmd for job, name in names.items() if name},
        "params": {name: job.params["values"] for job, name in names.items() if name},
        "sources": {name: sorted(job.input.sources) for job, name in names.items() if name},
        "edges": sorted([names[job], names[dep]] for job in names if names[job] for dep in inner.dag.dependencies[job]),
        "targets": sorted(names[dep] for job in names if not names[job] for dep in inner.dag.dependencies[job]),
    }))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("dag") / "project")


@pytest.mark.parametrize("changes", [{}, SIX], ids=["default", "six benchmarks"])
def test_both_engines_have_one_graph(project, changes):
    write_small_params(project / "params.yaml", changes)
    output = run(project, sys.executable, "-c", SNAKEMAKES_VIEW).stdout
    view = json.loads(re.search(r"^VIEW (.*)$", output, re.MULTILINE).group(1))
    # DVC's own words, through its own commands.
    dot = run(project, "dvc", "dag", "--dot").stdout
    edges = sorted(list(pair)[::-1] for pair in re.findall(r'"(\S+)" -> "(\S+)"', dot))
    stages = {line.split()[0] for line in run(project, "dvc", "stage", "list", "--name-only").stdout.splitlines()}
    assert len(stages) == (11 if not changes else 50)
    assert set(view["commands"]) == stages
    assert view["targets"] == sorted(stages)
    assert view["edges"] == edges
    assert all(shell.startswith(f"exec python -m pipeline.engine run {name} ") for name, shell in view["shells"].items())
    # What would stand in dvc.lock: a dry run says every command.
    said = dict(re.findall(r"^Running stage '(\S+)':\n> (.*)$", run(project, "dvc", "repro", "--dry").stdout, re.MULTILINE))
    assert view["commands"] == said
    compare_params_and_code(project, view)


def compare_params_and_code(project, view):
    """With dvc.yaml, templates put in by hand for the stages of which that is easy."""
    tree = editor().load((project / "dvc.yaml").read_text())["stages"]
    params = editor().load((project / "params.yaml").read_text())
    made = ("data/", "models/", "results")
    for name, values in view["params"].items():
        kind, _, instance = name.partition("@")
        body = tree[kind].get("do", tree[kind])
        if "matrix" in body:
            continue
        text = json.dumps(body).replace("${item}", instance).replace("${key}", instance)
        if "@" in name and "${key}" in json.dumps(body):
            text = json.dumps(body).replace("${key}", instance).replace("${item}", params["active"]["benchmarks"][instance])
        body = json.loads(text)
        expected = {}
        for key in body.get("params", []):
            expected[key] = params
            for part in key.split("."):
                expected[key] = expected[key][part]
        assert values == json.loads(json.dumps(expected)), name
        assert view["sources"][name] == sorted(path for path in body["deps"] if not path.startswith(made)), name
