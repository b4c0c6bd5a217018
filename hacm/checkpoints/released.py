"""Checkpoints that the authors of HA-CM and of MAMP released, as models of this project (hacm.md §9).

All that is known of the two formats stands here: a file holds {"model": state dict, …}; `HA_CM`, `MAMP`, `TENSORS`,
`MODULES` and `BLOCK_MODULES` say which of its names are which of ours, `release_view` how the axes differ. No code in
a file is run: it is unpickled by torch with `weights_only=True`.

Suffixes: S segments, J token joints, r frames of a segment, C coordinates, P = r·C values of a patch, D width.
"""

import argparse
import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hacm.checkpoints.checkpoint import one_line, read
from hacm.errors import DamagedModel, SettingsError
from hacm.model.network import HACM
from hacm.model.transformer import COORDINATES, token_joints
from hacm.settings import LossSettings, MaskingSettings, ModelSettings
from hacm.skeletons.skeleton import Skeleton

PUBLISHED_HEADS = 8


@dataclass(frozen=True)
class Release:
    """What is known of one release.

    own: tensors by which it is told from the other, with our names. unused: modules and tensors in its files that its
    code never uses. The rest are the settings that its model was trained with.
    """

    method: str
    own: dict[str, str]
    unused: frozenset[str]
    prune: bool
    hyperbolic: bool
    masking: MaskingSettings
    loss: LossSettings


HA_CM = Release(
    method="HA-CM",
    own={
        "mask_token_t": "decoder.mask_token",
        "l1.weight": "masking.query.weight",
        "l1.bias": "masking.query.bias",
        "l2.weight": "masking.key.weight",
        "l2.bias": "masking.key.bias",
    },
    unused=frozenset(
        {"mask_token", "mask_token_s"}
        | {"decoder_embed_t", "decoder_embed_s", "decoder_fc", "decoder_fc_t", "decoder_fc_s"}
    ),
    prune=True,
    hyperbolic=True,
    masking=MaskingSettings(),
    loss=LossSettings(),
)
MAMP = Release(
    method="MAMP",
    own={"mask_token": "decoder.mask_token"},
    unused=frozenset(),
    prune=False,
    hyperbolic=False,
    masking=MaskingSettings(strategy="motion", tau=0.8),
    loss=LossSettings(contrast=False),
)
RELEASES = (HA_CM, MAMP)  # in this order: HA-CM's files hold a mask_token too, which is never used

TENSORS = {
    "temp_embed": "encoder.segment_embedding",
    "pos_embed": "encoder.joint_embedding",
    "decoder_temp_embed": "decoder.segment_embedding",
    "decoder_pos_embed": "decoder.joint_embedding",
}
# Each with a weight and a bias.
MODULES = {
    "joints_embed.proj": "encoder.embedding",
    "norm": "encoder.norm",
    "decoder_embed": "decoder.embedding",
    "decoder_norm": "decoder.norm",
    "decoder_pred": "decoder.head",
}
BLOCKS = {"blocks": "encoder.blocks", "decoder_blocks": "decoder.blocks"}
BLOCK_MODULES = {
    "norm1": "norm1",
    "attn.qkv": "attention.qkv",
    "attn.proj": "attention.projection",
    "norm2": "norm2",
    "mlp.fc1": "mlp.expand",
    "mlp.fc2": "mlp.contract",
}


@dataclass(frozen=True)
class Imported:
    """A released model in evaluation mode.

    unused: tensors of the file that its own code never uses. unknown: others that neither uses, for whoever brings a
    file with something added. epoch: what the file says of itself, None if nothing.
    """

    model: HACM
    method: str
    unused: tuple[str, ...]
    unknown: tuple[str, ...]
    epoch: int | None


def load(path: Path, skeleton: Skeleton, heads: int = PUBLISHED_HEADS) -> Imported:
    """The model in a released file of either method; sizes are read from the weights.

    heads: of the attention. The weights do not tell how many there are: another number gives other features, not an
    error. DamagedModel, one line that names the file and what does not fit, if it is damaged, would run code when
    loaded, or is not a release for this skeleton. The global random state is left as it was.
    """
    data = read(path)
    try:
        content = unpickle(data)
        tensors = state_dict(content)
        release = recognise(tensors)
        settings = read_settings(tensors, release, skeleton, heads)
        with torch.random.fork_rng(devices=[]):
            model = HACM(skeleton, settings, release.masking, release.loss)
        views = release_views(model, release)
        check_fit(tensors, views, release)
    except (DamagedModel, SettingsError) as error:
        raise DamagedModel(f"{path}: {one_line(error)}") from error
    for name, view in views.items():
        view.copy_(tensors[name])
    rest = sorted(tensors.keys() - views.keys())
    epoch = content.get("epoch")
    return Imported(
        model=model.eval(),
        method=release.method,
        unused=tuple(name for name in rest if is_part_of(name, release.unused)),
        unknown=tuple(name for name in rest if not is_part_of(name, release.unused)),
        epoch=epoch if isinstance(epoch, int) else None,
    )


def unpickle(data: bytes) -> Any:
    """What torch.save wrote, without running code. DamagedModel if that is not possible.

    Of classes, argparse.Namespace alone is let through: training scripts save their options as one. It holds names and
    values, and making one runs nothing.
    """
    try:
        if zipfile.is_zipfile(io.BytesIO(data)):  # torch does not compare the checksums that it writes
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                if archive.testzip() is not None:
                    raise zipfile.BadZipFile("a checksum differs")
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes make torch stumble in any way; its own advice is to load unsafely
        forbidden = re.search(r"GLOBAL (\S+)", str(error))
        if forbidden:
            raise DamagedModel(f"refused: loading it could run code (it asks for {forbidden[1]})") from error
        raise DamagedModel("damaged, or not a file of torch.save") from error


