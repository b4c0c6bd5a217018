"""Turn a checkpoint that the authors of HA-CM or MAMP released into one of this project, without running its code.

Written into models/BENCHMARK/released/seed-0, it is evaluated like any other:
`python -m stages.evaluate --benchmark ntu60-xsub --variant released --protocol linear`. As a model, it is used like any
other: `hacm embed recordings/ --model FOLDER`, and `hacm fit` teaches it classes.
"""

from pathlib import Path

from stages.shared import command


def command_line() -> command.Parser:
    """What may follow the program's name."""
    parser = command.parser(__doc__, example="FILE.pth --out models/ntu60-xsub/released/seed-0")
    parser.add_argument("file", type=Path, metavar="FILE", help="the released file, usually .pth")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="new folder for the checkpoint, to be evaluated")
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="new folder for a model, to be used anywhere")
    parser.add_argument("--topology", default="kinect-v2-25", metavar="NAME", help="its skeleton")
    parser.add_argument(
        "--heads",
        type=int,
        metavar="N",
        help="number of attention heads, which the weights do not show (8 if not given, as published)",
    )
    parser.add_argument(
        "--stream",
        choices=("joint", "motion", "bone"),
        default="joint",
        help="its input stream, which the weights do not show",
    )
    return parser


command.answer_early(command_line, __name__)

import argparse
from dataclasses import asdict
from typing import Any

import torch

from hacm.checkpoints import checkpoint, released
from hacm.errors import UserError
from hacm.files import hash_file, replace_directory
from hacm.models import folder
from hacm.models.released import make_model
from hacm.settings import AugmentSettings
from pipeline.datasets.registry import find_topology
from stages.shared.loading import skeleton_of
from stages.shared.progress import say


def main() -> None:
    options = command_line().parse_args()
    topology, augment = find_topology(options.topology), AugmentSettings(stream=options.stream)
    expect_free(options)
    options.heads = options.heads or released.PUBLISHED_HEADS
    imported = released.load(options.file, skeleton_of(topology), options.heads)
    facts = describe(imported, options.file, augment)
    if options.model is not None:
        name = options.model.name
        folder.save(options.model, make_model(imported.model, facts["released"], topology, name, augment))
    if options.out is not None:
        with replace_directory(options.out) as place:
            checkpoint.save(place, imported.model, facts)
    announce(imported, options)


def expect_free(options: argparse.Namespace) -> None:
    """UserError if nothing is asked for, or something is in its way."""
    if options.out is None and options.model is None:
        raise UserError("say --out FOLDER for a checkpoint to evaluate, --model FOLDER for a model to use, or both")
    for option, place in (("--out", options.out), ("--model", options.model)):
        if place is not None and place.exists() and not (place.is_dir() and not any(place.iterdir())):
            raise UserError(f"{option} {place}: exists; move it away or name a new folder")


def describe(imported: released.Imported, path: Path, augment: AugmentSettings) -> dict[str, Any]:
    """The facts that a checkpoint of stages.pretrain has; null where a released file does not say."""
    model = imported.model
    return {
        "benchmark": None,
        "variant": None,
        "dataset": None,
        "data_version": None,
        "seed": None,
        "settings": {
            "model": asdict(model.model_settings),
            "masking": asdict(model.masking_settings),
            "loss": asdict(model.loss_settings),
            "augment": asdict(augment),
        },
        "epochs": None,
        "torch": torch.__version__,
        "released": {
            "method": imported.method,
            "file": path.name,
            "sha256": hash_file(path),
            "epoch": imported.epoch,
            "unused": imported.unused,
            "unknown": imported.unknown,
        },
    }


def announce(imported: released.Imported, options: argparse.Namespace) -> None:
    """What it is, what was taken on trust, what was left."""
    settings = imported.model.model_settings
    say(
        f"{options.out or options.model}: {imported.method}, D {settings.dim}, "
        f"{settings.encoder_blocks} + {settings.decoder_blocks} blocks, "
        f"{settings.frames // settings.segment} segments of {settings.segment} frames, {imported.model.joints} joints"
    )
    say(f"taken on trust, as the file does not say: --heads {options.heads}, --stream {options.stream}")
    for reason, names in (("never used by its code", imported.unused), ("unknown", imported.unknown)):
        if names:
            say(f"not used, {reason}: {', '.join(names)}")
    if options.model is not None:
        say(f"{options.model}/{folder.CARD}: what is known of it; next: hacm embed PATH --model {options.model}")
