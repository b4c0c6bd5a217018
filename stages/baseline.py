"""Fit the baseline that every method should beat: a linear ridge classifier on raw joints (data.md §3)."""

from stages.shared import command


def command_line() -> command.Parser:
    """The parser of the command line."""
    return command.parser(__doc__, "benchmark", example="--benchmark kinect-sim-xsub")


command.answer_early(command_line, __name__)

from hacm.evaluation import ridge
from stages.shared import box, parameters, places
from stages.shared.costs import Meter
from stages.shared.loading import load_benchmark
from stages.shared.result_files import summarise, write_result

PARAMS = parameters.keys(parameters.BOOTSTRAP)


def main() -> None:
    name = command_line().parse_args().benchmark
    params = parameters.load(parameters.BOOTSTRAP)
    benchmark = load_benchmark(name, hierarchies=False)
    meter = Meter("cpu")
    result = ridge.run(
        benchmark.clips,
        benchmark.train_index,
        benchmark.test_index,
        len(benchmark.classes),
        benchmark.subject_N,
        benchmark.dataset.topology.centre,
    )
    write_result(
        places.baseline_results(name),
        f"{name} baseline",
        benchmark,
        summarise(benchmark, result, None, params.get(parameters.BOOTSTRAP)),
        {"benchmark": name, "protocol": "baseline", **meter.read()},
    )


if __name__ == "__main__":
    box.run(main, "baseline", command_line())
