"""Features of test clips laid out for the eye: their first two principal components, and whom each clip is nearest to.

Shapes: N test clips, G training clips (the gallery), D width, k neighbours.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

NEIGHBOURS = 5
DECIMALS = 4
"""Coordinates are rounded so far that the order in which sums are taken shows in none of them."""
CELLS = 1 << 24


@dataclass(frozen=True)
class Landscape:
    """Where each test clip lies, and its nearest training clips, on the CPU.

    place_N2: float32, the clips' mean at the origin. explained_2: which shares of the variance the two directions have.
    nearest_Nk: positions in the gallery, nearest first; similarity_Nk: their cosines, float32.
    """

    place_N2: Tensor
    explained_2: Tensor
    nearest_Nk: Tensor
    similarity_Nk: Tensor


def lay_out(query_ND: Tensor, gallery_GD: Tensor, k: int = NEIGHBOURS) -> Landscape:
    """The landscape of some features; with fewer than k gallery clips, all of them are neighbours.

    Each direction points so that the clip farthest along it is on the positive side.
    """
    features_ND = query_ND.double().cpu()
    centred_ND = features_ND - features_ND.mean(0)
    spread_D, direction_DD = torch.linalg.eigh(centred_ND.T @ centred_ND)
    direction_D2 = direction_DD.flip(1)[:, :2]
    place_N2 = centred_ND @ direction_D2
    farthest_12 = place_N2.abs().argmax(0, keepdim=True)
    place_N2 = place_N2 * place_N2.gather(0, farthest_12).sign()
    explained_2 = (spread_D.flip(0)[:2] / spread_D.sum().clamp(min=1e-30)).clamp(min=0)
    nearest_Nk, similarity_Nk = _nearest(query_ND, gallery_GD, min(k, len(gallery_GD)))
    return Landscape(
        place_N2.round(decimals=DECIMALS).float(),
        explained_2.round(decimals=DECIMALS).float(),
        nearest_Nk,
        similarity_Nk,
    )


def _nearest(query_ND: Tensor, gallery_GD: Tensor, k: int) -> tuple[Tensor, Tensor]:
    gallery_DG = torch.nn.functional.normalize(gallery_GD, dim=1).T.contiguous()
    places, similarities = [], []
    for part_QD in query_ND.split(max(1, CELLS // len(gallery_GD))):
        similarity_Qk, place_Qk = (torch.nn.functional.normalize(part_QD, dim=1) @ gallery_DG).topk(k, dim=1)
        places.append(place_Qk.cpu())
        similarities.append(similarity_Qk.float().cpu().round(decimals=DECIMALS))
    return torch.cat(places), torch.cat(similarities)
