"""What a protocol hands back: class scores of the test clips, and what it trained. N test clips, K classes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hacm.evaluation.landscape import Landscape
from hacm.evaluation.metrics import check_scores


@dataclass(frozen=True)
class Condition:
    """Scores of the same test clips under one condition of several, such as a share of labels or a degree of noise.

    kind: what was varied, in words ("labels", "gaussian noise"). level: how much of it, in its natural unit. draw:
    which of several random repetitions, from 0. scores_NK: float32.
    """

    kind: str
    level: float
    draw: int
    scores_NK: NDArray[np.float32]


@dataclass(frozen=True)
class Result:
    """Scores of the test clips, in the order of the task's test_index; higher means more likely.

    part: `train` where the clips are those of train_index instead, each scored by what was fitted without it.

    scores_NK: float32. target_N: int64. extra: further numbers by their full names. Those that end in `_top1` are
    accuracies, those in `_map` mean average precisions, both shares of 1: `best_epoch_as_released_top1` is the linear
    probe's optimistic one, chosen on the test split. Others are what the protocol settled by itself, e.g. ridge's
    `strength`. conditions: where the protocol evaluates under several, all of them; scores_NK is then
    the one that stands for it. head: where the protocol trained one classifier that scores_NK are from, its tensors by
    name, so that it can be used again (hacm.models.heads). landscape: where the protocol compares features themselves,
    how they lie.
    """

    scores_NK: NDArray[np.float32]
    target_N: NDArray[np.int64]
    extra: dict[str, float] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()
    part: Literal["train", "test"] = "test"
    head: Mapping[str, Tensor] | None = None
    landscape: Landscape | None = None

    def __post_init__(self) -> None:
        for scores_NK in (self.scores_NK, *(condition.scores_NK for condition in self.conditions)):
            check_scores(scores_NK, self.target_N)
