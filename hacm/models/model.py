"""A model in use: arrays in, features and classes out.

Shapes: N clips, K classes, D width, M bodies, T frames, V joints, C coordinates.
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hacm.cleaning import clean
from hacm.clips.augment import sample_batch
from hacm.clips.ragged import Clips, pack_clips
from hacm.errors import BadRecording, ImplausibleRecording, UserError
from hacm.evaluation.features import BATCH, encode, mean_over_bodies
from hacm.evaluation.probe import score
from hacm.evaluation.tuning import Head
from hacm.model.readout import feature_width, read_out
from hacm.models import folder
from hacm.models.calibration import probabilities
from hacm.models.description import Description
from hacm.models.plausibility import check_clip, metres_of
from hacm.recordings import Clip, Identity, Recording
from hacm.recordings.bodies import UPRIGHT, Up, as_bodies
from hacm.recordings.notes import Kind, reason_of
from hacm.skeletons.correspondence import JointMap, map_joints
from hacm.skeletons.recognition import explain_joints
from hacm.skeletons.shipped import TOPOLOGIES
from hacm.skeletons.topology import Topology

People = Literal["together", "apart"]
Doubt = Literal["error", "warn"]


LOSSES = (
    Kind.TRUNCATED,
    Kind.NOT_FINITE,
    Kind.GAP,
    Kind.TRACK_BEYOND_TWO,
    Kind.JOINT_LEFT,
    Kind.CENTRE_STAND_IN,
)
"""Notes on parts of a recording that are not looked at, and that nobody asked to leave out."""


class UnusualRecording(UserWarning):
    """A recording is unlike those that the model was trained on; what is said of it may be wrong."""


@dataclass(frozen=True)
class Taken:
    """A recording, or one person of it, as the model takes it.

    people: which of the recording's tracks it is of, from 1. remarks: what is unlike training, and what of the
    recording is not looked at. notes: what else reading and cleaning did, which is as in training.
    """

    recording: str
    people: tuple[int, ...]
    clip: Clip
    remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of a recording, or of one person in it.

    label, probability: the likeliest class, and its probability. classes: the names of all K classes. score_K: float32
    (K,), the logits that `evaluate` uses. probability_K: float64 (K,), their softmax, calibrated if the model has a
    calibration; sums to 1. distance: the distance to the nearest training clip, in feature space, without a unit.
    familiar: whether that is within the model's threshold. Both are None for a model without training features.
    recording, people, remarks, notes: as in Taken.
    """

    recording: str
    people: tuple[int, ...]
    classes: tuple[str, ...]
    score_K: NDArray[np.float32]
    probability_K: NDArray[np.float64]
    distance: float | None
    familiar: bool | None
    remarks: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def label(self) -> str:
        """The name of the likeliest class."""
        return self.top(1)[0][0]

    @property
    def probability(self) -> float:
        """The probability of the likeliest class, from 0 to 1."""
        return self.top(1)[0][1]

    def top(self, count: int) -> list[tuple[str, float]]:
        """The `count` likeliest classes with their probabilities, the likeliest first; all if there are fewer."""
        order_K = np.argsort(-self.score_K, kind="stable")[:count]
        return [(self.classes[number], float(self.probability_K[number])) for number in order_K]


class Said(TypedDict, total=False):
    """What may be said of arrays: keyword arguments of `Model.predict`, `Model.features` and `Model.take`.

    fps: frames per second; the default is the frame rate of training. skeleton: the skeleton of the arrays, as a name
    or a Topology; the default is the model's own. Joints of another skeleton are found by their landmarks. unit: "m",
    "cm", "mm", "in", "ft", or the length of the unit in metres. up: the axis that points up; "-y" if y grows downwards.
    mirrored: whether left and right are swapped. unseen: numbers that stand for a joint that was not seen, if all its
    coordinates are that number; NaN always does. centre: whether clips are moved to begin at the origin; the default is
    what training did. turn: degrees by which everything is turned about the vertical axis, from z to x, so that people
    face as in training. people: "together" takes several bodies as one clip, "apart" takes each on its own; the default
    is together if training had clips of two people, else apart. doubt: "error" refuses a recording that cannot be what
    the model was trained on; "warn" goes ahead with an UnusualRecording warning.
    """

    fps: float | None
    skeleton: str | Topology | None
    unit: str | float
    up: Up
    mirrored: bool
    unseen: tuple[float, ...]
    centre: bool | None
    turn: float
    people: People | None
    doubt: Doubt


