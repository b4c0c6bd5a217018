"""The command that takes in a released checkpoint, and what stages.evaluate makes of it."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from hacm.checkpoints import checkpoint
from hacm.errors import UserError
from stages.shared.stores import expect_version
from stages.tools import import_released
from tests.conftest import PROJECT, end_of, run
from tests.helpers.release_format import made_up


@pytest.fixture
def file(tmp_path):
    """HA-CM on Kinect v2, as small as it gets."""
    path = tmp_path / "released.pth"
    torch.save({"model": made_up("HA-CM", joints=18, segments=24, dim=16, blocks=1), "epoch": 499}, path)
    return path


@pytest.mark.parametrize("stream", ["motion", "bone"])
def test_a_checkpoint_with_all_facts(file, tmp_path, monkeypatch, capsys, stream):
    assert end_of(import_released.main, file, "--out", tmp_path / "model", "--stream", stream) == ""
    said = capsys.readouterr().err
    assert "HA-CM, D 16, 1 + 1 blocks, 24 segments of 3 frames, 18 joints" in said
    assert f"taken on trust, as the file does not say: --heads 8, --stream {stream}" in said
    assert "never used by its code: decoder_embed_s.bias, " in said
    model, facts = checkpoint.load(tmp_path / "model")
    assert model.model_settings.heads == 8
    assert facts["data_version"] is None
    assert facts["settings"]["augment"]["stream"] == stream
    assert facts["released"]["method"] == "HA-CM"
    assert facts["released"]["file"] == "released.pth"
    assert facts["released"]["epoch"] == 499
    assert len(facts["released"]["unused"]) == 12
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "released.pth"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("{tmp}/absent.pth --out {tmp}/model", "absent.pth: cannot be read"),
        ("{file} --out {tmp}/model --topology kinect-v1-20", "HA-CM for 18 token joints, but on a skeleton of 20"),
        ("{file} --out {tmp}/model --topology kinect", "unknown topology 'kinect'"),
        ("{file} --out {tmp}/model --heads 3", "dim 16 is not divisible by heads 3"),
        ("{file} --out {tmp}", "exists; move it away"),
        ("{file} --out {file}", "exists; move it away"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(options, words, file, tmp_path, monkeypatch):
    code = end_of(import_released.main, *options.format(file=file, tmp=tmp_path).split())
    assert isinstance(code, str)  # which Python prints and ends with 1
    assert code.startswith("error: ")
    assert words in code
    assert "\n" not in code
    assert list(tmp_path.iterdir()) == [file]


def test_exit_code_of_the_program(tmp_path):
    (tmp_path / "page.pth").write_text("<html>404</html>")
    command = ["hacm", "import-released", f"{tmp_path}/page.pth", "--out", f"{tmp_path}/model"]
    done = run(PROJECT, *command, check=False)
    assert done.returncode == 1
    assert done.stderr == f"error: {tmp_path}/page.pth: damaged, or not a file of torch.save\n"


def test_no_data_version_fits_every_store():
    store = SimpleNamespace(version="a" * 32, path=Path("data/x/clips"))
    expect_version(store, None, Path("models/x"))
    expect_version(store, "a" * 32, Path("models/x"))
    with pytest.raises(UserError, match="models/x: computed from data version bbb"):
        expect_version(store, "b" * 32, Path("models/x"))


def test_it_can_be_judged_on_a_benchmark(file, project_copy):
    name = "kinect-sim-xsub"
    model = f"models/{name}/released/seed-0"
    run(project_copy, "hacm", "import-released", str(file), "--out", model)
    options = ("--benchmark", name, "--variant", "released", "--protocol", "knn")
    run(project_copy, "python", "-m", "stages.evaluate", *options)
    results = project_copy / "results/benchmarks" / name / "released/seed-0/knn"
    details = json.loads((results / "details.json").read_text())
    assert details["released"]["method"] == "HA-CM"
    assert details["encoder_hash"] == checkpoint.encoder_hash(checkpoint.load(project_copy / model)[0])
    assert json.loads((results / "metrics.json").read_text())["n"] == 16
