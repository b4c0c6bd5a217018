"""A pretraining's curves while it runs, for DVCLive and TensorBoard, whichever of them is installed (the extra `live`).

They are written outside of what DVC keeps: no dvc.yaml is touched and no experiment is made. Nothing is read back.
"""

import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hacm.training.engine import Step


class Live:
    """Writes what there is to see after each epoch into a folder, once for each program that is installed.

    Where none is installed it does nothing, and makes no folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sinks: list[DvcLive | TensorBoard] | None = None
        self._began, self._first = time.monotonic(), 0

    def log(self, step: Step, knn: float | None = None) -> None:
        """After an epoch's last step: its losses, the rate and the time left; of other steps nothing. knn: of the
        left-out subjects' clips, where it was looked at."""
        if self._sinks is None:
            self._first = step.step
            self._sinks = open_sinks(self._folder, step.epoch)
            self._began = time.monotonic()
        if step.step * step.epochs != step.epoch * step.steps:
            return
        done, seconds = step.step - self._first, time.monotonic() - self._began
        values = {
            "loss": step.loss,
            "reconstruction": step.reconstruction,
            "contrast": step.contrast,
            "lr": step.lr,
            "clips_per_second": step.clips_per_second,
        }
        if done > 0:
            values["seconds_left"] = seconds / done * (step.steps - step.step)
        if knn is not None:
            values["knn_top1"] = knn
        for sink in self._sinks:
            sink.log(step.epoch, values)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sink in self._sinks or ():
            sink.close()


class DvcLive:
    """Files that DVC's extension for VS Code and `dvc plots` read."""

    def __init__(self, folder: Path, *, resumes: bool) -> None:
        from dvclive import Live as Logger

        self._live: Any = Logger(
            str(folder), resume=resumes, report=None, save_dvc_exp=False, dvcyaml=None, monitor_system=False
        )

    def log(self, epoch: int, values: dict[str, float]) -> None:
        """The values of an epoch."""
        self._live.step = epoch
        for name, value in values.items():
            self._live.log_metric(name, value)
        self._live.make_summary()

    def close(self) -> None:
        """Bring everything onto the disk."""
        self._live.end()


class TensorBoard:
    """Events that `tensorboard --logdir` shows. epoch: the first that will come; later ones that are there are void."""

    def __init__(self, folder: Path, epoch: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder), purge_step=epoch)

    def log(self, epoch: int, values: dict[str, float]) -> None:
        """The values of an epoch."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def close(self) -> None:
        """Bring everything onto the disk."""
        self._writer.close()


def open_sinks(folder: Path, epoch: int) -> list[DvcLive | TensorBoard]:
    """What is installed. epoch: the first that will be logged; beyond 1, a run is gone on with."""
    sinks: list[DvcLive | TensorBoard] = []
    if find_spec("dvclive") is not None:
        sinks.append(DvcLive(folder / "dvclive", resumes=epoch > 1))
    if find_spec("tensorboard") is not None:
        sinks.append(TensorBoard(folder / "tensorboard", epoch))
    return sinks
