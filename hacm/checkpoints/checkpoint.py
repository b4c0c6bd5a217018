"""A trained model on disk: `weights.safetensors` and `checkpoint.json` in one folder.

Neither file can run code when it is loaded: safetensors holds numbers only, and the JSON is read into the settings'
dataclasses. Both are written under a temporary name and renamed; the JSON comes last and names the weights' hash, so a
save that was killed half-way is found out by `load`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor, nn

from hacm.errors import DamagedModel, SettingsError, UserError
from hacm.files import is_as_sealed, replace_file, seal
from hacm.model.network import HACM
from hacm.settings import LossSettings, MaskingSettings, ModelSettings
from hacm.skeletons.skeleton import Skeleton

FORMAT = 2
CONVERTIBLE = (1,)
"""Earlier formats that `hacm migrate` converts."""

WEIGHTS = "weights.safetensors"
DESCRIPTION = "checkpoint.json"
PARTS: dict[str, TypeAdapter[Any]] = {
    "skeleton": TypeAdapter(Skeleton),
    "model": TypeAdapter(ModelSettings),
    "masking": TypeAdapter(MaskingSettings),
    "loss": TypeAdapter(LossSettings),
}


def save(path_dir: Path, model: HACM, facts: Mapping[str, Any]) -> None:
    """Write the model (encoder, decoder and masking) and what its maker wants known of it into path_dir.

    facts: anything JSON can hold: params, data version, code commit, library versions, seed, step. Equal models and
    facts give equal files. TypeError or DamagedModel if facts do not fit JSON; nothing is written then.
    """
    weights = tensors_to_bytes(
        {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    )
    description = {
        "format": FORMAT,
        "skeleton": asdict(model.skeleton),
        "model": asdict(model.model_settings),
        "masking": asdict(model.masking_settings),
        "loss": asdict(model.loss_settings),
        "weights": digest(weights),
        "encoder": encoder_hash(model),
        "facts": dict(facts),
    }
    text = json.dumps(seal(description), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    for name, data in ((WEIGHTS, weights), (DESCRIPTION, text.encode())):
        with replace_file(path_dir / name) as temporary:
            temporary.write_bytes(data)


def load(path_dir: Path, device: str | torch.device = "cpu") -> tuple[HACM, dict[str, Any]]:
    """The model, rebuilt from its own settings, in evaluation mode on `device`, and the facts saved with it.

    DamagedModel, one line that names the file and what is wrong, if a file is missing, damaged, or does not fit;
    UserError, likewise, if it is of a format that hacm migrate converts. The global random state is left as it was.
    """
    path_json, path_weights = path_dir / DESCRIPTION, path_dir / WEIGHTS
    description = read_description(path_json)
    weights = read(path_weights)
    if digest(weights) != description["weights"]:
        raise DamagedModel(f"{path_weights}: not the weights that {DESCRIPTION} was saved with (hash differs)")
    try:
        tensors = tensors_from_bytes(weights)
    except SafetensorError as error:
        raise DamagedModel(f"{path_weights}: damaged ({one_line(error)})") from error
    with torch.random.fork_rng(devices=[]):
        try:
            model = HACM(**{name: part.validate_python(description[name]) for name, part in PARTS.items()})
        except (ValidationError, SettingsError) as error:
            raise DamagedModel(f"{path_json}: {one_line(error)}") from error
    check_fit(model.state_dict(), tensors, path_weights)
    model.load_state_dict(tensors)
    return model.to(device).eval(), description["facts"]


class HasEncoder(Protocol):
    """A model, or what was made of its encoder."""

    @property
    def encoder(self) -> nn.Module:
        """The part that is saved and hashed."""
        ...


def encoder_hash(model: HasEncoder) -> str:
    """BLAKE2b (16 bytes, hex) over the encoder's weights in name order: names, shapes, little-endian float32 values."""
    state = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(model.encoder.state_dict().items()):
        values = tensor.detach().to("cpu", torch.float32).contiguous().numpy().astype("<f4")
        state.update(f"{name}{tuple(values.shape)}".encode())
        state.update(values.tobytes())
    return state.hexdigest()


def read_description(path: Path) -> dict[str, Any]:
    """checkpoint.json with all its keys, else DamagedModel; UserError for one that hacm migrate converts."""
    try:
        description = json.loads(read(path))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedModel(f"{path}: not JSON ({one_line(error)})") from error
    if isinstance(description, dict) and description.get("format") in CONVERTIBLE:
        raise UserError(
            f"{path}: a checkpoint of format {description['format']}, not {FORMAT}; "
            f"hacm migrate {path.parent} converts it"
        )
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise DamagedModel(f"{path}: not a checkpoint of format {FORMAT}")
    for key in (*PARTS, "weights", "facts"):
        if key not in description:
            raise DamagedModel(f"{path}: key {key} is missing")
    if not is_as_sealed(description):
        raise DamagedModel(f"{path}: is not as it was written")
    return description


def check_fit(expected: Mapping[str, Tensor], found: Mapping[str, Tensor], path: Path) -> None:
    """DamagedModel naming the first tensor that is missing, unknown, or of another shape or type."""
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            raise DamagedModel(f"{path}: tensor {name} is missing")
        if name not in expected:
            raise DamagedModel(f"{path}: tensor {name} does not belong to this model")
        if found[name].shape != expected[name].shape or found[name].dtype != expected[name].dtype:
            raise DamagedModel(
                f"{path}: tensor {name} is {tuple(found[name].shape)} {found[name].dtype}, "
                f"the model needs {tuple(expected[name].shape)} {expected[name].dtype}"
            )


def read(path: Path) -> bytes:
    """The file's bytes; DamagedModel if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DamagedModel(f"{path}: cannot be read ({error.strerror})") from error


def digest(data: bytes) -> str:
    """BLAKE2b of the bytes (16 bytes, hex)."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def one_line(error: Exception) -> str:
    """An error's message without line breaks; of several validation errors, the first with its key."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or error.title}: {first['msg']}"
    return " ".join(str(error).split())
