"""Features of any number of clips to one file, `.parquet` or `.npz`, in memory that does not grow with their number.

What is given is kept beside the file, part by part, and joined at the end: how many rows there are is known only then.

Shapes: N clips of a part, D width.
"""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hacm.files import replace_file

FEATURES = "features"
SUFFIXES = (".parquet", ".npz")
ROW_GROUP = 4096
"""Rows of a `.parquet` that are written, and read, at a time."""


class FeatureWriter:
    """A file that is there, whole, after `finish`; nothing is left of one that was not finished. A context."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._parts = 0

    def __enter__(self) -> "FeatureWriter":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix=f".{self.path.name}.", dir=self.path.parent))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, table: pl.DataFrame, features_ND: NDArray[np.float32]) -> None:
        """Some more rows, and what is said of each beside its features; every table has the same columns."""
        features = pl.Series(FEATURES, features_ND, dtype=pl.Array(pl.Float32, features_ND.shape[1]))
        table.with_columns(features).write_ipc(self._part(self._parts))
        self.rows += len(table)
        self._parts += 1

    def finish(self) -> None:
        """Join what was added, at least one row, to the file."""
        with replace_file(self.path) as temporary:
            if self.path.suffix == ".parquet":
                parts = [self._part(number) for number in range(self._parts)]
                pl.scan_ipc(parts).sink_parquet(temporary, row_group_size=ROW_GROUP)
            else:
                self._join_arrays(temporary)

    def _part(self, number: int) -> Path:
        return self._folder / f"{number}.arrow"

    def _join_arrays(self, path: Path) -> None:
        columns = list(pl.read_ipc_schema(self._part(0)))
        with zipfile.ZipFile(path, "w") as archive:
            for name in columns:
                kind = np.result_type(*(values.dtype for values in self._column(name)))
                width = next(self._column(name)).shape[1:]
                header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False,
                          "shape": (self.rows, *width)}  # fmt: skip
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array_header_1_0(member, header)
                    for values in self._column(name):
                        member.write(np.ascontiguousarray(values, dtype=kind).tobytes())

    def _column(self, name: str) -> Iterator[NDArray[np.generic]]:
        """One column's values, part by part."""
        for number in range(self._parts):
            column = pl.read_ipc(self._part(number), columns=[name])[name]
            yield np.array(column.to_list()) if column.dtype == pl.String else column.to_numpy()
