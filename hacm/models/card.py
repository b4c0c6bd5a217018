"""A model's card: what it was trained on, what it reaches, what it cannot do. Markdown, from its description alone."""

from collections.abc import Iterator

from hacm.models.description import Description

CONTROLS = {
    "random_top1": "the same encoder with random weights",
    "baseline_top1": "ridge regression on raw joints, no training but that",
}
"""Figures that an encoder's stands beside, by name; `_low` and `_high` end the names of their intervals."""

JUDGED = {
    "test subjects": "On the test part, whose people it has not seen:",
    "left-out subjects": "On its own recordings, each scored by a head that was trained without the person in it:",
    "left-out recordings": "On its own recordings, each scored by a head that was trained without that recording. Who "
    "is in them is not known, so people it has not seen are recognised less often:",
}
BY_PEOPLE = "of {} people, each scored by a head that was trained without that person"
LEFT_OUT = {
    "test subjects": BY_PEOPLE,
    "left-out subjects": BY_PEOPLE,
    "left-out recordings": "in {} parts, each scored by a head that was trained without that part",
}
"""How a temperature was chosen; {}: Calibration.subjects."""

TRAINED_BY = {
    "linear": "Its head is a linear layer on the frozen encoder.",
    "finetune": "Encoder and head were trained together on the labels.",
}

THEN = {
    "linear": "Its head was trained on",
    "finetune": "Encoder and head were then trained on",
    None: "Distances are measured to",
}
"""What followed on an encoder that was pretrained on something else."""


def write_card(model: Description) -> str:
    """The card as Markdown."""
    return "\n".join([f"# {model.name}", "", *_banner(model), *_training(model), *_input(model), *_results(model),
                      *_trust(model), *_limits(model)]) + "\n"  # fmt: skip


def _banner(model: Description) -> Iterator[str]:
    if model.origin.synthetic:
        yield from ("> Trained on synthetic recordings: it says nothing of real people.", "")


def _training(model: Description) -> Iterator[str]:
    origin, settings = model.origin, model.model
    data = f"{origin.clips} clips of {_count_people(origin.subjects)} from {origin.title}"
    by = f"by {origin.released_by}" if origin.released_by else f"(variant {origin.variant}, seed {origin.seed})"
    on = origin.encoder_from or f"the training part of {origin.benchmark}: {data}"
    then = f" {THEN[model.head]} {data}." if origin.encoder_from and origin.clips else ""
    yield from (
        "## What it is",
        "",
        f"A skeleton encoder, pretrained without labels {by} on {on}. Its width is {settings.dim}, with "
        f"{settings.encoder_blocks} blocks.{then}",
        "",
    )
    if model.head is not None:
        yield from (f"{TRAINED_BY[model.head]} It tells {len(model.classes)} classes apart: "
                    f"{', '.join(model.classes)}.", "")  # fmt: skip
    else:
        yield from ("It has no head: it gives features, and no classes.", "")
    yield from (f"- data version: {origin.data_version}", f"- code: {origin.code or 'not known'}",
                f"- licence of the recordings: {origin.data_licence or 'not stated'}",
                f"- licence of the weights: {model.licence or 'not stated'}", "")  # fmt: skip


def _count_people(subjects: int) -> str:
    return f"{subjects} people" if subjects else "people that are not told apart"


def _input(model: Description) -> Iterator[str]:
    seen, skeleton = model.seen, model.skeleton
    seconds = " to ".join(f"{frames / seen.fps:.2g}" for frames in seen.frames)
    general = "" if model.origin.clips else " (in general: what it was trained on is not known)"
    people = "one person" if seen.bodies == 1 else f"up to {seen.bodies} people together"
    centred = "moved" if model.cleaning.translate == "first_frame" else "not moved"
    yield from (
        "## What it takes",
        "",
        f"Recordings of {people}, one movement each, of {seconds} s ({seen.frames[0]} to {seen.frames[1]} frames at "
        f"{seen.fps:g} per second){general}, in the skeleton {skeleton.name} of {len(skeleton.joints)} joints or one "
        "that is read as it. Coordinates are metres with y up. A clip is cleaned as in training (strategy "
        f"{model.cleaning.strategy}, at most {model.cleaning.max_frames} frames), {centred} so that "
        f"{skeleton.joints[skeleton.centre]} begins at the origin, cut to its middle {100 * model.augment.test_crop:g} "
        f"% and resampled to {model.model.frames} frames.",
        "",
    )


def _results(model: Description) -> Iterator[str]:
    figures = model.figures
    if "top1" not in figures:
        return
    yield from ("## What it reaches", "", JUDGED[model.judged_on], "",
                "| | top-1, percent | 95 % interval |", "|---|---|---|")  # fmt: skip
    for name, title in {"top1": "this model", **CONTROLS}.items():
        if name in figures:
            interval = f"{figures[f'{name}_low']:.1f} to {figures[f'{name}_high']:.1f}" \
                if f"{name}_low" in figures else ""  # fmt: skip
            yield f"| {title} | {figures[name]:.1f} | {interval} |"
    clips = "Test clips" if model.judged_on == "test subjects" else "Clips"
    yield from ("", f"{clips}: {figures['n']:g}. Intervals are bootstrapped over clips.", "")


def _trust(model: Description) -> Iterator[str]:
    yield from ("## How far to trust it", "")
    calibration, familiarity = model.calibration, model.familiarity
    if model.head is not None and calibration is None:
        yield from ("Its probabilities are not calibrated.", "")
    if calibration is not None:
        left_out = LEFT_OUT[model.judged_on].format(calibration.subjects)
        chosen = "the median, over people, of those that suit" if model.judged_on == "test subjects" else "chosen on"
        yield from (
            f"Probabilities are softmax(scores / {calibration.temperature:.3g}). The temperature is "
            f"{chosen} {calibration.clips} clips {left_out}. The expected calibration error, on "
            f"{calibration.test_clips} clips ({model.judged_on}), is {calibration.ece:.1f} % "
            f"[{calibration.ece_low:.1f}, {calibration.ece_high:.1f}], without the temperature "
            f"{calibration.ece_before:.1f} %.",
            "",
        )
    if familiarity is not None:
        yield from (
            f"A recording is said to be unfamiliar beyond a distance of {familiarity.threshold:.3g} from the nearest "
            "training clip. Of the median person (or part) that was left out, 5 % of the clips lie beyond; of all that "
            f"were left out, {100 * familiarity.false_alarms:.1f} %." + (" Measured:" if familiarity.measured else ""),
            "",
            *(
                f"- {name}: {100 * share:.1f} % of the clips lie beyond"
                for name, share in sorted(familiarity.measured.items())
            ),
            "",
        )


def _limits(model: Description) -> Iterator[str]:
    origin = model.origin
    yield from ("## What it cannot do", "")
    if model.head is not None:
        yield f"- It always names one of its {len(model.classes)} classes, also for a movement that is none of them."
    knows = (
        f"- It knows {_count_people(origin.subjects)}, before the sensors and from the sides that {origin.title} has. "
        "Other people, sensors and viewpoints are recognised less often, by how much is not known unless stated above."
    )
    yield from (
        knows if origin.clips else "- Whom it has seen, and by which sensors, is not known.",
        *(_taken_on_trust(model) if origin.released_by else ()),
        "- It takes a recording for one movement: it does not find movements in a long one.",
        "- It must not be used to decide about people.",
        "",
    )


def _taken_on_trust(model: Description) -> Iterator[str]:
    yield (
        f"- Its file does not say that it has {model.model.heads} attention heads and the input stream "
        f"{model.augment.stream}: both are taken on trust, and others give other features."
    )
