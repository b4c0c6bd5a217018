"""The Makefile's set-up: which installer runs, with which torch, and what happens where it fails."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from tests.conftest import PROJECT, run

PIP = "python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ."
UV = "uv pip install --quiet --python .venv/bin/python"
NVIDIA = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def write_program(path: Path, status: int = 0) -> None:
    """A program that only writes its name and arguments down."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho "$(basename "$0") $*" >> said.txt\nexit {status}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def bare(tmp_path) -> Path:
    """What `make` needs for a set-up, with programs in place of Python's that install nothing."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(PROJECT / name, tmp_path)
    write_program(tmp_path / ".venv/bin/python")
    (tmp_path / "bin").mkdir()
    return tmp_path


def set_up(folder: Path, *options: str) -> list[str]:
    """The commands that were run."""
    path = os.pathsep.join([str(folder / "bin"), "/usr/bin", "/bin"])
    run(folder, "make", ".venv/.ready", "PYTHON=true", *options, PATH=path)
    assert (folder / ".venv/.ready").exists()
    return (folder / "said.txt").read_text().splitlines()


def test_pip_where_there_is_nothing_else(bare):
    assert set_up(bare) == [PIP]


@pytest.mark.skipif(NVIDIA, reason="this machine has a GPU")
def test_uv_where_it_is_with_the_cpu_build_of_torch(bare):
    write_program(bare / "bin/uv")
    assert set_up(bare) == [f"{UV} --torch-backend=cpu -c constraints.txt -e ."]


def test_uv_finds_the_cuda_build_where_there_is_a_gpu(bare):
    write_program(bare / "bin/uv")
    write_program(bare / "bin/nvidia-smi")
    assert set_up(bare) == [f"{UV} --torch-backend=auto -c constraints.txt -e ."]


@pytest.mark.parametrize(("option", "command"), [("TORCH=", f"{UV} -c constraints.txt -e ."), ("UV=", PIP)])
def test_the_user_chooses(bare, option, command):
    write_program(bare / "bin/uv")
    assert set_up(bare, option) == [command]


def test_pip_where_uv_cannot_reach_its_index(bare):
    write_program(bare / "bin/uv", status=1)
    assert set_up(bare)[1:] == [PIP]
