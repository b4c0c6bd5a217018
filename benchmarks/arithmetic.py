"""What a pretraining step has to compute and to move, counted from its settings.

A multiplication and an addition are two operations. Counted are matrix products, attention and the distances among
joints; what is left (norms, GELU, softmax, the optimiser) is little arithmetic and shows in the bytes. Attention's way
back is counted as if it recomputed nothing, as model FLOP utilisation is usually told.

Symbols as in hacm: T frames, S segments, J token joints, R root joints, L = S·J tokens, K kept tokens, Q predicted
tokens, P values of a patch, D width.
"""

from dataclasses import dataclass

from hacm.settings import AugmentSettings, TrainSettings, branch_sizes, kept_count
from hacm.skeletons.skeleton import Skeleton

FLOAT = 4  # bytes
COORDINATES = 3
FORWARD_AND_BACK = 3  # a product's way back is two products of the same size
# Tensors of width D that a block writes for each token, besides the two of the MLP's width: norm, queries, keys,
# values, mixed values, projection, sum, norm, contraction, sum.
BLOCK_TENSORS = 10
# Forward: written and read. Back: read once more; its gradient is written and read.
TRIPS = 5
# A parameter is read forward and back and its gradient written; AdamW reads four vectors and writes three.
PARAMETER_TRIPS = 10


@dataclass(frozen=True)
class Work:
    """Floating-point operations and bytes moved between processor and memory."""

    flops: float = 0.0
    bytes: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(self.flops + other.flops, self.bytes + other.bytes)

    def floor_seconds(self, peak: "Work") -> float:
        """The least time on hardware that does `peak` a second, arithmetic and transport at the same time."""
        return max(self.flops / peak.flops, self.bytes / peak.bytes)


@dataclass(frozen=True)
class Sizes:
    """The numbers that the counts are made of."""

    frames: int
    segments: int
    joints: int
    roots: int
    tokens: int
    kept: int
    predicted: int
    patch: int
    target: int
    dim: int
    hidden: int

    @classmethod
    def of(cls, settings: TrainSettings, skeleton: Skeleton) -> "Sizes":
        """From the settings of a run."""
        model, masking = settings.model, settings.masking
        joints = len(skeleton.kept) if model.prune else skeleton.joints
        segments = model.frames // model.segment
        sizes = branch_sizes(segments, joints)
        if masking.strategy == "hacm":
            kept = sum(kept_count(size, masking.ratio) for size in sizes)
        else:
            kept = kept_count(sum(sizes), masking.ratio)
        return cls(
            frames=model.frames,
            segments=segments,
            joints=joints,
            roots=len(skeleton.roots),
            tokens=segments * joints,
            kept=kept,
            predicted=max(1, round(settings.loss.predicted * (segments * joints - kept))),
            patch=model.segment * COORDINATES,
            target=model.segment * COORDINATES * (2 if settings.loss.target == "both" else 1),
            dim=model.dim,
            hidden=int(model.dim * model.mlp_ratio),
        )


def count_step(settings: TrainSettings, skeleton: Skeleton, sequences: int, parameters: int) -> dict[str, Work]:
    """Each part's work in one forward and backward pass and optimiser step over so many sequences."""
    size = Sizes.of(settings, skeleton)
    model = settings.model
    parts = {
        "embedding": _embedding(size, size.tokens) + _embedding(size, 2 * size.kept),  # of the kept ones there and back
        "criteria of masking": _criteria(settings, size),
        "encoder, kept tokens": _blocks(size, size.kept, model.encoder_blocks),
        **_decoder(settings, size),
    }
    counted = {name: Work(part.flops * sequences, part.bytes * sequences) for name, part in parts.items()}
    if settings.loss.contrast:
        counted["contrast"] = Work(3 * FORWARD_AND_BACK * 2 * sequences**2 * size.dim)
    counted["parameters and optimiser"] = Work(0, parameters * FLOAT * PARAMETER_TRIPS)
    return counted


