"""Made-up results that have the shape of real ones. Every number is synthetic."""

import csv
import hashlib
import json
import math
import random
from pathlib import Path
from typing import Any

import polars as pl

from hacm.skeletons.shipped import KINECT_V2
from pipeline.report.collecting import Selection

AWKWARD = 'wave <b>&"x"</b> $x_1$ | *both*'
BOTH = Selection(["kinect-sim-xsub"], ["kinect-sim"], ["linear", "knn"])
CONDITIONS = ["kind", "level", "draw", "top1", "top1_low", "top1_high", "random_top1"]
CLASSES = (AWKWARD, "drink water", "throw", "clap", "sit down", "stand up", "kick", "punch", "hug", "point")


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_csv(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])


def made_up_tree() -> list[list[Any]]:
    """Joints laid out in the disk from the root outwards, each child one unit of hyperbolic distance on."""
    place: dict[int, complex] = {KINECT_V2.parents.index(-1): 0j}
    heading: dict[int, tuple[float, float]] = {KINECT_V2.parents.index(-1): (0.0, 2 * math.pi)}
    while len(place) < len(KINECT_V2.joints):
        for joint in list(place):
            children = [child for child, parent in KINECT_V2.bones if parent == joint and child not in place]
            start, width = heading[joint]
            for number, child in enumerate(children):
                angle = start + width * (number + 0.5) / len(children) - width / 2
                step = math.tanh(0.45) * complex(math.cos(angle), math.sin(angle))
                place[child] = (place[joint] + step) / (1 + place[joint].conjugate() * step)
                heading[child] = (angle, 0.75 * math.pi)
    radii = {joint: 2 * math.atanh(abs(point)) for joint, point in place.items()}
    return [
        [j, parent, name, place[j].real, place[j].imag, radii[j], int(j in KINECT_V2.kept)]
        for j, (parent, name) in enumerate(zip(KINECT_V2.parents, KINECT_V2.joints, strict=True))
    ]


def made_up_poses(frames: int, shift: float) -> list[list[list[float]]]:
    """A person who raises the right arm; metres."""
    rest = {
        0: (0, 0), 1: (0, 0.3), 20: (0, 0.55), 2: (0, 0.63), 3: (0, 0.8), 4: (-0.18, 0.52), 5: (-0.25, 0.28),
        6: (-0.28, 0.05), 7: (-0.29, -0.02), 21: (-0.3, -0.09), 22: (-0.24, -0.04), 8: (0.18, 0.52), 12: (-0.09, -0.02),
        13: (-0.11, -0.42), 14: (-0.12, -0.8), 15: (-0.15, -0.86), 16: (0.09, -0.02), 17: (0.11, -0.42),
        18: (0.12, -0.8), 19: (0.15, -0.86),
    }  # fmt: skip
    poses = []
    for frame in range(frames):
        angle = -1.3 + 2.6 * math.sin(math.pi * frame / frames)
        reach = {9: 0.25, 10: 0.48, 11: 0.55, 23: 0.62, 24: 0.58}
        arm = {joint: (0.18 + far * math.cos(angle), 0.52 + far * math.sin(angle)) for joint, far in reach.items()}
        points = {**rest, **arm}
        poses.append([[points[j][0] + shift, points[j][1], 2.0] for j in range(25)])
    return poses


def write_example(path: Path, draw: random.Random, bodies: int) -> None:
    segments, kept = 24, list(KINECT_V2.kept)
    masked = []
    for _ in range(bodies):
        grid = [[1] * len(kept) for _ in range(segments)]
        for first in (0, 1):
            places = [(s, j) for s in range(first, segments, 2) for j in range(len(kept))]
            for s, j in draw.sample(places, 21):
                grid[s][j] = 0
        masked.append(grid)
    content = {
        "name": "S001C001P001R001A001",
        "label": 0,
        "segment": 3,
        "joints": KINECT_V2.joints,
        "parents": KINECT_V2.parents,
        "kept": kept,
        "bodies": [made_up_poses(72, 0.8 * number) for number in range(bodies)],
        "masked": masked,
        "branch": {"temporal": list(range(0, segments, 2)), "spatial": list(range(1, segments, 2))},
    }
    write_json(path, content)


