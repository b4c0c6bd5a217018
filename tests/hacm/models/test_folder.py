"""A model on disk: the same again, equal files for equal models, and one line for whatever is wrong with it."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

import hacm
from hacm.checkpoints.checkpoint import digest
from hacm.errors import DamagedModel, UserError
from hacm.files import seal
from hacm.models import finding, folder, heads
from tests.helpers.small_model import build


@pytest.fixture(scope="module")
def parts():
    return build().parts


@pytest.fixture
def saved(parts, tmp_path):
    folder.save(tmp_path / "small", parts)
    return tmp_path / "small"


def rewrite(path, change):
    """Change the description and seal it again, as a program of another version would."""
    content = json.loads((path / "model.json").read_text())
    change(content)
    (path / "model.json").write_text(json.dumps(seal(content)))


def rewrite_weights(path, change):
    tensors = load((path / "weights.safetensors").read_bytes())
    change(tensors)
    data = save(tensors)
    (path / "weights.safetensors").write_bytes(data)
    rewrite(path, lambda content: content.update(weights=digest(data)))


def test_what_is_loaded_is_what_was_saved(parts, saved):
    before = torch.random.get_rng_state()
    loaded = folder.load(saved)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert loaded.description == parts.description
    assert loaded.description.skeleton == parts.description.skeleton
    ours, theirs = folder.tensors_of(parts), folder.tensors_of(loaded)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert not any(module.training for module in (loaded.encoder, loaded.head))


def test_equal_models_are_equal_files(parts, saved, tmp_path):
    folder.save(tmp_path / "again", folder.load(saved))
    for name in ("model.json", "weights.safetensors", "card.md"):
        assert (tmp_path / "again" / name).read_bytes() == (saved / name).read_bytes()


def test_only_the_encoder_is_kept(parts, saved):
    names = load((saved / "weights.safetensors").read_bytes())
    assert {name.split(".")[0] for name in names} == {"encoder", "head", "neighbours"}


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_any_flipped_byte_is_found_or_changes_nothing(parts, saved, name):
    data = (saved / name).read_bytes()
    random = np.random.default_rng(0)
    for place in random.choice(len(data), size=60, replace=False):
        broken = bytearray(data)
        broken[place] ^= 1 << int(random.integers(8))
        (saved / name).write_bytes(broken)
        with pytest.raises(UserError) as refused:
            folder.load(saved)
        assert len(str(refused.value).splitlines()) == 1
        assert str(saved) in str(refused.value)


@pytest.mark.parametrize("share", [0, 0.3, 0.99])
@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_a_file_cut_short(saved, name, share):
    data = (saved / name).read_bytes()
    (saved / name).write_bytes(data[: int(share * len(data))])
    with pytest.raises(DamagedModel, match=name):
        folder.load(saved)


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_a_file_that_is_missing(saved, name):
    (saved / name).unlink()
    with pytest.raises(DamagedModel, match=f"{name}: cannot be read"):
        folder.load(saved)


def test_a_newer_version_says_what_to_do(saved):
    rewrite(saved, lambda content: content.update(format=7, invented="later"))
    with pytest.raises(
        UserError, match=r"model.json: a model of format 7, and hacm .* knows formats up to 1: install a"
    ):
        folder.load(saved)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda content: content.update(format="1"), "not the description of a model"),
        (lambda content: content["model"].update(dim=18), "of width 18"),
        (lambda content: content["model"].update(dim="wide"), "model.dim"),
        (lambda content: content["model"].update(dim=2**20), "encoder: .* numbers at least, and the weights have"),
        (lambda content: content["model"].update(encoder_blocks=10**9), "encoder: .* numbers at least"),
        (lambda content: content["model"].update(frames=3 * 10**12), "segments: .* numbers at least"),
        (lambda content: content.update(head="finetune", hidden=10**12), "hidden: .* numbers at least"),
        (lambda content: content["model"].update(heads=3), "not divisible by heads 3"),
        (lambda content: content.update(invented=1), "invented"),
        (lambda content: content.pop("classes"), "classes"),
        (lambda content: content["topology"].update(parents=[0, 0, 1, 2, 1, 4]), "exactly one joint must have parent -1"),
        (lambda content: content["topology"].pop("centre"), "centre"),
        (lambda content: content.update(head="finetune", hidden=3), "does not belong to this model"),
        (lambda content: content.update(head="tree"), "head"),
    ],
)  # fmt: skip
def test_a_description_that_is_no_model(saved, change, line):
    rewrite(saved, change)
    with pytest.raises(DamagedModel, match=line) as refused:
        folder.load(saved)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda tensors: tensors.pop("head.1.weight"), "tensor head.1.weight is missing"),
        (lambda tensors: tensors.update(more=torch.zeros(1)), "tensor more does not belong"),
        (lambda tensors: tensors.update({"encoder.norm.weight": torch.zeros(3)}), "the model needs"),
        (lambda tensors: tensors.pop("neighbours.mean_D"), "neighbours.mean_D"),
        (lambda tensors: tensors.update({"neighbours.mean_D": torch.zeros(3)}), "neighbours.mean_D"),
        (lambda tensors: tensors.update({"neighbours.features_GD": torch.zeros(3)}), "neighbours.features_GD"),
    ],
)  # fmt: skip
def test_weights_that_do_not_fit(saved, change, line):
    rewrite_weights(saved, change)
    with pytest.raises(DamagedModel, match=line):
        folder.load(saved)


def test_numbers_that_are_none_are_refused(saved):
    rewrite_weights(saved, lambda tensors: tensors["encoder.norm.weight"].fill_(float("nan")))
    with pytest.raises(DamagedModel, match=r"encoder.norm.weight holds numbers that are not finite"):
        folder.load(saved)


def test_models_are_found_by_name_and_by_folder(parts, saved, tmp_path, monkeypatch):
    monkeypatch.setattr(finding, "SHIPPED", tmp_path / "shipped")
    folder.save(tmp_path / "shipped" / "first", parts)
    monkeypatch.chdir(tmp_path)
    assert finding.list_shipped() == ["first"]
    assert hacm.load("first").name == hacm.load("small").name == hacm.load(saved).name == "small"
    with pytest.raises(
        UserError, match=r"second: no such model: no folder of that name is here, and shipped are first"
    ):
        hacm.load("second")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty: no model \(no model.json in it\)"):
        hacm.load("empty")


def test_importing_hacm_brings_nothing_heavy():
    code = "import sys, hacm; print(*{name.partition('.')[0] for name in sys.modules} & {'torch', 'numpy', 'pydantic'})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


def test_a_head_packed_is_the_same_again():
    tensors = {"b": torch.arange(3.0), "a": torch.tensor(5)}
    data = heads.pack(tensors)
    assert data == heads.pack(dict(reversed(tensors.items())))
    again = heads.unpack(data, "head.safetensors")
    assert again.keys() == tensors.keys()
    assert all(torch.equal(again[name], tensors[name]) for name in tensors)
    assert heads.unpack(heads.pack(None), "x") == {}
    with pytest.raises(DamagedModel, match="safetensors: damaged"):
        heads.unpack(data[:-1], "head.safetensors")


def test_the_card_says_what_it_is(parts, saved):
    card = (saved / "card.md").read_text()
    calibration, familiarity = parts.description.calibration, parts.description.familiarity
    for words in (
        "> Trained on synthetic recordings", "16 clips of 4 people from Made-up", "narrow, wide", "licence",
        "| this model | 75.0 | 50.0 to 90.0 |", "| the same encoder with random weights | 60.0 |",
        f"softmax(scores / {calibration.temperature:.3g})", f"{calibration.ece:.1f} %", "5 % of the clips lie beyond", f"{100 * familiarity.false_alarms:.1f} %. Measured:",
        f"{familiarity.threshold:.3g}", "What it cannot do", "six-joints", "decide about people",
    ):  # fmt: skip
        assert words in card, words
    bare = replace(parts.description, calibration=None, familiarity=None, figures={})
    text = folder.write_card(bare)
    assert "not calibrated" in text
    assert "What it reaches" not in text
    assert hashlib.sha256(text.encode()).hexdigest() == hashlib.sha256(folder.write_card(bare).encode()).hexdigest()
