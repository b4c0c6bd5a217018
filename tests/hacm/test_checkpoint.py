"""Saving and loading: the same model comes back, and nothing damaged or unfitting does."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes

from hacm.checkpoints.checkpoint import DESCRIPTION, WEIGHTS, digest, encoder_hash, load, save
from hacm.files import SEAL, seal
from hacm.model.network import HACM
from hacm.settings import LossSettings, MaskingSettings, ModelSettings, SpatialSettings
from hacm.skeletons.skeleton import Skeleton

SKELETON = Skeleton(joints=6, parents=(-1, 0, 1, 2, 0, 4), roots=(0, 4), centre=0)


def build() -> HACM:
    torch.manual_seed(0)
    settings = ModelSettings(dim=8, heads=2, encoder_blocks=1, decoder_blocks=1, frames=12, curvature=0.7)
    masking = MaskingSettings(ratio=0.6, spatial=SpatialSettings(source="mixed"))
    return HACM(SKELETON, settings, masking, LossSettings(combine="alpha", alpha=0.3))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(tmp_path / "model", build(), {"seed": 3, "params": {"name": "größe"}})
    return tmp_path / "model"


def test_the_same_model_comes_back(folder: Path) -> None:
    model = build()
    before = torch.random.get_rng_state()
    loaded, facts = load(folder)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert facts == {"seed": 3, "params": {"name": "größe"}}
    assert not loaded.training
    assert loaded.skeleton == SKELETON
    assert (loaded.model_settings, loaded.masking_settings, loaded.loss_settings) == (
        model.model_settings,
        model.masking_settings,
        model.loss_settings,
    )
    assert model.state_dict().keys() == loaded.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name])
    x = torch.randn(2, 12, 6, 3)
    assert torch.equal(model.eval().features(x), loaded.features(x))
    assert [p.requires_grad for p in loaded.parameters()] == [p.requires_grad for p in model.parameters()]


def test_equal_models_give_equal_files_and_no_leftovers(folder: Path, tmp_path: Path) -> None:
    save(tmp_path / "again", build(), {"params": {"name": "größe"}, "seed": 3})
    assert sorted(path.name for path in folder.iterdir()) == sorted([DESCRIPTION, WEIGHTS])
    for name in (DESCRIPTION, WEIGHTS):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_facts_that_json_cannot_hold_leave_nothing_behind(tmp_path: Path) -> None:
    for facts in ({"path": tmp_path}, {"loss": float("nan")}):
        with pytest.raises((TypeError, ValueError)):
            save(tmp_path / "model", build(), facts)
        assert not (tmp_path / "model").exists()


def test_encoder_hash_sees_the_encoder_only() -> None:
    model = build()
    first = encoder_hash(model)
    assert len(first) == 32
    assert first == encoder_hash(build())
    with torch.no_grad():
        model.decoder.head.weight.add_(1)
        assert encoder_hash(model) == first
        model.encoder.norm.bias[0] += 1e-6
        assert encoder_hash(model) != first


Harm = Callable[[Path], object]


def describe(change: Callable[[dict], object]) -> Harm:
    """Change checkpoint.json, with its seal put right."""

    def harm(folder: Path) -> None:
        description = json.loads((folder / DESCRIPTION).read_text())
        change(description)
        description.pop(SEAL, None)
        (folder / DESCRIPTION).write_text(json.dumps(seal(description)))

    return harm


def setting(part: str, **changes: object) -> Harm:
    """Change settings in checkpoint.json."""
    return describe(lambda description: description[part].update(changes))


def content(change: Callable[[bytes], bytes]) -> Harm:
    """Change the weights' bytes, with the hash put right."""

    def harm(folder: Path) -> None:
        data = change((folder / WEIGHTS).read_bytes())
        (folder / WEIGHTS).write_bytes(data)
        describe(lambda description: description.update(weights=digest(data)))(folder)

    return harm


def tensor(name: str, value: torch.Tensor | None) -> Harm:
    """Exchange, add or (None) take out one tensor, with the hash put right."""

    def change(data: bytes) -> bytes:
        tensors = {key: old for key, old in tensors_from_bytes(data).items() if key != name}
        return tensors_to_bytes(tensors if value is None else {**tensors, name: value})

    return content(change)


BIAS = "encoder.norm.bias"
LOOP = [-1, 2, 1, 2, 0, 4]
DAMAGE: dict[str, tuple[str, str, Harm]] = {
    "no description": (DESCRIPTION, "cannot be read", lambda folder: (folder / DESCRIPTION).unlink()),
    "no weights": (WEIGHTS, "cannot be read", lambda folder: (folder / WEIGHTS).unlink()),
    "cut description": (DESCRIPTION, "not JSON", lambda folder: (folder / DESCRIPTION).write_text('{"format": 2,')),
    "binary description": (DESCRIPTION, "not JSON", lambda folder: (folder / DESCRIPTION).write_bytes(b"\xff\xfe")),
    "not an object": (DESCRIPTION, "format 2", lambda folder: (folder / DESCRIPTION).write_text("[]")),
    "another format": (DESCRIPTION, "format 2", describe(lambda description: description.update(format=3))),
    "edited": (
        DESCRIPTION,
        "not as it was written",
        lambda folder: edit(folder / DESCRIPTION, '"ratio": 0.', '"ratio": 0.0'),
    ),
    "edited facts": (
        DESCRIPTION,
        "not as it was written",
        lambda folder: edit(folder / DESCRIPTION, '"facts": {', '"facts": {"a": 1, '),
    ),
    "no facts": (DESCRIPTION, "facts is missing", describe(lambda description: description.pop("facts"))),
    "unknown key": (DESCRIPTION, "depth", setting("model", depth=3)),
    "wrong type": (DESCRIPTION, "dim", setting("model", dim="wide")),
    "impossible": (DESCRIPTION, "divisible", setting("model", heads=3)),
    "contradiction": (DESCRIPTION, r"loss\.contrast", setting("masking", strategy="motion")),
    "broken tree": (DESCRIPTION, "loop", setting("skeleton", parents=LOOP)),
    "another model": (WEIGHTS, r"tensor decoder\.\S+ is", setting("model", frames=24)),
    "flipped bit": (WEIGHTS, "hash", lambda folder: flip_last_bit(folder / WEIGHTS)),
    "cut weights": (WEIGHTS, "damaged", content(lambda data: data[:-100])),
    "a pickle": (WEIGHTS, "damaged", content(lambda data: pickle.dumps({"a": 1}))),
    "missing tensor": (WEIGHTS, f"{BIAS} is missing", tensor(BIAS, None)),
    "extra tensor": (WEIGHTS, r"head\.bias does not belong", tensor("head.bias", torch.zeros(1))),
    "another shape": (WEIGHTS, r"is \(9,\) torch.float32, the model needs \(8,\)", tensor(BIAS, torch.zeros(9))),
    "another type": (WEIGHTS, "float64", tensor(BIAS, torch.zeros(8, dtype=torch.float64))),
}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def flip_last_bit(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def test_a_description_without_a_seal_is_that_of_an_earlier_version(folder: Path) -> None:
    description = json.loads((folder / DESCRIPTION).read_text())
    assert description.pop(SEAL)
    (folder / DESCRIPTION).write_text(json.dumps(description))
    load(folder)


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_one_line_that_names_the_file(kind: str, folder: Path) -> None:
    name, reason, harm = DAMAGE[kind]
    harm(folder)
    with pytest.raises(ValueError, match=reason) as caught:
        load(folder)
    assert str(caught.value).startswith(f"{folder / name}: ")
    assert "\n" not in str(caught.value)
