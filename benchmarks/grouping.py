"""How well a benchmark's test clips are found and grouped by their features, beside random weights and raw joints.

    python -m benchmarks.grouping --benchmark utd-mhad-xsub --variant pomo [--seed 0] [--json FILE]

In a project in which the run is pretrained. Groups: of the test clips, without a label, by the k-means of `hacm
cluster` with as many groups as classes and by its HDBSCAN; NMI and ARI against the classes. Search: the training clips
nearest to each test clip, as `hacm search` ranks them; precision of the first five, and mean average precision. Raw
joints: 24 frames of the first body. Needs the extra sklearn.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from torch import Tensor

from hacm.evaluation.features import extract
from hacm.files import write_json
from hacm.models.building import take_clips
from hacm.models.clusters import find_groups
from hacm.models.familiarity import Neighbours
from hacm.models.retrieval import comparable
from hacm.protocols.knn import average_precision
from hacm.settings import AugmentSettings
from stages.shared.encoders import Encoder, load_encoder
from stages.shared.loading import Benchmark, load_benchmark
from stages.shared.places import Run

FRAMES = 24
NEAREST = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--benchmark", required=True)
    parser.add_argument("--variant", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    benchmark = load_benchmark(options.benchmark, hierarchies=False)
    encoder = load_encoder(Run(options.benchmark, options.variant, options.seed), "cpu")
    ways = {
        f"{options.variant}, seed {options.seed}": encode(encoder, benchmark),
        "random weights": encode(encoder.with_random_weights(), benchmark),
        "raw joints": [sample_joints(benchmark, index_N) for index_N in (benchmark.train_index, benchmark.test_index)],
    }
    found = {name: measure(benchmark, *features) for name, features in ways.items()}
    show(found, options.benchmark)
    if options.json:
        write_json(options.json, {"data_version": benchmark.store.version, "ways": found})


def encode(encoder: Encoder, benchmark: Benchmark) -> list[Tensor]:
    """Features of the training and of the test clips."""
    augment = AugmentSettings(**encoder.facts["settings"]["augment"])
    return [
        extract(encoder.model, benchmark.clips, index_N, augment, training=False, absent_bodies="drop")
        for index_N in (benchmark.train_index, benchmark.test_index)
    ]


def sample_joints(benchmark: Benchmark, index_N: Tensor) -> Tensor:
    """Frames spread evenly over each clip, as one vector of all coordinates."""
    rows = []
    for clip_MTVC in take_clips(benchmark.clips, index_N):
        frame_T = np.linspace(0, clip_MTVC.shape[1] - 1, FRAMES).round().astype(np.int64)
        rows.append(clip_MTVC[0, frame_T].reshape(-1))
    return torch.from_numpy(np.stack(rows))


def measure(benchmark: Benchmark, train_ND: Tensor, test_ND: Tensor) -> dict[str, Any]:
    """All figures in percent."""
    scale = Neighbours.of(train_ND)
    label_N = benchmark.clips.label_N[benchmark.test_index]
    found: dict[str, Any] = {}
    for name, groups in (("k-means", len(benchmark.classes)), ("HDBSCAN", None)):
        group_N = np.empty(len(test_ND), dtype=np.int64)
        for group in find_groups(test_ND.numpy(), scale, groups):
            group_N[group.members_N] = group.number
        found |= {
            f"{name} NMI": 100 * normalized_mutual_info_score(label_N, group_N),
            f"{name} ARI": 100 * adjusted_rand_score(label_N, group_N),
            f"{name} groups": int(group_N.max()) + 1,
            f"{name} in none": int((group_N < 0).sum()),
        }
    return found | search(benchmark, scale, train_ND, test_ND)


def search(benchmark: Benchmark, scale: Neighbours, train_ND: Tensor, test_ND: Tensor) -> dict[str, float]:
    """Precision of the first five and mean average precision, as `hacm search` ranks."""
    gallery_GD, query_ND = (comparable(one, scale) for one in (train_ND, test_ND))
    label_G, label_N = (benchmark.clips.label_N[index_N] for index_N in (benchmark.train_index, benchmark.test_index))
    nearest_N5 = (query_ND @ gallery_GD.T).topk(NEAREST, dim=1).indices
    precision = (label_G[nearest_N5] == label_N[:, None]).double().mean()
    mean = average_precision(query_ND, gallery_GD, label_N, label_G).nanmean()
    return {f"precision at {NEAREST}": 100 * float(precision), "mAP": 100 * float(mean)}


def show(found: dict[str, Any], title: str) -> None:
    table = Table(title=title)
    for name in ("", *found):
        table.add_column(name)
    for figure in next(iter(found.values())):
        cells = [one[figure] for one in found.values()]
        table.add_row(figure, *(f"{value:.1f}" if isinstance(value, float) else str(value) for value in cells))
    Console().print(table)


if __name__ == "__main__":
    main()
