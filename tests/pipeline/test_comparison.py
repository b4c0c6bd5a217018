"""Comparisons of made-up results against figures worked out otherwise: scipy, counting by hand, enumeration."""

import hashlib
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from ruamel.yaml import YAML
from scipy.stats import binomtest

from hacm.errors import UserError
from pipeline import text_tables
from pipeline.audit.dataset_revisions import DataSetPaths
from pipeline.comparison import comparison_tables
from pipeline.comparison.figures import describe_outcomes
from pipeline.comparison.naming import ResultKey, ResultSelection, key_of_metrics, parse_selection
from pipeline.comparison.origins import describe_origins
from pipeline.comparison.page import compose_comparison
from pipeline.comparison.result_sets import ResultSet, match_results, open_result_sets
from pipeline.report import to_html
from pipeline.results.people import Paired, pool
from tests.helpers.browser import NEEDS_BROWSER, chromium, find_barriers, opened
from tests.helpers.page import Page

CLASSES = ("wave", "kick", "sit")
NAMES = tuple(f"clip {number:02d}" for number in range(60))
SETTINGS = {"masking": {"tau": 0.9, "ratio": 0.9}, "pretrain": {"epochs": 4}}


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_result(key, hits, *, names=NAMES, settings=None, seconds=2.0, order=None):
    """A probe of which that many clips are hits, or those that the list says; and its pretraining."""
    hit_N = np.arange(len(names)) < hits if isinstance(hits, int) else np.array(hits)
    label_N = np.arange(len(names)) % 3
    scores_NK = np.zeros((len(names), 3), dtype=np.float32)
    scores_NK[np.arange(len(names)), np.where(hit_N, label_N, (label_N + 1) % 3)] = 1
    table = pl.DataFrame(
        {
            "name": list(names),
            "subject": np.arange(len(names)) % 7,
            "label": label_N,
            "scores": pl.Series(scores_NK.tolist(), dtype=pl.List(pl.Float32)),
        }
    )
    facts = {"dataset": "kinect-sim", "data_version": "v" * 32, "machine": {"processor": "P"}, "device": "cpu"}
    top1 = 100 * float(hit_N.mean())
    write_json(
        key.folder / "metrics.json", {"n": len(names), "top1": top1, "top1_low": top1 - 5, "top1_high": top1 + 5}
    )
    evaluated = {"settings": {"epochs": 20}, "bootstrap": 2000, "seconds": seconds, "memory_mb": 300}
    write_json(key.folder / "details.json", facts | evaluated)
    pl.DataFrame({"class": CLASSES}).write_csv(key.folder / "per_class.csv")
    (table if order is None else table[order]).write_parquet(key.folder / "predictions.parquet")
    before = key.pretraining
    write_json(before.folder / "metrics.json", {"loss": 1.0})
    write_json(before.folder / "details.json", facts | {"settings": settings or SETTINGS, "seconds": 9.0})


def key(variant="hacm", seed=0, protocol="linear", benchmark="kinect-sim-xsub"):
    return ResultKey(benchmark, variant, seed, protocol)


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def compare(*names):
    with open_result_sets(names) as sets:
        matches = match_results(sets)
        place = DataSetPaths(Path("clips"), {})
        return describe_origins(sets, matches, lambda dataset: place) | describe_outcomes(sets, matches)


@pytest.mark.parametrize(
    ("name", "rev", "selection"),
    [
        ("workspace", None, ResultSelection()),
        ("HEAD~1", "HEAD~1", ResultSelection()),
        ("v1:hacm", "v1", ResultSelection(variant="hacm")),
        ("workspace:hacm/seed-3", None, ResultSelection(variant="hacm", seed=3)),
        ("a/b:utd-mhad-xsub/random", "a/b", ResultSelection("utd-mhad-xsub", "random")),
        ("x:kinect-sim-xsub/hacm/seed-0/knn", "x", ResultSelection("kinect-sim-xsub", "hacm", 0, "knn")),
    ],
)
def test_results_are_named_in_one_way(name, rev, selection):
    assert parse_selection(name) == (rev, selection)


@pytest.mark.parametrize("name", ["", ":hacm", "HEAD:", "HEAD:a/b/c", "HEAD:hacm/seed-x/knn", "HEAD:a/b/seed-0/p/q"])
def test_what_names_no_results_is_refused(name):
    with pytest.raises(UserError, match="must be REVISION"):
        parse_selection(name)


