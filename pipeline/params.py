"""params.yaml: read once, checked in full, handed out by section and only where a stage declared it.

Every section is a typed object (a dataclass or pydantic model with unknown keys forbidden). What is wrong is said in
one line: file, line, key, reason.
"""

import json
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from hacm.errors import UserError
from hacm.files import replace_file

T = TypeVar("T")

ABSENT = object()


class Params:
    """The part of params.yaml that a stage declared.

    keys: dotted names, as in dvc.yaml's `params`. Asking for anything that is not at or below one of them is a
    programming error (AssertionError): DVC would not know that the result depends on it.
    """

    def __init__(self, path: Path, keys: Iterable[str]) -> None:
        self.path = Path(path)
        self.tree = read_yaml(self.path)
        self.keys = tuple(keys)
        for key in self.keys:
            if look_up(self.tree, key) is ABSENT:
                raise UserError(f"{self.path}: {key}: missing; add it (the published params.yaml has every key)")

    def value(self, key: str) -> Any:
        """The plain value of a declared key."""
        declared = any(key == name or key.startswith(name + ".") for name in self.keys)
        assert declared, f"{key} is read but not declared; declared: {', '.join(self.keys)}"
        found = look_up(self.tree, key)
        if found is ABSENT:
            raise UserError(f"{self.path}: {key}: missing; add it")
        return found

    def section(self, key: str, kind: type[T], *overrides: str) -> T:
        """The section `key` as a `kind`, with what the sections `overrides` say put over it, one after the other."""
        merged = plain(self.value(key))
        prefixes = [key]
        for override in overrides:
            over = plain(self.value(override))
            if not isinstance(over, dict):
                line = line_of(self.tree, override)
                raise UserError(f"{self.path}:{line}: {override}: must be a mapping, maybe {{}}")
            merged = merge(merged, over)
            prefixes += [override] if over else []
        return validate(merged, kind, self.path, self.tree, tuple(reversed(prefixes)))


def editor() -> YAML:
    """Reads and writes YAML 1.2, as DVC does, leaving comments and quotes as they are."""
    yaml = YAML(typ="rt")
    yaml.width = 1000
    yaml.preserve_quotes = True
    return yaml


def write_yaml(tree: CommentedMap, path: Path, check: Callable[[Path], None]) -> None:
    """Put the tree into the place of the file, if it is valid; check: raises for a file that is not."""
    with replace_file(path) as temporary:
        with open(temporary, "w", encoding="utf-8") as stream:
            editor().dump(tree, stream)
        check(temporary)


def read_yaml(path: Path) -> CommentedMap:
    """The YAML file as a mapping that remembers its lines; UserError naming file and line if it is damaged."""
    try:
        tree = editor().load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: not found; run from the project's top folder") from error
    except (YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = str(getattr(error, "problem", None) or error).splitlines()[0]
        raise UserError(f"{where}: not valid YAML ({problem}); mend that line") from error
    if not isinstance(tree, CommentedMap):
        raise UserError(f"{path}: must be a mapping of sections")
    return tree


def look_up(tree: Any, key: str) -> Any:
    """The value at a dotted key, or ABSENT."""
    for part in key.split("."):
        if not isinstance(tree, dict) or part not in tree:
            return ABSENT
        tree = tree[part]
    return tree


def line_of(tree: Any, key: str) -> int:
    """The line, from 1, on which a dotted key (or the deepest part of it that exists) stands."""
    line = 1
    for part in key.split("."):
        if not isinstance(tree, CommentedMap) or part not in tree:
            break
        line = tree.lc.key(part)[0] + 1
        tree = tree[part]
    return line


def plain(value: Any) -> Any:
    """The value without ruamel's types."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def merge(base: Any, over: Any) -> Any:
    """`base` with `over` put over it, mapping by mapping; lists and values are replaced whole."""
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    return base | {key: merge(base[key], item) if key in base else item for key, item in over.items()}


def flatten(value: Any, prefix: str) -> dict[str, Any]:
    """The values in a section, which is at `prefix`, by dotted key; an empty section has none."""
    if not isinstance(value, dict):
        return {prefix: value}
    return {key: leaf for part, inner in value.items() for key, leaf in flatten(inner, f"{prefix}.{part}").items()}


def flatten_sections(sections: Mapping[str, Any]) -> dict[str, Any]:
    """The values in several sections, by dotted key; sections: by theirs."""
    return {key: leaf for prefix, section in sections.items() for key, leaf in flatten(section, prefix).items()}


def validate(value: Any, kind: type[T], path: Path, tree: CommentedMap, prefixes: tuple[str, ...]) -> T:
    """The value as a `kind`; UserError naming file, line and key for the first thing wrong with it.

    prefixes: the keys the value was made from; the one that holds the faulty key is named.
    """
    try:
        # JSON's strict mode: a list may become a tuple, but "3" does not become 3.
        checked: T = _adapter(cast(Hashable, kind)).validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        full = [f"{prefix}.{place}" if place else prefix for prefix in prefixes]
        key = next((name for name in full if look_up(tree, name) is not ABSENT), full[0])
        raise UserError(f"{path}:{line_of(tree, key)}: {key}: {_explain(first)}") from error
    return checked


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Made once a type, which takes longer than to check a value by it."""
    return TypeAdapter(kind)


def _explain(error: Any) -> str:
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return "unknown key; remove it or mend its spelling"
    if error["type"] in ("missing", "missing_argument"):
        return "missing; add it"
    message = re.sub(r"^(Value error|Assertion failed), ", "", error["msg"]).replace("Input should be", "must be")
    shown = error["input"]
    simple = isinstance(shown, str | int | float | bool) or shown is None
    return f"{message}, not {shown!r}" if simple and error["type"] != "value_error" else message
