"""Find the recordings most alike to one: nearest in the features of a trained model, with their distances.

Where to look is either features that `hacm embed` wrote, or recordings, which are read and encoded first.
"""

from pathlib import Path

from hacm.command_line import Parser, add_device, answer_early, parser
from hacm.commands import inputs


def command_line() -> Parser:
    """What may follow the program's name."""
    result = parser(__doc__, "query.csv --in features.parquet --model utd-mhad")
    inputs.add_options(result)
    result.add_argument(
        "--in", dest="gallery", type=Path, required=True, metavar="PATH", help="features or recordings to search in"
    )
    result.add_argument("--top", type=inputs.count, default=5, metavar="N", help="how many of the nearest to show")
    result.add_argument("--json", action="store_true", help="print JSON")
    add_device(result)
    return result


answer_early(command_line, __name__)

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from hacm.errors import USER_MISTAKE, UserError
from hacm.models.model import Model, Taken
from hacm.models.retrieval import FeatureFile, Found, nearest

NamesAt = Callable[[Sequence[int] | None], list[str]]
"""The names of the clips at these places; None: of all."""


def main() -> int:
    """Print the recordings nearest to each query."""
    options = command_line().parse_args()
    model = inputs.open_model(options.model, options.paths, options)
    unread: list[inputs.Unread] = []
    queries, query_QD = encode(model, options.paths, options, unread)
    names_at, chunks = open_gallery(model, options.gallery, options, unread)
    if queries:
        show(queries, nearest(query_QD, chunks, options.top, model.parts.neighbours), names_at, options)
    return USER_MISTAKE if inputs.tell_unread(unread) else 0


def encode(
    model: Model, paths: list[Path], options: argparse.Namespace, unread: list[inputs.Unread]
) -> tuple[list[str], Tensor]:
    """Names and features of recordings; what cannot be read is put down in `unread`."""
    names: list[str] = []
    parts: list[Tensor] = []
    for taken, features_ND in inputs.encode(model, paths, options, unread):
        names += map(name_of, taken)
        parts.append(features_ND)
    return names, torch.cat(parts) if parts else torch.empty(0, 0)


def name_of(one: Taken) -> str:
    """A recording, and which of its people where it is not the first alone."""
    return title_of(one.recording, "+".join(map(str, one.people)))


def title_of(recording: str, person: str) -> str:
    """The same of what hacm embed wrote."""
    return recording if person == "1" else f"{recording}, person {person}"


def open_gallery(
    model: Model, path: Path, options: argparse.Namespace, unread: list[inputs.Unread]
) -> tuple[NamesAt, Iterable[Tensor]]:
    """What tells the names of the clips in features or recordings, and their features, part by part."""
    if not FeatureFile.is_one(path):
        names, features_ND = encode(model, [path], options, unread)
        return lambda places: names if places is None else [names[place] for place in places], [features_ND][
            : len(names)
        ]
    file = FeatureFile(path)
    if file.model not in (None, model.name):
        raise UserError(f"{path}: features by {file.model}, not by {model.name}; --model {file.model}")
    return lambda places: [title_of(*clip) for clip in file.clips(places)], file.chunks()


def open_features(
    model: Model, paths: list[Path], options: argparse.Namespace, unread: list[inputs.Unread]
) -> tuple[list[str], Tensor]:
    """The names and features of all clips in several of such, in order."""
    names: list[str] = []
    parts: list[Tensor] = []
    for path in paths:
        names_at, chunks = open_gallery(model, path, options, unread)
        names += names_at(None)
        parts += chunks
    return names, torch.cat(parts) if parts else torch.empty(0, 0)


def show(queries: list[str], found: list[list[Found]], names_at: NamesAt, options: argparse.Namespace) -> None:
    """On standard output, a row per neighbour."""
    names = iter(names_at([one.place for neighbours in found for one in neighbours]))
    rows: list[dict[str, Any]] = [
        {"query": query, "rank": rank, "recording": next(names), "distance": one.distance}
        for query, neighbours in zip(queries, found, strict=True)
        for rank, one in enumerate(neighbours, 1)
    ]
    if options.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("query", "rank", "nearest", "distance"):
        table.add_column(heading, justify="right" if heading in ("rank", "distance") else "left", overflow="fold")
    for row in rows:
        query = row["query"] if row["rank"] == 1 else ""
        table.add_row(query, str(row["rank"]), row["recording"], f"{abs(row['distance']):.3f}")
    Console().print(table)
