"""How many processor cores this process may use, and how its threads wait for each other.

PyTorch's OpenMP threads spin while they wait. Alone on the machine that is the fastest way; beside other work each of
them holds a core that it does not use, and a step takes ten times as long. Users' machines are never idle, so threads
sleep instead, unless the user says otherwise.
"""

import os
from collections.abc import Mapping
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
WAITING = "OMP_WAIT_POLICY"
THREADS = "OMP_NUM_THREADS"


def count_cores(surroundings: Mapping[str, str] = os.environ, cgroup: Path = CGROUP) -> int:
    """The least of what affinity, a container's quota and SLURM grant to this process; at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)  # absent on macOS
    granted = [len(affinity(0)) if affinity else os.cpu_count() or 1, _read_quota(cgroup)]
    if surroundings.get("SLURM_CPUS_PER_TASK", "").isdecimal():
        granted.append(int(surroundings["SLURM_CPUS_PER_TASK"]))
    return max(1, min(one for one in granted if one is not None))


def choose_threading() -> None:
    """Set how OpenMP's threads wait and how many there are; to be called before torch is imported.

    What the user has set stays.
    """
    os.environ.setdefault(WAITING, "PASSIVE")
    os.environ.setdefault(THREADS, str(count_cores()))


def _read_quota(cgroup: Path) -> int | None:
    """Whole cores that the control group's quota is worth, rounded up; None without a quota."""
    try:
        quota, period = (cgroup / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        try:  # version 1 of control groups
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text(encoding="ascii").strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text(encoding="ascii").strip()
        except OSError:
            return None
    if not quota.isdecimal() or not period.isdecimal() or not int(period):
        return None
    return -(-int(quota) // int(period))
