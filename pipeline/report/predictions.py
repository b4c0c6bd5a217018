"""The scores behind a result, for what is done with two results of the same test clips. N test clips, K classes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hacm.errors import UserError
from pipeline.results.writing import check_result_file

Hits = NDArray[np.bool_]
"""Which clips are recognised, (N,)."""


@dataclass(frozen=True)
class Scores:
    """predictions.parquet: every clip's name, true class and score of each class; higher means more likely.

    subject_N: who performs each clip, as far as is known; None where an earlier version wrote the file.
    """

    names: tuple[str, ...]
    label_N: NDArray[np.int64]
    scores_NK: NDArray[np.float32]
    subject_N: NDArray[np.int64] | None = None

    @property
    def hits_N(self) -> Hits:
        """Which clips are recognised; as for the accuracies, one that shares the highest score is none."""
        return self.top(1)

    def top(self, k: int) -> Hits:
        """For which clips fewer than k other classes score as much as the true one, or more."""
        own_N1 = np.take_along_axis(self.scores_NK, self.label_N[:, None], axis=1)
        hits_N: Hits = (~(self.scores_NK < own_N1)).sum(axis=1) <= k
        return hits_N

    def fits(self, other: "Scores") -> bool:
        """Whether both are of the same clips in the same order."""
        return self.names == other.names and np.array_equal(self.label_N, other.label_N)


def read_scores(path: Path, name: Path | None = None) -> Scores:
    """The file; UserError naming it if it is missing, damaged or holds something else.

    name: what it is called in a message, where `path` is that of a copy.
    """
    with explained(name or path):
        check_result_file(path, name)
        table = pl.read_parquet(path)
        label_N = table["label"].cast(pl.Int64).to_numpy()
        if table.is_empty() or table["scores"].list.len().n_unique() != 1:
            raise ValueError("scores must be one per class, of the same classes for every clip")
        scores_NK = table["scores"].explode().cast(pl.Float32).to_numpy().reshape(len(table), -1)
        if not ((label_N >= 0) & (label_N < scores_NK.shape[1])).all():
            raise ValueError(f"label must be a class number below {scores_NK.shape[1]}")
        subject_N = table["subject"].cast(pl.Int64).to_numpy() if "subject" in table.columns else None
        return Scores(tuple(table["name"].to_list()), label_N, scores_NK, subject_N)


def read_guesses(path: Path) -> tuple[list[int], list[int]]:
    """(what the encoder, what the same with random weights took every clip for), in the file's order, as labels."""
    with explained(path):
        check_result_file(path)
        table = pl.read_parquet(path, columns=["predicted", "random_predicted"])
        return table["predicted"].to_list(), table["random_predicted"].to_list()


def read_untrained_hits(path: Path) -> Hits:
    """Which clips the same encoder with random weights recognises, in the file's order; UserError as of read_scores."""
    with explained(path):
        check_result_file(path)
        table = pl.read_parquet(path, columns=["label", "random_predicted"])
        hits_N: Hits = (table["label"] == table["random_predicted"]).fill_null(False).to_numpy()
        return hits_N


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Whatever is wrong with the file in the block is a UserError of one line."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: missing; run the stage that writes it (dvc repro)") from None
    except (OSError, ValueError, TypeError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path}: cannot be read ({reason}); run the stage that writes it again") from None


def fuse(results: Sequence[Scores]) -> Scores:
    """Several encoders as one: softmax over the classes of each, summed, as the field fuses its input streams.

    ValueError unless all are of the same clips.
    """
    first = results[0]
    for other in results[1:]:
        if not other.fits(first):
            raise ValueError("they are not of the same test clips in the same order")
    total_NK = np.zeros(first.scores_NK.shape)
    for result in results:
        total_NK += softmax(result.scores_NK.astype(np.float64))
    return Scores(first.names, first.label_N, total_NK.astype(np.float32), first.subject_N)


def softmax(scores_NK: NDArray[np.float64]) -> NDArray[np.float64]:
    """exp(s) / Σ exp(s) over the classes."""
    power_NK = np.exp(scores_NK - scores_NK.max(axis=1, keepdims=True))
    shares_NK: NDArray[np.float64] = power_NK / power_NK.sum(axis=1, keepdims=True)
    return shares_NK
