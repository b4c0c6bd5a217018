"""The method's settings: one frozen dataclass a section of params.yaml.

Plain standard-library dataclasses, so that reading them costs no import of torch. `__pydantic_config__` is what the
params loader reads: an unknown key is an error. Impossible combinations raise ValueError here, naming the key.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

STRICT: dict[str, Any] = {"extra": "forbid"}


def check(condition: bool, message: str) -> None:
    """ValueError with the message unless the condition holds."""
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True)
class ModelSettings:
    """Sizes and choices of the encoder and decoder (hacm.md §1, §2, §4).

    variant: `paper` corrects the released code's arithmetic (textbook distance and attention), `released` repeats it.
    frames: T after resampling. segment: r frames a token. prune: take the root set out (§1). hyperbolic: tokens are
    exp_0 of the embedding (§2).
    """

    variant: Literal["paper", "released"] = "paper"
    dim: int = 256
    heads: int = 8
    encoder_blocks: int = 8
    decoder_blocks: int = 3
    mlp_ratio: float = 4.0
    frames: int = 72
    segment: int = 3
    prune: bool = True
    hyperbolic: bool = True
    curvature: float = 1.0
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check(self.dim > 0 and self.heads > 0, "dim and heads must be positive")
        check(self.dim % self.heads == 0, f"dim {self.dim} is not divisible by heads {self.heads}")
        check(self.segment > 0 and self.frames > 0, "frames and segment must be positive")
        check(self.frames % self.segment == 0, f"frames {self.frames} is not divisible by segment {self.segment}")
        check(self.frames // self.segment >= 2, "frames must hold at least two segments")
        check(self.encoder_blocks > 0 and self.decoder_blocks >= 0, "encoder_blocks must be positive")
        check(self.curvature > 0, "curvature must be positive")


@dataclass(frozen=True)
class SpatialSettings:
    """The spatial branch's criterion, the joint hierarchy (§3). enabled false: that branch is masked at random."""

    enabled: bool = True
    source: Literal["precomputed", "features", "mixed"] = "features"
    root_weight: float = 0.01
    __pydantic_config__: ClassVar[Any] = STRICT


@dataclass(frozen=True)
class TemporalSettings:
    """The temporal branch's criterion, global attention (§3). enabled false: that branch is masked at random.

    scale, normalize_over: null takes what the model's variant says (paper: 1/√D over keys; released: √D over joints).
    """

    enabled: bool = True
    scale: Literal["inverse_sqrt", "sqrt"] | None = None
    normalize_over: Literal["keys", "joints"] | None = None
    __pydantic_config__: ClassVar[Any] = STRICT


@dataclass(frozen=True)
class MaskingSettings:
    """Which tokens the encoder sees (§3, §8). ratio: share that is masked. tau: sharpness of the Gumbel top-k."""

    strategy: Literal["hacm", "random", "motion"] = "hacm"
    ratio: float = 0.9
    tau: float = 0.9
    spatial: SpatialSettings = field(default_factory=SpatialSettings)
    temporal: TemporalSettings = field(default_factory=TemporalSettings)
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check(0 < self.ratio < 1, f"ratio {self.ratio} must lie between 0 and 1")
        check(self.tau > 0, "tau must be positive")


@dataclass(frozen=True)
class LossSettings:
    """Reconstruction and cross-contrast (§5). combine `sum` adds them; `alpha`: α·contrast + (1−α)·reconstruction."""

    contrast: bool = True
    combine: Literal["sum", "alpha"] = "sum"
    alpha: float = 0.5
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check(0 <= self.alpha <= 1, f"alpha {self.alpha} must lie in [0, 1]")


