"""Every parameter as it was used, and what each variant has otherwise."""

from collections.abc import Mapping
from typing import Any

from pipeline.report.collecting import Benchmark
from pipeline.report.formatting import setting
from pipeline.report.table_model import UNKNOWN, Cell, Column, Table, row
from pipeline.yaml_tree import flatten


def parameters_table(benchmark: Benchmark) -> Table | None:
    """The settings of the results that are drawn; None where an earlier version did not record them."""
    found = _settings(benchmark, benchmark.reference)
    rows = [
        row([Cell(key, code=True), Cell(setting(value), code=True)], synthetic=benchmark.synthetic)
        for key, value in found.items()
    ]
    columns = (Column("Parameter", numeric=False), Column("Value", numeric=False))
    caption = f"Parameters as used, {benchmark.title}, {benchmark.reference}"
    note = "As params.yaml names them: train is pretraining, evaluate each protocol. null: not set."
    return Table(caption, columns, tuple(rows), note) if rows else None


def changes_table(benchmark: Benchmark) -> Table | None:
    """Where other variants differ from the reference; None if none does."""
    ours = _settings(benchmark, benchmark.reference)
    rows = []
    for variant in benchmark.variants:
        theirs = _settings(benchmark, variant)
        for key in dict.fromkeys([*ours, *theirs]):
            if ours.get(key, UNKNOWN) != theirs.get(key, UNKNOWN):
                values = [
                    Cell(setting(found[key]), code=True) if key in found else Cell(UNKNOWN) for found in (theirs, ours)
                ]
                rows.append(row([variant, Cell(key, code=True), *values], synthetic=benchmark.synthetic))
    titles = ("Variant", "Parameter", "Its value", f"Of {benchmark.reference}")
    columns = tuple(Column(title, numeric=False) for title in titles)
    return Table(f"What each variant changes, {benchmark.title}", columns, tuple(rows)) if rows else None


def _settings(benchmark: Benchmark, variant: str) -> Mapping[str, Any]:
    """By dotted key, of the first seed."""
    trained = next(entry for entry in benchmark.pretrainings if entry.variant == variant)
    found = flatten(dict(trained.settings), "train")
    for run in (*benchmark.runs, *benchmark.left_out):
        if (run.variant, run.seed) == (variant, trained.seed):
            found |= flatten(dict(run.settings), f"evaluate.{run.protocol}")
    return found
