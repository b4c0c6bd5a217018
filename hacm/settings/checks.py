"""What the settings' dataclasses check themselves by: each helper raises SettingsError naming the setting."""

from math import inf, isfinite
from typing import Any, Literal, get_args, get_origin, get_type_hints

from hacm.errors import SettingsError

STRICT: dict[str, Any] = {"extra": "forbid"}
"""For pydantic, which checks files: an unknown key is an error."""


def check(condition: bool, message: str) -> None:
    """SettingsError with the message unless the condition holds."""
    if not condition:
        raise SettingsError(message)


def positive(**values: float) -> None:
    """SettingsError naming the first value that is not a finite number above 0."""
    for name, value in values.items():
        check(0 < value < inf, f"{name} must be positive, not {value}")


def at_least(least: int, **values: float) -> None:
    """SettingsError naming the first value that is not a finite number of at least `least`."""
    for name, value in values.items():
        check(isfinite(value) and value >= least, f"{name} must be at least {least}, not {value}")


def below_one(**values: float) -> None:
    """SettingsError naming the first value outside [0, 1)."""
    for name, value in values.items():
        check(0 <= value < 1, f"{name} must lie in [0, 1), not {value}")


def check_choices(settings: Any) -> None:
    """SettingsError naming the first field whose value is none of the words that its type lists.

    A params file is checked against the types already; a word misspelt in Python would otherwise pass for another.
    """
    for name, kind in get_type_hints(type(settings)).items():
        value = getattr(settings, name)
        for part in (kind, *get_args(kind)):
            if get_origin(part) is Literal and value not in get_args(part) and not (value is None and part is not kind):
                raise SettingsError(f"{name} must be one of {', '.join(get_args(part))}, not {value!r}")
