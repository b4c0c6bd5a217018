"""Own classes on a trained encoder: a linear head, or encoder and head fine-tuned; figures are of who was left out.

Shapes: N clips, K classes, G groups that are left out.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from hacm.bootstrap import bootstrap_interval
from hacm.clips.ragged import pack_clips
from hacm.errors import UserError
from hacm.evaluation import metrics
from hacm.evaluation.task import Task
from hacm.models import building
from hacm.models.calibration import calibration_error, calibration_interval, fit_temperature, probabilities
from hacm.models.description import Calibration, Description, JudgedOn, Origin
from hacm.models.folder import Parts
from hacm.models.model import Taken
from hacm.models.plausibility import look_at
from hacm.protocols import finetune, linear
from hacm.settings import FinetuneSettings, LinearSettings

LINEAR = LinearSettings(views=20, batch=32)
FINETUNE = FinetuneSettings(epochs=30, hidden=256)
FOLDS = 5
"""So many parts recordings are left out in where it is not known who is in them."""
FEWEST = 2
"""Classes, and recordings of each."""
INTERVAL_SEED = 0


@dataclass(frozen=True)
class Labelled:
    """A clip as the encoder's model takes it, its class and who performs it, where that is known."""

    taken: Taken
    label: str
    subject: str | None


def fit(
    base: Parts,
    clips: Sequence[Labelled],
    name: str,
    title: str,
    *,
    tuned: bool = False,
    seed: int = 0,
    device: str = "cpu",
    on_epoch: Callable[[float], None] | None = None,
) -> Parts:
    """A model of the classes that occur, on the encoder of `base`, which is left as it is.

    name, title: what it and its recordings are called. tuned: the encoder is fine-tuned as well (a copy). on_epoch:
    called with the number of epochs done of the final head. UserError if there are too few classes or recordings.
    """
    classes = sorted({one.label for one in clips})
    expect_enough(clips, classes)
    group_N, judged_on = group(clips)
    task = make_task(base.description, clips, classes, group_N)
    encoder = base.encoder.to(device)
    settings = FINETUNE if tuned else LINEAR
    if isinstance(settings, FinetuneSettings):
        left_out = building.leave_out_tuned(encoder, task, settings, seed, device)
        result = finetune.run(encoder, task, settings, seed, device, on_epoch)
    else:
        left_out = building.leave_out(encoder, task, settings, seed, device)
        result = linear.run(encoder, task, settings, seed, device, on_epoch)
    assert result.head is not None
    figures = measure(left_out.scores_NK, left_out.target_N)
    description = replace(
        building.add_head(base.description, settings, classes, figures),
        name=name,
        origin=describe_origin(base.description, clips, title),
        seen=look_at((one.taken.clip.bodies_MTVC for one in clips), base.description.skeleton, find_fps(clips)),
        judged_on=judged_on,
        calibration=calibrate(left_out.scores_NK, left_out.target_N, group_N),
        familiarity=None,
        licence=describe_licence(base.description),
    )
    return building.learn_distances(building.assemble(description, encoder, result.head), task)


def expect_enough(clips: Sequence[Labelled], classes: Sequence[str]) -> None:
    """UserError unless there are classes to tell apart, with recordings of each to leave out."""
    if len(classes) < FEWEST:
        raise UserError(f"{len(classes)} class: at least {FEWEST} are needed, a folder of recordings for each")
    for name in classes:
        found = sum(one.label == name for one in clips)
        if found < FEWEST:
            raise UserError(f"class {name}: {found} recording, at least {FEWEST} are needed")


def group(clips: Sequence[Labelled]) -> tuple[NDArray[np.int64], JudgedOn]:
    """What is left out together, as numbers (N,): a subject's clips.

    If not all subjects are known, or there is only one, so that nobody could be left out: a share of each class's
    recordings.
    """
    subjects = sorted({one.subject for one in clips if one.subject is not None})
    if len(subjects) > 1 and all(one.subject is not None for one in clips):
        return np.array([subjects.index(str(one.subject)) for one in clips]), "left-out subjects"
    met: dict[str, list[str]] = {}
    numbers = []
    for one in clips:  # the people of one recording stay together
        recordings = met.setdefault(one.label, [])
        if one.taken.recording not in recordings:
            recordings.append(one.taken.recording)
        numbers.append(recordings.index(one.taken.recording) % FOLDS)
    return np.array(numbers), "left-out recordings"


