"""Choose the benchmarks that `dvc repro` covers: rewrites `active` in params.yaml and nothing else."""

import io

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from pipeline.datasets import find_benchmark
from pipeline.errors import UserError
from pipeline.files import replace_file
from pipeline.params import editor, read_yaml
from stages import arguments, parameters
from stages.console import run, say


def main() -> None:
    parser = arguments.parser(__doc__)
    parser.add_argument("benchmarks", nargs="+", metavar="BENCHMARK", help="such as utd-mhad-xsub")
    chosen = {name: find_benchmark(name)[0].name for name in parser.parse_args().benchmarks}
    parameters.check_file()
    tree = read_yaml(parameters.PARAMS_FILE)
    for name in chosen:
        if name not in tree["benchmarks"]:
            raise UserError(f"{parameters.PARAMS_FILE}: no recipe for {name}; add benchmarks.{name} (train, evaluate)")
    tree["active"]["benchmarks"] = in_one_line(CommentedMap(chosen))
    tree["active"]["datasets"] = in_one_line(CommentedSeq(dict.fromkeys(chosen.values())))
    text = io.StringIO()
    editor().dump(tree, text)
    with replace_file(parameters.PARAMS_FILE) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")
    say(f"{parameters.PARAMS_FILE}: active are now {', '.join(chosen)}")


def in_one_line(value: CommentedMap | CommentedSeq) -> CommentedMap | CommentedSeq:
    """The same, to be written as {…} or […]."""
    value.fa.set_flow_style()
    return value


if __name__ == "__main__":
    run(main)
