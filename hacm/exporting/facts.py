"""facts.json beside an exported graph: what a program must know to use it."""

from typing import Any

from hacm import __version__
from hacm.exporting.graph import OUTPUTS, Graph

Facts = dict[str, Any]


def facts_of(graph: Graph) -> Facts:
    """All that a program needs to know: what preprocessing.py takes, and what the outputs mean."""
    description = graph.description
    cleaning, skeleton = description.cleaning, description.skeleton
    calibration, familiarity = description.calibration, description.familiarity
    return {
        "model": description.name,
        "part": "encoder" if graph.head is None else "model",
        "made_by": f"hacm {__version__}",
        "outputs": list(outputs_of(graph)),
        "classes": list(description.classes) if graph.head is not None else [],
        "temperature": calibration.temperature if calibration is not None and graph.head is not None else None,
        "threshold": familiarity.threshold if familiarity is not None and graph.measures else None,
        "skeleton": skeleton.name,
        "joints": list(skeleton.joints),
        "parents": list(skeleton.parents),
        "centre": skeleton.centre,
        "bodies": graph.bodies,
        "fps": description.seen.fps,
        "clip_frames": list(description.seen.frames),
        "frames": description.model.frames,
        "strategy": cleaning.strategy,
        "missing": cleaning.missing,
        "longest_gap": cleaning.longest_gap,
        "single_body": cleaning.single_body,
        "translate": cleaning.translate,
        "max_frames": cleaning.max_frames,
        "test_crop": description.augment.test_crop,
        "stream": description.augment.stream,
    }


def outputs_of(graph: Graph) -> tuple[str, ...]:
    """The names of what the graph gives."""
    there = (True, graph.head is not None, graph.head is not None, graph.measures)
    return tuple(name for name, given in zip(OUTPUTS, there, strict=True) if given)
