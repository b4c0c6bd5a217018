"""Optimisers and the groups of parameters that weight decay touches (hacm.md §6)."""

from typing import Any

import torch
from torch import nn

from hacm.settings import PretrainSettings

# Modules whose `weight` is a matrix of a linear map. Position embeddings are matrices by shape only.
MATRIX_MODULES = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Two groups: matrices of linear maps with decay; biases, norms, embeddings and tokens without.

    Parameters that do not require gradients belong to neither.
    """
    matrices = {id(module.weight) for module in model.modules() if isinstance(module, MATRIX_MODULES)}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [each for each in trained if id(each) in matrices], "weight_decay": weight_decay},
        {"params": [each for each in trained if id(each) not in matrices], "weight_decay": 0.0},
    ]


def pretraining_optimiser(model: nn.Module, settings: PretrainSettings) -> torch.optim.AdamW:
    """AdamW as released. Fused: one kernel a group in place of several a parameter."""
    groups = parameter_groups(model, settings.weight_decay)
    return torch.optim.AdamW(groups, lr=settings.lr, betas=(settings.beta1, settings.beta2), fused=True)
