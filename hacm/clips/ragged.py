"""A whole data set in memory: all frames of all clips in one flat tensor, without padding (hacm.md, notation).

Shapes: N clips, M = 2 bodies, R rows (one per frame of a body), V joints, J kept joints, C = 3 coordinates (metres).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

MAX_BODIES = 2
ROWS_AT_ONCE = 1 << 18  # bounds the memory of looking at all rows: 20 MB for 25 joints

# Where the per-row tensors lie: on the device, in the host's memory, or on the device if they fit there.
Rows = Literal["auto", "device", "host"]
ROWS_SHARE = 0.5  # of the device's free memory: the rest is the model's


@dataclass
class Clips:
    """Clips one after another; inside a clip body after body; inside a body frame after frame.

    The row of (clip, body, frame) is offset_N[clip] + body · frames_N[clip] + frame.

    joints_RVC: float32, metres; zeros where a body is missing. hierarchy_RJ: float32, the per-frame joint hierarchies
    of the kept joints (hacm.md §3, precomputed), same rows; None where no one needs them. offset_N, frames_N,
    bodies_N, label_N: int64. parents: the skeleton's (Skeleton.parents), for who needs bones; None where no one does.
    flat: the clips are of two dimensions; every z is 0, and stays so.

    The per-row tensors may lie on any device. The per-clip vectors stay on the CPU: which rows a batch reads is
    decided there, so that no step waits for the device. Index vectors into clips are CPU tensors for the same reason.

    ValueError if shapes do not fit one another, rows are missing or a clip has no body that is present.
    """

    joints_RVC: Tensor
    hierarchy_RJ: Tensor | None
    offset_N: Tensor
    frames_N: Tensor
    bodies_N: Tensor
    label_N: Tensor
    parents: tuple[int, ...] | None = None
    flat: bool = False

    def __post_init__(self) -> None:
        rows = len(self.joints_RVC)
        if self.joints_RVC.ndim != 3 or self.joints_RVC.shape[2] != 3 or self.joints_RVC.dtype != torch.float32:
            raise ValueError(f"joints must be float32 (rows, joints, 3), not {describe(self.joints_RVC)}")
        if self.hierarchy_RJ is not None and (self.hierarchy_RJ.ndim != 2 or len(self.hierarchy_RJ) != rows):
            raise ValueError(f"hierarchies must be ({rows}, joints), not {describe(self.hierarchy_RJ)}")
        if self.parents is not None and len(self.parents) != self.joints_RVC.shape[1]:
            raise ValueError(f"{len(self.parents)} parents do not fit {self.joints_RVC.shape[1]} joints")
        for name in ("offset_N", "frames_N", "bodies_N", "label_N"):
            vector_N = getattr(self, name)
            if vector_N.shape != self.offset_N.shape or vector_N.ndim != 1 or vector_N.dtype != torch.int64:
                raise ValueError(f"{name} must be int64 ({len(self.offset_N)},), not {describe(vector_N)}")
            setattr(self, name, vector_N.cpu())
        if len(self) == 0:
            return
        if not bool(((self.bodies_N >= 1) & (self.bodies_N <= MAX_BODIES) & (self.frames_N >= 1)).all()):
            raise ValueError(f"every clip needs at least one frame and one to {MAX_BODIES} bodies")
        end_N = self.offset_N + self.bodies_N * self.frames_N
        if int(self.offset_N.min()) < 0 or int(end_N.max()) > rows:
            raise ValueError(f"a clip lies outside the {rows} rows")

    def __len__(self) -> int:
        return len(self.offset_N)

    @property
    def device(self) -> torch.device:
        """Where the joints lie."""
        return self.joints_RVC.device

    @cached_property
    def present_NM(self) -> Tensor:
        """Bool (N, 2), CPU: the body exists and is not zero throughout the clip. Computed once.

        ValueError naming the first clip without any body that is present: nothing can be learnt from it.
        """
        parts = self.joints_RVC.split(ROWS_AT_ONCE)
        moving_R = torch.cat([(part != 0).flatten(1).any(1) for part in parts]).cpu()
        count_R = torch.cat([torch.zeros(1, dtype=torch.int64), moving_R.cumsum(0)])
        body_M = torch.arange(MAX_BODIES)
        exists_NM = body_M < self.bodies_N[:, None]
        first_NM = self.offset_N[:, None] + body_M * self.frames_N[:, None] * exists_NM
        present_NM = exists_NM & (count_R[first_NM + self.frames_N[:, None]] > count_R[first_NM])
        empty_N = (~present_NM.any(1)).nonzero()
        if len(empty_N):
            raise ValueError(f"clip {int(empty_N[0])} is zero throughout: exclude it ({len(empty_N)} such clips)")
        return present_NM

    def to(self, device: str | torch.device) -> "Clips":
        """The same clips with the per-row tensors on that device."""
        hierarchy_RJ = None if self.hierarchy_RJ is None else self.hierarchy_RJ.to(device)
        moved = replace(self, joints_RVC=self.joints_RVC.to(device), hierarchy_RJ=hierarchy_RJ)
        if "present_NM" in self.__dict__:
            moved.__dict__["present_NM"] = self.present_NM
        return moved

    def take(self, index_N: Tensor) -> "Clips":
        """The clips `index_N` (CPU, int64) as clips of their own, in that order: rows are copied, none is shared.

        Which bodies are present is what it was here, whatever becomes of the copied rows. Hierarchies are left out.
        """
        rows_N = self.frames_N[index_N] * self.bodies_N[index_N]
        offset_N = rows_N.cumsum(0) - rows_N
        row_R = torch.arange(int(rows_N.sum())) + (self.offset_N[index_N] - offset_N).repeat_interleave(rows_N)
        taken = Clips(
            joints_RVC=gather_rows(self.joints_RVC, row_R, self.device),
            hierarchy_RJ=None,
            offset_N=offset_N,
            frames_N=self.frames_N[index_N],
            bodies_N=self.bodies_N[index_N],
            label_N=self.label_N[index_N],
            parents=self.parents,
            flat=self.flat,
        )
        taken.__dict__["present_NM"] = self.present_NM[index_N]
        return taken

    @property
    def row_bytes(self) -> int:
        """How much memory the per-row tensors take."""
        return self.joints_RVC.nbytes + (0 if self.hierarchy_RJ is None else self.hierarchy_RJ.nbytes)


def place_rows(clips: Clips, device: str | torch.device, rows: Rows = "auto") -> Clips:
    """The clips with their per-row tensors where they are wanted; `host` leaves them where they are.

    Host memory includes what is mapped from a file. Which batches come of it does not depend on the place.
    """
    device = torch.device(device)
    if rows == "host" or clips.device.type == device.type:
        return clips
    if rows == "auto" and device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if clips.row_bytes > ROWS_SHARE * free:
            return clips
    return clips.to(device)


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """A CPU tensor on the device, without waiting for it: a copy from ordinary memory would wait for the device."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def gather_rows(rows: Tensor, index_I: Tensor, device: torch.device) -> Tensor:
    """The rows at the places index_I (CPU), on the device, whether `rows` lie there or in the host's memory."""
    if rows.device.type == device.type:
        return rows.index_select(0, send(index_I, rows.device))
    picked = torch.empty((len(index_I), *rows.shape[1:]), dtype=rows.dtype, pin_memory=device.type == "cuda")
    torch.index_select(rows, 0, index_I, out=picked)
    return picked.to(device, non_blocking=True)


def pack_clips(
    joints: Sequence[Tensor],
    labels: Sequence[int],
    hierarchies: Sequence[Tensor] | None = None,
    parents: tuple[int, ...] | None = None,
) -> Clips:
    """Clips from one tensor per clip: joints (M, T, V, 3) metres and, where wanted, hierarchies (M, T, J)."""
    frames_N = torch.tensor([clip.shape[1] for clip in joints], dtype=torch.int64)
    bodies_N = torch.tensor([clip.shape[0] for clip in joints], dtype=torch.int64)
    rows_N = frames_N * bodies_N
    return Clips(
        joints_RVC=torch.cat([clip.flatten(0, 1) for clip in joints]).float(),
        hierarchy_RJ=None if hierarchies is None else torch.cat([clip.flatten(0, 1) for clip in hierarchies]).float(),
        offset_N=rows_N.cumsum(0) - rows_N,
        frames_N=frames_N,
        bodies_N=bodies_N,
        label_N=torch.tensor(list(labels), dtype=torch.int64),
        parents=parents,
    )


def describe(tensor: Tensor) -> str:
    """Type and shape for a message."""
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
