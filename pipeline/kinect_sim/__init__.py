"""kinect-sim: made-up Kinect v2 recordings in real `.skeleton` files with NTU names. SYNTHETIC: nobody was recorded.

From the people (people.py) and what they do (actions.py and pairs.py, in the words of actor.py) comes a performance
(performance.py) by forward kinematics (body.py); three cameras look at it (sensor.py), lose and invent bodies
(tracks.py) and write what they have seen (writer.py).

Everything follows from the settings and a clip's numbers: a subset of the data set holds the same files as the whole,
and two runs write the same bytes.
"""

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hacm.errors import SettingsError
from pipeline.kinect_sim.performance import PROGRAMS, Performance, perform
from pipeline.kinect_sim.sensor import AZIMUTHS, find_camera, observe
from pipeline.kinect_sim.tracks import draw_plan, follow
from pipeline.kinect_sim.writer import skeleton_text

ACTIONS: dict[int, str] = {number: program.name for number, program in PROGRAMS.items()}  # NTU's numbers, from 1
FOLDER = "nturgb+d_skeletons"
VIEW_STREAM = 5
COMPRESSION = 4  # a third of level 6's time for 5 % more bytes


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise SettingsError(message)


@dataclass(frozen=True)
class SimulatorSettings:
    """What to generate. Numbers are NTU's, from 1.

    performers: half of the default ones train under NTU's xsub rule, half test. setups: a performer is always recorded
    in the same one, setups[performer mod their count], so that the default has both parities on both sides of xsub.
    actions: of ACTIONS. replications: a performer faces camera 2 in odd ones, camera 3 in even ones. noise: size of the
    sensor's errors. quirks: frequency of drop-outs, lost ids and ghosts. variety: how much people and repetitions
    differ. 1 is usual for these three, 0 none.
    """

    seed: int = 0
    performers: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 20, 21)
    setups: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
    actions: tuple[int, ...] = (1, 3, 6, 7, 8, 10, 23, 24, 26, 28, 34, 37, 38, 50, 55, 58)
    cameras: tuple[int, ...] = (1, 2, 3)
    replications: int = 1
    noise: float = 1.0
    quirks: float = 1.0
    variety: float = 1.0
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        for name in ("performers", "setups", "actions", "cameras"):
            numbers = getattr(self, name)
            _check(len(numbers) > 0, f"{name} must not be empty")
            _check(len(set(numbers)) == len(numbers), f"{name} must not repeat")
            _check(all(1 <= number <= 999 for number in numbers), f"{name} must lie in 1..999")
        unknown = sorted(set(self.actions) - set(ACTIONS))
        _check(not unknown, f"actions {unknown} are not simulated; known: {sorted(ACTIONS)}")
        _check(set(self.cameras) <= set(AZIMUTHS), "cameras must be of 1, 2, 3")
        _check(1 <= self.replications <= 999, "replications must lie in 1..999")
        _check(self.seed >= 0, "seed must be ≥ 0")
        _check(min(self.noise, self.quirks, self.variety) >= 0, "noise, quirks and variety must be ≥ 0")


def generate(settings: SimulatorSettings, path_zip: Path, on_clip: Callable[[int, int], None] | None = None) -> None:
    """Write the data set as one zip at path_zip (in place: who needs it atomic renames it afterwards).

    on_clip: told after each clip how many of how many are done. Clips come performance by performance, so that the
    archive is not in name order.
    """
    performances = len(settings.performers) * len(settings.actions) * settings.replications
    total, done = performances * len(settings.cameras), 0
    with zipfile.ZipFile(path_zip, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION) as archive:
        for name, text in clips(settings):
            entry = zipfile.ZipInfo(f"{FOLDER}/{name}.skeleton", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, on every machine
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text, compresslevel=COMPRESSION)
            done += 1
            if on_clip is not None:
                on_clip(done, total)


def clips(settings: SimulatorSettings) -> Iterator[tuple[str, bytes]]:
    """Name, without ending, and file content of every clip."""
    for performer in sorted(settings.performers):
        setup = settings.setups[performer % len(settings.setups)]
        for replication in range(1, settings.replications + 1):
            for action in sorted(settings.actions):
                performance = perform(settings.seed, setup, performer, replication, action, settings.variety)
                for camera in sorted(settings.cameras):
                    numbers = (setup, camera, performer, replication, action)
                    name = "S{:03d}C{:03d}P{:03d}R{:03d}A{:03d}".format(*numbers)
                    yield name, record(settings, performance, numbers)


def record(settings: SimulatorSettings, performance: Performance, numbers: tuple[int, int, int, int, int]) -> bytes:
    """What one camera writes of a performance. numbers: setup, camera, performer, replication, action."""
    sequence = np.random.SeedSequence([settings.seed, VIEW_STREAM, *numbers])
    rng = np.random.Generator(np.random.PCG64(sequence))
    camera = find_camera(settings.seed, numbers[0], numbers[1])
    bodies = [camera.view(joints_TVC) for joints_TVC in performance.bodies]
    plan = draw_plan(rng, performance.frames, len(bodies), settings.quirks)
    sightings = [observe(bodies, number, settings.noise, rng) for number in range(len(bodies))]
    return skeleton_text(follow(sightings, plan, settings.noise, rng), rng)
