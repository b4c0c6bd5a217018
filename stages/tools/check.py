"""Check all of params.yaml before anything runs, and repair files that a killed DVC left half written."""

from stages.shared import command


def command_line() -> command.Parser:
    """The parser of the command line."""
    parser = command.parser(__doc__, example="--schema")
    parser.add_argument("--schema", action="store_true", help="only write params.schema.json, for editors")
    return parser


command.answer_early(command_line, __name__)

from hacm.files import replace_file
from pipeline.graph.damage import mend_dvc_files
from pipeline.graph.no_git import tell_dvc_of_git
from stages.shared import parameters
from stages.shared.parameters import editor_schema
from stages.shared.progress import say


def main() -> None:
    if command_line().parse_args().schema:
        with replace_file(editor_schema.FILE) as path:
            path.write_text(editor_schema.write_schema(), encoding="utf-8")
        return
    parameters.check_file(parameters.PARAMS_FILE)
    tell_dvc_of_git()
    mend_dvc_files(say)
