"""Write the features of recordings, with a trained model: a row for each recording and person.

Recordings are read from files, folders and archives, and cleaned as the model's training clips were.
"""

from pathlib import Path

from hacm.command_line import Parser, add_device, answer_early, parser
from hacm.commands import inputs


def command_line() -> Parser:
    """What may follow the program's name."""
    result = parser(__doc__, "recordings/ --model utd-mhad --out features.parquet")
    inputs.add_options(result)
    result.add_argument("--out", type=Path, required=True, metavar="FILE", help="new file: .parquet or .npz")
    add_device(result)
    return result


answer_early(command_line, __name__)

from typing import Any

import numpy as np
import polars as pl

from hacm.errors import USER_MISTAKE, UserError
from hacm.files import replace_file
from hacm.models.model import Model, Taken

SCHEMA = {"recording": pl.String, "person": pl.String, "frames": pl.Int64, "fps": pl.Float64, "remarks": pl.String}
SUFFIXES = (".parquet", ".npz")

Row = dict[str, Any]


def main() -> int:
    """Write the features of the recordings, a row for each."""
    options = command_line().parse_args()
    if options.out.suffix not in SUFFIXES:
        raise UserError(f"--out {options.out}: must end in {' or '.join(SUFFIXES)}")
    model = inputs.open_model(options.model, options.paths, options)
    rows: list[Row] = []
    unread: list[inputs.Unread] = []
    features: list[np.ndarray] = []
    for taken, features_ND in inputs.encode(model, options.paths, options, unread):
        rows += map(describe, taken)
        features.append(features_ND.numpy())
    if rows:
        write(options.out, model, rows, np.concatenate(features))
        print(f"{options.out}: {len(rows)} rows of {features[0].shape[1]} features by {model.name}")
    return USER_MISTAKE if inputs.tell_unread(unread) else 0


def describe(one: Taken) -> Row:
    """What is said of a row beside its features."""
    return {
        "recording": one.recording,
        "person": "+".join(map(str, one.people)),
        "frames": one.clip.bodies_MTVC.shape[1],
        "fps": one.clip.fps,
        "remarks": "; ".join(one.remarks),
    }


def write(path: Path, model: Model, rows: list[Row], features_ND: np.ndarray) -> None:
    """One table, or arrays of as many rows; `model` says whose features they are."""
    table = pl.DataFrame(rows, schema=SCHEMA).with_columns(model=pl.lit(model.name))
    with replace_file(path) as temporary:
        if path.suffix == ".parquet":
            features = pl.Series("features", features_ND, dtype=pl.Array(pl.Float32, features_ND.shape[1]))
            table.with_columns(features).write_parquet(temporary)
        else:
            columns: dict[str, Any] = {name: np.array(table[name].to_list()) for name in table.columns}
            with open(temporary, "wb") as stream:
                np.savez(stream, **columns, features=features_ND)
