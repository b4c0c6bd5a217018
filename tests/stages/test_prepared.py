"""Prepared files of other codebases through the stages: downloaded, read, cleaned, split and audited like raw ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hacm.files import read_json
from pipeline.store.store import SkeletonStore
from stages import audit, download, ingest, normalize, split
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
