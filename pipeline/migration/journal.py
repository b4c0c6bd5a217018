"""Which content was converted into which, written before it is put in place: what a kill or a second run relies on."""

from pathlib import Path
from typing import Any

from hacm.errors import UserError
from hacm.files import read_json, write_json
from pipeline.migration.conversions import Output

FILE = Path(".state/migration.json")


class Journal:
    """By path of an output the MD5 of what it was converted from and to. Kept: dvc.lock may be older for long."""

    def __init__(self, file: Path = FILE) -> None:
        self.file = file
        self._entries = _read(file)

    def add(self, outputs: list[Output]) -> None:
        """Note conversions that are about to be put in place. What was converted twice comes from its first content."""
        for one in outputs:
            earlier = self._entries.get(one.path)
            before = earlier["before"] if earlier and one.before == earlier["after"] else one.before
            self._entries[one.path] = {"before": before, "after": one.after}
        write_json(self.file, self._entries)

    def is_from(self, path: str, now: str, before: str) -> bool:
        """Whether content of hash `now` at a path is what content of hash `before` was converted into."""
        return self._entries.get(path) == {"before": before, "after": now}


def _read(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    entries = read_json(file)
    if not isinstance(entries, dict):
        raise UserError(f"{file}: not readable; delete it")
    return entries
