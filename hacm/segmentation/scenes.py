"""A recording to look at: its skeletons, what a model says of each person, and what it shows when."""

from collections.abc import Sequence

from hacm.errors import UserError
from hacm.models.model import Model, Taken
from hacm.recordings import Recording
from hacm.segmentation.segmenting import Segmentation, Settings, segment
from hacm.viewing.page import Said, Shown
from hacm.viewing.player import Panel, Scene, Stretch, Timeline

TOP = 3
NOTHING_KNOWN = "nothing known"


def show(recording: Recording, model: Model | None, taken: Sequence[Taken], settings: Settings) -> Shown:
    """A recording as it was read, with what the model says of it.

    model: None, or one without a head: nothing is said. taken: its people as the model takes them; none: nothing is
    said of them. settings: of the timeline; where windows cannot be cut, `unsaid` has the reason instead.
    """
    said: tuple[Said, ...] = ()
    timelines: tuple[Timeline, ...] = ()
    unsaid: tuple[str, ...] = ()
    if model is not None and model.classes and taken:
        said = tuple(
            Said(name_people(one.people), tuple(one.top(TOP)), one.familiar, one.remarks)
            for one in model.describe(taken)
        )
        try:
            timelines = tuple(timeline_of(one) for one in segment(model, recording, settings))
        except UserError as error:
            unsaid = (f"no timeline: {str(error).removeprefix(f'{recording.identity.name}: ')}",)
    return Shown(recording.identity.name, scene_of(recording, timelines), said, unsaid)


def scene_of(recording: Recording, timelines: tuple[Timeline, ...] = ()) -> Scene:
    """A recording's skeletons, every track a body."""
    return Scene(
        title=recording.identity.name,
        joints=recording.topology.joints,
        parents=recording.topology.parents,
        fps=recording.fps,
        panels=(Panel(recording.bodies_MTVC),),
        timelines=timelines,
        people=tuple(name_people((track + 1,)) for track in range(len(recording.bodies_MTVC))),
    )


def timeline_of(one: Segmentation) -> Timeline:
    """The spans of one person in seconds; equal classes have equal colours."""
    stretches = tuple(
        Stretch(
            start=round(span.start / one.fps, 3),
            stop=round(span.stop / one.fps, 3),
            label=NOTHING_KNOWN if span.label is None else one.classes[span.label],
            share=None if span.label is None else round(span.probability, 4),
            colour=span.label,
        )
        for span in one.spans
    )
    return Timeline(name_people(one.people), stretches)


def name_people(people: Sequence[int]) -> str:
    """What the people of these tracks, from 1, are called."""
    return f"person {'+'.join(map(str, people))}"
