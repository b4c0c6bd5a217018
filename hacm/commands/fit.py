"""Teach a trained encoder classes of your own: from a folder of recordings for each class to a model.

Recordings may lie in a folder for each person inside each class's folder: figures are then of people left out.
"""

from pathlib import Path

from hacm.command_line import Parser, add_device, answer_early, parser
from hacm.commands import inputs


def command_line() -> Parser:
    """What may follow the program's name."""
    result = parser(__doc__, "exercises/ --from utd-mhad --out my-model")
    result.add_argument("folder", type=Path, metavar="FOLDER", help="a folder with one folder of recordings per class")
    result.add_argument("--from", dest="base", metavar="NAME", help=inputs.A_MODEL)
    result.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="new folder for the model")
    result.add_argument("--name", metavar="NAME", help="name of the model (the folder's if not given)")
    result.add_argument(
        "--finetune",
        action="store_true",
        help="train the encoder as well (a copy): slower, and often better with many recordings",
    )
    inputs.add_reading(result)
    add_device(result)
    return result


answer_early(command_line, __name__)

import argparse

from hacm.errors import USER_MISTAKE, UserError
from hacm.models import fitting, folder
from hacm.models.fitting import Labelled
from hacm.models.model import Model, Taken


def main() -> int:
    """Fit a head to the labelled recordings, and write the model."""
    options = command_line().parse_args()
    if options.out.exists():
        raise UserError(f"--out {options.out}: exists; move it away or name a new folder")
    model = inputs.open_model(options.base, [options.folder], options, option="--from")
    clips, unread = read_classes(model, options)
    fitted = fitting.fit(
        model.parts, clips, options.name or options.out.name, options.folder.name,
        tuned=options.finetune, device=str(model.device),
    )  # fmt: skip
    folder.save(options.out, fitted)
    found, figures = fitted.description, fitted.description.figures
    print(
        f"{options.out}: {len(clips)} clips of {len(found.classes)} classes; top-1 {figures['top1']:.1f} % "
        f"[{figures['top1_low']:.1f}, {figures['top1_high']:.1f}] on {found.judged_on}"
    )
    people = sorted({one.subject for one in clips if one.subject is not None})
    print(f"classes: {', '.join(found.classes)}")
    print(f"people: {', '.join(map(str, people)) or 'not known; PATH/CLASS/PERSON/recording says who is who'}")
    if figures["top1_low"] <= 100 / len(found.classes):
        print("warning: not shown to be better than chance; are the folders those of classes?")
    print(f"next: hacm predict PATH --model {options.out}; {options.out}/{folder.CARD} says what it is")
    return USER_MISTAKE if inputs.tell_unread(unread) else 0


def read_classes(model: Model, options: argparse.Namespace) -> tuple[list[Labelled], list[inputs.Unread]]:
    """The clips of every class, and what could not be used; UserError if there are no folders of classes."""
    if not options.folder.is_dir():
        raise UserError(f"{options.folder}: no such folder")
    classes = sorted(one for one in options.folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    if not classes:
        raise UserError(
            f"{options.folder}: no folders in it; put the recordings of each class into a folder of its name"
        )
    clips: list[Labelled] = []
    unread: list[inputs.Unread] = []
    for place in classes:
        for one in inputs.counted(f"recordings of {place.name} read", inputs.read(model, [place], options)):
            if isinstance(one, inputs.Unread):
                unread.append(inputs.Unread(f"{place.name}/{one.recording}", one.reason))
            else:
                clips.append(Labelled(one, place.name, person_of(one)))
    return clips, unread


def person_of(one: Taken) -> str | None:
    """Whose folder a recording lies in; None if it lies in its class's folder itself."""
    person, inside, _ = one.recording.partition("/")
    return person if inside else None
