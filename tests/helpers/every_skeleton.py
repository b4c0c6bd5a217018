"""The skeletons that data sets bring, and one that nobody has."""

from hacm.skeletons.shipped import TOPOLOGIES
from hacm.skeletons.skeleton import Skeleton

CRAB = Skeleton(
    joints=11,
    parents=(3, 0, 0, -1, 3, 4, 5, 3, 7, 7, 9),  # the root has number 3; numbers do not rise along the limbs
    roots=(3, 4, 7),
    centre=4,
)
SKELETONS = {
    name: Skeleton(len(topology.joints), topology.parents, topology.roots, topology.centre)
    for name, topology in TOPOLOGIES.items()
} | {"invented": CRAB}
