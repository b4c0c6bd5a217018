"""Killed runs resume where they stopped: the state on disk, and SIGTERM and Ctrl-C turned into a request."""

import io
import logging
import os
import pickle
import signal
import threading
import time
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import torch
from torch import Tensor

from hacm.files import explain_disk_errors, settle, settle_folder
from hacm.interrupts import let_next_interrupt_end

FORMAT = 1
FILE = "state.pt"

SECONDS_OF_ONE_INTERRUPT = 1.0
"""torchrun repeats the Ctrl-C that its processes got from the terminal themselves."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """All of an unfinished run that is not a function of its settings.

    step: optimiser steps done. sums: float64, losses summed over the epoch so far. lr_sum: the same of the learning
    rate. records: of each finished epoch its figures. model, optimiser: their state_dicts. average: the running mean
    of the trained weights, in the model's order; empty where none is kept.
    """

    step: int
    sums: Tensor
    lr_sum: float
    records: list[dict[str, Any]]
    model: dict[str, Any]
    optimiser: dict[str, Any]
    average: list[Tensor]


class StateFile:
    """One state in a file that is replaced as a whole and loaded without running code.

    fingerprint: a hash of all that the run depends on; the state of another run is not taken up.
    """

    def __init__(self, directory: Path, fingerprint: str) -> None:
        self.path = directory / FILE
        self.fingerprint = fingerprint

    def save(self, state: State) -> None:
        """Write under a temporary name, then rename: a kill at any moment leaves the old state or the new one."""
        content = {"format": FORMAT, "fingerprint": self.fingerprint}
        content |= {field.name: getattr(state, field.name) for field in fields(State)}
        path_temporary = self.path.with_suffix(".part")
        with explain_disk_errors(path_temporary):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with path_temporary.open("wb") as file:
                torch.save(content, file)
            settle(path_temporary)
            os.replace(path_temporary, self.path)
            settle_folder(self.path.parent)

    def load(self) -> State | None:
        """The state, on the CPU; None without one. One that is damaged or of another run is left alone, with a warning.

        OSError if the file is there and cannot be read.
        """
        content = self._read()
        if content is None:
            return None
        if isinstance(content, dict):
            content.setdefault("average", [])  # earlier versions kept none
        reason = self._misfit(content)
        if reason is not None:
            log.warning("%s: %s; starting afresh", self.path, reason)
            return None
        return State(**{field.name: content[field.name] for field in fields(State)})

    def owner(self) -> str | None:
        """The fingerprint of the run whose state is in the file; None without one that can be read."""
        content = self._read()
        return content.get("fingerprint") if isinstance(content, dict) else None

    def _read(self) -> Any:
        """What is in the file, on the CPU; None without one, or, with a warning, if it is damaged."""
        if not self.path.exists():
            return None
        data = io.BytesIO(self.path.read_bytes())
        try:
            with zipfile.ZipFile(data) as archive:  # torch does not compare the checksums that it writes
                if archive.testzip() is not None:
                    raise zipfile.BadZipFile("a checksum differs")
            data.seek(0)
            return torch.load(data, map_location="cpu", weights_only=True)
        except (zipfile.BadZipFile, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError):
            log.warning("%s: damaged; starting afresh", self.path)  # torch's own advice is to load it unsafely
            return None

    def _misfit(self, content: Any) -> str | None:
        """Why this content cannot be taken up, or None."""
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            return f"not a training state of format {FORMAT}"
        if content.get("fingerprint") != self.fingerprint:
            return "belongs to a run with other settings, data or code"
        types = {"step": int, "sums": Tensor, "lr_sum": float, "records": list, "model": dict, "optimiser": dict}
        types |= {"average": list}
        assert types.keys() == {field.name for field in fields(State)}
        wrong = [name for name, kind in types.items() if not isinstance(content.get(name), kind)]
        return f"{wrong[0]} is missing or of the wrong type" if wrong else None


class Termination:
    """While entered, SIGTERM and the first Ctrl-C only set `requested`; the former handlers are back afterwards.

    A second Ctrl-C raises KeyboardInterrupt, a third ends the process. interrupted: whether Ctrl-C was the request.
    repeated: whether a launcher may repeat a Ctrl-C, so that a second at once is still the first. Signals reach the
    main thread alone, so elsewhere nothing is changed and nothing is ever requested; nor is an ignored Ctrl-C noticed.
    """

    def __init__(self, *, repeated: bool = False) -> None:
        self.requested = self.interrupted = False
        self._seconds = SECONDS_OF_ONE_INTERRUPT if repeated else 0.0
        self._interrupted_at = 0.0
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._previous[signal.SIGTERM] = signal.signal(signal.SIGTERM, self._terminate)
            if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
                self._previous[signal.SIGINT] = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        while self._previous:
            number, handler = self._previous.popitem()
            # None: the former handler was not installed from Python and cannot be put back by it.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        self.requested = True

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.interrupted:
            self.requested = self.interrupted = True
            self._interrupted_at = now
            log.warning("stopping after this step, to save it; Ctrl-C again ends at once")
        elif now - self._interrupted_at >= self._seconds:
            let_next_interrupt_end()
            raise KeyboardInterrupt
