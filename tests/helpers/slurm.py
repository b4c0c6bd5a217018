"""A private SLURM cluster on the loopback address, for tests; needs its daemons and root.

This machine plays two nodes: the partition `main` is one of them, `pair` is both. Memory and time limits are enforced.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd", "sbatch")
GET_IT = "needs SLURM that is not set up yet, and root: apt-get install --no-install-recommends slurm-wlm munge (Debian, Ubuntu)"
CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
ReturnToService=2
SchedulerParameters=sched_interval=1
KillWait=5
NodeName={host} NodeHostname={host} NodeAddr=127.0.0.1 Port={port_of_node} CPUs=2 Sockets=1 CoresPerSocket=2 RealMemory=64000 State=UNKNOWN
NodeName={other} NodeHostname={host} NodeAddr=127.0.0.1 Port={port_of_other} CPUs=2 Sockets=1 CoresPerSocket=2 RealMemory=64000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=pair Nodes={host},{other} MaxTime=INFINITE State=UP
SlurmdParameters=config_overrides
"""


def installed() -> bool:
    """Whether a cluster can be started here, and there is none yet."""
    free = not os.path.lexists("/etc/slurm/slurm.conf")
    return all(shutil.which(name) for name in DAEMONS) and os.geteuid() == 0 and free


@contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Start it; yields the environment that its commands need. The folder's path must be short: it holds a socket."""
    host = socket.gethostname().split(".")[0]
    other = f"{host}-other"
    for name in ("state", f"spool-{host}", f"spool-{other}"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    ports = {name: free_port() for name in ("port", "port_of_node", "port_of_other")}
    (folder / "slurm.conf").write_text(CONFIGURATION.format(folder=folder, host=host, other=other, **ports))
    environment = {"SLURM_CONF": str(folder / "slurm.conf")}
    daemons = [
        ["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge.sock",
         f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munged.log", f"--seed-file={folder}/munged.seed"],
        ["slurmctld", "-D", "-f", environment["SLURM_CONF"]],
        *(["slurmd", "-D", "-f", environment["SLURM_CONF"], "-N", node] for node in (host, other)),
    ]  # fmt: skip
    running = []
    # Snakemake's executor takes SLURM's variables out of a job's environment: in there, commands look at the usual place.
    link = Path("/etc/slurm/slurm.conf")
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(environment["SLURM_CONF"])
    try:
        for command in daemons:
            running.append(
                subprocess.Popen(
                    command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            )
            time.sleep(0.5)
        wait_until_idle(os.environ | environment)
        yield environment
    finally:
        link.unlink()
        for process in reversed(running):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until_idle(environment: dict[str, str], seconds: float = 30) -> None:
    """Until the nodes take jobs."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done = subprocess.run(
            ["sinfo", "-h", "-N", "-p", "pair", "-o", "%T"],
            env=environment, capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
        if done.stdout.split() == ["idle", "idle"]:
            return
        time.sleep(0.5)
    raise RuntimeError("the nodes do not come up; see slurmctld.log and the logs of slurmd")


def free_port() -> int:
    """A port of the loopback address that nothing listens on just now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
