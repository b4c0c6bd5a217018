"""What the names of recordings say: who, what and where, by a pattern of the user's."""

import re
from dataclasses import dataclass
from functools import cached_property

from hacm.errors import UserError

IDENTITY = ("subject", "action", "camera", "setup", "replication")


@dataclass(frozen=True)
class NamePattern:
    """`s{subject}_a{action}`, or with folders `{subject}/{action}-{camera}`: {…} is one of IDENTITY and stands for
    digits. UserError if it is no such pattern.
    """

    text: str

    def __post_init__(self) -> None:
        self._compiled  # noqa: B018  (a pattern that cannot be is told now)

    @property
    def depth(self) -> int:
        """How many parts of a path it speaks of."""
        return self.text.count("/") + 1

    def read(self, name: str) -> dict[str, int] | None:
        """The numbers that a name says, by IDENTITY; None if it is not of this form."""
        match = self._compiled.fullmatch(name)
        return None if match is None else {field: int(digits) for field, digits in match.groupdict().items()}

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        parts = re.split(r"\{(\w*)\}", self.text)
        fields, texts = parts[1::2], parts[0::2]
        if not fields or not set(fields) <= set(IDENTITY) or len(set(fields)) < len(fields) or "" in texts[1:-1]:
            known = ", ".join(f"{{{name}}}" for name in IDENTITY)
            raise UserError(f"names {self.text!r} must hold some of {known}, each once and text between")
        groups = [f"(?P<{name}>[0-9]{{1,9}})" for name in fields] + [""]
        return re.compile("".join(re.escape(text) + group for text, group in zip(texts, groups, strict=True)))
