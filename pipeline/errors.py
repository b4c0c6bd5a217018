"""The one exception that reaches a user."""


class UserError(Exception):
    """A mistake the user can mend. The message is one line: what, where (file, line or key), what to do.

    Stages print it and end with exit code 1, without a traceback.
    """


class BadRecording(Exception):
    """A recording that cannot be used. The message is the reason written into the table of excluded clips."""
