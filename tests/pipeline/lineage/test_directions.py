"""Back and forth through a small graph, whose every edge is known."""

import shutil
from pathlib import Path

import pytest

from hacm.errors import UserError
from pipeline.graph.content import hash_path
from pipeline.graph.revisions import read_lock_at
from pipeline.lineage import affected, behind
from pipeline.lineage.artefacts import ArtefactReader
from pipeline.lineage.recorded_graph import RecordedGraph
from pipeline.yaml_tree import ABSENT
from tests.conftest import run
from tests.pipeline.lineage.conftest import commit, edit

ALL = ["fetch@one", "fetch@two", "parse@one", "parse@two", "train@one", "train@two", "report"]


def look_behind(thing, rev=None):
    graph = RecordedGraph.read()
    graph = graph.at(read_lock_at(rev)) if rev else graph
    reader = ArtefactReader(graph.contents)
    return behind.describe_origin(
        graph, reader, behind.trace_back(graph, reader, behind.find_target(graph, thing)), rev or "HEAD"
    )


def look_ahead(thing):
    graph = RecordedGraph.read()
    return affected.describe_effects(graph, affected.find_cause(graph, thing))


def reached(facts, **wanted):
    return {one["stage"] for one in facts["stages"] if all(one[key] == value for key, value in wanted.items())}


@pytest.mark.parametrize(
    ("thing", "readers", "after"),
    [
        ("raw/one/archive", {"parse@one"}, {"train@one", "report"}),
        ("raw/two", {"parse@two"}, {"train@two", "report"}),
        ("raw", {"parse@one", "parse@two"}, {"train@one", "train@two", "report"}),
        ("./fetch.sh", {"fetch@one", "fetch@two"}, set(ALL) - {"fetch@one", "fetch@two"}),
        ("models/one", set(), set()),
        ("results/one/metrics.json", {"report"}, set()),
        ("Snakefile", set(), set()),
        ("parse", {"parse@one", "parse@two"}, {"train@one", "train@two", "report"}),
        ("parse.times", {"parse@one", "parse@two"}, {"train@one", "train@two", "report"}),
        ("train.deep.x", {"train@one", "train@two"}, {"report"}),
        ("active", {"report"}, set()),
        ("fetch@two", {"parse@two"}, {"train@two", "report"}),
    ],
)
def test_dependants_are_exact(toy, thing, readers, after):
    facts = look_ahead(thing)
    assert {one["stage"] for one in facts["stages"] if one["reads"]} == readers
    assert reached(facts) == readers | after
    assert facts["counts"] == {"stale": 0, "current": len(readers | after), "never made": 0}


def test_a_whole_path_is_found_by_any_spelling(toy):
    assert look_ahead(str(toy / "raw" / "one" / "archive"))["cause"] == "raw/one/archive"
    assert look_ahead("raw/one/")["cause"] == "raw/one"


def test_a_changed_parameter_names_what_it_made_stale(toy):
    edit("params.yaml", "x: null", "x: 1")
    edit("raw/one/archive", "one", "uno")
    facts = look_ahead("train.deep.x")
    assert reached(facts, state="stale") == reached(facts, because=True) == {"train@one", "train@two", "report"}
    # Its sibling in the same section changed nothing; what is stale there is so for other reasons.
    facts = look_ahead("train.lr")
    assert reached(facts, state="stale") == {"train@one", "train@two", "report"}
    assert reached(facts, because=True) == set()
    facts = look_ahead("raw/one/archive")
    assert facts["made_by"] == [{"stage": "fetch@one", "state": "stale"}]
    assert reached(facts, because=True) == {"parse@one", "train@one", "report"}
    two = next(one for one in look_ahead("train")["stages"] if one["stage"] == "train@two")
    assert two["differs"] == ["train.deep.x: null → 1"]
    assert two["results"] == ["results/two/metrics.json"]


def test_a_removed_parameter_and_what_never_ran(toy):
    edit("params.yaml", ", deep: {x: null}", "")
    assert reached(look_ahead("train.deep"), because=True) == {"train@one", "train@two", "report"}
    edit("params.yaml", "[one, two]", "[one, two, three]")
    facts = look_ahead("fetch.sh")
    assert reached(facts, state="never made") == {"fetch@three", "parse@three", "train@three"}
    assert facts["counts"]["never made"] == 3
    with pytest.raises(UserError, match=r"train@three: was never made here; run dvc repro train@three"):
        look_behind("train@three")


def test_behind_a_result_lies_all_that_made_it_and_nothing_else(toy):
    facts = look_behind("results/one/metrics.json:size")
    assert facts["metrics"] == {"size": 8}
    assert [one["stage"] for one in facts["stages"]] == ["fetch@one", "parse@one", "train@one"]
    assert {one["key"]: one["value"] for one in facts["parameters"]} == {
        "parse.times": 2, "train.lr": 1e-05, "train.names": ["a", "b"], "train.deep.x": None,
    }  # fmt: skip
    head = run(toy, "git", "rev-parse", "HEAD").stdout.strip()
    code = {one["path"]: (one["md5"], one["now"], one["commit"]) for one in facts["code"]["files"]}
    assert code == {
        path: (hash_path(path), hash_path(path), head) for path in ("fetch.sh", "parse.sh", "train.sh")
    }  # fmt: skip
    assert facts["code"]["commits"] == [head]
    trained = facts["stages"][-1]
    assert trained["inputs"]["parsed/one"] == hash_path("parsed/one")
    assert trained["outputs"]["models/one"] == hash_path("models/one")
    assert look_behind("models/one/weights")["stage"] == "train@one"
    everything = [one["stage"] for one in look_behind("report.txt")["stages"]]
    assert sorted(everything) == sorted(ALL)
    assert all(everything.index(f"fetch@{item}") < everything.index(f"train@{item}") for item in ("one", "two"))
    assert everything[-1] == "report"


