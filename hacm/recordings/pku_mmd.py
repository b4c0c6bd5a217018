"""PKU-MMD, phases I and II: long videos as text, each with a file of labels (data.md §2) → one Recording per label.

Which videos train is said by split files, one per rule; the part of each goes into the manifest with its clips.

Shape suffixes: M bodies, T frames, V joints, C coordinates.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording, UserError
from hacm.recordings import Excluded, Identity, Part, RawFile, RawRecording, Recording
from hacm.recordings.notes import Kind, Note
from hacm.skeletons.shipped import KINECT_V2

FRAMES_PER_SECOND = 30.0
BODIES = 2
ACTIONS = 51
VIEWS = {"L": 1, "M": 2, "R": 3}

LABELS = "label"
SPLITS = {"subject": "xsub", "view": "xview"}
COMPANIONS: tuple[str, ...] = (LABELS, *SPLITS.values())

# A video has some 5,000 frames and some 20 labels.
MOST_FRAMES = 50_000
MOST_LABELS = 1_000

# Phase I counts its sessions (0002-L), phase II has names such as A01N01-L.
_VIDEO = re.compile(r"([0-9]{4}|A[0-9]{2}N[0-9]{2})-([LMR])")
_SPLIT = re.compile(r"cross[-_](subject|view)(?:_v2)?\.txt", re.IGNORECASE)
_LABEL = re.compile(r"([0-9]{1,9})\s*,\s*([0-9]{1,9})\s*,\s*([0-9]{1,9})\s*(?:,[^,]*)?")


def part_of(path: str) -> Part | None:
    """Videos and labels have the same names: `NNNN-L.txt` is a file of labels if its folder or archive says so.

    The innermost folder that speaks of labels or skeletons decides; without one it is a video. Split files, in any of
    the spellings they are found in, belong to all videos.
    """
    *folders, base = PurePosixPath(path).parts or ("",)
    split = _SPLIT.fullmatch(base)
    if split is not None:
        return Part(None, SPLITS[split[1].lower()])
    video = base.removesuffix(".txt")
    if video == base or _VIDEO.fullmatch(video) is None:
        return None
    for folder in reversed(folders):
        if "label" in folder.lower():
            return Part(video, LABELS)
        if "skel" in folder.lower():
            break
    return Part(video)


def read(raw: RawRecording) -> Iterator[Recording | Excluded]:
    """One recording per label of the video, with those labels that cannot be used as Excluded, naming file and line.

    BadRecording if the video or its file of labels is absent or damaged; UserError for a split file.
    """
    yield from cut(raw, {rule: _find_part(raw, rule) for rule in SPLITS.values()})


def cut(raw: RawRecording, parts: Mapping[str, str]) -> Iterator[Recording | Excluded]:
    """The same, where it is known, or does not matter, which parts of the splits the video is in."""
    labels = raw.companion(LABELS)
    lines = _read_lines(labels)
    bodies_MTVC = _read_bodies(raw.main)
    for number, line in lines:
        name = f"{raw.name}-{number:03}"
        try:
            action, start, end = _read_label(line, bodies_MTVC.shape[1])
        except BadRecording as reason:
            yield Excluded(name, labels.path, f"line {number}: {reason}")
        else:
            identity = _identify(raw.name, name, action, parts)
            clip_MTVC, notes = _cut(bodies_MTVC[:, start:end])
            yield Recording(identity, FRAMES_PER_SECOND, KINECT_V2, clip_MTVC, notes)


def read_untrimmed(raw: RawRecording) -> tuple[Recording, tuple[tuple[int, int, int], ...]]:
    """The whole video, and its labels: action (from 0), first frame, the one after the last.

    BadRecording if the video or its file of labels is absent or damaged, also in one label alone.
    """
    labels = raw.companion(LABELS)
    bodies_MTVC, notes = _cut(_read_bodies(raw.main))
    said = []
    for number, line in _read_lines(labels):
        try:
            said.append(_read_label(line, bodies_MTVC.shape[1]))
        except BadRecording as reason:
            raise BadRecording(f"{labels.path}: line {number}: {reason}") from reason
    identity = Identity(raw.name, subject=None, action=None)
    return Recording(identity, FRAMES_PER_SECOND, KINECT_V2, bodies_MTVC, notes), tuple(said)


def _identify(video: str, name: str, action: int, parts: Mapping[str, str]) -> Identity:
    """setup: the session, which the three views share. Who performs is not said."""
    match = _VIDEO.fullmatch(video)
    if match is None:
        raise BadRecording(f"name {video!r} is not of the form 0002-L or A01N01-L")
    session = int("".join(character for character in match[1] if character.isdigit()))
    return Identity(
        name=name,
        subject=None,
        action=action,
        camera=VIEWS[match[2]],
        setup=session,
        xsub_part=parts.get("xsub"),
        xview_part=parts.get("xview"),
    )


def _read_bodies(file: RawFile) -> NDArray[np.float32]:
    """(2, T, V, 3); a line of the text is a frame."""
    # Here and not above, because it loads a compiler, which `part_of` has no use for.
    from hacm.recordings.number_table import read_table

    joints = len(KINECT_V2.joints)
    table = read_table(file.data, BODIES * joints * 3, MOST_FRAMES)
    with np.errstate(over="ignore"):
        return table.astype(np.float32).reshape(-1, BODIES, joints, 3).swapaxes(0, 1)


def _cut(bodies_MTVC: NDArray[np.float32]) -> tuple[NDArray[np.float32], tuple[Note, ...]]:
    """A clip's bodies and notes: NaN where a body is zero throughout a frame, or not finite; never seen, it goes."""
    notes = []
    finite_MT = np.isfinite(bodies_MTVC).all(axis=(2, 3))
    lost = int(np.count_nonzero(~finite_MT))
    if lost:
        notes.append(Note(Kind.NOT_FINITE, count=lost))
    seen_MT = finite_MT & (bodies_MTVC != 0).any(axis=(2, 3))
    clip_MTVC = np.where(seen_MT[:, :, np.newaxis, np.newaxis], bodies_MTVC, np.float32(np.nan))
    seen_M = seen_MT.any(axis=1)
    if not seen_M[0] and seen_M[1]:
        notes.append(Note(Kind.FIRST_BODY_ABSENT))
    return clip_MTVC[seen_M], tuple(notes)


