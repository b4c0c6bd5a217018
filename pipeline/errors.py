"""The one exception that reaches a user."""

from collections.abc import Sequence

MOST_NAMED = 10


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
