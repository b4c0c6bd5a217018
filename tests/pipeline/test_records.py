"""Published records: what is put down is what the results said, and the docs' tables are made of it."""

import json
import re
import shutil
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import polars as pl
import pytest

from hacm.errors import UserError
from pipeline.comparison.naming import ResultKey, key_of_name
from pipeline.comparison.result_sets import open_result_sets
from pipeline.records import pages, records, reproduction, tables
from pipeline.records.records import BenchmarkRecords, add_results
from pipeline.results.people import Paired, pool
from pipeline.results.significance import mcnemar
from pipeline.results.writing import write_details
from tests.conftest import PROJECT

NAMES = [f"clip {number:02d}" for number in range(40)]
LABELS = np.arange(40) % 4
SUBJECTS = np.arange(40) % 5
BENCHMARK = "utd-mhad-xsub"


def write_result(
    key: ResultKey, hit_N, *, order=None, version="v" * 32, dirty=False, top1=None, random_N=None, epochs=3
):
    """A result whose clips are right or wrong as said, written in some order."""
    shutil.rmtree(key.folder, ignore_errors=True)
    key.folder.mkdir(parents=True)
    table = {"name": NAMES, "subject": SUBJECTS, "label": LABELS, "predicted": np.where(hit_N, LABELS, 3 - LABELS)}
    if random_N is not None:
        table["random_predicted"] = np.where(random_N, LABELS, 3 - LABELS)
    frame = pl.DataFrame(table)
    (frame if order is None else frame[order]).write_parquet(key.folder / "predictions.parquet")
    top1 = 100 * float(np.mean(hit_N)) if top1 is None else top1
    figures = {"n": 40, "top1": top1, "top1_low": top1 - 5, "top1_high": top1 + 5}
    if random_N is not None:
        figures |= {"random_top1": 100 * float(np.mean(random_N))}
    (key.folder / "metrics.json").write_text(json.dumps(figures))
    facts = {"dataset": "utd-mhad", "data_version": version, "settings": {"epochs": epochs}, "seconds": 2.0}
    write_details(key.folder, facts | {"code": "c" * 40, "dirty": dirty, "machine": {"processor": "P"}, "extra": 1})


def draw_hits(seed: int, share: float):
    return np.random.default_rng(seed).random(40) < share


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put_down(name: str = "workspace") -> list[str]:
    with open_result_sets([name]) as (results,):
        return add_results(results)


def probe(variant="pomo", seed=0, protocol="linear"):
    return ResultKey(BENCHMARK, variant, seed, protocol)


def test_a_record_says_what_the_result_said(project):
    hit_N, random_N = draw_hits(0, 0.8), draw_hits(1, 0.3)
    write_result(probe(), hit_N, order=np.random.default_rng(2).permutation(40), random_N=random_N)
    assert put_down() == ["utd-mhad-xsub/pomo/seed-0/linear"]
    read = BenchmarkRecords.read(BENCHMARK)
    facts = read.facts["utd-mhad-xsub/pomo/seed-0/linear"]
    assert facts["figures"]["top1"] == 100 * hit_N.mean()
    assert facts["settings"] == {"epochs": 3}
    assert facts["code"] == "c" * 40
    assert facts["data_version"] == "v" * 32
    assert "extra" not in facts
    assert np.array_equal(read.hits(probe()), hit_N)
    assert np.array_equal(read.hits(probe(), untrained=True), random_N)
    assert list(read.clips["name"]) == NAMES
    assert np.array_equal(read.subject_N, SUBJECTS)


def test_recorded_twice_is_recorded_once_and_the_files_are_the_same(project):
    for seed in (1, 0):
        write_result(probe(seed=seed), draw_hits(seed, 0.7))
    put_down("workspace:pomo/seed-1")
    put_down("workspace:pomo/seed-0")
    before = {path.name: path.read_bytes() for path in (records.FOLDER / BENCHMARK).iterdir()}
    put_down()
    assert {path.name: path.read_bytes() for path in (records.FOLDER / BENCHMARK).iterdir()} == before
    assert len(BenchmarkRecords.read(BENCHMARK).facts) == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"dirty": True}, "was not committed"),
        ({"version": "w" * 32}, "is of data version wwwwwwwwwwww, the other records of utd-mhad-xsub of vvvvvvvvvvvv"),
        ({"top1": 12.5}, "metrics.json 12.5000 %"),
    ],
)
def test_what_cannot_be_published_is_refused(project, change, told):
    write_result(probe(seed=1), draw_hits(1, 0.7))
    put_down()
    write_result(probe(), draw_hits(0, 0.7), **change)
    with pytest.raises(UserError, match=re.escape(told)):
        put_down("workspace:pomo/seed-0")


def test_a_changed_record_is_noticed(project):
    write_result(probe(), draw_hits(0, 0.7))
    put_down()
    path = records.FOLDER / BENCHMARK / records.LINES
    path.write_text(path.read_text().replace('"epochs": 3', '"epochs": 4'))
    with pytest.raises(UserError, match="is not as it was written"):
        BenchmarkRecords.read(BENCHMARK)


def test_names_are_read_as_they_are_written():
    for key in (probe(), ResultKey(BENCHMARK, "baseline", None, "baseline")):
        assert key_of_name(str(key)) == key
    with pytest.raises(ValueError, match="no result's name"):
        key_of_name("a/b")


