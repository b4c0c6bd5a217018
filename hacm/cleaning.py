"""Recordings → clips: the field's standard cleaning (data.md §1), behind all published NTU RGB+D numbers, or none.

Its order and its ties matter: a step is one short function, and `denoise` and `clean` say in which order they run.
Tracks are numbered from 0 in order of first appearance; notes refer to them so. To the standard cleaning a body with a
joint that was not seen is absent; without it, the other joints stay, and a setting says what becomes of that one.

Shape suffixes: M tracks of a recording or bodies of a clip, T frames, F frames of one track, V joints, C coordinates.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording, SettingsError
from hacm.recordings import Clip, Recording
from hacm.recordings.notes import Kind, Note
from hacm.skeletons.missing_joints import fill_gaps, order_by_distance, take_from_parents
from hacm.skeletons.topology import Topology

# A clip has at most this many bodies: no action of the data sets has more people.
MOST_BODIES = 2


@dataclass(frozen=True)
class CleaningSettings:
    """What is done to a recording before it becomes a clip (data.md §1; the defaults are the field's).

    strategy: `standard` finds the one or two people among the tracks; `none` takes the first two tracks as they are,
    every frame kept, zeros where a body is absent. ghost_frames: tracks of at most so many frames go. noisy_spread: a
    frame is noisy where its x extent is over so many times its y extent. noisy_share: tracks with at least this share
    of noisy frames go. translate: `first_frame` moves the origin to body 0's centring joint in its first frame.
    max_frames: what follows is cut off. single_body: what a one-body clip has as second body: nothing (`zeros`: the
    clip keeps one body) or, as the code released for NTU-120 has it, a copy of the first (`copy`). missing: under
    `none`, what becomes of a joint that was not seen: a place on the line between the frames before and after
    (`interpolate`) or the place in the frame before (`hold`), over gaps of at most longest_gap frames; the place of the
    nearest seen joint towards the root (`parent`); or zero, as absent bodies have it (`leave`, and whatever cannot be
    filled).
    """

    strategy: Literal["standard", "none"] = "standard"
    ghost_frames: int = 11
    noisy_spread: float = 0.8
    noisy_share: float = 0.69754
    translate: Literal["first_frame", "none"] = "first_frame"
    max_frames: int = 300
    single_body: Literal["zeros", "copy"] = "zeros"
    missing: Literal["interpolate", "hold", "parent", "leave"] = "interpolate"
    longest_gap: int = 10
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        for name, allowed in (
            ("strategy", ("standard", "none")),
            ("translate", ("first_frame", "none")),
            ("single_body", ("zeros", "copy")),
            ("missing", ("interpolate", "hold", "parent", "leave")),
        ):
            if getattr(self, name) not in allowed:
                raise SettingsError(f"{name} {getattr(self, name)!r} must be one of {', '.join(allowed)}")
        if self.ghost_frames < 0 or self.max_frames < 1:
            raise SettingsError("ghost_frames must be at least 0 and max_frames at least 1")
        if self.longest_gap < 1:
            raise SettingsError("longest_gap must be at least 1; missing: leave fills none")
        if not self.noisy_spread > 0 or not 0 < self.noisy_share <= 1:
            raise SettingsError("noisy_spread must be positive and noisy_share lie in (0, 1]")


@dataclass(frozen=True, eq=False)
class Track:
    """One body id: its joints frame after frame without gaps, and the clip's frame in which it starts.

    motion: m², the variance of x, y and z over all its joints and frames, summed; at most most_motion.
    """

    number: int
    start: int
    joints_FVC: NDArray[np.float32]
    most_motion: float = math.inf

    @cached_property
    def motion(self) -> float:
        """In m²: the variance of x, y and z over all its joints and frames, summed; at most `most_motion`."""
        return min(_motion(self.joints_FVC), self.most_motion)

    @property
    def frames(self) -> int:
        """F, how many frames it has."""
        return len(self.joints_FVC)

    @property
    def end(self) -> int:
        """Its last frame, inclusive."""
        return self.start + self.frames - 1


def clean(recording: Recording, settings: CleaningSettings) -> Clip:
    """Recording → Clip: one or two bodies, all values finite, every decision in its notes.

    BadRecording if nothing is left, or if coordinates are too large for float32 arithmetic.
    """
    clip, seen = _separate(recording, settings)
    bodies_MTVC = clip.bodies_MTVC
    notes = list(clip.notes)
    known = seen
    if seen.ndim == 3:
        bodies_MTVC, known = _fill_missing(bodies_MTVC, seen, clip.topology, settings, notes)
    if settings.translate == "first_frame":
        origin_C = _find_origin(clip.bodies_MTVC[0], seen[0], clip.topology, notes)
        bodies_MTVC = _translate(bodies_MTVC, known, origin_C)
    frames = bodies_MTVC.shape[1]
    if frames > settings.max_frames:
        bodies_MTVC = bodies_MTVC[:, : settings.max_frames]
        notes.append(Note(Kind.TRUNCATED, frames=frames, limit=settings.max_frames))
    if not bodies_MTVC.any():
        raise BadRecording(Note(Kind.ZERO_AFTER_CUT))
    if len(bodies_MTVC) == 1 and settings.single_body == "copy":
        bodies_MTVC = np.concatenate([bodies_MTVC, bodies_MTVC])
        notes.append(Note(Kind.BODY_COPIED, body=0, target=1))
    return replace(clip, bodies_MTVC=np.ascontiguousarray(bodies_MTVC), notes=tuple(notes))


def denoise(recording: Recording, settings: CleaningSettings) -> Clip:
    """Steps 1 to 3 alone: the bodies found, where the camera saw them (not translated, not truncated).

    BadRecording if nothing is left.
    """
    return _separate(recording, settings)[0]


def _separate(recording: Recording, settings: CleaningSettings) -> tuple[Clip, NDArray[np.bool_]]:
    """The clip of `denoise`, and in which frames each of its bodies is present (M, T).

    Where joints of a present body were not seen it is instead where each of its joints was (M, T, V).
    """
    joints = len(recording.topology.joints)
    if recording.bodies_MTVC.ndim != 4 or recording.bodies_MTVC.shape[2:] != (joints, 3):
        shape = recording.bodies_MTVC.shape
        raise BadRecording(f"bodies of shape {shape} do not fit topology {recording.topology.name} of {joints} joints")
    notes = list(recording.notes)
    if settings.strategy == "none":
        bodies_MTVC, seen = _take_as_they_are(recording.bodies_MTVC, notes)
    else:
        bodies_MTVC = _find_bodies(_drop_empty_frames(recording.bodies_MTVC, notes), settings, notes)
        seen = _present_by_sum(bodies_MTVC, notes)
    if not bodies_MTVC[0].any():
        raise BadRecording(Note(Kind.FIRST_BODY_ZERO))
    return Clip(recording.identity, recording.fps, recording.topology, bodies_MTVC, tuple(notes)), seen


def _present(bodies_MTVC: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(M, T): where a track was seen with all its joints."""
    return cast("NDArray[np.bool_]", np.isfinite(bodies_MTVC).all(axis=(2, 3)))


def _seen(bodies_MTVC: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(M, T, V): where a joint was seen."""
    return cast("NDArray[np.bool_]", np.isfinite(bodies_MTVC).all(axis=3))


def _present_by_sum(bodies_MTVC: NDArray[np.float32], notes: list[Note]) -> NDArray[np.bool_]:
    """(M, T): where step 4 of the standard cleaning takes a body to be; what it takes for absent is noted.

    Of a clip of two bodies, a body whose coordinates add up to 0 is missing. A clip of one has no frame without it.
    """
    if len(bodies_MTVC) < MOST_BODIES:
        return np.ones(bodies_MTVC.shape[:2], dtype=bool)
    present_MT: NDArray[np.bool_] = bodies_MTVC.sum(axis=(2, 3), dtype=np.float64) != 0
    seen = int(np.count_nonzero(bodies_MTVC.any(axis=(2, 3)) & ~present_MT))
    if seen:
        notes.append(Note(Kind.SUM_ZERO, count=seen))
    return present_MT


def _take_as_they_are(
    bodies_MTVC: NDArray[np.float32], notes: list[Note]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Strategy `none`: the first two tracks that were seen at all, zeros where they were not; and where they were.

    (M, T), or (M, T, V) if a joint of a body that was seen was not.
    """
    seen_MTV = _seen(bodies_MTVC)
    tracks = np.flatnonzero(seen_MTV.any(axis=(1, 2)))
    if len(tracks) == 0:
        raise BadRecording(Note(Kind.NO_BODY))
    notes.extend(Note(Kind.TRACK_BEYOND_TWO, track=int(number)) for number in tracks[MOST_BODIES:])
    seen_MTV = seen_MTV[tracks[:MOST_BODIES]]
    taken_MTVC = np.where(seen_MTV[..., np.newaxis], bodies_MTVC[tracks[:MOST_BODIES]], np.float32(0))
    present_MT = np.asarray(seen_MTV.any(axis=2))
    return taken_MTVC, present_MT if seen_MTV[present_MT].all() else seen_MTV


def _fill_missing(
    bodies_MTVC: NDArray[np.float32],
    seen_MTV: NDArray[np.bool_],
    topology: Topology,
    settings: CleaningSettings,
    notes: list[Note],
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The bodies with their missing joints as the settings say, and which joints are known then (M, T, V).

    A frame without the body stays without it.
    """
    filled_MTVC, known_MTV = bodies_MTVC.copy(), seen_MTV.copy()
    present_MT1 = np.asarray(seen_MTV.any(axis=2, keepdims=True))
    for body, (joints_TVC, seen_TV) in enumerate(zip(bodies_MTVC, seen_MTV, strict=True)):
        if settings.missing == "leave":
            break
        if settings.missing == "parent":
            found_TVC, found_TV = take_from_parents(joints_TVC, seen_TV, topology.parents)
        else:
            found_TVC, found_TV = fill_gaps(joints_TVC, seen_TV, settings.missing, settings.longest_gap)
        found_TV = found_TV & present_MT1[body]
        filled_MTVC[body][found_TV] = found_TVC[found_TV]
        known_MTV[body] |= found_TV
    present = int(present_MT1.sum())
    for kind, count_V in (
        (Kind.JOINT_FILLED, (known_MTV & ~seen_MTV).sum(axis=(0, 1))),
        (Kind.JOINT_LEFT, (present_MT1 & ~known_MTV).sum(axis=(0, 1))),
    ):
        notes.extend(
            Note(kind, words=topology.joints[joint], count=int(count_V[joint]), of=present)
            for joint in np.flatnonzero(count_V)
        )
    return filled_MTVC, known_MTV


def _drop_empty_frames(bodies_MTVC: NDArray[np.float32], notes: list[Note]) -> NDArray[np.float32]:
    """Step 1: frames with no body go; a body with a joint that was not seen counts as absent, and is noted."""
    present_MT = _present(bodies_MTVC)
    partly = int(np.count_nonzero(np.isfinite(bodies_MTVC[~present_MT]).any(axis=(1, 2))))
    if partly:
        notes.append(Note(Kind.NOT_FINITE, count=partly))
    seen_T = present_MT.any(axis=0)
    if not seen_T.any():
        raise BadRecording(Note(Kind.NO_BODY))
    if not seen_T.all():
        notes.append(Note(Kind.FRAMES_WITHOUT_BODY, frames=int(np.count_nonzero(~seen_T))))
    return bodies_MTVC[:, seen_T]


def _find_bodies(
    bodies_MTVC: NDArray[np.float32], settings: CleaningSettings, notes: list[Note]
) -> NDArray[np.float32]:
    """Steps 2 and 3: the one or two people among the tracks."""
    frames = bodies_MTVC.shape[1]
    tracks = _find_tracks(bodies_MTVC, notes)
    if len(tracks) == 1:
        return _write_alone(tracks[0], frames)
    tracks = _drop_short(tracks, settings.ghost_frames, notes)
    tracks = _drop_noisy(tracks, settings, notes)
    found_MTVC = _write_alone(tracks[0], frames) if len(tracks) == 1 else _write_two(tracks, frames, notes)
    return _drop_zero_frames(found_MTVC, notes)


def _motion(joints_FVC: NDArray[np.float32]) -> float:
    return float(joints_FVC.reshape(-1, 3).var(axis=0, dtype=np.float64).sum())


def _find_tracks(bodies_MTVC: NDArray[np.float32], notes: list[Note]) -> list[Track]:
    """Step 2: each body id's frames closed up to an interval without gaps, from its first frame on."""
    tracks = []
    for number, present_T in enumerate(_present(bodies_MTVC)):
        seen = np.flatnonzero(present_T)
        if len(seen) == 0:
            continue
        tracks.append(Track(number, int(seen[0]), bodies_MTVC[number, seen]))
        gap = int(seen[-1] - seen[0]) + 1 - len(seen)
        if gap:
            notes.append(Note(Kind.TRACK_CLOSED_UP, track=number, frames=gap))
    return tracks


def _drop_short(tracks: list[Track], ghost_frames: int, notes: list[Note]) -> list[Track]:
    """Step 3a: tracks of few frames go; if all would, the longest stays (the first of equals)."""
    kept = [track for track in tracks if track.frames > ghost_frames]
    if not kept:
        kept = [max(tracks, key=lambda track: track.frames)]
        notes.append(Note(Kind.TRACK_LONGEST, track=kept[0].number, limit=ghost_frames))
    short = (track for track in tracks if track not in kept)
    notes.extend(Note(Kind.TRACK_SHORT, track=track.number, frames=track.frames) for track in short)
    return kept


def _noisy_frames(joints_FVC: NDArray[np.float32], spread: float) -> NDArray[np.bool_]:
    """(F,): wider than high, as furniture and reflections are. Single precision extents, double precision threshold."""
    # Over the first axis of contiguous memory NumPy compares many numbers at once, over a later one three at a time.
    joints_VFC = np.ascontiguousarray(joints_FVC.transpose(1, 0, 2))
    with np.errstate(over="ignore"):
        extent_FC = joints_VFC.max(axis=0) - joints_VFC.min(axis=0)
    return extent_FC[:, 0] > spread * extent_FC[:, 1].astype(np.float64)


def _drop_noisy(tracks: list[Track], settings: CleaningSettings, notes: list[Note]) -> list[Track]:
    """Step 3b: in order of appearance, until one is left, noisy tracks go and partly noisy ones lose motion."""
    kept: list[Track] = []
    left = len(tracks)
    for track in tracks:
        noisy_F = _noisy_frames(track.joints_FVC, settings.noisy_spread)
        noisy = int(np.count_nonzero(noisy_F))
        if left == 1 or noisy == 0:
            kept.append(track)
        elif noisy / track.frames >= settings.noisy_share:
            left -= 1
            notes.append(Note(Kind.TRACK_NOISY, track=track.number, frames=noisy, of=track.frames))
        else:
            kept.append(replace(track, most_motion=_motion(track.joints_FVC[~noisy_F])))
    return kept


def _write_alone(track: Track, frames: int) -> NDArray[np.float32]:
    """One body at its interval; zeros before and after."""
    body_TVC = np.zeros((frames, *track.joints_FVC.shape[1:]), dtype=np.float32)
    body_TVC[track.start : track.end + 1] = track.joints_FVC
    return body_TVC[np.newaxis]


def _write_two(tracks: list[Track], frames: int, notes: list[Note]) -> NDArray[np.float32]:
    """Step 3c: by motion, each track continues the first body whose interval it does not overlap.

    To share one frame is no overlap, and the later writing wins it. The second body's interval starts as [0, 0].
    """
    ranked = sorted(tracks, key=lambda track: track.motion, reverse=True)  # stable: the earlier of equals comes first
    first = ranked[0]
    bodies_MTVC = np.zeros((MOST_BODIES, frames, *first.joints_FVC.shape[1:]), dtype=np.float32)
    bodies_MTVC[0, first.start : first.end + 1] = first.joints_FVC
    intervals = [(first.start, first.end), (0, 0)]
    started = [True, False]
    for track in ranked[1:]:
        for body, (start, end) in enumerate(intervals):
            if min(end, track.end) - max(start, track.start) <= 0:
                bodies_MTVC[body, track.start : track.end + 1] = track.joints_FVC
                intervals[body] = (min(start, track.start), max(end, track.end))
                if started[body]:
                    notes.append(
                        Note(Kind.TRACK_MERGED, track=track.number, body=body, start=track.start, end=track.end)
                    )
                started[body] = True
                break
        else:
            notes.append(Note(Kind.TRACK_OVERLAPS, track=track.number))
    return bodies_MTVC


def _drop_zero_frames(bodies_MTVC: NDArray[np.float32], notes: list[Note]) -> NDArray[np.float32]:
    """Step 3d: frames that no remaining track covers go."""
    filled_T = bodies_MTVC.sum(axis=(0, 2, 3), dtype=np.float64) != 0
    if not filled_T.any():
        raise BadRecording(Note(Kind.ALL_ZERO))
    if not filled_T.all():
        notes.append(Note(Kind.FRAMES_WITHOUT_REMAINING_BODY, frames=int(np.count_nonzero(~filled_T))))
    return bodies_MTVC[:, filled_T]


def _find_origin(
    body_TVC: NDArray[np.float32], seen: NDArray[np.bool_], topology: Topology, notes: list[Note]
) -> NDArray[np.float32]:
    """(C,): where body 0's centring joint is in the first frame in which it was seen and the body is not all zero.

    If it never was, the seen joint that is nearest along the bones stands in for it, and a note says so. seen: (T,) or
    (T, V).
    """
    seen_T1 = np.asarray(body_TVC.any(axis=(1, 2)))[:, np.newaxis]
    seen_TV = seen_T1 & seen if seen.ndim == 2 else np.broadcast_to(seen_T1, body_TVC.shape[:2])
    seen_V = np.asarray(seen_TV.any(axis=0))
    joint = next(joint for joint in order_by_distance(topology.parents, topology.centre) if seen_V[joint])
    if joint != topology.centre:
        notes.append(
            Note(Kind.CENTRE_STAND_IN, words=f"{topology.joints[joint]} for {topology.joints[topology.centre]}")
        )
    return cast("NDArray[np.float32]", body_TVC[int(np.argmax(seen_TV[:, joint])), joint])


def _translate(
    bodies_MTVC: NDArray[np.float32], known: NDArray[np.bool_], origin_C: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Step 4: the origin is subtracted from all that is known, bodies (M, T) or joints (M, T, V); the rest is zero."""
    # The origin for every joint, which is subtracted in rows of 3 · V and not of 3.
    origin_VC = np.tile(origin_C, (bodies_MTVC.shape[2], 1))
    with np.errstate(over="ignore"):
        translated_MTVC = bodies_MTVC - origin_VC
    translated_MTVC[~known] = 0
    if not np.isfinite(translated_MTVC).all():
        raise BadRecording(Note(Kind.TOO_LARGE))
    return translated_MTVC
