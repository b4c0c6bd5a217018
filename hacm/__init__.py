"""HA-CM, hierarchy and attention guided cross-masking, and the use of the models trained by it.

`model = hacm.load("utd-mhad")`, then `model.predict(x, fps=30)[0].label`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from hacm.models.model import Model

__version__ = "0.1.0"


def load(model: "str | PathLike[str]", device: str = "cpu") -> "Model":
    """Load a trained model: a `hacm.models.model.Model`.

    model: the name of a model in the box (`hacm models` lists them), or the folder of one. device: "cpu", "cuda", or
    another name of a device that torch knows. Loading never runs code from the model's files.

    hacm.errors.UserError, one line, if there is no such model, or if it is damaged or of a newer version.
    """
    # Here and not above: importing hacm must not take the seconds that torch takes.
    from pathlib import Path

    from hacm.models.finding import find
    from hacm.models.model import Model

    return Model.load(find(model if isinstance(model, str) else Path(model)), device)
