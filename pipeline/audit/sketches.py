"""Finds clips that are nearly the same, without comparing all pairs.

A clip's *sketch* is a random projection of its first body's joints, each frame centred on the centring joint and the
frames resampled linearly to eight: moving the origin or changing the frame rate does not change it, and two clips whose
joints differ by r metres (root mean square) have sketches that differ by about r·√(k/3) (Johnson, Lindenstrauss 1984).
Neighbours among the sketches are then compared joint by joint. A clip turned, mirrored or cut elsewhere is
another.
Legend: N clips, R rows, S resampled frames, V joints, C coordinates, K numbers of a sketch.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hacm.skeletons.topology import Topology
from pipeline.audit.streaming import ClipBatch
from pipeline.store.store import SkeletonStore

SKETCH_FRAMES = 8
EXACT_FRAMES = 24
SKETCH_NUMBERS = 8
NEIGHBOURS = 6

NEAR = 0.004
"""Metres (root mean square over joints and frames): two executions of one movement by one person differ by more. The
nearest in UTD-MHAD are 17 mm apart, in UI-PRMD 7 mm."""

SAFETY = 2.0
"""By how much farther sketches are looked for: a projection of 8 numbers stretches by more once in 10,000 times."""


@dataclass(frozen=True)
class NearPair:
    """Two clips, by name, and how far apart: metres, root mean square over joints and frames."""

    first: str
    second: str
    distance: float


def resample(
    rows_RVC: NDArray[np.float32], first: NDArray[np.int64], frames: NDArray[np.int64], centre: int, count: int
) -> NDArray[np.float32]:
    """(N, count, V, 3): the body of each clip that begins at row `first`, centred in every frame, in `count` frames."""
    place_NS = (frames - 1)[:, np.newaxis] * np.linspace(0, 1, count)
    low_NS = np.floor(place_NS).astype(np.int64)
    high_NS = np.minimum(low_NS + 1, (frames - 1)[:, np.newaxis])
    weight_NS = (place_NS - low_NS).astype(np.float32)[..., np.newaxis, np.newaxis]
    low_NSVC, high_NSVC = rows_RVC[first[:, np.newaxis] + low_NS], rows_RVC[first[:, np.newaxis] + high_NS]
    mixed_NSVC = (1 - weight_NS) * low_NSVC + weight_NS * high_NSVC
    return mixed_NSVC - mixed_NSVC[:, :, centre : centre + 1]


def sketch(batch: ClipBatch, rows_RVC: NDArray[np.float32], topology: Topology) -> NDArray[np.float32]:
    """(N, K): the sketches of a batch's clips, whose rows these are."""
    frames = batch.clips["frames"].to_numpy().astype(np.int64)
    poses = resample(rows_RVC, batch.first_row, frames, topology.centre, SKETCH_FRAMES).reshape(len(frames), -1)
    projection = np.random.default_rng(0).standard_normal((poses.shape[1], SKETCH_NUMBERS)).astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.nan_to_num(poses @ projection / np.float32(np.sqrt(poses.shape[1])), posinf=0, neginf=0)


def find_near_pairs(
    store: SkeletonStore, names: pl.Series, sketches_NK: NDArray[np.float32], topology: Topology
) -> list[NearPair]:
    """Pairs of clips that are nearly, but not byte for byte, the same; of identical clips the first stands for all.

    names: of the clips in the order of their sketches. Of a clip's neighbours the nearest few are compared.
    """
    from scipy.spatial import cKDTree

    hashes = pl.DataFrame({"name": names}).join(store.manifest.select("name", "hash"), on="name", maintain_order="left")
    distinct = np.flatnonzero(hashes["hash"].is_first_distinct().to_numpy())
    if len(distinct) < 2:
        return []
    points = sketches_NK[distinct].astype(np.float64)
    radius = SAFETY * NEAR * np.sqrt(SKETCH_NUMBERS / 3)
    neighbours = cKDTree(points).query(points, k=min(NEIGHBOURS, len(points)), distance_upper_bound=radius)[1]
    others = np.asarray(neighbours).reshape(len(points), -1)
    candidates = {
        (min(one, int(other)), max(one, int(other)))
        for one, row in enumerate(others)
        for other in row
        if other < len(points) and other != one
    }
    pairs = []
    for one, other in sorted(candidates):
        first, second = str(names[int(distinct[one])]), str(names[int(distinct[other])])
        distance = measure_distance(store[first], store[second], topology)
        if distance < NEAR:
            pairs.append(NearPair(first, second, distance))
    return pairs


def measure_distance(one_MTVC: NDArray[np.float32], other_MTVC: NDArray[np.float32], topology: Topology) -> float:
    """Metres between the first bodies' joints, root mean square; each centred in every frame and resampled."""
    poses = [
        resample(clip[0], np.zeros(1, np.int64), np.array([clip.shape[1]]), topology.centre, EXACT_FRAMES)[0]
        for clip in (one_MTVC, other_MTVC)
    ]
    difference = (poses[0] - poses[1]).astype(np.float64)
    return float(np.sqrt((difference**2).sum(axis=-1).mean()))
