"""hacm export-model: from a finished project to a model that says the same anywhere."""

import json
import shutil

import numpy as np
import polars as pl
import pytest

import hacm
from hacm.models import heads
from hacm.models.model import Taken
from hacm.recordings import Clip, Identity
from pipeline.store.store import SkeletonStore
from tests.conftest import run

RESULT = "results/benchmarks/kinect-sim-xsub/hacm/seed-0/linear"
EXPORT = ("hacm", "export-model", "--benchmark", "kinect-sim-xsub", "--device", "cpu")

pytestmark = pytest.mark.filterwarnings("ignore::hacm.models.model.UnusualRecording")


def test_an_exported_model_says_what_evaluate_says(small_project, tmp_path):
    """Also of recordings that were not cleaned yet: it cleans them as training did."""
    run(small_project, *EXPORT, "--out", str(tmp_path / "mine"))
    model = hacm.load(tmp_path / "mine")
    expected = pl.read_parquet(small_project / RESULT / "predictions.parquet")
    expected_NK = np.array(expected["scores"].to_list(), dtype=np.float32)
    clips, recordings = (
        SkeletonStore.open(small_project / f"data/kinect-sim/{name}") for name in ("clips", "recordings")
    )
    taken = [
        Taken(name, (1,), Clip(Identity(name, None, 0), 30.0, model.topology, clips[name]))
        for name in expected["name"]
    ]  # fmt: skip
    np.testing.assert_allclose(np.stack([one.score_K for one in model.describe(taken)]), expected_NK, atol=1e-5)
    raw = model.predict([recordings[name] for name in expected["name"]], doubt="warn")
    np.testing.assert_allclose(np.stack([one.score_K for one in raw]), expected_NK, atol=1e-5)
    assert [model.classes.index(one.label) for one in raw] == expected["predicted"].to_list()
    origin = model.description.origin
    assert (origin.benchmark, origin.data_version) == ("kinect-sim-xsub", clips.version)
    metrics = json.loads((small_project / RESULT / "metrics.json").read_text())
    assert model.description.figures["top1"] == metrics["top1"]
    assert "baseline_top1" in model.description.figures
    assert run(small_project, *EXPORT, "--out", str(tmp_path / "mine"), check=False).stderr.startswith("error: --out ")


def test_a_model_is_replaced_when_asked_and_nothing_else(small_project, tmp_path):
    """As the models in the box are made again; the card says the licence of the weights."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other/notes.txt").write_text("mine")
    export = (*EXPORT, "--uncalibrated", "--replace", "--licence", "CC0", "--out")
    refused = run(small_project, *export, str(tmp_path / "other"), check=False)
    assert refused.stderr.endswith("other: exists; it is no model\n")
    assert (tmp_path / "other/notes.txt").read_text() == "mine"
    for _ in range(2):
        run(small_project, *export, str(tmp_path / "mine"))
    assert "- licence of the weights: CC0" in (tmp_path / "mine/card.md").read_text()


def test_an_encoder_alone_gives_features(small_project, tmp_path):
    run(small_project, *EXPORT, "--protocol", "none", "--out", str(tmp_path / "bare"))
    run(small_project, *EXPORT, "--uncalibrated", "--out", str(tmp_path / "mine"))
    clip = SkeletonStore.open(small_project / "data/kinect-sim/clips")["S002C001P001R001A023"]
    bare, mine = (hacm.load(tmp_path / name) for name in ("bare", "mine"))
    np.testing.assert_allclose(bare.features(clip), mine.features(clip), atol=1e-6)
    assert (bare.classes, bare.description.calibration, mine.description.calibration) == ((), None, None)


def test_a_protocol_that_trains_no_head_keeps_an_empty_one(small_project):
    knn = small_project / RESULT.replace("linear", "knn") / heads.FILE
    assert heads.unpack(knn.read_bytes(), knn) == {}
    linear = small_project / RESULT / heads.FILE
    assert heads.unpack(linear.read_bytes(), linear)["1.weight"].shape == (4, 16)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda folder: shutil.rmtree(folder), "not evaluated yet"),
        (lambda folder: (folder / "head.safetensors").write_bytes(b"x"), "head.safetensors: is not as it was written"),
    ],
)
def test_what_cannot_be_exported_is_said(project_copy, tmp_path, change, line):
    change(project_copy / RESULT)
    done = run(project_copy, *EXPORT, "--out", str(tmp_path / "mine"), check=False)
    assert done.returncode == 1
    assert line in done.stderr.splitlines()[-1]
    assert not (tmp_path / "mine").exists()
