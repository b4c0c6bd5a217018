"""What the names of recordings say: who, what and where, in numbers or in words of the user's."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from hacm.errors import BadRecording, UserError, in_one_line, name_some

IDENTITY = ("subject", "action", "camera", "setup", "replication")
IN_WORDS = ("subject", "action", "camera")
"""Those that may be words."""

BETWEEN_WORDS = r"[\s_.:-]+"


def plain(name: str) -> str:
    """`Left_Hand.X` → `left hand x`."""
    return " ".join(re.split(BETWEEN_WORDS, name.strip().lower())).strip()


@dataclass(frozen=True)
class Vocabulary:
    """The words that stand for actions, subjects and cameras, in the order of their numbers.

    Actions are numbered from first_action, subjects and cameras from 1. Capitals, blanks, underlines, points and
    hyphens make no difference: `raise both` is `Raise_Both`. UserError if two words are the same by this, or if one is
    a number.
    """

    actions: Sequence[str] = ()
    subjects: Sequence[str] = ()
    cameras: Sequence[str] = ()
    first_action: int = 1

    def __post_init__(self) -> None:
        for kind in IN_WORDS:
            known = [plain(word) for word in self.words_of(kind)]
            twice = [word for word in known if known.count(word) > 1]
            if twice or any(not word or word.isdigit() for word in known):
                what = f"{twice[0]!r} twice" if twice else "one that is a number or nothing"
                raise UserError(f"{kind}s: the words hold {what}; each must be a word of its own")

    def words_of(self, kind: str) -> Sequence[str]:
        """The words for one of IDENTITY; none where it is always a number."""
        known: dict[str, Sequence[str]] = {
            "action": self.actions, "subject": self.subjects, "camera": self.cameras,
        }  # fmt: skip
        return known.get(kind, ())

    def number_of(self, kind: str, text: str) -> int:
        """The number that a word or digits stand for; BadRecording if they stand for none."""
        words = [plain(word) for word in self.words_of(kind)]
        first = self.first_action if kind == "action" else 1
        if plain(text) in words:
            return first + words.index(plain(text))
        if re.fullmatch("[0-9]{1,9}", text.strip()):
            return int(text)
        shown = in_one_line(ValueError(text))
        if not words:
            raise BadRecording(f"{kind} is {shown!r}, not a number; say the words where the reader is defined "
                               f"({kind}s=(…))")  # fmt: skip
        raise BadRecording(f"{kind} {shown!r} is unknown; known: {name_some(list(self.words_of(kind)))} ({kind}s)")


@dataclass(frozen=True)
class NamePattern:
    """A pattern such as `s{subject}_a{action}`, or with folders `{subject}/{action}-{camera}`.

    {…} is one of IDENTITY. It stands for digits, or for a word if there are words for it. UserError if the text is no
    such pattern.
    """

    text: str
    vocabulary: Vocabulary = field(default_factory=Vocabulary)

    def __post_init__(self) -> None:
        self._known  # noqa: B018  (a pattern that cannot be is told now)

    @property
    def depth(self) -> int:
        """How many parts of a path it speaks of."""
        return self.text.count("/") + 1

    def read(self, name: str) -> dict[str, int] | None:
        """The numbers that a name says, by IDENTITY; None if it is not of this form; BadRecording for unknown words."""
        match = self._known.fullmatch(name) or self._any.fullmatch(name)
        if match is None:
            return None
        return {kind: self.vocabulary.number_of(kind, text) for kind, text in match.groupdict().items()}

    @cached_property
    def _known(self) -> re.Pattern[str]:
        return self._compile({kind: self._one_of(self.vocabulary.words_of(kind)) for kind in IDENTITY})

    @cached_property
    def _any(self) -> re.Pattern[str]:
        """With any word where there are words: for names that say one which is not known."""
        return self._compile({kind: "[^/]+?" if self.vocabulary.words_of(kind) else "[0-9]{1,9}" for kind in IDENTITY})

    @staticmethod
    def _one_of(words: Sequence[str]) -> str:
        forms = [BETWEEN_WORDS.join(map(re.escape, plain(word).split(" "))) for word in words]
        # The longest first, so that `kick` leaves `kick high` to itself.
        return "|".join(["[0-9]{1,9}", *(f"(?i:{form})" for form in sorted(forms, key=len, reverse=True))])

    def _compile(self, groups: dict[str, str]) -> re.Pattern[str]:
        parts = re.split(r"\{(\w*)\}", self.text)
        kinds, texts = parts[1::2], parts[0::2]
        if not kinds or not set(kinds) <= set(IDENTITY) or len(set(kinds)) < len(kinds) or "" in texts[1:-1]:
            known = ", ".join(f"{{{name}}}" for name in IDENTITY)
            raise UserError(f"names {self.text!r} must hold some of {known}, each once and text between")
        named = [f"(?P<{kind}>{groups[kind]})" for kind in kinds] + [""]
        return re.compile("".join(re.escape(text) + group for text, group in zip(texts, named, strict=True)))
