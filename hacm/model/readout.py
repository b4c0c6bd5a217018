"""The vector that stands for a sequence: its tokens averaged over all of them (hacm.md §6), or joint by joint (ours).

Shapes: B sequences, S segments, J token joints, D width, F features.
"""

from torch import Tensor

from hacm.settings import ModelSettings


def read_out(tokens_BSJD: Tensor, settings: ModelSettings) -> Tensor:
    """The features (B, F): F is D for `mean`, and J·D for `joints`, where each joint keeps its own mean over time."""
    if settings.readout == "joints":
        return tokens_BSJD.mean(1).flatten(1)
    return tokens_BSJD.mean((1, 2))


def feature_width(settings: ModelSettings, joints: int) -> int:
    """F for a skeleton of so many token joints."""
    return settings.dim * (joints if settings.readout == "joints" else 1)
