"""HA-CM and MAMP once more, from docs/hacm.md alone: NumPy, float64, no module of the project but its settings.

What small_golden.json holds was computed by `python -m tests.helpers.reference`. Weights, clips and noise are made by a
formula, so that they are the same on every machine.

Axes: B sequences, T frames, V joints, S segments, J token joints, D width, P values of a patch.
"""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hacm.settings import (
    LossSettings,
    MaskingSettings,
    ModelSettings,
    SpatialSettings,
    TemporalSettings,
    TrainSettings,
)

Array = NDArray[np.float64]
PATH = Path(__file__).with_name("small_golden.json")
ROOTS, KEPT = [0, 4], [1, 2, 3, 5]
BATCH, FRAMES, JOINTS, DIM, HEADS = 3, 18, 6, 8, 2
erf = np.vectorize(math.erf)

SMALL: dict[str, Any] = {"dim": DIM, "heads": HEADS, "encoder_blocks": 2, "decoder_blocks": 1, "frames": FRAMES}
CASES = {
    "paper": TrainSettings(ModelSettings(**SMALL), MaskingSettings(ratio=0.7)),
    "released": TrainSettings(ModelSettings(**SMALL, arithmetic="released"), MaskingSettings(ratio=0.7)),
    "another curvature, α": TrainSettings(
        ModelSettings(**SMALL, curvature=0.5), MaskingSettings(ratio=0.7), LossSettings(combine="alpha", alpha=0.3)
    ),
    "precomputed hierarchies": TrainSettings(
        ModelSettings(**SMALL), MaskingSettings(ratio=0.7, spatial=SpatialSettings(source="precomputed"))
    ),
    "mixed hierarchies, no temporal criterion": TrainSettings(
        ModelSettings(**SMALL),
        MaskingSettings(ratio=0.7, spatial=SpatialSettings(source="mixed"), temporal=TemporalSettings(enabled=False)),
    ),
    "flat, not pruned": TrainSettings(
        ModelSettings(**SMALL, hyperbolic=False, prune=False), MaskingSettings(ratio=0.7)
    ),
    "MAMP": TrainSettings(
        ModelSettings(**SMALL, hyperbolic=False, prune=False),
        MaskingSettings(strategy="motion", ratio=0.7, tau=0.8),
        LossSettings(contrast=False),
    ),
    "random": TrainSettings(
        ModelSettings(**SMALL), MaskingSettings(strategy="random", ratio=0.7), LossSettings(contrast=False)
    ),
}


# ---- inputs ---------------------------------------------------------------------------------------------------------


def draw(shape: tuple[int, ...], seed: int) -> Array:
    """Numbers in [−1, 1) from a bit generator whose stream NumPy promises never to change."""
    raw = np.random.PCG64(seed).random_raw(math.prod(shape))
    return ((raw >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1).reshape(shape)


def make_weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, Array]:
    """A value for every parameter, by its name."""
    return {name: draw(shape, seed=sum(name.encode())) for name, shape in shapes.items()}


def make_clips() -> tuple[Array, Array]:
    """Joints in metres, (B, T, V, 3), and hierarchies of the kept joints, (B, T, J)."""
    return draw((BATCH, FRAMES, JOINTS, 3), 1), 4 + 3 * draw((BATCH, FRAMES, len(KEPT)), 2)


def make_noise(tokens: int) -> Array:
    """Uniform noise in branch order; from a narrow range, so that the scores decide too."""
    return 0.5 + 0.2 * draw((BATCH, tokens), 3)


# ---- the method -----------------------------------------------------------------------------------------------------


def expmap0(v: Array, model: ModelSettings) -> Array:
    root = math.sqrt(model.curvature)
    norm = np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-300)
    return np.tanh(root * norm) * v / (root * norm) if model.hyperbolic else v


def distance(x: Array, y: Array, model: ModelSettings) -> float:
    square, c = float(((x - y) ** 2).sum()), model.curvature
    if not model.hyperbolic:
        return math.sqrt(square)
    factor = 2 if model.arithmetic == "textbook" else 4
    return math.acosh(1 + factor * c * square / ((1 - c * (x @ x)) * (1 - c * (y @ y)))) / math.sqrt(c)


def softmax(x: Array, axis: int = -1) -> Array:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def layer_norm(w: dict[str, Array], stem: str, x: Array) -> Array:
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return x * w[f"{stem}.weight"] + w[f"{stem}.bias"]


def linear(w: dict[str, Array], stem: str, x: Array) -> Array:
    return x @ w[f"{stem}.weight"].T + w[f"{stem}.bias"]


