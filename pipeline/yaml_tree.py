"""YAML as a tree of mappings: read with its line numbers, looked up by dotted key, merged, flattened, written."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter

from hacm.errors import UserError
from hacm.files import replace_file

ABSENT = object()
"""What stands at a key that is not there."""


def editor() -> YAML:
    """Reads and writes YAML 1.2, as DVC does, leaving comments and quotes as they are."""
    yaml = YAML(typ="rt")
    yaml.width = 1000
    yaml.preserve_quotes = True
    yaml.representer.add_representer(type(None), _represent_null)
    return yaml


def _represent_null(representer: RoundTripRepresenter, _: None) -> ScalarNode:
    """`null`, as it is read, also where the library would write nothing at all."""
    node: ScalarNode = representer.represent_scalar("tag:yaml.org,2002:null", "null")
    return node


def write_yaml(tree: CommentedMap, path: Path, check: Callable[[Path], None]) -> None:
    """Put the tree into the place of the file, if it is valid; check: raises for a file that is not."""
    with replace_file(path) as temporary:
        write_checked(tree, path, temporary, check)


def write_checked(tree: CommentedMap, path: Path, temporary: Path, check: Callable[[Path], None]) -> None:
    """Write what is to become `path` into a temporary file and check it; a UserError names `path`, which stays."""
    with open(temporary, "w", encoding="utf-8") as stream:
        editor().dump(tree, stream)
    try:
        check(temporary)
    except UserError as error:
        raise UserError(f"{str(error).replace(str(temporary), str(path))}; {path} is left as it was") from error


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


def read_shared(path: Path) -> CommentedMap:
    """The same, parsed once per process as long as its text is the same: not to be changed."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return read_yaml(path)
    return _parse_once(path, text)


@lru_cache(maxsize=4)
def _parse_once(path: Path, text: str) -> CommentedMap:
    """text: of the file, by which it is known to be the same."""
    return read_yaml(path)


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


def nest(values: Mapping[str, Any]) -> dict[str, Any]:
    """The tree in which each value stands at its dotted key: the inverse of flattening."""
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *path, last = key.split(".")
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return tree


def flatten_sections(sections: Mapping[str, Any]) -> dict[str, Any]:
    """The values in several sections, by dotted key; sections: by theirs."""
    return {key: leaf for prefix, section in sections.items() for key, leaf in flatten(section, prefix).items()}
