"""Clips of noise."""

import torch

from hacm.clips.ragged import Clips, pack_clips


def random_clips(
    shapes: list[tuple[int, int]], joints: int = 5, kept: int = 3, classes: int = 2, seed: int = 0
) -> Clips:
    """Clips of normal noise from (bodies, frames) pairs; labels go round."""
    generator = torch.Generator().manual_seed(seed)
    return pack_clips(
        [torch.randn(bodies, frames, joints, 3, generator=generator) for bodies, frames in shapes],
        [place % classes for place in range(len(shapes))],
        [torch.rand(bodies, frames, kept, generator=generator) for bodies, frames in shapes],
    )