@pytest.mark.parametrize(
    "one", [key(), key(protocol="pretrain"), key("baseline", None, "baseline"), key(protocol="transfer-from-b")]
)
def test_a_result_lies_where_its_name_says(one):
    assert key_of_metrics(one.folder / "metrics.json") == one
    assert key_of_metrics(Path("results/datasets/d/hierarchy/metrics.json")) is None


def test_paired_figures_are_scipys_and_those_counted_by_hand(project):
    ours = [number % 3 != 0 for number in range(60)]  # 40 right: no wave
    theirs = [number % 4 != 0 for number in range(60)]  # 45 right
    write_result(key("hacm"), ours)
    write_result(key("random"), theirs, order=np.random.default_rng(0).permutation(60))  # in another order
    found = compare("workspace:hacm", "workspace:random")
    row = next(row for row in found["figures"] if row["figure"] == "top1")
    only_ours = sum(a and not b for a, b in zip(ours, theirs, strict=True))
    only_theirs = sum(b and not a for a, b in zip(ours, theirs, strict=True))
    (difference,) = row["differences"]
    assert difference["value"] == pytest.approx(100 * 5 / 60)
    assert difference["p"] == pytest.approx(binomtest(only_ours, only_ours + only_theirs).pvalue)
    # the paired difference's standard error from its per-clip variance: the bootstrap's interval is about ± 1.96 of it
    per_clip = np.array(theirs, dtype=float) - np.array(ours, dtype=float)
    error = 100 * per_clip.std() / 60**0.5
    assert difference["low"] == pytest.approx(difference["value"] - 1.96 * error, abs=2)
    assert difference["high"] == pytest.approx(difference["value"] + 1.96 * error, abs=2)
    moved = {row["class"]: (row["clips"], row["hits"], row["points"]) for row in found["classes"]}
    assert moved == {"wave": (20, [0, 15], [75.0]), "kick": (20, [20, 15], [-25.0]), "sit": (20, [20, 15], [-25.0])}
    costs = {(row["result"], row["cost"]): row["values"] for row in found["costs"]}
    assert costs["kinect-sim-xsub/seed-0/linear", "memory_mb"] == [300, 300]
    assert costs["kinect-sim-xsub/seed-0/pretrain", "seconds"] == [9.0, 9.0]


def test_only_parameters_that_differ_and_those_behind_the_result(project):
    """What lies in the results counts, not what some params.yaml says now."""
    write_result(key("hacm"), 40)
    write_result(key("random"), 40, settings=SETTINGS | {"masking": {"tau": 0.9, "ratio": 0.5}})
    (project / "params.yaml").write_text("train: {masking: {tau: 0.1}}")
    found = compare("workspace:hacm/seed-0/linear", "workspace:random/seed-0/linear")
    assert [(row["key"], row["values"]) for row in found["parameters"]] == [("train.masking.ratio", [0.9, 0.5])]
    assert compare("workspace:hacm", "workspace:hacm")["parameters"] == []


def test_runs_are_matched_by_what_not_every_side_names(project):
    for variant, seed in (("hacm", 0), ("hacm", 1), ("random", 1), ("random", 2)):
        write_result(key(variant, seed), 30 + 6 * seed + (3 if variant == "random" else 0))

    def matched(*names):
        with open_result_sets(names) as sets:
            return [tuple(map(str, match.keys)) for match in match_results(sets) if match.keys[0].protocol == "linear"]

    def linear(variant, seed):
        return f"kinect-sim-xsub/{variant}/seed-{seed}/linear"

    assert matched("workspace:hacm", "workspace:random") == [(linear("hacm", 1), linear("random", 1))]
    assert matched("workspace:hacm/seed-0", "workspace:random/seed-2") == [(linear("hacm", 0), linear("random", 2))]
    assert matched("workspace:hacm", "workspace") == [(linear("hacm", seed),) * 2 for seed in (0, 1)]
    with pytest.raises(UserError, match=r"no result with the same benchmark, variant, .*workspace:random has kinect"):
        matched("workspace:hacm", "workspace:random", "workspace")
    with pytest.raises(UserError, match="workspace:mamp: has no such results"):
        matched("workspace:mamp", "workspace")


def test_a_revision_without_dvc_lock_says_what_to_commit(project_copy, monkeypatch):
    """As in a fresh clone after `make repro`: dvc.lock is there, and not committed."""
    monkeypatch.chdir(project_copy)
    with (
        pytest.raises(UserError, match=r"HEAD: has no dvc\.lock.*git add dvc\.lock fingerprints\.json and commit"),
        open_result_sets(["HEAD", "workspace"]),
    ):
        pass


