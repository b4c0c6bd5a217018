"""Prepared files of other codebases through the stages: downloaded, read, cleaned, split and audited like raw ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hacm.files import read_json
from pipeline.store.store import SkeletonStore
from stages import (
    audit,
    baseline,
    download,
    evaluate,
    hierarchy,
    ingest,
    normalize,
    prepare,
    pretrain,
    split,
)
from stages.tools import audit as match
from tests.conftest import end_of
from tests.helpers.prepared_files import write_ntu_npz, write_pyskl, write_st_gcn

DEFINITION = """
from hacm.recordings.prepared import {kind}
from hacm.skeletons.shipped import KINECT_V2
from pipeline.datasets import DataSet, SplitRule

DATASET = DataSet(
    name="theirs", title="Theirs", topology=KINECT_V2, reader={kind}(KINECT_V2),
    splits={{"xsub": SplitRule("xsub_part", frozenset({{"train"}}))}}, actions=("sit", "wave"), contents="a prepared file",
)
"""


def clips():
    chance = np.random.default_rng(1)
    found = {}
    for number in range(8):
        walk = chance.normal(size=(1 + number % 2, 20 + number, 25, 3)).astype(np.float32)
        found[f"clip{number}"] = (walk - walk[0, 0, 1], number % 2)
    return found


def write_npz(raw: Path) -> None:
    made = list(clips().values())
    write_ntu_npz(raw / "NTU60_CS.npz", {"train": made[:5], "test": made[5:]})


def write_pickle(raw: Path) -> None:
    names = list(clips())
    write_pyskl(raw / "ntu60_3danno.pkl", clips(), {"xsub_train": names[:5], "xsub_val": names[5:]}, dtype="f4")


def write_arrays(raw: Path) -> None:
    made = list(clips().items())
    write_st_gcn(raw / "xsub", "train", dict(made[:5]))
    write_st_gcn(raw / "xsub", "val", dict(made[5:]))


WRITERS: dict[str, Callable[[Path], None]] = {
    "NtuNpz": write_npz,
    "PysklAnnotations": write_pickle,
    "StGcnArrays": write_arrays,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_each_comes_through_the_stages(define, kind):
    place = define(DEFINITION.format(kind=kind))
    WRITERS[kind](place / "data/theirs/raw")
    for stage in (download, ingest, normalize):
        assert end_of(stage.main, "--dataset", "theirs") == ""
    assert end_of(split.main, "--benchmark", "theirs-xsub") == ""
    assert end_of(audit.main, "--dataset", "theirs") == ""
    store = SkeletonStore.open(place / "data/theirs/clips")
    assert store.manifest["label"].to_list() == [label for _, label in clips().values()]
    for name, (bodies, _) in zip(store.manifest["name"], clips().values(), strict=True):
        assert store[name].tobytes() == bodies.tobytes()
    told = read_json(place / "results/datasets/theirs/audit/audit.json")
    assert (told["benchmarks"]["xsub"]["train"], told["benchmarks"]["xsub"]["test"]) == (5, 3)
    unknown = [one["text"] for one in told["findings"] if one["kind"] == "unknown"]
    assert unknown == [
        "xsub: no clip says its subject, so whether one is on both sides cannot be known; the list is trusted"
    ]


FILMED = """
from hacm.recordings.prepared import PysklAnnotations
from hacm.skeletons.shipped import COCO_17
from pipeline.datasets import DataSet, SplitRule

DATASET = DataSet(
    name="theirs", title="Theirs", topology=COCO_17, actions=("sit", "wave"), contents="ntu60_hrnet.pkl",
    reader=PysklAnnotations(COCO_17, dimensions=2, up="-y", xsub=("train", "val"), least_confidence=0.3),
    splits={"xsub": SplitRule("xsub_part", frozenset({"train"}))},
)
"""
SMALL = {
    "model": {"dim": 16, "heads": 2, "encoder_blocks": 1, "decoder_blocks": 1, "frames": 24},
    "masking": {"ratio": 0.5, "spatial": {"source": "precomputed"}},
    "augment": {"min_frames": 8},
    "pretrain": {"epochs": 1, "warmup_epochs": 0, "batch": 4},
}
UPRIGHT = np.array([
    [50, 10], [52, 8], [48, 8], [55, 10], [45, 10], [65, 30], [35, 30], [70, 55], [30, 55], [72, 75], [28, 75],
    [60, 85], [40, 85], [60, 125], [40, 125], [60, 165], [40, 165],
])  # fmt: skip
"""Somebody in front of a camera, in the order of COCO's joints; y grows downwards."""


