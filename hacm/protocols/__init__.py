"""Ways to evaluate an encoder. One file per protocol, and nothing else here: a file put into this folder is a protocol.

Each has `Settings`, a frozen dataclass that says what its section of params.yaml holds, and

    run(model, task, settings, seed, device, on_epoch=None) -> Result

on_epoch is called with the number of epochs (or other equal parts of the work) that are done, also with a part of one,
of `settings.epochs` if there is such a setting, else of 1. SettingsError for what the settings ask for and the task
cannot give.

The Settings of the shipped protocols are in hacm/settings/evaluation.py: params.yaml is checked without torch.
"""

import importlib
import pkgutil
from types import ModuleType

from hacm.errors import SettingsError


def names() -> tuple[str, ...]:
    """The protocols that there are, by name; none is imported for it."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def find(name: str) -> ModuleType:
    """The protocol of that name. SettingsError if there is none."""
    if name not in names():
        raise SettingsError(f"unknown protocol {name!r}; known: {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{name}")
