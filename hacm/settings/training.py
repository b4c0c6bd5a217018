"""How a model is pretrained and how joint hierarchies are computed: a frozen dataclass per section of params.yaml."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from hacm.settings.checks import STRICT, at_least, below_one, check, check_choices, positive


@dataclass(frozen=True)
class ModelSettings:
    """Sizes and choices of the encoder and decoder (hacm.md §1, §2, §4).

    arithmetic: `textbook` corrects the released code's (textbook distance and attention), `released` repeats it.
    frames: T after resampling. segment: r frames per token. prune: take the root set out (§1). hyperbolic: tokens are
    exp_0 of the embedding (§2). decoder: `self_attention` is the published one, over all tokens; in `cross_attention`
    the predicted tokens look at the kept ones alone (ours, after CrossMAE). readout: features are the mean over all
    tokens (§6), or with `joints` one mean per joint (ours).
    """

    arithmetic: Literal["textbook", "released"] = "textbook"
    dim: int = 256
    heads: int = 8
    encoder_blocks: int = 8
    decoder_blocks: int = 3
    decoder: Literal["self_attention", "cross_attention"] = "self_attention"
    readout: Literal["mean", "joints"] = "mean"
    mlp_ratio: float = 4.0
    frames: int = 72
    segment: int = 3
    prune: bool = True
    hyperbolic: bool = True
    curvature: float = 1.0
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check_choices(self)
        positive(dim=self.dim, heads=self.heads, mlp_ratio=self.mlp_ratio, frames=self.frames, segment=self.segment)
        positive(encoder_blocks=self.encoder_blocks, curvature=self.curvature)
        at_least(0, decoder_blocks=self.decoder_blocks)
        check(self.dim % self.heads == 0, f"dim {self.dim} is not divisible by heads {self.heads}")
        check(self.dim * self.mlp_ratio >= 1, f"mlp_ratio {self.mlp_ratio} leaves no hidden unit at dim {self.dim}")
        check(self.frames % self.segment == 0, f"frames {self.frames} is not divisible by segment {self.segment}")
        check(
            self.frames // self.segment >= 2,
            f"frames {self.frames} must hold at least two segments, with segment {self.segment}",
        )


@dataclass(frozen=True)
class SpatialSettings:
    """The spatial branch's criterion, the joint hierarchy (§3). enabled false: that branch is masked at random."""

    enabled: bool = True
    source: Literal["precomputed", "features", "mixed"] = "features"
    root_weight: float = 0.01
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check_choices(self)
        at_least(0, root_weight=self.root_weight)


@dataclass(frozen=True)
class TemporalSettings:
    """The temporal branch's criterion, global attention (§3). enabled false: that branch is masked at random.

    scale, normalize_over: null takes what model.arithmetic says (textbook: 1/√D over keys; released: √D over joints).
    attention: `fixed` leaves W_q and W_k as they begin, as released; `learned` trains them (§3, ours).
    """

    enabled: bool = True
    scale: Literal["inverse_sqrt", "sqrt"] | None = None
    normalize_over: Literal["keys", "joints"] | None = None
    attention: Literal["fixed", "learned"] = "fixed"
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check_choices(self)
        check(
            self.enabled or self.attention == "fixed",
            "temporal.attention learned needs temporal.enabled true: without the criterion there is nothing to learn",
        )


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
        check_choices(self)
        check(0 < self.ratio < 1, f"ratio {self.ratio} must lie between 0 and 1")
        positive(tau=self.tau)
        check(
            self.strategy == "hacm" or self.temporal.attention == "fixed",
            f"masking.temporal.attention learned needs masking.strategy hacm, not {self.strategy}",
        )

    @property
    def needs_hierarchies(self) -> bool:
        """Whether the spatial criterion reads the precomputed per-frame hierarchies."""
        return self.strategy == "hacm" and self.spatial.enabled and self.spatial.source != "features"

    @property
    def needs_features(self) -> bool:
        """Whether the spatial criterion is computed from the embedding, as published."""
        return self.strategy == "hacm" and self.spatial.enabled and self.spatial.source != "precomputed"


@dataclass(frozen=True)
class LossSettings:
    """Reconstruction and cross-contrast (§5). combine `sum` adds them; `alpha`: α·contrast + (1−α)·reconstruction.

    target: what is predicted of a token. normalise: over its own values, or per sequence and axis over all frames and
    joints. weight: how much a token counts; `energy`: by the square root of its motion's energy. predicted: the share
    of the masked tokens that is predicted, drawn anew in each step.
    """

    target: Literal["motion", "position", "both"] = "motion"
    normalise: Literal["patch", "clip"] = "patch"
    weight: Literal["equal", "energy"] = "equal"
    predicted: float = 1.0
    contrast: bool = True
    combine: Literal["sum", "alpha"] = "sum"
    alpha: float = 0.5
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check_choices(self)
        check(0 <= self.alpha <= 1, f"alpha {self.alpha} must lie in [0, 1]")
        check(0 < self.predicted <= 1, f"predicted {self.predicted} must lie in (0, 1]")


