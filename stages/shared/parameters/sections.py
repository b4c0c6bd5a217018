"""What each section of params.yaml holds: those of the method are dataclasses of hacm.settings, the others are here."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from hacm import protocols
from hacm.settings import EVALUATIONS, SHARED
from pipeline.kinect_sim import SimulatorSettings


class Section(BaseModel):
    """A section of params.yaml: unknown keys are errors, nothing has a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Transfer(Section):
    """Benchmarks whose encoders are evaluated on other benchmarks, and those others. Both may be empty."""

    sources: list[str]
    targets: list[str]


class Active(Section):
    """What the default run covers. benchmarks: each with its data set, which dvc.yaml needs for its paths.

    Every benchmark × variant × seed is pretrained and evaluated by every protocol; transfer is from every source to
    every target.
    """

    datasets: Annotated[list[str], Field(min_length=1)]
    benchmarks: Annotated[dict[str, str], Field(min_length=1)]
    variants: Annotated[list[str], Field(min_length=1)]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    protocols: Annotated[list[str], Field(min_length=1)]
    transfer: Transfer


class SourceSettings(Section):
    """Where a real data set comes from. verify: check every recording against its known checksum."""

    verify: bool


class IngestSettings(Section):
    """How raw files are read. limit: this many recordings only, spread over the data set (null: all).

    strict: a recording that cannot be read, or anything else that is lost and that neither a setting nor the authors
    asked for, stops the run; otherwise it is named and counted.
    allow_partial: accept another number of clips than the data set's authors state.
    """

    limit: Annotated[int, Field(gt=0)] | None
    strict: bool
    allow_partial: bool


Resamples = Annotated[int, Field(ge=100)]
"""evaluate.bootstrap: resamples behind each 95 % interval."""

SOURCES: dict[str, type[Any]] = {"kinect-sim": SimulatorSettings}


def source_kind(dataset: str) -> type[Any]:
    """The type of datasets.NAME.source."""
    return SOURCES.get(dataset, SourceSettings)


def ways_to_evaluate() -> tuple[str, ...]:
    """The sections of `evaluate` that each say how an encoder is evaluated: the protocols, and transfer."""
    return (*protocols.names(), "transfer")


def evaluation_kind(name: str) -> type[Any]:
    """The type of evaluate.NAME; for a protocol of the user's own its code (and so torch) is imported."""
    known = EVALUATIONS | SHARED
    kind: type[Any] = known[name] if name in known else protocols.find(name).Settings
    return kind
