"""Values in force, and which section of params.yaml has the last word on them, by the rule of pipeline.layers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pipeline.layers import layers_of
from pipeline.yaml_tree import ABSENT, flatten, look_up, merge


@dataclass(frozen=True)
class Value:
    """A parameter as a stage reads it. origin: the section that has the last word on it."""

    value: Any
    origin: str


def in_force(params: Mapping[str, Any]) -> dict[str, Value]:
    """Every value that a stage with these parameters reads, by the dotted key of the section that it is read as."""
    found = {}
    for root, sections in layers_of(params).items():
        for key, value in flatten(reduce(merge, sections.values()), root).items():
            found[key] = Value(value, _origin(sections, root, key))
    return found


def _origin(sections: dict[str, Any], root: str, key: str) -> str:
    """The last of the sections that has what stands at `key` of the one at `root`."""
    return next(name for name in reversed(sections) if _within(sections[name], root, key) is not ABSENT)


def _within(section: Any, root: str, key: str) -> Any:
    """The value at `key` of a section that stands at `root`, which `key` is or begins with."""
    return section if key == root else look_up(section, key.removeprefix(f"{root}."))


def overlap(key: str, declared: str) -> bool:
    """Whether a key is, holds or lies in a declared one."""
    return key == declared or key.startswith(f"{declared}.") or declared.startswith(f"{key}.")


def value_at(params: Mapping[str, Any], key: str) -> Any:
    """What a stage with these parameters was given at or below a key: a value, or a mapping of them; else ABSENT."""
    for declared, value in params.items():
        if key == declared or key.startswith(f"{declared}."):
            return _within(value, declared, key)
    below = {declared: value for declared, value in params.items() if declared.startswith(f"{key}.")}
    return below or ABSENT


def overridden_by(params: Mapping[str, Any], key: str) -> list[str]:
    """The sections that have the last word on all that stands at or below a key, so that the key decides nothing.

    Empty if it decides anything, or nothing stands there. A recipe that the stage is not `like` decides nothing: all
    that it reads instead.
    """
    last_words: set[str] = set()
    met = False
    for sections in layers_of(params).values():
        names = list(sections)
        for place, name in enumerate(names):
            if not overlap(key, name):
                continue
            met = True
            for inner in _leaves_at(sections[name], name, key):
                over = [one for one in names[place + 1 :] if inner and look_up(sections[one], inner) is not ABSENT]
                if not over:
                    return []
                last_words.add(over[-1])
    if not met and value_at(params, key) is not ABSENT:
        return sorted({name for sections in layers_of(params).values() if len(sections) > 1 for name in sections})
    return sorted(last_words)


def _leaves_at(section: Any, root: str, key: str) -> list[str]:
    """The values at or below a key in a section that stands at `root`: their keys relative to it."""
    place = key if key.startswith(f"{root}.") else root
    value = _within(section, root, place)
    leaves = () if value is ABSENT else flatten(value, place)
    return [leaf.removeprefix(root).removeprefix(".") for leaf in leaves]
