"""What reading and cleaning did to a recording, or why it is left out: a record, and the one text made from it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import Enum
from functools import cached_property
from string import Formatter
from typing import Any

from hacm.errors import BadRecording

STANDARD = "docs/data.md, standard cleaning"
READER = "its reader"
EXCLUDED = "excluded"
WORDS = "words"


class Kind(Enum):
    """What can be noted: the action, the rule (where it is written down), and how the note reads.

    The fields of a template are those that such a note has. Stores keep a kind by its `label`.
    """

    FRAMES_WITHOUT_BODY = "frames dropped", f"{STANDARD}, step 1", "frames without body dropped: {frames}"
    TRACK_CLOSED_UP = "track closed up", f"{STANDARD}, step 2", "track {track} closed up: {frames} frames without it"
    TRACK_SHORT = "track dropped", f"{STANDARD}, step 3a", "track {track} dropped: only {frames} frames"
    TRACK_LONGEST = (
        "track kept", f"{STANDARD}, step 3a", "track {track} kept as the longest: no track over {limit} frames"
    )  # fmt: skip
    TRACK_NOISY = "track dropped", f"{STANDARD}, step 3b", "track {track} dropped: {frames} of {of} frames noisy"
    TRACK_MERGED = (
        "tracks merged", f"{STANDARD}, step 3c", "track {track} merged into body {body}: frames {start} to {end}"
    )  # fmt: skip
    TRACK_OVERLAPS = "track dropped", f"{STANDARD}, step 3c", "track {track} dropped: overlaps both bodies"
    FRAMES_WITHOUT_REMAINING_BODY = (
        "frames dropped", f"{STANDARD}, step 3d", "frames without remaining body dropped: {frames}"
    )  # fmt: skip
    SUM_ZERO = (
        "frames dropped", f"{STANDARD}, step 4", "body-frames whose coordinates add up to 0 taken as absent: {count}"
    )  # fmt: skip
    TRACK_BEYOND_TWO = "track dropped", "cleaning.strategy: none", "track {track} dropped: a clip has two bodies"
    TRUNCATED = "truncated", "cleaning.max_frames", "frames truncated: {frames} to {limit}"
    JOINT_FILLED = (
        "joint filled",
        "cleaning.missing",
        "joint {words} filled where it was not seen, in {count} of {of} body-frames",
    )
    JOINT_LEFT = (
        "joint left at zero",
        "cleaning.missing",
        "joint {words} not seen and left at zero in {count} of {of} body-frames",
    )
    CENTRE_STAND_IN = "other origin", "cleaning.translate", "centring joint never seen; origin: {words}"
    BODY_COPIED = "body copied", "cleaning.single_body: copy", "body {body} copied to body {target}"

    LINE_ENDS_MIXED = "read", READER, "mixed line ends: {count} of {of} CRLF"
    BODY_TWICE = "read", READER, "body id twice in a frame, first kept: {count}"
    NOT_FINITE = "read", READER, "body-frames with non-finite coordinates taken as absent: {count}"
    INFINITE = "read", READER, "joints with infinite or too large coordinates taken as not seen: {count}"
    GAP = "read", READER, "frames that its numbers or times leave out, taken as absent: {frames} of {of}"
    FIRST_BODY_ABSENT = "read", READER, "first body never seen: the second is alone"
    NOT_READ = "read", READER, "not read: {words}"
    REMARK = "read", READER, "{words}"

    NO_BODY = EXCLUDED, f"{STANDARD}, step 1", "no body in any frame"
    TOO_LARGE = EXCLUDED, f"{STANDARD}, step 4", "coordinates too large to translate"
    ALL_ZERO = EXCLUDED, f"{STANDARD}: nothing is left", "no body left: all coordinates are zero"
    FIRST_BODY_ZERO = EXCLUDED, f"{STANDARD}: nothing is left", "no body left: all coordinates of the first are zero"
    ZERO_AFTER_CUT = (
        EXCLUDED,
        f"{STANDARD}: nothing is left",
        "no body left: all coordinates are zero after translation and truncation",
    )
    LISTED_MISSING = (
        EXCLUDED,
        "the authors' list of incomplete recordings",
        "listed by the data set's authors as missing or incomplete",
    )
    NAME_TAKEN = EXCLUDED, "a name is given once", "duplicate name: an earlier recording has it"
    UNREADABLE = EXCLUDED, READER, "{words}"

    def __init__(self, action: str, rule: str, template: str) -> None:
        self.action, self.rule, self.template = action, rule, template

    @property
    def label(self) -> str:
        """The kind's name in a store: `track_short`."""
        return self.name.lower()

    @cached_property
    def fields(self) -> frozenset[str]:
        """The fields that a note of this kind has."""
        return frozenset(name for _, name, _, _ in Formatter().parse(self.template) if name)


