"""Before anything runs: check params.yaml in full, and mend what a DVC that was killed left half written."""

from pipeline.graph.damage import mend_dvc_files
from stages.shared import arguments, parameters
from stages.shared.console import run, say


def main() -> None:
    arguments.parser(__doc__).parse_args()
    parameters.check_file(protocol_settings=True)
    mend_dvc_files(say)


if __name__ == "__main__":
    run(main)
