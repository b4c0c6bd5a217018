"""Snakemake's graph is DVC's: the same stages, edges, commands and parameters."""

import json
import re
import sys

import pytest
from dvc.repo import Repo

from pipeline.yaml_tree import editor, look_up, plain
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
        "edges": sorted([names[job], names[dep]] for job in names if names[job] for dep in inner.dag.dependencies[job] if names[dep]),
        "others": sorted({job.rule.name for job in names if not names[job]}),
        "targets": sorted(names[dep] for job in names if job.rule.name == "all" for dep in inner.dag.dependencies[job]),
    }))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("dag") / "project")


def view_of(project):
    """The jobs that Snakemake would run if it had to run all of them."""
    output = run(project, sys.executable, "-c", SNAKEMAKES_VIEW).stdout
    return json.loads(re.search(r"^VIEW (.*)$", output, re.MULTILINE).group(1))


@pytest.mark.parametrize("changes", [{}, SIX], ids=["default", "six benchmarks"])
def test_both_engines_have_one_graph(project, changes):
    write_small_params(project / "params.yaml", changes)
    view = view_of(project)
    # Edges in DVC's own words, the rest from its own objects.
    dot = run(project, "dvc", "dag", "--dot").stdout
    edges = sorted(list(pair)[::-1] for pair in re.findall(r'"(\S+)" -> "(\S+)"', dot))
    assert view["edges"] == edges
    assert view["others"] == (["all"] if not changes else ["all", "ingest_shard"])  # beside dvc.yaml's stages
    params = plain(editor().load((project / "params.yaml").read_text()))
    with Repo(str(project)) as repo:
        stages = {stage.name: stage for stage in repo.index.stages}
        made = {str(out.def_path) for stage in stages.values() for out in stage.outs}
    assert len(stages) > (10 if not changes else 40)
    assert view["targets"] == sorted(stages)
    assert view["commands"] == {name: stage.cmd for name, stage in stages.items()}
    for name, stage in stages.items():
        assert view["shells"][name].startswith(f"exec python -m pipeline.engine run {name} "), name
        keys = [key for dep in stage.deps if hasattr(dep, "params") for key in dep.params]
        assert view["params"][name] == {key: look_up(params, key) for key in keys}, name
        paths = {str(dep.def_path) for dep in stage.deps if not hasattr(dep, "params")}
        code = {path for path in paths - made if not any(out.startswith(f"{path}/") for out in made)}
        assert set(view["sources"][name]) == code, name


def test_a_graph_spelled_out(toy):
    """Against the facts of a small dvc.yaml, written down here by hand."""
    view = view_of(toy)
    chain = [("parse", "fetch"), ("train", "parse")]
    edges = [[f"{later}@{item}", f"{earlier}@{item}"] for later, earlier in chain for item in ("one", "two")]
    assert view["edges"] == sorted([*edges, ["report", "train@one"], ["report", "train@two"]])
    assert view["commands"]["parse@two"] == "sh parse.sh two"
    assert view["params"]["train@one"] == {"train": {"lr": 1e-05, "names": ["a", "b"], "deep": {"x": None}}}
    assert view["params"]["parse@one"] == {"parse.times": 2}
    assert view["params"]["fetch@one"] == {}
    assert view["sources"]["train@two"] == ["train.sh"]
    assert view["sources"]["report"] == []
