"""A place for raw files."""

from pathlib import Path

import pytest

from tests.conftest import PROJECT, shipped_params


@pytest.fixture
def place(tmp_path) -> Path:
    """An empty project: params.yaml beside the code, nothing else."""
    for name in ("hacm", "pipeline", "stages"):
        (tmp_path / name).symlink_to(PROJECT / name)
    (tmp_path / "params.yaml").write_text(shipped_params())
    return tmp_path
