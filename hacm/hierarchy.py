"""Hierarchies that come from the data itself, before any training (hacm.md §3, "Precomputed hierarchies").

Suffixes: R frames (rows), V joints, J kept joints, C coordinates, D coordinates of the tree's embedding.
"""

from cmath import phase, rect
from collections.abc import Callable
from dataclasses import dataclass
from math import pi, tanh
from typing import overload

import geoopt
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hacm.errors import SettingsError
from hacm.model.geometry import PoincareBall, euclidean_cdist
from hacm.model.masking import spatial_scores
from hacm.settings import TreeSettings
from hacm.skeletons.skeleton import Skeleton

Distances = Callable[[Tensor], Tensor]  # points (V, D) to their pairwise distances (V, V)
BALL = PoincareBall()
ROWS_AT_ONCE = 8192  # bounds the memory: distances of so many frames are 11 MB for 18 joints
DEEPEST = 12.0  # geodesic radius: geoopt clamps float64 points to 12.2


# ---- hierarchy of a frame ------------------------------------------------------------------------------------------


@overload
def frame_hierarchy(
    joints_RVC: NDArray[np.floating], skeleton: Skeleton, scale: float, root_weight: float
) -> NDArray[np.float32]: ...


@overload
def frame_hierarchy(joints_RVC: Tensor, skeleton: Skeleton, scale: float, root_weight: float) -> Tensor: ...


