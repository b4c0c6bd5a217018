"""Behind a published figure: what its record says, compared with the files under docs/records themselves."""

import json
import re

import polars as pl
import pytest

from hacm.errors import UserError
from pipeline.lineage.published import describe_published, describe_published_clip
from tests.conftest import PROJECT, run

BENCHMARK = "utd-mhad-xsub"
FOLDER = PROJECT / "docs" / "records" / BENCHMARK
NAME = f"{BENCHMARK}/pomo/seed-0/linear"


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch):
    monkeypatch.chdir(PROJECT)


@pytest.fixture(scope="module")
def lines() -> dict[str, dict]:
    found = map(json.loads, (FOLDER / "records.jsonl").read_text().splitlines())
    return {one["result"]: one for one in found}


def test_a_figure_and_its_pretraining(lines):
    facts = describe_published(f"published:{NAME}:top1")
    assert facts["figures"] == {"top1": lines[NAME]["figures"]["top1"]}
    assert facts["origin"]["code"] == lines[NAME]["code"]
    trained = lines[f"{BENCHMARK}/pomo/seed-0/pretrain"]
    assert facts["pretraining"]["figures"]["loss"] == trained["figures"]["loss"]
    assert facts["pretraining"]["settings"]["masking.ratio"] == trained["settings"]["masking"]["ratio"]


def test_commands_of_the_results_page_run(lines):
    page = (PROJECT / "docs" / "results.md").read_text(encoding="utf-8")
    first, second = re.findall(r"^\$ (hacm lineage behind published:.*)$", page, re.MULTILINE)
    top1 = lines[NAME]["figures"]["top1"]
    assert f"top1 {top1}" in run(PROJECT, *first.split()).stdout
    assert "predicted" in run(PROJECT, *second.split()).stdout


def test_ridge_has_no_pretraining():
    facts = describe_published(f"published:{BENCHMARK}/baseline")
    assert facts["pretraining"] is None
    assert facts["settings"] == {}


def test_the_clips_add_up_to_the_figure(lines):
    clips = pl.read_parquet(FOLDER / "predictions.parquet")["name"].to_list()[::40]
    table = pl.read_parquet(FOLDER / "predictions.parquet").filter(pl.col("name").is_in(clips))
    said = [describe_published_clip(f"published:{NAME}", clip) for clip in table["name"]]
    assert [one["predicted"] for one in said] == table[NAME].to_list()
    assert [one["actual"] for one in said] == table["label"].to_list()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("published:nothing/here", "there is no record of nothing, only of"),
        (f"published:{BENCHMARK}/pomo/seed-9/linear", "has no record; there are utd-mhad-xsub/baseline"),
        (f"published:{NAME}:top9", "the record has no top9; it has n, classes, top1"),
    ],
)
def test_what_is_not_published(text, words):
    with pytest.raises(UserError, match=words):
        describe_published(text)


def test_clips_that_are_not_there():
    with pytest.raises(UserError, match="none of the 430 test clips"):
        describe_published_clip(f"published:{NAME}", "a99")
    with pytest.raises(UserError, match="predicts nothing for clips"):
        describe_published_clip(f"published:{BENCHMARK}/pomo/seed-0/pretrain", "a01_s02_t01")
