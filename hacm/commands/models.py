"""List the models that are shipped, or show the card of one."""

from hacm.command_line import Parser, answer_early, parser


def command_line() -> Parser:
    """What may follow the program's name."""
    result = parser(__doc__, "utd-mhad")
    result.add_argument("model", nargs="?", metavar="NAME", help="a shipped model, or a model's folder: shows its card")
    return result


answer_early(command_line, __name__)

from hacm.models.card import write_card
from hacm.models.finding import find, list_shipped
from hacm.models.folder import read_description


def main() -> None:
    """List the shipped models, or print the card of one."""
    options = command_line().parse_args()
    if options.model is not None:
        print(write_card(read_description(find(options.model))), end="")
        return
    names = list_shipped()
    for name in names:
        about = read_description(find(name))
        top1 = f", top-1 {about.figures['top1']:.1f} %" if "top1" in about.figures else ""
        print(f"{name}: {about.origin.title}, {len(about.classes)} classes, skeleton {about.skeleton.name}{top1}")
    if not names:
        print("none is shipped; hacm export-model makes one of an evaluated encoder")
