"""Crop, resample, rotate (hacm.md §6): a whole ragged batch at once, on the device of the clips.

Shapes: N clips of a batch, B sequences (one per body), T frames after resampling, V joints, J kept joints,
C = 3 coordinates (metres). What depends on few numbers per clip (crop, rotation, which rows are read) is drawn and
computed on the CPU, the same for any device, and sent; all that touches frames is one gather and one lerp, without
waiting for the device.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from hacm.clips.limbs import limbs_of, stretch
from hacm.clips.ragged import Clips, gather_rows, send
from hacm.model.targets import motion
from hacm.settings import AugmentSettings

AbsentBodies = Literal["drop", "keep"]

# A clip's draws, in this order: crop fraction, crop position, angle about x, y, z.
DRAWS = 5


def seeded(seed: int, purpose: str, number: int, device: str | torch.device = "cpu") -> torch.Generator:
    """A generator for one purpose at one step or epoch, whatever was drawn before: what makes runs resumable."""
    digest = hashlib.blake2b(f"{seed} {purpose} {number}".encode(), digest_size=8).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest, "little") >> 1)


@dataclass
class Batch:
    """Sequences, clip-major and body-minor, on one device.

    x_BTVC: float32, metres, cropped, resampled, rotated, stream applied. hierarchy_BTJ: the precomputed hierarchies at
    the same positions in time, or None. clip_B: int64, the place in index_N of each sequence's clip. present_B: bool,
    false where the body does not exist or is zero throughout its clip. total: the sequences of all parts together.
    """

    x_BTVC: Tensor
    hierarchy_BTJ: Tensor | None
    clip_B: Tensor
    present_B: Tensor
    total: int


@dataclass
class Plan:
    """What a batch is made of; everything on the CPU.

    stretch_BVV, rotation_BCC: float32, None if nothing is stretched or rotated.
    """

    resampling: "Resampling"
    stretch_BVV: Tensor | None
    rotation_BCC: Tensor | None
    clip_B: Tensor
    present_B: Tensor
    total: int


def share(total: int, part: int, parts: int) -> slice:
    """The sequences of one of `parts` contiguous parts, as equal as can be; put together they are all, in order."""
    return slice(total * part // parts, total * (part + 1) // parts)


def sample_batch(
    clips: Clips,
    index_N: Tensor,
    settings: AugmentSettings,
    model_frames: int,
    *,
    training: bool,
    absent_bodies: AbsentBodies,
    generator: torch.Generator | None = None,
    part: tuple[int, int] = (0, 1),
    device: torch.device | None = None,
) -> Batch:
    """The clips `index_N` (CPU, int64), each cropped and resampled to `model_frames` frames, as sequences of one body.

    training: random crop and rotation, drawn from the CPU `generator`, the same number of draws for every clip whatever
    becomes of its bodies; both bodies of a clip share them. Otherwise the centre crop, no rotation, no draws.
    absent_bodies: `drop` leaves them out, `keep` gives every clip two sequences, zeros where a body is absent (as
    released). part: (which, of how many) contiguous shares of the sequences; the draws are the whole batch's. device:
    where the batch is wanted, if not where the clips are. ValueError when training without a generator.
    """
    plan = plan_batch(
        clips,
        index_N,
        settings,
        model_frames,
        training=training,
        absent_bodies=absent_bodies,
        generator=generator,
        part=part,
    )
    return render(plan, clips, settings, absent_bodies, clips.device if device is None else device)


def plan_batch(
    clips: Clips,
    index_N: Tensor,
    settings: AugmentSettings,
    model_frames: int,
    *,
    training: bool,
    absent_bodies: AbsentBodies,
    generator: torch.Generator | None,
    part: tuple[int, int],
) -> Plan:
    """Draw crops and rotations and find the rows that are read; no frame is touched (see sample_batch).

    Clips of two dimensions are rotated about z alone.
    """
    frames_N = clips.frames_N[index_N]
    draws_ND = None
    if training:
        if generator is None:
            raise ValueError("training draws need a generator")
        draws_ND = torch.rand((len(index_N), DRAWS), generator=generator, dtype=torch.float64)
        start_N, length_N = random_crop(frames_N, settings, draws_ND[:, 0], draws_ND[:, 1])
    else:
        start_N, length_N = centre_crop(frames_N, settings.test_crop)

    present_NM = clips.present_NM[index_N]
    wanted_NM = present_NM if absent_bodies == "drop" else torch.ones_like(present_NM)
    wanted_L2 = wanted_NM.nonzero()
    clip_B, body_B = wanted_L2[share(len(wanted_L2), *part)].unbind(1)
    present_B = present_NM[clip_B, body_B]
    # An absent body need not have rows: it reads its clip's first body and is zeroed afterwards.
    first_B = (clips.offset_N[index_N] + start_N)[clip_B] + body_B * present_B * frames_N[clip_B]
    rotation_BCC = None
    if draws_ND is not None and settings.rotation > 0:
        angle_NC = (draws_ND[:, 2:] * 2 - 1) * settings.rotation
        if clips.flat:  # in the plane only
            angle_NC[:, :2] = 0
        rotation_BCC = rotation_matrix(angle_NC)[clip_B].float()
    stretch_BVV = None
    if training and settings.limbs > 0:
        stretch_BVV = draw_stretch(clips, len(index_N), settings.limbs, generator)[clip_B]
    resampling = Resampling(first_B, length_N[clip_B], model_frames)
    return Plan(resampling, stretch_BVV, rotation_BCC, clip_B, present_B, len(wanted_L2))


def draw_stretch(clips: Clips, count: int, largest: float, generator: torch.Generator | None) -> Tensor:
    """Maps that change the limbs of so many clips, (N, V, V). ValueError if nobody knows which joint hangs on which."""
    if clips.parents is None:
        raise ValueError("augment.limbs needs clips that say which joint hangs on which")
    limbs = limbs_of(clips.parents)
    draws_NG = torch.rand((count, limbs.groups), generator=generator, dtype=torch.float64)
    return limbs.scale(1 + (draws_NG * 2 - 1) * largest)


def render(
    plan: Plan, clips: Clips, settings: AugmentSettings, absent_bodies: AbsentBodies, device: torch.device
) -> Batch:
    """The batch that was planned, on the device; the device is not waited for."""
    x_BTVC = plan.resampling.read(clips.joints_RVC, device)
    hierarchy_BTJ = None if clips.hierarchy_RJ is None else plan.resampling.read(clips.hierarchy_RJ, device)
    present_B = send(plan.present_B, device)
    if absent_bodies == "keep":
        x_BTVC = x_BTVC * present_B[:, None, None, None]
        hierarchy_BTJ = None if hierarchy_BTJ is None else hierarchy_BTJ * present_B[:, None, None]
    if plan.stretch_BVV is not None:
        x_BTVC = stretch(x_BTVC, send(plan.stretch_BVV, device))
    if plan.rotation_BCC is not None:
        x_BTVC = rotate(x_BTVC, send(plan.rotation_BCC, device))
    if settings.stream == "motion":  # x[f] ← x[f+1] − x[f], last frame 0: the same as the target's motion (§5, §6)
        x_BTVC = motion(x_BTVC)
    elif settings.stream == "bone":
        x_BTVC = bones(x_BTVC, clips.parents)
    return Batch(x_BTVC, hierarchy_BTJ, send(plan.clip_B, device), present_B, plan.total)


def bones(x_BTVC: Tensor, parents: tuple[int, ...] | None) -> Tensor:
    """Each joint less its parent, the root 0: the field's bone stream. ValueError if the parents are not known."""
    if parents is None:
        raise ValueError("the bone stream needs clips that say which joint hangs on which")
    parent_V = torch.tensor([joint if parent < 0 else parent for joint, parent in enumerate(parents)])
    return x_BTVC - x_BTVC.index_select(2, send(parent_V, x_BTVC.device))


