"""Pretraining (hacm.md §5, §6): the loop around the model.

Every draw is a function of (seed, step) or (seed, epoch), so a run that was killed and resumed ends with the same
weights, bit for bit on a CPU. Between two reports nothing waits for the device: losses add up there, and whether all
gradients were finite is kept there until the next look.

On several processes (distributed.py) every one makes the same steps on its share of the same batches; the first writes
and reports.

Suffixes: B sequences, L tokens.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from hacm.clips.augment import Batch, seeded, share
from hacm.clips.ragged import Clips, Rows
from hacm.errors import Interrupted, NotFinite, SettingsError, Terminated
from hacm.model.masking import draw_uniform
from hacm.model.network import HACM, Losses, PerSequence
from hacm.settings import TrainSettings
from hacm.skeletons.skeleton import Skeleton
from hacm.training.batches import Batches
from hacm.training.distributed import ALONE, GradientSum, Processes
from hacm.training.memory import check_memory, explain_shortage
from hacm.training.optimisers import pretraining_optimiser
from hacm.training.resume import State, StateFile, Termination
from hacm.training.schedules import warmup_cosine
from hacm.training.shares import Shares

REPORT_SECONDS = 0.2
COMPILER = "inductor"


@dataclass(frozen=True)
class Step:
    """How far training is. step, epoch: from 1. Losses: means over the epoch so far. lr: of this step.

    clips_per_second: since the last report.
    """

    step: int
    steps: int
    epoch: int
    epochs: int
    loss: float
    reconstruction: float
    contrast: float
    lr: float
    clips_per_second: float


@dataclass(frozen=True)
class EpochRecord:
    """Means over one epoch (from 1)."""

    epoch: int
    loss: float
    reconstruction: float
    contrast: float
    lr: float


def pretrain(
    clips: Clips,
    train_index: Tensor,
    skeleton: Skeleton,
    settings: TrainSettings,
    *,
    seed: int,
    state_dir: Path | None,
    fingerprint: str,
    device: str,
    on_step: Callable[[Step], None] | None = None,
    on_epoch: Callable[[int, HACM], None] | None = None,
    processes: Processes = ALONE,
    rows: Rows = "auto",
) -> tuple[HACM, list[EpochRecord]]:
    """Train a model on the clips `train_index` (int64, CPU); labels are not looked at.

    state_dir: where the unfinished state lies; it is taken up if its fingerprint is this one, written every
    checkpoint_epochs, at the end, and on SIGTERM or Ctrl-C, and never removed here. None: nothing is saved. on_step:
    called at most five times a second and after each epoch's last step. on_epoch: called after each epoch, with its
    number and the model, which it must leave as it is. processes: those that share the work; the first alone reads and
    writes the state and calls on_step and on_epoch. rows: where the clips' rows lie (clips.place_rows).

    SettingsError or ValueError if the clips do not fit (check_fit); UserError if a step needs more memory than the GPU
    has; NotFinite naming the first step with a gradient
    that is not finite (nothing from after it is saved); Terminated on SIGTERM and Interrupted on Ctrl-C to any
    of the processes; PeersLost if one of them has ended.
    """
    processes.check_same(fingerprint, "settings, data or code")
    run = Pretraining(clips, train_index, skeleton, settings, seed, device, processes=processes, rows=rows)
    check_memory(skeleton, settings, clips, train_index, run.device, processes.count)
    file = None if state_dir is None else StateFile(state_dir, fingerprint)
    state = processes.from_first(file.load() if file is not None and processes.first else None)
    if state is not None:
        run.restore(state)
    clock = Clock(run.step)
    with Termination(repeated=processes.count > 1) as termination:
        while run.step < run.steps:
            with explain_shortage(settings):
                run.advance()
            stop = processes.any(termination.requested or processes.deserted)
            epoch_ends = run.step % run.steps_per_epoch == 0
            if not (stop or epoch_ends or (processes.first and clock.due())):
                continue
            report = run.report(clock)
            if epoch_ends:
                run.end_epoch(report)
                if on_epoch is not None and processes.first:
                    on_epoch(report.epoch, run.model)
            saving = run.step == run.steps or (epoch_ends and report.epoch % settings.pretrain.checkpoint_epochs == 0)
            if file is not None and processes.first and (stop or saving):
                file.save(run.state())
            if on_step is not None and processes.first:
                on_step(report)
            if stop:
                interrupted = processes.any(termination.interrupted)
                processes.wait_for_all()  # so that none ends, and has the others ended, before the state is saved
                saved = "nothing is saved" if file is None else "saved; the same command resumes"
                where = f"after step {run.step} of {run.steps}, {saved}"
                if interrupted:
                    raise Interrupted(f"stopped {where}")
                raise Terminated(f"stopped {'with its launcher' if processes.deserted else 'by SIGTERM'} {where}")
    return run.finished_model(), run.records


class Clock:
    """When the next report is due, and how fast it went since the last."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.began = time.monotonic()
        self.reported = False

    def due(self) -> bool:
        """Whether REPORT_SECONDS have passed; at once for the first report."""
        return not self.reported or time.monotonic() - self.began >= REPORT_SECONDS

    def rate(self, step: int) -> float:
        """Steps a second since the last call."""
        now = time.monotonic()
        rate = (step - self.step) / max(now - self.began, 1e-9)
        self.step, self.began, self.reported = step, now, True
        return rate


