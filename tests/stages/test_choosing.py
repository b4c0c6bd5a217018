"""Settings are chosen on training subjects: the protocol `loso` through the graph and into the report."""

import json

import polars as pl

from pipeline.store.store import SkeletonStore
from tests.conftest import run

RESULTS = "results/benchmarks/kinect-sim-xsub/hacm/seed-0"


def test_training_subjects_are_scored_and_have_a_table_of_their_own(project_copy):
    before = (project_copy / RESULTS / "linear" / "metrics.json").read_bytes()
    run(project_copy, "hacm", "activate", "kinect-sim-xsub", "--seeds", "0", "--protocols", "linear", "loso")
    run(project_copy, "dvc", "repro")
    assert (project_copy / RESULTS / "linear" / "metrics.json").read_bytes() == before
    table = pl.read_parquet(project_copy / RESULTS / "loso" / "predictions.parquet")
    split = pl.read_parquet(project_copy / "data/benchmarks/kinect-sim-xsub/split/split.parquet")
    assert sorted(table["name"]) == sorted(split.filter(pl.col("part") == "train")["name"])
    manifest = SkeletonStore.open(project_copy / "data/kinect-sim/clips").manifest.select("name", "subject")
    together = table.join(manifest, on="name", suffix="_there")
    assert together["subject"].cast(pl.Int64).to_list() == together["subject_there"].cast(pl.Int64).to_list()
    metrics = json.loads((project_copy / RESULTS / "loso" / "metrics.json").read_text())
    assert metrics["n"] == len(table)
    assert metrics["subjects"] == table["subject"].n_unique() >= 2
    assert 0 <= metrics["knn_top1"] <= 100
    page = (project_copy / "report" / "report.md").read_text()
    assert "To choose settings by: training subjects of kinect-sim-xsub left out one at a time" in page


def test_it_may_be_the_only_protocol(project_copy):
    run(project_copy, "hacm", "activate", "kinect-sim-xsub", "--seeds", "0", "--protocols", "loso")
    run(project_copy, "dvc", "repro")
    page = (project_copy / "report" / "report.md").read_text()
    assert "left out one at a time" in page
