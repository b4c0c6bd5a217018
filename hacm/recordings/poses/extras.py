"""Packages that read a format and are not needed for anything else: the extra `formats`, imported when it is used."""

import importlib
import importlib.util
from types import ModuleType

from hacm.errors import UserError


def import_extra(module: str, what: str) -> ModuleType:
    """A package of the extra `formats`; UserError, with the command that installs it, if it is not there."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise _missing(module, what) from error


def expect_extra(module: str, what: str) -> None:
    """The same, without importing it."""
    try:
        found = importlib.util.find_spec(module) is not None
    except ValueError:  # a stand-in without a spec
        found = False
    if not found:
        raise _missing(module, what)


def _missing(module: str, what: str) -> UserError:
    return UserError(
        f"{what} files are read with {module}, which is not installed: pip install 'hacm-pipeline[formats]' "
        "(in a clone: pip install -e '.[formats]')"
    )
