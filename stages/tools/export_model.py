"""Make a model to use of an evaluated encoder: a folder that hacm.load and hacm predict take anywhere.

It holds the encoder, the head that the protocol trained, the cleaning and the rest of what use needs, probabilities
calibrated on training subjects that were left out, and a card.
"""

from pathlib import Path

from stages.shared import command

NO_HEAD = "none"
PROTOCOLS = ("linear", "finetune", NO_HEAD)


def command_line() -> command.Parser:
    """What may follow the program's name."""
    parser = command.parser(__doc__, "benchmark", example="--benchmark utd-mhad-xsub --out exported/utd-mhad")
    command.add_run(parser)
    parser.add_argument(
        "--protocol", choices=PROTOCOLS, default="linear", help=f"whose head it gets; {NO_HEAD}: features alone"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="new folder for the model")
    parser.add_argument("--replace", action="store_true", help="replace the model that is there")
    parser.add_argument("--name", metavar="NAME", help="name of the model (the folder's if not given)")
    parser.add_argument("--licence", metavar="TEXT", help="licence of the weights, for the card")
    parser.add_argument(
        "--against",
        nargs="+",
        default=[],
        metavar="DATASET",
        help="data sets, ingested here, of which to count the unfamiliar clips",
    )
    parser.add_argument(
        "--uncalibrated", action="store_true", help="skip calibration, which takes one training per subject"
    )
    command.add_device(parser)
    return parser


command.answer_early(command_line, __name__)

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from torch import Tensor

from hacm.checkpoints.checkpoint import encoder_hash
from hacm.cleaning import CleaningSettings, clean
from hacm.errors import BadRecording, UserError
from hacm.evaluation.task import Task
from hacm.files import read_json
from hacm.models import building, folder, heads, released
from hacm.models.description import Origin
from hacm.models.model import Model, Taken
from hacm.settings import AugmentSettings, FinetuneSettings, LinearSettings
from pipeline.datasets.registry import find_dataset
from pipeline.results.writing import DETAILS, PREDICTIONS, check_result
from pipeline.store.manifest import hash_clip, recording_of
from stages.shared import parameters, places
from stages.shared.encoders import Encoder, load_encoder
from stages.shared.loading import Benchmark, load_benchmark
from stages.shared.progress import say
from stages.shared.stores import expect_version, open_store

FIGURES = (
    "n",
    "classes",
    "top1",
    "top1_low",
    "top1_high",
    "top5",
    "random_top1",
    "random_top1_low",
    "random_top1_high",
)
BASELINE = ("top1", "top1_low", "top1_high")
SETTINGS: dict[str, type[LinearSettings | FinetuneSettings]] = {"linear": LinearSettings, "finetune": FinetuneSettings}

CLIPS_CLEANED_AGAIN = 50
"""So many clips are cleaned again, to see that the model's cleaning is that of its clips."""
LARGEST_DIFFERENCE = 1e-4
"""Between the scores of the model and those of the result; the two differ by rounding alone."""


@dataclass(frozen=True)
class Evaluated:
    """A finished result that keeps a head. details: what it says of itself."""

    folder: Path
    details: dict[str, Any]

    @property
    def settings(self) -> LinearSettings | FinetuneSettings:
        """Of its protocol, as they were."""
        return SETTINGS[self.details["protocol"]](**self.details["settings"])

    def read_head(self) -> dict[str, Tensor]:
        """The tensors of what was trained."""
        path = self.folder / heads.FILE
        return heads.unpack(path.read_bytes(), path)


def main() -> None:
    options = command_line().parse_args()
    expect_free(options.out, replacing=options.replace)
    run, device = command.run_of(options), command.choose_device(options.device)
    evaluated = None if options.protocol == NO_HEAD else read_result(run.results(options.protocol), options.protocol)
    encoder = load_encoder(run, device)
    benchmark = load_benchmark(run.benchmark, hierarchies=False, device=device)
    expect_fit(encoder, benchmark, evaluated)
    task = benchmark.task(AugmentSettings(**encoder.facts["settings"]["augment"]))
    parts = make_model(options.name or options.out.name, encoder, benchmark, task, evaluated)
    if evaluated is not None:
        expect_same_scores(parts, task, evaluated)
        if not options.uncalibrated:
            say(f"calibrating: a head is trained without each of {parts.description.origin.subjects} training subjects")
            parts = building.calibrate(parts, encoder.model, task, evaluated.settings, run.seed, device)
    parts = replace(parts, description=replace(parts.description, licence=options.licence))
    for name in options.against:
        parts = building.measure_beyond(parts, name, take_all(Model(parts), name))
    folder.save(options.out, parts)
    say(f"{options.out}/{folder.CARD}: what it is; next: hacm predict PATH --model {options.out}")


def expect_free(out: Path, *, replacing: bool) -> None:
    """UserError if something is in the way that may not be replaced: all but a model, if asked for."""
    if replacing and (out / folder.DESCRIPTION).is_file():
        return
    if out.exists():
        remedy = "it is no model" if replacing else "name a new folder, or --replace the model"
        raise UserError(f"--out {out}: exists; {remedy}")


def read_result(result: Path, protocol: str) -> Evaluated:
    """A finished result; UserError if it is absent, damaged or keeps no head."""
    if not result.is_dir():
        raise UserError(f"{result}: not evaluated yet; hacm activate BENCHMARK --protocols {protocol}, then dvc repro")
    check_result(result)
    if not (result / heads.FILE).exists():
        raise UserError(f"{result}: keeps no head, an earlier version wrote it; run dvc repro")
    return Evaluated(result, read_json(result / DETAILS))