class Model:
    """A trained encoder, with a classification head if it has one, for anybody's recordings; `hacm.load` makes one.

    description: all that is known of it. topology: its skeleton. device: where it computes. Using a model never
    changes it.
    """

    def __init__(self, parts: folder.Parts, device: str = "cpu") -> None:
        self.parts = parts
        self.description: Description = parts.description
        self.topology: Topology = parts.description.skeleton
        self.device = torch.device(device)
        self._encoder = parts.encoder.to(self.device)
        self._head = None if parts.head is None else parts.head.to(self.device)
        self._neighbours = None if parts.neighbours is None else parts.neighbours.to(self.device)

    @classmethod
    def load(cls, path: Path, device: str = "cpu") -> "Model":
        """Load the model in a folder onto a device. DamagedModel, a UserError of one line, if it cannot be used."""
        return cls(folder.load(path), device)

    def __repr__(self) -> str:
        return f"<hacm model {self.name}: {len(self.classes)} classes, skeleton {self.topology.name}>"

    @property
    def name(self) -> str:
        """The model's name."""
        return self.description.name

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of its K classes, in the order of the scores; empty for a model without a head."""
        return self.description.classes

    @property
    def flat(self) -> bool:
        """Whether it takes places in a picture, x and y."""
        return self.description.dimensions == 2

    @property
    def width(self) -> int:
        """D, the number of features per clip."""
        return feature_width(self.description.model, len(self._encoder.encoder.token_joints))

    def features(self, x: Any, **said: Unpack[Said]) -> NDArray[np.float32]:
        """The encoder's features of each recording: float32 (N, D), one row per recording and person, in order.

        x, said, errors and warnings: as in `predict`. Works without a head.
        """
        features_ND, _ = self.run(list(self.take(x, **said)))
        return features_ND.cpu().numpy()

    def predict(self, x: Any, **said: Unpack[Said]) -> list[Prediction]:
        """Name what each recording shows: one Prediction per recording and person, in order.

        x: one recording, an array (T, V, 3) or (M, T, V, 3) of NumPy or torch, in metres unless `unit` says otherwise;
        or a list of recordings, which may differ in length. said: as in Said.

        ImplausibleRecording (a ValueError), one line, if the shape, skeleton, unit or direction does not fit, or if
        the recording is empty or a single frame. An UnusualRecording warning if the recording is merely unlike those of
        training. UserError if the model has no head.
        """
        return self.describe(list(self.take(x, **said)))

    def take(
        self,
        x: Any,
        *,
        fps: float | None = None,
        skeleton: str | Topology | None = None,
        unit: str | float = "m",
        up: Up = "y",
        mirrored: bool = False,
        unseen: tuple[float, ...] = (),
        centre: bool | None = None,
        turn: float = 0.0,
        people: People | None = None,
        doubt: Doubt = "error",
    ) -> Iterator[Taken]:
        """Yield each recording, or each person in it, cleaned and in the model's skeleton.

        x, the other arguments, errors and warnings: as in `predict` and `Said`.
        """
        source = self.topology if skeleton is None else find_skeleton(skeleton)
        metres = metres_of(unit)
        if up not in UPRIGHT:
            raise ImplausibleRecording(f"up {up!r} is none of {', '.join(UPRIGHT)}")
        if fps is not None and not 0 < fps < float("inf"):
            raise ImplausibleRecording(f"fps {fps} must be positive")
        for number, array in enumerate(list_arrays(x)):
            name = f"recording {number}"
            values = array.detach().cpu().numpy() if isinstance(array, Tensor) else array
            self._expect_joints(values, source, name)
            try:
                bodies_MTVC, notes = as_bodies(
                    values,
                    source,
                    metres=metres,
                    up=up,
                    mirrored=mirrored,
                    unseen=unseen,
                    dimensions=np.shape(values)[-1],
                )
            except BadRecording as reason:
                raise ImplausibleRecording(f"{name}: {reason}") from reason
            recording = Recording(
                Identity(name, None, None), fps or self.description.seen.fps, source, bodies_MTVC, notes
            )
            if len(bodies_MTVC) == 0:
                raise ImplausibleRecording(f"{name}: nobody is seen in it")
            for tracks in self.group(recording, people):
                taken = self.take_people(recording, tracks, centre=centre, turn=turn, doubt=doubt)
                for remark in taken.remarks:
                    warnings.warn(f"{name}: {remark}", UnusualRecording, stacklevel=3)
                yield taken

    def group(self, recording: Recording, people: People | None = None) -> list[tuple[int, ...]]:
        """The tracks of a recording that make a clip each: all together, or one by one; see Said."""
        tracks = range(len(recording.bodies_MTVC))
        together = people == "together" or (people is None and self.description.seen.bodies > 1)
        return [tuple(tracks)] if together and tracks else [(track,) for track in tracks]

    def take_people(
        self,
        recording: Recording,
        tracks: tuple[int, ...],
        *,
        centre: bool | None = None,
        turn: float = 0.0,
        doubt: Doubt = "error",
    ) -> Taken:
        """These tracks of a recording of any skeleton as one clip, cleaned as in training; see Said."""
        settings = self.description.cleaning
        if centre is not None:
            settings = replace(settings, translate="first_frame" if centre else "none")
        bodies_MTVC = self._map_from(recording.topology).read(recording.bodies_MTVC[list(tracks)])
        remarks: tuple[str, ...] = ()
        if self.flat:
            if turn:
                raise ImplausibleRecording(f"turn: {self.name} takes places in a picture, which have no other side")
            if np.nan_to_num(bodies_MTVC[..., 2]).any():
                remarks = (f"z is left out: {self.name} takes places in a picture",)
                bodies_MTVC = np.where(
                    np.isnan(bodies_MTVC), bodies_MTVC, bodies_MTVC * np.array([1, 1, 0], np.float32)
                )
        elif turn:
            bodies_MTVC = turn_about(bodies_MTVC, turn)
        try:
            clip = clean(replace(recording, topology=self.topology, bodies_MTVC=bodies_MTVC), settings)
        except BadRecording as reason:
            raise ImplausibleRecording(f"{recording.identity.name}: {reason_of(reason)}") from reason
        wrong, unusual = check_clip(clip.bodies_MTVC, self.topology, self.description.seen, recording.fps)
        if wrong and doubt == "error":
            raise ImplausibleRecording(f"{recording.identity.name}: {'; '.join(wrong)}")
        lost = [str(note) for note in clip.notes if note.kind in LOSSES]
        notes = [str(note) for note in clip.notes if note.kind not in LOSSES]
        people = tuple(track + 1 for track in tracks)
        return Taken(recording.identity.name, people, clip, (*wrong, *unusual, *lost, *remarks), tuple(notes))

    def _map_from(self, source: Topology) -> JointMap:
        """How the model's joints are read from those of another skeleton."""
        if source.name not in TOPOLOGIES and source.describe() == self.topology.describe():
            source = self.topology
        try:
            return map_joints(self.topology, source)
        except UserError as error:
            raise ImplausibleRecording(
                f"{self.name} needs the skeleton {self.topology.name} of {len(self.topology.joints)} joints; how to "
                f"read it from {source.name} is not known"
            ) from error

    def describe(self, taken: Sequence[Taken]) -> list[Prediction]:
        """One Prediction per recording that `take` gave, in order. UserError if the model has no head."""
        if self._head is None:
            raise UserError(f"{self.name}: has no head, so it names no classes; it gives features")
        features_ND, score_NK = self.run(taken)
        assert score_NK is not None
        calibration, familiarity = self.description.calibration, self.description.familiarity
        probability_NK = probabilities(score_NK, 1.0 if calibration is None else calibration.temperature)
        distances = [None] * len(taken) if self._neighbours is None else self._neighbours.distance(features_ND).tolist()
        return [
            Prediction(
                recording=one.recording,
                people=one.people,
                classes=self.classes,
                score_K=score_K,
                probability_K=probability_K,
                distance=distance,
                familiar=None if distance is None or familiarity is None else distance <= familiarity.threshold,
                remarks=one.remarks,
                notes=one.notes,
            )
            for one, score_K, probability_K, distance in zip(taken, score_NK, probability_NK, distances, strict=True)
        ]

    def run(self, taken: Sequence[Taken]) -> tuple[Tensor, NDArray[np.float32] | None]:
        """Features (N, D), on the model's device, and scores (N, K); None without a head."""
        if not taken:
            return torch.empty(0, self.width), np.empty((0, len(self.classes)), np.float32)
        clips = pack_clips(
            [torch.from_numpy(one.clip.bodies_MTVC) for one in taken], [0] * len(taken), parents=self.topology.parents
        )
        clips = replace(clips, flat=self.flat).to(self.device)
        if isinstance(self._head, Head):
            return self._run_tuned(self._head, clips)
        features_ND = encode(
            self._encoder, clips, torch.arange(len(clips)), self.description.augment,
            training=False, absent_bodies=self.description.absent_bodies,
        )  # fmt: skip
        return features_ND, None if self._head is None else score(self._head, features_ND)

    @torch.inference_mode()
    def _run_tuned(self, head: Head, clips: Clips) -> tuple[Tensor, NDArray[np.float32]]:
        features, scores = [], []
        for index_N in torch.arange(len(clips)).split(BATCH):
            batch = sample_batch(
                clips, index_N, self.description.augment, self.description.model.frames,
                training=False, absent_bodies=self.description.absent_bodies,
            )  # fmt: skip
            tokens_BSJD = self._encoder.features(batch.x_BTVC)
            features.append(mean_over_bodies(read_out(tokens_BSJD, self.description.model), batch.clip_B, len(index_N)))
            scores.append(head(tokens_BSJD, batch.clip_B, len(index_N)))
        return torch.cat(features), torch.cat(scores).cpu().numpy()

    def _expect_joints(self, values: Any, source: Topology, name: str) -> None:
        """ImplausibleRecording for places in a picture, and for another number of joints than the source's."""
        shape = np.shape(values)
        if len(shape) in (3, 4) and shape[-1] == 2 and not self.flat:
            raise ImplausibleRecording(f"{name}: has two dimensions; {self.name} needs three: x, y and z")
        counts = {len(source.recorded), len(source.joints)}
        if len(shape) not in (3, 4) or shape[-1] not in (2, 3) or shape[-2] in counts:
            return
        raise ImplausibleRecording(f"{name}: {explain_joints(shape[-2], source, 'skeleton={}')}")


def list_arrays(x: Any) -> Sequence[Any]:
    """The arrays in what a user gives: one, as an array or as nested lists of numbers, or a list of several."""
    if isinstance(x, list | tuple):
        if not x:
            raise ImplausibleRecording("an empty list: no recording")
        if all(isinstance(one, np.ndarray | Tensor) and one.ndim >= 3 for one in x):
            return x
    return [x]


def find_skeleton(skeleton: str | Topology) -> Topology:
    """A shipped skeleton by its name, or the one that was given."""
    if isinstance(skeleton, Topology):
        return skeleton
    if skeleton not in TOPOLOGIES:
        raise ImplausibleRecording(f"unknown skeleton {skeleton!r}; known: {', '.join(TOPOLOGIES)}")
    return TOPOLOGIES[skeleton]


def turn_about(bodies_MTVC: NDArray[np.float32], degrees: float) -> NDArray[np.float32]:
    """Everything turned about y, from z towards x."""
    if not math.isfinite(degrees):
        raise ImplausibleRecording(f"turn {degrees} must be a number of degrees")
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn_CC = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]], dtype=np.float32)
    return bodies_MTVC @ turn_CC.T
