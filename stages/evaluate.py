"""Evaluate a pretrained encoder by a protocol, beside the same encoder with random weights."""

from typing import Any

from hacm import protocols
from hacm.errors import UserError
from hacm.evaluation.result import Result
from hacm.evaluation.task import Task
from hacm.model.network import HACM
from hacm.settings import AugmentSettings
from pipeline.params import Params
from stages.shared import arguments, box, devices, parameters
from stages.shared.console import Work
from stages.shared.costs import Meter
from stages.shared.encoders import describe_evaluation, like, load_model
from stages.shared.loading import Benchmark, expect_version, load_benchmark
from stages.shared.places import Run
from stages.shared.result_files import write_result

PARAMS = (
    "evaluate.bootstrap",
    "evaluate.{protocol}",
    "benchmarks.{benchmark}.evaluate.{protocol}",
)


def main() -> None:
    parser = arguments.parser(__doc__, "benchmark", "protocol")
    arguments.add_run(parser)
    devices.add_option(parser)
    options = parser.parse_args()
    run, protocol, device = arguments.run_of(options), options.protocol, devices.choose(options.device)
    try:
        kind = protocols.find(protocol).Settings
    except ValueError as error:
        raise UserError(f"--protocol: {error}") from error
    params = parameters.load(PARAMS, benchmark=run.benchmark, protocol=protocol)
    settings = params.section(f"evaluate.{protocol}", kind, f"benchmarks.{run.benchmark}.evaluate.{protocol}")
    model, facts = load_model(run, device)
    benchmark = load_benchmark(run.benchmark, hierarchies=False, device=device)
    expect_version(benchmark.store, facts["data_version"], run.model)
    evaluate(run, protocol, benchmark, model, facts, settings, params, device)


def evaluate(
    run: Run,
    protocol: str,
    benchmark: Benchmark,
    model: HACM,
    facts: dict[str, Any],
    settings: Any,
    params: Params,
    device: str,
) -> None:
    """Run the protocol on the trained encoder and on one with random weights, and write both."""
    task = benchmark.task(AugmentSettings(**facts["settings"]["augment"]))
    meter = Meter(device)
    trained = run_protocol(protocol, "trained", model, task, settings, run.seed, device)
    control = run_protocol(protocol, "random weights", like(model, run.seed), task, settings, run.seed, device)
    write_result(
        run.results(protocol),
        f"{run} {protocol}",
        benchmark,
        trained,
        control,
        bootstrap=int(params.value("evaluate.bootstrap")),
        details={
            "benchmark": run.benchmark,
            "protocol": protocol,
            **describe_evaluation(run, model, facts, settings, device),
            **meter.read(),
        },
    )


def run_protocol(protocol: str, title: str, model: HACM, task: Task, settings: Any, seed: int, device: str) -> Result:
    """The protocol's scores on the test clips."""
    with Work(f"{protocol}, {title}", getattr(settings, "epochs", 1), "epochs") as work:
        try:
            result: Result = protocols.find(protocol).run(model, task, settings, seed, device, work.update)
        except ValueError as error:
            raise UserError(f"{protocol}: {error}") from error
    return result


if __name__ == "__main__":
    box.run(main, "evaluate")
