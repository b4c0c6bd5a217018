"""Who is who from one frame to the next, where an estimator does not say: the nearest in the frame before.

Shape suffixes: R lines (a person in a frame each), V joints, C coordinates.
"""

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording

FARTHEST = 0.5
"""A person moves at most this share of the own extent between two frames of being seen; who is further is another."""
MOST_TRACKS = 256
"""More are no people but false finds, and would take long to be compared."""


def follow_people(frame_R: NDArray[np.float64], places_RVC: NDArray[np.float64]) -> NDArray[np.int64]:
    """The person of each line, from 0 in order of first appearance. Lines are in the order of their frames.

    All people of a frame are assigned at once, so that the sum of their ways since they were last seen, means over the
    joints seen both times, is the least. BadRecording for more than MOST_TRACKS.
    """
    person_R = np.zeros(len(frame_R), np.int64)
    last: list[NDArray[np.float64]] = []
    starts = np.flatnonzero(np.diff(frame_R, prepend=-np.inf))
    for start, end in zip(starts, [*starts[1:], len(frame_R)], strict=True):
        ways = np.full((end - start, len(last)), np.inf)
        for row in range(int(start), int(end)):
            extent = _extent(places_RVC[row])
            for person, before_VC in enumerate(last):
                way = _way(places_RVC[row], before_VC)
                if way <= FARTHEST * extent:
                    ways[row - start, person] = way
        taken: dict[int, int] = dict(zip(*_assign(ways), strict=True))
        for row in range(int(start), int(end)):
            person = taken.get(row - int(start), len(last))
            if person == len(last):
                last.append(places_RVC[row])
                if person >= MOST_TRACKS:
                    raise BadRecording(
                        f"over {MOST_TRACKS} tracks: people jump about; run the estimator's own tracking"
                    )
            else:
                last[person] = places_RVC[row]
            person_R[row] = person
    return person_R


def _assign(ways: NDArray[np.float64]) -> tuple[list[int], list[int]]:
    """Rows and columns that belong together; infinite ways are none."""
    if not ways.size or not np.isfinite(ways).any():
        return [], []
    # Here and not above: whose files hold one person, or none, does not wait for it.
    from scipy.optimize import linear_sum_assignment

    finite = np.isfinite(ways)
    rows, columns = linear_sum_assignment(np.where(finite, ways, 1e6 * (1 + ways[finite].max())))
    kept = finite[rows, columns]
    return rows[kept].tolist(), columns[kept].tolist()


def _extent(places_VC: NDArray[np.float64]) -> float:
    seen_VC = places_VC[np.isfinite(places_VC).all(axis=1)]
    return float(np.ptp(seen_VC, axis=0).max()) if len(seen_VC) else 0.0


def _way(one_VC: NDArray[np.float64], other_VC: NDArray[np.float64]) -> float:
    """The mean distance of the joints seen in both; infinite if there are none."""
    with np.errstate(over="ignore"):  # too far is far enough
        distance_V = np.linalg.norm(one_VC - other_VC, axis=1)
    seen_V = np.isfinite(distance_V)
    return float(distance_V[seen_V].mean()) if seen_V.any() else np.inf
