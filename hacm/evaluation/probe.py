"""A linear probe on frozen features (hacm.md §6), for the protocols that train one.

Shapes: N clips, B clips of a batch, D width, K classes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hacm.clips.augment import seeded
from hacm.errors import SettingsError
from hacm.evaluation import metrics
from hacm.evaluation.features import Encodes, encode
from hacm.evaluation.task import Task
from hacm.settings import ProbeSettings
from hacm.training.schedules import warmup_cosine

BATCH_NORM_EPS = 1e-6
WEIGHT_STD = 0.01


@dataclass(frozen=True)
class TrainedProbe:
    """A probe after its last epoch.

    scores_NK: its scores of the centre-cropped test clips, float32. target_N: their classes. best_epoch_top1: the
    optimistic accuracy of the epoch that was best on the test clips, a share of 1.
    """

    probe: nn.Sequential
    scores_NK: NDArray[np.float32]
    target_N: NDArray[np.int64]
    best_epoch_top1: float


def train_probe(
    model: Encodes,
    task: Task,
    settings: ProbeSettings,
    seed: int,
    device: str,
    on_epoch: Callable[[float], None] | None = None,
) -> TrainedProbe:
    """Train a probe on augmented views of the training clips, score the centre-cropped test clips after every epoch.

    Epoch e sees view e mod `views`; each view of each clip is encoded once. The caller holds the model frozen
    (features.frozen). on_epoch: called with the number of epochs done, and with a part of one while the features that
    it needs are computed. SettingsError with fewer than two training clips.
    """
    report: Callable[[float], None] = on_epoch or (lambda done: None)
    clips, train_index, test_index = task.clips, task.train_index, task.test_index
    if len(train_index) < 2:
        raise SettingsError(f"a linear probe needs at least two training clips, not {len(train_index)}")
    target_N = clips.label_N[test_index].numpy()
    best = 0.0
    views = Views(model, task, settings, seed)
    first = len(test_index) + len(train_index)  # clips encoded for the first epoch
    test_ND = encode(
        model,
        clips,
        test_index,
        task.augment,
        training=False,
        absent_bodies=settings.absent_bodies,
        on_clips=lambda done: report(done / first),
    ).to(device)
    probe = build_probe(test_ND.shape[1], task.classes, seeded(seed, "probe", 0)).to(device)
    optimiser = probe_optimiser(probe, settings)
    label_N = clips.label_N[train_index].to(device)
    for epoch in range(settings.epochs):
        order_N = torch.randperm(len(train_index), generator=seeded(seed, "order", epoch))
        before, clips_needed = (len(test_index), first) if epoch == 0 else (0, len(train_index))
        share = partial(_report_share, report, epoch, before, clips_needed)
        train_epoch(probe, optimiser, views.of(epoch, share).to(device), label_N, order_N.to(device), settings, epoch)
        scores_NK = score(probe, test_ND)
        best = max(best, float(metrics.top_k(scores_NK, target_N, 1).mean()))
        report(epoch + 1)
    return TrainedProbe(probe, scores_NK, target_N, best)


def _report_share(report: Callable[[float], None], epoch: int, before: int, needed: int, done: int) -> None:
    """How far an epoch's features are: of the clips needed, `before` were encoded earlier, and now `done` more."""
    report(epoch + (before + done) / needed)


class Views:
    """Features of augmented views of the training clips; epoch e sees view e mod `views`.

    A view is encoded when it is first asked for and kept only if another epoch will see it again: the published recipe
    (as many views as epochs) holds one at a time.
    """

    def __init__(
        self,
        model: Encodes,
        task: Task,
        settings: ProbeSettings,
        seed: int,
    ) -> None:
        self.model, self.task, self.settings, self.seed = model, task, settings, seed
        self._kept: dict[int, Tensor] = {}

    def of(self, epoch: int, on_clips: Callable[[int], None] | None = None) -> Tensor:
        """The features (N, D) that this epoch sees. on_clips: as of `encode`, if they must be computed."""
        view = epoch % self.settings.views
        features_ND = self._kept.pop(view, None)
        if features_ND is None:
            features_ND = encode(
                self.model,
                self.task.clips,
                self.task.train_index,
                self.task.augment,
                training=True,
                absent_bodies=self.settings.absent_bodies,
                generator=seeded(self.seed, "view", view),
                on_clips=on_clips,
            )
        if epoch + self.settings.views < self.settings.epochs:
            self._kept[view] = features_ND
        return features_ND


def build_probe(dim: int, classes: int, generator: torch.Generator) -> nn.Sequential:
    """Batch normalisation without affine, then a linear layer: weights truncated normal, bias 0."""
    linear = blank_linear(dim, classes)
    nn.init.trunc_normal_(linear.weight, std=WEIGHT_STD, generator=generator)
    nn.init.zeros_(linear.bias)
    return nn.Sequential(nn.BatchNorm1d(dim, affine=False, eps=BATCH_NORM_EPS), linear)


def blank_linear(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer whose weights are to be set; draws nothing from the global random state.

    Not by nn.utils.skip_init, which loads half a second of code that nothing else here needs.
    """
    with torch.random.fork_rng(devices=[]):
        return nn.Linear(inputs, outputs)


def probe_optimiser(probe: nn.Module, settings: ProbeSettings) -> torch.optim.SGD:
    """Of all that a probe learns; train_epoch sets its learning rate."""
    return torch.optim.SGD(
        probe.parameters(), settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay
    )


def train_epoch(
    probe: nn.Module,
    optimiser: torch.optim.Optimizer,
    features_ND: Tensor,
    label_N: Tensor,
    order_N: Tensor,
    settings: ProbeSettings,
    epoch: int,
) -> None:
    """One pass in that order; a last partial batch is left out unless it is the only one. lr: cosine to 0, by step."""
    probe.train()
    steps = max(1, len(order_N) // settings.batch)
    for step in range(steps):
        lr = warmup_cosine(epoch + step / steps, epochs=settings.epochs, warmup_epochs=0, lr=settings.lr, min_lr=0.0)
        for group in optimiser.param_groups:
            group["lr"] = lr
        index_B = order_N[step * settings.batch : (step + 1) * settings.batch]
        loss = nn.functional.cross_entropy(probe(features_ND[index_B]), label_N[index_B])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()


@torch.no_grad()
def score(probe: nn.Module, features_ND: Tensor) -> NDArray[np.float32]:
    """Class scores (N, K) by the probe in evaluation mode."""
    probe.eval()
    return probe(features_ND).cpu().numpy()
