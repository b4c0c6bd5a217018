"""What audit.json holds: what is in a data set, what was taken out of it, and what the audit found."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from pipeline.report.model import FINITE, Count


@dataclass(frozen=True)
class Split:
    """Clips on each side of a split rule; expected: what the data set's authors' rule gives, null where unknown."""

    train: Count
    test: Count
    expected_train: Count | None = None
    expected_test: Count | None = None
    train_subjects: tuple[int | str, ...] = ()
    test_subjects: tuple[int | str, ...] = ()


@dataclass(frozen=True)
class ClassCount:
    """Clips of one action class."""

    label: int
    name: str
    clips: Count
    train: Count
    test: Count


@dataclass(frozen=True)
class SubjectCount:
    """Clips of one performer."""

    subject: int | str
    clips: Count


@dataclass(frozen=True)
class Exclusion:
    """A clip that is not in the data set, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class CleaningNote:
    """One thing that cleaning did, and to how many clips."""

    note: str
    clips: Count


@dataclass(frozen=True)
class Finding:
    """Something the audit wants read."""

    severity: str
    text: str
    kind: str = ""


@dataclass(frozen=True)
class WorstMoment:
    """Where the worst clip of a finding has its worst frame, and the poses of one body around it.

    marked: joints at fault. frames: those of the poses (frames, V, 3), metres.
    """

    kind: str
    clip: str
    body: int
    frame: int
    joints: tuple[str, ...]
    marked: tuple[int, ...]
    frames: tuple[int, ...]
    parents: tuple[int, ...]
    poses: tuple[tuple[tuple[float, float, float], ...], ...]
    __pydantic_config__: ClassVar[Any] = FINITE

    def __post_init__(self) -> None:
        if len(self.poses) != len(self.frames) or any(len(pose) != len(self.parents) for pose in self.poses):
            raise ValueError("poses must be one a frame, and of as many joints as parents")


@dataclass(frozen=True)
class Alteration:
    """What was done to how many clips, by which rule."""

    action: str
    rule: str
    clips: Count


@dataclass(frozen=True)
class FrameCounts:
    """Frames a clip: least, median, most; and all of them together."""

    least: Count
    median: float
    most: Count
    total: Count


@dataclass(frozen=True)
class Audit:
    """audit.json: what is in a data set and what was taken out of it. benchmarks: by split rule."""

    dataset: str
    synthetic: bool
    version: str
    topology: str
    clips: Count
    excluded: Count
    bodies: dict[str, Count]
    frames: FrameCounts
    benchmarks: dict[str, Split]
    classes: tuple[ClassCount, ...]
    subjects: tuple[SubjectCount, ...]
    exclusions: tuple[Exclusion, ...]
    cleaning: tuple[CleaningNote, ...]
    findings: tuple[Finding, ...]
    alterations: tuple[Alteration, ...] = ()
    values: dict[str, dict[str, float | None]] = field(default_factory=dict)
    worst: tuple[WorstMoment, ...] = ()
    __pydantic_config__: ClassVar[Any] = FINITE

    def split(self, benchmark: str) -> Split | None:
        """The split of a benchmark, which is called <data set>-<rule>; None if the audit has no such rule."""
        return self.benchmarks.get(benchmark.removeprefix(f"{self.dataset}-"), self.benchmarks.get(benchmark))
