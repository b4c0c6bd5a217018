"""What files are called, as a pattern that a reader understands: `{action}/P{subject}_{replication}`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from hacm.recordings.names import plain

HINTS = {
    "subject": ("s", "p", "sub", "subj", "subject", "person", "performer", "actor", "user", "participant"),
    "action": ("a", "act", "action", "activity", "class", "label", "m", "movement"),
    "camera": ("c", "cam", "camera", "view"),
    "setup": ("setup", "scene"),
    "replication": ("r", "rep", "t", "take", "trial", "e", "run", "repetition", "n"),
}
"""What stands before a number, by what it mostly means."""

_PIECE = re.compile(r"[_\-. ]")
_NUMBERED = re.compile(r"([^0-9]*)([0-9]{1,9})")


@dataclass(eq=False)
class Field:
    """A part of every name. before: text before it that is always the same; values: of each file. word: what stands
    before it beyond a separator. kind: what it means; None: it is not known. sure: whether text before it says so."""

    before: str
    values: tuple[str, ...]
    word: str = ""
    kind: str | None = None
    sure: bool = False

    @property
    def is_number(self) -> bool:
        return all(value.isdecimal() for value in self.values)


@dataclass(frozen=True)
class Naming:
    """pattern: for a reader's `names`; None: names have no form in common. words: by kind those that occur, sorted.

    values: by kind the value of each file. guessed: the kinds that nothing but their place speaks for.
    """

    pattern: str | None = None
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    guessed: tuple[str, ...] = ()


def guess_naming(names: Sequence[str]) -> Naming:
    """The form of names, which have folders and no endings."""
    parts = [name.split("/") for name in names]
    depth = len(parts[0])
    if any(len(one) != depth for one in parts):
        return Naming()
    text: list[str | Field] = []
    for level in range(depth):
        values = tuple(one[level] for one in parts)
        varies = len(set(values)) > 1
        if not varies and not text:
            continue  # folders above all
        found = _read_piece(values) if level < depth - 1 else _read_stem(values)
        if found is None:
            return Naming()
        text += [*(["/"] if text else []), *found]
    fields = [one for one in text if isinstance(one, Field)]
    if not fields or not _name_kinds(fields):
        return Naming()
    pattern = "".join(one if isinstance(one, str) else f"{one.before}{{{one.kind}}}" for one in text)
    if "}{" in pattern or any(mark in "".join(one for one in text if isinstance(one, str)) for mark in "{}"):
        return Naming()
    words = {
        str(one.kind): tuple(sorted({plain(value) for value in one.values})) for one in fields if not one.is_number
    }
    return Naming(
        pattern,
        words,
        {str(one.kind): one.values for one in fields},
        tuple(str(one.kind) for one in fields if not one.sure),
    )


def _read_piece(values: tuple[str, ...]) -> list[str | Field] | None:
    """A folder, or what separators leave of a name: always the same, a number behind a text, or a word."""
    if len(set(values)) == 1:
        return [values[0]]
    matches = [_NUMBERED.fullmatch(value) for value in values]
    if all(matches):
        before = {match[1] for match in matches if match}
        if len(before) == 1:
            return [Field(before.pop(), tuple(match[2] for match in matches if match))]
    if any(re.search("[0-9]", value) for value in values):
        return _read_chain(values)
    return [Field("", values)]


def _read_chain(values: tuple[str, ...]) -> list[str | Field] | None:
    """`S001C002P003`: numbers, each behind a letter of its own."""
    chains = [_NUMBERED.findall(value) for value in values]
    if any("".join(map("".join, chain)) != value for chain, value in zip(chains, values, strict=True)):
        return None
    texts = {tuple(before for before, _ in chain) for chain in chains}
    if len(texts) != 1:
        return None
    return [
        one
        for place, before in enumerate(texts.pop())
        for one in _of_number(before, [chain[place][1] for chain in chains])
    ]


def _of_number(before: str, values: list[str]) -> list[str | Field]:
    return [before + values[0]] if len(set(values)) == 1 else [Field(before, tuple(values))]


def _read_stem(values: tuple[str, ...]) -> list[str | Field] | None:
    split = [_PIECE.split(value) for value in values]
    marks = {tuple(_PIECE.findall(value)) for value in values}
    if len(marks) != 1:
        return None
    between = (*marks.pop(), "")
    text: list[str | Field] = []
    for place, mark in enumerate(between):
        found = _read_piece(tuple(one[place] for one in split))
        if found is None:
            return None
        first = found[0]
        if isinstance(first, Field) and not first.before and len(text) > 1 and isinstance(text[-2], str):
            first.word = text[-2]
        text += [*found, *([mark] if mark else [])]
    return text


def _name_kinds(fields: list[Field]) -> bool:
    """Give every field its kind; False if there are more than there are kinds."""
    said = [plain(one.before or one.word).split(" ")[-1] for one in fields]
    for one, word in zip(fields, said, strict=True):
        if one.is_number:
            kind = next((kind for kind, hints in HINTS.items() if word in hints), None)
            if word == "s" and "p" in said:
                kind = "setup"  # as NTU's names have it
            if kind is not None and all(other.kind != kind for other in fields):
                one.kind, one.sure = kind, True
    for one in fields:
        if not one.is_number:
            free = [kind for kind in ("action", "subject", "camera") if all(other.kind != kind for other in fields)]
            if not free:
                return False
            one.kind = free[0]
    numbers = [one for one in fields if one.kind is None]
    order = ("subject", "replication", "camera", "setup") if len(numbers) > 1 else ("replication", "subject", "camera")
    for one in numbers:
        free = [kind for kind in order if all(other.kind != kind for other in fields)]
        if not free:
            return False
        one.kind = free[0]
    return True
