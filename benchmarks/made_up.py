"""Clips to measure with, in the shape of NTU RGB+D's: 25 smoothly moving joints, some 100 frames, one or two bodies.

Not a data set: no figure about accuracy may come from them.
"""

import torch

from hacm.clips.ragged import Clips
from hacm.skeletons.shipped import KINECT_V2
from hacm.skeletons.skeleton import Skeleton

KINECT = Skeleton(len(KINECT_V2.joints), KINECT_V2.parents, KINECT_V2.roots, KINECT_V2.centre)
LEAST_FRAMES, MOST_FRAMES = 60, 140
CLASSES = 60
# NTU RGB+D, cross-subject: training and test clips.
NTU_TRAIN, NTU_TEST = 40_091, 16_487


def make_clips(count: int, bodies: int = 1, *, seed: int = 0, hierarchies: bool = False) -> Clips:
    """`count` clips of so many bodies each."""
    generator = torch.Generator().manual_seed(seed)
    frames_N = torch.randint(LEAST_FRAMES, MOST_FRAMES + 1, (count,), generator=generator)
    bodies_N = torch.full((count,), bodies)
    rows_N = frames_N * bodies_N
    rows = int(rows_N.sum())
    joints_RVC = torch.randn(rows, KINECT.joints, 3, generator=generator).mul_(0.02).cumsum_(0).sin_()
    return Clips(
        joints_RVC=joints_RVC,
        hierarchy_RJ=torch.rand(rows, len(KINECT.kept), generator=generator) if hierarchies else None,
        offset_N=rows_N.cumsum(0) - rows_N,
        frames_N=frames_N,
        bodies_N=bodies_N,
        label_N=torch.randint(0, CLASSES, (count,), generator=generator),
    )
