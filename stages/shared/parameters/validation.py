"""Turns a section of params.yaml into a typed object; errors are one line: file, line, key, reason."""

import json
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml.comments import CommentedMap

from hacm.errors import UserError
from pipeline.yaml_tree import ABSENT, line_of, look_up, merge, plain, read_shared

T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """params.yaml as it was read, and where it lies."""

    path: Path
    tree: CommentedMap

    @classmethod
    def read(cls, path: Path) -> "Source":
        """UserError if it is damaged or missing."""
        return cls(path, read_shared(path))

    def fail(self, key: str, reason: str) -> NoReturn:
        """UserError naming file, line and key."""
        raise UserError(f"{self.path}:{line_of(self.tree, key)}: {key}: {reason}")

    def mapping(self, key: str) -> dict[str, Any]:
        """The mapping at a key; empty if nothing is there, UserError if something else is."""
        found = look_up(self.tree, key)
        if found is ABSENT:
            return {}
        if not isinstance(found, dict):
            self.fail(key, "must be a mapping, maybe {}")
        return found

    def validate(self, layers: Mapping[str, Any], kind: type[T]) -> T:
        """What the layers say together as a `kind`; layers: sections by key, the last word last.

        Of what is wrong the first thing is named, where the last word on it stands.
        """
        first, *over = layers
        for key in over:
            self.mapping(key)
        merged = reduce(merge, map(plain, layers.values()))
        try:
            # JSON's strict mode: a list may become a tuple, but "3" does not become 3.
            checked: T = _adapter(cast(Hashable, kind)).validate_json(json.dumps(merged, default=str), strict=True)
        except ValidationError as error:
            wrong = error.errors()[0]
            self.fail(self.key_of([*reversed(over), first], _places(merged, wrong)), _explain(wrong))
        return checked

    def key_of(self, sections: list[str], places: list[str]) -> str:
        """The full key of the first of the places that the uppermost section has; sections: the last word first."""
        full = [f"{section}.{place}" if place else section for section in sections for place in places]
        return next((key for key in full if look_up(self.tree, key) is not ABSENT), full[0])


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Made once per type, because making it takes longer than checking a value."""
    return TypeAdapter(kind)


def _places(merged: Any, wrong: Any) -> list[str]:
    """Where within the section something is wrong: the settings that the message names, else the part itself."""
    place = [str(part) for part in wrong["loc"]]
    if wrong["type"] != "value_error":
        return [".".join(place)]
    words = re.findall(r"[a-z](?:[a-z0-9_.]*[a-z0-9])?", _without_prefix(wrong["msg"]))
    named = [key for word in words if (key := _full_name(merged, place, word))]
    return named or [".".join(place)]


def _full_name(merged: Any, place: list[str], word: str) -> str | None:
    """What a setting named in a message of the part at `place` is called in full; None if it is none."""
    readings = (".".join([*place[:length], word]) for length in range(len(place), -1, -1))
    return next((key for key in readings if look_up(merged, key) is not ABSENT), None)


def _without_prefix(message: str) -> str:
    return re.sub(r"^(Value error|Assertion failed), ", "", message)


def _explain(wrong: Any) -> str:
    if wrong["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return "unknown key; remove it or mend its spelling"
    if wrong["type"] in ("missing", "missing_argument"):
        return "missing; add it"
    message = _without_prefix(wrong["msg"]).replace("Input should be", "must be")
    shown = wrong["input"]
    simple = isinstance(shown, str | int | float | bool) or shown is None
    return f"{message}, not {shown!r}" if simple and wrong["type"] != "value_error" else message
