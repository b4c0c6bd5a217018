"""Checks that a data set's coordinates can be metres, by the size of a body in each recording."""

from collections.abc import Mapping
from statistics import median

import numpy as np

from hacm.errors import UserError, name_some
from hacm.recordings import Recording
from pipeline.store.losses import describe_share

PLAUSIBLE = (0.3, 3.5)
"""Metres that a body spans, as the audit has it."""

POSSIBLE = (0.02, 50.0)
"""Beyond these it is another unit: nothing that is computed from such clips means anything, if it can be computed."""


def measure_size(recording: Recording) -> float | None:
    """Metres that a body spans in this recording, the median of its body-frames; None if no body has a size."""
    rows_RVC = recording.bodies_MTVC.reshape(-1, *recording.bodies_MTVC.shape[2:])
    # Over the first axis of contiguous memory NumPy compares many numbers at once, over a later one three at a time.
    joints_VRC = np.ascontiguousarray(rows_RVC.transpose(1, 0, 2))
    with np.errstate(invalid="ignore", over="ignore"):
        sizes_R = np.maximum.reduce((joints_VRC.max(axis=0) - joints_VRC.min(axis=0)).T)
    if not (sizes_R > 0).any():  # maybe a joint is never seen: of the others
        sizes_R = np.maximum.reduce((np.fmax.reduce(joints_VRC) - np.fmin.reduce(joints_VRC)).T)
    sizes_R = sizes_R[sizes_R > 0]  # neither absent (NaN) nor all joints in one place, as sensors have a lost body
    return float(np.median(sizes_R)) if len(sizes_R) else None


def check_sizes(dataset: str, sizes: Mapping[str, float]) -> list[str]:
    """The line to be said of the median size, if it is not plausible; UserError if it is not possible.

    sizes: of each recording by its name. UserError, too, if one recording's size is not possible: it is in another unit
    than the others.
    """
    if not sizes:
        return []
    size = median(sizes.values())
    line = (
        f"{dataset}: a body spans {_in_metres(size)} m (median), so its coordinates are not metres; set metres where "
        "its reader is defined (0.001 for millimetres, 0.01 for centimetres), or dimensions=2 if they are pixels"
    )
    if not POSSIBLE[0] <= size <= POSSIBLE[1]:
        raise UserError(line)
    others = {name: one for name, one in sizes.items() if not POSSIBLE[0] <= one <= POSSIBLE[1]}
    if others:
        raise UserError(_describe_others(dataset, others, len(sizes), size))
    return [] if PLAUSIBLE[0] <= size <= PLAUSIBLE[1] else [line]


def _describe_others(dataset: str, others: Mapping[str, float], total: int, size: float) -> str:
    """What is said of recordings in another unit than most."""
    least, most = _in_metres(min(others.values())), _in_metres(max(others.values()))
    span = f"{most} m" if least == most else f"{least} to {most} m"
    return (
        f"{dataset}: {describe_share(len(others), total, 'recordings')}: a body spans {span}, and "
        f"{_in_metres(size)} m in most, so their coordinates are in another unit; {name_some(sorted(others))}; convert "
        "or remove them, or set metres (metres=0.001 for millimetres) where the reader is defined, if it can tell them "
        "apart"
    )


def _in_metres(size: float) -> str:
    return f"{size:.3g}" if size < 1000 else f"{size:.0f}"
