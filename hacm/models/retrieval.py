"""The nearest of many clips by their features, exactly, in memory that does not grow with their number.

Shapes: Q queries, N clips of a chunk, D width, k neighbours.
"""

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from hacm.errors import UserError
from hacm.models.familiarity import Neighbours

ROWS = 16_384
"""Clips that are held at a time: at 832 features 55 MB."""


@dataclass(frozen=True)
class Found:
    """A neighbour: its place among all clips, and 1 − cosine."""

    place: int
    distance: float


def nearest(query_QD: Tensor, chunks: Iterable[Tensor], k: int, scale: Neighbours | None = None) -> list[list[Found]]:
    """The k nearest clips of each query, the nearest first; of equally near ones the earlier.

    chunks: the clips' features, (N, D) each. scale: features are compared less the training clips' mean and over their
    deviation, where the model knows them.
    """
    query_QD = comparable(query_QD, scale)
    best_Qk = torch.full((len(query_QD), 0), -torch.inf)
    place_Qk = torch.zeros(len(query_QD), 0, dtype=torch.long)
    start = 0
    for chunk_ND in chunks:
        similarity_QN = query_QD @ comparable(chunk_ND, scale).T
        places_QN = torch.arange(start, start + len(chunk_ND)).expand(len(query_QD), -1)
        all_Qn, place_Qn = torch.cat([best_Qk, similarity_QN], 1), torch.cat([place_Qk, places_QN], 1)
        order_Qk = all_Qn.sort(dim=1, descending=True, stable=True).indices[:, :k]
        best_Qk, place_Qk = all_Qn.gather(1, order_Qk), place_Qn.gather(1, order_Qk)
        start += len(chunk_ND)
    return [
        [Found(place, 1 - value) for place, value in zip(places, values, strict=True)]
        for places, values in zip(place_Qk.tolist(), best_Qk.tolist(), strict=True)
    ]


def comparable(features_ND: Tensor, scale: Neighbours | None) -> Tensor:
    """Features whose products are cosines, on the CPU; scale: as in `nearest`."""
    features_ND = features_ND.cpu().float()
    if scale is not None:
        features_ND = scale.on_scale(features_ND)
    return torch.nn.functional.normalize(features_ND, dim=1)


class FeatureFile:
    """What `hacm embed` wrote: which clips, and their features chunk by chunk: a .parquet is never all in memory.

    count: of clips. model: the name of the model whose features they are, where the file says it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.suffix == ".parquet":
            self._open_parquet()
        else:
            self._open_arrays()

    @staticmethod
    def is_one(path: Path) -> bool:
        """Whether a path looks like such a file: a .parquet, or an .npz that holds features; others are recordings."""
        if path.suffix != ".npz" or not zipfile.is_zipfile(path):
            return path.suffix == ".parquet"
        with zipfile.ZipFile(path) as archive:
            return "features.npy" in archive.namelist()

    def _open_parquet(self) -> None:
        try:
            schema = pl.read_parquet_schema(self.path)
            if not isinstance(schema.get("features"), pl.Array):
                raise ValueError("it has no column `features` of arrays")
            self._describe(pl.scan_parquet(self.path).drop("features"))
        except (OSError, ValueError, pl.exceptions.PolarsError) as error:
            raise UserError(
                f"{self.path}: not features that hacm embed wrote ({str(error).splitlines()[0]})"
            ) from error
        self._features: NDArray[np.float32] | None = None

    def _open_arrays(self) -> None:
        try:
            with np.load(self.path, allow_pickle=False) as arrays:
                self._features = arrays["features"].astype(np.float32)
                columns = {name: arrays[name] for name in arrays.files if name != "features"}
            if self._features.ndim != 2:
                raise ValueError(f"its features are {self._features.shape}, not a row per clip")
            self._describe(pl.LazyFrame({name: values.tolist() for name, values in columns.items()}))
        except (OSError, KeyError, ValueError, pl.exceptions.PolarsError) as error:
            raise UserError(f"{self.path}: not features that hacm embed wrote ({error})") from error

    def _describe(self, rows: pl.LazyFrame) -> None:
        self._clips = rows.select("recording", "person")
        self.count = int(rows.select(pl.len()).collect().item())
        said = rows.select("model").head(1).collect() if "model" in rows.collect_schema() else pl.DataFrame()
        self.model = str(said.item()) if len(said) else None

    def clips(self, places: Sequence[int] | None = None) -> list[tuple[str, str]]:
        """Recording and person of the clips at these places, in that order; None: of all."""
        if places is None:
            return [(str(recording), str(person)) for recording, person in self._clips.collect().iter_rows()]
        wanted = pl.Series(sorted(set(places)), dtype=pl.get_index_type())
        found = self._clips.with_row_index("place").filter(pl.col("place").is_in(wanted.implode()))
        said = {row[0]: (str(row[1]), str(row[2])) for row in found.collect(engine="streaming").iter_rows()}
        return [said[place] for place in places]

    def chunks(self) -> Iterator[Tensor]:
        """The features, in order, so many rows at a time."""
        for start in range(0, self.count, ROWS):
            if self._features is not None:
                yield torch.from_numpy(self._features[start : start + ROWS])
                continue
            part = pl.scan_parquet(self.path).select("features").slice(start, ROWS).collect()
            yield torch.from_numpy(part["features"].to_numpy().copy())