def state_dict(content: Any) -> dict[str, Tensor]:
    """The tensors under "model", by the release's names."""
    if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
        raise DamagedModel('not a released checkpoint: holds no "model" with a state dict')
    for name, tensor in content["model"].items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise DamagedModel(f'not a released checkpoint: {name!r} in "model" is no tensor')
    return dict(content["model"])


def recognise(tensors: dict[str, Tensor]) -> Release:
    """Whose release this is, by the tensors that only one of them has."""
    for release in RELEASES:
        if any(name in tensors for name in release.own):
            return release
    marks = " nor ".join(f"{release.method}'s ({', '.join(release.own)})" for release in RELEASES)
    raise DamagedModel(f"not a released checkpoint: has neither tensors of {marks}")


def read_settings(tensors: dict[str, Tensor], release: Release, skeleton: Skeleton, heads: int) -> ModelSettings:
    """The sizes that the weights' shapes tell. DamagedModel if they are not a model's, or one of another skeleton."""
    dim, _, segment, _ = axes(tensors, "joints_embed.proj.weight", 4)
    _, segments, _, _ = axes(tensors, "temp_embed", 4)
    _, _, joints, _ = axes(tensors, "pos_embed", 4)
    hidden, _ = axes(tensors, "blocks.0.mlp.fc1.weight", 2)
    settings = ModelSettings(
        arithmetic="released",
        dim=dim,
        heads=heads,
        encoder_blocks=count_blocks(tensors, "blocks"),
        decoder_blocks=count_blocks(tensors, "decoder_blocks"),
        mlp_ratio=hidden / dim,
        frames=segments * segment,
        segment=segment,
        prune=release.prune,
        hyperbolic=release.hyperbolic,
    )
    needed = len(token_joints(skeleton, settings))
    if joints != needed:
        raise DamagedModel(
            f"{release.method} for {joints} token joints, but on a skeleton of {skeleton.joints} joints it has {needed}"
        )
    return settings


def axes(tensors: dict[str, Tensor], name: str, count: int) -> tuple[int, ...]:
    """The sizes of a tensor's axes, `count` of them, none of them 0."""
    if name not in tensors:
        raise DamagedModel(f"tensor {name} is missing")
    shape = tuple(tensors[name].shape)
    if len(shape) != count or 0 in shape:
        raise DamagedModel(f"tensor {name} is {shape}, {count} axes are needed, none of them 0")
    return shape


def count_blocks(tensors: dict[str, Tensor], stem: str) -> int:
    """How many Transformer blocks there are; their numbers are not looked at."""
    return len({name.split(".")[1] for name in tensors if name.startswith(f"{stem}.")})


def release_views(model: HACM, release: Release) -> dict[str, Tensor]:
    """All tensors of the model by the release's names and with its axes; what is copied into one is in the model."""
    modules = dict(MODULES)
    counts = (model.model_settings.encoder_blocks, model.model_settings.decoder_blocks)
    for (old, new), count in zip(BLOCKS.items(), counts, strict=True):
        for block in range(count):
            modules |= {f"{old}.{block}.{one}": f"{new}.{block}.{other}" for one, other in BLOCK_MODULES.items()}
    names = TENSORS | release.own
    names |= {f"{old}.{kind}": f"{new}.{kind}" for old, new in modules.items() for kind in ("weight", "bias")}
    ours = model.state_dict()
    assert sorted(names.values()) == sorted(ours)
    return {name: release_view(name, ours[new]) for name, new in names.items()}


def release_view(name: str, ours: Tensor) -> Tensor:
    """Our tensor with the axes that the release gives it."""
    if name == "joints_embed.proj.weight":  # a convolution: (D, P) as (D, C, r, 1)
        return ours.unflatten(1, (-1, COORDINATES)).transpose(1, 2)[..., None]
    if name in ("temp_embed", "decoder_temp_embed"):  # (S, D) as (1, S, 1, D)
        return ours[None, :, None]
    if name in ("pos_embed", "decoder_pos_embed", "mask_token", "mask_token_t"):  # (J, D) as (1, 1, J, D)
        return ours[None, None]
    return ours


def check_fit(tensors: dict[str, Tensor], views: dict[str, Tensor], release: Release) -> None:
    """DamagedModel naming the first tensor that is missing, has another shape or type, or belongs to another network.

    Tensors beside the network are none of its business; one within a module that is used would change what it does.
    """
    for name, view in views.items():
        if name not in tensors:
            raise DamagedModel(f"{release.method} without tensor {name}")
        found = tensors[name]
        if found.shape != view.shape or found.dtype != view.dtype:
            raise DamagedModel(
                f"tensor {name} is {describe(found)}, {release.method} of this size has {describe(view)}"
            )
        if not bool(found.isfinite().all()):
            raise DamagedModel(f"tensor {name} has values that are not finite")
    used = frozenset(name.split(".")[0] for name in views)
    for name in sorted(tensors.keys() - views.keys()):
        if is_part_of(name, used):
            raise DamagedModel(f"tensor {name} does not belong to {release.method} as released")


def is_part_of(name: str, modules: frozenset[str]) -> bool:
    """Whether a tensor is one of these or lies in one of these modules."""
    return name.split(".")[0] in modules


def describe(tensor: Tensor) -> str:
    """Shape and type for a message."""
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
