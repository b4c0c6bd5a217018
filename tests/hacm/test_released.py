"""Released checkpoints: every tensor goes to its place, and nothing is taken that does not fit or would run code."""

import argparse
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hacm.checkpoints import checkpoint
from hacm.checkpoints.released import load
from hacm.model.geometry import PoincareBall
from hacm.model.masking import global_attention, spatial_scores, temporal_scores
from hacm.settings import LossSettings, MaskingSettings
from hacm.skeletons.skeleton import Skeleton
from tests.helpers.golden import FOLDER, KINECT_V2, arrays, compare, needs_golden
from tests.helpers.release_format import made_up

SKELETON = Skeleton(joints=6, parents=(-1, 0, 1, 2, 0, 4), roots=(0, 4), centre=0)
TOKEN_JOINTS = {"HA-CM": [1, 2, 3, 5], "MAMP": [0, 1, 2, 3, 4, 5]}
METHODS = list(TOKEN_JOINTS)
UNUSED = (
    "decoder_embed_s.bias", "decoder_embed_s.weight", "decoder_embed_t.bias", "decoder_embed_t.weight",
    "decoder_fc.bias", "decoder_fc.weight", "decoder_fc_s.bias", "decoder_fc_s.weight", "decoder_fc_t.bias",
    "decoder_fc_t.weight", "mask_token", "mask_token_s",
)  # fmt: skip


def tensors(method: str) -> dict[str, Tensor]:
    return made_up(method, joints=len(TOKEN_JOINTS[method]))


def write(folder: Path, content: object) -> Path:
    path = folder / "released.pth"
    torch.save(content, path)
    return path


# ---- the same network -----------------------------------------------------------------------------------------------


def block_by_hand(weights: dict[str, Tensor], stem: str, x: Tensor, heads: int) -> Tensor:
    """A pre-norm block by PyTorch's own attention layer."""
    dim = x.shape[-1]

    def part(name: str) -> tuple[Tensor, Tensor]:
        return weights[f"{stem}.{name}.weight"], weights[f"{stem}.{name}.bias"]

    attention = nn.MultiheadAttention(dim, heads, batch_first=True)
    attention.load_state_dict(
        dict(zip(("in_proj_weight", "in_proj_bias"), part("attn.qkv"), strict=True))
        | dict(zip(("out_proj.weight", "out_proj.bias"), part("attn.proj"), strict=True))
    )
    normed = F.layer_norm(x, (dim,), *part("norm1"))
    x = x + attention(normed, normed, normed, need_weights=False)[0]
    hidden = F.linear(F.layer_norm(x, (dim,), *part("norm2")), *part("mlp.fc1"))
    return x + F.linear(hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2, *part("mlp.fc2"))


def features_by_hand(weights: dict[str, Tensor], x_BTJC: Tensor, heads: int, hyperbolic: bool) -> Tensor:
    """The released evaluation encoder from its own tensors: (B, S, J, D)."""
    kernel, bias = weights["joints_embed.proj.weight"], weights["joints_embed.proj.bias"]
    embedded = F.conv2d(x_BTJC.permute(0, 3, 1, 2), kernel, bias, stride=(kernel.shape[2], 1)).permute(0, 2, 3, 1)
    tokens = embedded + weights["temp_embed"] + weights["pos_embed"]
    x = tokens.flatten(1, 2)
    if hyperbolic:
        norm = x.norm(dim=-1, keepdim=True)
        x = torch.tanh(norm) * x / norm
    for block in range(2):
        x = block_by_hand(weights, f"blocks.{block}", x, heads)
    return F.layer_norm(x, x.shape[-1:], weights["norm.weight"], weights["norm.bias"]).unflatten(1, tokens.shape[1:3])


@pytest.mark.parametrize("method", METHODS)
@torch.no_grad()
def test_features_are_those_of_the_released_tensors(method: str, tmp_path: Path) -> None:
    weights = tensors(method)
    imported = load(write(tmp_path, {"model": weights}), SKELETON, heads=4)
    assert imported.method == method
    assert not imported.model.training
    settings = imported.model.model_settings
    x = torch.randn(3, settings.frames, 6, 3, generator=torch.Generator().manual_seed(1))
    expected = features_by_hand(weights, x[:, :, TOKEN_JOINTS[method]], 4, hyperbolic=method == "HA-CM")
    assert torch.allclose(imported.model.features(x), expected, atol=1e-5)
    other_heads = load(write(tmp_path, {"model": weights}), SKELETON, heads=8).model.features(x)
    assert not torch.allclose(other_heads, expected, atol=1e-2)  # why the number is asked for


