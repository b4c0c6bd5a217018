"""What is stale is what `dvc status` lists, and what comes after it; by hand for each change of a small graph."""

import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo

from hacm.errors import UserError
from pipeline.graph import plan as plans
from pipeline.graph import run_records
from pipeline.graph.lock import read_lock
from pipeline.graph.run_records import Contents
from pipeline.lineage.recorded_graph import KEPT_HASHES, RecordedGraph, to_records
from tests.conftest import run
from tests.pipeline.lineage.conftest import edit

ALL = {f"{kind}@{item}" for kind in ("fetch", "parse", "train") for item in ("one", "two")} | {"report"}
CHANGES = {
    "nothing": (lambda: None, set(), set()),
    "raw file": (
        lambda: Path("raw/one/archive").write_text("other\n"),
        {"fetch@one", "parse@one"},
        {"fetch@one", "parse@one", "train@one", "report"},
    ),
    "raw file added": (
        lambda: Path("raw/two/more").write_text("more\n"),
        {"fetch@two", "parse@two"},
        {"fetch@two", "parse@two", "train@two", "report"},
    ),
    "parameter": (
        lambda: edit("params.yaml", "times: 2", "times: 3"),
        {"parse@one", "parse@two"},
        ALL - {"fetch@one", "fetch@two"},
    ),
    "nested parameter": (
        lambda: edit("params.yaml", "x: null", "x: 1"),
        {"train@one", "train@two"},
        {"train@one", "train@two", "report"},
    ),
    "same number otherwise written": (lambda: edit("params.yaml", "1e-05", "0.00001"), set(), set()),
    "section nobody reads": (lambda: edit("params.yaml", "parse:", "other: 1\nparse:"), set(), set()),
    "code": (
        lambda: edit("train.sh", "note", "remark"),
        {"train@one", "train@two"},
        {"train@one", "train@two", "report"},
    ),
    "touched": (lambda: Path("train.sh").touch(), set(), set()),
    "output edited": (
        lambda: Path("models/two/weights").write_text("better\n"),
        {"train@two"},
        {"train@two", "report"},
    ),
    "output deleted": (
        lambda: shutil.rmtree("parsed/one"),
        {"parse@one", "train@one"},
        {"parse@one", "train@one", "report"},
    ),
    "metric edited": (
        lambda: Path("results/one/metrics.json").write_text("{}"),
        {"train@one", "report"},
        {"train@one", "report"},
    ),
    "command": (lambda: edit("dvc.yaml", "cat results", "head results"), {"report"}, {"report"}),
    "input added": (
        lambda: edit("dvc.yaml", '"parse.sh"]', '"parse.sh", "fetch.sh"]'),
        {"parse@one", "parse@two"},
        ALL - {"fetch@one", "fetch@two"},
    ),
    "input dropped": (lambda: edit("dvc.yaml", ', "parse.sh"]', "]"), set(), set()),
    "parameter dropped": (lambda: edit("dvc.yaml", "      params: [parse.times]\n", ""), set(), set()),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_stale_is_what_dvc_status_lists_and_what_follows(toy, change):
    make, own, stale = CHANGES[change]
    make()
    graph = RecordedGraph.read()
    states = {name: graph.state_of(name) for name in graph.nodes}
    with Repo() as repo:
        listed = set(repo.status())
    assert {name for name, one in states.items() if one.differences} == listed == own
    assert {name for name, one in states.items() if one.state == "stale"} == stale
    assert {one.state for one in states.values()} <= {"stale", "current"}


def test_what_never_ran_is_never_made(toy):
    edit("params.yaml", "[one, two]", "[one, two, three]")
    graph = RecordedGraph.read()
    never = {name for name in graph.nodes if graph.state_of(name).state == "never made"}
    assert never == {"fetch@three", "parse@three", "train@three"}
    report = graph.state_of("report")
    assert (report.state, report.after) == ("stale", ("train@three",))
    assert [one.what for one in report.differences] == ["active"]


def test_what_dvc_yaml_no_longer_has_is_known_while_it_is_there(toy):
    edit("params.yaml", "[one, two]", "[one]")
    graph = RecordedGraph.read()
    assert [name for name, node in graph.nodes.items() if not node.active] == ["fetch@two", "parse@two", "train@two"]
    assert graph.state_of("train@two").state == "current"
    assert graph.before("train@two") == ["fetch@two", "parse@two", "train@two"]
    assert "train@two" not in graph.before("report")  # DVC runs the report after active stages alone
    edit("params.yaml", "times: 2", "times: 3")
    assert RecordedGraph.read().state_of("train@two").after == ("parse@two",)
    for folder in ("models", "results"):
        shutil.rmtree(toy / folder / "two")
    assert "train@two" not in RecordedGraph.read().nodes
    assert "parse@two" in RecordedGraph.read().nodes


def test_order_and_edges_are_those_of_dvc(toy):
    graph = RecordedGraph.read()
    with Repo() as repo:
        edges = {(one.name, other.name) for one, other in repo.index.graph.edges}
    assert {(name, after) for name, node in graph.nodes.items() for after in node.stage.after} == edges
    # At a revision they are read from dvc.lock alone.
    past = graph.at(read_lock(Path("dvc.lock").read_text()))
    assert {(name, after) for name, node in past.nodes.items() for after in node.stage.after} == edges
    assert graph.beyond(["parse@one"]) == ["parse@one", "train@one", "report"]


def test_what_snakemake_ran_and_dvc_was_not_told_of_is_known(toy):
    """As after a run that was killed before it handed over: records, and no dvc.lock or an older one."""
    plan, contents = plans.load(), Contents()
    for name, record in to_records(read_lock(Path("dvc.lock").read_text())).items():
        run_records.write(name, record.with_signatures(contents))
    lock = Path("dvc.lock").read_text()
    Path("dvc.lock").unlink()
    graph = RecordedGraph.read()
    assert {graph.state_of(name).state for name in plan.stages} == {"current"}
    trained = graph.nodes["train@one"].record.outs["models/one"].md5
    Path("dvc.lock").write_text(lock.replace(trained, "0" * 32 + ".dir"))
    assert RecordedGraph.read().state_of("train@one").state == "current"
    run_records.forget("train@one")
    assert RecordedGraph.read().state_of("train@one").state == "stale"


def test_hashes_are_computed_once(toy, monkeypatch):
    graph = RecordedGraph.read()
    assert graph.state_of("report").state == "current"
    assert graph.contents.computed > 10
    graph.keep_hashes()
    again = RecordedGraph.read()
    assert again.state_of("report").state == "current"
    assert again.contents.computed == 0
    Path("train.sh").write_text(Path("train.sh").read_text() + "\n")
    changed = RecordedGraph.read()
    assert changed.state_of("train@one").state == "stale"
    assert changed.contents.computed == 1
    KEPT_HASHES.write_text("damaged")
    assert RecordedGraph.read().state_of("fetch@one").state == "current"


@pytest.mark.parametrize("text", ["stages: [", "- 1\n", "stages: {a: 1}\n", "stages: {a: {deps: [{md5: x}]}}\n"])
def test_a_damaged_lock_is_named(text):
    with pytest.raises(UserError, match=r"old lock: not readable as a dvc\.lock"):
        read_lock(text, "old lock")
    assert read_lock("") == {}


def test_a_lock_in_which_stages_read_one_another_is_named(toy):
    lock, md5 = "schema: '2.0'\nstages:\n", "a" * 32
    for name, dep, out in (("old", "raw/a", "raw/b"), ("older", "raw/b", "raw/a")):
        Path(out).write_text("")
        lock += f"  {name}:\n    cmd: x\n    deps: [{{path: {dep}, hash: md5, md5: {md5}}}]\n"
        lock += f"    outs: [{{path: {out}, hash: md5, md5: {md5}}}]\n"
    Path("dvc.lock").write_text(lock)
    with pytest.raises(UserError, match=r"dvc\.lock: old, older read one another's outputs"):
        RecordedGraph.read()


def test_status_of_the_real_graph(small_project, monkeypatch):
    """All stages of the finished project are current, as `dvc status` says."""
    monkeypatch.chdir(small_project)
    assert "up to date" in run(small_project, "dvc", "status").stdout
    graph = RecordedGraph.read()
    assert len(graph.nodes) == 12
    assert {graph.state_of(name).state for name in graph.nodes} == {"current"}
