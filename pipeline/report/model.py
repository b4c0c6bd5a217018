"""What the files of results/ hold that say something of runs and hierarchies: one dataclass a file or row.

Fields are named as the file's keys; keys that the report does not use are ignored. Accuracies are percent.
"""

import math
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

Percent = Annotated[float, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0)]
FINITE: dict[str, Any] = {"allow_inf_nan": False}


@dataclass(frozen=True)
class Estimate:
    """A measured accuracy with its bootstrap 95 % interval, all in percent."""

    value: float
    low: float
    high: float

    def __neg__(self) -> "Estimate":
        """Of a difference, the one the other way round."""
        return Estimate(-self.value, -self.high, -self.low)


def _ordered(name: str, low: float, high: float) -> None:
    """ValueError, which becomes a UserError naming the file, unless low ≤ high."""
    if low > high:
        raise ValueError(f"{name}_low {low} lies above {name}_high {high}")


@dataclass(frozen=True)
class Measured:
    """What every metrics.json of an accuracy has: on n test clips."""

    n: Annotated[int, Field(gt=0)]
    classes: Annotated[int, Field(gt=0)]
    top1: Percent
    top1_low: Percent
    top1_high: Percent
    top5: Percent
    __pydantic_config__: ClassVar[Any] = FINITE

    def __post_init__(self) -> None:
        _ordered("top1", self.top1_low, self.top1_high)

    @property
    def first(self) -> Estimate:
        """Top-1 of what was evaluated."""
        return Estimate(self.top1, self.top1_low, self.top1_high)


@dataclass(frozen=True)
class ProtocolMetrics(Measured):
    """metrics.json of a protocol: the encoder's accuracies on n test clips and those of the same encoder untrained.

    best_epoch_as_released_top1: the best epoch on the test split, which the released code reports (hacm.md §6).
    knn_top1: beside the probe's, where a protocol measures both.
    """

    top5_low: Percent
    top5_high: Percent
    mean_class: Percent
    random_top1: Percent
    random_top1_low: Percent
    random_top1_high: Percent
    random_top5: Percent
    best_epoch_as_released_top1: Percent | None = None
    knn_top1: Percent | None = None
    random_knn_top1: Percent | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _ordered("top5", self.top5_low, self.top5_high)
        _ordered("random_top1", self.random_top1_low, self.random_top1_high)

    @property
    def fifth(self) -> Estimate:
        """Top-5 of the pretrained encoder."""
        return Estimate(self.top5, self.top5_low, self.top5_high)

    @property
    def random(self) -> Estimate:
        """Top-1 of the same encoder with random weights."""
        return Estimate(self.random_top1, self.random_top1_low, self.random_top1_high)


@dataclass(frozen=True)
class BaselineMetrics(Measured):
    """metrics.json of the ridge baseline on raw joints (data.md §3)."""

    strength: float | None = None


@dataclass(frozen=True)
class Details:
    """details.json: where a result comes from. seconds: cost of its stage. dimensions: of the joints.

    The baseline has no seed and no encoder.
    """

    data_version: str
    dataset: str
    synthetic: bool
    code: str | None
    dirty: bool
    machine: dict[str, Any]
    seconds: Annotated[float, Field(ge=0)]
    seed: int | None = None
    encoder_hash: str | None = None
    dimensions: Literal[2, 3] = 3
    __pydantic_config__: ClassVar[Any] = FINITE


@dataclass(frozen=True)
class EvaluationDetails(Details):
    """details.json of a protocol or the baseline. bootstrap: resamples behind each interval.

    part: `train` where the clips are those of the training subjects, each scored by what was fitted without it.
    explained, random_explained: shares of the variance that the two directions of its landscape have.
    """

    bootstrap: Annotated[int, Field(gt=0)] = field(kw_only=True)
    part: Literal["train", "test"] = "test"
    explained: tuple[float, float] = (0.0, 0.0)
    random_explained: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class InputSettings:
    """What the network was fed."""

    stream: str


@dataclass(frozen=True)
class TrainedBy:
    """Of the settings of a pretraining, those that the report needs."""

    augment: InputSettings


@dataclass(frozen=True)
class Recipe:
    """Of a details.json the settings in force, whole: sections of names and values."""

    settings: dict[str, Any] | None = None


@dataclass(frozen=True)
class PretrainDetails(Details):
    """details.json of a pretraining."""

    settings: TrainedBy = field(kw_only=True)

    @property
    def stream(self) -> str:
        """What the network was fed: joint, bone or motion."""
        return self.settings.augment.stream


