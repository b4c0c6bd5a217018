"""Recordings without a label: pretrained on, never tested on, counted wherever they go."""

import numpy as np
import pytest

from hacm.files import read_json
from pipeline.store.store import SkeletonStore
from stages import audit, baseline, download, hierarchy, ingest, normalize, pretrain, split
from stages.shared.loading import load_benchmark
from tests.conftest import end_of

DEFINITION = """
from hacm.recordings.arrays import ArrayReader
from hacm.skeletons import Topology
from pipeline.datasets import DataSet, SplitRule

BODY = Topology("stick-4", ("hip", "head", "left hand", "right hand"), (-1, 0, 1, 1), (0, 1), 0)
DATASET = DataSet(
    name="theirs", title="Theirs", topology=BODY, actions=("sit", "wave"), contents="one .npz a recording",
    reader=ArrayReader(BODY, fps=25, unlabelled=True, subjects=("anna", "ben"), actions=("sit", "wave")),
    splits={"xsub": SplitRule("subject", frozenset({1}))},
)
"""
SMALL = {
    "model": {"dim": 16, "heads": 2, "encoder_blocks": 1, "decoder_blocks": 1, "frames": 24},
    "masking": {"ratio": 0.5, "spatial": {"source": "precomputed"}},
    "augment": {"min_frames": 8},
    "pretrain": {"epochs": 1, "warmup_epochs": 0, "batch": 4},
}
LABELS = """name;action;subject
train0;sit;anna
train1;wave;anna
train2;sit;anna
train3;wave;anna
test0;sit;ben
test1;wave;ben
free0;;anna
free1;;
free2;;ben
"""


@pytest.fixture
def place(define):
    """Nine recordings: four train, two test; of those without a label one is of who trains, one of nobody known, one of
    who tests. A tenth has no line in the table."""
    folder = define(DEFINITION, train=SMALL)
    chance = np.random.default_rng(0)
    raw = folder / "data/theirs/raw"
    for name in [line.partition(";")[0] for line in LABELS.splitlines()[1:]] + ["free3"]:
        np.savez(raw / f"{name}.npz", joints=np.cumsum(chance.normal(0, 0.05, (30, 4, 3)), axis=0) + np.eye(4, 3))
    (raw / "labels.csv").write_text(LABELS)
    for stage in (download, ingest, normalize):
        assert end_of(stage.main, "--dataset", "theirs") == ""
    return folder


def test_a_line_that_speaks_of_no_recording_is_told(place, capsys):
    with open(place / "data/theirs/raw/labels.csv", "a") as table:
        table.write("train9;sit;anna\n")
    (place / "data/theirs/raw/receipt.json").unlink()
    assert end_of(download.main, "--dataset", "theirs") == ""
    assert "theirs: labels.csv: 1 line speaks of no recording here: line 11: train9" in capsys.readouterr().err


def test_they_are_pretrained_on_and_never_tested_on(place, capsys):
    assert end_of(split.main, "--benchmark", "theirs-xsub") == ""
    said = capsys.readouterr().err
    assert (
        "4 of 10 clips (40.0%) have no label: 3 are pretrained on, 1 are in no part: free0, free1, free2, free3" in said
    )
    facts = read_json(place / "data/benchmarks/theirs-xsub/split/split.json")
    assert (facts["train"], facts["test"], facts["unlabelled"]) == (4, 2, 3)
    labels = SkeletonStore.open(place / "data/theirs/clips").manifest.select("name", "label")
    assert dict(labels.iter_rows())["free0"] is None
    benchmark = load_benchmark("theirs-xsub", hierarchies=False)

    def names(index):
        return {benchmark.names[number] for number in index.tolist()}

    assert names(benchmark.train_index) == {f"train{number}" for number in range(4)}
    assert names(benchmark.test_index) == {"test0", "test1"}
    assert names(benchmark.pretrain_index) == names(benchmark.train_index) | {"free0", "free1", "free3"}
    assert benchmark.classes == ["sit", "wave"]
    assert benchmark.clips.label_N[benchmark.unlabelled_index].tolist() == [-1, -1, -1]


@pytest.mark.slow
def test_pretraining_takes_them_and_evaluation_does_not(place):
    assert end_of(split.main, "--benchmark", "theirs-xsub") == ""
    assert end_of(hierarchy.main, "--dataset", "theirs") == ""
    assert (
        end_of(pretrain.main, "--benchmark", "theirs-xsub", "--variant", "hacm", "--seed", 0, "--device", "cpu") == ""
    )
    (metrics,) = place.glob("results/**/pretrain/metrics.json")
    assert read_json(metrics)["clips"] == 4 + 3
    assert end_of(baseline.main, "--benchmark", "theirs-xsub") == ""
    assert read_json(place / "results/benchmarks/theirs-xsub/baseline/metrics.json")["n"] == 2


def test_the_audit_counts_them(place):
    assert end_of(audit.main, "--dataset", "theirs") == ""
    told = read_json(place / "results/datasets/theirs/audit/audit.json")
    found = {one["kind"]: one for one in told["findings"]}
    assert found["unlabelled"]["severity"] == "note"
    assert found["unlabelled"]["clips"] == ["free0", "free1", "free2", "free3"]
    assert "no-part" not in found
    assert "leak-subject" not in found
    assert [(one["name"], one["clips"]) for one in told["classes"]] == [("sit", 3), ("wave", 3)]
