"""How well long recordings are segmented: real test clips joined to long recordings, beside fixed windows.

    python -m benchmarks.segmentation --benchmark utd-mhad-xsub --model models/utd-mhad [--json FILE]

In a project that has the benchmark's clips. Each test subject's clips are drawn in an order of their own and joined,
so many to a recording, with blended seams. Fixed windows: one after the other, each by itself, nothing merged. Brackets
are 95 % intervals of a bootstrap over recordings.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import hacm
from benchmarks.joined_clips import Joined, join
from hacm.files import write_json
from hacm.models.building import take_clips
from hacm.models.model import Model
from hacm.recordings import Identity, Recording
from hacm.segmentation import scores
from hacm.segmentation.segmenting import Settings, segment
from hacm.segmentation.spans import Span
from hacm.segmentation.windows import Windowing
from stages.shared.loading import Benchmark, load_benchmark

OVERLAPS = (0.1, 0.25, 0.5)
RESAMPLES = 1000
Pairs = Sequence[tuple[Sequence[Span], Sequence[Span]]]
Places = NDArray[np.integer]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--benchmark", required=True)
    parser.add_argument("--model", required=True, help="a shipped model, or a model's folder")
    parser.add_argument("--clips", type=int, default=12, help="per recording")
    parser.add_argument("--change", type=float, help="what a change of class costs, in nats")
    parser.add_argument("--part", choices=("train", "test"), default="test", help="whose clips are joined")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    model = hacm.load(options.model)
    benchmark = load_benchmark(options.benchmark, hierarchies=False)
    long = make_recordings(benchmark, options.part, options.clips)
    settings = Settings(doubt="warn") if options.change is None else Settings(change=options.change, doubt="warn")
    begin = perf_counter()
    ways: dict[str, Sequence[Sequence[Span]]] = {"merged": segment_all(model, long, settings)}
    seconds = perf_counter() - begin
    ways["fixed windows"] = [fixed_windows(model, one) for one in long]
    frames = sum(one.bodies_MTVC.shape[1] for one in long)
    found = {
        "benchmark": options.benchmark,
        "part": options.part,
        "data_version": benchmark.store.version,
        "model": model.name,
        "recordings": len(long),
        "frames": frames,
        "clips": sum(len(one.truth) for one in long),
        "change": settings.change,
        "seconds_per_hour": seconds / (frames / model.description.seen.fps / 3600),
        "ways": {name: measure([(spans, one.truth) for spans, one in zip(every, long, strict=True)])
                 for name, every in ways.items()},
    }  # fmt: skip
    show(found)
    if options.json:
        write_json(options.json, found)


def make_recordings(benchmark: Benchmark, part: str, per_recording: int) -> list[Joined]:
    """Each subject's clips of one body, shuffled and joined; those left over make a shorter recording."""
    index_N = benchmark.part("train" if part == "train" else "test")
    clips = list(take_clips(benchmark.clips, index_N))
    label_N = benchmark.clips.label_N[index_N].tolist()
    subject_N = benchmark.subject_N[index_N.numpy()]
    draw = np.random.default_rng(0)
    long = []
    for subject in sorted(set(subject_N.tolist())):
        own = [number for number in np.flatnonzero(subject_N == subject).tolist() if len(clips[number]) == 1]
        draw.shuffle(own)
        for first in range(0, len(own), per_recording):
            chosen = own[first : first + per_recording]
            labels = [label_N[number] for number in chosen]
            long.append(join([clips[number] for number in chosen], labels, benchmark.dataset.topology.centre))
    return long


def as_recording(model: Model, joined: Joined) -> Recording:
    return Recording(Identity("joined", None, None), model.description.seen.fps, model.topology, joined.bodies_MTVC)


def segment_all(model: Model, long: Sequence[Joined], settings: Settings) -> list[tuple[Span, ...]]:
    """The spans of every recording."""
    return [next(iter(segment(model, as_recording(model, one), settings))).spans for one in long]


def fixed_windows(model: Model, joined: Joined) -> list[Span]:
    """The baseline: windows one after the other, each a span of its likeliest class."""
    frames = joined.bodies_MTVC.shape[1]
    length = Windowing.of(model.description.seen, model.description.seen.fps).length
    edges = [*range(0, max(1, frames - length // 2), length), frames]
    said = model.predict([joined.bodies_MTVC[:, start:stop] for start, stop in pairwise(edges)], doubt="warn")
    return [
        Span(start, stop, model.classes.index(one.label), one.probability)
        for (start, stop), one in zip(pairwise(edges), said, strict=True)
    ]


def measure(pairs: Pairs) -> dict[str, Any]:
    """Every score in percent with its interval."""
    accuracy_R = np.array([scores.frame_accuracy(*pair) for pair in pairs])
    frames_R = np.array([spans[-1].stop for _, spans in pairs])
    edit_R = np.array([scores.edit_score(*pair) for pair in pairs])
    counts = {overlap: [scores.count_matches(*pair, overlap) for pair in pairs] for overlap in OVERLAPS}
    figures: dict[str, Callable[[Places], float]] = {
        "frame accuracy": lambda chosen: float(np.average(accuracy_R[chosen], weights=frames_R[chosen])),
        "edit score": lambda chosen: float(edit_R[chosen].mean()),
        **{f"F1@{overlap}": partial(f1_of, each) for overlap, each in counts.items()},
        "mAP@0.5": lambda chosen: mean_average_precision([pairs[number] for number in chosen]),
    }
    draw = np.random.default_rng(0)
    samples = [draw.integers(0, len(pairs), len(pairs)) for _ in range(RESAMPLES)]
    found = {}
    for name, figure in figures.items():
        values = [figure(sample) for sample in samples[: 200 if "mAP" in name else None]]
        low, high = np.quantile(values, [0.025, 0.975])
        value = figure(np.arange(len(pairs)))
        found[name] = {"value": 100 * value, "low": 100 * float(low), "high": 100 * float(high)}
    return found


def f1_of(counts: Sequence[tuple[int, int, int]], chosen: Places) -> float:
    """F1 over the chosen recordings."""
    return scores.f1([counts[number] for number in chosen])


def mean_average_precision(pairs: Pairs) -> float:
    """PKU-MMD's, at an overlap of a half."""
    return scores.mean_average_precision([found for found, _ in pairs], [true for _, true in pairs])


def show(found: dict[str, Any]) -> None:
    table = Table(title=f"{found['benchmark']}, {found['recordings']} recordings of {found['clips']} joined clips")
    names = list(found["ways"])
    for name in ("", *names):
        table.add_column(name)
    for figure in found["ways"][names[0]]:
        cells = [found["ways"][name][figure] for name in names]
        table.add_row(figure, *(f"{one['value']:.1f} [{one['low']:.1f}, {one['high']:.1f}]" for one in cells))
    Console().print(table)
    Console().print(f"an hour of recording in {found['seconds_per_hour']:.0f} s")


if __name__ == "__main__":
    main()
