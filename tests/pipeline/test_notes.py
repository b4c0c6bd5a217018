"""A note is a record: what it says in words, what a store keeps of it, and what it must not be made of."""

import numpy as np
import polars as pl
import pytest

from hacm.errors import BadRecording
from hacm.recordings.notes import NUMBERS, WORDS, Kind, Note, reason_of
from pipeline.store.manifest import NOTE


def example(kind: Kind) -> Note:
    """A note of that kind in which every number is another one."""
    values = dict(zip(NUMBERS, range(3, 100), strict=False)) | {WORDS: "by hand"}
    return Note(kind, **{name: value for name, value in values.items() if name in kind.fields})  # type: ignore[arg-type]


def test_the_text_has_every_number_and_the_pattern_none() -> None:
    note = Note(Kind.TRACK_MERGED, track=4, body=0, start=19, end=38)
    assert note.text == str(note) == "track 4 merged into body 0: frames 19 to 38"
    assert note.pattern == "track … merged into body …: frames … to …"
    assert Note(Kind.NOT_READ, words="'arm_2'").pattern == "not read: 'arm_2'"


@pytest.mark.parametrize("kind", Kind)
def test_a_table_gives_a_note_back_as_it_was(kind: Kind) -> None:
    note = example(kind)
    table = pl.DataFrame({"note": [note.record]}, schema={"note": NOTE})
    assert [Note.of_record(record) for record in table["note"]] == [note]


def test_kinds_are_told_apart_by_what_they_say() -> None:
    said = [(example(kind).text, kind.action) for kind in Kind]
    assert len(set(said)) == len(said) == len(Kind.__members__)


def test_a_note_has_the_fields_of_its_kind_and_no_other() -> None:
    with pytest.raises(TypeError, match=r"a note truncated has \['frames', 'limit'\], not \['frames'\]"):
        Note(Kind.TRUNCATED, frames=330)
    with pytest.raises(TypeError, match="not"):
        Note(Kind.NO_BODY, track=1)
    with pytest.raises(TypeError, match="of type str"):
        Note(Kind.FRAMES_WITHOUT_BODY, frames="3")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="of type int64"):
        Note(Kind.FRAMES_WITHOUT_BODY, frames=np.int64(3))  # type: ignore[arg-type]


def test_a_reason_is_a_note_or_a_readers_own_words() -> None:
    note = Note(Kind.NO_BODY)
    assert reason_of(note) == reason_of(BadRecording(note)) == note
    assert str(BadRecording(note)) == "no body in any frame"
    words = Note(Kind.UNREADABLE, words="line 1: the file is empty")
    assert reason_of("line 1: the file is empty") == reason_of(BadRecording("line 1: the file is empty")) == words
