"""Make a data set of a folder of recordings: writes pipeline/own/NAME.py and the data set's sections of params.yaml.

The command prints what it finds, and writes its guesses as comments into the file. The recordings stay where they are;
data/NAME/raw gets links to them. OpenPose's frames, a file each, are joined there, a file per recording.
"""

from stages.shared import command


def command_line() -> command.Parser:
    """The parser of the command line."""
    parser = command.parser(__doc__, example="~/recordings --name gym --trial")
    parser.add_argument("folder", metavar="FOLDER", help="folder of recordings, at any depth")
    parser.add_argument("--name", metavar="NAME", help="name of the data set (default: that of the folder)")
    parser.add_argument("--title", metavar="TEXT", help="title in reports (default: the name)")
    parser.add_argument("--trial", action="store_true", help="use a small recipe that trains in minutes")
    parser.add_argument("--look", action="store_true", help="only print what is found, write nothing")
    return parser


command.answer_early(command_line, __name__)

import re
from pathlib import Path

from hacm.errors import UserError
from hacm.files import replace_file
from hacm.recordings import Excluded
from hacm.recordings.arrays import ArrayReader
from hacm.recordings.conversion import PosedRecording, WholeFinder, content_of
from hacm.recordings.conversion import write as write_content
from hacm.skeletons.shipped import BODY_25
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
    if survey.kind == "frames":
        join_frames(folder, places.raw(name))
    else:
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


def join_frames(folder: Path, raw: Path) -> None:
    """Write a file for each recording whose frames are files; what cannot be read is said."""
    arrays = ArrayReader(BODY_25, fps=1.0, nameless=True)  # other files are not looked at: poses alone are written
    for found in WholeFinder(arrays).find(folder):
        if isinstance(found, Excluded):
            say(f"left out: {found.name}: {found.reason}")
            continue
        if not isinstance(found, PosedRecording):
            continue
        data, _ = write_content(content_of(found), ".npz")
        path = raw / f"{found.identity.name}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(path) as temporary:
            temporary.write_bytes(data)


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
