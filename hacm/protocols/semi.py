"""Semi-supervised (hacm.md §6): fine-tuning on a share of the training labels.

A share s labels the first max(1, round(s·n)) of the n training clips of each class, in the order that a draw gives them
(round: halves to the even number): stratified, and a larger share holds the smaller.
Shapes: N training clips, K classes, D draws.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from hacm.clips.augment import seeded
from hacm.errors import SettingsError
from hacm.evaluation.result import Condition, Result
from hacm.evaluation.task import Task
from hacm.evaluation.tuning import Tuning, length
from hacm.model.network import HACM
from hacm.settings import SemiSettings as Settings


def run(
    model: HACM,
    task: Task,
    settings: Settings,
    seed: int,
    device: str,
    on_epoch: Callable[[float], None] | None = None,
) -> Result:
    """Scores of the test clips for every share and draw, as conditions `labels`; the model is left as it is.

    Draw d has labels, head, order and views of its own. on_epoch: called with settings.epochs times the share of all
    steps that are done, rounded down. SettingsError if the task has no order of labels for so many draws.
    """
    runs = [(share, draw) for share in settings.shares for draw in range(settings.draws)]
    labelled = [labelled_clips(task, share, draw) for share, draw in runs]
    steps = sum(length(len(index_N), settings, settings.least_steps).steps for index_N in labelled)
    conditions: list[Condition] = []
    done = 0
    for (share, draw), index_N in zip(runs, labelled, strict=True):
        tuning = Tuning(model, task, index_N, settings, draw_seed(seed, draw), device, settings.least_steps)
        for _ in tuning.run():
            done += tuning.length.steps_per_epoch
            if on_epoch is not None:
                on_epoch(settings.epochs * done // steps)
        conditions.append(Condition("labels", share, draw, tuning.score(task.test_index)))
    main = conditions[runs.index((settings.headline, 0))].scores_NK
    return Result(main, task.clips.label_N[task.test_index].numpy(), conditions=tuple(conditions))


def labelled_clips(task: Task, share: float, draw: int) -> Tensor:
    """The clips of task.train_index that carry labels. SettingsError if the task has no such draw."""
    draws = 0 if task.label_rank_DN is None else len(task.label_rank_DN)
    if task.label_rank_DN is None or draw >= draws:
        raise SettingsError(f"draws {draw + 1} is more than the {draws} whose labels the split orders")
    label_N = task.clips.label_N[task.train_index]
    clips_K = torch.bincount(label_N, minlength=task.classes).tolist()
    quota_K = torch.tensor([max(1, round(share * clips)) for clips in clips_K])
    return task.train_index[task.label_rank_DN[draw] < quota_K[label_N]]


def draw_seed(seed: int, draw: int) -> int:
    """The seed of everything that a draw's runs draw, the same for every share."""
    return seeded(seed, "draw", draw).initial_seed()
