"""Name what recordings show, with a trained model: a row for each recording and person.

Recordings are read from files, folders and archives, and cleaned as the model's training clips were.
"""

import argparse
from pathlib import Path

from hacm.command_line import Parser, add_device, answer_early, parser
from hacm.commands import inputs


def command_line() -> Parser:
    """What may follow the program's name."""
    result = parser(__doc__, "recordings/ --model utd-mhad --top 3")
    inputs.add_options(result)
    result.add_argument("--top", type=inputs.count, default=3, metavar="N", help="how many classes to show")
    forms = result.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="print JSON, with the scores of every class")
    forms.add_argument("--csv", action="store_true", help="print CSV")
    forms.add_argument("--parquet", type=Path, metavar="FILE", help="write Parquet, with the scores of every class")
    add_device(result)
    return result


answer_early(command_line, __name__)

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from hacm.errors import USER_MISTAKE, name_some
from hacm.files import replace_file
from hacm.models.building import CLIPS_AT_ONCE, in_batches
from hacm.models.model import Model, Prediction

UNFAMILIAR = "unlike anything in training"
LEAST_SHOWN = 0.005
"""Probabilities that would be shown as 0 % are not."""
Row = dict[str, Any]


def main() -> int:
    """Print or write a row for each recording and person; exit code 1 if one could not be read."""
    options = command_line().parse_args()
    model = inputs.open_model(options.model, options.paths, options)
    rows = list(predict(model, options))
    write(rows, options)
    unread = [inputs.Unread(row["recording"], row["error"]) for row in rows if row["error"] is not None]
    return USER_MISTAKE if inputs.tell_unread(unread) else 0


def predict(model: Model, options: argparse.Namespace) -> Iterator[Row]:
    """A row for each recording and person, also for one that cannot be read: then with the error and no class."""
    for part in in_batches(
        inputs.counted("recordings read", inputs.read(model, options.paths, options)), CLIPS_AT_ONCE
    ):
        found = iter(model.describe([one for one in part if not isinstance(one, inputs.Unread)]))
        for one in part:
            if isinstance(one, inputs.Unread):
                yield row_of_unread(one)
            else:
                yield row_of(next(found), options.top)


def row_of(one: Prediction, top: int) -> Row:
    """What is printed and written of a prediction."""
    return {
        "recording": one.recording,
        "person": "+".join(map(str, one.people)),
        "class": one.label,
        "probability": round(one.probability, 4),
        "top": [{"class": name, "probability": round(share, 4)} for name, share in one.top(top)],
        "familiar": one.familiar,
        "distance": None if one.distance is None else round(one.distance, 4),
        "remarks": list(one.remarks),
        "notes": list(one.notes),
        "error": None,
        "scores": [float(score) for score in one.score_K],
    }


def row_of_unread(one: inputs.Unread) -> Row:
    """The same of what could not be read."""
    empty: Row = dict.fromkeys(("person", "class", "probability", "familiar", "distance"))
    return {"recording": one.recording, **empty, "top": [], "remarks": [], "notes": [], "error": one.reason,
            "scores": None}  # fmt: skip


def write(rows: list[Row], options: argparse.Namespace) -> None:
    """Print or write the rows in the form that was asked for."""
    if options.json:
        json.dump(rows, sys.stdout, indent=1, ensure_ascii=False)
        print()
    elif options.csv:
        print(tabulate(rows, options.top).write_csv(), end="")
    elif options.parquet is not None:
        scores = pl.Series("scores", [row["scores"] for row in rows], dtype=pl.List(pl.Float32))
        with replace_file(options.parquet) as temporary:
            tabulate(rows, options.top).with_columns(scores).write_parquet(temporary)
    else:
        show(rows)


def tabulate(rows: list[Row], top: int) -> pl.DataFrame:
    """The rows as a flat table: further classes as class_2, probability_2, …; remarks in one field."""
    plain = {"recording": pl.String, "person": pl.String, "class": pl.String, "probability": pl.Float64}
    more = {f"{name}_{place}": kind for place in range(2, top + 1)
            for name, kind in (("class", pl.String), ("probability", pl.Float64))}  # fmt: skip
    last = {"familiar": pl.Boolean, "distance": pl.Float64}
    words = dict.fromkeys(("remarks", "notes", "error"), pl.String)
    flat = []
    for row in rows:
        others = {f"{name}_{place}": one[name] for place, one in enumerate(row["top"][1:], 2) for name in one}
        joined = {name: "; ".join(row[name]) or None for name in ("remarks", "notes")}
        flat.append({**row, **others, **joined})
    schema = {**plain, **more, **last, **words}
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in flat], schema=schema)


def show(rows: list[Row]) -> None:
    """A table for people, and below it what is to be said of its rows, each remark once."""
    named = [row for row in rows if row["error"] is None]
    if not named:
        return
    beginning = shared_beginning([row["recording"] for row in named])
    table = Table(box=None, pad_edge=False)
    for title, side in (("recording", "left"), ("person", "left"), ("class", "left"), ("", "right"), ("or", "left")):
        table.add_column(title, overflow="fold", justify=side)  # type: ignore[arg-type]
    remarks: dict[str, list[str]] = {}
    for row in named:
        name = row["recording"].removeprefix(beginning)
        others = ", ".join(
            f"{one['class']} {in_percent(one['probability'])}"
            for one in row["top"][1:]
            if one["probability"] >= LEAST_SHOWN
        )
        table.add_row(name, row["person"], row["class"], in_percent(row["probability"]), others)
        for remark in [*([UNFAMILIAR] if row["familiar"] is False else []), *row["remarks"]]:
            remarks.setdefault(remark, []).append(name)
    Console(markup=False, highlight=False).print(table)
    for remark, names in remarks.items():
        print(f"{remark}: {name_some(names)}")


def shared_beginning(names: list[str]) -> str:
    """The folders that all names begin with, with the last slash."""
    common = os.path.commonpath([os.path.dirname(name) for name in names])
    return f"{common}/" if common else ""


def in_percent(share: float) -> str:
    """A probability for people."""
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"
