"""Groups of recordings that are alike, without a label: scikit-learn's HDBSCAN, or k-means where their number is known.

Features are put on the training clips' scale, cut to their main directions (PCA) and to length 1, so that nearness is
that of `hacm search`. Needs the extra `sklearn`.

Shapes: N recordings, D width, P main directions.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from hacm.errors import UserError
from hacm.models.familiarity import Neighbours

DIRECTIONS = 32
"""Main directions that are kept: density is not to be seen in hundreds."""
SMALLEST = 5
"""Recordings of the smallest group that HDBSCAN finds, unless another number is given."""
SEED = 0
ALONE = -1
"""The group of what belongs to none."""


@dataclass(frozen=True)
class Group:
    """number: from 0, the largest first; ALONE for what is in no group. members_N: places, the most typical first."""

    number: int
    members_N: NDArray[np.int64]


def find_groups(
    features_ND: NDArray[np.float32],
    scale: Neighbours | None,
    groups: int | None = None,
    smallest: int = SMALLEST,
) -> list[Group]:
    """The groups, the largest first, and last what is in none. The same features give the same groups.

    groups: their number, if it is known (k-means); else it is found (HDBSCAN), with groups of `smallest` or more.
    UserError without scikit-learn, or with too few recordings.
    """
    try:
        from sklearn.cluster import HDBSCAN, KMeans
        from sklearn.decomposition import PCA
    except ImportError as error:
        raise UserError("grouping needs scikit-learn: pip install 'hacm-pipeline[sklearn]'") from error
    least = max(2, groups or smallest)
    if len(features_ND) < least:
        raise UserError(f"{len(features_ND)} recordings are too few for groups: at least {least} are needed")
    point_NP = _normalised(features_ND, scale)
    directions = min(DIRECTIONS, *point_NP.shape)
    point_NP = PCA(directions, svd_solver="full").fit_transform(point_NP)
    if groups is None:
        label_N = HDBSCAN(min_cluster_size=smallest, copy=True).fit_predict(point_NP)
    else:
        label_N = KMeans(groups, n_init=10, random_state=SEED).fit_predict(point_NP)
    return _sort(point_NP, label_N)


def _normalised(features_ND: NDArray[np.float32], scale: Neighbours | None) -> NDArray[np.float64]:
    found_ND = features_ND.astype(np.float64)
    if scale is not None:
        found_ND = scale.to("cpu").on_scale(torch.from_numpy(found_ND)).numpy()
    return found_ND / np.maximum(np.linalg.norm(found_ND, axis=1, keepdims=True), 1e-12)


def _sort(point_NP: NDArray[np.float64], label_N: NDArray[np.int64]) -> list[Group]:
    """Groups by size, and in each the members by their distance from its middle."""
    found = []
    for label in np.unique(label_N):
        places_N = np.flatnonzero(label_N == label)
        away_N = np.linalg.norm(point_NP[places_N] - point_NP[places_N].mean(axis=0), axis=1)
        found.append((label == ALONE, -len(places_N), places_N[0], places_N[np.argsort(away_N, kind="stable")]))
    found.sort(key=lambda one: one[:3])
    return [Group(ALONE if alone else number, members_N) for number, (alone, _, _, members_N) in enumerate(found)]
