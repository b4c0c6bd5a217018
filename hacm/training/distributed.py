"""One run on several processes, one per device, as torchrun starts them: same batch, same draws, same loss as on one.

Every process draws the whole batch and works on its own share of the sequences. What the model says of a sequence
depends on that sequence alone (network.PerSequence), so the forward passes are gathered, every process computes the
losses of the whole batch from them, and the gradients of the processes add up to the gradient of one process.

That is why this is not torch's DistributedDataParallel: it averages over processes' own losses, while the contrast term
compares every sequence with every other and shares differ in size; it minds parameters without gradients; and it
rearranges its buffers after the first step, so that a resumed run would add in another order.

Two groups of connections: `device` (NCCL between GPUs, else gloo) for tensors of the step, `host` (gloo) for what the
processes agree on without any device being waited for.

Suffixes: B sequences, n numbers per sequence.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from hacm.clips.augment import share
from hacm.errors import UserError
from hacm.model.network import PerSequence

T = TypeVar("T")
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


class PeersLost(Exception):
    """Another process of the run has ended or does not answer; its own message says why."""


@contextmanager
def _reaching_peers() -> Iterator[None]:
    """What torch raises when another process is gone or silent becomes PeersLost."""
    try:
        yield
    except RuntimeError as error:  # DistBackendError and DistNetworkError are RuntimeErrors
        raise PeersLost(f"another process of this run has ended or does not answer ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    """The first sentence; what follows is advice to programmers."""
    return str(error).strip().split(". ")[0].split("\n")[0] or type(error).__name__


@dataclass
class Processes:
    """The processes of a run, as one of them sees them. With a count of 1 every method is the identity.

    rank: this process's number, from 0. parent: the process that started this one; without it the run ends.
    """

    rank: int = 0
    count: int = 1
    device: Any = None
    host: Any = None
    parent: int = field(default_factory=os.getppid)

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks for all."""
        return self.rank == 0

    @property
    def part(self) -> tuple[int, int]:
        """This process's part of a batch: (which, of how many)."""
        return self.rank, self.count

    @property
    def deserted(self) -> bool:
        """Whether the launcher is gone: left alone, a process would train on beside the run that replaces it."""
        return self.count > 1 and os.getppid() != self.parent

    def whole(self, each: PerSequence, total: int) -> PerSequence:
        """The whole batch's each from each process's own. Gradients reach this process's sequences.

        total: how many sequences all processes have together. Mask, prediction and target stay this process's own.
        """
        if self.count == 1:
            return each
        means = () if each.means is None else each.means
        chances = () if each.log_probability_B is None else (each.log_probability_B,)
        error_BSJ, weight_BSJ, *rest = self._gather((each.error_BSJ, each.weight_BSJ, *means, *chances), total)
        f_t, f_s, f = rest[:3] if means else (None, None, None)
        return PerSequence(
            mask_BSJ=each.mask_BSJ,
            error_BSJ=error_BSJ,
            weight_BSJ=weight_BSJ,
            means=None if f_t is None or f_s is None or f is None else (f_t, f_s, f),
            log_probability_B=rest[-1] if chances else None,
            prediction_BSJP=each.prediction_BSJP,
            target_BSJP=each.target_BSJP,
        )

    def _gather(self, rows: Sequence[Tensor], total: int) -> list[Tensor]:
        """Each tensor's rows (sequences) of all processes, in order, sent as one float32 tensor."""
        flat_Bn = torch.cat([tensor.reshape(len(tensor), -1).float() for tensor in rows], dim=1)
        all_Bn: Tensor = _Gather.apply(flat_Bn, total, self)  # type: ignore[no-untyped-call]
        parts = all_Bn.split([tensor[0].numel() for tensor in rows], dim=1)
        return [
            part.reshape(total, *tensor.shape[1:]).to(tensor.dtype) for part, tensor in zip(parts, rows, strict=True)
        ]

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process; all get the same answer. No device is waited for."""
        if self.count == 1:
            return flag
        flags = torch.tensor([int(flag)])
        with _reaching_peers():
            dist.all_reduce(flags, dist.ReduceOp.MAX, group=self.host)
        return bool(flags)

    def from_first(self, value: T) -> T:
        """What the first process has; the others' own values are not looked at."""
        if self.count == 1:
            return value
        box = [value]
        with _reaching_peers():
            dist.broadcast_object_list(box, src=0, group=self.host)
        return box[0]

    def check_same(self, value: str, what: str) -> None:
        """UserError in every process, naming the first that has another value than process 0."""
        if self.count == 1:
            return
        values: list[str] = [""] * self.count
        with _reaching_peers():
            dist.all_gather_object(values, value, group=self.host)
        for rank, other in enumerate(values):
            if other != values[0]:
                raise UserError(f"process {rank} of {self.count} has other {what} than process 0")

    def wait_for_all(self) -> None:
        """Return when every process is here."""
        if self.count > 1:
            with _reaching_peers():
                dist.barrier(group=self.host)


