"""Evaluate a pretrained encoder by a protocol, and the same encoder with random weights."""

from stages.shared import command


def command_line() -> command.Parser:
    """The parser of the command line."""
    parser = command.parser(__doc__, "benchmark", "protocol", example="--benchmark kinect-sim-xsub --protocol linear")
    command.add_run(parser)
    command.add_device(parser)
    return parser


command.answer_early(command_line, __name__)

from typing import Any

from hacm import protocols
from hacm.errors import NotFinite, SettingsError, UserError
from hacm.evaluation.result import Result
from hacm.evaluation.task import Task
from hacm.models import heads
from hacm.settings import AugmentSettings
from pipeline.results.writing import LANDSCAPE
from stages.shared import box, parameters
from stages.shared.costs import Meter
from stages.shared.encoders import Encoder, load_encoder
from stages.shared.loading import Benchmark, load_benchmark
from stages.shared.progress import Work
from stages.shared.result_files import (
    describe_landscape,
    summarise,
    tabulate_landscape,
    to_parquet,
    write_result,
)
from stages.shared.stores import expect_version

READ = (parameters.BOOTSTRAP, parameters.EVALUATION)
PARAMS = parameters.keys(*READ)


def main() -> None:
    options = command_line().parse_args()
    run, protocol, device = command.run_of(options), options.protocol, command.choose_device(options.device)
    try:
        protocols.find(protocol)
    except SettingsError as error:
        raise UserError(f"--protocol: {error}") from error
    params = parameters.load(*READ, benchmark=run.benchmark, protocol=protocol)
    settings = params.get(parameters.EVALUATION)
    encoder = load_encoder(run, device)
    benchmark = load_benchmark(run.benchmark, hierarchies=False, device=device)
    expect_version(benchmark.store, encoder.facts["data_version"], run.model)
    evaluate(encoder, benchmark, protocol, settings, params.get(parameters.BOOTSTRAP))


def evaluate(encoder: Encoder, benchmark: Benchmark, protocol: str, settings: Any, bootstrap: int) -> None:
    """Run the protocol on the trained encoder and on one with random weights, and write both, and the trained head."""
    task = benchmark.task(AugmentSettings(**encoder.facts["settings"]["augment"]))
    meter = Meter(encoder.device)
    trained = run_protocol(protocol, "trained", encoder, task, settings)
    control = run_protocol(protocol, "random weights", encoder.with_random_weights(), task, settings)
    write_result(
        encoder.run.results(protocol),
        f"{encoder.run} {protocol}",
        benchmark,
        summarise(benchmark, trained, control, bootstrap),
        {
            "benchmark": encoder.run.benchmark,
            "protocol": protocol,
            **({} if trained.part == "test" else {"part": trained.part}),
            **encoder.describe(settings),
            **describe_landscape(trained, control),
            **meter.read(),
        },
        {
            heads.FILE: heads.pack(trained.head),
            LANDSCAPE: to_parquet(tabulate_landscape(benchmark, trained, control)),
        },
    )


def run_protocol(protocol: str, title: str, encoder: Encoder, task: Task, settings: Any) -> Result:
    """The protocol's scores on the test clips."""
    with Work(f"{protocol}, {title}", getattr(settings, "epochs", 1), "epochs") as work:
        try:
            result: Result = protocols.find(protocol).run(
                encoder.model, task, settings, encoder.run.seed, encoder.device, work.update
            )
        except (SettingsError, NotFinite) as error:
            raise UserError(f"{protocol}: {error}") from error
    return result


if __name__ == "__main__":
    box.run(main, "evaluate", command_line())
