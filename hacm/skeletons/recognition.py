"""Which known skeleton joints may be of, by their number: for whoever gave those of another."""

from collections.abc import Sequence

from hacm.skeletons.shipped import TOPOLOGIES
from hacm.skeletons.topology import Topology


def explain_joints(joints: int, expected: Topology, option: str) -> str:
    """What is wrong with so many joints, with the known skeletons of so many, or the nearest one.

    option: how a skeleton is named where the joints came from, such as `--skeleton {}`.
    """
    says = f"{joints} joints, and {expected.name} has {len(expected.recorded)}"
    fitting = [one.name for one in TOPOLOGIES.values() if joints in (len(one.recorded), len(one.joints))]
    if fitting:
        return f"{says}; if they are {' or '.join(fitting)}, say so ({option.format(fitting[0])})"
    nearest = min(TOPOLOGIES.values(), key=lambda one: abs(len(one.recorded) - joints))
    return f"{says}; the nearest known skeleton is {nearest.name} of {len(nearest.recorded)}"


def find_named(joints: Sequence[str]) -> Topology | None:
    """The known skeleton whose recorded joints these are, in whatever order; None if there is none."""
    return next((one for one in TOPOLOGIES.values() if set(one.recorded) == set(joints)), None)
