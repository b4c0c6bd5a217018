"""How good the features are while pretraining runs: neighbours of left-out training subjects' clips, to be looked at.

No test subject is looked at, and nothing of the training follows from it: the weights are the same bits with and
without. It takes at most a small share of the time: a look that would take more is put off to a later epoch.
"""

import time
from collections.abc import Callable
from pathlib import Path

import torch

from hacm.errors import UserError
from hacm.evaluation.features import encode, frozen
from hacm.evaluation.task import Task
from hacm.files import read_json, write_json
from hacm.model.network import HACM
from hacm.protocols.loso import count_neighbours, list_folds
from hacm.settings import LosoSettings

MOST_TIME = 0.03
"""The share of the time since the beginning that all looks together may take."""
TRIAL = 32
"""Clips that are encoded to estimate what the first look takes."""


class Watch:
    """Looks every so many epochs. looks: by epoch, the share of clips that their nearest neighbour names right.

    every: epochs from one look to the next. file: where looks are kept, so that a run that is resumed has those of its
    earlier parts; work: tells them from those of other work in that place. SettingsError if the task has fewer than two
    training subjects.
    """

    def __init__(
        self,
        task: Task,
        every: int,
        file: Path | None = None,
        work: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.every = every
        self._task, self._settings, self._clock = task, LosoSettings(), clock
        self._folds = list_folds(task, self._settings)
        self._file, self._work = file, work
        self._began, self._spent = clock(), 0.0
        self._cost: float | None = None
        self.looks: dict[int, float] = read_looks(file, work) if file is not None else {}

    def __call__(self, epoch: int, model: HACM) -> None:
        """After an epoch: look, if it is one to look after and there is time."""
        if epoch % self.every or epoch in self.looks or not self._has_time(model):
            return
        began = self._clock()
        self.looks[epoch] = self._look(model)
        self._cost = self._clock() - began
        self._spent += self._cost
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._file, {"work": self._work, "looks": {str(key): one for key, one in self.looks.items()}})

    def _look(self, model: HACM) -> float:
        task = self._task
        with frozen(model):
            clean_ND = self._encode(model, task.train_index)
            label_N = task.clips.label_N[task.train_index].to(clean_ND.device)
            return count_neighbours(clean_ND, label_N, self._folds, task.classes, self._settings)

    def _encode(self, model: HACM, index_N: torch.Tensor) -> torch.Tensor:
        task, bodies = self._task, self._settings.absent_bodies
        return encode(model, task.clips, index_N, task.augment, training=False, absent_bodies=bodies)

    def _has_time(self, model: HACM) -> bool:
        if self._cost is None:
            began, index_N = self._clock(), self._task.train_index
            with frozen(model):
                self._encode(model, index_N[:TRIAL])
            trial = self._clock() - began
            self._spent += trial
            self._cost = trial * max(1.0, len(index_N) / TRIAL)
        return self._spent + self._cost <= MOST_TIME * (self._clock() - self._began)


def read_looks(file: Path, work: str) -> dict[int, float]:
    """The looks of earlier parts of that work; none if there are none that can be read."""
    try:
        kept = read_json(file)
        return {int(epoch): float(share) for epoch, share in kept["looks"].items()} if kept["work"] == work else {}
    except (UserError, KeyError, TypeError, AttributeError, ValueError):
        return {}
