"""The cost of evaluating an encoder, projected to NTU RGB+D's size: features, k-NN, the linear probe, its scoring.

    python -m benchmarks.evaluation [--config release] [--clips 64] [--device cpu] [--json FILE]

Features are measured on so many made-up clips of one body (of two bodies they cost twice as much); the probe and k-NN
on random features of NTU-60's size (40,091 training and 16,487 test clips, 60 classes) themselves. Published recipe:
100 epochs, each on a view of its own.
"""

import argparse
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.arithmetic import count_features
from benchmarks.hardware import measure_peak, timed
from benchmarks.made_up import CLASSES, KINECT, NTU_TEST, NTU_TRAIN, make_clips
from benchmarks.measure import growth
from benchmarks.recipes import add_options, facts, find_recipe
from benchmarks.step import compare_to_floor
from hacm.devices import choose_device
from hacm.evaluation import metrics
from hacm.evaluation import probe as linear_probe
from hacm.evaluation.features import extract
from hacm.files import write_json
from hacm.model.network import HACM
from hacm.protocols import knn
from hacm.settings import LinearSettings, TrainSettings

MINUTE = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--clips", type=int, default=64, help="whose features are measured")
    parser.add_argument("--gallery", type=int, default=NTU_TRAIN, help="training clips")
    parser.add_argument("--queries", type=int, default=NTU_TEST, help="test clips")
    options = parser.parse_args()
    device = torch.device(choose_device(options.device))
    settings = find_recipe(options.config)
    measured = measure(settings, device, options.clips, options.gallery, options.queries)
    found = {"config": options.config, **facts(device), **measured}
    show(found)
    if options.json:
        write_json(options.json, found)


def measure(settings: TrainSettings, device: torch.device, clips: int, gallery: int, queries: int) -> dict[str, Any]:
    """Seconds of the parts, and the protocols' at the given size."""
    features = time_features(settings, device, clips)
    counted = count_features(settings, KINECT, clips)
    probe = LinearSettings()
    parts = {
        "features, a clip": features / clips,
        "probe, an epoch": time_probe_epoch(settings.model.dim, device, gallery, probe),
        "scores and top-1 of the test clips": time_scoring(settings.model.dim, device, queries),
    }
    knn_seconds, knn_bytes = time_knn(settings.model.dim, device, gallery, queries)
    encoded = probe.views * gallery + queries
    linear_seconds = encoded * parts["features, a clip"] + probe.epochs * (
        parts["probe, an epoch"] + parts["scores and top-1 of the test clips"]
    )
    return {
        "gallery": gallery,
        "queries": queries,
        "seconds": {**parts, "k-NN, all test clips": knn_seconds},
        "features": compare_to_floor(counted, measure_peak(device), features),
        "clips_per_second": clips / features,
        "knn_bytes": knn_bytes,
        "linear_minutes": linear_seconds / MINUTE,
        "knn_minutes": ((gallery + queries) * parts["features, a clip"] + knn_seconds) / MINUTE,
    }


def time_features(settings: TrainSettings, device: torch.device, count: int) -> float:
    """Seconds for the features of so many clips, one view of each."""
    clips = make_clips(count).to(device)
    model = HACM(KINECT, settings.model, settings.masking, settings.loss).to(device)
    index_N = torch.arange(count)

    def encode() -> None:
        extract(model, clips, index_N, settings.augment, training=False, absent_bodies="drop")

    encode()
    return min(timed(encode, device) for _ in range(2))


def time_probe_epoch(dim: int, device: torch.device, count: int, settings: LinearSettings) -> float:
    """Seconds of one epoch of the linear probe on random features."""
    features_ND = torch.randn(count, dim, device=device)
    label_N = torch.randint(CLASSES, (count,), device=device)
    probe = linear_probe.build_probe(dim, CLASSES, torch.Generator().manual_seed(0)).to(device)
    optimiser = torch.optim.SGD(probe.parameters(), settings.lr, momentum=settings.momentum)
    order_N = torch.randperm(count).to(device)

    def epoch() -> None:
        linear_probe.train_epoch(probe, optimiser, features_ND, label_N, order_N, settings, 0)

    epoch()
    return timed(epoch, device)


def time_scoring(dim: int, device: torch.device, count: int) -> float:
    """Seconds of one scoring of the test clips and its top-1."""
    probe = linear_probe.build_probe(dim, CLASSES, torch.Generator().manual_seed(0)).to(device)
    features_ND = torch.randn(count, dim, device=device)
    target_N = np.zeros(count, dtype=np.int64)

    def score() -> None:
        metrics.top_k(linear_probe.score(probe, features_ND), target_N, 1).mean()

    score()
    return timed(score, device)


def time_knn(dim: int, device: torch.device, gallery: int, queries: int) -> tuple[float, int]:
    """Seconds of all votes, and the memory they need."""
    gallery_GD, query_ND = (torch.randn(count, dim, device=device) for count in (gallery, queries))
    label_G = torch.randint(CLASSES, (gallery,), device=device)
    seconds: list[float] = []

    def votes() -> None:
        seconds.append(timed(lambda: knn.vote(query_ND, gallery_GD, label_G, CLASSES, 1), device))

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        votes()
        return seconds[0], torch.cuda.max_memory_allocated(device) - before
    used = growth(votes)
    return seconds[0], used


def show(found: dict[str, Any]) -> None:
    console = Console()
    console.print(f"{found['config']}, {found['gallery']:,} training and {found['queries']:,} test clips (made up), "
                  f"{found['device']}, {found['threads']} threads")  # fmt: skip
    table = Table("", "ms")
    for name, seconds in found["seconds"].items():
        table.add_row(name, f"{seconds * 1e3:,.2f}")
    console.print(table)
    one = found["features"]
    console.print(
        f"{found['clips_per_second']:,.1f} clips/s, {one['times_the_floor']:.2f} × the floor; k-NN's memory "
        f"{found['knn_bytes'] / 1e6:,.0f} MB\nprojected: linear protocol {found['linear_minutes']:,.1f} min, "
        f"k-NN {found['knn_minutes']:,.1f} min"
    )


if __name__ == "__main__":
    main()
