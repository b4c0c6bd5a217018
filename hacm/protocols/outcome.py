"""What a protocol hands back: class scores of the test clips. N test clips, K classes."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hacm.metrics import check_scores


@dataclass(frozen=True)
class Outcome:
    """Scores of the test clips, in the order of the protocol's test_index; higher means more likely.

    scores_NK: float32. target_N: int64. extra: further numbers by their full names. Those that end in `_top1` are
    accuracies, shares of 1: `best_epoch_as_released_top1` is the linear probe's optimistic one, chosen on the test
    split. Others are what the protocol settled by itself, e.g. ridge's `strength`.
    """

    scores_NK: NDArray[np.float32]
    target_N: NDArray[np.int64]
    extra: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_scores(self.scores_NK, self.target_N)
