"""Starts a stage as several processes: its command under torchrun and, on several nodes, under srun too.

The command in dvc.yaml stays the same; this only decides how it is started, like the number of cores.
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from hacm.errors import UserError

MODULE = "python -m "
KEPT = frozenset({"SLURM_CONF", "SLURM_JOB_ID", "SLURM_CLUSTER_NAME", "SLURM_SUBMIT_DIR"})
"""Of SLURM's environment, what a step within a job needs; the rest says how large the outer step is."""
FIRST_PORT, PORTS = 20_000, 10_000


@dataclass(frozen=True)
class Launch:
    """How many processes share a stage over all nodes, the same number on each; one per GPU if there are GPUs."""

    nodes: int = 1
    processes: int = 1

    def __post_init__(self) -> None:
        if self.nodes < 1 or self.processes < 1 or self.processes % self.nodes:
            raise UserError(
                f"{self.processes} processes on {self.nodes} nodes: each node must run the same number; "
                "change gpu (without GPUs: tasks) or nodes of --set-resources"
            )


ALONE = Launch()


def command_line(cmd: str, launch: Launch, environment: Mapping[str, str]) -> str:
    """What the shell is given to run a stage's command so.

    A rendezvous by torchrun: within one node at a free port; else at the first of the job's nodes, at a port
    that follows from the job's number. UserError where this is no job of SLURM with so many nodes.
    """
    if launch.processes == 1:
        return cmd
    if not cmd.startswith(MODULE) or set(cmd) & set("|&;\n"):
        raise UserError(f"{cmd}: only a plain `{MODULE}…` can be shared by several processes")
    stage = f"--nproc-per-node {launch.processes // launch.nodes} -m {cmd.removeprefix(MODULE)}"
    if launch.nodes == 1:
        return f"torchrun --standalone {stage}"
    hosts, job = hosts_of_job(environment), environment["SLURM_JOB_ID"]
    if len(hosts) < launch.nodes:
        raise UserError(f"{launch.nodes} nodes were requested, but SLURM's job {job} has {len(hosts)}")
    # The step that this runs in has the job's cores already: overlap. One agent per node, which starts its processes.
    step = "srun --overlap --ntasks-per-node 1 --cpu-bind none --mpi none --kill-on-bad-exit=1"
    meeting = f"--rdzv-backend c10d --rdzv-id {job} --rdzv-endpoint {hosts[0]}:{FIRST_PORT + int(job) % PORTS}"
    return f"{step} --nodes {launch.nodes} --ntasks {launch.nodes} torchrun --nnodes {launch.nodes} {meeting} {stage}"


def hosts_of_job(environment: Mapping[str, str]) -> list[str]:
    """The names of the nodes that SLURM gave to the job that this process belongs to.

    SLURM_JOB_NODELIST names them all in a job's script, but in a step only those of the step: the controller is asked.
    """
    if "SLURM_JOB_ID" not in environment:
        raise UserError("several nodes were requested, but this is not a SLURM job; use profiles/slurm, or nodes=1")
    nodes = ask("squeue", "--noheader", "--jobs", environment["SLURM_JOB_ID"], "--format", "%N")
    return ask("scontrol", "show", "hostnames", nodes).split()


def ask(*command: str) -> str:
    """What a command of SLURM says."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise UserError(f"{' '.join(command)}: {said.strip()}") from error


def surroundings(launch: Launch) -> dict[str, str]:
    """The environment for such a command."""
    if launch.nodes == 1:
        return dict(os.environ)
    return {name: value for name, value in os.environ.items() if not name.startswith("SLURM_") or name in KEPT}
