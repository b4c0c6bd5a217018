"""Look at a folder of recordings, and write what makes a data set of it: pipeline/own/NAME.py and its params sections.

What is found is said, and what is guessed stands in the file's comments. The recordings stay where they are; links to
them go into data/NAME/raw.
"""

from stages.shared import command


def command_line() -> command.Parser:
    """What may follow the program's name."""
    parser = command.parser(__doc__, example="~/recordings --name gym --trial")
    parser.add_argument("folder", metavar="FOLDER", help="folder of recordings, in any folders below it")
    parser.add_argument("--name", metavar="NAME", help="name of the data set (the folder's if not given)")
    parser.add_argument("--title", metavar="TEXT", help="its name in reports (the name if not given)")
    parser.add_argument("--trial", action="store_true", help="a recipe so small that everything trains in minutes")
    parser.add_argument("--look", action="store_true", help="only say what is found, write nothing")
    return parser


command.answer_early(command_line, __name__)

import re
from pathlib import Path

from hacm.errors import UserError
from pipeline.datasets.definition import OWN
from pipeline.datasets.registry import find_own, find_shipped
from pipeline.new_dataset.definition_text import choose_split, describe, write_definition, write_params
from pipeline.new_dataset.survey import look_at, with_name
from pipeline.yaml_tree import editor, read_yaml, write_yaml
from stages.shared import parameters, places
from stages.shared.progress import say


def main() -> None:
    options = command_line().parse_args()
    folder = Path(options.folder).expanduser()
    name = options.name or name_after(folder)
    file = OWN / f"{name.replace('-', '_')}.py"
    tree = read_yaml(parameters.PARAMS_FILE)
    if not options.look:
        expect_free(name, file)
    survey = with_name(look_at(folder), name)
    split = choose_split(survey)
    for line in describe(survey, split):
        say(line)
    if options.look:
        return
    text = write_definition(survey, name, options.title or name, split)
    file.write_text(text, encoding="utf-8")
    find_own.cache_clear()
    try:
        find_own()
        sections = editor().load(write_params(survey, name, split, trial=options.trial))
        for section in ("datasets", "benchmarks"):
            tree[section].update(sections[section])
        write_yaml(tree, parameters.PARAMS_FILE, parameters.check_file)
    except BaseException:
        file.unlink()
        raise
    put_links(folder, places.raw(name))
    say(f"written: pipeline/own/{file.name} and the sections {name} and {name}-{split.rule} of params.yaml")
    say(f"next: look through that file, then: hacm activate {name}-{split.rule} && dvc repro audit@{name}")


def name_after(folder: Path) -> str:
    """A data set's name of a folder's."""
    resolved = folder.resolve()
    own = resolved.parent.name if resolved.name == "raw" else resolved.name
    return "-".join(re.findall("[a-z0-9]+", own.lower())) or "mine"


def expect_free(name: str, file: Path) -> None:
    """UserError if the name is none, or taken."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise UserError(f"--name {name}: small letters, digits and hyphens, a letter first")
    if name in find_shipped() or file.exists():
        raise UserError(f"--name {name}: there is a data set of that name ({file.name}); take another, or delete it")


def put_links(folder: Path, raw: Path) -> None:
    """Links in the raw folder to all that is in a folder, unless it is that folder."""
    raw.mkdir(parents=True, exist_ok=True)
    if raw.resolve() == folder.resolve():
        return
    for one in sorted(folder.iterdir()):
        link = raw / one.name
        if not one.name.startswith(".") and not link.exists():
            link.symlink_to(one.resolve())


if __name__ == "__main__":
    main()
