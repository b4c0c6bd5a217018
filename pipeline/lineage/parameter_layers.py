"""Values in force where one section of params.yaml lies over another: the same rule by which stages read them.

A data set's or benchmark's section lies over the one it repeats the name of (`benchmarks.B.train` over `train`), a
variant's over `train` and the benchmark's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pipeline.params import ABSENT, flatten, look_up, merge


@dataclass(frozen=True)
class Value:
    """A parameter as a stage reads it. origin: the section that has the last word on it."""

    value: Any
    origin: str


def layers_of(keys: Mapping[str, Any]) -> dict[str, list[str]]:
    """Of the keys that a stage declares, each that lies over no other, and those over it, the last word last."""
    over = {key: base for key in keys for base in keys if _lies_over(key, base)}
    layers: dict[str, list[str]] = {key: [key] for key in keys if key not in over}
    for key in sorted(over, key=lambda name: (name.startswith("variants."), name)):
        layers[over[key]].append(key)
    return layers


def _lies_over(key: str, base: str) -> bool:
    group, *rest = key.split(".")
    if group == "variants":
        return base == "train"
    return group in ("benchmarks", "datasets") and ".".join(rest[1:]) == base


def in_force(params: Mapping[str, Any]) -> dict[str, Value]:
    """Every value that a stage with these parameters reads, by the dotted key it has in the lowest section."""
    found = {}
    for base, layers in layers_of(params).items():
        merged = reduce(merge, (params[layer] for layer in layers))
        for key, value in flatten(merged, base).items():
            found[key] = Value(value, _origin(params, base, layers, key))
    return found


def _origin(params: Mapping[str, Any], base: str, layers: list[str], key: str) -> str:
    return next(layer for layer in reversed(layers) if _within(params[layer], base, key) is not ABSENT)


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

    Empty if it decides anything, or nothing stands there.
    """
    last_words: set[str] = set()
    for layers in layers_of(params).values():
        for place, layer in enumerate(layers):
            if not overlap(key, layer):
                continue
            for inner in _leaves_at(params[layer], layer, key):
                over = [one for one in layers[place + 1 :] if inner and look_up(params[one], inner) is not ABSENT]
                if not over:
                    return []
                last_words.add(over[-1])
    return sorted(last_words)


def _leaves_at(section: Any, root: str, key: str) -> list[str]:
    """The values at or below a key in a section that stands at `root`: their keys relative to it."""
    place = key if key.startswith(f"{root}.") else root
    value = _within(section, root, place)
    leaves = () if value is ABSENT else flatten(value, place)
    return [leaf.removeprefix(root).removeprefix(".") for leaf in leaves]
