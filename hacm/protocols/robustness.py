"""Robustness: the linear probe of clean clips, evaluated on corrupted test clips (hacm.evaluation.corruption).

Training is that of the protocol `linear` to the last bit; the result is that of clean test clips, and every
corruption of the settings is a condition beside it. Nothing is trained on corrupted clips.
Shapes: N clips, D width.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from hacm.evaluation import metrics
from hacm.evaluation.corruption import (
    Axis,
    Corruption,
    LostFrames,
    Missing,
    MissingJoints,
    MissingLimb,
    Noise,
    View,
    corrupt,
    find_limbs_by_branching,
)
from hacm.evaluation.features import encode, frozen
from hacm.evaluation.probe import ProbeSettings, score, train_probe
from hacm.evaluation.result import Condition, Result
from hacm.evaluation.task import Task
from hacm.model.network import HACM
from hacm.settings import STRICT, at_least, check, positive
from hacm.skeletons.skeleton import Skeleton

# Clips whose rows are copied and corrupted at a time: some 100 MB for two bodies and 300 frames.
CLIPS_AT_ONCE = 512


@dataclass(frozen=True)
class Settings(ProbeSettings):
    """The probe's settings as of `linear`, and what is done to the test clips; an empty list leaves a kind out.

    missing: what a missing joint reads as: `zeros`, the clip's origin, or `parent`, the nearest seen joint towards the
    root. joints: shares missing throughout the clip. joints_by_frame: shares missing in every frame. limbs: whether
    each limb is hidden once. noise: standard deviations, metres. frames: shares lost here and there. block: shares lost
    in one piece. view: degrees about the axis `vertical`. draws: repetitions of what is random.
    """

    missing: Missing = "zeros"
    joints: tuple[float, ...] = (0.1, 0.2, 0.3, 0.5)
    joints_by_frame: tuple[float, ...] = (0.1, 0.2, 0.3, 0.5)
    limbs: bool = True
    noise: tuple[float, ...] = (0.01, 0.02, 0.05, 0.1)
    frames: tuple[float, ...] = (0.25, 0.5, 0.75, 0.9)
    block: tuple[float, ...] = (0.125, 0.25, 0.5)
    view: tuple[float, ...] = (15.0, 30.0, 45.0, 60.0, 90.0, 180.0)
    vertical: Axis = "y"
    draws: int = 1
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("joints", "joints_by_frame", "frames", "block"):
            for share in getattr(self, name):
                check(0 < share < 1, f"{name} {share} must lie between 0 and 1")
        for deviation in self.noise:
            positive(noise=deviation)
        for angle in self.view:
            check(isfinite(angle), f"view {angle} must be a finite number of degrees")
        at_least(1, draws=self.draws)


def run(
    model: HACM,
    task: Task,
    settings: Settings,
    seed: int,
    device: str,
    on_epoch: Callable[[int], None] | None = None,
) -> Result:
    """Train the probe on clean clips, score the clean test clips and then the same clips under every corruption.

    on_epoch: called with the number of the probe's epochs done. extra: `best_epoch_as_released_top1` of the clean
    clips, and `corrupted_mean_top1`, the mean accuracy over the conditions, if there are any. ValueError with fewer
    than two training clips.
    """
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


def corruptions(settings: Settings, skeleton: Skeleton) -> list[Corruption]:
    """All that the settings ask for, kind by kind, level by level, draw by draw."""
    found: list[Corruption] = []
    draws = range(settings.draws)
    for by_frame, shares in ((False, settings.joints), (True, settings.joints_by_frame)):
        found += [
            MissingJoints(share, draw, by_frame, skeleton, settings.missing) for share in shares for draw in draws
        ]
    if settings.limbs:
        found += [MissingLimb(limb, skeleton, settings.missing) for limb in find_limbs_by_branching(skeleton)]
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
