"""Fine-tune an encoder of one benchmark on another and evaluate it, beside random weights (hacm.md §6)."""

from stages.shared import command


def command_line() -> command.Parser:
    """The parser of the command line."""
    parser = command.parser(__doc__, "source", "target", example="--source utd-mhad-xsub --target ui-prmd-xsub")
    command.add_run(parser)
    command.add_device(parser)
    return parser


command.answer_early(command_line, __name__)

import argparse
from dataclasses import replace

from hacm.errors import NotFinite, SettingsError, UserError
from hacm.evaluation import transfer
from hacm.evaluation.result import Result
from hacm.evaluation.task import Task
from hacm.settings import TransferSettings
from hacm.skeletons.correspondence import JointMap, map_joints
from pipeline.datasets.registry import find_benchmark, own_correspondences
from stages.shared import box, parameters
from stages.shared.costs import Meter
from stages.shared.encoders import Encoder, load_encoder
from stages.shared.loading import load_benchmark, skeleton_of
from stages.shared.places import Run
from stages.shared.progress import Work, say
from stages.shared.result_files import summarise, write_result

READ = (parameters.TRAIN, parameters.BOOTSTRAP, parameters.TRANSFER)
PARAMS = parameters.keys(*READ, benchmark="{target}")


def main() -> None:
    options = parse()
    run, target, device = Run(options.source, options.variant, options.seed), options.target, options.device
    params = parameters.load(*READ, benchmark=target, variant=run.variant)
    settings = params.get(parameters.TRANSFER)
    encoder = load_encoder(run, device)
    benchmark = load_benchmark(target, hierarchies=False, device=device)
    joints = map_to(encoder, target)
    for line in joints.describe():
        say(f"joints of {joints.to.name} read from {joints.source.name}: {line}")
    # Cropped as suits the target's clips; but the encoder is fed the stream that it was trained on.
    augment = params.get(parameters.TRAIN).augment
    task = benchmark.task(replace(augment, stream=encoder.facts["settings"]["augment"]["stream"]))
    meter = Meter(device)
    trained = fine_tune("trained", encoder, task, joints, settings)
    control = fine_tune("random weights", encoder.with_random_weights(), task, joints, settings)
    bootstrap = params.get(parameters.BOOTSTRAP)
    write_result(
        run.transfer_results(target),
        f"{run}, transferred to {target}",
        benchmark,
        summarise(benchmark, trained, control, bootstrap),
        {
            "source": run.benchmark,
            "benchmark": target,
            "protocol": "transfer",
            **encoder.describe(settings),
            **meter.read(),
        },
    )


def parse() -> argparse.Namespace:
    """The command line; device: the one chosen."""
    options = command_line().parse_args()
    options.device = command.choose_device(options.device)
    return options


def map_to(encoder: Encoder, target: str) -> JointMap:
    """How the encoder's joints are read from those of the target's clips.

    UserError if that is not known, or if the source's skeleton has changed since the encoder was trained.
    """
    source_topology, target_topology = (find_benchmark(name)[0].topology for name in (encoder.run.benchmark, target))
    if encoder.model.skeleton != skeleton_of(source_topology):
        raise UserError(f"{encoder.run.model}: of another skeleton than {source_topology.name} is now; run dvc repro")
    return map_joints(source_topology, target_topology, own_correspondences())


def fine_tune(title: str, encoder: Encoder, task: Task, joints: JointMap, settings: TransferSettings) -> Result:
    """The scores on the target's test clips."""
    with Work(f"transfer, {title}", settings.epochs, "epochs") as work:
        try:
            return transfer.run(
                encoder.model, task, joints.sources, settings, encoder.run.seed, encoder.device, work.update
            )
        except (SettingsError, NotFinite) as error:
            raise UserError(f"transfer: {error}") from error


if __name__ == "__main__":
    box.run(main, "transfer", command_line())