def _decoder(settings: TrainSettings, size: Sizes) -> dict[str, Work]:
    """The part that predicts, by its name."""
    blocks = settings.model.decoder_blocks
    embedding = _linear(size.kept, size.dim, size.dim)
    if settings.model.decoder == "cross_attention":
        head = _linear(size.predicted, size.dim, size.target)
        return {"decoder, predicted tokens": embedding + _cross_blocks(size, blocks) + head}
    head = _linear(size.tokens, size.dim, size.target)
    return {"decoder, all tokens": embedding + _blocks(size, size.tokens, blocks) + head}


def _linear(tokens: int, wide: int, narrow: int) -> Work:
    """A linear layer there and back: its output's trips; its input is another's output."""
    return Work(FORWARD_AND_BACK * 2 * tokens * wide * narrow, TRIPS * FLOAT * tokens * narrow)


def _embedding(size: Sizes, tokens: int) -> Work:
    """So many tokens one way: the way back ends here, as coordinates need no gradient, and is one product."""
    return Work(2 * tokens * size.patch * size.dim, 2 * FLOAT * tokens * size.dim)


def _criteria(settings: TrainSettings, size: Sizes) -> Work:
    """Forward only, unless attention is learned."""
    masking = settings.masking
    work = Work()
    if masking.strategy != "hacm":
        return work
    even, odd = (size.segments + 1) // 2, size.segments // 2
    if masking.spatial.enabled and masking.spatial.source != "precomputed":
        pairs = odd * size.joints * (size.joints + 1)  # each joint with all, and with the father
        roots = 2 * size.segments * size.roots * size.patch * size.dim
        work += Work(roots + 3 * pairs * size.dim, 4 * FLOAT * odd * size.joints * size.dim)
    if masking.temporal.enabled:
        projections = 2 * 2 * even * size.joints * size.dim**2
        scores = 2 * size.joints * even**2 * size.dim
        work += Work(projections + scores, 6 * FLOAT * even * size.joints * size.dim)
    return work


def _blocks(size: Sizes, tokens: int, blocks: int) -> Work:
    """Pre-norm Transformer blocks over so many tokens."""
    linear = 2 * tokens * size.dim * (4 * size.dim + 2 * size.hidden)
    attention = 2 * 2 * tokens**2 * size.dim
    width = BLOCK_TENSORS * size.dim + 2 * size.hidden
    return Work(blocks * FORWARD_AND_BACK * (linear + attention), blocks * TRIPS * FLOAT * tokens * width)


def _cross_blocks(size: Sizes, blocks: int) -> Work:
    """Blocks in which the predicted tokens look at the kept ones: those give keys and values, and nothing else."""
    linear = 2 * size.predicted * size.dim * (2 * size.dim + 2 * size.hidden) + 2 * size.kept * size.dim * 2 * size.dim
    attention = 2 * 2 * size.predicted * size.kept * size.dim
    queries = (BLOCK_TENSORS - 2) * size.dim + 2 * size.hidden
    values = size.predicted * queries + size.kept * 2 * size.dim
    return Work(blocks * FORWARD_AND_BACK * (linear + attention), blocks * TRIPS * FLOAT * values)


def count_augmentation(settings: TrainSettings, augment: AugmentSettings, skeleton: Skeleton, sequences: int) -> Work:
    """Crop, resample, rotate: two rows are read for a frame and one is written; rotating reads and writes it again."""
    frames = sequences * settings.model.frames
    values = frames * skeleton.joints * COORDINATES
    rotated = augment.rotation > 0
    hierarchy = frames * len(skeleton.kept) if settings.needs_hierarchies else 0
    flops = 3 * values + (2 * COORDINATES * values if rotated else 0) + 3 * hierarchy
    return Work(flops, FLOAT * (3 * values + (2 * values if rotated else 0) + 3 * hierarchy))


def count_features(settings: TrainSettings, skeleton: Skeleton, sequences: int) -> Work:
    """The evaluation encoder over all tokens, forward only."""
    size = Sizes.of(settings, skeleton)
    embedding, blocks = _embedding(size, size.tokens), _blocks(size, size.tokens, settings.model.encoder_blocks)
    forward = embedding.flops + blocks.flops / FORWARD_AND_BACK
    return Work(sequences * forward, sequences * (embedding.bytes + blocks.bytes * 2 / TRIPS))


def total(parts: dict[str, Work]) -> Work:
    """All parts together."""
    return sum(parts.values(), Work())
