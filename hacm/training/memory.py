"""How much memory a step takes on a GPU, told beforehand.

A step is made without numbers (PyTorch's fake tensors): every tensor has its size, and none has content. What lives
at a time is added up, operation by operation: parameters, gradients, the optimiser's state, what the way back needs,
and all that is made in between. That grows with the number of sequences in a straight line, so two small steps tell
it for any number. Left out is what kernels use within themselves, what PyTorch's allocator holds beyond what it gave
out, and the CUDA context. Compiled, a step keeps less.

Suffixes: B sequences, T frames, V joints, J token joints, L tokens.
"""

import logging
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hacm.clips.ragged import Clips
from hacm.errors import UserError
from hacm.model import chunks, transformer
from hacm.model.network import HACM
from hacm.settings import TrainSettings
from hacm.skeletons.skeleton import Skeleton
from hacm.training.optimisers import pretraining_optimiser

log = logging.getLogger(__name__)

COUNTED = (8, 16)  # sequences of the two steps that are made
DEVIATIONS = 6
"""By how many standard deviations a batch may have more sequences than batches have on average."""

GIGABYTE = 1e9


@dataclass(frozen=True)
class Need:
    """Bytes of a step: those whatever the batch, and those per sequence."""

    fixed: float
    per_sequence: float

    def of(self, sequences: int) -> int:
        """Bytes of a step over so many sequences."""
        return round(self.fixed + self.per_sequence * sequences)

    def most_sequences(self, capacity: float) -> int:
        """How many sequences fit; 0 if none does."""
        return max(0, int((capacity - self.fixed) // self.per_sequence))


@dataclass(frozen=True)
class Counted:
    """Bytes of one step. kept: what the way forward leaves for the way back. peak: the most that live at a time."""

    kept: int
    peak: int


def needed(skeleton: Skeleton, settings: TrainSettings) -> Need:
    """The line through the peaks of two small steps."""
    few, more = COUNTED
    first, second = (step.peak for step in count_steps(skeleton, settings, COUNTED))
    per_sequence = (second - first) / (more - few)
    return Need(first - few * per_sequence, per_sequence)


def count_steps(skeleton: Skeleton, settings: TrainSettings, batches: tuple[int, ...]) -> list[Counted]:
    """A step over each number of sequences, in float32 or bfloat16 as the settings say."""
    with torch.random.fork_rng(devices=[]):
        model = HACM(skeleton, settings.model, settings.masking, settings.loss).train()
    with FakeTensorMode(), as_on_a_gpu(), LiveBytes() as live:
        empty(model)
        optimiser = pretraining_optimiser(model, settings.pretrain)
        # The first step makes the optimiser's state, and is not counted.
        return [count_step(model, optimiser, settings, sequences, live) for sequences in (2, *batches)][1:]


def empty(model: nn.Module) -> None:
    """Put tensors of the same size, made now, in place of a model's own."""
    for module in model.modules():
        for parameter, old in list(module.named_parameters(recurse=False)):
            setattr(module, parameter, nn.Parameter(torch.empty(old.shape), old.requires_grad))
        for buffer, held in list(module.named_buffers(recurse=False)):
            setattr(module, buffer, torch.empty(held.shape, dtype=held.dtype))


def count_step(
    model: HACM, optimiser: torch.optim.Optimizer, settings: TrainSettings, sequences: int, live: "LiveBytes"
) -> Counted:
    """One step, its gradients gone before and after."""
    live.peak = before = live.now
    kept: list[int] = []
    make_step(model, optimiser, settings, sequences, lambda: kept.append(live.now - before))
    return Counted(kept[0], live.peak)


def make_step(
    model: HACM,
    optimiser: torch.optim.Optimizer,
    settings: TrainSettings,
    sequences: int,
    half_way: Callable[[], object] = lambda: None,
) -> None:
    """One step on sequences without content. half_way: called between the way forward and the way back."""
    loss = forward(model, settings, sequences)
    half_way()
    loss.backward()
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


def forward(model: HACM, settings: TrainSettings, sequences: int) -> Tensor:
    """The loss of so many sequences without content."""
    frames, joints = settings.model.frames, model.skeleton.joints
    x_BTVC = torch.empty(sequences, frames, joints, 3)
    hierarchy_BTJ = torch.empty(sequences, frames, model.joints) if settings.needs_hierarchies else None
    noise_BL = torch.empty(sequences, model.draws)
    with torch.autocast("cpu", torch.bfloat16, enabled=settings.pretrain.precision == "bfloat16"):
        each = model.forward_each(x_BTVC, hierarchy_BTJ, noise_BL)
    return model.losses(each).loss


class LiveBytes(TorchDispatchMode):
    """Bytes of the storages that were made since it was entered and still live: `now`, and the most so far, `peak`."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        self._sizes: dict[int, int] = {}

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        found = function(*arguments, **(named or {}))
        for leaf in tree_leaves(found):
            if isinstance(leaf, Tensor):
                self._note(leaf.untyped_storage())
        return found

    def _note(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self._sizes:
            self._sizes[key] = storage.nbytes()
            self.now += storage.nbytes()
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self.now -= self._sizes.pop(key)


class FusedAttention(TorchFunctionMode):
    """Attention by the kernel for GPUs that keeps no matrix of scores, in place of the CPU's."""

    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        if function is F.scaled_dot_product_attention:
            query, key, value = arguments
            return torch.ops.aten._scaled_dot_product_efficient_attention(query, key, value, None, True)[0]
        return function(*arguments, **(named or {}))


@contextmanager
def as_on_a_gpu() -> Iterator[None]:
    """The model takes the ways that it takes on a GPU: attention fused however few the tokens, the decoder at once."""
    before = transformer.SHORT, chunks.CHUNK
    transformer.SHORT, chunks.CHUNK = 0, max(COUNTED) * 2**20
    try:
        with FusedAttention():
            yield
    finally:
        transformer.SHORT, chunks.CHUNK = before


def free_bytes(device: torch.device) -> int | None:
    """What the device has left for a step, with what PyTorch holds of it and does not use; None for a CPU."""
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def check_memory(
    skeleton: Skeleton,
    settings: TrainSettings,
    clips: Clips,
    train_index: Tensor,
    device: torch.device,
    processes: int = 1,
) -> None:
    """UserError that names the setting, if a step needs more than the device has left. On a CPU nothing is checked."""
    free = free_bytes(device)
    if free is None:
        return
    try:
        need = needed(skeleton, settings)
    except Exception as error:  # PyTorch's fake tensors differ between versions; a run must not end for them
        log.warning("whether a step fits into the GPU's memory could not be counted: %s", error)
        return
    batch = min(settings.pretrain.batch, len(train_index))
    sequences = -(-most_sequences(clips, train_index, settings, batch) // processes)
    if need.of(sequences) > free:
        raise UserError(too_large(settings, need.of(sequences), free, need.most_sequences(free) * batch // sequences))


@contextmanager
def explain_shortage(settings: TrainSettings) -> Iterator[None]:
    """Turn a GPU's memory that is used up into a one-line UserError that names the setting."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        batch, other = settings.pretrain.batch, _or_half(settings)
        raise UserError(
            f"train.pretrain.batch {batch}: the GPU's memory is used up; lower it{other}, or end what else runs there"
        ) from error


def most_sequences(clips: Clips, train_index: Tensor, settings: TrainSettings, batch: int) -> int:
    """How many sequences a batch has at most, but for a chance of one in a thousand million per batch."""
    bodies_N = clips.present_NM[train_index.cpu()].sum(1).double()
    if settings.pretrain.absent_bodies == "keep":
        return batch * clips.present_NM.shape[1]
    most = bodies_N.topk(batch).values.sum()
    likely = batch * bodies_N.mean() + DEVIATIONS * batch**0.5 * bodies_N.std(correction=0)
    return int(torch.minimum(most, likely).ceil())


def too_large(settings: TrainSettings, needed_bytes: int, free: int, clips: int) -> str:
    """One line: what does not fit, and which setting makes it fit."""
    return (
        f"train.pretrain.batch {settings.pretrain.batch}: a step needs {needed_bytes / GIGABYTE:.1f} GB of the GPU's "
        f"memory, and {free / GIGABYTE:.1f} GB are free; set it to {clips} at most{_or_half(settings)}"
    )


def _or_half(settings: TrainSettings) -> str:
    half = settings.pretrain.precision == "bfloat16"
    return "" if half else ", or train.pretrain.precision to bfloat16, which needs less"
