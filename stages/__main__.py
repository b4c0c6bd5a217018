"""python -m stages lists the stages of the graph; python -m stages.NAME --help explains one."""

import ast
from pathlib import Path

import yaml

from stages.shared.command import Parser

HERE = Path(__file__).parent


def main() -> None:
    parser = Parser(prog="python -m stages", description=__doc__)
    parser.parse_args()
    names = list(yaml.safe_load((HERE.parent / "dvc.yaml").read_text(encoding="utf-8"))["stages"])
    for name in names:
        print(f"{name:<{max(map(len, names))}}  {first_line(HERE / f'{name}.py')}")
    print("\nusage: python -m stages.NAME [--help] …; commands around the graph: hacm --help")


def first_line(path: Path) -> str:
    """The first line of a file's docstring, without importing the file."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n", 1)[0]


if __name__ == "__main__":
    main()
