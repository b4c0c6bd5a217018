"""The engine's toy graph, run by DVC."""

import shutil
from pathlib import Path

import pytest

from pipeline.graph import content
from tests.conftest import run
from tests.pipeline.engine.conftest import make_toy


@pytest.fixture(scope="session")
def repro_toy(build_once) -> Path:
    def build(folder: Path) -> None:
        make_toy(folder)
        run(folder, "dvc", "repro")
        commit(folder, "first")

    return build_once("lineage/toy", build)


@pytest.fixture
def toy(repro_toy, tmp_path, monkeypatch) -> Path:
    """The toy graph, run, committed, and the working directory."""
    folder = Path(shutil.copytree(repro_toy, tmp_path / "toy", symlinks=True))
    monkeypatch.chdir(folder)
    content.ignored_names.cache_clear()
    return folder


def commit(folder: Path, message: str) -> str:
    """Commit everything; the commit."""
    run(folder, "git", "add", "-A")
    run(folder, "git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", message)
    return run(folder, "git", "rev-parse", "HEAD").stdout.strip()


def edit(path: str, old: str, new: str) -> None:
    """Put `new` in place of `old`, which must be there, in a file of the working directory."""
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new))
