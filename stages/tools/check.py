"""Before anything runs: check params.yaml in full, and mend what a DVC that was killed left half written."""

from hacm.files import replace_file
from pipeline.graph.damage import mend_dvc_files
from stages.shared import arguments, parameters
from stages.shared.console import run, say
from stages.shared.parameters import editor_schema


def main() -> None:
    parser = arguments.parser(__doc__)
    parser.add_argument("--schema", action="store_true", help=f"only write {editor_schema.FILE}, which editors read")
    if parser.parse_args().schema:
        with replace_file(editor_schema.FILE) as path:
            path.write_text(editor_schema.write_schema(), encoding="utf-8")
        return
    parameters.check_file(parameters.PARAMS_FILE)
    mend_dvc_files(say)


if __name__ == "__main__":
    run(main)