def blocks(w: dict[str, Array], stem: str, count: int, x: Array) -> Array:
    for b in range(count):
        qkv = linear(w, f"{stem}.{b}.attention.qkv", layer_norm(w, f"{stem}.{b}.norm1", x))
        mixed = []
        for head in range(HEADS):
            part = slice(head * DIM // HEADS, (head + 1) * DIM // HEADS)
            q, k, v = qkv[..., :DIM][..., part], qkv[..., DIM:-DIM][..., part], qkv[..., -DIM:][..., part]
            mixed.append(softmax(q @ k.swapaxes(-1, -2) / math.sqrt(DIM / HEADS)) @ v)
        x = x + linear(w, f"{stem}.{b}.attention.projection", np.concatenate(mixed, -1))
        hidden = linear(w, f"{stem}.{b}.mlp.expand", layer_norm(w, f"{stem}.{b}.norm2", x))
        x = x + linear(w, f"{stem}.{b}.mlp.contract", hidden * (1 + erf(hidden / math.sqrt(2))) / 2)
    return x


def cut(x: Array, segment: int) -> Array:
    """(B, T, J, C) to patches (B, S, J, P)."""
    B, T, J, C = x.shape
    return x.reshape(B, T // segment, segment, J, C).swapaxes(2, 3).reshape(B, T // segment, J, segment * C)


def spatial_scores(E: Array, roots: Array, hierarchy: Array, settings: TrainSettings) -> Array:
    """Scores of the odd segments of one sequence: (S/2, J)."""
    model, spatial = settings.model, settings.masking.spatial
    stored = hierarchy.reshape(-1, model.segment, hierarchy.shape[-1]).mean(1)[1::2]
    P, fathers = expmap0(E, model)[1::2], expmap0(roots, model).mean(1)[1::2]
    computed = np.array(
        [
            [sum(distance(u, v, model) for u in p) + spatial.root_weight * distance(father, v, model) for v in p]
            for p, father in zip(P, fathers, strict=True)
        ]
    )
    if spatial.source == "mixed":
        return (stored / stored.max() + computed / computed.max()) / 2
    return stored if spatial.source == "precomputed" else computed


def temporal_scores(w: dict[str, Array], E: Array, model: ModelSettings) -> Array:
    """Scores of the even segments of one sequence: (S/2, J)."""
    q, k = (linear(w, f"masking.{name}", E[0::2]) for name in ("query", "key"))
    paper = model.arithmetic == "textbook"
    logits = np.einsum("tvd,uvd->vtu", q, k) * (DIM ** (-0.5 if paper else 0.5))
    return softmax(logits, axis=2 if paper else 0).sum(1).T


def keep(scores: Array, noise: Array, masking: MaskingSettings) -> list[int]:
    """Places of the tokens that are kept."""
    p = softmax(scores / (masking.tau * scores.max() + 1e-10))
    key = np.log(p) - np.log(-np.log(noise + 1e-10) + 1e-10)
    order = np.argsort(key if masking.strategy == "motion" else -key)
    return sorted(order[: int(len(scores) * (1 - masking.ratio))].tolist())


def select(scores: Array, noise: Array, masking: MaskingSettings) -> list[tuple[int, int]]:
    """The cells (segment, joint) of one sequence that are kept, the temporal branch's first; noise in branch order."""
    S, J = scores.shape
    even, odd = ([(s, j) for s in range(start, S, 2) for j in range(J)] for start in (0, 1))
    kept: list[tuple[int, int]] = []
    begin = 0
    for cells in (even, odd) if masking.strategy == "hacm" else (even + odd,):
        values = np.array([scores[cell] for cell in cells])
        kept += [cells[place] for place in keep(values, noise[begin : begin + len(cells)], masking)]
        begin += len(cells)
    return kept


def score(
    w: dict[str, Array], E: Array, roots: Array, patch: Array, hierarchy: Array, settings: TrainSettings
) -> Array:
    """Scores of all cells of one sequence: (S, J)."""
    masking, scores = settings.masking, np.zeros(E.shape[:2])
    if masking.strategy == "motion":
        change = np.abs(np.diff(patch, axis=0)).mean(-1)
        return np.concatenate([change[:1], change])
    if masking.strategy == "hacm":
        if masking.temporal.enabled:
            scores[0::2] = temporal_scores(w, E, settings.model)
        if masking.spatial.enabled:
            scores[1::2] = spatial_scores(E, roots, hierarchy, settings)
    return scores


def contrast(even: Array, odd: Array) -> float:
    f_t, f_s, f = even.mean(1), odd.mean(1), np.concatenate([even, odd], 1).mean(1)
    pairs = ((f_t, f), (f_s, f), (f_t, f_s))
    return float(sum(((softmax(a @ b.T) - np.eye(len(a))) ** 2).mean() for a, b in pairs))


def whole_pass(w: dict[str, Array], settings: TrainSettings) -> dict[str, Any]:
    """Losses, mask (B, S, J), prediction and features of one pass over the made-up clips."""
    model, masking, loss = settings.model, settings.masking, settings.loss
    x, hierarchy = make_clips()
    tokens = x[:, :, KEPT] if model.prune else x
    patch = cut(tokens, model.segment)
    places = w["encoder.segment_embedding"][:, None] + w["encoder.joint_embedding"]
    E = linear(w, "encoder.embedding", patch) + places
    roots = linear(w, "encoder.embedding", cut(x[:, :, ROOTS], model.segment))
    B, S, J, _ = E.shape
    noise = make_noise(S * J)
    kept = [select(score(w, E[b], roots[b], patch[b], hierarchy[b], settings), noise[b], masking) for b in range(B)]
    seen = np.array([[expmap0(E[b][cell], model) for cell in kept[b]] for b in range(B)])
    latent = layer_norm(w, "encoder.norm", blocks(w, "encoder.blocks", model.encoder_blocks, seen))
    cells = np.broadcast_to(w["decoder.mask_token"], E.shape).copy()
    mask = np.ones((B, S, J))
    for b in range(B):
        for cell, token in zip(kept[b], linear(w, "decoder.embedding", latent[b]), strict=True):
            cells[b][cell], mask[b][cell] = token, 0
    cells += w["decoder.segment_embedding"][:, None] + w["decoder.joint_embedding"]
    decoded = blocks(w, "decoder.blocks", model.decoder_blocks, cells.reshape(B, S * J, DIM))
    prediction = linear(w, "decoder.head", layer_norm(w, "decoder.norm", decoded)).reshape(B, S, J, -1)
    motion = np.concatenate([np.diff(tokens, axis=1), np.zeros_like(tokens[:, :1])], 1)
    target = cut(expmap0(motion, model), model.segment)
    target = (target - target.mean(-1, keepdims=True)) / np.sqrt(target.var(-1, ddof=1, keepdims=True) + 1e-6)
    reconstruction = float((((prediction - target) ** 2).mean(-1) * mask).sum() / mask.sum())
    half = sum(s % 2 == 0 for s, _ in kept[0])
    term = contrast(latent[:, :half], latent[:, half:]) if loss.contrast else 0.0
    total = loss.alpha * term + (1 - loss.alpha) * reconstruction if loss.combine == "alpha" else reconstruction + term
    everything = expmap0(E, model).reshape(B, S * J, DIM)
    features = layer_norm(w, "encoder.norm", blocks(w, "encoder.blocks", model.encoder_blocks, everything))
    return {
        "loss": total if loss.contrast else reconstruction,
        "reconstruction": reconstruction,
        "contrast": term,
        "mask": ["".join(str(int(hidden)) for hidden in sequence.flatten()) for sequence in mask],
        "prediction": sample(prediction),
        "features": sample(features),
    }


def sample(values: Iterable[Any]) -> list[float]:
    """A dozen of the values, spread over the array."""
    flat = np.asarray(values, dtype=np.float64).flatten()
    return [float(value) for value in flat[:: len(flat) // 12][:12]]


def shapes_of(settings: TrainSettings) -> dict[str, tuple[int, ...]]:
    """Every parameter's shape."""
    model, D = settings.model, DIM
    J, P, S = len(KEPT) if model.prune else JOINTS, 3 * model.segment, FRAMES // model.segment
    shapes: dict[str, tuple[int, ...]] = {"decoder.mask_token": (D,)}
    matrices = {"encoder.embedding": (D, P), "decoder.embedding": (D, D), "decoder.head": (P, D)}
    for side, count in (("encoder", model.encoder_blocks), ("decoder", model.decoder_blocks)):
        shapes |= {f"{side}.segment_embedding": (S, D), f"{side}.joint_embedding": (J, D)}
        shapes |= {f"{side}.norm.{kind}": (D,) for kind in ("weight", "bias")}
        for b in range(count):
            stem = f"{side}.blocks.{b}"
            shapes |= {f"{stem}.{norm}.{kind}": (D,) for norm in ("norm1", "norm2") for kind in ("weight", "bias")}
            matrices |= {f"{stem}.attention.qkv": (3 * D, D), f"{stem}.attention.projection": (D, D)}
            matrices |= {f"{stem}.mlp.expand": (4 * D, D), f"{stem}.mlp.contract": (D, 4 * D)}
    if settings.masking.strategy == "hacm" and settings.masking.temporal.enabled:
        matrices |= {"masking.query": (D, D), "masking.key": (D, D)}
    for name, shape in matrices.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return shapes


def main() -> None:
    """Write small_golden.json anew."""
    golden = {name: whole_pass(make_weights(shapes_of(settings)), settings) for name, settings in CASES.items()}
    PATH.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
