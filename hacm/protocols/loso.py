"""Leave one subject out, among the training subjects (ours): what settings are chosen by, without a test subject.

For each training subject a linear probe is trained, and neighbours are looked up, on the other training subjects' clips
alone; together the left-out clips are all training clips, each scored once. The encoder is pretrained once, on all
training clips: it has seen the left-out subject's movements, though never a label. So the figures say which encoder is
better, and are somewhat higher than a new subject's would be.

Shapes: N training clips, D width, K classes.
"""

from collections.abc import Callable

import torch

from hacm.clips.augment import seeded
from hacm.errors import SettingsError
from hacm.evaluation import metrics
from hacm.evaluation.features import Encodes, encode, frozen
from hacm.evaluation.probe import Views, build_probe, probe_optimiser, score, train_epoch
from hacm.evaluation.result import Result
from hacm.evaluation.task import Task
from hacm.protocols.knn import comparable, vote
from hacm.settings import LosoSettings as Settings


def run(
    model: Encodes,
    task: Task,
    settings: Settings,
    seed: int,
    device: str,
    on_epoch: Callable[[float], None] | None = None,
) -> Result:
    """The probes' scores of the left-out clips, in the order of task.train_index (part `train`).

    extra: `knn_top1`, the neighbours' accuracy on the same clips, and `subjects`. SettingsError with fewer than two
    training subjects, or with fewer training clips than neighbours once one is left out.
    """
    label_N = task.clips.label_N[task.train_index].to(device)
    folds = list_folds(task, settings)
    with frozen(model):
        clean_ND = encode(
            model, task.clips, task.train_index, task.augment, training=False, absent_bodies=settings.absent_bodies
        ).to(device)
        views = Views(model, task, settings, seed)
        probes = [build_probe(clean_ND.shape[1], task.classes, seeded(seed, "probe", 0)).to(device) for _ in folds]
        optimisers = [probe_optimiser(probe, settings) for probe in probes]
        for epoch in range(settings.epochs):
            view_ND = views.of(epoch).to(device)
            order_N = torch.randperm(len(label_N), generator=seeded(seed, "order", epoch))
            for probe, optimiser, left_out_N in zip(probes, optimisers, folds, strict=True):
                others_N = order_N[~left_out_N[order_N]].to(device)
                train_epoch(probe, optimiser, view_ND, label_N, others_N, settings, epoch)
            if on_epoch is not None:
                on_epoch(epoch + 1)
    scores_NK = torch.empty(len(label_N), task.classes)
    for probe, left_out_N in zip(probes, folds, strict=True):
        scores_NK[left_out_N] = torch.from_numpy(score(probe, clean_ND[left_out_N]))
    target_N = label_N.cpu().numpy()
    knn = count_neighbours(clean_ND, label_N, folds, task.classes, settings)
    return Result(scores_NK.numpy(), target_N, {"knn_top1": knn, "subjects": len(folds)}, part="train")


def count_neighbours(
    clean_ND: torch.Tensor, label_N: torch.Tensor, folds: list[torch.Tensor], classes: int, settings: Settings
) -> float:
    """The share of the clips that their nearest neighbours among the other subjects' clips name right."""
    votes_NK = torch.empty(len(label_N), classes)
    for left_out_N in folds:
        gallery_GD, query_ND = comparable(clean_ND[~left_out_N], clean_ND[left_out_N], settings)
        votes_NK[left_out_N] = vote(query_ND, gallery_GD, label_N[~left_out_N], classes, settings.k).cpu()
    return float(metrics.top_k(votes_NK.numpy(), label_N.cpu().numpy(), 1).mean())


def list_folds(task: Task, settings: Settings) -> list[torch.Tensor]:
    """For each training subject, which of the training clips are left out: bool (N,) each."""
    if task.subject_N is None:
        raise SettingsError("the task does not say who performs its clips")
    subject_N = task.subject_N[task.train_index]
    folds = [subject_N == subject for subject in subject_N.unique()]
    if len(folds) < 2:
        raise SettingsError("leaving one subject out needs at least two training subjects, and there is one")
    fewest = min(int((~left_out_N).sum()) for left_out_N in folds)
    if fewest < max(2, settings.k):
        raise SettingsError(f"with one subject left out {fewest} training clips are left, too few for k {settings.k}")
    return folds
