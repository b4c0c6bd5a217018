"""The project's docstrings as Sphinx takes them: a paragraph `one: what it is. other: what it is.` becomes a list."""

import re
from typing import Any

from sphinx.application import Sphinx

NAMES = r"[a-z]\w*(?:, [a-z]\w*)*"
BEGINNING = re.compile(rf"{NAMES}: ")
NEXT = re.compile(rf"(?<=\. )(?={NAMES}: )")


def list_arguments(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Rewrite the lines of a docstring in place (Sphinx's event autodoc-process-docstring)."""
    paragraphs = [" ".join(part.split()) for part in "\n".join(lines).split("\n\n")]
    lines[:] = [line for paragraph in paragraphs for line in (*as_list(paragraph), "")]


def as_list(paragraph: str) -> list[str]:
    """A paragraph that begins with a name and a colon as a list, an item per name; any other as it is."""
    if not BEGINNING.match(paragraph):
        return [paragraph]
    items = (part.strip().split(": ", 1) for part in NEXT.split(paragraph))
    return [f"- **{names}**: {what}" for names, what in items]