def write_protocol(
    folder: Path, names: tuple[str, ...], details: dict[str, Any], draw: random.Random, hit: float
) -> None:
    clips = [(name, name if draw.random() < hit else draw.choice(names)) for name in names for _ in range(20)]
    top1 = 100 * sum(a == p for a, p in clips) / len(clips)
    per_class = [[n, 20, 100 * sum(a == p == n for a, p in clips) / 20, 100 * draw.random() / 2] for n in names]
    metrics = {
        "n": len(clips), "classes": len(names), "top1": top1, "top1_low": top1 - 5.21, "top1_high": top1 + 4.63,
        "top5": 97.28, "top5_low": 95.11, "top5_high": 98.97, "mean_class": top1 - 0.37,
        "random_top1": 41.84, "random_top1_low": 36.52, "random_top1_high": 47.19, "random_top5": 80.02,
    }  # fmt: skip
    if folder.name == "linear":
        metrics["best_epoch_as_released_top1"] = top1 + 1.66
    write_json(folder / "metrics.json", metrics)
    if folder.name == "knn":
        details = details | {"code": "b" * 40} | write_landscape(folder, names, len(clips), draw)
    write_json(folder / "details.json", {**details, "protocol": folder.name})
    write_csv(folder / "per_class.csv", ["class", "n", "top1", "random_top1"], per_class)
    write_csv(folder / "confusion.csv", ["actual", "predicted"], [list(clip) for clip in clips])
    write_csv(folder / "conditions.csv", CONDITIONS, [])
    write_predictions(folder, names, clips, draw)


