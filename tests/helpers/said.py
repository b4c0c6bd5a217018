"""What a recording's or a clip's notes say, to be held against the sentences that users see."""

from hacm.recordings import Clip, Recording


def said(one: Recording | Clip) -> tuple[str, ...]:
    """The text of each note, in order."""
    return tuple(note.text for note in one.notes)
