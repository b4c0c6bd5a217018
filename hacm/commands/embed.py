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

import polars as pl

from hacm.errors import USER_MISTAKE, UserError
from hacm.models.feature_writer import SUFFIXES, FeatureWriter
from hacm.models.model import Taken

SCHEMA = {"recording": pl.String, "person": pl.String, "frames": pl.Int64, "fps": pl.Float64, "remarks": pl.String}


def main() -> int:
    """Write the features of the recordings, a row for each."""
    options = command_line().parse_args()
    if options.out.suffix not in SUFFIXES:
        raise UserError(f"--out {options.out}: must end in {' or '.join(SUFFIXES)}")
    model = inputs.open_model(options.model, options.paths, options)
    unread: list[inputs.Unread] = []
    with FeatureWriter(options.out) as writer:
        for taken, features_ND in inputs.encode(model, options.paths, options, unread):
            if taken:
                writer.add(describe(taken).with_columns(model=pl.lit(model.name)), features_ND.numpy())
        if writer.rows:
            writer.finish()
            print(f"{options.out}: {writer.rows} rows of {model.width} features by {model.name}")
    return USER_MISTAKE if inputs.tell_unread(unread) else 0


def describe(taken: list[Taken]) -> pl.DataFrame:
    """What is said of each row beside its features."""
    rows = [
        {
            "recording": one.recording,
            "person": "+".join(map(str, one.people)),
            "frames": one.clip.bodies_MTVC.shape[1],
            "fps": one.clip.fps,
            "remarks": "; ".join(one.remarks),
        }
        for one in taken
    ]
    return pl.DataFrame(rows, schema=SCHEMA)
