"""The record of every published result: its figures, its origin, and its prediction for every test clip.

docs/records/BENCHMARK/records.jsonl holds a line per result, predictions.parquet a row per test clip. N test clips.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hacm.errors import UserError, name_some
from hacm.files import check_seal, replace_file, seal
from pipeline.comparison.naming import PRETRAIN, ResultKey, key_of_name
from pipeline.comparison.result_sets import METRICS, ResultSet
from pipeline.report.predictions import Hits
from pipeline.results.writing import PREDICTIONS

FOLDER = Path("docs/records")
LINES = "records.jsonl"
CLIP = ("name", "subject", "label")
"""Columns of predictions.parquet; each further one is the class that a result predicted, by number."""
ORIGIN = (
    "dataset", "synthetic", "dimensions", "data_version", "train", "bootstrap", "part", "encoder_hash", "released",
    "device", "seconds", "memory_mb", "code", "machine",
)  # fmt: skip
"""What a record says of a result beside its figures and settings, as far as its details.json does."""
UNTRAINED = "with random weights"
"""What a column of predictions is called that the same encoder with random weights made, after the result's name."""
ROUNDING = 1e-3
"""Top-1 in percent is written with four decimals."""


@dataclass
class BenchmarkRecords:
    """The records of one benchmark. facts: a result's record by its name (ResultKey). clips: a row per test clip."""

    benchmark: str
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    clips: pl.DataFrame = field(default_factory=pl.DataFrame)

    @classmethod
    def read(cls, benchmark: str, folder: Path = FOLDER) -> "BenchmarkRecords":
        """Those on disk; none where there is no such folder. UserError for a line that is not as it was written."""
        path = folder / benchmark / LINES
        if not path.exists():
            return cls(benchmark)
        facts = {}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                one = json.loads(line)
            except json.JSONDecodeError as error:
                raise UserError(f"{path}:{number}: not readable as JSON ({error}); git checkout {path}") from error
            check_seal(path, one)
            facts[one["result"]] = one
        return cls(benchmark, facts, pl.read_parquet(path.with_name(PREDICTIONS)))

    def write(self, folder: Path = FOLDER) -> None:
        """Both files, results in the order of their names."""
        lines = [json.dumps(self.facts[name], ensure_ascii=False) + "\n" for name in sorted(self.facts)]
        with replace_file(folder / self.benchmark / PREDICTIONS) as path:
            columns = sorted(set(self.clips.columns) - set(CLIP))
            self.clips.select(*CLIP, *columns).write_parquet(path, compression="zstd", compression_level=19)
        with replace_file(folder / self.benchmark / LINES) as path:
            path.write_text("".join(lines), encoding="utf-8")

    def add(self, results: ResultSet, key: ResultKey) -> None:
        """Put down a result, in place of an earlier one of that name.

        UserError for a result of code that was not committed, or of other clips than those of the records here.
        """
        details, figures = results.details(key), results.metrics(key)
        if details.get("dirty"):
            raise UserError(
                f"{key}: was computed by code that was not committed, so nobody could compute it again; commit, then"
                " HACM_AGAIN=1 dvc repro"
            )
        others = {one["data_version"] for name, one in self.facts.items() if name != str(key)}
        if others - {details["data_version"]}:
            raise UserError(
                f"{key}: is of data version {details['data_version'][:12]}, the other records of {self.benchmark} of"
                f" {name_some([one[:12] for one in others])}; delete {FOLDER / self.benchmark} to begin anew"
            )
        facts = {"result": str(key), "figures": figures, "settings": details.get("settings")}
        self.facts[str(key)] = seal(facts | {name: details[name] for name in ORIGIN if name in details})
        if key.protocol != PRETRAIN:
            self._add_predictions(key, results, figures["top1"])

    def _add_predictions(self, key: ResultKey, results: ResultSet, top1: float) -> None:
        table = self._read_predictions(key, results)
        if self.clips.is_empty():
            self.clips = table.select(CLIP)
        column = {str(key): "predicted", f"{key} {UNTRAINED}": "random_predicted"}
        self.clips = self.clips.with_columns(
            table[source].cast(pl.UInt16).alias(name) for name, source in column.items() if source in table.columns
        )
        share = 100 * float(self.hits(key).mean())
        if abs(share - top1) > ROUNDING:
            raise UserError(f"{key}: {PREDICTIONS} has {share:.4f} % of its clips right, {METRICS} {top1:.4f} %")

    def hits_of(self, key: ResultKey, results: ResultSet) -> Hits:
        """Which of the recorded clips a result of somebody's has right; UserError if it is of other clips."""
        table = self._read_predictions(key, results)
        found: Hits = (table["predicted"] == table["label"]).to_numpy()
        return found

    def _read_predictions(self, key: ResultKey, results: ResultSet) -> pl.DataFrame:
        table = pl.read_parquet(results.table(key, PREDICTIONS)).sort("name")
        if not self.clips.is_empty() and not table.select(CLIP).equals(self.clips.select(CLIP)):
            raise UserError(f"{key}: was not measured on the test clips of the other records of {self.benchmark}")
        return table

    @property
    def keys(self) -> list[ResultKey]:
        """Every result that is recorded."""
        return [key_of_name(name) for name in self.facts]

    def figures(self, key: ResultKey) -> dict[str, Any]:
        """The flat figures of a result."""
        return dict(self.facts[str(key)]["figures"])

    def hits(self, key: ResultKey, *, untrained: bool = False) -> Hits:
        """Which clips a result has right, or the same encoder with random weights."""
        column = self.clips[f"{key} {UNTRAINED}" if untrained else str(key)]
        found: Hits = (column == self.clips["label"]).to_numpy()
        return found

    def has_untrained(self, key: ResultKey) -> bool:
        """Whether the same encoder with random weights was evaluated beside a result."""
        return f"{key} {UNTRAINED}" in self.clips.columns

    @property
    def subject_N(self) -> NDArray[np.int64]:
        """Who performs each clip."""
        return self.clips["subject"].cast(pl.Int64).to_numpy()


def add_results(results: ResultSet) -> list[str]:
    """Put down every result of a set in its benchmark's records; the names of those."""
    for benchmark, keys in _by_benchmark(results.keys):
        records = BenchmarkRecords.read(benchmark)
        for key in keys:
            records.add(results, key)
        records.write()
    return [str(key) for key in results.keys]


def _by_benchmark(keys: Sequence[ResultKey]) -> Iterator[tuple[str, list[ResultKey]]]:
    for benchmark in dict.fromkeys(key.benchmark for key in keys):
        yield benchmark, [key for key in keys if key.benchmark == benchmark]


def read_all() -> dict[str, BenchmarkRecords]:
    """The records of every benchmark that has some, by its name."""
    names = sorted(path.parent.name for path in FOLDER.glob(f"*/{LINES}"))
    return {name: BenchmarkRecords.read(name) for name in names}
