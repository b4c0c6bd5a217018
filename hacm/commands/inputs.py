"""What the commands that use a model share: its choice, how recordings are given, and reading them."""

import argparse
import math
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hacm.errors import MOST_NAMED, UserError

if TYPE_CHECKING:
    from torch import Tensor

    from hacm.models.model import Doubt, Model, Taken
    from hacm.recordings import Recording
    from hacm.skeletons.topology import Topology

A_MODEL = "a shipped model (hacm models lists them), or a model's folder"
T = TypeVar("T")
UNSAID = "unsaid"
USUAL_FPS = 30.0
UP = ("x", "-x", "y", "-y", "z", "-z")


@dataclass(frozen=True)
class Unread:
    """A recording that could not be read or taken, and why."""

    recording: str
    reason: str


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give a command what recordings and a model are given by."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="file, folder or archive of recordings")
    parser.add_argument("--model", metavar="NAME", help=A_MODEL)
    add_reading(parser)


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Give a command what may be said of recordings."""
    parser.add_argument(
        "--skeleton", metavar="NAME", help="for .npz, .npy and .csv: the skeleton (the model's if not given)"
    )
    parser.add_argument(
        "--fps",
        type=float,
        metavar="N",
        help="for files that do not say: frames per second (as in training if not given)",
    )
    parser.add_argument(
        "--unit", default="m", metavar="UNIT", help="for .npz, .npy and .csv: m, cm, mm, in, ft, or a number of metres"
    )
    parser.add_argument(
        "--up",
        choices=UP,
        help="for .npz, .npy and .csv: the axis that points up (y if not given, -y for places in a picture)",
    )
    parser.add_argument("--mirrored", action="store_true", help="for .npz, .npy and .csv: left and right are swapped")
    parser.add_argument(
        "--unseen",
        type=number,
        nargs="+",
        default=[],
        metavar="N",
        help="for .npz, .npy and .csv: a joint whose coordinates are all this number was not seen (0, or -1)",
    )
    parser.add_argument(
        "--least-confidence",
        type=number,
        default=0.0,
        metavar="N",
        help="for .npz and .csv: a joint with less confidence was not seen (confidences are ignored if not given)",
    )
    parser.add_argument(
        "--turn",
        type=float,
        default=0.0,
        metavar="DEGREES",
        help="turn everything about the vertical, from z to x",
    )
    parser.add_argument(
        "--people",
        choices=("together", "apart"),
        help="take several people as one, or one by one (as in training if not given)",
    )
    parser.add_argument(
        "--doubtful", action="store_true", help="also take recordings that cannot be what the model was trained on"
    )


def number(text: str) -> float:
    """A finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}")
    return value


def count(text: str) -> int:
    """A whole number from 1 on."""
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, not {text!r}")
    return int(text)


def open_model(
    name: str | None, paths: Sequence[Path], options: argparse.Namespace, option: str = "--model"
) -> "Model":
    """The model of the name that `option` gives; None: the shipped one of the recordings' skeleton (choose_shipped)."""
    import hacm
    from hacm.devices import choose_device

    return hacm.load(name or choose_shipped(paths, options, option), choose_device(options.device))


def choose_shipped(paths: Sequence[Path], options: argparse.Namespace, option: str = "--model") -> str:
    """The one shipped model, or of several the one of the skeleton that the first recording has.

    UserError if that is none or several, or if only --skeleton could say which skeleton it is.
    """
    from hacm.models.finding import SHIPPED, list_shipped
    from hacm.models.folder import read_description

    shipped = {name: read_description(SHIPPED / name).skeleton for name in list_shipped()}
    if len(shipped) == 1:
        return next(iter(shipped))
    listed = f"shipped are: {', '.join(shipped) or 'none'}"
    skeleton = find_skeleton_of_first(paths, options) if shipped else None
    if skeleton is None:
        taking = [name for name, one in shipped.items() if read_first(paths, one) == one.name]
        if len(taking) == 1 and read_first(paths, nameless(shipped[taking[0]])) is None:
            return taking[0]  # the columns are called after its joints
        fits = f"; of as many joints as the recordings: {', '.join(taking)}" if taking else ""
        raise UserError(
            f"say which model ({option} NAME); {listed}{fits}. If files do not name their joints, give --skeleton too"
        )
    fitting = [name for name, one in shipped.items() if one.name == skeleton]
    if len(fitting) != 1:
        which = f"{', '.join(fitting)} are" if fitting else "none is"
        raise UserError(
            f"say which model ({option} NAME); {which} of the recordings' skeleton, {skeleton}; {listed}. A model of"
            " another skeleton reads the joints that both have"
        )
    return fitting[0]


def find_skeleton_of_first(paths: Sequence[Path], options: argparse.Namespace) -> str | None:
    """The skeleton of the first recording, by its format; of arrays by --skeleton, else None."""
    from hacm.models.model import find_skeleton
    from hacm.skeletons.shipped import KINECT_V2

    if options.skeleton is not None:
        return find_skeleton(options.skeleton).name
    skeleton = read_first(paths, replace(KINECT_V2, name=UNSAID))
    return None if skeleton == UNSAID else skeleton


