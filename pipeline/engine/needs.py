"""What a stage needs from the machine that it runs on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Needs:
    """Of one kind of stage. memory: MB, at the first try. minutes: after which a cluster ends it. gpus: devices.

    tries: how often a job that failed on a cluster is started again, with more memory and time each time. nodes: on
    how many machines; cores, memory and minutes are those of one. shared: whether several processes may share it, as
    torchrun starts them.
    """

    cores: int = 1
    memory: int = 2000
    minutes: int = 60
    gpus: int = 0
    tries: int = 1
    nodes: int = 1
    shared: bool = False


@dataclass(frozen=True)
class Most:
    """What a cluster grants to one job; no try asks for more. memory: MB of a node. minutes: of the partition."""

    memory: int = 256_000
    minutes: int = 2880

    def memory_of(self, needs: Needs, attempt: int) -> int:
        """MB at an attempt, from 1: the first, twice that, three times that …"""
        return min(needs.memory * attempt, self.memory)

    def minutes_of(self, needs: Needs, attempt: int) -> int:
        """Minutes at an attempt, likewise."""
        return min(needs.minutes * attempt, self.minutes)
