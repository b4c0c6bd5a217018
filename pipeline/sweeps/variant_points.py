"""Points as variants of params.yaml: rows of the graph, which either engine runs and resumes like any other."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap

from hacm.errors import UserError
from pipeline.sweeps.points import Point
from pipeline.yaml_tree import plain, read_yaml, write_yaml

SECTION = "train."


def add_variants(points: Sequence[Point], path: Path, check: Callable[[Path], None]) -> None:
    """Write each point into `variants` and `active.variants`, if it is not there.

    check: raises for a params.yaml that is not valid. UserError for a setting outside `train`, or a variant of that
    name with other settings.
    """
    tree = read_yaml(path)
    active = tree["active"]["variants"]
    for point in points:
        row = nest_settings(point)
        if point.name not in tree["variants"]:
            tree["variants"][point.name] = CommentedMap(row)
            tree["variants"][point.name].fa.set_flow_style()
        elif plain(tree["variants"][point.name]) != row:
            raise UserError(
                f"{path}: variants.{point.name} says something else; remove it, or give the sweep another name"
            )
        if point.name not in active:
            active.append(point.name)
    write_yaml(tree, path, check)


def nest_settings(point: Point) -> dict[str, Any]:
    """The point's settings as what a variant changes in `train`."""
    row: dict[str, Any] = {}
    for key, value in point.settings.items():
        if not key.startswith(SECTION):
            raise UserError(f"{key}: only settings of train can be variants; sweep it with --engine queue")
        *sections, last = key.removeprefix(SECTION).split(".")
        place = row
        for part in sections:
            place = place.setdefault(part, {})
        place[last] = value
    return row
