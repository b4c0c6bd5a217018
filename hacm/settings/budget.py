"""How many tokens there are and how many the encoder sees (hacm.md §1, §3): plain arithmetic of the settings."""

from dataclasses import dataclass

from hacm.errors import SettingsError
from hacm.settings.training import MaskingSettings, ModelSettings


def branch_sizes(segments: int, joints: int) -> tuple[int, int]:
    """Tokens of the temporal and of the spatial branch (equal unless `segments` is odd)."""
    return (segments + 1) // 2 * joints, segments // 2 * joints


def kept_count(tokens: int, ratio: float) -> int:
    """How many of `tokens` are kept: int(n·(1 − ρ)) in floating point, as the field does (0.9 keeps 21 of 216).

    Rounding may cost one: 750·(1 − 0.9) is 74.99…, so 74. SettingsError if none would be left, or none hidden.
    """
    count = int(tokens * (1 - ratio))
    if count < 1:
        raise SettingsError(f"masking.ratio {ratio} leaves none of {tokens} tokens; lower it")
    if count == tokens:
        raise SettingsError(f"masking.ratio {ratio} hides none of {tokens} tokens; raise it")
    return count


@dataclass(frozen=True)
class Budget:
    """How many tokens of a sequence there are and how many of them the encoder sees, in each group that competes.

    tokens, kept: (temporal, spatial) branch for `hacm`; one number each, over all tokens, for strategies without
    branches.
    """

    tokens: tuple[int, ...]
    kept: tuple[int, ...]

    def __str__(self) -> str:
        parts = f" ({self.kept[0]} temporal + {self.kept[1]} spatial)" if len(self.kept) == 2 else ""
        return f"{sum(self.kept)} of {sum(self.tokens)} tokens seen{parts}"


def token_budget(joints: int, model: ModelSettings, settings: MaskingSettings) -> Budget:
    """The budget of a model with so many token joints. SettingsError if a group would keep none."""
    sizes = branch_sizes(model.frames // model.segment, joints)
    tokens = sizes if settings.strategy == "hacm" else (sum(sizes),)
    return Budget(tokens, tuple(kept_count(size, settings.ratio) for size in tokens))
