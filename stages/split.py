"""Assign the clips of a data version to a benchmark's training and test parts, and check their numbers.

The split also fixes the order in which the training clips of each class are labelled in the semi-supervised draws.
"""

from stages.shared import command


def command_line() -> command.Parser:
    """The parser of the command line."""
    return command.parser(__doc__, "benchmark", example="--benchmark kinect-sim-xsub")


command.answer_early(command_line, __name__)

import polars as pl

from hacm.errors import UserError, name_some
from hacm.files import read_json, replace_directory
from pipeline.datasets.definition import DataSet
from pipeline.datasets.registry import find_benchmark
from pipeline.datasets.splits import UNLABELLED, assign, rank_labels, select
from pipeline.store.losses import find_unlabelled, find_without_part
from pipeline.store.split_files import hash_split, write_split
from pipeline.store.store import SkeletonStore
from stages.shared import box, parameters, places
from stages.shared.progress import say
from stages.shared.stores import open_store

PARAMS = parameters.keys(parameters.INGEST)


def main() -> None:
    name = command_line().parse_args().benchmark
    dataset, rule = find_benchmark(name)
    settings = parameters.load(parameters.INGEST, dataset=dataset.name).get(parameters.INGEST)
    store = open_store(places.clips(dataset.name))
    tell_without_part(name, dataset, rule, store, strict=settings.strict)
    splits = assign(store.manifest, dataset.splits)
    unlabelled = tell_unlabelled(name, store.manifest, splits[rule])
    counts = (len(select(splits, rule, "train")), len(select(splits, rule, "test")))
    check_counts(
        name, dataset, rule, counts, left_out(store, dataset), partial=settings.allow_partial or store.facts["partial"]
    )
    parts = splits.select("name", pl.col(rule).alias("part")).drop_nulls().sort("name")
    training = parts.filter(pl.col("part") == "train").join(store.manifest.select("name", "label"), on="name")
    split = parts.join(rank_labels(training), on="name", how="left", maintain_order="left")
    facts = {
        "benchmark": name,
        "dataset": dataset.name,
        "rule": rule,
        "train": counts[0],
        "test": counts[1],
        **({"unlabelled": unlabelled} if unlabelled else {}),
        "split_hash": hash_split(split),
        "data_version": store.version,
        "store_files": read_json(store.path / "files.json"),
    }
    with replace_directory(places.split(name)) as folder:
        write_split(folder, split, facts)
    say(f"{name}: {counts[0]} training and {counts[1]} test clips of version {store.version}")


def tell_without_part(name: str, dataset: DataSet, rule: str, store: SkeletonStore, *, strict: bool) -> None:
    """Report how many clips are in neither part because they lack what the split rule needs; under strict, stop."""
    names, text = find_without_part(store.manifest, dataset.splits[rule].column)
    if not names:
        return
    line = f"{name}: {text}"
    if strict:
        raise UserError(
            f"{line}; say it in their names or files, or set datasets.{dataset.name}.ingest.strict to false"
        )
    say(line)


def tell_unlabelled(name: str, manifest: pl.DataFrame, part: pl.Series) -> int:
    """Report how many clips have no label and how they are used; returns how many are used for pretraining."""
    names, text = find_unlabelled(manifest, part)
    if names:
        say(f"{name}: {text}")
    return int((part == UNLABELLED).sum())


def left_out(store: SkeletonStore, dataset: DataSet) -> list[str]:
    """The recordings that are not in the store although their authors count them."""
    return sorted(set(store.table("excluded")["name"]) - dataset.missing_names())


def check_counts(
    name: str, dataset: DataSet, rule: str, counts: tuple[int, int], excluded: list[str], *, partial: bool
) -> None:
    """UserError if the parts' sizes are not those that the authors state, unless only a part of the data is wanted."""
    expected = dataset.expected.get(rule)
    if expected and counts != expected and not partial:
        named = f"left out: {name_some(excluded)}; " if excluded else ""
        found = f"{counts[0]} training and {counts[1]} test clips"
        raise UserError(
            f"{name}: {found}, expected {expected[0]} and {expected[1]}; {named}see"
            f" results/datasets/{dataset.name}/audit, or set datasets.{dataset.name}.ingest.allow_partial to true"
        )


if __name__ == "__main__":
    box.run(main, "split", command_line())
