"""What a model says of itself: the content of its model.json.

Shape suffixes: V joints, C coordinates.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

from hacm.cleaning import CleaningSettings
from hacm.settings import AugmentSettings, ModelSettings
from hacm.settings.checks import STRICT
from hacm.skeletons.skeleton import Skeleton
from hacm.skeletons.topology import Topology

HeadKind = Literal["linear", "finetune"]
"""What a head was trained by: the protocol of that name."""

JudgedOn = Literal["test subjects", "left-out subjects", "left-out recordings"]
"""On whose clips figures are measured: of subjects never trained on, or of those that were left out one by one."""

Axes = tuple[float, float, float]


@dataclass(frozen=True)
class Origin:
    """What a model was trained on, and by what.

    clips, subjects: of the training part, or of a user's own recordings; subjects 0: not known. code: the commit.
    data_licence: as the data set's authors put it. encoder_from: in words, what the encoder was pretrained on, where
    that is not the same. released_by: in words, who pretrained and released the encoder; None: this project's code.
    clips is 0 where all that is known is the encoder.
    """

    dataset: str
    title: str
    synthetic: bool
    data_version: str
    data_licence: str
    benchmark: str
    variant: str
    seed: int
    clips: int
    subjects: int
    code: str | None = None
    encoder_from: str | None = None
    released_by: str | None = None
    __pydantic_config__: ClassVar[Any] = STRICT


@dataclass(frozen=True)
class Seen:
    """What the training clips were like (hacm.models.plausibility): others are held against it.

    fps: frames per second. frames: the fewest and the most of a clip. bodies: the most of a clip. size: metres, the
    least and the greatest mean bone. height_V: how high each joint is on average, metres. upright: the least cosine
    between y and what is up by height_V in a clip. facing_C: the direction from right to left, horizontal. turned: the
    least cosine between it and a clip's; both are None where no joints are called left and right.
    """

    fps: float
    frames: tuple[int, int]
    bodies: int
    size: tuple[float, float]
    height_V: tuple[float, ...]
    upright: float
    facing_C: Axes | None = None
    turned: float | None = None
    __pydantic_config__: ClassVar[Any] = STRICT


@dataclass(frozen=True)
class Calibration:
    """How probabilities follow from scores: softmax of scores / temperature (hacm.models.calibration).

    subjects, clips: the training subjects that were left out one by one, and their clips. ece, ece_low, ece_high: the
    expected calibration error in percent, with its 95 % interval, on clips that the temperature was not chosen on (as
    Description.judged_on says); ece_before: without the temperature. test_clips: how many clips these rest on.
    """

    temperature: float
    subjects: int
    clips: int
    ece: float
    ece_low: float
    ece_high: float
    ece_before: float
    test_clips: int
    __pydantic_config__: ClassVar[Any] = STRICT


@dataclass(frozen=True)
class Familiarity:
    """From which distance on a recording is far from everything trained on (hacm.models.familiarity).

    false_alarms: the share of all left-out training subjects' clips that lie beyond. measured: by data set, that of its
    clips.
    """

    threshold: float
    false_alarms: float
    subjects: int
    measured: Mapping[str, float] = field(default_factory=dict)
    __pydantic_config__: ClassVar[Any] = STRICT


@dataclass(frozen=True)
class Description:
    """All of a model but its numbers.

    topology: the skeleton's name and Topology.describe(). absent_bodies: as in training the head. hidden: width of a
    fine-tuned head. classes: their names, in the order of the scores. figures: percent, by name, as in metrics.json.
    judged_on: whose clips these are; nothing was fitted to them. licence: of the weights, in words; None: not stated.
    dimensions: 2 for places in a picture, whose z is 0.
    """

    name: str
    origin: Origin
    topology: Mapping[str, Any]
    model: ModelSettings
    augment: AugmentSettings
    cleaning: CleaningSettings
    absent_bodies: Literal["drop", "keep"]
    seen: Seen
    head: HeadKind | None
    classes: tuple[str, ...]
    hidden: int = 0
    calibration: Calibration | None = None
    familiarity: Familiarity | None = None
    figures: Mapping[str, int | float] = field(default_factory=dict)
    judged_on: JudgedOn = "test subjects"
    licence: str | None = None
    dimensions: Literal[2, 3] = 3
    __pydantic_config__: ClassVar[Any] = STRICT

    @property
    def skeleton(self) -> Topology:
        """The skeleton that the encoder takes."""
        return Topology.described(str(self.topology["name"]), self.topology)

    def as_json(self) -> dict[str, Any]:
        """As model.json has it."""
        content = asdict(self)
        if self.dimensions == 3:  # as it was before there were others
            del content["dimensions"]
        return content


def describe_skeleton(topology: Topology) -> dict[str, Any]:
    """What Description.topology holds."""
    return {"name": topology.name, **topology.describe()}


def shape_of(topology: Topology) -> Skeleton:
    """What the method needs to know of a topology."""
    return Skeleton(len(topology.joints), topology.parents, topology.roots, topology.centre)
