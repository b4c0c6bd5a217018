"""Loads a pretrained encoder for evaluation, and the control with random weights."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from hacm.checkpoints import checkpoint
from hacm.errors import DamagedModel, UserError
from hacm.model.network import HACM
from stages.shared import parameters
from stages.shared.parameters.validation import Source
from stages.shared.places import Run


@dataclass(frozen=True)
class Encoder:
    """The encoder of a pretraining, on the device where it is evaluated. facts: those of its checkpoint."""

    run: Run
    model: HACM
    facts: dict[str, Any]
    device: str

    def with_random_weights(self) -> "Encoder":
        """The control: the same model with random weights, other than those that its pretraining began from."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.run.seed + 1)
            fresh = HACM(
                self.model.skeleton,
                self.model.model_settings,
                self.model.masking_settings,
                self.model.loss_settings,
            )
        return replace(self, model=fresh.to(next(self.model.parameters()).device).eval())

    def describe(self, settings: Any) -> dict[str, Any]:
        """What a result states about the encoder and its evaluation. settings: the protocol's."""
        return {
            "variant": self.run.variant,
            "seed": self.run.seed,
            "encoder_hash": checkpoint.encoder_hash(self.model),
            "released": self.facts.get("released"),  # only `hacm import-released` states it
            "settings": asdict(settings),
            "device": self.device,
        }


def load_encoder(run: Run, device: str) -> Encoder:
    """The encoder in the checkpoint of a pretraining; UserError if it is unknown, not pretrained yet, or damaged."""
    if not run.model.is_dir():
        parameters.expect_known(Source.read(parameters.PARAMS_FILE), run.names)
        command = " ".join(f"--{name} {value}" for name, value in run.names.items())
        raise UserError(f"{run.model}: not pretrained yet; run dvc repro, or python -m stages.pretrain {command}")
    try:
        model, facts = checkpoint.load(run.model, device)
    except DamagedModel as error:
        raise UserError(f"{error}; run dvc repro to train it again") from error
    if not ("data_version" in facts and "augment" in facts.get("settings", {})):
        raise UserError(f"{run.model}: does not say on what and how it was trained; run dvc repro to train it again")
    return Encoder(run, model, facts, device)