@pytest.mark.parametrize("method", METHODS)
@torch.no_grad()
def test_decoder_is_that_of_the_released_tensors(method: str, tmp_path: Path) -> None:
    weights = tensors(method)
    model = load(write(tmp_path, {"model": weights}), SKELETON, heads=4).model
    latent = torch.randn(2, 2, 16, generator=torch.Generator().manual_seed(1))
    filler = weights["mask_token_t" if method == "HA-CM" else "mask_token"]
    cells = filler[:, None].expand(2, 6, len(TOKEN_JOINTS[method]), 16).clone()
    cells[:, 0, :2] = F.linear(latent, weights["decoder_embed.weight"], weights["decoder_embed.bias"])
    cells = cells + weights["decoder_temp_embed"] + weights["decoder_pos_embed"]
    x = block_by_hand(weights, "decoder_blocks.0", cells.flatten(1, 2), 4)
    x = F.layer_norm(x, (16,), weights["decoder_norm.weight"], weights["decoder_norm.bias"])
    expected = F.linear(x, weights["decoder_pred.weight"], weights["decoder_pred.bias"]).unflatten(1, cells.shape[1:3])
    found = model.decoder(latent, torch.tensor([[0, 1], [0, 1]]))  # the first segment's first two joints
    assert torch.allclose(found, expected, atol=1e-5)


