"""From an evaluated encoder to a model to use: what training clips were like, calibration, distances.

Shapes: N clips, G training clips, K classes, D width, M bodies, T frames, V joints, C coordinates.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import islice
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hacm.cleaning import CleaningSettings
from hacm.clips.ragged import Clips
from hacm.evaluation.features import Encodes, encode
from hacm.evaluation.result import Result
from hacm.evaluation.task import Task
from hacm.evaluation.tuning import Tuning
from hacm.model.network import HACM
from hacm.models.calibration import calibration_error, calibration_interval, choose_temperature, probabilities
from hacm.models.description import Calibration, Description, Familiarity, Origin, describe_skeleton
from hacm.models.familiarity import Neighbours, choose_threshold, distances_left_out
from hacm.models.folder import Parts, build
from hacm.models.heads import ENCODER, HEAD, part
from hacm.models.model import Model, Taken
from hacm.models.plausibility import look_at
from hacm.protocols import loso
from hacm.recordings import Clip, Identity
from hacm.settings import FinetuneSettings, LinearSettings, LosoSettings, ProbeSettings
from hacm.skeletons.topology import Topology

BEYOND = 0.05
"""The share of a left-out training subject's clips that lies beyond the threshold of distances, in the middle."""
INTERVAL_SEED = 0
CLIPS_AT_ONCE = 256
"""That are held in memory where there may be any number."""

T = TypeVar("T")


def describe(
    name: str, origin: Origin, topology: Topology, task: Task, fps: float, cleaning: CleaningSettings, model: HACM
) -> Description:
    """All that a model without a head says of itself but familiarity."""
    return Description(
        name=name,
        origin=origin,
        topology=describe_skeleton(topology),
        model=model.model_settings,
        augment=task.augment,
        cleaning=cleaning,
        absent_bodies="drop",
        seen=look_at(take_clips(task.clips, task.train_index), topology, fps),
        head=None,
        classes=(),
    )


def add_head(
    description: Description,
    settings: LinearSettings | FinetuneSettings,
    classes: Sequence[str],
    figures: Mapping[str, float],
) -> Description:
    """The same of the model with a head. settings: of the protocol that trained it."""
    tuned = isinstance(settings, FinetuneSettings)
    return replace(
        description,
        absent_bodies=settings.absent_bodies,
        head="finetune" if tuned else "linear",
        classes=tuple(classes),
        hidden=settings.hidden if isinstance(settings, FinetuneSettings) else 0,
        figures=dict(figures),
    )


def assemble(description: Description, model: Encodes, head: Mapping[str, Tensor] | None) -> Parts:
    """The model of these weights; head: what the protocol kept (Result.head). It has no neighbours yet."""
    parts = build(description, {})
    tuned = description.head == "finetune"
    encoder = part(head, ENCODER) if tuned and head is not None else model.encoder.state_dict()
    parts.encoder.encoder.load_state_dict(encoder)
    if parts.head is not None and head is not None:
        parts.head.load_state_dict(part(head, HEAD) if tuned else head)
    return parts


def learn_distances(parts: Parts, task: Task) -> Parts:
    """The model with neighbours and a threshold; as it is, if fewer than two training subjects are known."""
    if task.subject_N is None or len(task.subject_N[task.train_index].unique()) < 2:
        return parts
    features_GD = encode_part(parts, task, task.train_index)
    subject_G = task.subject_N[task.train_index]
    left_out_G = distances_left_out(features_GD, subject_G)
    threshold = choose_threshold(left_out_G, subject_G, BEYOND)
    false_alarms = float((left_out_G > threshold).double().mean())
    neighbours = Neighbours.of(features_GD)
    measured = {}
    if not torch.equal(task.test_index, task.train_index):
        distance_N = neighbours.distance(encode_part(parts, task, task.test_index))
        measured[f"{parts.description.origin.dataset}, test subjects"] = float((distance_N > threshold).double().mean())
    familiarity = Familiarity(threshold, false_alarms, len(subject_G.unique()), measured)
    return replace(parts, description=replace(parts.description, familiarity=familiarity), neighbours=neighbours)


def measure_beyond(parts: Parts, title: str, taken: Iterable[Taken]) -> Parts:
    """The model with the share of these recordings that lie beyond its threshold; title: whose they are."""
    familiarity = parts.description.familiarity
    if familiarity is None or parts.neighbours is None:
        return parts
    model, beyond = Model(parts), []
    for part_of in in_batches(taken, CLIPS_AT_ONCE):
        distance_N = parts.neighbours.distance(model.run(part_of)[0].cpu())
        beyond += (distance_N > familiarity.threshold).tolist()
    measured = {**familiarity.measured, title: sum(beyond) / len(beyond)} if beyond else familiarity.measured
    return replace(parts, description=replace(parts.description, familiarity=replace(familiarity, measured=measured)))