@dataclass(frozen=True)
class AugmentSettings:
    """Crop, resample, rotate (§6). crop: least and most fraction of the frames kept, at least min_frames of them.

    rotation: largest angle about each axis, radians. test_crop: the centre fraction that evaluation looks at. stream:
    what the network is fed.
    """

    crop_least: float = 0.5
    crop_most: float = 1.0
    min_frames: int = 64
    rotation: float = 0.3
    test_crop: float = 0.95
    stream: Literal["joint", "motion"] = "joint"
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check(0 < self.crop_least <= self.crop_most <= 1, "crop_least and crop_most must satisfy 0 < least ≤ most ≤ 1")
        check(0 < self.test_crop <= 1, "test_crop must lie in (0, 1]")
        check(self.rotation >= 0 and self.min_frames >= 1, "rotation must be ≥ 0 and min_frames ≥ 1")


@dataclass(frozen=True)
class PretrainSettings:
    """Optimisation (§6). checkpoint_epochs: a resumable state is saved this often."""

    epochs: int = 500
    warmup_epochs: float = 20
    batch: int = 64
    lr: float = 1e-3
    min_lr: float = 5e-4
    weight_decay: float = 0.05
    beta1: float = 0.9
    beta2: float = 0.95
    absent_bodies: Literal["drop", "keep"] = "drop"
    checkpoint_epochs: int = 5
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check(self.epochs > 0 and self.batch > 1, "epochs must be positive and batch at least 2")
        check(0 <= self.warmup_epochs < self.epochs, "warmup_epochs must lie in [0, epochs)")
        check(0 <= self.min_lr <= self.lr, "min_lr must lie in [0, lr]")
        check(self.checkpoint_epochs > 0, "checkpoint_epochs must be positive")


@dataclass(frozen=True)
class TrainSettings:
    """All that shapes a pretraining run: the section `train` of params.yaml, overridden by a benchmark's own."""

    model: ModelSettings = field(default_factory=ModelSettings)
    masking: MaskingSettings = field(default_factory=MaskingSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    pretrain: PretrainSettings = field(default_factory=PretrainSettings)
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check(
            self.masking.strategy == "hacm" or not self.loss.contrast,
            f"loss.contrast needs the branches of masking.strategy hacm; set it to false for {self.masking.strategy}",
        )
        check(
            self.model.prune or not self.needs_hierarchies,
            "masking.spatial.source: precomputed hierarchies exist for pruned skeletons only; use features",
        )

    @property
    def needs_hierarchies(self) -> bool:
        """Whether the spatial criterion reads the precomputed per-frame hierarchies."""
        masking = self.masking
        return masking.strategy == "hacm" and masking.spatial.enabled and masking.spatial.source != "features"


@dataclass(frozen=True)
class LinearSettings:
    """Linear probe (§6). views: augmented views of each training clip whose features are encoded once and reused in
    turn; views = epochs is the published recipe."""

    epochs: int = 100
    views: int = 100
    batch: int = 128
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    absent_bodies: Literal["drop", "keep"] = "drop"
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check(self.epochs > 0 and self.batch > 1, "epochs must be positive and batch at least 2")
        check(1 <= self.views <= self.epochs, "views must lie in 1..epochs")


@dataclass(frozen=True)
class KnnSettings:
    """k nearest neighbours on frozen features by cosine."""

    k: int = 1
    absent_bodies: Literal["drop", "keep"] = "drop"
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check(self.k > 0, "k must be positive")


@dataclass(frozen=True)
class TreeSettings:
    """The kinematic tree's embedding in the Poincaré ball (§3). scale: ball units a metre of bone."""

    dim: int = 2
    scale: float = 4.0
    steps: int = 2000
    lr: float = 0.02
    seed: int = 0
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check(self.dim >= 2 and self.steps > 0 and self.lr > 0 and self.scale > 0, "dim ≥ 2, steps, lr, scale > 0")


@dataclass(frozen=True)
class HierarchySettings:
    """Per-frame hyperbolic joint hierarchies (§3). scale: tangent units a metre before exp_0."""

    scale: float = 2.0
    root_weight: float = 0.01
    tree: TreeSettings = field(default_factory=TreeSettings)
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check(self.scale > 0, "scale must be positive")
