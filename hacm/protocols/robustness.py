"""Robustness: the linear probe of clean clips, evaluated on corrupted test clips (hacm.evaluation.corruption).

Training is that of the protocol `linear` to the last bit; the result is that of clean test clips, and every
corruption of the settings is a condition beside it. Nothing is trained on corrupted clips.
Shapes: N clips, D width.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from hacm.clips.ragged import Clips
from hacm.evaluation import metrics
from hacm.evaluation.corruption import (
    Corruption,
    LostFrames,
    MissingJoints,
    MissingLimb,
    Noise,
    View,
    corrupt,
)
from hacm.evaluation.features import encode, frozen
from hacm.evaluation.probe import score, train_probe
from hacm.evaluation.result import Condition, Result
from hacm.evaluation.task import Task
from hacm.model.network import HACM
from hacm.settings import RobustnessSettings as Settings
from hacm.skeletons.limbs import find_limbs_by_branching
from hacm.skeletons.skeleton import Skeleton

# Clips whose rows are copied and corrupted at a time: some 100 MB for two bodies and 300 frames.
CLIPS_AT_ONCE = 512


def run(
    model: HACM,
    task: Task,
    settings: Settings,
    seed: int,
    device: str,
    on_epoch: Callable[[float], None] | None = None,
) -> Result:
    """Train the probe on clean clips, score the clean test clips and then the same clips under every corruption.

    on_epoch: called with the number of the probe's epochs done. extra: `best_epoch_as_released_top1` of the clean
    clips, and `corrupted_mean_top1`, the mean accuracy over the conditions, if there are any. SettingsError with fewer
    than two training clips, and for views of clips of two dimensions.
    """
    check_views(task.clips, corruptions(settings, model.skeleton))
    with frozen(model):
        trained = train_probe(model, task, settings, seed, device, on_epoch)
        conditions = tuple(
            evaluate(model, task, settings, trained.probe, corruption, seed, device)
            for corruption in corruptions(settings, model.skeleton)
        )
    extra = {"best_epoch_as_released_top1": trained.best_epoch_top1}
    if conditions:
        hits = [metrics.top_k(condition.scores_NK, trained.target_N, 1).mean() for condition in conditions]
        extra["corrupted_mean_top1"] = float(sum(hits) / len(hits))
    return Result(trained.scores_NK, trained.target_N, extra, conditions)


def check_views(clips: Clips, asked: Sequence[Corruption]) -> None:
    """SettingsError, before anything is trained, if another view of clips of two dimensions is asked for."""
    for corruption in asked:
        if isinstance(corruption, View):
            corruption.check(clips)


def corruptions(settings: Settings, skeleton: Skeleton) -> list[Corruption]:
    """All that the settings ask for, kind by kind, level by level, draw by draw."""
    found: list[Corruption] = []
    draws = range(settings.draws)
    for by_frame, shares in ((False, settings.joints), (True, settings.joints_by_frame)):
        found += [
            MissingJoints(share, draw, by_frame, skeleton, settings.missing, settings.longest_gap)
            for share in shares
            for draw in draws
        ]
    if settings.limbs:
        found += [
            MissingLimb(limb, skeleton, settings.missing, settings.longest_gap)
            for limb in find_limbs_by_branching(skeleton)
        ]
    found += [Noise(deviation, draw) for deviation in settings.noise for draw in draws]
    for block, shares in ((False, settings.frames), (True, settings.block)):
        found += [LostFrames(share, draw, block) for share in shares for draw in draws]
    return found + [View(degrees, settings.vertical) for degrees in settings.view]


def evaluate(
    model: HACM,
    task: Task,
    settings: Settings,
    probe: nn.Module,
    corruption: Corruption,
    seed: int,
    device: str,
) -> Condition:
    """The probe's scores of the test clips under one corruption; every clip is encoded once."""
    features: list[Tensor] = []
    for index_N in task.test_index.split(CLIPS_AT_ONCE):
        clips = corrupt(task.clips, index_N, corruption, seed)
        everything_N = torch.arange(len(clips))
        features.append(
            encode(
                model, clips, everything_N, task.augment, training=False, absent_bodies=settings.absent_bodies
            )
        )  # fmt: skip
    return Condition(corruption.kind, corruption.level, corruption.draw, score(probe, torch.cat(features).to(device)))