def test_over_seeds_the_mean_and_spread_of_the_differences(project):
    for seed, hits in enumerate(((30, 33), (36, 36), (42, 51))):
        write_result(key("hacm", seed), hits[0])
        write_result(key("random", seed), hits[1])
    (row,) = compare("workspace:hacm", "workspace:random")["over_seeds"]
    points = 100 * np.array([3, 0, 9]) / 60
    assert row["seeds"] == [0, 1, 2]
    assert row["differences"] == [
        {"mean": pytest.approx(points.mean()), "deviation": pytest.approx(points.std(ddof=1))}
    ]


def test_over_people_benchmarks_and_seeds_are_pooled(project):
    """The result is that of the test on people (tests/pipeline/test_people.py) on the same hits, in any order."""
    random = np.random.default_rng(0)
    hits = {
        (benchmark, variant, seed): random.random(60) < 0.5 + 0.2 * (variant == "random")
        for benchmark in ("kinect-sim-xsub", "utd-mhad-xsub")
        for variant in ("hacm", "random")
        for seed in (0, 1)
    }
    for (benchmark, variant, seed), one in hits.items():
        write_result(key(variant, seed, benchmark=benchmark), one, order=random.permutation(60))
    rows = compare("workspace:hacm", "workspace:random")["over_people"]
    [row] = [row for row in rows if row["protocol"] == "linear"]
    assert row["people"] == 14
    assert sorted(row["benchmarks"]) == ["kinect-sim-xsub", "utd-mhad-xsub"]
    expected = pool([
        Paired(np.arange(60) % 7, *(np.stack([hits[name, variant, seed] for seed in (0, 1)]) for variant in ("random", "hacm")))
        for name in ("kinect-sim-xsub", "utd-mhad-xsub")
    ])  # fmt: skip
    assert row["differences"] == [
        {
            "value": pytest.approx(100 * expected.value),
            "low": pytest.approx(100 * expected.low),
            "high": pytest.approx(100 * expected.high),
            "p": pytest.approx(expected.p),
        }
    ]


def test_accuracies_on_different_clips_are_refused_and_the_clips_named(project):
    write_result(key("hacm"), 40)
    write_result(key("random"), 40, names=(*NAMES[:-3], "new a", "new b", "new c"))
    with pytest.raises(UserError) as error:
        compare("workspace:hacm", "workspace:random")
    assert "not measured on the same test clips" in str(error.value)
    assert (
        "3 only in workspace:hacm: clip 57, clip 58, clip 59; 3 only in workspace:random: new a, new b, new c"
        in str(error.value)
    )
    write_result(key("random"), 40, names=(NAMES[1], NAMES[0], *NAMES[2:]))
    with pytest.raises(UserError, match="2 of another class: clip 00, clip 01"):
        compare("workspace:hacm", "workspace:random")
    many = tuple(f"other {number:02d}" for number in range(60))
    write_result(key("random"), 40, names=many)
    with pytest.raises(UserError, match=r"60 only in workspace:hacm: clip 00, .*clip 09 and 50 more"):
        compare("workspace:hacm", "workspace:random")


def write_lock(entries):
    stages = {
        one.stage: {
            "cmd": "c",
            "deps": [{"path": path, "md5": md5} for path, md5 in deps.items()],
            "outs": [{"path": f"{one.folder}/metrics.json", "md5": md5_of(one.folder / "metrics.json")}],
        }
        for one, deps in entries.items()
    }
    with open("dvc.lock", "w") as stream:
        YAML().dump({"schema": "2.0", "stages": stages}, stream)