@pytest.mark.slow
def test_people_in_pictures_come_to_the_end(define, capsys):
    """Two dimensions: from the file to the results, which say so. Each clip lacks an ankle in ten of its frames."""
    place = define(FILMED, train=SMALL)
    chance = np.random.default_rng(0)
    made, scores = {}, {}
    for number in range(12):
        walk = np.cumsum(chance.normal(0, 2, (1, 30, 17, 2)), axis=1)
        pixels, score = np.round(400 + 3 * UPRIGHT + walk), np.full((1, 30, 17), 0.9)
        pixels[0, 5:15, 15], score[0, 5:15, 15] = 0, 0
        made[f"clip{number:02}"], scores[f"clip{number:02}"] = (pixels, number % 2), score
    names = list(made)
    raw = place / "data/theirs/raw"
    write_pyskl(raw / "ntu60_hrnet.pkl", made, {"train": names[:8], "val": names[8:]}, scores=scores)
    for stage in (download, ingest):
        assert end_of(stage.main, "--dataset", "theirs") == ""
    assert "12 of 12 recordings (100.0%): joint left ankle filled" in end_of(normalize.main, "--dataset", "theirs")
    params = place / "params.yaml"
    params.write_text(
        params.read_text().replace("cleaning: {}\n    tree_split", "cleaning: {missing: hold}\n    tree_split")
    )
    for stage in (normalize, hierarchy, audit):
        assert end_of(stage.main, "--dataset", "theirs") == ""
    store = SkeletonStore.open(place / "data/theirs/clips")
    assert store.dimensions == 2
    for name, (pixels, _) in made.items():
        clip, ankle = store[name][0], pixels[0, :, 15] - pixels[0, 4, 15]
        unit = np.linalg.norm(clip[0, 5] - clip[0, 6]) / np.linalg.norm(pixels[0, 0, 5] - pixels[0, 0, 6])
        ankle[5:15] = ankle[4]
        np.testing.assert_allclose(clip[:, 15, :2] - clip[4, 15, :2], ankle * unit * (1, -1), atol=1e-5)
        assert not clip[..., 2].any()
    for stage in (split, prepare, baseline):
        assert end_of(stage.main, "--benchmark", "theirs-xsub") == ""
    run = ("--benchmark", "theirs-xsub", "--variant", "hacm", "--seed", 0)
    assert end_of(pretrain.main, *run, "--device", "cpu") == ""
    capsys.readouterr()
    assert end_of(evaluate.main, *run, "--protocol", "knn", "--device", "cpu") == ""
    assert "[2-D]" in capsys.readouterr().err
    told = read_json(place / "results/datasets/theirs/audit/audit.json")
    assert (told["benchmarks"]["xsub"]["train"], told["benchmarks"]["xsub"]["test"]) == (8, 4)
    reader = "PysklAnnotations(up='-y', dimensions=2, least_confidence=0.3, xsub=('train', 'val'))"
    assert told["provenance"]["reading"] == reader
    assert f"read by `{reader}`" in (place / "results/datasets/theirs/audit/audit.md").read_text()
    assert not [one["text"] for one in told["findings"] if one["kind"] in ("upright", "mirrored", "picture", "unseen")]


def test_clips_are_matched_by_content(define, capsys):
    place = define(DEFINITION.format(kind="NtuNpz"))
    write_npz(place / "data/theirs/raw")
    for stage in (download, ingest, normalize):
        assert end_of(stage.main, "--dataset", "theirs") == ""
    capsys.readouterr()
    assert end_of(match.main, "--dataset", "theirs", "--against", "theirs", "--strict") == ""
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "theirs beside theirs, by content, within 4 mm:"
    assert lines[1] == "  equal to the last bit: 8 of 8 clips (100.0%)"


def test_a_changed_file_is_noticed(define):
    place = define(DEFINITION.format(kind="StGcnArrays"))
    write_arrays(place / "data/theirs/raw")
    assert end_of(download.main, "--dataset", "theirs") == ""
    labels = place / "data/theirs/raw/xsub/train_label.pkl"
    labels.write_bytes(labels.read_bytes().replace(b"clip0", b"clip9"))
    assert "is not what was verified" in end_of(ingest.main, "--dataset", "theirs")
