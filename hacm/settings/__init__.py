"""The method's settings: one frozen dataclass per section of params.yaml.

Plain standard-library dataclasses, so that reading them costs no import of torch. `__pydantic_config__` is what the
params loader reads: an unknown key is an error. Impossible combinations raise SettingsError here, naming the key.
"""

from hacm.settings.budget import Budget, branch_sizes, kept_count, token_budget
from hacm.settings.checks import STRICT, at_least, below_one, check, check_choices, positive
from hacm.settings.evaluation import (
    EVALUATIONS,
    SHARED,
    FinetuneSettings,
    KnnSettings,
    LinearSettings,
    LosoSettings,
    ProbeSettings,
    RobustnessSettings,
    SemiSettings,
    TransferSettings,
    TuningSettings,
)
from hacm.settings.training import (
    AugmentSettings,
    HierarchySettings,
    LossSettings,
    MaskingSettings,
    ModelSettings,
    PretrainSettings,
    SpatialSettings,
    TemporalSettings,
    TrainSettings,
    TreeSettings,
    check_together,
)

__all__ = [
    "EVALUATIONS",
    "SHARED",
    "STRICT",
    "AugmentSettings",
    "Budget",
    "FinetuneSettings",
    "HierarchySettings",
    "KnnSettings",
    "LinearSettings",
    "LosoSettings",
    "LossSettings",
    "MaskingSettings",
    "ModelSettings",
    "PretrainSettings",
    "ProbeSettings",
    "RobustnessSettings",
    "SemiSettings",
    "SpatialSettings",
    "TemporalSettings",
    "TrainSettings",
    "TransferSettings",
    "TreeSettings",
    "TuningSettings",
    "at_least",
    "below_one",
    "branch_sizes",
    "check",
    "check_choices",
    "check_together",
    "kept_count",
    "positive",
    "token_budget",
]
