"""A pretrained encoder as it is evaluated, and the control beside it."""

from dataclasses import asdict
from typing import Any

import torch

from hacm.checkpoints import checkpoint
from hacm.errors import UserError
from hacm.model.network import HACM
from stages.shared.places import Run


def load_model(run: Run, device: str) -> tuple[HACM, dict[str, Any]]:
    """The checkpoint of a pretraining, and its facts; UserError if it is absent or damaged."""
    try:
        model, facts = checkpoint.load(run.model, device)
    except (OSError, ValueError) as error:
        raise UserError(f"{error}; run dvc repro to train it anew") from error
    if not ("data_version" in facts and "augment" in facts.get("settings", {})):
        raise UserError(f"{run.model}: does not say on what and how it was trained; run dvc repro to train it anew")
    return model, facts


def like(model: HACM, seed: int) -> HACM:
    """The same model with random weights, other than those that a pretraining from this seed began from."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + 1)
        fresh = HACM(model.skeleton, model.model_settings, model.masking_settings, model.loss_settings)
    return fresh.to(next(model.parameters()).device).eval()


def describe_evaluation(run: Run, model: HACM, facts: dict[str, Any], settings: Any, device: str) -> dict[str, Any]:
    """What a result says of the encoder and of how it was evaluated; settings: the protocol's."""
    return {
        "variant": run.variant,
        "seed": run.seed,
        "encoder_hash": checkpoint.encoder_hash(model),
        "released": facts.get("released"),  # only stages.tools.import_released states it
        "settings": asdict(settings),
        "device": device,
    }
