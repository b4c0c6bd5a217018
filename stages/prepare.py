"""Record the hashes of all that pretraining on a benchmark reads: clips, split and joint hierarchies.

dvc.yaml runs pretraining as a matrix. Its templates know the benchmark but not its data set, so they cannot name the
data set's folders; they depend on this file instead. The stage also checks that the three belong together.
"""

from stages.shared import command


def command_line() -> command.Parser:
    """The parser of the command line."""
    return command.parser(__doc__, "benchmark", example="--benchmark kinect-sim-xsub")


command.answer_early(command_line, __name__)

from hacm.files import hash_tree, read_json, write_json
from stages.shared import box, places
from stages.shared.progress import say
from stages.shared.stores import expect_version, open_benchmark, open_hierarchies

PARAMS: tuple[str, ...] = ()


def main() -> None:
    name = command_line().parse_args().benchmark
    dataset, store, _ = open_benchmark(name)
    folder = places.hierarchy(dataset.name)
    version, _ = open_hierarchies(folder, dataset.name, whole=True)
    expect_version(store, version, folder)
    facts = {
        "benchmark": name,
        "dataset": dataset.name,
        "data_version": store.version,
        "store_files": read_json(store.path / "files.json"),
        "split_hash": read_json(places.split(name) / "split.json")["split_hash"],
        "hierarchy_files": hash_tree(folder),
    }
    write_json(places.inputs(name), facts)
    say(f"{name}: clips, split and hierarchies are of version {store.version}")


if __name__ == "__main__":
    box.run(main, "prepare", command_line())