def in_batches(every: Iterable[T], size: int) -> Iterator[list[T]]:
    """So many at a time, in order."""
    left = iter(every)
    while batch := list(islice(left, size)):
        yield batch


def encode_part(parts: Parts, task: Task, index_N: Tensor) -> Tensor:
    """The features of clips as the model gives them, on the CPU."""
    description = parts.description
    return encode(
        parts.encoder, task.clips.to("cpu"), index_N, description.augment,
        training=False, absent_bodies=description.absent_bodies,
    )  # fmt: skip


def calibrate(
    parts: Parts, model: HACM, task: Task, settings: LinearSettings | FinetuneSettings, seed: int, device: str
) -> Parts:
    """The model with a temperature from heads that were trained like its own with one training subject left out each.

    As it is, if fewer than two training subjects are known.
    """
    if task.subject_N is None or len(task.subject_N[task.train_index].unique()) < 2:
        return parts
    if isinstance(settings, FinetuneSettings):
        left_out = leave_out_tuned(model, task, settings, seed, device)
    else:
        left_out = leave_out(model, task, settings, seed, device)
    subject_N = task.subject_N[task.train_index].cpu().numpy()
    temperature = choose_temperature(left_out.scores_NK, left_out.target_N, subject_N)
    score_NK = score_part(parts, task, task.test_index)
    calibration = measure_calibration(
        score_NK, task.clips.label_N[task.test_index].numpy(), temperature, int(left_out.extra["subjects"]),
        len(left_out.target_N),
    )  # fmt: skip
    return replace(parts, description=replace(parts.description, calibration=calibration))


def leave_out(model: Encodes, task: Task, settings: ProbeSettings, seed: int, device: str) -> Result:
    """The scores of all training clips, each by a probe that was trained without its subject."""
    shared = {field.name: getattr(settings, field.name) for field in fields(ProbeSettings)}
    return loso.run(model, task, LosoSettings(**shared), seed, device)


def leave_out_tuned(model: Encodes, task: Task, settings: FinetuneSettings, seed: int, device: str) -> Result:
    """The same by encoder and head that were fine-tuned without the subject: as many fine-tunings as subjects."""
    score_NK = np.empty((len(task.train_index), task.classes), dtype=np.float32)
    folds = loso.list_folds(task, LosoSettings())
    for left_out_N in folds:
        tuning = Tuning(model, task, task.train_index[~left_out_N], settings, seed, device)
        for _ in tuning.run():
            pass
        score_NK[left_out_N.numpy()] = tuning.score(task.train_index[left_out_N])
    target_N = task.clips.label_N[task.train_index].numpy()
    return Result(score_NK, target_N, {"subjects": len(folds)}, part="train")


def measure_calibration(
    score_NK: NDArray[np.float32], target_N: NDArray[np.int64], temperature: float, subjects: int, clips: int
) -> Calibration:
    """The calibration of a temperature, with its error on these test clips. subjects, clips: it was chosen on."""
    probability_NK = probabilities(score_NK, temperature)
    interval = calibration_interval(probability_NK, target_N, seed=INTERVAL_SEED)
    return Calibration(
        temperature=temperature,
        subjects=subjects,
        clips=clips,
        ece=100 * calibration_error(probability_NK, target_N),
        ece_low=100 * interval.low,
        ece_high=100 * interval.high,
        ece_before=100 * calibration_error(probabilities(score_NK, 1.0), target_N),
        test_clips=len(target_N),
    )


def score_part(parts: Parts, task: Task, index_N: Tensor) -> NDArray[np.float32]:
    """The scores that the model gives clips of the data set."""
    topology, seen = parts.description.skeleton, parts.description.seen
    taken = [
        Taken(str(number), (1,), Clip(Identity(str(number), None, None), seen.fps, topology, bodies_MTVC))
        for number, bodies_MTVC in enumerate(take_clips(task.clips, index_N))
    ]
    score_NK = Model(parts).run(taken)[1]
    assert score_NK is not None
    return score_NK


def take_clips(clips: Clips, index_N: Tensor) -> Iterator[NDArray[np.float32]]:
    """Clips one by one, (M, T, V, 3), in the host's memory."""
    for number in index_N.tolist():
        start, frames, bodies = (int(one[number]) for one in (clips.offset_N, clips.frames_N, clips.bodies_N))
        rows_RVC = clips.joints_RVC[start : start + frames * bodies].cpu().numpy()
        yield rows_RVC.reshape(bodies, frames, *rows_RVC.shape[1:])