def random_crop(
    frames_N: Tensor, settings: AugmentSettings, fraction_N: Tensor, place_N: Tensor
) -> tuple[Tensor, Tensor]:
    """(start, length) of the field's random crop, int64 (N,), from two uniform draws in [0, 1) a clip (float64).

    p = least + fraction · (most − least); length = min(max(⌊F·p⌋, min_frames), F); start uniform in 0..F − length.
    """
    p_N = settings.crop_least + fraction_N * (settings.crop_most - settings.crop_least)
    length_N = (frames_N * p_N).floor().long().clamp(min=settings.min_frames).minimum(frames_N)
    room_N = frames_N - length_N
    start_N = (place_N * (room_N + 1)).floor().long().minimum(room_N)  # rounding may reach room + 1
    return start_N, length_N


def centre_crop(frames_N: Tensor, p: float) -> tuple[Tensor, Tensor]:
    """(start, length) of the field's centre crop, int64 (N,): bias = ⌊(1 − p)·F/2⌋, frames [bias, F − bias)."""
    bias_N = ((1 - p) * frames_N.double() / 2).floor().long()
    return bias_N, frames_N - 2 * bias_N


class Resampling:
    """Linear resampling along time with a length of its own for every sequence.

    Equal to torch.nn.functional.interpolate(mode="bilinear", align_corners=False) of rows [first, first + length) to
    `frames` frames: source position (t + ½)·length/frames − ½, clamped to the crop's ends. All
    vectors are CPU tensors, so that rows and weights are the same for any device.
    """

    def __init__(self, first_B: Tensor, length_B: Tensor, frames: int) -> None:
        self.shape = (len(first_B), frames)
        centre_T = torch.arange(frames) + 0.5
        source_BT = (centre_T * (length_B[:, None].float() / frames) - 0.5).clamp(min=0)
        last_B1 = length_B[:, None] - 1
        lower_BT = source_BT.long().minimum(last_B1)
        self.weight_I = (source_BT - lower_BT).clamp(max=1).flatten()
        self.lower_I = (first_B[:, None] + lower_BT).flatten()
        self.upper_I = (first_B[:, None] + (lower_BT + 1).minimum(last_B1)).flatten()

    def read(self, rows: Tensor, device: torch.device | None = None) -> Tensor:
        """Values (B, T, …), on the device if one is named, from per-frame rows (R, …) there or in the host's memory."""
        device = rows.device if device is None else device
        weight = send(self.weight_I, device).view(-1, *[1] * (rows.ndim - 1))
        lower, upper = (gather_rows(rows, index_I, device) for index_I in (self.lower_I, self.upper_I))
        values = torch.lerp(lower, upper, weight)
        return values.view(*self.shape, *rows.shape[1:])


def rotation_matrix(angle_NC: Tensor) -> Tensor:
    """R = Rz·Ry·Rx, (N, 3, 3), from the angles about x, y, z in radians (right-handed, applied to column vectors)."""
    sin_x, sin_y, sin_z = angle_NC.sin().unbind(-1)
    cos_x, cos_y, cos_z = angle_NC.cos().unbind(-1)
    rows = (
        (cos_z * cos_y, cos_z * sin_y * sin_x - sin_z * cos_x, cos_z * sin_y * cos_x + sin_z * sin_x),
        (sin_z * cos_y, sin_z * sin_y * sin_x + cos_z * cos_x, sin_z * sin_y * cos_x - cos_z * sin_x),
        (-sin_y, cos_y * sin_x, cos_y * cos_x),
    )
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def rotate(x_BTVC: Tensor, rotation_BCC: Tensor) -> Tensor:
    """Every joint of every frame turned by its sequence's rotation."""
    return (x_BTVC.flatten(1, 2) @ rotation_BCC.mT).view_as(x_BTVC)
