"""How many cores a process may use, and how threads wait, whatever the machine is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hacm.cores import count_cores
from tests.conftest import PROJECT

AFFINITY = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("files", "granted"),
    [
        ({}, AFFINITY),
        ({"cpu.max": "max 100000"}, AFFINITY),
        ({"cpu.max": "100000 100000"}, 1),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "150000 100000"}, min(2, AFFINITY)),
        ({"cpu.max": "nonsense"}, AFFINITY),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, AFFINITY),
        ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
    ],
)
def test_a_quota_is_as_good_as_so_many_cores(tmp_path: Path, files: dict[str, str], granted: int) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert count_cores({}, tmp_path) == granted


def test_slurm_grants_cores(tmp_path: Path) -> None:
    assert count_cores({"SLURM_CPUS_PER_TASK": "1"}, tmp_path) == 1
    assert count_cores({"SLURM_CPUS_PER_TASK": "4096"}, tmp_path) == AFFINITY
    assert count_cores({"SLURM_CPUS_PER_TASK": ""}, tmp_path) == AFFINITY


SHOW = "import {package}, os, torch; print(os.environ['OMP_WAIT_POLICY'], torch.get_num_threads())"


@pytest.mark.parametrize("package", ["stages", "benchmarks"])
@pytest.mark.parametrize(
    ("given", "found"),
    [({}, f"PASSIVE {count_cores()}"), ({"OMP_WAIT_POLICY": "ACTIVE", "OMP_NUM_THREADS": "1"}, "ACTIVE 1")],
)
def test_threads_sleep_while_they_wait_unless_the_user_says_otherwise(
    package: str, given: dict[str, str], found: str
) -> None:
    surroundings = {key: value for key, value in os.environ.items() if not key.startswith("OMP_")} | given
    command = [sys.executable, "-c", SHOW.format(package=package)]
    done = subprocess.run(command, env=surroundings, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == found
