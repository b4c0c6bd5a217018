"""What the small project's pretraining left."""

import csv
import json
from pathlib import Path

BENCHMARK = "kinect-sim-xsub"
RESULTS = f"results/benchmarks/{BENCHMARK}/hacm/seed-0/pretrain"


def losses(folder: Path) -> list[list[float]]:
    with open(folder / RESULTS / "loss.csv") as file:
        return [[float(value) for value in row.values()] for row in csv.DictReader(file)]


def details(folder: Path) -> dict:
    return json.loads((folder / RESULTS / "details.json").read_text())