def test_attention_of_the_temporal_criterion_is_the_released_one(tmp_path: Path) -> None:
    weights = tensors("HA-CM")
    masking = load(write(tmp_path, {"model": weights}), SKELETON, heads=4).model.masking
    x = torch.randn(3, 16)
    for linear, name in ((masking.query, "l1"), (masking.key, "l2")):
        assert torch.allclose(linear(x), F.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"]), atol=1e-6)
    assert not masking.inverse_sqrt
    assert not masking.over_keys


@pytest.mark.parametrize("method", METHODS)
def test_sizes_and_settings_are_read_from_the_weights(method: str, tmp_path: Path) -> None:
    model = load(write(tmp_path, {"model": tensors(method)}), SKELETON, heads=2).model
    settings = model.model_settings
    assert (settings.dim, settings.heads, settings.mlp_ratio, settings.arithmetic) == (16, 2, 4, "released")
    assert (settings.encoder_blocks, settings.decoder_blocks) == (2, 1)
    assert (settings.frames, settings.segment) == {"HA-CM": (18, 3), "MAMP": (24, 4)}[method]
    assert settings.prune is settings.hyperbolic is (method == "HA-CM")
    if method == "HA-CM":
        assert (model.masking_settings, model.loss_settings) == (MaskingSettings(), LossSettings())
    else:
        assert model.masking_settings == MaskingSettings(strategy="motion", tau=0.8)
        assert model.loss_settings == LossSettings(contrast=False)


@torch.no_grad()
def test_it_survives_this_projects_checkpoint(tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    imported = load(write(tmp_path, {"model": tensors("HA-CM")}), SKELETON)
    assert torch.equal(torch.random.get_rng_state(), before)
    checkpoint.save(tmp_path / "model", imported.model, {})
    x = torch.randn(2, 18, 6, 3)
    assert torch.equal(checkpoint.load(tmp_path / "model")[0].features(x), imported.model.features(x))


# ---- what is not used -----------------------------------------------------------------------------------------------


def test_what_is_not_used_is_named(tmp_path: Path) -> None:
    assert load(write(tmp_path, {"model": tensors("MAMP")}), SKELETON).unused == ()
    weights = tensors("HA-CM") | {"head.fc.weight": torch.zeros(7, 16)}
    imported = load(write(tmp_path, {"model": weights}), SKELETON)
    assert imported.unused == UNUSED
    assert imported.unknown == ("head.fc.weight",)


def test_options_and_epoch_of_a_training_script_may_lie_beside(tmp_path: Path) -> None:
    options = argparse.Namespace(lr=1e-3, output_dir=None)
    path = write(tmp_path, {"model": tensors("HA-CM"), "epoch": 499, "args": options})
    assert load(path, SKELETON).epoch == 499
    assert load(write(tmp_path, {"model": tensors("HA-CM")}), SKELETON).epoch is None


# ---- what is refused ------------------------------------------------------------------------------------------------

Change = Callable[[dict[str, Any]], object]


def without(name: str) -> Change:
    return lambda weights: weights.pop(name)


def changed(**new: Tensor) -> Change:
    return lambda weights: weights.update({name.replace("__", "."): tensor for name, tensor in new.items()})


def rename_block(weights: dict[str, Any]) -> None:
    for name in [name for name in weights if name.startswith("blocks.1.")]:
        weights[name.replace("blocks.1.", "blocks.2.")] = weights.pop(name)


MISFITS: dict[str, tuple[str, Change]] = {
    "missing": ("HA-CM without tensor blocks.0.norm2.bias", without("blocks.0.norm2.bias")),
    "missing, though HA-CM is told by it": ("HA-CM without tensor mask_token_t", without("mask_token_t")),
    "missing where sizes are read": ("tensor temp_embed is missing", without("temp_embed")),
    "a block left out": (r"HA-CM without tensor blocks\.1\.norm1\.weight", rename_block),
    "another shape": (
        r"tensor decoder_pred.weight is \(12, 16\) float32, HA-CM of this size has \(9, 16\) float32",
        changed(decoder_pred__weight=torch.zeros(12, 16)),
    ),
    "axes exchanged": (r"tensor decoder_temp_embed is \(1, 1, 6, 16\)", changed(decoder_temp_embed=torch.zeros(1, 1, 6, 16))),
    "axes missing": (r"tensor pos_embed is \(4, 16\), 4 axes are needed", changed(pos_embed=torch.zeros(4, 16))),
    "an empty axis": (r"tensor temp_embed is \(1, 0, 1, 16\)", changed(temp_embed=torch.zeros(1, 0, 1, 16))),
    "another type": (r"tensor norm.bias is \(16,\) float16", changed(norm__bias=torch.zeros(16).half())),
    "not a number": ("tensor norm.bias has values that are not finite", changed(norm__bias=torch.full((16,), torch.nan))),
    "one segment": ("two segments", changed(temp_embed=torch.zeros(1, 1, 1, 16))),
    "another skeleton": (
        "HA-CM for 18 token joints, but on a skeleton of 6 joints it has 4",
        changed(pos_embed=torch.zeros(1, 1, 18, 16)),
    ),
    "added inside a block": (
        "tensor blocks.0.attn.bias_table does not belong to HA-CM as released",
        lambda weights: weights.update({"blocks.0.attn.bias_table": torch.zeros(3)}),
    ),
    "neither release": (
        "has neither tensors of HA-CM's (.*) nor MAMP's (.*)",
        lambda weights: [weights.pop(name) for name in list(weights) if name.startswith(("mask_token", "l1", "l2"))],
    ),
    "no tensor": ("'note' in \"model\" is no tensor", lambda weights: weights.update(note="best")),
}  # fmt: skip


def check_refusal(path: Path, reason: str, heads: int = 8) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        load(path, SKELETON, heads)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)  # torch's advice on how to load it unsafely


@pytest.mark.parametrize("kind", MISFITS)
def test_a_misfit_is_named(kind: str, tmp_path: Path) -> None:
    reason, change = MISFITS[kind]
    weights = tensors("HA-CM")
    change(weights)
    check_refusal(write(tmp_path, {"model": weights}), reason)


def test_impossible_heads_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, {"model": tensors("HA-CM")})
    check_refusal(path, "dim 16 is not divisible by heads 5", heads=5)
    check_refusal(path, "heads must be positive", heads=0)


@pytest.mark.parametrize("content", [tensors("HA-CM"), [1, 2], {"model": [1]}], ids=["bare", "a list", "no dict"])
def test_other_contents_are_refused(content: object, tmp_path: Path) -> None:
    check_refusal(write(tmp_path, content), 'holds no "model" with a state dict')


