"""What a stage asks of the machine it runs on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Needs:
    """Of one kind of stage. memory: MB, at the first try. minutes: after which a cluster ends it. gpus: devices.

    tries: how often a job that failed on a cluster is started again, with more memory each time.
    """

    cores: int = 1
    memory: int = 2000
    minutes: int = 60
    gpus: int = 0
    tries: int = 1

    def memory_at(self, attempt: int) -> int:
        """MB at an attempt, from 1: the first, twice that, three times that …"""
        return self.memory * attempt
