"""HA-CM: hierarchy and attention guided cross-masking; and the use of what was trained by it.

model = hacm.load("NAME or folder")
model.predict(x, fps=30)[0].label
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from hacm.models.model import Model

__version__ = "0.1.0"


def load(model: "str | PathLike[str]", device: str = "cpu") -> "Model":
    """A trained model, by the name of a shipped one or by its folder, ready to use (hacm.models.model.Model).

    Nothing that is loaded can run code. hacm.errors.UserError, one line, if there is no such model, if it is damaged or
    of a newer version.
    """
    # Here and not above: importing hacm must not take the seconds that torch takes.
    from pathlib import Path

    from hacm.models.finding import find
    from hacm.models.model import Model

    return Model.load(find(model if isinstance(model, str) else Path(model)), device)