@dataclass(frozen=True)
class Note:
    """One thing done to a recording, or the reason for leaving it out. TypeError for other fields than the kind's.

    track: numbered from 0 in order of first appearance. body, target: of the clip, 0 or 1. frames: how many, `of` how
    many. start, end: frames of the recording without its empty ones, both inclusive. limit: what `frames` was held
    against. count: how many of what the kind says. words: a reader's own.
    """

    kind: Kind
    track: int | None = None
    body: int | None = None
    target: int | None = None
    frames: int | None = None
    of: int | None = None
    start: int | None = None
    end: int | None = None
    limit: int | None = None
    count: int | None = None
    words: str | None = None

    def __post_init__(self) -> None:
        if self._values.keys() != self.kind.fields:
            raise TypeError(f"a note {self.kind.label} has {sorted(self.kind.fields)}, not {sorted(self._values)}")
        for name, value in self._values.items():
            if not isinstance(value, str if name == WORDS else int):
                raise TypeError(f"{name} of a note is {value!r}, of type {type(value).__name__}")

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> "Note":
        """The inverse of `record`; KeyError for an unknown kind."""
        return cls(Kind[record["kind"].upper()], **{name: record[name] for name in (*NUMBERS, WORDS)})

    @property
    def record(self) -> dict[str, Any]:
        """As stores keep it: the kind's label and every field, None where the kind has none."""
        return {"kind": self.kind.label, **{name: getattr(self, name) for name in (*NUMBERS, WORDS)}}

    @property
    def text(self) -> str:
        """The note in words."""
        return self.kind.template.format(**self._values)

    @property
    def pattern(self) -> str:
        """The text with … for every number: what notes that differ by their numbers alone have in common."""
        return self.kind.template.format(**{name: self.words if name == WORDS else "…" for name in self.kind.fields})

    def __str__(self) -> str:
        return self.text

    @property
    def _values(self) -> dict[str, int | str]:
        values = {name: getattr(self, name) for name in (*NUMBERS, WORDS)}
        return {name: value for name, value in values.items() if value is not None}


NUMBERS = tuple(field.name for field in fields(Note) if field.name not in ("kind", WORDS))
"""The fields of a note that are numbers."""


MOST_WORDS = 2
"""So many different words of notes are repeated in one line."""


def describe_notes(notes: Sequence[Note]) -> str:
    """The text of notes of one kind as one: of numbers that differ the least and the most, of words the first few."""
    values: dict[str, str] = {}
    for name in notes[0].kind.fields:
        found = list(dict.fromkeys(getattr(note, name) for note in notes))
        if name == WORDS:
            values[name] = " / ".join(found[:MOST_WORDS] + ["…"] * (len(found) > MOST_WORDS))
        else:
            values[name] = str(found[0]) if len(found) == 1 else f"{min(found)}–{max(found)}"
    return notes[0].kind.template.format(**values)


def reason_of(given: BadRecording | Note | str) -> Note:
    """Why a recording is left out, as a Note: a reader may say so in its own words."""
    reason = given.args[0] if isinstance(given, BadRecording) and given.args else given
    return reason if isinstance(reason, Note) else Note(Kind.UNREADABLE, words=str(reason))
