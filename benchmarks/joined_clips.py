"""Long recordings with a known truth: real clips of one person, one after the other, with blended seams.

Each clip is moved so that its centre joint begins where the last one's ended, and so many frames between them go
smoothly from the last pose to the first: a jump would give the change away. The change is in the middle of the seam.

Shapes: M bodies, T frames, V joints, C coordinates.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hacm.segmentation.spans import Span

SEAM = 10
"""Frames: a third of a second."""


@dataclass(frozen=True)
class Joined:
    """A long recording and what is seen in it when. bodies_MTVC: one body."""

    bodies_MTVC: NDArray[np.float32]
    truth: tuple[Span, ...]


def join(clips: Sequence[NDArray[np.float32]], labels: Sequence[int], centre: int, seam: int = SEAM) -> Joined:
    """One recording of clips of one body each, (1, T, V, 3)."""
    parts: list[NDArray[np.float32]] = []
    edges = [0]
    for clip in clips:
        moved_TVC = clip[0]
        if parts:
            last_VC = parts[-1][-1]
            moved_TVC = moved_TVC - moved_TVC[0, centre] + last_VC[centre]
            parts.append(blend(last_VC, moved_TVC[0], seam))
            edges.append(sum(map(len, parts)) - seam // 2)
        parts.append(moved_TVC.astype(np.float32))
    edges.append(sum(map(len, parts)))
    truth = [Span(start, stop, label, 1.0) for start, stop, label in zip(edges[:-1], edges[1:], labels, strict=True)]
    return Joined(np.concatenate(parts)[None], tuple(truth))


def blend(first_VC: NDArray[np.float32], last_VC: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """So many poses between two, beginning and ending at rest: the share of the second is 3u² − 2u³."""
    u_T = np.arange(1, frames + 1) / (frames + 1)
    share_T11 = (3 * u_T**2 - 2 * u_T**3)[:, None, None]
    return ((1 - share_T11) * first_VC + share_T11 * last_VC).astype(np.float32)
