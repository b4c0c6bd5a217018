"""The batches of a pretraining run, one per step, the next one ahead where rows come from the host's memory.

Suffixes: N clips of a batch, B sequences, L tokens.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from hacm.clips.augment import Batch, sample_batch, seeded
from hacm.clips.ragged import Clips, Rows, place_rows
from hacm.settings import TrainSettings


class Batches:
    """A step's batch is a function of (seed, step) alone: wherever the rows lie, in whatever order steps are asked for.

    part: (which, of how many) contiguous shares of the sequences this process works on. rows: where the clips' rows are
    to lie (see clips.place_rows). Rows in the host's memory are gathered for the next step by a thread, and copied by a
    stream of their own, while the device computes this one.
    """

    def __init__(
        self,
        clips: Clips,
        train_index: Tensor,
        settings: TrainSettings,
        seed: int,
        device: torch.device,
        *,
        part: tuple[int, int] = (0, 1),
        rows: Rows = "auto",
    ) -> None:
        self.clips = place_rows(clips, device, rows)
        self.train_index = train_index.cpu()
        self.settings = settings
        self.seed = seed
        self.device = device
        self.part = part
        self.size = min(settings.pretrain.batch, len(train_index))
        self.steps_per_epoch = len(train_index) // self.size  # a last partial batch is left out
        self.steps = self.steps_per_epoch * settings.pretrain.epochs
        ahead = rows == "host" or self.clips.device.type != device.type
        self._ahead = Ahead(self.load, self.steps, device) if ahead else None
        self._order_of: tuple[int, Tensor] | None = None

    def take(self, step: int) -> Batch:
        """The batch of a step (from 0); the device is not waited for."""
        return self.load(step) if self._ahead is None else self._ahead.take(step)

    def load(self, step: int) -> Batch:
        """The batch of a step, gathered now."""
        epoch, place = divmod(step, self.steps_per_epoch)
        return sample_batch(
            self.clips,
            self.order(epoch)[place * self.size : (place + 1) * self.size],
            self.settings.augment,
            self.settings.model.frames,
            training=True,
            absent_bodies=self.settings.pretrain.absent_bodies,
            generator=seeded(self.seed, "augment", step),
            part=self.part,
            device=self.device,
        )

    def order(self, epoch: int) -> Tensor:
        """The epoch's clips in its own order."""
        known = self._order_of
        if known is None or known[0] != epoch:
            shuffle = torch.randperm(len(self.train_index), generator=seeded(self.seed, "order", epoch))
            known = self._order_of = (epoch, self.train_index[shuffle])
        return known[1]


class Ahead:
    """Loads the batch of the step after the one that is taken, on a thread and, with CUDA, a stream of its own."""

    def __init__(self, load: Callable[[int], Batch], steps: int, device: torch.device) -> None:
        self._load = load
        self._steps = steps
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._next: tuple[int, Future[tuple[Batch, torch.cuda.Event | None]]] | None = None

    def take(self, step: int) -> Batch:
        """The step's batch; what its loading raised is raised here."""
        if self._next is None or self._next[0] != step:
            self._next = (step, self._thread.submit(self._load_on_stream, step))
        batch, loaded = self._next[1].result()
        self._next = None
        if step + 1 < self._steps:
            self._next = (step + 1, self._thread.submit(self._load_on_stream, step + 1))
        if loaded is not None:
            current = torch.cuda.current_stream(batch.x_BTVC.device)
            current.wait_event(loaded)
            for tensor in (batch.x_BTVC, batch.hierarchy_BTJ, batch.clip_B, batch.present_B):
                if tensor is not None:
                    tensor.record_stream(current)  # its memory is not given to the other stream before it is read
        return batch

    def _load_on_stream(self, step: int) -> tuple[Batch, torch.cuda.Event | None]:
        if self._stream is None:
            return self._load(step), None
        with torch.cuda.stream(self._stream):
            return self._load(step), self._stream.record_event()