class Pretraining:
    """Model, optimiser and place in the run; `advance` makes one step."""

    def __init__(
        self,
        clips: Clips,
        train_index: Tensor,
        skeleton: Skeleton,
        settings: TrainSettings,
        seed: int,
        device: str,
        *,
        processes: Processes = ALONE,
        rows: Rows = "auto",
    ) -> None:
        check_fit(clips, train_index, skeleton, settings, processes)
        self.settings = settings
        self.seed = seed
        self.device = torch.device(device)
        self.processes = processes
        self.batches = Batches(clips, train_index, settings, seed, self.device, part=processes.part, rows=rows)
        self.steps_per_epoch, self.steps = self.batches.steps_per_epoch, self.batches.steps
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seeded(seed, "weights", 0).initial_seed())
            model = HACM(skeleton, settings.model, settings.masking, settings.loss)
        self.model = model.to(device).train()
        self.trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimiser = pretraining_optimiser(self.model, settings.pretrain)
        self.sum_gradients = GradientSum(processes, self.trained)
        self.step = 0
        self.lr = 0.0
        self.lr_sum = 0.0
        self.sums = torch.zeros(3, dtype=torch.float64, device=device)
        self.bad_step = torch.zeros((), dtype=torch.int64, device=device)
        self.records: list[EpochRecord] = []
        self.average = [] if settings.pretrain.average is None else [each.detach().clone() for each in self.trained]
        # A method, not the module: the model keeps its parameters' names, compiled or not.
        self._forward_each: Callable[..., PerSequence] = self.model.forward_each
        if settings.pretrain.compile:
            self._forward_each = torch.compile(self.model.forward_each, backend=COMPILER, fullgraph=True)
        elif self.device.type == "cpu" and settings.pretrain.precision == "float32":
            self._forward_each = Shares(self.model.forward_each, self.trained)

    def advance(self) -> None:
        """One optimiser step; the device is not waited for."""
        self._set_learning_rate()
        losses = self.losses(self.batches.take(self.step))
        self.optimiser.zero_grad(set_to_none=True)
        losses.loss.backward()
        self.sum_gradients()
        self.step += 1
        self._note_gradients()
        self.optimiser.step()
        self._average_weights()
        self.sums += torch.stack([losses.loss, losses.reconstruction, losses.contrast]).detach()
        self.lr_sum += self.lr

    def losses(self, batch: Batch) -> Losses:
        """The losses of the whole batch of which `batch` is this process's part, with this step's noise."""
        noise_BL = self.noise(batch)
        if self.settings.pretrain.compile:
            for tensor in (batch.x_BTVC, batch.hierarchy_BTJ, noise_BL):
                if tensor is not None:  # absent bodies are dropped, so B varies: one program for any B
                    torch._dynamo.maybe_mark_dynamic(tensor, 0)
        half = self.settings.pretrain.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            each = self._forward_each(batch.x_BTVC, batch.hierarchy_BTJ, noise_BL)
        return self.model.losses(self.processes.whole(each, batch.total))

    def noise(self, batch: Batch) -> Tensor:
        """The noise of this step, drawn for the whole batch: this part's rows of it, (B, draws)."""
        generator = seeded(self.seed, "masking", self.step, self.device)
        noise_BL = draw_uniform(batch.total, self.model.draws, self.device, generator)
        return noise_BL[share(batch.total, *self.processes.part)]

    def _set_learning_rate(self) -> None:
        epoch, place = divmod(self.step, self.steps_per_epoch)
        pretrain = self.settings.pretrain
        self.lr = warmup_cosine(
            epoch + place / self.steps_per_epoch,
            epochs=pretrain.epochs,
            warmup_epochs=pretrain.warmup_epochs,
            lr=pretrain.lr,
            min_lr=pretrain.min_lr,
        )
        for group in self.optimiser.param_groups:
            group["lr"] = self.lr

    def _average_weights(self) -> None:
        """Move the running mean of the weights by one step; at the beginning faster, so that it forgets the start."""
        if self.settings.pretrain.average is not None:
            kept = min(self.settings.pretrain.average, self.step / (self.step + 10))
            torch._foreach_lerp_(self.average, [each.detach() for each in self.trained], 1 - kept)

    @torch.no_grad()
    def finished_model(self) -> HACM:
        """The result: with the mean of the weights where one is kept, else with the last ones."""
        if self.average:
            torch._foreach_copy_([each.detach() for each in self.trained], self.average)
        return self.model

    def _note_gradients(self) -> None:
        """Keep the number of the first step whose gradient is not finite (0: none so far)."""
        gradients = [parameter.grad for parameter in self.trained if parameter.grad is not None]
        finite = torch.nn.utils.get_total_norm(gradients).isfinite()
        self.bad_step = torch.where((self.bad_step > 0) | finite, self.bad_step, self.step)

    def report(self, clock: Clock) -> Step:
        """Figures of the epoch so far; waits for the device. NotFinite if a gradient was not finite."""
        bad_step = int(self.bad_step)
        if bad_step:
            raise NotFinite(
                f"pretraining: the gradient is not finite at step {bad_step} of {self.steps} "
                f"(epoch {(bad_step - 1) // self.steps_per_epoch + 1}); lower train.pretrain.lr or look at the clips"
            )
        epoch, place = divmod(self.step - 1, self.steps_per_epoch)
        loss, reconstruction, contrast = (self.sums / (place + 1)).tolist()
        return Step(
            step=self.step,
            steps=self.steps,
            epoch=epoch + 1,
            epochs=self.settings.pretrain.epochs,
            loss=loss,
            reconstruction=reconstruction,
            contrast=contrast,
            lr=self.lr,
            clips_per_second=clock.rate(self.step) * self.batches.size,
        )

    def end_epoch(self, last: Step) -> None:
        """Put the epoch's means on record and begin the next one's sums."""
        lr = self.lr_sum / self.steps_per_epoch
        self.records.append(EpochRecord(last.epoch, last.loss, last.reconstruction, last.contrast, lr))
        self.sums.zero_()
        self.lr_sum = 0.0

    def state(self) -> State:
        """What a resumed run needs."""
        return State(
            step=self.step,
            sums=self.sums,
            lr_sum=self.lr_sum,
            records=[asdict(record) for record in self.records],
            model=self.model.state_dict(),
            optimiser=self.optimiser.state_dict(),
            average=self.average,
        )

    def restore(self, state: State) -> None:
        """Go on from there."""
        self.model.load_state_dict(state.model)
        self.optimiser.load_state_dict(state.optimiser)
        for mine, saved in zip(self.average, state.average, strict=True):
            mine.copy_(saved)
        self.step = state.step
        self.sums.copy_(state.sums)
        self.lr_sum = state.lr_sum
        self.records = [EpochRecord(**record) for record in state.records]


def check_fit(
    clips: Clips, train_index: Tensor, skeleton: Skeleton, settings: TrainSettings, processes: Processes
) -> None:
    """SettingsError if there are too few clips for the settings, ValueError if the clips are of another kind."""
    if len(train_index) == 0:
        raise SettingsError("no clips to train on")
    batch = min(settings.pretrain.batch, len(train_index))
    if batch < processes.count:
        raise SettingsError(f"a batch of {batch} clips is too small for {processes.count} processes")
    joints = clips.joints_RVC.shape[1]
    if joints != skeleton.joints:
        raise ValueError(f"the clips have {joints} joints, the skeleton {skeleton.joints}")
    if settings.augment.stream == "bone" and clips.parents != skeleton.parents:
        raise ValueError(
            f"augment.stream bone: the clips have parents {clips.parents}, the skeleton {skeleton.parents}"
        )
    if settings.needs_hierarchies and clips.hierarchy_RJ is None:
        source = settings.masking.spatial.source
        raise ValueError(f"masking.spatial.source {source} needs the clips' precomputed hierarchies")