def expect_fit(encoder: Encoder, benchmark: Benchmark, evaluated: Evaluated | None) -> None:
    """UserError unless encoder, clips and result belong together."""
    run, store = encoder.run, benchmark.store
    expect_version(store, encoder.facts["data_version"], run.model)
    if evaluated is not None and encoder_hash(encoder.model) != evaluated.details["encoder_hash"]:
        raise UserError(f"{evaluated.folder}: of another encoder than {run.model} holds now; run dvc repro")


def make_model(
    name: str, encoder: Encoder, benchmark: Benchmark, task: Task, evaluated: Evaluated | None
) -> folder.Parts:
    """The model with distances; without a result it has no head."""
    description = building.describe(
        name,
        describe_origin(encoder, benchmark, task, evaluated),
        benchmark.dataset.topology,
        task,
        find_fps(benchmark),
        find_cleaning(benchmark),
        encoder.model,
    )
    description = replace(description, dimensions=2 if benchmark.store.dimensions == 2 else 3)
    if evaluated is None:
        return building.learn_distances(building.assemble(description, encoder.model, None), task)
    figures = read_figures(evaluated.folder, encoder.run.benchmark)
    description = building.add_head(description, evaluated.settings, benchmark.classes, figures)
    return building.learn_distances(building.assemble(description, encoder.model, evaluated.read_head()), task)


def expect_same_scores(parts: folder.Parts, task: Task, evaluated: Evaluated) -> None:
    """UserError unless the model says of the test clips what the result said."""
    difference = compare(building.score_part(parts, task, task.test_index), evaluated.folder / PREDICTIONS)
    if difference > LARGEST_DIFFERENCE:
        raise UserError(
            f"{evaluated.folder}: the model's scores differ from its scores by {difference:.2g}; run dvc repro"
        )
    test = len(task.test_index)
    say(f"scores of the {test} test clips are those of {evaluated.folder} (within {difference:.1g})")


def take_all(model: Model, dataset: str) -> Iterator[Taken]:
    """Every recording and person of a data set as the model takes them, whatever it thinks of them."""
    store = open_store(places.recordings(find_dataset(dataset).name))
    for row, bodies_MTVC in store.stream():
        recording = recording_of(row, store.topology, bodies_MTVC)
        for tracks in model.group(recording):
            try:
                yield model.take_people(recording, tracks, doubt="warn")
            except UserError as error:
                say(f"not used: {error}")


def describe_origin(encoder: Encoder, benchmark: Benchmark, task: Task, evaluated: Evaluated | None) -> Origin:
    """What the model was trained on, and by what."""
    dataset, run, release = benchmark.dataset, encoder.run, encoder.facts.get("released")
    return Origin(
        dataset=dataset.name,
        title=dataset.title,
        synthetic=dataset.synthetic,
        data_version=benchmark.store.version,
        data_licence=dataset.licence,
        benchmark=run.benchmark,
        variant=run.variant,
        seed=run.seed,
        clips=len(task.train_index),
        subjects=len(np.unique(benchmark.subject_N[task.train_index.numpy()])),
        code=None if evaluated is None else evaluated.details.get("code"),
        encoder_from=None if release is None else released.UNNAMED,
        released_by=None if release is None else released.tell_release(release),
    )


def find_fps(benchmark: Benchmark) -> float:
    """Frames per second of the data set's clips, their mean where they differ."""
    return round(float(benchmark.store.manifest["fps"].cast(pl.Float64).to_numpy().mean()), 3)


def find_cleaning(benchmark: Benchmark) -> CleaningSettings:
    """The cleaning in force, if that is what the clips were cleaned by; else UserError."""
    name, store = benchmark.dataset.name, benchmark.store
    settings = parameters.load(parameters.CLEANING, dataset=name).get(parameters.CLEANING)
    hashes = dict(store.manifest.select("name", "hash").iter_rows())
    recordings = open_store(places.recordings(name))
    step = max(1, len(recordings) // CLIPS_CLEANED_AGAIN)
    for row in recordings.manifest.gather_every(step).iter_rows(named=True):
        try:
            clip = clean(recording_of(row, recordings.topology, recordings[row["name"]]), settings)
        except BadRecording:
            continue
        if hash_clip(clip.bodies_MTVC) != hashes.get(row["name"]):
            raise UserError(f"{store.path}: {row['name']} was cleaned otherwise than params.yaml says; run dvc repro")
    return settings


def read_figures(result: Path, benchmark: str) -> dict[str, float]:
    """The result's figures, and its baseline's where that is there."""
    metrics = read_json(result / "metrics.json")
    figures = {key: metrics[key] for key in FIGURES if key in metrics}
    path = places.baseline_results(benchmark) / "metrics.json"
    if path.exists():
        baseline = read_json(path)
        figures |= {f"baseline_{key}": baseline[key] for key in BASELINE if key in baseline}
    return figures


def compare(score_NK: NDArray[np.float32], path: Path) -> float:
    """The largest difference of these scores of the test clips from those of a result, relative to the largest one."""
    expected_NK = np.array(pl.read_parquet(path)["scores"].to_list(), dtype=np.float32)
    return float(np.abs(score_NK - expected_NK).max() / max(1.0, float(np.abs(expected_NK).max())))