def read_first(paths: Sequence[Path], arrays: "Topology") -> str | None:
    """The skeleton of the first recording that can be read, arrays being of the one that is given."""
    from hacm.recordings import Recording
    from hacm.recordings.anywhere import Finder
    from hacm.recordings.arrays import ArrayReader

    finder = Finder(ArrayReader(arrays, fps=1.0, by_times=True, nameless=True))
    found = (one for path in paths for one in finder.find(path) if isinstance(one, Recording))
    first = next(found, None)
    return None if first is None else first.topology.name


def nameless(topology: "Topology") -> "Topology":
    """The same skeleton with joints that no column is called after."""
    called = {name: f"joint {number} of no name" for number, name in enumerate(topology.joints)}
    derived = tuple((called[name], tuple(called[one] for one in sources)) for name, sources in topology.derived)
    return replace(topology, joints=tuple(called.values()), derived=derived)


def find(model: "Model | None", paths: Iterable[Path], options: argparse.Namespace) -> Iterator["Recording | Unread"]:
    """Every recording as its file says it, or why it cannot be read; in the order of the paths.

    model: what arrays are read as where no option says it; without one they are of Kinect v2, at 30 frames per second.
    """
    from hacm.models.model import find_skeleton
    from hacm.models.plausibility import metres_of
    from hacm.recordings import Excluded
    from hacm.recordings.anywhere import Finder
    from hacm.recordings.arrays import ArrayReader
    from hacm.skeletons.shipped import KINECT_V2

    usual = (KINECT_V2, USUAL_FPS) if model is None else (model.topology, model.description.seen.fps)
    flat = model is not None and model.flat
    arrays = ArrayReader(
        topology=usual[0] if options.skeleton is None else find_skeleton(options.skeleton),
        fps=options.fps or usual[1],
        by_times=options.fps is None,
        metres=metres_of(parse_unit(options.unit)),
        up=options.up or ("-y" if flat else "y"),
        dimensions=2 if flat else 3,
        mirrored=options.mirrored,
        nameless=True,
        unseen=tuple(options.unseen),
        least_confidence=options.least_confidence,
    )
    # Prepared files of places in a picture are never of Kinect v2, whose joints those of the room mostly are.
    prepared = {} if options.skeleton is None and not flat else {"prepared": arrays.topology}
    for path in paths:
        for found in Finder(arrays, **prepared).find(path):
            yield Unread(found.name, str(found.reason)) if isinstance(found, Excluded) else found


def read(model: "Model", paths: Iterable[Path], options: argparse.Namespace) -> Iterator["Taken | Unread"]:
    """Every recording and person as the model takes it, or why it cannot be; in the order of the paths."""
    for found in find(model, paths, options):
        if isinstance(found, Unread):
            yield found
        else:
            yield from take(model, found, options)


def take(model: "Model", recording: "Recording", options: argparse.Namespace) -> Iterator["Taken | Unread"]:
    """Every person of a recording, or all together, as the model takes them, or why it cannot."""
    groups = model.group(recording, options.people)
    if not groups:
        yield Unread(recording.identity.name, "nobody is seen in it")
    for tracks in groups:
        try:
            taken = model.take_people(recording, tracks, turn=options.turn, doubt=doubt_of(options))
        except UserError as error:
            yield refused(recording, error)
        else:
            yield replace(taken, remarks=tuple(map(name_options, taken.remarks)))


def encode(
    model: "Model", paths: Iterable[Path], options: argparse.Namespace, unread: list[Unread]
) -> Iterator[tuple[list["Taken"], "Tensor"]]:
    """What the model takes, and its features on the CPU, some at a time.

    unread: gets what cannot be used.
    """
    from hacm.models.building import CLIPS_AT_ONCE, in_batches

    for batch in in_batches(counted("recordings read", read(model, paths, options)), CLIPS_AT_ONCE):
        taken = [one for one in batch if not isinstance(one, Unread)]
        unread += [one for one in batch if isinstance(one, Unread)]
        yield taken, model.run(taken)[0].cpu()


def doubt_of(options: argparse.Namespace) -> "Doubt":
    """What is done with a recording that cannot be what the model was trained on."""
    return "warn" if options.doubtful else "error"


def refused(recording: "Recording", error: UserError) -> Unread:
    """Why a recording cannot be used, with its remedy as an option."""
    name = recording.identity.name
    return Unread(name, name_options(str(error).removeprefix(f"{name}: ")))


def name_options(text: str) -> str:
    """What the model says to say, as it is said on the command line: unit=mm is --unit=mm."""
    return (
        re.sub(r"\b(unit|up|turn|skeleton)=", r"--\1=", text)
        .replace("say mirrored", "say --mirrored")
        .replace("or mirrored if", "or --mirrored if")
    )


def counted(title: str, every: Iterable[T]) -> Iterator[T]:
    """The same one by one; on a terminal it is shown how many there were."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}, {task.completed:.0f}"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=None)
        for one in every:
            yield one
            progress.advance(task)


def parse_unit(text: str) -> str | float:
    """A unit by its name, or its metres."""
    try:
        return float(text)
    except ValueError:
        return text


def tell_unread(unread: list[Unread]) -> bool:
    """Say which recordings could not be used and why, a line each for the first; whether there are any."""
    for one in unread[:MOST_NAMED]:
        print(f"not used: {one.recording}: {one.reason}", file=sys.stderr)
    if len(unread) > MOST_NAMED:
        print(f"not used: {len(unread) - MOST_NAMED} more", file=sys.stderr)
    return bool(unread)
