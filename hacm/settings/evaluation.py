"""How an encoder is evaluated: a frozen dataclass per section of `evaluate` in params.yaml."""

from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar, Literal

from hacm.settings.checks import STRICT, at_least, below_one, check, check_choices, positive


@dataclass(frozen=True)
class ProbeSettings:
    """How a probe is trained (§6).

    views: augmented views of each training clip, whose features are encoded once and reused in turn; views = epochs is
    the published recipe.
    """

    epochs: int = 100
    views: int = 100
    batch: int = 128
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    absent_bodies: Literal["drop", "keep"] = "drop"
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check_choices(self)
        positive(epochs=self.epochs, lr=self.lr)
        at_least(2, batch=self.batch)
        below_one(momentum=self.momentum)
        at_least(0, weight_decay=self.weight_decay)
        check(1 <= self.views <= self.epochs, f"views {self.views} must lie in 1..epochs, with epochs {self.epochs}")


@dataclass(frozen=True)
class TuningSettings:
    """Fine-tuning as published (§6). layer_decay: each layer learns that much slower than the one after it.

    drop_path: how often a sequence leaves out a residual branch of the last block; rises linearly from 0 at the first.
    dropout: of the features before they are averaged over segments. hidden: width of the head.
    """

    epochs: int = 100
    warmup_epochs: float = 5
    batch: int = 24
    lr: float = 3e-4
    min_lr: float = 1e-5
    weight_decay: float = 0.05
    beta1: float = 0.9
    beta2: float = 0.999
    layer_decay: float = 0.8
    drop_path: float = 0.3
    dropout: float = 0.3
    hidden: int = 2048
    label_smoothing: float = 0.1
    absent_bodies: Literal["drop", "keep"] = "drop"
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check_choices(self)
        positive(epochs=self.epochs, lr=self.lr, hidden=self.hidden)
        at_least(2, batch=self.batch)  # batch normalisation
        at_least(0, weight_decay=self.weight_decay)
        below_one(beta1=self.beta1, beta2=self.beta2, drop_path=self.drop_path, dropout=self.dropout)
        below_one(label_smoothing=self.label_smoothing)
        check(0 < self.layer_decay <= 1, f"layer_decay {self.layer_decay} must lie in (0, 1]")
        check(0 <= self.min_lr <= self.lr, f"min_lr {self.min_lr} must lie in [0, lr], with lr {self.lr}")
        check(
            0 <= self.warmup_epochs < self.epochs,
            f"warmup_epochs {self.warmup_epochs} must lie in [0, epochs), with epochs {self.epochs}",
        )


@dataclass(frozen=True)
class LinearSettings(ProbeSettings):
    """Linear probe (§6)."""


@dataclass(frozen=True)
class KnnSettings:
    """k nearest neighbours on frozen features by cosine.

    standardise: less the training clips' mean, over their standard deviation, feature by feature, before the cosine.
    """

    k: int = 1
    standardise: bool = False
    absent_bodies: Literal["drop", "keep"] = "drop"
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check_choices(self)
        positive(k=self.k)


@dataclass(frozen=True)
class FinetuneSettings(TuningSettings):
    """Fine-tuning on all labels.

    best_epoch: also evaluate after every epoch and report the best, as the released code does; scoring the test clips
    each time makes an epoch about a third longer.
    """

    best_epoch: bool = False


@dataclass(frozen=True)
class SemiSettings(TuningSettings):
    """Fine-tuning for each share of the labels and each draw. headline: the share whose draw 0 stands for all.

    least_steps: so few clips that an epoch is a step or two are gone over more often than `epochs`, until there are as
    many steps. At the published sizes it changes nothing.
    """

    shares: tuple[float, ...] = (0.01, 0.05, 0.1, 0.2)
    headline: float = 0.1
    draws: int = 5
    least_steps: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(draws=self.draws, least_steps=self.least_steps)
        check(
            len(self.shares) > 0 and all(0 < share <= 1 for share in self.shares),
            f"shares {list(self.shares)} must be one or more numbers in (0, 1]",
        )
        check(len(set(self.shares)) == len(self.shares), f"shares {list(self.shares)} repeat one")
        check(self.headline in self.shares, f"headline {self.headline} must be one of shares {list(self.shares)}")


@dataclass(frozen=True)
class TransferSettings(TuningSettings):
    """Fine-tuning on another data set."""


@dataclass(frozen=True)
class RobustnessSettings(ProbeSettings):
    """A linear probe, and what is done to the test clips; an empty list leaves a kind out.

    missing: what a missing joint reads as: `zeros`, the clip's origin, or as cleaning mends it: `parent`, the nearest
    seen joint towards the root, `interpolate` or `hold`, over gaps of at most longest_gap frames. joints: shares
    missing throughout the clip. joints_by_frame: shares missing in every frame. limbs: whether each limb is hidden
    once. noise: standard deviations, metres. frames: shares lost here and there. block: shares lost in one piece.
    view: degrees about the axis `vertical`. draws: repetitions of what is random.
    """

    missing: Literal["zeros", "parent", "interpolate", "hold"] = "zeros"
    longest_gap: int = 10
    joints: tuple[float, ...] = (0.1, 0.2, 0.3, 0.5)
    joints_by_frame: tuple[float, ...] = (0.1, 0.2, 0.3, 0.5)
    limbs: bool = True
    noise: tuple[float, ...] = (0.01, 0.02, 0.05, 0.1)
    frames: tuple[float, ...] = (0.25, 0.5, 0.75, 0.9)
    block: tuple[float, ...] = (0.125, 0.25, 0.5)
    view: tuple[float, ...] = (15.0, 30.0, 45.0, 60.0, 90.0, 180.0)
    vertical: Literal["x", "y", "z"] = "y"
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
        at_least(1, draws=self.draws, longest_gap=self.longest_gap)


@dataclass(frozen=True)
class LosoSettings(ProbeSettings):
    """Leaving out one training subject at a time: a linear probe, and neighbours as in KnnSettings."""

    k: int = 1
    standardise: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(k=self.k)


SHARED: dict[str, type[Any]] = {"probe": ProbeSettings, "tuning": TuningSettings}
"""Recipes that several protocols begin with: no protocol, but a section of `evaluate` that others are `like`."""

EVALUATIONS: dict[str, type[Any]] = {
    "linear": LinearSettings,
    "knn": KnnSettings,
    "finetune": FinetuneSettings,
    "semi": SemiSettings,
    "loso": LosoSettings,
    "robustness": RobustnessSettings,
    "transfer": TransferSettings,
}
"""The settings of every shipped way to evaluate an encoder, by its section's name."""