ALONE = Processes()


class _Gather(torch.autograd.Function):
    """All processes' rows. Every process computes the same loss from them, so the way back is its own rows' share."""

    @staticmethod
    def forward(ctx: Any, flat_Bn: Tensor, total: int, processes: Processes) -> Tensor:
        shares = [share(total, rank, processes.count) for rank in range(processes.count)]
        sizes = [each.stop - each.start for each in shares]
        assert len(flat_Bn) == sizes[processes.rank]
        ctx.own = shares[processes.rank]
        padded_Bn = flat_Bn.new_zeros(max(sizes), flat_Bn.shape[1])
        padded_Bn[: len(flat_Bn)] = flat_Bn
        gathered = [torch.empty_like(padded_Bn) for _ in sizes]
        with _reaching_peers():
            dist.all_gather(gathered, padded_Bn, group=processes.device)
        return torch.cat([each[:size] for each, size in zip(gathered, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradient_Bn: Tensor) -> tuple[Tensor, None, None]:
        return gradient_Bn[0][ctx.own], None, None


class GradientSum:
    """Adds up the processes' gradients after each backward pass, in one message, in the parameters' order.

    A parameter that has no gradient in any process keeps none, as on one process. Which have one is agreed on at the
    first step and must stay so.
    """

    def __init__(self, processes: Processes, parameters: Sequence[nn.Parameter]) -> None:
        self.processes = processes
        self.parameters = parameters
        self._shared: list[nn.Parameter] | None = None

    def __call__(self) -> None:
        """Replace every parameter's gradient by the sum over processes."""
        if self.processes.count == 1:
            return
        shared = self._agreed()
        for parameter in shared:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        flat = torch.cat([parameter.grad.flatten() for parameter in shared if parameter.grad is not None])
        with _reaching_peers():
            dist.all_reduce(flat, group=self.processes.device)
        for parameter, part in zip(shared, flat.split([each.numel() for each in shared]), strict=True):
            parameter.grad = part.view_as(parameter)

    def _agreed(self) -> list[nn.Parameter]:
        if self._shared is None:
            has = torch.tensor([int(each.grad is not None) for each in self.parameters])
            with _reaching_peers():
                dist.all_reduce(has, dist.ReduceOp.MAX, group=self.processes.host)
            self._shared = [each for each, wanted in zip(self.parameters, has.tolist(), strict=True) if wanted]
        shared = {id(each) for each in self._shared}
        late = sum(each.grad is not None and id(each) not in shared for each in self.parameters)
        if late:
            raise ValueError(f"{late} parameters have gradients now and had none at the first step; they would differ")
        return self._shared


def device_of(device: str) -> str:
    """The device of this process: under torchrun a CUDA device of its own. UserError if there are too few."""
    if not launched() or device != "cuda":
        return device
    number, there = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if number >= there:
        raise UserError(f"process {number} of this machine has no CUDA device of its own: there are {there}")
    return f"cuda:{number}"


def launched() -> bool:
    """Whether this is one of several processes. UserError if only part of torchrun's environment is there."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return False
    missing = [name for name in VARIABLES if name not in os.environ]
    if missing:
        raise UserError(f"WORLD_SIZE is set, but {', '.join(missing)} is not; start the run with torchrun")
    return True


@contextmanager
def join(device: str, timeout: float) -> Iterator[Processes]:
    """The processes of this run: those of torchrun's environment, or this one alone.

    timeout: seconds after which a process that does not answer is given up, PeersLost.
    """
    if not launched():
        yield ALONE
        return
    patience = timedelta(seconds=timeout)
    cuda = device.startswith("cuda")
    if cuda:
        torch.cuda.set_device(device)
    with _reaching_peers():
        dist.init_process_group(
            "nccl" if cuda else "gloo", timeout=patience, device_id=torch.device(device) if cuda else None
        )
        host = dist.new_group(backend="gloo", timeout=patience)
    yield Processes(dist.get_rank(), dist.get_world_size(), dist.group.WORLD, host)
    dist.destroy_process_group()  # only after a good end: others may be gone, and waiting for them would be in vain
