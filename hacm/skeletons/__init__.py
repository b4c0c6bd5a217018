"""Skeletons: joint names, parents, bones, and which joint of one stands for which of another. Never imports torch."""

from hacm.skeletons.topology import Topology

__all__ = ["Topology"]