def write_landscape(folder: Path, names: tuple[str, ...], clips: int, draw: random.Random) -> dict[str, Any]:
    """Clips of a class in one place of the plane, each with five neighbours, the first of its own class."""
    each = clips // len(names)
    label = [number // each for number in range(clips)]
    nearest = [[own, *(draw.randrange(len(names)) for _ in range(4))] for own in label]
    table = {
        "name": [f"clip {number}" for number in range(clips)],
        "subject": [number % 3 for number in range(clips)],
        "camera": [number % 2 for number in range(clips)],
        "label": label,
        **{axis: [own + draw.random() for own in label] for axis in ("x", "y", "random_x", "random_y")},
        "nearest": [[f"train {number}-{rank}" for rank in range(5)] for number in range(clips)],
        "nearest_label": nearest,
        "similarity": [[0.99 - 0.01 * rank for rank in range(5)] for _ in range(clips)],
    }
    folder.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(table).write_parquet(folder / "landscape.parquet")
    written = hashlib.sha256((folder / "landscape.parquet").read_bytes()).hexdigest()
    return {"explained": [0.4, 0.2], "random_explained": [0.5, 0.1], "files": {"landscape.parquet": written}}


def write_predictions(folder: Path, names: tuple[str, ...], clips: list[tuple[str, str]], draw: random.Random) -> None:
    """Scores of 1 for the class that was predicted, 0 for the others; random weights guess."""
    scores = [[float(name == predicted) for name in names] for _, predicted in clips]
    table = {
        "predicted": [names.index(predicted) for _, predicted in clips],
        "name": [f"clip {number}" for number in range(len(clips))],
        "label": [names.index(actual) for actual, _ in clips],
        "random_predicted": [draw.randrange(len(names)) for _ in clips],
        "scores": pl.Series(scores, dtype=pl.List(pl.Float32)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(table).write_parquet(folder / "predictions.parquet")


def write_results(
    folder: Path,
    *,
    dataset: str = "kinect-sim",
    synthetic: bool = True,
    names: tuple[str, ...] = CLASSES,
    bodies: int = 1,
) -> Path:
    """Results of the benchmark <dataset>-xsub under protocols linear and knn: variant hacm, seed 0."""
    draw = random.Random(7)
    benchmark = folder / "benchmarks" / f"{dataset}-xsub"
    run = benchmark / "hacm" / "seed-0"
    details = {
        "seed": 0, "data_version": "0123456789abcdef0123456789abcdef", "encoder_hash": "feedbeef" * 4,
        "code": "a1b2c3d4e5f6a7b8c9d0" * 2, "dirty": False, "machine": {"cpu": "Xeon", "cores": 2, "device": "cpu"},
        "seconds": 12.5, "bootstrap": 200, "synthetic": synthetic, "dataset": dataset, "controls": ["random weights"],
    }  # fmt: skip
    for protocol, hit in (("linear", 0.72), ("knn", 0.45)):
        write_protocol(run / protocol, names, details, draw, hit)
    baseline = {"n": 20 * len(names), "classes": len(names), "top1": 55.55, "top1_low": 50.02, "top1_high": 60.93}
    write_json(benchmark / "baseline" / "metrics.json", {**baseline, "top5": 90.06, "strength": 10.0})
    guessed = [(name, name if draw.random() < 0.5 else draw.choice(names)) for name in names for _ in range(20)]
    write_predictions(benchmark / "baseline", names, guessed, draw)
    trained = {**details, "seconds": 301.2, "settings": {"augment": {"stream": "joint"}}}
    write_json(run / "pretrain" / "details.json", trained)
    write_json(benchmark / "baseline" / "details.json", {**details, "encoder_hash": None, "seed": None})
    write_json(
        run / "pretrain" / "metrics.json",
        {
            "epochs": 40,
            "loss": 0.8,
            "reconstruction": 0.6,
            "contrast": 0.2,
            "clips": 300,
            "parameters": 9_876_543,
        },
    )
    falling = [(0.55 + 0.45 * math.exp(-e / 9), 0.02 + 0.05 * math.exp(-e / 4)) for e in range(40)]
    losses = [[e, a + b, a, b, 1e-3] for e, (a, b) in enumerate(falling)]
    write_csv(run / "pretrain" / "loss.csv", ["epoch", "loss", "reconstruction", "contrast", "lr"], losses)
    write_example(run / "pretrain" / "example.json", draw, bodies)
    write_dataset(folder / "datasets" / dataset, dataset, synthetic, names, details["data_version"])
    return folder


def write_dataset(folder: Path, dataset: str, synthetic: bool, names: tuple[str, ...], version: Any) -> None:
    distortion = {"tree_distortion": 0.0512, "tree_distortion_random": 0.8123, "tree_distortion_euclidean": 0.2345}
    write_json(folder / "hierarchy" / "metrics.json", {**distortion, "scale": 2.0})
    write_csv(
        folder / "hierarchy" / "tree.csv", ["joint", "parent", "name", "x", "y", "radius", "token"], made_up_tree()
    )
    audit = {
        "dataset": dataset, "synthetic": synthetic, "version": version, "topology": "kinect-v2-25",
        "clips": 50 * len(names), "excluded": 3, "bodies": {"1": 40 * len(names), "2": 10 * len(names)},
        "frames": {"least": 41, "median": 78.5, "most": 160, "total": 40_321},
        "benchmarks": {
            "xsub": {
                "train": 300, "test": 200, "expected_train": 301, "expected_test": None,
                "train_subjects": [1, 2], "test_subjects": [3],
            }
        },
        "classes": [{"label": i, "name": n, "clips": 50, "train": 30, "test": 20} for i, n in enumerate(names)],
        "subjects": [{"subject": s, "clips": 167} for s in (1, 2, 3)],
        "exclusions": [
            {"name": "S001C001P002R001A003", "reason": "no body in any frame"},
            {"name": "S001C002P002R001A003", "reason": "no body in any frame"},
            {"name": "S001C003P002R001A004", "reason": "file cut short"},
        ],
        "cleaning": [{"note": "empty frames dropped", "clips": 61}, {"note": "ghost body dropped", "clips": 14}],
        "findings": [{"severity": "warning", "text": "1 clip fewer than expected in xsub train"}],
    }  # fmt: skip
    write_json(folder / "audit" / "audit.json", audit)
