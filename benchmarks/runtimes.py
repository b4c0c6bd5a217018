"""What exported models cost and whether they say the same: onnxruntime, torch.export and PyTorch on real clips.

    python -m benchmarks.runtimes PATH … --model utd-mhad [--clips 100] [--json FILE]

PATH: recordings of the model's skeleton. So many of them, spread evenly, are taken. Rounds go by turns; milliseconds
per clip are medians of processor time, so that other work on the machine counts little. Differences are the largest of
all clips, from PyTorch as `hacm predict` has it.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import hacm
from hacm.exporting import preprocessing, writing
from hacm.exporting.facts import Facts, facts_of
from hacm.exporting.graph import Graph
from hacm.files import write_json
from hacm.models import folder
from hacm.models.finding import find
from hacm.models.model import Model, Taken
from hacm.recordings import Recording
from hacm.recordings.anywhere import Finder
from hacm.recordings.arrays import ArrayReader

SIZES = (1, 32)
"""Clips at a time."""
Outputs = dict[str, NDArray[np.floating]]
Inputs = dict[str, NDArray[Any]]
Call = Callable[[Inputs], Outputs]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--model", required=True, help="a shipped model, or a model's folder")
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    model = hacm.load(options.model)
    taken = read(model, options.paths, options.clips)
    graph = Graph(folder.load(find(options.model)), head=True)
    facts = facts_of(graph)
    expected = describe(model, taken)
    runtimes: dict[str, dict[str, Any]] = {"PyTorch": {"MB": size(find(options.model) / folder.WEIGHTS)}}
    calls: dict[str, Callable[[list[Taken]], Outputs]] = {"PyTorch": lambda some: describe(model, some)}
    with tempfile.TemporaryDirectory() as place:
        for name, form, load in (("onnxruntime", "onnx", load_onnx), ("torch.export", "torch-export", load_torch)):
            begin = time.process_time()
            writing.write(Path(place, form), graph, form)  # type: ignore[arg-type]
            exported = time.process_time() - begin
            path = Path(place, form, writing.FILES[form])  # type: ignore[index]
            begin = time.process_time()
            load_call = load(path, facts)
            runtimes[name] = {"MB": size(path), "seconds to export": exported,
                              "seconds to load": time.process_time() - begin}  # fmt: skip
            calls[name] = partial(call_on, load_call, facts)
            runtimes[name]["differences"] = compare(expected, calls[name](taken))
        for count in SIZES:
            seconds: dict[str, list[float]] = {name: [] for name in calls}
            for _ in range(options.rounds + 1):
                for name, call in calls.items():
                    begin = time.process_time()
                    call(taken[:count])
                    seconds[name].append(time.process_time() - begin)
            for name, each in seconds.items():  # the first round is not counted
                runtimes[name][f"ms per clip, {count} at a time"] = 1e3 * float(np.median(each[1:])) / count
    found = {"model": model.name, "clips": len(taken), "threads": torch.get_num_threads(), "runtimes": runtimes,
             "torch": torch.__version__, "onnxruntime": onnxruntime.__version__}  # fmt: skip
    show(found)
    if options.json:
        write_json(options.json, found)


def read(model: Model, paths: list[Path], count: int) -> list[Taken]:
    """So many recordings as the model takes them, spread over all that there are."""
    arrays = ArrayReader(topology=model.topology, fps=model.description.seen.fps, nameless=True)
    every = [one for path in paths for one in Finder(arrays).find(path) if isinstance(one, Recording)]
    places = np.unique(np.linspace(0, len(every) - 1, count).round().astype(int))
    return [model.take_people(every[place], (0,), doubt="warn") for place in places]


def describe(model: Model, taken: list[Taken]) -> Outputs:
    """What the model itself says."""
    said = model.describe(taken)
    return {
        "scores": np.stack([one.score_K for one in said]),
        "probabilities": np.stack([one.probability_K for one in said]),
        "distance": np.array([one.distance for one in said], dtype=np.float64),
    }


def inputs_of(taken: list[Taken], facts: Facts) -> Inputs:
    """The same clips as a graph takes them."""
    return preprocessing.prepare([one.clip.bodies_MTVC for one in taken], facts)


def call_on(call: Call, facts: Facts, taken: list[Taken]) -> Outputs:
    return call(inputs_of(taken, facts))


def load_onnx(path: Path, facts: Facts) -> Call:
    """onnxruntime on as many threads as PyTorch."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    return lambda inputs: dict(zip(facts["outputs"], session.run(facts["outputs"], inputs), strict=True))


def load_torch(path: Path, facts: Facts) -> Call:
    """torch.export's program, eager."""
    program = torch.export.load(path).module()

    def call(inputs: Inputs) -> Outputs:
        with torch.inference_mode():
            found = program(*map(torch.from_numpy, inputs.values()))
        return {name: values.numpy() for name, values in zip(facts["outputs"], found, strict=True)}

    return call


def compare(expected: Outputs, found: Outputs) -> dict[str, float]:
    """The largest difference of every output."""
    return {name: float(np.abs(values - found[name]).max()) for name, values in expected.items()}


def size(path: Path) -> float:
    return path.stat().st_size / 1e6


def show(found: dict[str, Any]) -> None:
    table = Table(title=f"{found['model']}, {found['clips']} real clips, {found['threads']} threads")
    runtimes = found["runtimes"]
    table.add_column("")
    for name in runtimes:
        table.add_column(name, justify="right")
    for figure in (
        "MB",
        "seconds to export",
        "seconds to load",
        *(f"ms per clip, {count} at a time" for count in SIZES),
    ):
        table.add_row(figure, *(f"{one[figure]:.2f}" if figure in one else "" for one in runtimes.values()))
    for output in ("scores", "probabilities", "distance"):
        cells = [f"{one['differences'][output]:.1e}" if "differences" in one else "" for one in runtimes.values()]
        table.add_row(f"largest difference of {output}", *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
