"""Clean and centre the recordings into the clean store with its manifest. This is fast: no file is parsed again."""

from stages.shared import command


def command_line() -> command.Parser:
    """The parser of the command line."""
    parser = command.parser(__doc__, "dataset", example="--dataset kinect-sim")
    parser.add_argument("--workers", type=int, metavar="N", help="number of cleaning processes (default: one per core)")
    return parser


command.answer_early(command_line, __name__)

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hacm.cleaning import CleaningSettings, clean
from hacm.cores import count_cores
from hacm.errors import BadRecording, UserError
from hacm.recordings import Clip
from hacm.recordings.notes import Kind, Note, reason_of
from pipeline.datasets.registry import find_dataset
from pipeline.processes import map_in_processes
from pipeline.store.losses import CLEANING, JOINTS, find_losses
from pipeline.store.manifest import hash_clip, recording_of
from pipeline.store.store import SkeletonStore, StoreWriter
from pipeline.yaml_tree import ABSENT, look_up
from stages.shared import box, parameters, places
from stages.shared.losses import tell_losses
from stages.shared.parameters.checks import unfit_cleaning
from stages.shared.progress import Work, say
from stages.shared.stores import open_store

Stored = tuple[dict[str, Any], NDArray[np.float32]]
"""A recording's manifest row and its bodies, (M, T, V, 3)."""

PARAMS = parameters.keys(parameters.CLEANING, parameters.INGEST)


def main() -> None:
    options = command_line().parse_args()
    dataset = find_dataset(options.dataset)
    if options.workers is not None and options.workers < 1:
        raise UserError("--workers: must be at least 1")
    params = parameters.load(parameters.CLEANING, parameters.INGEST, dataset=dataset.name)
    settings = params.get(parameters.CLEANING)
    unfit = unfit_cleaning(dataset, settings)
    if unfit is not None:
        raise UserError(f"cleaning.strategy: {unfit}")
    strict = params.get(parameters.INGEST).strict
    own = {
        kind
        for setting, kinds in (("max_frames", (Kind.TRUNCATED,)), ("missing", JOINTS))
        for kind in kinds
        if look_up(params.source.tree, f"datasets.{dataset.name}.cleaning.{setting}") is not ABSENT
    }
    # A label of a long video may span a stretch in which nobody is seen: such a clip is dropped (docs/data.md).
    asked = own if dataset.videos is None else own | {Kind.NO_BODY}
    source = open_store(places.recordings(dataset.name))
    facts = {
        "kind": "clips",
        "synthetic": dataset.synthetic,
        "partial": source.facts["partial"],
        "recordings_version": source.version,
    }
    if source.dimensions != 3:
        facts["dimensions"] = source.dimensions
    with (
        StoreWriter(places.clips(dataset.name), dataset.name, source.topology, facts) as store,
        Work("cleaning", len(source), "clips") as work,
    ):
        for row in source.table("excluded").iter_rows(named=True):
            store.exclude(row["name"], row["source"], Note.of_record(row["note"]))
        for (row, _), cleaned in clean_all(source, settings, options.workers or count_cores()):
            if isinstance(cleaned, Note):
                store.exclude(row["name"], row["source"], cleaned)
            else:
                clip, clip_hash = cleaned
                store.add(clip, row["source"], row["source_sha256"], clip_hash=clip_hash)
            work.advance()
        if len(store) == 0:
            raise UserError(f"{dataset.name}: cleaning left no clip; the first reason: {store.first_reason}")
        known = source.table("excluded")["name"].implode()
        excluded = store.exclusions().filter(~pl.col("name").is_in(known))
        lines = tell_losses(dataset.name, find_losses(store.manifest(), excluded, CLEANING), strict, asked)
    for line in lines:
        say(line)
    say(f"{dataset.name}: {len(store)} clips, {store.excluded} excluded, version {store.version}")


def clean_all(
    source: SkeletonStore, settings: CleaningSettings, workers: int
) -> Iterator[tuple[Stored, tuple[Clip, str] | Note]]:
    """Every recording from the store, with its clip and the clip's hash, or with the reason why it is left out."""
    topology = source.topology

    def clean_one(stored: Stored) -> tuple[Clip, str] | Note:
        row, bodies_MTVC = stored
        try:
            clip = clean(recording_of(row, topology, bodies_MTVC), settings)
        except BadRecording as reason:
            return reason_of(reason)
        return clip, hash_clip(clip.bodies_MTVC)

    return map_in_processes(clean_one, source.stream(), workers, lambda stored: stored[1].nbytes)


if __name__ == "__main__":
    box.run(main, "normalize", command_line())