def md5_of(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_code_that_differs_by_the_lock_and_what_it_does_not_say(project):
    write_result(key("hacm"), 40)
    write_result(key("random"), 41)
    same = {"hacm/model/network.py": "m", "data/benchmarks/b/inputs.json": "i"}
    write_lock(
        {
            key("hacm"): same | {"hacm/evaluation/metrics.py": "1"},
            key("random"): same | {"hacm/evaluation/metrics.py": "2", "data/x": "3"},
        }
    )
    found = compare("workspace:hacm/seed-0/linear", "workspace:random/seed-0/linear")
    assert [(row["path"], row["stages"]) for row in found["code"]] == [("hacm/evaluation/metrics.py", ["evaluate"])]
    assert any("evaluate" in line for line in found["unrecorded"]) is False
    write_result(key("random"), 45)  # made anew by hand: the lock is of another result
    found = compare("workspace:hacm/seed-0/linear", "workspace:random/seed-0/linear")
    assert found["code"] == []
    assert "workspace:random/seed-0/linear: evaluate of kinect-sim-xsub/random/seed-0/linear" in found["unrecorded"]


def test_data_come_first_and_every_section_is_shown(project):
    write_result(key("hacm"), 40)
    write_result(key("random"), 45, settings=SETTINGS | {"masking": {"tau": 0.8, "ratio": 0.9}})
    details = key("random").folder / "details.json"
    write_json(details, json.loads(details.read_text()) | {"data_version": "w" * 32})
    found = compare("workspace:hacm/seed-0/linear", "workspace:random/seed-0/linear")
    page = text_tables.markdown_page(comparison_tables.tabulate_comparison(found))
    headings = [line[3:] for line in page.splitlines() if line.startswith("## ")]
    assert headings == [
        "compared",
        "data",
        "code",
        "parameters that differ",
        "figures",
        "classes that moved most",
        "costs",
    ]
    assert "kinect-sim-xsub: DIFFERENT data: version vvvvvvvvvvvv → wwwwwwwwwwww" in page
    assert "| parameter | A | B |" in page
    assert "| train.masking.tau | 0.9 | 0.8 |" in page
    assert json.loads(json.dumps(found)) == found


def test_the_workspace_has_what_lies_in_it(project):
    write_result(key("hacm"), 40)
    assert {str(one) for one in ResultSet("workspace", project / "copies").keys} == {
        "kinect-sim-xsub/hacm/seed-0/linear",
        "kinect-sim-xsub/hacm/seed-0/pretrain",
    }


def write_losses(key, losses):
    lines = ["epoch,loss,reconstruction,contrast,lr", *(f"{n},{loss},{loss},0,0.1" for n, loss in enumerate(losses, 1))]
    (key.pretraining.folder / "loss.csv").write_text("\n".join(lines))


def comparison_page(*names, refused=None):
    with open_result_sets(names) as sets:
        matches = match_results(sets)
        place = DataSetPaths(Path("clips"), {})
        facts = describe_origins(sets, matches, lambda dataset: place)
        facts |= {"refused": refused} if refused else describe_outcomes(sets, matches)
        return to_html(compose_comparison(facts, sets, matches))


def test_a_page_names_the_clips_won_and_lost(project):
    """A has the first 40 clips right, B the last 45: 25 both, 20 won, 15 lost, none neither."""
    write_result(key(), 40)
    write_result(key("pomo"), [number >= 15 for number in range(60)], settings=SETTINGS | {"masking": {"tau": 0.8}})
    write_losses(key(), [2.0, 1.0, 0.5])
    write_losses(key("pomo"), [2.0, 1.1, 0.4])
    html = comparison_page("workspace:hacm", "workspace:pomo")
    tables = {table.caption: table.rows for table in Page(html).tables}
    assert tables["Clips won and lost against A"][1] == ["kinect-sim-xsub/seed-0/linear", "B", "25", "20", "15", "0"]
    moved = tables["Clips won and lost by B, kinect-sim-xsub/seed-0/linear"][1:]
    assert [line[1] for line in moved if line[0] == "won"] == list(NAMES[40:])
    assert [line[1] for line in moved if line[0] == "lost"] == list(NAMES[:15])
    assert moved[0] == ["won", "clip 40", "kick", "sit", "kick"]
    p = binomtest(20, 35).pvalue
    assert "B recognises 75.0\u00a0% of the test clips, +8.3 points [" in html
    assert f"(p\u00a0{p:.2g}): the order is not settled" in html
    assert any("train.masking.tau" in line and "0.8" in line for line in tables["Parameters that differ"])
    assert "total loss" in html
    write_losses(key("pomo"), [2.0, 1.0, 0.5])
    assert "the same losses in all of them" in comparison_page("workspace:hacm", "workspace:pomo")


def test_a_page_says_why_nothing_is_compared(project):
    write_result(key(), 40)
    write_result(key("pomo"), 20)
    html = comparison_page("workspace:hacm", "workspace:pomo", refused="other <clips>")
    assert "other &lt;clips&gt;" in html
    assert "won and lost" not in html


@pytest.mark.browser
@NEEDS_BROWSER
def test_the_page_is_for_everybody(project):
    write_result(key(), 40)
    write_result(key("pomo"), 20)
    Path("page.html").write_text(comparison_page("workspace:hacm", "workspace:pomo"), encoding="utf-8")
    with chromium() as browser, opened(browser, Path("page.html").resolve(), width=360) as page:
        page.evaluate("document.querySelectorAll('details').forEach((node) => { node.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert find_barriers(page) == []
