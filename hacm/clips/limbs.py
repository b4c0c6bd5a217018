"""Other people's proportions: the bones of each limb drawn longer or shorter, all joints moved along.

Suffixes: N clips, G groups of bones, V joints, B sequences, T frames, C coordinates.
"""

from functools import cache

import torch
from torch import Tensor

from hacm.skeletons.limbs import find_limbs_by_branching
from hacm.skeletons.skeleton import Skeleton


class Limbs:
    """The bones of a skeleton in groups, one per limb and one for the trunk.

    A bone leads from a joint's parent to the joint; the root has none and stays where it is.
    """

    def __init__(self, parents: tuple[int, ...]) -> None:
        root = parents.index(-1)
        skeleton = Skeleton(len(parents), parents, (root,), root)
        limbs = find_limbs_by_branching(skeleton)
        self.groups = len(limbs) + 1
        group_of = {joint: number for number, limb in enumerate(limbs) for joint in limb}
        self.group_V = torch.tensor([group_of.get(joint, len(limbs)) for joint in range(len(parents))])
        self.root = root
        self.path_VV = torch.zeros(len(parents), len(parents))  # which bones lead to a joint
        self.bone_VV = torch.eye(len(parents))  # a joint less its parent
        for joint, parent in enumerate(parents):
            self.path_VV[joint, list(skeleton.chain(joint))] = 1
            if parent >= 0:
                self.bone_VV[joint, parent] = -1

    def scale(self, factor_NG: Tensor) -> Tensor:
        """The linear maps, (N, V, V), that make the bones of each group so many times as long."""
        factor_NV = factor_NG[:, self.group_V].float()
        factor_NV[:, self.root] = 1
        return self.path_VV @ (factor_NV[:, :, None] * self.bone_VV)


@cache
def limbs_of(parents: tuple[int, ...]) -> Limbs:
    """The same, found once per skeleton and not in every step."""
    return Limbs(parents)


def stretch(x_BTVC: Tensor, map_BVV: Tensor) -> Tensor:
    """Every frame's joints, mapped by its sequence's own map."""
    return torch.einsum("bvw,btwc->btvc", map_BVV, x_BTVC)
