"""Every row of the ablation table: each combination of settings trains, or is refused by the names of two of them."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from hacm.clips.ragged import Clips, pack_clips
from hacm.settings import (
    AugmentSettings,
    LossSettings,
    MaskingSettings,
    ModelSettings,
    PretrainSettings,
    SpatialSettings,
    TemporalSettings,
    TrainSettings,
)
from hacm.skeletons.skeleton import Skeleton
from hacm.training.engine import Pretraining

SKELETON = Skeleton(joints=6, parents=(-1, 0, 1, 2, 1, 4), roots=(0, 1), centre=0)
SMALL = {"dim": 8, "heads": 2, "encoder_blocks": 1, "decoder_blocks": 1, "frames": 12}

STRATEGIES: dict[str, dict[str, Any]] = {"random": {"strategy": "random"}, "motion (MAMP)": {"strategy": "motion"}}
SPATIAL = {
    "no spatial": SpatialSettings(enabled=False),
    "features": SpatialSettings(source="features"),
    "precomputed": SpatialSettings(source="precomputed"),
    "mixed": SpatialSettings(source="mixed"),
}
TEMPORAL = {
    "no temporal": TemporalSettings(enabled=False),
    "fixed": TemporalSettings(),
    "learned": TemporalSettings(attention="learned"),
}
for (first, spatial), (second, temporal) in itertools.product(SPATIAL.items(), TEMPORAL.items()):
    STRATEGIES[f"hacm, {first}, {second}"] = {"strategy": "hacm", "spatial": spatial, "temporal": temporal}
LOSSES = (LossSettings(), LossSettings(combine="alpha", alpha=0.3), LossSettings(contrast=False))


def three_clips() -> Clips:
    """One body alone, two, and one beside an absent one; with hierarchies of the four kept joints."""
    generator = torch.Generator().manual_seed(0)
    clips = [torch.rand(bodies, 14, 6, 3, generator=generator) for bodies in (1, 2, 2)]
    clips[2][1] = 0
    return pack_clips(clips, [0, 0, 0], [torch.rand(len(clip), 14, 4, generator=generator) for clip in clips])


def combinations(masking: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The sections of all TrainSettings with this masking; absent bodies are dropped and kept by turns."""
    model = itertools.product(("textbook", "released"), (True, False), (True, False))
    for number, ((arithmetic, hyperbolic, prune), loss) in enumerate(itertools.product(model, LOSSES)):
        yield {
            "model": ModelSettings(**SMALL, arithmetic=arithmetic, hyperbolic=hyperbolic, prune=prune),  # type: ignore[arg-type]
            "masking": MaskingSettings(ratio=0.5, **masking),
            "loss": loss,
            "augment": AugmentSettings(min_frames=4),
            "pretrain": PretrainSettings(
                epochs=2, warmup_epochs=0, batch=3, absent_bodies=("drop", "keep")[number % 2]
            ),
        }


def contradiction(sections: dict[str, Any]) -> tuple[str, str] | None:
    """Two settings of these sections that cannot go together."""
    model, masking = sections["model"], sections["masking"]
    stored = masking.strategy == "hacm" and masking.spatial in (SPATIAL["precomputed"], SPATIAL["mixed"])
    if sections["loss"].contrast and masking.strategy != "hacm":
        return "loss.contrast", "masking.strategy"
    if stored and not model.prune:
        return "masking.spatial.source", "model.prune"
    if stored and model.arithmetic == "released":
        return "masking.spatial.source", "model.arithmetic"
    return None


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_combination_trains_or_is_refused(strategy: str) -> None:
    clips, trained = three_clips(), 0
    for sections in combinations(STRATEGIES[strategy]):
        names = contradiction(sections)
        if names is None:
            check_two_steps(clips, TrainSettings(**sections))
            trained += 1
            continue
        with pytest.raises(ValueError) as caught:  # noqa: PT011  the names are compared below
            TrainSettings(**sections)
        assert all(name in str(caught.value) for name in names)
    assert trained == (6 if "precomputed" in strategy or "mixed" in strategy else 24 if "hacm" in strategy else 8)


def check_two_steps(clips: Clips, settings: TrainSettings) -> None:
    """Losses are finite, and every parameter that is trained has a gradient, finite and not zero."""
    run = Pretraining(clips, torch.arange(3), SKELETON, settings, 0, "cpu")
    for _ in range(2):
        run.advance()
    loss, reconstruction, contrast = (run.sums / 2).tolist()
    assert 0 < reconstruction < 10
    assert (contrast > 0) == settings.loss.contrast
    assert 0 < loss < 10
    temporal = settings.masking.temporal
    for name, parameter in run.model.named_parameters():
        fixed = name.startswith("masking.") and temporal.attention == "fixed"
        assert parameter.requires_grad != fixed, name
        assert (parameter.grad is None) == fixed, name
        if parameter.grad is not None:
            assert parameter.grad.isfinite().all(), name
            # A key's bias has no effect under a softmax over keys.
            idle = name == "masking.key.bias" and settings.model.arithmetic == "textbook"
            assert idle or parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("stream", ["joint", "motion"])
@pytest.mark.parametrize("scale", ["inverse_sqrt", "sqrt"])
@pytest.mark.parametrize("normalize_over", ["keys", "joints"])
def test_attentions_own_settings_train(stream: str, scale: str, normalize_over: str) -> None:
    sections = next(combinations({"strategy": "hacm"}))
    temporal = TemporalSettings(scale=scale, normalize_over=normalize_over)  # type: ignore[arg-type]
    settings = replace(
        TrainSettings(**sections),
        masking=MaskingSettings(ratio=0.5, temporal=temporal),
        augment=AugmentSettings(min_frames=4, stream=stream),  # type: ignore[arg-type]
    )
    check_two_steps(three_clips(), settings)
