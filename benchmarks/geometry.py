"""Pairwise hyperbolic distances: ours beside geoopt's broadcast form, time and peak memory.

    python -m benchmarks.geometry [--repeats 5] [--json FILE] [--shape B,S,J,D ...]

From tangent vectors (B, S, J, D) to all distances within a segment (B, S, J, J), float32: forward alone, and forward
and backward down to the tangent vectors. The broadcast form is `ball.dist(x[..., :, None, :], x[..., None, :, :])`, as
masking code in this field writes it: it holds (B, S, J, J, D) several times over.
"""

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geoopt
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.measure import alternate, growth, median_ratio, printed_number
from hacm.model.geometry import PoincareBall
from pipeline.graph.git import describe_code
from pipeline.results.machine import describe_machine

MEBIBYTE = 2**20
SHAPES = {
    "64,12,18,256": "HA-CM's spatial criterion: a batch of 64, its 12 odd segments",
    "64,24,18,256": "all 24 segments",
    "64,24,25,64": "25 joints, not pruned, D = 64",
    "8192,1,18,3": "precomputed hierarchies: 8192 frames in three dimensions",
}
PASSES = ("forward", "forward and backward")


def ours(vector_BSJD: Tensor) -> Tensor:
    """This project's distances."""
    points = PoincareBall().expmap0(vector_BSJD)
    return PoincareBall().pairwise_distance(points, points)


def broadcast(vector_BSJD: Tensor) -> Tensor:
    """geoopt's distances over broadcast points."""
    ball = geoopt.PoincareBall(c=1.0)
    point_BSJD = ball.expmap0(vector_BSJD)
    return ball.dist(point_BSJD[..., :, None, :], point_BSJD[..., None, :, :])


CONTENDERS: dict[str, Callable[[Tensor], Tensor]] = {"ours": ours, "geoopt": broadcast}


def action(contender: str, shape: str, passes: str) -> Callable[[], None]:
    """One pass of a contender over tangent vectors whose points lie at geodesic radii of 1 to 5."""
    size = [int(part) for part in shape.split(",")]
    generator = torch.Generator().manual_seed(0)
    vector_BSJD = torch.nn.functional.normalize(torch.randn(size, generator=generator), dim=-1)
    vector_BSJD *= 0.5 + 2 * torch.rand(*size[:-1], 1, generator=generator)
    vector_BSJD.requires_grad_(passes != "forward")

    def run() -> None:
        vector_BSJD.grad = None
        distance_BSJJ = CONTENDERS[contender](vector_BSJD)
        if vector_BSJD.requires_grad:
            distance_BSJJ.sum().backward()

    return run


def compare(shape: str, passes: str, repeats: int) -> dict[str, Any]:
    """Both contenders' seconds and peak memory at one shape, and how they stand to each other."""
    seconds = alternate({name: action(name, shape, passes) for name in CONTENDERS}, repeats)
    memory = {name: printed_number("benchmarks.geometry", "--peak-of", name, shape, passes) for name in CONTENDERS}
    return {
        "shape": shape,
        "passes": passes,
        "seconds": seconds,
        "peak_bytes": memory,
        "times_faster": median_ratio(seconds["geoopt"], seconds["ours"]),
        "times_less_memory": memory["geoopt"] / max(memory["ours"], 1),
    }


def show(results: list[dict[str, Any]], console: Console) -> None:
    """The table on the terminal."""
    table = Table(title=f"Pairwise distances in the Poincaré ball, {torch.get_num_threads()} thread(s)")
    for title in ("(B, S, J, D)", "pass", "ours ms", "geoopt ms", "faster", "ours MiB", "geoopt MiB", "less memory"):
        table.add_column(title, justify="left" if title in ("(B, S, J, D)", "pass") else "right")
    for result in results:
        seconds, memory = result["seconds"], result["peak_bytes"]
        table.add_row(
            result["shape"],
            result["passes"],
            *(f"{1000 * statistics.median(seconds[name]):,.1f}" for name in CONTENDERS),
            f"{result['times_faster']:.1f}×",
            *(f"{memory[name] / MEBIBYTE:,.1f}" for name in CONTENDERS),
            f"{result['times_less_memory']:.1f}×",
        )
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="rounds; the medians are told")
    parser.add_argument("--json", type=Path, help="write all figures there")
    parser.add_argument("--shape", action="append", help=f"B,S,J,D; by default {'; '.join(SHAPES)}")
    parser.add_argument("--peak-of", nargs=3, metavar=("NAME", "SHAPE", "PASS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak_of:
        warm = action(options.peak_of[0], "1,1,2,2", options.peak_of[2])
        warm()  # what the library needs once is not what the shape costs
        print(growth(action(*options.peak_of)))
        return
    shapes = options.shape or list(SHAPES)
    results = [compare(shape, passes, options.repeats) for shape in shapes for passes in PASSES]
    show(results, Console())
    if options.json:
        facts = {
            **describe_machine(),
            **describe_code(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        }
        options.json.write_text(
            json.dumps({**facts, "geoopt": geoopt.__version__, "results": results}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