def _read_lines(file: RawFile) -> list[tuple[int, str]]:
    """Numbered lines of a file of labels, without blank ones."""
    try:
        text = file.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRecording(f"{file.path}: not plain text") from error
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if not lines:
        raise BadRecording(f"{file.path}: holds no label")
    if len(lines) > MOST_LABELS:
        raise BadRecording(f"{file.path}: {len(lines)} labels, more than {MOST_LABELS}")
    return lines


def _read_label(line: str, frames: int) -> tuple[int, int, int]:
    """Action (from 0), first frame, and the one after the last; the confidence that may follow is not used."""
    match = _LABEL.fullmatch(line)
    if match is None:
        raise BadRecording("not a label of the form action,start,end,confidence")
    action, start, end = (int(number) for number in match.groups())
    if not 1 <= action <= ACTIONS:
        raise BadRecording(f"action {action} is not in 1 to {ACTIONS}")
    if end <= start:
        raise BadRecording(f"ends at frame {end}, not after its start at {start}")
    if end > frames:
        raise BadRecording(f"ends at frame {end}, but the video has {frames}")
    return action - 1, start, end


def _find_part(raw: RawRecording, rule: str) -> str:
    if rule not in raw.companions:
        word = next(word for word, known in SPLITS.items() if known == rule)
        raise UserError(f"no split file cross_{word}.txt among the raw files; put the authors' file beside the others")
    return "train" if raw.name in read_split(raw.companions[rule]) else "test"


def listed(file: RawFile) -> frozenset[str]:
    """All videos that a split file names."""
    return frozenset.union(*read_parts(file))


def read_split(file: RawFile) -> frozenset[str]:
    """The training videos of a split file."""
    return read_parts(file)[0]


@lru_cache(maxsize=16)
def read_parts(file: RawFile) -> tuple[frozenset[str], frozenset[str]]:
    """Training and other videos: a headline, names, a headline, names. UserError naming file and line."""
    lines = [line.strip() for line in file.data.decode("utf-8-sig", errors="replace").strip().split("\n")]
    for number, word in ((1, "training"), (3, "valid")):
        if len(lines) < number or not lines[number - 1].lower().startswith(word):
            raise UserError(f"{file.path}: line {number}: expected '{word.capitalize()}… videos:'; copy the file again")
    train, rest = (_read_names(file, number, lines) for number in (2, 4))
    both = sorted(train & rest)
    if both:
        raise UserError(f"{file.path}: {both[0]} stands in both parts; copy the file again")
    return train, rest


def _read_names(file: RawFile, number: int, lines: list[str]) -> frozenset[str]:
    line = lines[number - 1] if len(lines) >= number else ""
    names = frozenset(name.strip().removesuffix(".txt") for name in line.split(",") if name.strip())
    for name in sorted(names):
        if _VIDEO.fullmatch(name) is None:
            raise UserError(f"{file.path}: line {number}: {name[:40]!r} names no video; copy the file again")
    if not names:
        raise UserError(f"{file.path}: line {number}: no video is named; copy the file again")
    return names
