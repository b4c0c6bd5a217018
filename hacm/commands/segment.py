"""Find which movements a long recording shows, and when: a row per span, for each person.

Windows as long as the model's training clips go over the recording; what they say is merged into spans, also of
"nothing known" where everything is unlike training.
"""

from pathlib import Path

from hacm.command_line import Parser, add_device, answer_early, parser
from hacm.commands import inputs


def command_line() -> Parser:
    """What may follow the program's name."""
    result = parser(__doc__, "long.csv --model utd-mhad --picture timeline.svg")
    inputs.add_options(result)
    result.add_argument(
        "--window", type=float, metavar="SECONDS", help="length of a window (that of training clips if not given)"
    )
    result.add_argument(
        "--stride",
        type=float,
        metavar="SECONDS",
        help="from one window to the next (a quarter window if not given)",
    )
    result.add_argument(
        "--change", type=float, metavar="NATS", help="what a change of class costs: more gives fewer, longer spans"
    )
    result.add_argument(
        "--follow",
        action="store_true",
        help="PATH is a growing file, or - for standard input, of one frame as JSON per line: print a line of JSON per "
        "window as it is complete",
    )
    result.add_argument("--picture", type=Path, metavar="FILE", help="draw a timeline (.svg)")
    forms = result.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="print JSON")
    forms.add_argument("--csv", action="store_true", help="print CSV")
    add_device(result)
    return result


answer_early(command_line, __name__)

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from hacm.errors import USER_MISTAKE, UserError
from hacm.files import replace_file
from hacm.models.model import Model
from hacm.segmentation import following
from hacm.segmentation.segmenting import Segmentation, Settings, segment
from hacm.segmentation.spans import CHANGE
from hacm.segmentation.timeline import draw

NOTHING_KNOWN = "nothing known"
Row = dict[str, Any]


def main() -> int:
    """Print or write the spans of each recording."""
    options = command_line().parse_args()
    if options.picture is not None and options.picture.suffix != ".svg":
        raise UserError(f"--picture {options.picture}: must end in .svg")
    if options.follow:
        follow_one(options)
        return 0
    model = inputs.open_model(options.model, options.paths, options)
    unread: list[inputs.Unread] = []
    found = list(find_all(model, options, unread))
    write([row for one in found for row in rows_of(one)], options)
    if options.picture is not None and found:
        with replace_file(options.picture) as path:
            path.write_text(draw(found), encoding="utf-8")
    return USER_MISTAKE if inputs.tell_unread(unread) else 0


def follow_one(options: argparse.Namespace) -> None:
    """Print what every window of a growing recording shows, until it ends or Ctrl-C."""
    if len(options.paths) != 1 or options.model is None:
        raise UserError("--follow: takes one PATH, or - for standard input, and --model")
    model = inputs.open_model(options.model, [], options)
    (path,) = options.paths
    lines = iter(sys.stdin) if str(path) == "-" else following.growing_lines(path)
    frames = following.read_frames(lines, len(model.topology.joints), str(path))
    fps = options.fps or model.description.seen.fps
    for moment in following.follow(model, frames, fps, settings_of(options)):
        print(json.dumps(asdict(moment), ensure_ascii=False), flush=True)


def settings_of(options: argparse.Namespace) -> Settings:
    """As the options say."""
    return Settings(
        length=options.window,
        stride=options.stride,
        change=CHANGE if options.change is None else options.change,
        turn=options.turn,
        people=options.people,
        doubt=inputs.doubt_of(options),
    )


def find_all(model: Model, options: argparse.Namespace, unread: list[inputs.Unread]) -> Iterator[Segmentation]:
    """The spans of every recording and person; what cannot be used is put down in `unread`."""
    settings = settings_of(options)
    for recording in inputs.counted("recordings read", inputs.find(model, options.paths, options)):
        if isinstance(recording, inputs.Unread):
            unread.append(recording)
            continue
        try:
            yield from segment(model, recording, settings)
        except UserError as error:
            unread.append(inputs.refused(recording, error))


def rows_of(one: Segmentation) -> Iterator[Row]:
    """A row per span; start and end in seconds, the end not included."""
    for span in one.spans:
        yield {
            "recording": one.recording,
            "person": "+".join(map(str, one.people)),
            "start": round(span.start / one.fps, 3),
            "end": round(span.stop / one.fps, 3),
            "class": NOTHING_KNOWN if span.label is None else one.classes[span.label],
            "probability": None if span.label is None else round(span.probability, 4),
        }


def write(rows: list[Row], options: argparse.Namespace) -> None:
    """On standard output."""
    if options.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    elif options.csv:
        writer = csv.DictWriter(sys.stdout, ["recording", "person", "start", "end", "class", "probability"])
        writer.writeheader()
        writer.writerows(rows)
    elif rows:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading in ("recording", "person", "start", "end", "class", ""):
            table.add_column(heading, justify="right" if heading in ("start", "end", "") else "left", overflow="fold")
        for row in rows:
            share = "" if row["probability"] is None else f"{row['probability']:.0%}"
            times = (f"{row['start']:.1f} s", f"{row['end']:.1f} s")
            table.add_row(row["recording"], row["person"], *times, row["class"], share)
        Console().print(table)