def frame_hierarchy(
    joints_RVC: NDArray[np.floating] | Tensor, skeleton: Skeleton, scale: float, root_weight: float
) -> NDArray[np.float32] | Tensor:
    """h(f, v) = Σ_u d(x_u, x_v) + w_root·d(father, x_v) of the kept joints in every frame: float32 (R, J).

    x = exp_0(scale · (joint − mean of the root set)), scale in tangent units per metre; father = mean of the mapped
    root joints. Frames that are all zero give zeros. Unchanged by rotation and translation of a frame. A numpy array
    gives a numpy array, a tensor a tensor on the same device. ValueError unless joints_RVC is (R, V, 3).
    """
    if joints_RVC.ndim != 3 or tuple(joints_RVC.shape[1:]) != (skeleton.joints, 3):
        raise ValueError(f"joints must have shape (rows, {skeleton.joints}, 3), but have {tuple(joints_RVC.shape)}")
    if isinstance(joints_RVC, np.ndarray):
        return frame_hierarchy(torch.from_numpy(np.ascontiguousarray(joints_RVC)), skeleton, scale, root_weight).numpy()
    hierarchy_RJ = torch.empty(len(joints_RVC), len(skeleton.kept), device=joints_RVC.device)
    with torch.no_grad():
        for start in range(0, len(joints_RVC), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            hierarchy_RJ[rows] = _hierarchy_of_rows(joints_RVC[rows].float(), skeleton, scale, root_weight)
    return hierarchy_RJ


def _hierarchy_of_rows(joints_RVC: Tensor, skeleton: Skeleton, scale: float, root_weight: float) -> Tensor:
    ball = PoincareBall()
    roots, kept = list(skeleton.roots), list(skeleton.kept)
    centred_RVC = scale * (joints_RVC - joints_RVC[:, roots].mean(1, keepdim=True))
    father = ball.mean(ball.expmap0(centred_RVC[:, roots]))
    hierarchy_RJ = spatial_scores(ball.expmap0(centred_RVC[:, kept]), father, ball, root_weight)
    present_R = joints_RVC.ne(0).any(2).any(1)
    return torch.where(present_R[:, None], hierarchy_RJ, 0.0)


# ---- embedding of the kinematic tree -------------------------------------------------------------------------------


@dataclass(frozen=True)
class TreeEmbedding:
    """The kinematic tree in the Poincaré ball, the tree's root at the origin.

    points_VD: coordinates. radius_V: geodesic distance from the root joint, the joint's hierarchy level. distance_VV:
    geodesic distances. tree_VV: path lengths along the bones, in the same (scaled) units. distortion: of this
    embedding; distortion_euclidean: of points in flat space of the same dimension, from the same start, after as many
    steps; distortion_random: of points of the ball at the joints' own depths in random directions.
    """

    points_VD: NDArray[np.float64]
    radius_V: NDArray[np.float64]
    distance_VV: NDArray[np.float64]
    tree_VV: NDArray[np.float64]
    distortion: float
    distortion_euclidean: float
    distortion_random: float


def embed_tree(skeleton: Skeleton, bone_length_V: NDArray[np.floating], settings: TreeSettings) -> TreeEmbedding:
    """Embed the tree whose edges are the bones so that geodesic distances match path lengths (hacm.md §3).

    bone_length_V: mean length in metres of the bone from each joint to its parent; the root's entry is not read. The
    loss is the mean squared relative error over all pairs. The same settings and lengths give the same numbers.
    ValueError, naming the joint, for a bone that is not positive and finite; SettingsError if the scale is too large.
    """
    tree_VV = settings.scale * tree_distances(skeleton, bone_length_V)
    deepest = tree_VV[skeleton.root].max()
    if deepest > DEEPEST:
        raise SettingsError(f"tree.scale {settings.scale} puts a joint at radius {deepest:.1f}; {DEEPEST} is the most")
    target_VV = torch.from_numpy(tree_VV)
    generator = torch.Generator().manual_seed(settings.seed)
    start_VD = start(sarkar_layout(skeleton, settings.scale * bone_length_V), settings.dim, generator)
    manifold = geoopt.PoincareBall(c=1.0)
    points = geoopt.ManifoldParameter(at_radius(start_VD), manifold=manifold)
    minimise(geoopt.optim.RiemannianAdam([points], lr=settings.lr), points, ball_distances, target_VV, settings.steps)
    flat = torch.nn.Parameter(start_VD.clone())
    minimise(torch.optim.Adam([flat], lr=settings.lr), flat, flat_distances, target_VV, settings.steps)
    random_VD = torch.randn(start_VD.shape, generator=generator, dtype=torch.float64)
    random_VD *= (target_VV[skeleton.root] / random_VD.norm(dim=-1))[:, None]
    with torch.no_grad():
        centred_VD = manifold.mobius_add(-points[skeleton.root], points)
        distance_VV = ball_distances(centred_VD)
        return TreeEmbedding(
            points_VD=centred_VD.numpy(),
            radius_V=distance_VV[skeleton.root].numpy(),
            distance_VV=distance_VV.numpy(),
            tree_VV=tree_VV,
            distortion=distortion(distance_VV.numpy(), tree_VV),
            distortion_euclidean=distortion(flat_distances(flat).numpy(), tree_VV),
            distortion_random=distortion(ball_distances(at_radius(random_VD)).numpy(), tree_VV),
        )


def tree_distances(skeleton: Skeleton, bone_length_V: NDArray[np.floating]) -> NDArray[np.float64]:
    """Path length between every two joints along the bones, in bone_length_V's unit: (V, V).

    A bone is on the path between two joints exactly if it is on the way to the root of one of them, not of both.
    """
    if bone_length_V.shape != (skeleton.joints,):
        raise ValueError(f"bone lengths must have shape ({skeleton.joints},), but have {bone_length_V.shape}")
    length_V = np.array(bone_length_V, dtype=np.float64)
    length_V[skeleton.root] = 0
    for joint in range(skeleton.joints):
        if joint != skeleton.root and not 0 < length_V[joint] < np.inf:
            raise ValueError(f"the bone of joint {joint} must have a positive length, but has {length_V[joint]}")
    passes_VV = np.zeros((skeleton.joints, skeleton.joints))
    for joint in range(skeleton.joints):
        passes_VV[joint, list(skeleton.chain(joint))] = 1
    return np.abs(passes_VV[:, None] - passes_VV[None]) @ length_V


def sarkar_layout(skeleton: Skeleton, bone_length_V: NDArray[np.floating]) -> NDArray[np.complex128]:
    """Sarkar's construction in the Poincaré disc: root at 0, every bone at its true length, (V,) complex numbers.

    Seen from a joint, its parent and its children lie in directions spread evenly over the circle. In the disc, a
    point's view is the Möbius addition a ⊕ b = (a + b) / (1 + ā·b): p ⊕ v is the point seen from p as v, and −p ⊕ q is
    how p sees q.
    """
    disc_V = np.zeros(skeleton.joints, dtype=np.complex128)
    for joint in sorted(range(skeleton.joints), key=lambda j: len(skeleton.chain(j))):
        children = skeleton.children(joint)
        place = complex(disc_V[joint])
        is_root = joint == skeleton.root
        parent = 0j if is_root else complex(disc_V[skeleton.parents[joint]])
        back = phase((parent - place) / (1 - place.conjugate() * parent))
        ways = len(children) + (0 if is_root else 1)
        for number, child in enumerate(children, start=1):
            step = rect(tanh(bone_length_V[child] / 2), back + 2 * pi * number / ways)
            disc_V[child] = (place + step) / (1 + place.conjugate() * step)
    return disc_V


def start(disc_V: NDArray[np.complex128], dim: int, generator: torch.Generator) -> Tensor:
    """Points of the disc as (V, D) float64 vectors as long as their geodesic radius, in the first two dimensions.

    A little noise lets the optimisers find the others.
    """
    length_V = 2 * np.arctanh(np.abs(disc_V))
    start_VD = 1e-3 * torch.randn(len(disc_V), dim, generator=generator, dtype=torch.float64)
    start_VD[:, 0] += torch.from_numpy(length_V * np.cos(np.angle(disc_V)))
    start_VD[:, 1] += torch.from_numpy(length_V * np.sin(np.angle(disc_V)))
    return start_VD


def at_radius(vector_VD: Tensor) -> Tensor:
    """Points of the ball in the vectors' directions, at geodesic distances from the origin equal to their lengths."""
    return BALL.expmap0(vector_VD / 2).point


def ball_distances(points_VD: Tensor) -> Tensor:
    """Geodesic distances between points of the ball, (V, V)."""
    points = BALL.at(points_VD)
    return BALL.pairwise_distance(points, points)


def flat_distances(points_VD: Tensor) -> Tensor:
    """Euclidean distances, (V, V)."""
    return euclidean_cdist(points_VD, points_VD)


def minimise(
    optimiser: torch.optim.Optimizer, points_VD: Tensor, distances: Distances, target_VV: Tensor, steps: int
) -> None:
    """Move points_VD to lessen the mean of (d / d_tree − 1)² over pairs; the learning rate falls to 0 by a cosine."""
    first, second = torch.triu_indices(len(target_VV), len(target_VV), offset=1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        ratio = distances(points_VD)[first, second] / target_VV[first, second]
        (ratio - 1).square().mean().backward()
        optimiser.step()
        schedule.step()


def distortion(distance_VV: NDArray[np.float64], tree_VV: NDArray[np.float64]) -> float:
    """Mean |α·d / d_tree − 1| over pairs for the α that makes it least.

    With r = d / d_tree that is a weighted median problem: Σ|α·r − 1| = Σ r·|α − 1/r|.
    """
    pairs = np.triu_indices(len(tree_VV), 1)
    ratio = np.sort(distance_VV[pairs] / tree_VV[pairs])[::-1]
    middle = np.searchsorted(np.cumsum(ratio), ratio.sum() / 2)
    return float(np.abs(ratio / ratio[middle] - 1).mean())
