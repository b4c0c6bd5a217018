"""A data set of one's own, `lab`, in a folder of its own, and the stages that read and clean it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pipeline.datasets.registry
import pipeline.own
from pipeline.datasets.registry import find_own
from stages import download, ingest, normalize, split
from tests.conftest import end_of, shipped_params

LAB = """
from hacm.recordings.arrays import ArrayReader
from hacm.skeletons import Topology
from pipeline.datasets import DataSet, SplitRule

BODY = Topology("stick-3", ("hip", "left hand", "right hand"), (-1, 0, 0), (0,), 0)
DATASET = DataSet(
    name="lab", title="Lab", topology=BODY, reader=ArrayReader(BODY, fps=25),
    splits={"xsub": SplitRule("subject", frozenset({1}))}, actions=("wave", "sit"), contents="one .npz a recording",
)
"""
SECTION = """
  lab:
    source: {{verify: false}}
    ingest: {{limit: null, strict: {strict}, allow_partial: false}}
    cleaning: {{{cleaning}}}
    tree_split: xsub
"""
STAGES: tuple[tuple[Callable[[], None], str, str], ...] = (
    (download.main, "--dataset", "lab"),
    (ingest.main, "--dataset", "lab"),
    (normalize.main, "--dataset", "lab"),
    (split.main, "--benchmark", "lab-xsub"),
)


@contextmanager
def a_lab(folder: Path, monkeypatch: pytest.MonkeyPatch, reader: str = "fps=25") -> Iterator[Callable[..., None]]:
    """Be in a project's folder with that data set; it is made by make(strict, {path: arrays}, cleaning)."""
    own = folder / "own"
    own.mkdir()
    (own / "lab.py").write_text(LAB.replace("fps=25", reader))
    monkeypatch.setattr(pipeline.own, "__path__", [str(own)])
    monkeypatch.setattr(pipeline.datasets.registry, "OWN", own)
    monkeypatch.setattr(pipeline.datasets.definition, "OWN", own)
    monkeypatch.chdir(folder)
    find_own.cache_clear()

    def make(strict: bool, files: dict[str, dict[str, Any]], cleaning: str = "") -> None:
        text = shipped_params()
        section = SECTION.format(strict=str(strict).lower(), cleaning=cleaning)
        text = text.replace("\ncleaning:", f"{section.rstrip()}\n\ncleaning:", 1)
        text = text.replace("\nbenchmarks:", "\nbenchmarks:\n  lab-xsub: {train: {}, evaluate: {}} #", 1)
        Path("params.yaml").write_text(text)
        for name, arrays in files.items():
            path = Path("data/lab/raw", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, **arrays)

    yield make
    find_own.cache_clear()
    sys.modules.pop("pipeline.own.lab", None)
    vars(pipeline.own).pop("lab", None)


def run() -> str:
    """All stages; the line of the first error."""
    return next((line for main, *words in STAGES if (line := end_of(main, *words))), "")