def make_task(
    description: Description, clips: Sequence[Labelled], classes: Sequence[str], group_N: NDArray[np.int64]
) -> Task:
    """All clips to train on; there is no test part, so that the same ones stand for it."""
    packed = pack_clips(
        [torch.from_numpy(one.taken.clip.bodies_MTVC) for one in clips],
        [classes.index(one.label) for one in clips],
        parents=description.skeleton.parents,
    )
    packed = replace(packed, flat=description.dimensions == 2)  # so that augmentation turns them in their plane alone
    every_N = torch.arange(len(packed))
    return Task(packed, every_N, every_N, len(classes), description.augment, subject_N=torch.from_numpy(group_N))


def describe_origin(base: Description, clips: Sequence[Labelled], title: str) -> Origin:
    """What the head was trained on, and what the encoder was."""
    subjects = {one.subject for one in clips}
    before = base.origin
    return replace(
        before,
        dataset=title,
        title=title,
        data_version=hash_clips(clips),
        data_licence="the recordings are the user's own",
        benchmark=title,
        clips=len(clips),
        subjects=0 if None in subjects else len(subjects),
        encoder_from=before.encoder_from
        or f"{before.clips} clips of {before.title} (data version {before.data_version}, model {base.name})",
    )


def describe_licence(base: Description) -> str | None:
    """The encoder's; the head is the user's own."""
    if base.licence is None or base.origin.encoder_from is not None:
        return base.licence
    return f"encoder: {base.licence}; head: the user's own"


def hash_clips(clips: Sequence[Labelled]) -> str:
    """A hash of names, labels and coordinates, whatever the order."""
    digests = sorted(
        hashlib.blake2b(
            f"{one.taken.recording} {one.taken.people} {one.label} {one.taken.clip.bodies_MTVC.shape} ".encode()
            + one.taken.clip.bodies_MTVC.astype("<f4").tobytes(),
            digest_size=16,
        ).digest()
        for one in clips
    )
    return hashlib.blake2b(b"".join(digests), digest_size=16).hexdigest()


def find_fps(clips: Sequence[Labelled]) -> float:
    """Frames per second of the recordings, their mean where they differ."""
    return round(float(np.mean([one.taken.clip.fps for one in clips])), 3)


def measure(score_NK: NDArray[np.float32], target_N: NDArray[np.int64]) -> dict[str, float]:
    """Top-1 in percent with its interval, of clips that the head was not fitted to."""
    hits_N = metrics.top_k(score_NK, target_N, 1)
    low, high = bootstrap_interval(hits_N, seed=INTERVAL_SEED)
    shares = {"top1": float(hits_N.mean()), "top1_low": low, "top1_high": high}
    return {"n": len(target_N), **{name: round(100 * share, 4) for name, share in shares.items()}}


def calibrate(score_NK: NDArray[np.float32], target_N: NDArray[np.int64], group_N: NDArray[np.int64]) -> Calibration:
    """A temperature from the left-out scores; its error with one that was chosen without the group itself."""
    probability_NK = np.empty(score_NK.shape)
    for number in np.unique(group_N):
        out_N = group_N == number
        temperature = fit_temperature(score_NK[~out_N], target_N[~out_N])
        probability_NK[out_N] = probabilities(score_NK[out_N], temperature)
    interval = calibration_interval(probability_NK, target_N, seed=INTERVAL_SEED)
    return Calibration(
        temperature=fit_temperature(score_NK, target_N),
        subjects=len(np.unique(group_N)),
        clips=len(target_N),
        ece=100 * calibration_error(probability_NK, target_N),
        ece_low=100 * interval.low,
        ece_high=100 * interval.high,
        ece_before=100 * calibration_error(probabilities(score_NK, 1.0), target_N),
        test_clips=len(target_N),
    )
