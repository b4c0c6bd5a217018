"""k nearest neighbours on frozen features by cosine (hacm.md §6), and retrieval by them: no training at all.

Shapes: N test clips, Q test clips at a time, G training clips (the gallery), D width, K classes, k neighbours.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from hacm.errors import SettingsError
from hacm.evaluation.features import extract
from hacm.evaluation.landscape import lay_out
from hacm.evaluation.result import Result
from hacm.evaluation.task import Task
from hacm.model.network import HACM
from hacm.settings import KnnSettings as Settings
from hacm.settings import LosoSettings

# Similarities held at a time: 16 million float32, 64 MB.
CELLS = 1 << 24
# Values that ranking a gallery clip takes, in float32s: similarity, place, hit, counts and shares.
RANKING = 12


def run(
    model: HACM,
    task: Task,
    settings: Settings,
    seed: int,
    device: str,
    on_epoch: Callable[[float], None] | None = None,
) -> Result:
    """Score the test clips by their neighbours among the training clips, all centre-cropped.

    extra: `retrieval_map`, the mean average precision of the training clips as a ranking for each test clip, and
    `retrieval_left_out`, the test clips whose class no training clip has: they are no queries (without any query there
    is no mean). seed: not used, as nothing is random; every protocol on an encoder is called alike. on_epoch: called
    once, at the end. SettingsError if there are fewer training clips than neighbours.
    """
    clips, train_index, test_index = task.clips, task.train_index, task.test_index
    if settings.k > len(train_index):
        raise SettingsError(f"k asks for {settings.k} neighbours, but there are {len(train_index)} training clips")
    gallery_GD, query_ND = (
        extract(model, clips, index, task.augment, training=False, absent_bodies=settings.absent_bodies).to(device)
        for index in (train_index, test_index)
    )
    label_N, label_G = clips.label_N[test_index], clips.label_N[train_index].to(device)
    gallery_GD, query_ND = comparable(gallery_GD, query_ND, settings)
    scores_NK = vote(query_ND, gallery_GD, label_G, task.classes, settings.k)
    precision_N = average_precision(query_ND, gallery_GD, label_N.to(device), label_G)
    if on_epoch is not None:
        on_epoch(1)
    landscape = lay_out(query_ND, gallery_GD)
    return Result(scores_NK.cpu().numpy(), label_N.numpy(), extra=summarize(precision_N), landscape=landscape)


def summarize(precision_N: Tensor) -> dict[str, float]:
    """The mean over the queries, and how many test clips are none."""
    ranked_N = ~precision_N.isnan()
    queries = int(ranked_N.sum())
    extra: dict[str, float] = {"retrieval_left_out": len(precision_N) - queries}
    return extra | ({"retrieval_map": float(precision_N[ranked_N].mean())} if queries else {})


def comparable(gallery_GD: Tensor, query_ND: Tensor, settings: Settings | LosoSettings) -> tuple[Tensor, Tensor]:
    """Gallery and query, standardised by the gallery if the settings say so.

    That is: minus the gallery's mean, over its standard deviation, feature by feature. No label is looked at.
    """
    if not settings.standardise:
        return gallery_GD, query_ND
    deviation_1D, mean_1D = torch.std_mean(gallery_GD, dim=0, correction=0, keepdim=True)
    scale_1D = deviation_1D.clamp(min=1e-6)
    return (gallery_GD - mean_1D) / scale_1D, (query_ND - mean_1D) / scale_1D


def vote(query_ND: Tensor, gallery_GD: Tensor, label_G: Tensor, classes: int, k: int) -> Tensor:
    """Scores (N, K): how many of a clip's k most similar gallery clips are of the class.

    Ties between classes go to the larger sum of similarities, added as sum / (2k + 1): it stays below a half, so it
    never outweighs a vote. Classes without a vote come after, below 0, by their most similar clip, so that top-5 has a
    meaning for k = 1 too.
    """
    gallery_DG = torch.nn.functional.normalize(gallery_GD, dim=1).T.contiguous()
    class_K = torch.arange(classes, device=label_G.device)
    chunk = max(1, CELLS // max(len(gallery_GD), k * classes))
    scores: list[Tensor] = []
    for part_QD in query_ND.split(chunk):
        similarity_QG = torch.nn.functional.normalize(part_QD, dim=1) @ gallery_DG
        nearest_Qk, place_Qk = similarity_QG.topk(k, dim=1)
        voted_QkK = label_G[place_Qk][..., None] == class_K
        votes_QK = (voted_QkK * (1 + nearest_Qk / (2 * k + 1))[..., None]).sum(1)
        closest_QK = similarity_QG.new_full((len(part_QD), classes), -1.0)
        closest_QK.scatter_reduce_(1, label_G.expand(len(part_QD), -1), similarity_QG, "amax")
        scores.append(torch.where(votes_QK > 0, votes_QK, (closest_QK - 1) / 4))
    return torch.cat(scores)


def average_precision(query_ND: Tensor, gallery_GD: Tensor, label_N: Tensor, label_G: Tensor) -> Tensor:
    """Average precision of the whole gallery ranked by cosine similarity to each query, (N,), float64.

    The mean, over the gallery clips of the query's class, of the share of that class among all gallery clips that are
    at least as similar: ties count as one place, so the order of the gallery does not matter. nan where the class has
    no gallery clip.
    """
    gallery_DG = torch.nn.functional.normalize(gallery_GD, dim=1).T.contiguous()
    chunk = max(1, CELLS // (RANKING * len(gallery_GD)))
    precisions: list[Tensor] = []
    for part_QD, label_Q in zip(query_ND.split(chunk), label_N.split(chunk), strict=True):
        distance_QG, place_QG = (-(torch.nn.functional.normalize(part_QD, dim=1) @ gallery_DG)).sort(dim=1)
        relevant_QG = label_G[place_QG] == label_Q[:, None]
        not_farther_QG = torch.searchsorted(distance_QG, distance_QG, right=True)
        found_QG = relevant_QG.cumsum(1).gather(1, not_farther_QG - 1)
        precision_QG = found_QG.double() / not_farther_QG
        precisions.append((precision_QG * relevant_QG).sum(1) / relevant_QG.sum(1))
    return torch.cat(precisions)
