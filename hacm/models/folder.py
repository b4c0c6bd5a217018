"""A model on disk: `model.json`, `weights.safetensors` and `card.md` in one folder (Layout: or as the hub calls them).

Nothing in it can run code when it is loaded: safetensors holds numbers only, and the JSON is read into dataclasses. All
files are written into a folder of a temporary name, which is renamed; the JSON names the weights' hash and is sealed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from hacm import __version__
from hacm.checkpoints.checkpoint import check_fit, digest, one_line, read
from hacm.errors import DamagedModel, SettingsError, UserError
from hacm.evaluation.tuning import Head
from hacm.files import is_as_sealed, replace_directory, seal
from hacm.model.geometry import space_of
from hacm.model.readout import feature_width
from hacm.model.transformer import Encoder, token_joints
from hacm.models import finding
from hacm.models.card import write_card
from hacm.models.description import Description, shape_of
from hacm.models.familiarity import Neighbours
from hacm.models.heads import ENCODER, HEAD, build_linear, build_tuned, pack, part, unpack
from hacm.settings import ModelSettings

FORMAT = 1

WEIGHTS, DESCRIPTION, CARD = "weights.safetensors", "model.json", "card.md"


@dataclass(frozen=True)
class Layout:
    """What a model's files are called."""

    weights: str
    description: str
    card: str


OURS = Layout(WEIGHTS, DESCRIPTION, CARD)
HUGGING_FACE = Layout("model.safetensors", finding.HUGGING_FACE, "README.md")

NEIGHBOURS = "neighbours."
NEIGHBOUR_TENSORS = ("features_GD", "mean_D", "deviation_D")

DESCRIBED: TypeAdapter[Description] = TypeAdapter(Description)


class FeatureEncoder(nn.Module):
    """An encoder by itself, as hacm.evaluation.features takes it."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    @property
    def model_settings(self) -> ModelSettings:
        """Sizes and choices of the encoder."""
        return self.encoder.settings

    def features(self, x_BTVC: Tensor) -> Tensor:
        """The tokens, (B, S, J, D)."""
        tokens_BSJD: Tensor = self.encoder(x_BTVC)
        return tokens_BSJD


@dataclass(frozen=True)
class Parts:
    """What is in a model's folder, on the CPU and in evaluation mode. head: None where only features are had."""

    description: Description
    encoder: FeatureEncoder
    head: nn.Sequential | Head | None
    neighbours: Neighbours | None