def test_tables_against_figures_worked_out_by_hand(project):
    hits = {(variant, seed): draw_hits(7 * seed + len(variant), share) for variant, share in
            (("pomo", 0.9), ("random", 0.6)) for seed in (0, 1, 2)}  # fmt: skip
    for (variant, seed), hit_N in hits.items():
        write_result(probe(variant, seed), hit_N)
    ridge_N = draw_hits(99, 0.5)
    write_result(ResultKey(BENCHMARK, "baseline", None, "baseline"), ridge_N)
    put_down()
    every = records.read_all()
    shown = "\n".join(tables.accuracy_table(every, pages.TITLES, pages.WAYS))
    top1 = [100 * hits["pomo", seed].mean() for seed in (0, 1, 2)]
    assert f"| PoMo | {mean(top1):.1f} ± {stdev(top1):.1f} | – |" in shown
    assert "UI-PRMD" not in shown
    ridge = 100 * ridge_N.mean()
    assert f"| ridge on raw joints | {ridge:.1f} [{ridge - 5:.1f}, {ridge + 5:.1f}] | – |" in shown
    assert "HA-CM" not in shown  # nothing is recorded of it

    by_ways = "\n".join(tables.pooled_table(every, pages.TITLES, pages.RECIPE, pages.WAYS[:-1]))
    stacks = {variant: np.stack([hits[variant, seed] for seed in (0, 1, 2)]) for variant in ("pomo", "random")}
    random = pool([Paired(SUBJECTS, stacks["pomo"], stacks["random"])])
    against_ridge = pool([Paired(SUBJECTS, stacks["pomo"], ridge_N[None])])
    smaller, larger = sorted([random.p, against_ridge.p])
    corrected = {smaller: min(1.0, 2 * smaller), larger: max(larger, min(1.0, 2 * smaller))}
    for title, pooled in (("random masks, same encoder", random), ("ridge on raw joints", against_ridge)):
        row = next(line for line in by_ways.splitlines() if title in line)
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[2:4] == ["1", f"{100 * pooled.value:+.1f}"]
        assert cells[5:7] == [f"{corrected[pooled.p]:.2g}", "5"]


def test_a_comparison_takes_the_seeds_that_both_have(project):
    for seed in (0, 1):
        write_result(probe(seed=seed), draw_hits(seed, 0.9))
    write_result(probe("random", 1), draw_hits(5, 0.5))
    put_down()
    pooled, count = tables.pool_ways(
        records.read_all(), [BENCHMARK], pages.RECIPE, tables.Way("random", "random"), "linear"
    )
    assert count == 1
    assert pooled.value == pytest.approx(draw_hits(1, 0.9).mean() - draw_hits(5, 0.5).mean())


def compare_with_records():
    with open_result_sets(["workspace"]) as (results,):
        return list(reproduction.compare_with_records(results))


def test_a_reproduction_is_told_from_a_different_result(project):
    hit_N = draw_hits(0, 0.7)
    write_result(probe(), hit_N)
    put_down()
    write_result(probe(seed=9), hit_N)  # published by nobody
    (same,) = compare_with_records()
    assert (same.moved, same.differs, same.published) == (0, False, same.here)

    near_N = hit_N.copy()
    near_N[[3, 5]] ^= True
    write_result(probe(), near_N)
    (near,) = compare_with_records()
    assert (near.moved, near.n, near.differs) == (2, 40, False)

    write_result(probe(), ~hit_N & (LABELS < 2) | hit_N)
    (other,) = compare_with_records()
    assert other.differs == (mcnemar(~hit_N & (LABELS < 2) | hit_N, hit_N) < 0.01)

    write_result(probe(), np.zeros(40, dtype=bool))
    (worse,) = compare_with_records()
    assert worse.differs
    assert "different (McNemar's p < 0.0001)" in worse.verdict


@pytest.mark.parametrize(
    ("change", "verdict"),
    [({"version": "w" * 32}, "another data version: wwww"), ({"epochs": 4}, "other settings: epochs")],
)
def test_other_data_and_other_settings_are_named(project, change, verdict):
    write_result(probe(), draw_hits(0, 0.7))
    put_down()
    write_result(probe(), draw_hits(0, 0.7), **change)
    (found,) = compare_with_records()
    assert found.differs
    assert found.verdict.startswith(verdict)


def test_the_docs_tables_are_what_their_records_say(monkeypatch):
    monkeypatch.chdir(PROJECT)
    every = records.read_all()
    marked = 0
    for page in pages.PAGES:
        text = page.read_text(encoding="utf-8")
        marked += len(pages.BLOCK.findall(text))
        assert pages.fill(text, every, page) == text, f"{page}: run hacm record"
    assert marked


def test_every_record_is_of_code_that_is_in_the_history_and_of_a_registered_version(monkeypatch):
    monkeypatch.chdir(PROJECT)
    versions = (PROJECT / "pipeline/datasets/facts/versions.txt").read_text()
    for every in records.read_all().values():
        for name, facts in every.facts.items():
            assert facts["data_version"] in versions, name
            assert re.fullmatch("[0-9a-f]{40}", facts["code"]), name


@pytest.mark.parametrize("source", ["records", "code"])
def test_a_mark_that_names_no_table_is_told(source):
    with pytest.raises(UserError, match=f"{source}: nothing --> names no table"):
        pages.fill(f"<!-- {source}: nothing -->\n<!-- end of {source} -->", {}, Path("x.md"))
