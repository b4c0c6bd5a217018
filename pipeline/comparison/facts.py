"""A whole comparison as facts, in the order in which to read them: data, code, parameters, then what came of it."""

from collections.abc import Callable, Sequence
from typing import Any

from pipeline.audit.revisions import WORKSPACE, Place
from pipeline.comparison import figures, origins
from pipeline.comparison.sides import Match, Side
from pipeline.datasets.definition import DataSet


def describe_origins(
    sides: Sequence[Side], matches: Sequence[Match], place_of: Callable[[DataSet], Place]
) -> dict[str, Any]:
    """What the sides are, which results are compared, and what these were made of."""
    code, unknown = origins.compare_code(sides, matches)
    return {
        "sides": [{"name": side.name, "revision": side.rev or WORKSPACE, "commit": side.commit} for side in sides],
        "results": [{"name": match.name, "of": [str(key) for key in match.keys]} for match in matches],
        "data": origins.compare_data(sides, matches, place_of),
        "code": code,
        "unrecorded": unknown,
        "parameters": origins.compare_parameters(sides, matches),
    }


def describe_outcomes(sides: Sequence[Side], matches: Sequence[Match]) -> dict[str, Any]:
    """What came of it and what it cost. UserError if accuracies were measured on different test clips."""
    figures.expect_same_clips(sides, matches)
    return {
        "figures": figures.compare_figures(sides, matches),
        "over_seeds": figures.compare_over_seeds(sides, matches),
        "classes": figures.compare_classes(sides, matches),
        "costs": figures.compare_costs(sides, matches),
    }
