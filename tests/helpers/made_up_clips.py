"""Made-up clips with which nothing is wrong, so that a test can put one fault into them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from hacm.recordings import Clip, Identity
from hacm.skeletons.shipped import KINECT_V1
from pipeline.datasets.definition import DataSet
from pipeline.datasets.utd_mhad import UTD_MHAD
from pipeline.store.store import SkeletonStore, StoreWriter

DATASET: DataSet = replace(
    UTD_MHAD, name="made-up", clips=None, expected={}, checksums=None, splits={"xsub": UTD_MHAD.splits["xsub"]}
)
FRAMES = 40

STANDING = np.array(
    [
        (0, 0.62, 0), (0, 0.4, 0), (0, 0, 0), (0, -0.1, 0),
        (-0.2, 0.38, 0), (-0.3, 0.12, 0), (-0.35, -0.12, 0), (-0.36, -0.2, 0),
        (0.2, 0.38, 0), (0.3, 0.12, 0), (0.35, -0.12, 0), (0.36, -0.2, 0),
        (-0.12, -0.14, 0), (-0.13, -0.52, 0), (-0.14, -0.9, 0), (-0.15, -0.95, -0.1),
        (0.12, -0.14, 0), (0.13, -0.52, 0), (0.14, -0.9, 0), (0.15, -0.95, -0.1),
    ]
)  # fmt: skip
"""Kinect v1's joints, metres, of somebody who faces the camera, which z points away from."""


def make_body(seed: int, frames: int = FRAMES, size: float = 1.0) -> np.ndarray:
    """(T, V, 3): a body that sways and walks, its arms and legs swinging, seen with a millimetre of noise."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 1, frames)[:, np.newaxis, np.newaxis]
    pace, phase = rng.uniform(0.5, 1.5), rng.uniform(0, 6, size=(1, 1, 3))
    body = size * STANDING + rng.uniform(0.1, 0.4, size=3) * np.sin(2 * np.pi * pace * time + phase)
    for limb in ([5, 6, 7], [9, 10, 11], [13, 14, 15], [17, 18, 19]):
        swing = rng.uniform(0.05, 0.3)
        body[:, limb] += swing * np.sin(2 * np.pi * pace * time + rng.uniform(0, 6)) * np.array([0, 0.2, 1])
    return (body + rng.normal(scale=0.001, size=body.shape)).astype(np.float32)


def make_clips() -> list[Clip]:
    """Eight people, three actions, two executions; people with odd numbers train."""
    clips = []
    for subject in range(1, 9):
        for action in range(3):
            for take in (1, 2):
                number = len(clips)
                identity = Identity(f"a{action + 1}_s{subject}_t{take}", subject, action, replication=take)
                body = make_body(number, FRAMES + number % 7, 0.9 + 0.03 * subject)
                clips.append(Clip(identity, 30.0, KINECT_V1, body[np.newaxis]))
    return clips


def write_store(path: Path, clips: list[Clip], sources: dict[str, tuple[str, str]] | None = None) -> SkeletonStore:
    """sources: raw file and its SHA-256 by clip, where they are not the clip's own."""
    with StoreWriter(path, DATASET.name, KINECT_V1, {"kind": "clips", "recordings_version": "f" * 32}) as store:
        for number, clip in enumerate(clips):
            name = clip.identity.name
            store.add(clip, *(sources or {}).get(name, (f"Skeleton.zip/{name}.mat", f"{number:064x}")))
    return SkeletonStore.open(path)
