"""A stage as several processes: what is run for it, and what is refused."""

import pytest
from dvc.repo import Repo

from hacm.errors import UserError
from pipeline.engine.needs import Most, Needs
from pipeline.engine.processes import Launch, command_line
from pipeline.graph import plan
from tests.conftest import run
from tests.helpers.engines import LOCAL, wants
from tests.helpers.pretrained import details, losses
from tests.pipeline.engine.conftest import NAME


def test_pretraining_shared_by_two_tasks_here(project_copy):
    """The same losses as by one process, and DVC has nothing to do; other stages refuse to be shared."""
    alone, mark = losses(project_copy), f".state/engine/done/pretrain@{NAME}"
    tasks = ("--set-resources", "pretrain:gpu=0", "pretrain:tasks=2", "--forcerun", "pretrain")
    run(project_copy, *LOCAL, "--cores", "1", *tasks, "--", mark, HACM_AGAIN="1")
    assert details(project_copy)["processes"] == 2
    for one, two in zip(alone, losses(project_copy), strict=True):
        assert two == pytest.approx(one, rel=1e-3)
    assert f"pretrain@{NAME}" not in wants(project_copy)
    assert "up to date" in run(project_copy, "dvc", "status", f"pretrain@{NAME}").stdout
    refused = run(
        project_copy, *LOCAL, "-n", "--set-resources", "baseline:tasks=2", "--forcerun", "baseline", check=False
    )
    assert refused.returncode == 1
    assert "baseline: is one process on one node" in refused.stdout + refused.stderr


def test_what_cannot_be_shared_is_refused():
    assert command_line("sh train.sh", Launch(), {}) == "sh train.sh"
    with pytest.raises(UserError, match="only a plain"):
        command_line("sh train.sh", Launch(1, 2), {})
    with pytest.raises(UserError, match="3 processes on 2 nodes"):
        Launch(2, 3)
    with pytest.raises(UserError, match="this is not a SLURM job"):
        command_line("python -m stages.pretrain", Launch(2, 2), {})


def test_no_try_asks_for_more_than_the_cluster_grants():
    most, needs = Most(memory=20_000, minutes=100), Needs(memory=8_000, minutes=60)
    assert [most.memory_of(needs, attempt) for attempt in (1, 2, 3)] == [8_000, 16_000, 20_000]
    assert [most.minutes_of(needs, attempt) for attempt in (1, 2)] == [60, 100]


def test_params_are_those_that_dvc_reads_and_read_once(toy, monkeypatch):
    monkeypatch.chdir(toy)
    with Repo() as repo:
        by_dvc = {
            stage.name: {key: value for dep in stage.deps if hasattr(dep, "params") for key, value in dep.read_params().items()}
            for stage in repo.index.stages
        }  # fmt: skip
    read = []
    from dvc.utils import serialize

    load_path = serialize.load_path
    monkeypatch.setattr(serialize, "load_path", lambda path, fs: read.append(path) or load_path(path, fs))
    stages = plan.resolve()[0].stages
    assert {name: stage.params for name, stage in stages.items()} == by_dvc
    assert len(read) == len(set(read)) <= 2  # by DVC for ${active}, and for all values of all stages
