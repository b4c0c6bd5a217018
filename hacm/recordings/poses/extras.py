"""Packages that read a format and are not needed for anything else: the extra `formats`, imported when it is used."""

import importlib
from types import ModuleType

from hacm.errors import UserError


def import_extra(module: str, what: str) -> ModuleType:
    """A package of the extra `formats`; UserError, with the command that installs it, if it is not there."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(
            f"{what} files are read with {module}, which is not installed: pip install 'hacm-pipeline[formats]' "
            "(in a clone: pip install -e '.[formats]')"
        ) from error