@dataclass(frozen=True)
class PretrainMetrics:
    """metrics.json of pretraining; losses are the last epoch's means."""

    epochs: Count
    loss: float
    clips: Count
    parameters: Count


@dataclass(frozen=True)
class ClassAccuracy:
    """A row of per_class.csv; the column `class` is called name here, a class without test clips has NaN."""

    name: str
    n: Count
    top1: float
    random_top1: float


@dataclass(frozen=True)
class Prediction:
    """A row of confusion.csv: one test clip. clip: its name, which stands in predictions.parquet."""

    actual: str
    predicted: str
    clip: str = ""


@dataclass(frozen=True)
class ConditionAccuracy:
    """A row of conditions.csv: top-1 under one condition of several. level: in its natural unit; draw: from 0."""

    kind: str
    level: float
    draw: Count
    top1: Percent
    top1_low: Percent
    top1_high: Percent
    random_top1: Percent
    __pydantic_config__: ClassVar[Any] = FINITE

    def __post_init__(self) -> None:
        _ordered("top1", self.top1_low, self.top1_high)


@dataclass(frozen=True)
class EpochLoss:
    """A row of loss.csv. Not-a-number is allowed: a run that diverged is reported, too.

    knn_top1: of left-out training subjects' clips, where pretraining was watched and it was looked at after this epoch.
    """

    epoch: int
    loss: float
    reconstruction: float
    contrast: float
    lr: float
    knn_top1: Annotated[float | None, BeforeValidator(lambda text: text or None)] = None


@dataclass(frozen=True)
class Branches:
    """The segments of each branch; both empty when the masking strategy has no branches."""

    temporal: tuple[int, ...]
    spatial: tuple[int, ...]


@dataclass(frozen=True)
class Example:
    """example.json: one resampled clip and what pretraining hid of it.

    segment: frames a token. bodies: M × T × V × 3 metres. masked: M × S × J, 1 where the token of a kept joint is
    hidden from the encoder.
    """

    name: str
    label: int | str
    segment: Annotated[int, Field(gt=0)]
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    kept: tuple[int, ...]
    bodies: tuple[tuple[tuple[tuple[float, float, float], ...], ...], ...]
    masked: tuple[tuple[tuple[Annotated[int, Field(ge=0, le=1)], ...], ...], ...]
    branch: Branches
    __pydantic_config__: ClassVar[Any] = FINITE

    def __post_init__(self) -> None:
        joints = len(self.joints)
        if len(self.parents) != joints or any(not -1 <= parent < joints for parent in self.parents):
            raise ValueError(f"parents must hold {joints} joint numbers or -1")
        if any(not 0 <= joint < joints for joint in self.kept):
            raise ValueError(f"kept must hold joint numbers below {joints}")
        if not self.bodies or len(self.bodies) != len(self.masked):
            raise ValueError(f"{len(self.bodies)} bodies but {len(self.masked)} masks")
        if any(len(frame) != joints for body in self.bodies for frame in body):
            raise ValueError(f"every frame of bodies must hold {joints} joints")
        for body, mask in zip(self.bodies, self.masked, strict=True):
            if len(body) != len(mask) * self.segment or any(len(row) != len(self.kept) for row in mask):
                raise ValueError("masked must be segments × kept joints, with segments = frames / segment")
        segments = len(self.masked[0])
        if any(not 0 <= segment < segments for segment in self.branch.temporal + self.branch.spatial):
            raise ValueError(f"branch must hold segment numbers below {segments}")


@dataclass(frozen=True)
class HierarchyMetrics:
    """Distortion of the embedded kinematic tree (hacm.md §3): optimised, and two baselines of the same dimension."""

    tree_distortion: float
    tree_distortion_random: float
    tree_distortion_euclidean: float
    scale: float
    __pydantic_config__: ClassVar[Any] = FINITE


@dataclass(frozen=True)
class TreeJoint:
    """A row of tree.csv: a joint's place in the Poincaré disk. radius: geodesic. token: 1, or 0 for the root set."""

    joint: int
    parent: int
    name: str
    x: float
    y: float
    radius: float
    token: bool
    __pydantic_config__: ClassVar[Any] = FINITE

    def __post_init__(self) -> None:
        if math.hypot(self.x, self.y) >= 1:
            raise ValueError(f"({self.x}, {self.y}) lies outside the unit disk")
