"""What an encoder is evaluated on. N clips of a part, D draws of labelled clips."""

from dataclasses import dataclass

from torch import Tensor

from hacm.clips.ragged import Clips
from hacm.settings import AugmentSettings


@dataclass(frozen=True)
class Task:
    """A benchmark as the protocols take it.

    clips: the whole data set. train_index, test_index: its two parts, CPU int64. classes: K; labels are 0 … K − 1.
    augment: how the encoder's clips were cropped, rotated and differenced in pretraining. label_rank_DN: int64, for
    each draw and each clip of train_index its place among the clips of its class, from 0: the first of every class are
    the labelled ones of that draw (pipeline/datasets/splits.py). None where nobody asks for a share of the labels.
    subject_N: int64, who performs each clip of the data set, as far as is known; None where nobody asks.
    """

    clips: Clips
    train_index: Tensor
    test_index: Tensor
    classes: int
    augment: AugmentSettings
    label_rank_DN: Tensor | None = None
    subject_N: Tensor | None = None
