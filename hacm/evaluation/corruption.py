"""What can go wrong with a recording, done to whole clips before they are cropped and resampled.

Every corruption says its `kind` and `level` (result.Condition) and which random repetition, `draw`, it is; `apply`
gives the corrupted rows of clips that were taken out of a data set, and changes no tensor that it is given. Random
numbers are drawn on the CPU, for each clip by itself, from (seed, kind, draw, the clip's number): a clip is corrupted
the same way whatever others are beside it, on any device. The level is not among them, so that of two levels of one
draw the greater takes away what the lesser does, and more. What is absent (a body in a frame without it, all zeros) is
left as it is.

Shapes: N clips, S sequences (one per body), F frames of a clip, R rows (one per frame of a body), V joints, C
coordinates.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import torch
from torch import Tensor

from hacm.clips.augment import rotation_matrix, seeded
from hacm.clips.ragged import MAX_BODIES, Clips, send
from hacm.errors import SettingsError
from hacm.skeletons.missing_joints import fill_gaps, take_from_parents
from hacm.skeletons.skeleton import Skeleton

# What is read where a joint is missing: the origin, as in the field's occlusion protocols, or as cleaning mends it.
Missing = Literal["zeros", "parent", "interpolate", "hold"]
LONGEST_GAP = 10
Axis = Literal["x", "y", "z"]


class Corruption(Protocol):
    """One condition to evaluate under; kind, level and draw as in result.Condition."""

    @property
    def kind(self) -> str:
        """What is done to the clips, in words."""
        ...

    @property
    def level(self) -> float:
        """How much of it; the unit is the kind's."""
        ...

    @property
    def draw(self) -> int:
        """Which of several random draws it is, from 0."""
        ...

    def apply(self, clips: Clips, number_N: Tensor, seed: int) -> Tensor:
        """The corrupted rows (R, V, C), on the clips' device. number_N: each clip's number in the data set."""
        ...


@dataclass(frozen=True)
class MissingJoints:
    """A share of the joints, to the nearest whole number and at least one, is not seen.

    by_frame: others in every frame; otherwise the same throughout the clip. Either way others for each body. missing,
    longest_gap: what is read in their place (take_out).
    """

    level: float
    draw: int
    by_frame: bool
    skeleton: Skeleton
    missing: Missing = "zeros"
    longest_gap: int = LONGEST_GAP

    @property
    def kind(self) -> str:
        """Joints missing throughout a sequence, or drawn anew in each frame."""
        return "joints missing by frame" if self.by_frame else "joints missing"

    def apply(self, clips: Clips, number_N: Tensor, seed: int) -> Tensor:
        """Draw the missing joints of each body, or of each body and frame, and fill them as `missing` says."""
        joints = self.skeleton.joints
        sequences_N = clips.frames_N * clips.bodies_N if self.by_frame else torch.full_like(number_N, MAX_BODIES)
        draws = [
            torch.rand(sequences, joints, generator=generator)
            for sequences, generator in zip(sequences_N.tolist(), generators(self, number_N, seed), strict=True)
        ]
        # A joint is missing if its draw is among the clip's (or frame's) `count` smallest.
        missing_LV = torch.cat(draws).argsort(1).argsort(1) < whole(self.level, joints)
        if not self.by_frame:
            missing_LV = missing_LV[sequence_of_rows(clips)]
        return take_out(clips, send(missing_LV, clips.device), self.skeleton, self.missing, self.longest_gap)


@dataclass(frozen=True)
class MissingLimb:
    """One limb (see `find_limbs_by_branching`) is not seen at all, of neither body. level: its share of the joints."""

    limb: tuple[int, ...]
    skeleton: Skeleton
    missing: Missing = "zeros"
    longest_gap: int = LONGEST_GAP
    draw: ClassVar[int] = 0

    @property
    def kind(self) -> str:
        """The limb, by its first joint."""
        return f"limb of joint {self.limb[0]} missing"

    @property
    def level(self) -> float:
        """The limb's share of all joints."""
        return len(self.limb) / self.skeleton.joints

    def apply(self, clips: Clips, number_N: Tensor, seed: int) -> Tensor:
        """Take the limb's joints out of every frame, and fill them as `missing` says."""
        missing_V = torch.zeros(self.skeleton.joints, dtype=torch.bool)
        missing_V[list(self.limb)] = True
        missing_RV = send(missing_V, clips.device).expand(len(clips.joints_RVC), -1)
        return take_out(clips, missing_RV, self.skeleton, self.missing, self.longest_gap)


@dataclass(frozen=True)
class Noise:
    """Each coordinate of each joint in each frame is wrong by a normal error. level: its standard deviation, metres."""

    level: float
    draw: int
    kind: ClassVar[str] = "gaussian noise"

    def apply(self, clips: Clips, number_N: Tensor, seed: int) -> Tensor:
        """Add normal errors, `level` metres of standard deviation, to every coordinate of present bodies."""
        rows_N = clips.frames_N * clips.bodies_N
        shape = clips.joints_RVC.shape[1:]
        errors = [
            torch.randn(rows, *shape, generator=generator)
            for rows, generator in zip(rows_N.tolist(), generators(self, number_N, seed), strict=True)
        ]
        seen_R = (clips.joints_RVC != 0).flatten(1).any(1)
        error_RVC = send(torch.cat(errors), clips.device) * (self.level * seen_R[:, None, None])
        if clips.flat:
            error_RVC[..., 2] = 0
        return clips.joints_RVC + error_RVC


