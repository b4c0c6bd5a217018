"""The one exception that reaches a user."""

from collections.abc import Sequence

MOST_NAMED = 10
LONGEST_WORDS = 150


class UserError(Exception):
    """A mistake the user can mend. The message is one line: what, where (file, line or key), what to do.

    Stages print it and end with exit code 1, without a traceback.
    """


class BadRecording(Exception):
    """A recording that cannot be used. The message is the reason written into the table of excluded clips."""


def name_some(names: Sequence[str]) -> str:
    """The first names of a list that may be too long for one line, and how many more there are."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def in_one_line(error: BaseException) -> str:
    """What another library's error says, fit for a message: some repeat what they read, however long and whatever."""
    words = "".join(character if character.isprintable() else " " for character in str(error)[: 4 * LONGEST_WORDS])
    text = " ".join(words.split())
    return (text[:LONGEST_WORDS] + "…" if len(text) > LONGEST_WORDS else text) or type(error).__name__
