"""Check params.yaml in full, before anything runs."""

from stages import arguments, parameters
from stages.console import run


def main() -> None:
    arguments.parser(__doc__).parse_args()
    parameters.check_file(protocol_settings=True)


if __name__ == "__main__":
    run(main)
