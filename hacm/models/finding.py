"""Where models are: those that are shipped, by name, and any folder."""

from pathlib import Path

from hacm.errors import UserError

SHIPPED = Path(__file__).parent / "shipped"
"""A folder for each model, of its name."""
DESCRIPTION, HUGGING_FACE = "model.json", "config.json"
"""What says that a folder holds a model, in our layout and in that of Hugging Face."""


def list_shipped() -> list[str]:
    """The names of the shipped models."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{DESCRIPTION}"))


def find(name: str | Path) -> Path:
    """The folder of a model: a shipped one's by its name, else the folder itself; UserError if there is none."""
    if isinstance(name, str) and name in list_shipped():
        return SHIPPED / name
    path = Path(name)
    if path.is_dir():
        if not any((path / name).exists() for name in (DESCRIPTION, HUGGING_FACE)):
            raise UserError(f"{path}: no model (no {DESCRIPTION} in it); hacm export-model writes one")
        return path
    known = list_shipped()
    shipped = f"shipped are {', '.join(known)}" if known else "none is shipped"
    raise UserError(f"{name}: no such model: no folder of that name is here, and {shipped}")
