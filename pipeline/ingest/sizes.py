"""Whether the coordinates of a data set can be metres: the size of a body, by recording."""

from collections.abc import Sequence
from statistics import median

import numpy as np

from hacm.errors import UserError
from hacm.recordings import Recording

PLAUSIBLE = (0.3, 3.5)
"""Metres that a body spans, as the audit has it."""

POSSIBLE = (0.02, 50.0)
"""Beyond these it is another unit: nothing that is computed from such clips means anything, if it can be computed."""


def measure_size(recording: Recording) -> float | None:
    """Metres that the first body spans in the first frame in which one was seen; None if there is none."""
    rows_RVC = recording.bodies_MTVC.reshape(-1, *recording.bodies_MTVC.shape[2:])
    seen_R = np.isfinite(rows_RVC[:, 0, 0])
    return float(np.ptp(rows_RVC[int(np.argmax(seen_R))], axis=0).max()) if seen_R.any() else None


def check_sizes(dataset: str, sizes: Sequence[float]) -> list[str]:
    """The line to be said of the median size, if it is not plausible; UserError if it is not possible."""
    if not sizes:
        return []
    size = median(sizes)
    if PLAUSIBLE[0] <= size <= PLAUSIBLE[1]:
        return []
    line = (
        f"{dataset}: a body spans {size:.3g} m (median), so its coordinates are not metres; set metres where its "
        "reader is defined (0.001 for millimetres, 0.01 for centimetres)"
    )
    if not POSSIBLE[0] <= size <= POSSIBLE[1]:
        raise UserError(line)
    return [line]
