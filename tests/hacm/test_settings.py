"""Every setting: what it may be, and that anything else is refused by its name."""

import json
from dataclasses import fields
from math import inf, nan
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from hacm.protocols import finetune, knn, linear, loso, semi
from hacm.settings import (
    AugmentSettings,
    HierarchySettings,
    LossSettings,
    MaskingSettings,
    ModelSettings,
    PretrainSettings,
    SpatialSettings,
    TemporalSettings,
    TrainSettings,
    TransferSettings,
    TreeSettings,
)

POSITIVE = (0, -1)
POSITIVE_REAL = (0.0, -0.5, nan, inf)
NOT_NEGATIVE = (-0.1, nan, inf)
FRACTION_BELOW_1 = (-0.1, 1.0, 1.5, nan)
BODIES = ("absent", "")

RECIPE = {
    "epochs": (*POSITIVE, 5),
    "warmup_epochs": (-1, 100, 101, nan),
    "batch": (*POSITIVE, 1),
    "lr": (*POSITIVE_REAL, 9e-6),
    "min_lr": (-1e-6, 4e-4, nan),
    "weight_decay": NOT_NEGATIVE,
    "beta1": FRACTION_BELOW_1,
    "beta2": FRACTION_BELOW_1,
    "layer_decay": (0.0, -0.5, 1.1, nan),
    "drop_path": FRACTION_BELOW_1,
    "dropout": FRACTION_BELOW_1,
    "hidden": POSITIVE,
    "label_smoothing": FRACTION_BELOW_1,
    "absent_bodies": BODIES,
}

# Values that each setting refuses. Switches (true or false) and sections are listed apart: any other type is refused
# where params.yaml and checkpoints are read.
REFUSED: dict[type, dict[str, tuple[Any, ...]]] = {
    ModelSettings: {
        "arithmetic": ("Textbook", "theirs"),
        "dim": (*POSITIVE, 255),
        "heads": (*POSITIVE, 7),
        "encoder_blocks": POSITIVE,
        "decoder_blocks": (-1,),
        "decoder": ("cross", ""),
        "readout": ("joint", None),
        "mlp_ratio": (*POSITIVE_REAL, 0.001),
        "frames": (*POSITIVE, 71, 3),
        "segment": (*POSITIVE, 5, 72),
        "curvature": POSITIVE_REAL,
    },
    SpatialSettings: {"source": ("feature", ""), "root_weight": NOT_NEGATIVE},
    TemporalSettings: {
        "scale": ("inverse", 0.5),
        "normalize_over": ("key", "segments"),
        "attention": ("projected", None),
    },
    MaskingSettings: {
        "strategy": ("cross", "Random"),
        "ratio": (0.0, 1.0, -0.5, 1.5, nan),
        "tau": POSITIVE_REAL,
    },
    LossSettings: {
        "target": ("velocity", ""),
        "normalise": ("segment", ""),
        "weight": ("motion", ""),
        "predicted": (0.0, -0.5, 1.1, nan),
        "combine": ("mean", ""),
        "alpha": (-0.1, 1.1, nan),
    },
    AugmentSettings: {
        "crop_least": (0.0, -0.5, 1.1, nan),
        "crop_most": (0.0, 0.4, 1.1, nan),
        "min_frames": POSITIVE,
        "rotation": NOT_NEGATIVE,
        "limbs": FRACTION_BELOW_1,
        "test_crop": (0.0, -0.5, 1.1, nan),
        "stream": ("velocity", ""),
    },
    PretrainSettings: {
        "epochs": (*POSITIVE, 20),
        "warmup_epochs": (-1, 500, 501, nan),
        "batch": (*POSITIVE, 1),
        "lr": (*POSITIVE_REAL, 4e-4),
        "min_lr": (-1e-4, 2e-3, nan),
        "weight_decay": NOT_NEGATIVE,
        "beta1": FRACTION_BELOW_1,
        "beta2": FRACTION_BELOW_1,
        "absent_bodies": BODIES,
        "checkpoint_epochs": POSITIVE,
        "precision": ("float16", ""),
        "average": FRACTION_BELOW_1,
        "watch_epochs": POSITIVE,
    },
    linear.Settings: {
        "epochs": (*POSITIVE, 99),
        "views": (*POSITIVE, 101),
        "batch": (*POSITIVE, 1),
        "lr": POSITIVE_REAL,
        "momentum": FRACTION_BELOW_1,
        "weight_decay": NOT_NEGATIVE,
        "absent_bodies": BODIES,
    },
    loso.Settings: {
        "epochs": (*POSITIVE, 99),
        "views": (*POSITIVE, 101),
        "batch": (*POSITIVE, 1),
        "lr": POSITIVE_REAL,
        "momentum": FRACTION_BELOW_1,
        "weight_decay": NOT_NEGATIVE,
        "k": POSITIVE,
        "absent_bodies": BODIES,
    },
    finetune.Settings: RECIPE,
    semi.Settings: RECIPE
    | {
        "shares": ((), (0.0, 0.1), (0.1, 1.5), (0.1, nan), (0.1, 0.1), (0.2,)),
        "headline": (0.3, nan),
        "draws": POSITIVE,
        "least_steps": POSITIVE,
    },
    TransferSettings: RECIPE,
    knn.Settings: {"k": POSITIVE, "absent_bodies": BODIES},
    TreeSettings: {
        "dim": (1, 0, -2),
        "scale": POSITIVE_REAL,
        "steps": POSITIVE,
        "lr": POSITIVE_REAL,
        "seed": (-1, 2**63),
    },
    HierarchySettings: {"scale": POSITIVE_REAL, "root_weight": NOT_NEGATIVE},
    TrainSettings: {},
}
SWITCHES = {
    ModelSettings: {"prune", "hyperbolic"},
    SpatialSettings: {"enabled"},
    TemporalSettings: {"enabled"},
    LossSettings: {"contrast"},
    PretrainSettings: {"compile"},
    finetune.Settings: {"best_epoch"},
    knn.Settings: {"standardise"},
    loso.Settings: {"standardise"},
}
SECTIONS = {
    MaskingSettings: {"spatial", "temporal"},
    HierarchySettings: {"tree"},
    TrainSettings: {"model", "masking", "loss", "augment", "pretrain"},
}
CASES = [(kind, name, value) for kind, table in REFUSED.items() for name, values in table.items() for value in values]