def test_a_stale_result_keeps_what_it_was_made_from(toy):
    edit("params.yaml", "times: 2", "times: 3")
    edit("train.sh", "note", "remark")
    Path("results/one/metrics.json").write_text('{"size": 99}')
    facts = look_behind("results/one/metrics.json:size")
    assert facts["state"] == "stale"
    assert facts["metrics"] == {"size": 8}  # from the cache: what was recorded, not what lies there
    times = next(one for one in facts["parameters"] if one["key"] == "parse.times")
    assert (times["value"], times["now"], times["stages"]) == (2, 3, ["parse@one"])
    train = next(one for one in facts["code"]["files"] if one["path"] == "train.sh")
    assert train["md5"] != train["now"] == hash_path("train.sh")
    assert train["commit"] == run(toy, "git", "rev-parse", "HEAD").stdout.strip()
    assert [one["text"] for one in facts["stages"][1]["differs"]] == ["parse.times: 2 → 3"]
    assert facts["stages"][2]["after"] == ["parse@one"]


def test_stages_run_with_different_code_share_no_commit(toy):
    edit("train.sh", "echo note", "echo remark")
    second = commit(toy, "second")
    run(toy, "dvc", "repro", "train@one")
    facts = look_behind("report")["code"]
    assert facts["several_versions"] == ["train.sh"]
    assert facts["commits"] == []
    brought = {one["stages"][0]: one["commit"] for one in facts["files"] if one["path"] == "train.sh"}
    first = run(toy, "git", "rev-parse", "HEAD~1").stdout.strip()
    assert brought == {"train@one": second, "train@two": first}
    assert look_behind("train@one")["code"]["commits"] == [second]


def test_a_revision_has_its_own_past(toy):
    first = run(toy, "git", "rev-parse", "HEAD").stdout.strip()
    run(toy, "git", "tag", "paper")
    edit("params.yaml", "1e-05", "0.5")
    edit("raw/one/archive", "one", "eleven")
    run(toy, "dvc", "repro")
    second = commit(toy, "second")
    now, then = look_behind("results/one/metrics.json:size"), look_behind("results/one/metrics.json:size", "paper")
    assert (now["state"], then["state"]) == ("current", "stale")
    assert (now["metrics"], then["metrics"]) == ({"size": 14}, {"size": 8})
    rates = [next(one for one in facts["parameters"] if one["key"] == "train.lr") for facts in (now, then)]
    assert [(one["value"], one["now"]) for one in rates] == [(0.5, 0.5), (1e-05, 0.5)]
    assert then["code"]["commits"] == now["code"]["commits"] == [first]
    texts = [one["text"] for stage in then["stages"] for one in stage["differs"]]
    assert {"train.lr: 1e-05 → 0.5", "raw/one is not what it read"} <= set(texts)
    assert look_behind("report", "HEAD")["state"] == "current"
    assert second != first
    with pytest.raises(UserError, match="nonesuch: no git revision"):
        read_lock_at("nonesuch")


def test_a_revision_without_a_lock_says_so(toy):
    Path("dvc.lock").unlink()
    commit(toy, "without")
    with pytest.raises(UserError, match=r"HEAD: has no dvc\.lock; was it committed"):
        read_lock_at("HEAD")


@pytest.mark.parametrize(
    ("look", "thing", "words"),
    [
        (look_behind, "train.sh", "train.sh: no stage of dvc.yaml has that name or writes it"),
        (look_behind, "nothing", "nothing: no stage of dvc.yaml"),
        (look_behind, "models", "models: 2 stages write there; name one: train@one, train@two"),
        (look_behind, "results/one/metrics.json:weight", "has no weight; it has: size"),
        (look_ahead, "train.learning", "train.learning: neither a key of params.yaml, nor a stage"),
        (look_ahead, "nothing", "nothing: neither a key"),
    ],
)
def test_what_is_not_there_is_said(toy, look, thing, words):
    with pytest.raises(UserError, match=words):
        look(thing)


def test_what_is_neither_here_nor_in_the_cache_is_not_made_up(toy):
    Path("results/one/metrics.json").write_text('{"size": 99}')
    shutil.rmtree(".dvc/cache")
    assert look_behind("results/one/metrics.json:size")["metrics"] == {"size": None}
    assert look_behind("results/two/metrics.json")["metrics"] == {"size": 8}


def test_values_that_are_absent_differ_from_null():
    from pipeline.graph.run_records import Difference

    texts = [
        [one["text"] for one in behind.explain(Difference("parameter", "a", before, now, ""))]
        for before, now in (({"x": None}, {}), ({"x": 1, "y": 2}, {"x": 1, "y": [3]}), (1, None))
    ]
    assert texts == [["a.x: null → absent"], ["a.y: 2 → [3]"], ["a: 1 → absent"]]
    assert ABSENT is not None
