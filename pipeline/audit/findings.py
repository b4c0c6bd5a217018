"""What an audit finds: a kind, how serious it is, the clips it concerns, and a sentence.

Severities. `error`: the version does not hold what it states, or a result measured on it cannot be trusted. `warning`:
a reader of such a result should know this. `note`: a property of the data.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hacm.errors import UserError

SEVERITIES = ("error", "warning", "note")

KINDS = {
    "counts": "a part of a split, or the whole, has another number of clips than its authors state",
    "classes": "a class has no clip in a part of a split",
    "lost": "recordings left out, frames cut or taken as absent, bodies dropped, other than the standard cleaning does",
    "not-read": "columns or arrays of raw files that are not read, because their names are unknown",
    "no-part": "clips in neither part of a split, because they do not say what it goes by",
    "unlabelled": "clips without a label: pretrained on, or in no part where they are of those who test",
    "unknown": "whether a split's parts share a person or a camera cannot be known: no clip says who or which",
    "balance": "classes or subjects differ much in their number of clips",
    "leak-subject": "a person is on both sides of a split by persons",
    "leak-recording": "clips cut from one recording, or views of one performance, are on both sides of a split",
    "leak-identical": "byte-identical clips, or clips of byte-identical raw files, are on both sides of a split",
    "leak-near": "nearly identical clips are on both sides of a split",
    "identical": "byte-identical clips, or clips of byte-identical raw files",
    "near-identical": "clips that differ by a few millimetres",
    "labels": "identical or nearly identical clips with different labels",
    "provenance": "a clip or the store cannot be traced to what it was made from",
    "non-finite": "coordinates that are no finite numbers",
    "empty": "frames or whole clips without anybody",
    "absent-body": "a second body that is empty throughout",
    "frozen": "a joint that does not move at all while others do",
    "repeated": "frames that repeat the frame before",
    "teleport": "a joint that moves faster than any joint can",
    "bones": "a bone whose length is not constant",
    "swap": "left and right limbs that swap from one frame to the next",
    "size": "a body too large or too small for metres",
    "upright": "people on their heads, or along another axis than y",
    "mirrored": "left and right on the wrong sides of the body",
    "picture": "coordinates that are shares of a picture",
    "unseen": "one point that joints take again and again, which may say that they were not seen",
    "length": "clips of very few frames",
    "frame-rate": "frame rates that differ or cannot be",
}
"""Every kind of finding, and what it says."""


@dataclass(frozen=True)
class Finding:
    """kind: of KINDS. severity: of SEVERITIES. clips: names, the worst first where there is an order."""

    kind: str
    severity: str
    clips: tuple[str, ...]
    text: str

    def __post_init__(self) -> None:
        assert self.kind in KINDS, self.kind
        assert self.severity in SEVERITIES, self.severity


def count(number: int, noun: str) -> str:
    """So many of a thing, in words: "1 clip", "2 bodies"."""
    plural = noun if number == 1 else f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {plural}"


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The most serious first, then in the order of KINDS."""
    kinds = list(KINDS)
    return sorted(findings, key=lambda one: (SEVERITIES.index(one.severity), kinds.index(one.kind), one.text))


def choose_strict(findings: Sequence[Finding], chosen: Sequence[str]) -> list[Finding]:
    """The findings that a strict audit fails on.

    chosen: severities, each meaning itself and what is more serious, and kinds; UserError naming an unknown word.
    """
    for word in chosen:
        if word not in SEVERITIES and word not in KINDS:
            raise UserError(f"--strict {word}: unknown; severities: {', '.join(SEVERITIES)}; kinds: {', '.join(KINDS)}")
    worst = max((SEVERITIES.index(word) for word in chosen if word in SEVERITIES), default=-1)
    return [one for one in findings if one.kind in chosen or SEVERITIES.index(one.severity) <= worst]
