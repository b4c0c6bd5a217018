"""The points of a sweep: settings that override params.yaml, each with a name made from them."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError

from hacm.errors import UserError
from pipeline.layers import LIKE, layers
from pipeline.yaml_tree import ABSENT, editor, look_up, plain

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LONGEST_NAME = 60


@dataclass(frozen=True)
class Point:
    """name: of the DVC experiment or the variant. settings: values of params.yaml by dotted key."""

    name: str
    settings: dict[str, Any]


def parse_grid(options: Sequence[str]) -> list[dict[str, Any]]:
    """`KEY=VALUE,VALUE…` of several keys: every combination, the last key varying fastest."""
    axes: dict[str, list[Any]] = {}
    for option in options:
        key, equals, values = option.partition("=")
        try:
            axes[key.strip()] = plain(editor().load(f"[{values}]"))
        except YAMLError as error:
            raise UserError(f"--set {option}: the values are no YAML; write KEY=VALUE,VALUE") from error
        if not (equals and key.strip() and axes[key.strip()]):
            raise UserError(f"--set {option}: must be KEY=VALUE,VALUE, such as train.masking.tau=0.7,0.8")
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def read_list(path: Path) -> list[dict[str, Any]]:
    """A YAML file with a list of mappings from dotted keys to values."""
    try:
        found = plain(editor().load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise UserError(f"{path}: cannot be read as YAML; write a list of `- {{KEY: VALUE}}`") from error
    if not (isinstance(found, list) and found and all(isinstance(one, dict) and one for one in found)):
        raise UserError(f"{path}: must be a list of `- {{KEY: VALUE}}`, one per point")
    return found


def name_points(sweep: str, settings: Sequence[Mapping[str, Any]]) -> list[Point]:
    """Each after the sweep, its keys' last words and its values; UserError unless the names are good and differ."""
    if not NAME.fullmatch(sweep):
        raise UserError(f"{sweep}: a sweep's name must be words of small letters and digits with - between them")
    points = [Point("-".join([sweep, *_words(one)])[:LONGEST_NAME].rstrip("-"), dict(one)) for one in settings]
    for point in points:
        alike = [other.settings for other in points if other.name == point.name]
        if len(alike) > 1:
            raise UserError(f"{sweep}: {alike[0]} and {alike[1]} would both be called {point.name}; leave one out")
    return points


def _words(settings: Mapping[str, Any]) -> Iterator[str]:
    for key, value in settings.items():
        text = value if isinstance(value, str) else json.dumps(value)
        minus = "minus-" if isinstance(value, int | float) and value < 0 else ""
        for part in (key.rsplit(".", 1)[-1], minus + text):
            yield re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-")


def apply_settings(tree: Any, settings: Mapping[str, Any], source: Path) -> None:
    """Put the settings into params.yaml as it was read; UserError for a key that is not there."""
    for key, value in settings.items():
        section, _, last = key.rpartition(".")
        if look_up(tree, key) is ABSENT or not section:
            raise UserError(f"{source}: has no {key}; sweep {_taken_from(tree, key) or 'a key that is there'}")
        look_up(tree, section)[last] = value


def _taken_from(tree: Any, key: str) -> str | None:
    """The key of `evaluate` that a setting is taken from if its own section does not say it, being `like` another."""
    group, _, rest = key.partition(".")
    section, _, setting = rest.partition(".")
    other = f"{group}.{look_up(tree, f'{group}.{section}.{LIKE}')}.{setting}"
    return None if look_up(tree, other) is ABSENT else other


def expect_in_force(tree: Any, settings: Mapping[str, Any], source: Path) -> None:
    """UserError for a setting without effect, because a section of what is active overrides it."""
    for sections in _active_layers(plain(tree)):
        names = list(sections)
        for key, (place, name) in itertools.product(settings, enumerate(names)):
            inner = key.removeprefix(f"{name}.")
            for over in names[place + 1 :] if inner != key else ():
                if look_up(sections[over], inner) is not ABSENT:
                    raise UserError(f"{source}: {key} is not in force, {over}.{inner} overrides it; sweep that")


def _active_layers(tree: Any) -> Iterator[dict[str, Any]]:
    """The layers of every section that the active stages read."""
    active = tree["active"]
    for benchmark in active["benchmarks"]:
        for variant in active["variants"]:
            yield layers(tree, "train", benchmark=benchmark, variant=variant)
        for protocol in active["protocols"]:
            yield layers(tree, f"evaluate.{protocol}", benchmark=benchmark)
    for benchmark in active["transfer"]["targets"]:
        yield layers(tree, "evaluate.transfer", benchmark=benchmark)
    for dataset in active["datasets"]:
        yield layers(tree, "cleaning", dataset=dataset)
