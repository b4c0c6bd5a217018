"""Numbers of the released implementations' runs, and how far ours are from them.

They lie beside the repository in ../shared/golden, or in the folder that HACM_GOLDEN names; tests that need them are
skipped elsewhere. `python -m pytest tests/hacm -k golden -rP` ends with the largest deviation of each comparison.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike
from torch import Tensor

from hacm.skeletons.skeleton import Skeleton

FOLDER = Path(os.environ.get("HACM_GOLDEN") or Path(__file__).parents[2].parent / "shared" / "golden")
needs_golden = pytest.mark.skipif(not FOLDER.exists(), reason="golden data are not beside the repository")

KINECT_V2 = Skeleton(
    joints=25,
    parents=(1, -1, 20, 2, 20, 4, 5, 6, 20, 8, 9, 10, 0, 12, 13, 14, 0, 16, 17, 18, 1, 7, 7, 11, 11),
    roots=(0, 1, 4, 8, 12, 16, 20),
    centre=1,
)


@dataclass(frozen=True)
class Comparison:
    """One piece of ours beside the golden one.

    absolute: the largest deviation. relative: the same over the golden piece's largest value. allowed: element by
    element.
    """

    what: str
    values: int
    absolute: float
    relative: float
    allowed: str


MADE: dict[str, Comparison] = {}


def arrays(method: str) -> dict[str, np.ndarray]:
    """The arrays of the released run of `hacm` or `mamp`."""
    return dict(np.load(FOLDER / f"{method}_golden.npz"))


def compare(what: str, found: Tensor | ArrayLike, expected: ArrayLike, *, rtol: float = 0, atol: float = 0) -> None:
    """AssertionError where |found − expected| > atol + rtol·|expected|. Each piece's worst is kept for the table."""
    ours = np.asarray(found.detach() if isinstance(found, Tensor) else found, dtype=np.float64)
    golden = np.asarray(expected, dtype=np.float64)
    assert ours.shape == golden.shape
    deviation = np.abs(ours - golden)
    relative = deviation.max() / max(np.abs(golden).max(), 1e-300)
    bounds = [f"{bound:.0e}{unit}" for bound, unit in ((atol, ""), (rtol, " relative")) if bound]
    made = Comparison(what, ours.size, deviation.max(), relative, " + ".join(bounds) or "equal")
    MADE[what] = max(made, MADE.get(what, made), key=lambda each: each.absolute)
    np.testing.assert_allclose(ours, golden, rtol=rtol, atol=atol, err_msg=what)


def table() -> list[str]:
    """All comparisons made so far as lines of text."""
    width = max(map(len, MADE))
    head = f"{'piece':{width}} {'values':>8}  {'largest deviation':>17} {'of the largest':>14}  allowed"
    return [head] + [
        f"{each.what:{width}} {each.values:8,}  {each.absolute:17.1e} {each.relative:14.1e}  {each.allowed}"
        for _, each in sorted(MADE.items())
    ]