@pytest.mark.parametrize(("kind", "name", "value"), CASES)
def test_what_cannot_be_is_refused_by_name(kind: type, name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"\b{name}\b"):
        kind(**{name: value})


@pytest.mark.parametrize("kind", REFUSED)
def test_no_setting_is_left_out(kind: type) -> None:
    assert kind() == kind()
    checked = set(REFUSED[kind]) | SWITCHES.get(kind, set()) | SECTIONS.get(kind, set())
    assert checked == {field.name for field in fields(kind)}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in SWITCHES.items() for name in sorted(names)])
def test_switches_are_true_or_false_in_a_file(kind: type, name: str) -> None:
    for value in ("yes", 2, None):
        with pytest.raises(ValidationError) as caught:
            TypeAdapter(kind).validate_json(json.dumps({name: value}), strict=True)
        assert caught.value.errors()[0]["loc"] == (name,)


ATTENTION = TemporalSettings(attention="learned")
PRECOMPUTED = SpatialSettings(source="precomputed")
RANDOM = MaskingSettings(strategy="random")
PAIRS: dict[str, tuple[type, dict[str, Any], tuple[str, str]]] = {
    "contrast without branches": (TrainSettings, {"masking": RANDOM}, ("loss.contrast", "masking.strategy")),
    "a share of the tokens from the decoder of all": (
        TrainSettings,
        {"loss": LossSettings(predicted=0.25)},
        ("loss.predicted", "model.decoder"),
    ),
    "hierarchies without pruning": (
        TrainSettings,
        {"model": ModelSettings(prune=False), "masking": MaskingSettings(spatial=SpatialSettings(source="mixed"))},
        ("masking.spatial.source", "model.prune"),
    ),
    "hierarchies as released": (
        TrainSettings,
        {"model": ModelSettings(arithmetic="released"), "masking": MaskingSettings(spatial=PRECOMPUTED)},
        ("masking.spatial.source", "model.arithmetic"),
    ),
    "learning without branches": (
        MaskingSettings,
        {"strategy": "motion", "temporal": ATTENTION},
        ("masking.temporal.attention", "masking.strategy"),
    ),
    "learning without the criterion": (
        TemporalSettings,
        {"enabled": False, "attention": "learned"},
        ("temporal.attention", "temporal.enabled"),
    ),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_a_pair_that_cannot_work_is_one_line_naming_both(pair: str) -> None:
    kind, settings, names = PAIRS[pair]
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the names are compared below
        kind(**settings)
    assert "\n" not in str(caught.value)
    for name in names:
        assert name in str(caught.value)


def test_what_is_not_used_forbids_nothing() -> None:
    """A source of hierarchies is no contradiction where the spatial criterion is off or there are no branches."""
    unpruned = ModelSettings(prune=False)
    off = SpatialSettings(enabled=False, source="precomputed")
    for masking in (MaskingSettings(spatial=off), MaskingSettings(strategy="random", spatial=PRECOMPUTED)):
        loss = LossSettings(contrast=masking.strategy == "hacm")
        assert not TrainSettings(model=unpruned, masking=masking, loss=loss).needs_hierarchies
    assert TrainSettings(masking=MaskingSettings(spatial=PRECOMPUTED)).needs_hierarchies
