"""Write a benchmark's clips in a format that other codebases read, so that they train on exactly these clips."""

from pathlib import Path

from stages.shared import command

LAYOUTS = ("ntu-npz", "pyskl")


def command_line() -> command.Parser:
    """The parser of the command line."""
    parser = command.parser(__doc__, "benchmark", example="--benchmark ntu60-xsub --format ntu-npz --out NTU60_CS.npz")
    parser.add_argument("--format", choices=LAYOUTS, required=True, help="format of the file")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="new file, .npz or .pkl")
    parser.add_argument(
        "--frames", type=int, metavar="N", help="ntu-npz only: pad every clip to this many frames (default: 300)"
    )
    parser.add_argument(
        "--compress", action="store_true", help="ntu-npz only: a smaller file that is slower to write and read"
    )
    return parser


command.answer_early(command_line, __name__)

import argparse
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hacm.errors import UserError
from pipeline.datasets.registry import find_benchmark
from pipeline.exports import PARTS, LabelledClips, ntu_npz, pyskl
from pipeline.store.manifest import hash_clip
from pipeline.store.store import SkeletonStore
from stages.shared.progress import Work, say
from stages.shared.stores import list_labels, open_benchmark

SUFFIXES = dict(zip(LAYOUTS, (ntu_npz.SUFFIX, pyskl.SUFFIX), strict=True))


def main() -> None:
    options = command_line().parse_args()
    expect_new_file(options.out, SUFFIXES[options.format])
    padding = padding_of(options)
    clips = open_clips(options.benchmark)
    with Work("exporting", len(clips.table), "clips") as work:
        clips = replace(clips, read=counted(clips.read, work))
        if options.format == "ntu-npz":
            warn_of_gaps(ntu_npz.write(clips, options.out, **padding))
        else:
            pyskl.write(clips, options.out)
    train, test = (len(clips.part(part)) for part in ("train", "test"))
    say(f"{options.out}: {train} training and {test} test clips of version {clips.data_version}")


def padding_of(options: argparse.Namespace) -> dict[str, Any]:
    """What was given of the options that only ntu-npz has; UserError if another layout was given one."""
    given = {name: value for name in ("frames", "compress") if (value := getattr(options, name)) not in (None, False)}
    if given and options.format != "ntu-npz":
        raise UserError(f"--{next(iter(given))}: an option of ntu-npz, not of {options.format}; leave it out")
    return given


def expect_new_file(path: Path, suffix: str) -> None:
    """UserError unless nothing is at `path` yet and its name is one that readers of the layout take."""
    if path.suffix != suffix:
        raise UserError(f"--out {path}: programs that read this layout expect a name ending in {suffix}")
    if path.exists():
        raise UserError(f"--out {path}: exists; move it away or name a new file")


def open_clips(benchmark: str) -> LabelledClips:
    """The clips of both parts; UserError if the store is of another version than the split."""
    dataset, store, split = open_benchmark(benchmark)
    labels = list_labels(dataset, store)
    number = pl.col("label").replace_strict(labels, range(len(labels)), return_dtype=pl.Int64).alias("class")
    table = split.filter(pl.col("part").is_in(PARTS)).join(store.manifest, on="name", maintain_order="left")
    hashes = dict(table.select("name", "hash").iter_rows())
    return LabelledClips(
        rule=find_benchmark(benchmark)[1],
        data_version=store.version,
        classes=[dataset.class_name(label) for label in labels],
        joints=len(dataset.topology.joints),
        table=table.select("name", "part", number, "bodies", "frames"),
        read=lambda name: read_checked(store, name, hashes[name]),
    )


def read_checked(store: SkeletonStore, name: str, expected: str) -> NDArray[np.float32]:
    """A clip; UserError if it is not the one that the manifest, and so the data version, speaks of."""
    bodies_MTVC = store[name]
    if hash_clip(bodies_MTVC) != expected:
        raise UserError(f"{store.path}: {name} is not what the manifest says, the store is damaged; run dvc repro")
    return bodies_MTVC


def counted(read: Callable[[str], NDArray[np.float32]], work: Work) -> Callable[[str], NDArray[np.float32]]:
    """The same reader; each clip it reads is one of `work` done."""

    def read_one(name: str) -> NDArray[np.float32]:
        work.advance()
        return read(name)

    return read_one


def warn_of_gaps(names: list[str]) -> None:
    """One line if there are clips that loaders of the layout may cut short."""
    if names:
        say(
            f"clips with a frame without a body: {len(names)} (the first {names[0]}); loaders that count the frames "
            "that are not zero leave out as many at their end; frames_train and frames_test hold the true numbers"
        )