class Trap:
    """Unpickled without protection, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_would_run_code_is_refused_and_does_not(zipped: bool, tmp_path: Path) -> None:
    path, sprung = tmp_path / "released.pth", tmp_path / "sprung"
    content = {"model": tensors("HA-CM"), "args": Trap(sprung)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    check_refusal(path, r"refused: loading it could run code \(it asks for \w+\.mkdir\)")
    assert not sprung.exists()
    torch.load(path, weights_only=False)
    assert sprung.exists()  # the trap works


def flip_a_bit(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[:-500],
    "empty": lambda data: b"",
    "text": lambda data: b"<html>404</html>\n" * 40,
    "a flipped bit": flip_a_bit,
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path, {"model": tensors("HA-CM")})
    path.write_bytes(DAMAGE[kind](path.read_bytes()))
    check_refusal(path, "damaged, or not a file of torch.save")


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    check_refusal(tmp_path / "absent.pth", "cannot be read")
    check_refusal(tmp_path, "cannot be read")


# ---- golden ---------------------------------------------------------------------------------------------------------


@needs_golden
@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "method", "heads", "key", "unused"),
    [("hacm", "HA-CM", 8, "linprobe_features", UNUSED), ("mamp", "MAMP", 4, "features", ())],
)
def test_golden_features(name: str, method: str, heads: int, key: str, unused: tuple[str, ...]) -> None:
    imported = load(FOLDER / f"{name}_release_format.pth", KINECT_V2, heads)
    assert (imported.method, imported.unused, imported.unknown) == (method, unused, ())
    golden = arrays(name)
    x_BTVC = torch.from_numpy(golden["x"]).permute(0, 4, 2, 3, 1).flatten(0, 1)
    found = imported.model.features(x_BTVC).unflatten(0, (2, 2))
    compare(f"imported {method}: features", found, golden[key], rtol=1e-5, atol=1e-5)


# ---- what the released run shows (docs/deviations.md) ---------------------------------------------------------------


def golden_run() -> tuple[dict[str, np.ndarray], dict[str, Tensor], Tensor]:
    """Arrays, weights and E of the released run of HA-CM."""
    golden = arrays("hacm")
    weights = torch.load(FOLDER / "hacm_release_format.pth", weights_only=True)["model"]
    return golden, weights, torch.from_numpy(golden["embed"]) + weights["temp_embed"] + weights["pos_embed"]


@needs_golden
def test_golden_spatial_scores_need_the_4() -> None:
    golden, _, embedded = golden_run()
    worst = {}
    for arithmetic in ("textbook", "released"):
        ball = PoincareBall(arithmetic=arithmetic)
        father = ball.mean(ball.expmap0(torch.from_numpy(golden["embed_root"])[:, 1::2]))
        found = spatial_scores(ball.expmap0(embedded[:, 1::2]), father, ball, root_weight=0.01).mT.numpy()
        worst[arithmetic] = np.abs(found / golden["spatial_column_sum"] - 1).max()
    assert worst["released"] < 0.001
    assert worst["textbook"] == pytest.approx(0.09, abs=0.01)


@needs_golden
def test_golden_temporal_scores_need_both_departures() -> None:
    golden, weights, embedded = golden_run()
    query, key = (F.linear(embedded[:, 0::2], weights[f"{n}.weight"], weights[f"{n}.bias"]) for n in ("l1", "l2"))
    expected, spread = golden["temporal_column_sum"], {}
    for inverse_sqrt, over_keys in ((False, False), (False, True), (True, False), (True, True)):
        attention = global_attention(query, key, inverse_sqrt=inverse_sqrt, over_keys=over_keys)
        found = temporal_scores(attention).mT.numpy()
        assert np.allclose(found, expected, atol=2e-4) == (not inverse_sqrt and not over_keys)
        spread[inverse_sqrt, over_keys] = np.ptp(found)
    assert spread[False, False] == pytest.approx(6.2, abs=0.05)
    assert spread[True, True] < 0.25


@needs_golden
def test_golden_spatial_slots_hold_no_kept_token() -> None:
    golden = golden_run()[0]
    kept = golden["ids_restore"] < 42  # the places of the 42 kept tokens, both branches', before all mask tokens
    assert (kept[:, :216].sum(1) == 42).all()
    assert not kept[:, 216:].any()