@dataclass(frozen=True)
class LostFrames:
    """A share of a clip's frames, to the nearest whole number, at least one and never all, is lost.

    The last frame that was seen stands in for them, before the first seen one that one. block: they are consecutive;
    otherwise scattered. Both bodies lose the same frames.
    """

    level: float
    draw: int
    block: bool

    @property
    def kind(self) -> str:
        """Frames lost one by one, or in one block."""
        return "block of frames lost" if self.block else "frames lost"

    def apply(self, clips: Clips, number_N: Tensor, seed: int) -> Tensor:
        """Draw the lost frames of each clip, and put others in their place."""
        rows = []
        for (offset, frames, bodies), generator in zip(
            torch.stack([clips.offset_N, clips.frames_N, clips.bodies_N], 1).tolist(),
            generators(self, number_N, seed),
            strict=True,
        ):
            source_F = last_seen(self._lost(frames, generator))
            rows += [source_F + (offset + body * frames) for body in range(bodies)]
        return clips.joints_RVC.index_select(0, send(torch.cat(rows), clips.device))

    def _lost(self, frames: int, generator: torch.Generator) -> Tensor:
        """Bool (F,)."""
        count = min(whole(self.level, frames), frames - 1)
        if not self.block:
            return torch.rand(frames, generator=generator).argsort().argsort() < count
        start = int(torch.rand((), dtype=torch.float64, generator=generator) * (frames - count + 1))
        place_F = torch.arange(frames)
        return (place_F >= start) & (place_F < start + count)


@dataclass(frozen=True)
class View:
    """Seen from elsewhere: everything turned about the vertical axis through the origin. level: degrees.

    SettingsError for clips of two dimensions, which have one view, unless they are turned about z, in their plane.
    """

    level: float
    vertical: Axis = "y"
    kind: ClassVar[str] = "view"
    draw: ClassVar[int] = 0

    def apply(self, clips: Clips, number_N: Tensor, seed: int) -> Tensor:
        """Turn every row about the vertical axis by `level` degrees."""
        self.check(clips)
        angle_C = torch.zeros(3, dtype=torch.float64)
        angle_C["xyz".index(self.vertical)] = math.radians(self.level)
        rotation_CC = send(rotation_matrix(angle_C[None])[0].float(), clips.device)
        return clips.joints_RVC @ rotation_CC.T

    def check(self, clips: Clips) -> None:
        """SettingsError for clips of two dimensions, unless they are turned about z."""
        if clips.flat and self.vertical != "z":
            raise SettingsError("clips of two dimensions have no other view: set evaluate.robustness.view to []")


def corrupt(clips: Clips, index_N: Tensor, corruption: Corruption, seed: int) -> Clips:
    """The clips `index_N` (CPU, int64), corrupted, as clips of their own; `clips` stay as they are."""
    taken = clips.take(index_N)
    taken.joints_RVC = corruption.apply(taken, index_N, seed)
    return taken


def whole(share: float, total: int) -> int:
    """The whole number nearest to that share of the total (halves up), at least one."""
    return max(1, math.floor(share * total + 0.5))


def generators(corruption: Corruption, number_N: Tensor, seed: int) -> list[torch.Generator]:
    """A generator for each clip, by its number."""
    return [seeded(seed, f"{corruption.kind} {corruption.draw}", number) for number in number_N.tolist()]


def sequence_of_rows(clips: Clips) -> Tensor:
    """For every row the number 2·clip + body of its sequence, int64 (R,), where clips lie one after another."""
    body_S = torch.cat([torch.arange(bodies) for bodies in clips.bodies_N.tolist()])
    clip_S = torch.arange(len(clips)).repeat_interleave(clips.bodies_N)
    return (MAX_BODIES * clip_S + body_S).repeat_interleave(clips.frames_N[clip_S])


def take_out(clips: Clips, missing_RV: Tensor, skeleton: Skeleton, missing: Missing, longest_gap: int) -> Tensor:
    """The rows without the missing joints, and in their place what cleaning would put there (hacm.cleaning).

    `zeros`: nothing; `parent`: the nearest seen joint towards the root; `interpolate`, `hold`: the joint's own place in
    the frames around, over gaps of at most longest_gap frames. Where there is none of these it is zeros too.
    """
    taken_RVC = clips.joints_RVC.masked_fill(missing_RV[..., None], 0)
    if missing == "zeros":
        return taken_RVC
    rows_RVC, seen_RV = taken_RVC.cpu().numpy(), ~missing_RV.cpu().numpy()
    present_R1 = (clips.joints_RVC != 0).flatten(1).any(1, keepdim=True).cpu().numpy()
    if missing == "parent":
        rows_RVC, _ = take_from_parents(rows_RVC, seen_RV, skeleton.parents)
    else:
        rows_RVC = rows_RVC.copy()
        lengths = torch.unique_consecutive(sequence_of_rows(clips), return_counts=True)[1].tolist()
        stop = 0
        for frames in lengths:
            rows = slice(stop, stop := stop + frames)
            filled_TVC, filled_TV = fill_gaps(rows_RVC[rows], seen_RV[rows] & present_R1[rows], missing, longest_gap)
            filled_TV &= present_R1[rows]
            rows_RVC[rows][filled_TV] = filled_TVC[filled_TV]
    return send(torch.from_numpy(rows_RVC), clips.device)


def last_seen(lost_F: Tensor) -> Tensor:
    """The frame that stands in for each: the last one that is not lost, before the first such frame that one."""
    place_F = torch.arange(len(lost_F))
    seen_F = torch.where(lost_F, -1, place_F).cummax(0).values
    return torch.where(seen_F < 0, (~lost_F).int().argmax(), seen_F)