def check_together(model: ModelSettings, masking: MaskingSettings, loss: LossSettings) -> None:
    """SettingsError naming both settings of a pair that cannot work together."""
    source = masking.spatial.source
    check(
        masking.strategy == "hacm" or not loss.contrast,
        f"loss.contrast true needs the two branches of masking.strategy hacm; set it to false for {masking.strategy}",
    )
    check(
        model.decoder == "cross_attention" or loss.predicted == 1,
        f"loss.predicted {loss.predicted} needs model.decoder cross_attention: the other decodes every token anyway",
    )
    check(
        model.prune or not masking.needs_hierarchies,
        f"masking.spatial.source {source} needs model.prune true: hierarchies are stored for the joints that pruning "
        "leaves; set source to features",
    )
    check(
        model.arithmetic == "textbook" or not masking.needs_hierarchies,
        f"masking.spatial.source {source} is not what model.arithmetic released computes; set source to features",
    )


@dataclass(frozen=True)
class AugmentSettings:
    """Crop, resample, rotate (§6). crop: least and most fraction of the frames kept, at least min_frames of them.

    rotation: largest angle about each axis, radians. limbs: largest relative change of a limb's length, drawn for each
    limb and the trunk of each clip. test_crop: the centre fraction that evaluation looks at. stream:
    what the network is fed: joints, their motion from frame to frame, or bones (each joint less its parent).
    """

    crop_least: float = 0.5
    crop_most: float = 1.0
    min_frames: int = 64
    rotation: float = 0.3
    limbs: float = 0.0
    test_crop: float = 0.95
    stream: Literal["joint", "motion", "bone"] = "joint"
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check_choices(self)
        check(
            0 < self.crop_least <= self.crop_most <= 1,
            f"crop_least {self.crop_least} and crop_most {self.crop_most} must satisfy 0 < least ≤ most ≤ 1",
        )
        check(0 < self.test_crop <= 1, f"test_crop {self.test_crop} must lie in (0, 1]")
        at_least(0, rotation=self.rotation)
        below_one(limbs=self.limbs)
        at_least(1, min_frames=self.min_frames)


@dataclass(frozen=True)
class PretrainSettings:
    """Optimisation (§6). checkpoint_epochs: a resumable state is saved this often.

    precision: of the blocks' matrix products; geometry, norms and losses are float32 either way. compile: let
    torch.compile fuse the step; needs a C++ compiler, on a GPU Triton. average: what a step leaves of the running mean
    of the weights, which is then the result; null: the last weights are. watch_epochs: every so many epochs the
    neighbours of left-out training subjects' clips are counted, to be looked at; null: never.
    """

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
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: bool = False
    average: float | None = None
    watch_epochs: int | None = None
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check_choices(self)
        positive(epochs=self.epochs, lr=self.lr, checkpoint_epochs=self.checkpoint_epochs)
        at_least(2, batch=self.batch)
        at_least(0, weight_decay=self.weight_decay)
        below_one(beta1=self.beta1, beta2=self.beta2)
        if self.average is not None:
            below_one(average=self.average)
        if self.watch_epochs is not None:
            positive(watch_epochs=self.watch_epochs)
        check(
            0 <= self.warmup_epochs < self.epochs,
            f"warmup_epochs {self.warmup_epochs} must lie in [0, epochs), with epochs {self.epochs}",
        )
        check(0 <= self.min_lr <= self.lr, f"min_lr {self.min_lr} must lie in [0, lr], with lr {self.lr}")


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
        check_together(self.model, self.masking, self.loss)

    @property
    def needs_hierarchies(self) -> bool:
        """Whether pretraining reads the precomputed per-frame hierarchies."""
        return self.masking.needs_hierarchies


@dataclass(frozen=True)
class TreeSettings:
    """The kinematic tree's embedding in the Poincaré ball (§3). scale: ball units per metre of bone."""

    dim: int = 2
    scale: float = 4.0
    steps: int = 2000
    lr: float = 0.02
    seed: int = 0
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        at_least(2, dim=self.dim)
        positive(scale=self.scale, steps=self.steps, lr=self.lr)
        check(0 <= self.seed < 2**63, f"seed must lie in [0, 2**63), not {self.seed}")


@dataclass(frozen=True)
class HierarchySettings:
    """Per-frame hyperbolic joint hierarchies (§3). scale: tangent units per metre before exp_0."""

    scale: float = 2.0
    root_weight: float = 0.01
    tree: TreeSettings = field(default_factory=TreeSettings)
    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        positive(scale=self.scale)
        at_least(0, root_weight=self.root_weight)
