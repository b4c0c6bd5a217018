"""Keys of params.yaml that were once called otherwise: an old file is told the new names, never guessed at."""

import re
from dataclasses import dataclass, field
from typing import Any

from pipeline.yaml_tree import flatten
from stages.shared.parameters.validation import Source

TRAIN = r"(?:train|recipes\.train\.[^.]+|benchmarks\.[^.]+\.train|variants\.[^.]+)"


@dataclass(frozen=True)
class Renamed:
    """old: a pattern of whole keys. new: the key in its place, as re.sub has it. values: the new of each old one."""

    old: str
    new: str
    values: dict[Any, Any] = field(default_factory=dict)


RENAMED = (
    Renamed(rf"({TRAIN}\.model)\.variant", r"\1.arithmetic", {"paper": "textbook", "released": "released"}),
)  # fmt: skip


def check_names(source: Source) -> None:
    """UserError for the first key with an old name: what to write now."""
    for key, value in flatten(source.tree, "").items():
        for renamed in RENAMED:
            match = re.fullmatch(renamed.old, key.removeprefix("."))
            if match:
                now = match.expand(renamed.new)
                last = now.rsplit(".", 1)[1]
                source.fail(match[0], f"is called {now} now; write {last}: {renamed.values.get(value, value)}")
