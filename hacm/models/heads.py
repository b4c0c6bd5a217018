"""The classifiers that protocols train (hacm.evaluation), kept, and scoring again.

Shapes: N clips, D width, K classes.
"""

from collections.abc import Mapping

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor, nn

from hacm.checkpoints.checkpoint import one_line
from hacm.errors import DamagedModel
from hacm.evaluation.probe import build_probe
from hacm.evaluation.tuning import Head
from hacm.settings import TuningSettings

FILE = "head.safetensors"
"""Beside a result: what its protocol trained; without tensors where it trained no one classifier."""

ENCODER, HEAD = "encoder.", "head."
"""How the tensors of a fine-tuned classifier begin (hacm.evaluation.tuning.Classifier)."""


def pack(tensors: Mapping[str, Tensor] | None) -> bytes:
    """Tensors as safetensors has them; equal ones give equal bytes. None: there are none."""
    return tensors_to_bytes({name: tensor.detach().cpu().contiguous() for name, tensor in (tensors or {}).items()})


def unpack(data: bytes, path: object) -> dict[str, Tensor]:
    """The inverse of `pack`; DamagedModel naming the file at `path` if it cannot be."""
    try:
        return tensors_from_bytes(data)
    except SafetensorError as error:
        raise DamagedModel(f"{path}: damaged ({one_line(error)})") from error


def build_linear(dim: int, classes: int) -> nn.Sequential:
    """A linear probe to load tensors into."""
    return build_probe(dim, classes, torch.Generator())


def build_tuned(features: int, classes: int, hidden: int) -> Head:
    """A fine-tuned head to load tensors into; features: token joints times width."""
    return Head(features, classes, TuningSettings(hidden=hidden), torch.Generator())


def part(tensors: Mapping[str, Tensor], beginning: str) -> dict[str, Tensor]:
    """The tensors whose names begin so, by the rest of their names."""
    return {name.removeprefix(beginning): tensor for name, tensor in tensors.items() if name.startswith(beginning)}