def save(folder: Path, parts: Parts, layout: Layout = OURS, card: str | None = None) -> None:
    """Write a model in place of the folder; equal models give equal files. card: if not write_card's."""
    weights = pack(tensors_of(parts))
    description = DESCRIBED.validate_python(parts.description.as_json())  # numbers as they will be read
    described = description.as_json() | {"format": FORMAT, "weights": digest(weights)}
    text = json.dumps(seal(described), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    with replace_directory(folder) as temporary:
        (temporary / layout.weights).write_bytes(weights)
        (temporary / layout.description).write_text(text, encoding="utf-8")
        (temporary / layout.card).write_text(card or write_card(parts.description), encoding="utf-8")


def layout_of(folder: Path) -> Layout:
    """Ours, unless the folder has only what Hugging Face's hub has."""
    found = (folder / OURS.description).exists() or not (folder / HUGGING_FACE.description).exists()
    return OURS if found else HUGGING_FACE


def load(folder: Path) -> Parts:
    """The model in a folder; DamagedModel or UserError, one line that names the file, if it cannot be used.

    The global random state is left as it was.
    """
    layout = layout_of(folder)
    path_json, path_weights = folder / layout.description, folder / layout.weights
    content = read_content(path_json)
    weights = read(path_weights)
    if digest(weights) != content.pop("weights", None):
        raise DamagedModel(f"{path_weights}: not the weights that {layout.description} was written with (hash differs)")
    found = unpack(weights, path_weights)
    try:
        description = DESCRIBED.validate_python(content)
        expect_room(description, len(weights))
        parts = build(description, found)
    except (ValidationError, SettingsError, UserError, KeyError, TypeError, ValueError) as error:
        raise DamagedModel(f"{path_json}: {one_line(error)}") from error
    check_fit(tensors_of(parts), found, path_weights)
    for name, tensor in sorted(found.items()):
        if not bool(torch.isfinite(tensor).all()):
            raise DamagedModel(f"{path_weights}: tensor {name} holds numbers that are not finite")
    parts.encoder.encoder.load_state_dict(part(found, ENCODER))
    if parts.head is not None:
        parts.head.load_state_dict(part(found, HEAD))
    parts.encoder.eval()
    return parts


def read_description(folder: Path) -> Description:
    """What the model in a folder says of itself; raises as `load` does."""
    path = folder / layout_of(folder).description
    content = read_content(path)
    content.pop("weights", None)
    try:
        return DESCRIBED.validate_python(content)
    except (ValidationError, SettingsError) as error:
        raise DamagedModel(f"{path}: {one_line(error)}") from error


def read_content(path: Path) -> dict[str, Any]:
    """model.json as it was sealed, without seal and format."""
    try:
        content = json.loads(read(path))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedModel(f"{path}: not JSON ({one_line(error)})") from error
    version = content.get("format") if isinstance(content, dict) else None
    if type(version) is not int or version < 1:
        raise DamagedModel(f"{path}: not the description of a model")
    if version > FORMAT:
        raise UserError(
            f"{path}: a model of format {version}, and hacm {__version__} knows formats up to {FORMAT}: install a "
            "newer hacm"
        )
    if "sealed" not in content or not is_as_sealed(content):
        raise DamagedModel(f"{path}: is not as it was written")
    return {key: value for key, value in content.items() if key not in ("sealed", "format")}


def expect_room(description: Description, size: int) -> None:
    """ValueError if the weights, of so many bytes, are far too few.

    A description may ask for any amount of memory: such a model is not even built.
    """
    settings = description.model
    width = feature_width(settings, len(token_joints(shape_of(description.skeleton), settings)))
    least = {
        "encoder": 4 * settings.encoder_blocks * settings.dim**2,
        "segments": settings.frames // settings.segment * settings.dim,
        "head": len(description.classes) * width if description.head == "linear" else 0,
        "hidden": description.hidden * settings.dim,
    }
    for name, numbers in least.items():
        if 4 * numbers > size:
            raise ValueError(f"{name}: {numbers} numbers at least, and the weights have {size} bytes")


def build(description: Description, found: Mapping[str, Tensor]) -> Parts:
    """A model of that description to load tensors into; `found` says how many neighbours there are."""
    settings, skeleton = description.model, shape_of(description.skeleton)
    with torch.random.fork_rng(devices=[]):
        space = space_of(settings.hyperbolic, settings.curvature, settings.arithmetic)
        encoder = Encoder(skeleton, settings, space)
    width = feature_width(settings, len(encoder.token_joints))
    head: nn.Sequential | Head | None = None
    if description.head == "linear":
        head = build_linear(width, len(description.classes)).eval()
    elif description.head == "finetune":
        head = build_tuned(
            len(encoder.token_joints) * settings.dim, len(description.classes), description.hidden
        ).eval()
    neighbours = None
    if description.familiarity is not None:
        neighbours = read_neighbours(found, width)
    return Parts(description, FeatureEncoder(encoder).eval(), head, neighbours)


def read_neighbours(found: Mapping[str, Tensor], dim: int) -> Neighbours:
    """The neighbours among a model's tensors; ValueError if they are not of its width."""
    tensors = [found[f"{NEIGHBOURS}{name}"] for name in NEIGHBOUR_TENSORS]
    for name, tensor in zip(NEIGHBOUR_TENSORS, tensors, strict=True):
        rows = name == "features_GD"
        kept = torch.float16 if rows else torch.float32
        if tensor.shape[rows:] != (dim,) or tensor.ndim != 1 + rows or tensor.dtype != kept or not len(tensor):
            raise ValueError(f"tensor {NEIGHBOURS}{name} is {tuple(tensor.shape)} {tensor.dtype}, of width {dim}")
    return Neighbours(*(tensor.to(torch.float32) for tensor in tensors))


def tensors_of(parts: Parts) -> dict[str, Tensor]:
    """All numbers of a model by name."""
    tensors = {f"{ENCODER}{name}": tensor for name, tensor in parts.encoder.encoder.state_dict().items()}
    if parts.head is not None:
        tensors |= {f"{HEAD}{name}": tensor for name, tensor in parts.head.state_dict().items()}
    if parts.neighbours is not None:
        tensors |= {f"{NEIGHBOURS}{name}": getattr(parts.neighbours, name) for name in NEIGHBOUR_TENSORS}
        tensors[f"{NEIGHBOURS}features_GD"] = parts.neighbours.features_GD.to(torch.float16)
    return tensors
