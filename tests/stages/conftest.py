"""Places for raw files, and for a data set of the user's."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import pipeline.own
from pipeline.datasets.registry import find_own
from pipeline.yaml_tree import editor, merge
from tests.conftest import PROJECT, shipped_params


@pytest.fixture
def place(tmp_path) -> Path:
    """An empty project: params.yaml beside the code, nothing else."""
    for name in ("hacm", "pipeline", "stages"):
        (tmp_path / name).symlink_to(PROJECT / name)
    (tmp_path / "params.yaml").write_text(shipped_params())
    return tmp_path


@pytest.fixture
def define(tmp_path, monkeypatch) -> Iterator[Callable[..., Path]]:
    """A folder to be in, whose pipeline/own holds the data set `theirs`: define(text of its file) is the folder.

    train: what its benchmark theirs-xsub says of `train`.
    """
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setattr(pipeline.own, "__path__", [str(own)])
    monkeypatch.setattr(pipeline.datasets.registry, "OWN", own)
    monkeypatch.setattr(pipeline.datasets.definition, "OWN", own)

    def define(text: str, train: dict[str, object] | None = None) -> Path:
        section = {
            "source": {"verify": False},
            "ingest": {"limit": None, "strict": True, "allow_partial": False},
            "cleaning": {},
            "tree_split": "xsub",
        }
        changes = {
            "datasets": {"theirs": section},
            "benchmarks": {"theirs-xsub": {"train": train or {}, "evaluate": {}}},
        }
        with open("params.yaml", "w") as stream:
            editor().dump(merge(editor().load(shipped_params()), changes), stream)
        (tmp_path / "data/theirs/raw").mkdir(parents=True, exist_ok=True)
        (own / "theirs.py").write_text(text)
        importlib.invalidate_caches()
        find_own.cache_clear()
        return tmp_path

    yield define
    find_own.cache_clear()
    sys.modules.pop("pipeline.own.theirs", None)
    vars(pipeline.own).pop("theirs", None)
