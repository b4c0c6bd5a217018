"""Look at recordings in a browser: skeletons that move, and beside them what a trained model says.

With recordings, one page is written that holds everything. Without, a page on this machine takes those that are dropped
on it; nothing leaves the machine.
"""

from pathlib import Path

from hacm.command_line import Parser, add_device, answer_early, parser
from hacm.commands import inputs

PAGE = Path("view.html")


def command_line() -> Parser:
    """What may follow the program's name."""
    result = parser(__doc__, "recordings/ --model utd-mhad --out view.html")
    where = "file, folder or archive of recordings; none: a page that recordings are dropped on"
    result.add_argument("paths", nargs="*", type=Path, metavar="PATH", help=where)
    result.add_argument("--model", metavar="NAME", help=inputs.A_MODEL)
    inputs.add_reading(result)
    result.add_argument("--out", type=Path, metavar="FILE", help=f"the page to write ({PAGE} if not given)")
    result.add_argument("--open", action="store_true", help="open the page in the browser")
    result.add_argument("--port", type=port, default=0, metavar="N", help="without recordings; 0: one that is free")
    add_device(result)
    return result


def port(text: str) -> int:
    """The number of a port."""
    import argparse

    if not (text.isascii() and text.isdecimal()) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 65535, not {text!r}")
    return int(text)


answer_early(command_line, __name__)

import argparse
import webbrowser
from collections.abc import Iterator, Sequence

from hacm.devices import choose_device
from hacm.errors import USER_MISTAKE, UserError
from hacm.files import replace_file
from hacm.models.model import Model
from hacm.segmentation.scenes import show
from hacm.segmentation.segmenting import Settings
from hacm.viewing.page import Shown, page_html


def main() -> int:
    """Write the page of the recordings, or serve the page that takes them."""
    options = command_line().parse_args()
    if not options.paths:
        serve(options)
        return 0
    if options.port:
        raise UserError("--port: only without recordings, where a page takes them")
    page, unread = make_page(options.paths, options)
    out = options.out or PAGE
    with replace_file(out) as temporary:
        temporary.write_text(page, encoding="utf-8")
    print(f"the page: {out.resolve()} ({len(page.encode()) / 1e3:,.0f} kB)")
    if options.open:
        webbrowser.open(out.resolve().as_uri())
    return USER_MISTAKE if inputs.tell_unread(unread) else 0


def make_page(paths: Sequence[Path], options: argparse.Namespace) -> tuple[str, list[inputs.Unread]]:
    """The page of these recordings, and those that could not be used. UserError if there is none to show."""
    model, summary = find_model(paths, options)
    unread: list[inputs.Unread] = []
    shown = list(show_all(model, paths, options, unread))
    if not shown:
        raise UserError("; ".join(f"{one.recording}: {one.reason}" for one in unread[:3]) or "no recording is there")
    return page_html(summary, shown, [(one.recording, one.reason) for one in unread]), unread


def find_model(paths: Sequence[Path], options: argparse.Namespace) -> tuple[Model | None, str]:
    """The model, as `hacm predict` chooses it, and a line on it; None where none in the box fits the skeleton."""
    try:
        model = inputs.open_model(options.model, paths, options)
    except UserError as error:
        if options.model is not None or inputs.find_skeleton_of_first(paths, options) is None:
            raise
        return None, f"Without a model, for none was named and none in the box fits: {error}."
    named = f"{len(model.classes)} classes" if model.classes else "no head, so it names no classes"
    return model, f"Model: {model.name} ({named}, skeleton {model.topology.name})."


def show_all(
    model: Model | None, paths: Sequence[Path], options: argparse.Namespace, unread: list[inputs.Unread]
) -> Iterator[Shown]:
    """Every recording that can be read; what cannot be used is put down in `unread`."""
    settings = Settings(turn=options.turn, people=options.people, doubt=inputs.doubt_of(options))
    for recording in inputs.counted("recordings read", inputs.find(model, paths, options)):
        if isinstance(recording, inputs.Unread):
            unread.append(recording)
            continue
        found = [] if model is None or not model.classes else list(inputs.take(model, recording, options))
        refused = [one for one in found if isinstance(one, inputs.Unread)]
        unread += refused
        if len(recording.bodies_MTVC):
            taken = [one for one in found if not isinstance(one, inputs.Unread)]
            yield show(recording, model, taken, settings)


def serve(options: argparse.Namespace) -> None:
    """Take recordings on a page on this machine until Ctrl-C."""
    from hacm.viewing.server import Server

    if options.out is not None:
        raise UserError("--out: only with recordings; without, pages are shown and not written")
    choose_device(options.device)  # refused now, not at the first recording

    def make(folder: Path) -> str:
        return make_page([folder], options)[0]

    with Server(make, options.port) as server:
        print(f"drop recordings on {server.address}\nNothing leaves this machine. Ctrl-C ends it.", flush=True)
        if options.open:
            webbrowser.open(server.address)
        server.run()
