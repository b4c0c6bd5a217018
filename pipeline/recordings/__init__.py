"""Raw formats, one file each: bytes of one recording → Recording."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Identity:
    """What a recording's file name says of it. Numbers are as the data set writes them, but action counts from 0."""

    name: str
    subject: int
    action: int
    camera: int | None = None
    setup: int | None = None
    replication: int | None = None
    variant: str | None = None


@dataclass(frozen=True)
class Recording:
    """One recording as the sensor delivered it.

    identity: who, what, where. fps: frames per second. topology: name of its skeleton. bodies_MTVC: float32 metres,
    one row of M a *track* (a body id) in order of first appearance; a frame in which a track was not seen, or was seen
    with a coordinate that is not a finite number, is NaN throughout. notes: what reading it had to decide, in words.
    """

    identity: Identity
    fps: float
    topology: str
    bodies_MTVC: NDArray[np.float32]
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Clip:
    """A recording after cleaning: one or two bodies, no frame missing, absent joints zero, all values finite."""

    identity: Identity
    fps: float
    topology: str
    bodies_MTVC: NDArray[np.float32]
    notes: tuple[str, ...] = field(default=())
