"""From `.skeleton` files in a zip to the clean store, beside what the field's preparation scripts do.

    python -m benchmarks.ingest [--clips 600] [--rounds 3] [--against FOLDER] [--json FILE]

The archive is synthetic: recordings of the embedded generator, the same ones again under other names where more clips
are asked for. All sides run as whole programs, in turn, so that a change of the machine's speed meets each; the median
of the rounds' ratios is quoted, in seconds of the clock and of the processor. FOLDER is another checkout of this
project.
"""

import argparse
import itertools
import json
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.processes import PROJECT, Cost, run_module
from hacm.cleaning import CleaningSettings, clean
from hacm.cores import count_cores
from hacm.files import hash_file, write_json
from hacm.recordings import RawRecording, ntu, skeleton_text
from pipeline.datasets.kinect_sim import KINECT_SIM
from pipeline.ingest.gathering import read_raw
from pipeline.kinect_sim import SimulatorSettings, clips
from pipeline.results.machine import describe_machine
from pipeline.store.store import SkeletonStore

MEGABYTE = 1e6

SIDES = {"plain": "plain scripts", "against": "the other checkout", "ours": "ingest + normalize"}

BASE = SimulatorSettings(
    performers=(1, 2, 3, 4), setups=(1,), actions=(1, 6, 8, 23, 24, 26, 34, 38, 50, 55), cameras=(1, 2, 3)
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=600, help="recordings in the archive")
    parser.add_argument("--plain", type=int, default=600, help="how many of them the plain way prepares; 0: none")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another checkout, whose stages take turns")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hacm-ingest-") as name:
        found = measure(Path(name), options.clips, options.plain, options.rounds, options.against)
    show(found)
    if options.json:
        write_json(options.json, found)


def measure(folder: Path, count: int, plain_count: int, rounds: int, against: Path | None) -> dict[str, Any]:
    """All figures; times in seconds, sizes in bytes."""
    project, archive = make_project(folder / "project", count)
    small = make_archive(folder / "small.zip", min(plain_count, count)) if plain_count else None
    found: dict[str, Any] = {"machine": describe_machine(), "cores": count_cores(), "clips": count, "rounds": []}
    found["text_bytes"] = text_bytes(archive)
    for round_ in range(rounds):
        one: dict[str, Any] = {}
        if small:
            one["plain"] = run_plain(small, folder / f"plain-{round_}") | {"clips": min(plain_count, count)}
        if against:
            one["against"] = run_ours(project, against.absolute())
        one["ours"] = run_ours(project)
        found["rounds"].append(one)
    found["unchanged_seconds"] = run_module("stages.ingest", "--dataset", "kinect-sim", folder=project).seconds
    replace_one(archive)
    write_receipt(archive, count)
    found["one_changed_seconds"] = run_module("stages.ingest", "--dataset", "kinect-sim", folder=project).seconds
    found["parts"] = time_parts(archive)
    found["read"] = time_reading(project / "data/kinect-sim/clips")
    return found


def make_project(folder: Path, count: int) -> tuple[Path, Path]:
    """A folder in which the stages run, and the archive in it."""
    raw = folder / "data/kinect-sim/raw"
    raw.mkdir(parents=True)
    (folder / "params.yaml").write_bytes((PROJECT / "params.yaml").read_bytes())
    archive = make_archive(raw / "kinect-sim.zip", count)
    write_receipt(archive, count)
    return folder, archive


def write_receipt(archive: Path, count: int) -> None:
    """What the stage `download` would leave beside it."""
    write_json(archive.with_name("receipt.json"), {"files": {archive.name: hash_file(archive)}, "recordings": count})


def make_archive(path: Path, count: int) -> Path:
    """`count` recordings under names of their own: the generator's, over and over."""
    texts = [text for _, text in itertools.islice(clips(BASE), count)]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            archive.writestr(f"recordings/{name_clip(number)}.skeleton", texts[number % len(texts)])
    return path


def name_clip(number: int) -> str:
    setup, rest = divmod(number, 3 * 40 * 60)
    camera, rest = divmod(rest, 40 * 60)
    performer, action = divmod(rest, 60)
    return f"S{setup + 1:03d}C{camera + 1:03d}P{performer + 1:03d}R001A{action + 1:03d}"


def text_bytes(archive: Path) -> int:
    with zipfile.ZipFile(archive) as opened:
        return sum(info.file_size for info in opened.infolist())


def replace_one(archive: Path) -> None:
    """Give the first recording the second one's text."""
    changed = archive.with_suffix(".changed")
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        names = sorted(old.namelist())
        for name in names:
            new.writestr(name, old.read(names[1] if name == names[0] else name))
    changed.replace(archive)


def run_plain(archive: Path, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    cost = run_module("benchmarks.plain_ingest", str(archive), str(folder), folder=folder)
    return as_figures(cost) | {"steps": json.loads((folder / "times.json").read_text())}


def run_ours(project: Path, checkout: Path = PROJECT) -> dict[str, Any]:
    """Ingest and normalize of a checkout, with nothing from an earlier run."""
    figures: dict[str, Any] = {}
    total = Cost(0, 0, 0)
    for stage, made in (("ingest", "recordings"), ("normalize", "clips")):
        target = project / "data/kinect-sim" / made
        if target.exists():
            shutil.rmtree(target)
        cost = run_module(f"stages.{stage}", "--dataset", "kinect-sim", folder=project, project=checkout)
        figures[stage] = as_figures(cost)
        total += cost
    return figures | as_figures(total)


def as_figures(cost: Cost) -> dict[str, Any]:
    return {
        "seconds": cost.seconds,
        "processor_seconds": cost.processor_seconds,
        "peak_bytes": cost.peak_bytes,
    }


def time_parts(archive: Path, most: int = 300) -> dict[str, float]:
    """Milliseconds of one core that each part of the work takes for a clip, best of three."""
    raw = [
        one for one in itertools.islice(read_raw([archive], KINECT_SIM, None), most) if isinstance(one, RawRecording)
    ]
    recordings = [ntu.parse(one.main.data, one.main.path) for one in raw]
    settings = CleaningSettings()
    return {
        "inflating": _milliseconds(raw, lambda one: one.main.unpack(one.main.packed)),
        "SHA-256 of the text": _milliseconds(raw, lambda one: RawRecording(one.name, one.main).sha256),
        "fingerprint of the packed file": _milliseconds(raw, lambda one: RawRecording(one.name, one.main).fingerprint),
        "scanning the text": _milliseconds(raw, lambda one: skeleton_text.read(one.main.data)),
        "scanning and assembling": _milliseconds(raw, lambda one: ntu.parse(one.main.data, one.main.path)),
        "cleaning": _milliseconds(recordings, lambda one: clean(one, settings)),
    }


def _milliseconds(items: Sequence[Any], function: Callable[[Any], object]) -> float:
    times = []
    for _ in range(3):
        begin = time.process_time()
        for item in items:
            function(item)
        times.append(time.process_time() - begin)
    return min(times) / len(items) * 1e3


def time_reading(path: Path) -> dict[str, float]:
    """The whole clean store into memory: bytes of joints, and the median of five reads."""
    store = SkeletonStore.open(path)
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        rows = store.read_rows()
        times.append(time.perf_counter() - begin)
        size = rows.nbytes
    assert np.isfinite(rows[:1000]).all()
    return {"bytes": size, "seconds": median(times), "files": sum(path.is_file() for path in path.rglob("*"))}


def ratio(found: dict[str, Any], other: str, kind: str) -> float:
    """How many times as long as ours another side takes for a clip: the median of the rounds."""

    def for_a_clip(cost: dict[str, Any]) -> float:
        return float(cost[kind] / cost.get("clips", found["clips"]))

    return median(for_a_clip(one[other]) / for_a_clip(one["ours"]) for one in found["rounds"])


def show(found: dict[str, Any]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120)
    clip_bytes = found["text_bytes"] / found["clips"]
    console.print(
        f"{found['clips']:,} clips (synthetic), {found['text_bytes'] / MEGABYTE:,.0f} MB of text in a zip; "
        f"{found['cores']} cores, {found['machine']['processor']}"
    )
    table = Table("round", "", "clips", "seconds", "core seconds", "clips/s", "MB/s of text", "peak MB")
    for number, one in enumerate(found["rounds"], 1):
        for side, cost in one.items():
            rate = cost.get("clips", found["clips"]) / cost["seconds"]
            table.add_row(
                str(number),
                SIDES[side],
                f"{cost.get('clips', found['clips']):,}",
                f"{cost['seconds']:.2f}",
                f"{cost['processor_seconds']:.2f}",
                f"{rate:,.0f}",
                f"{rate * clip_bytes / MEGABYTE:,.0f}",
                f"{cost['peak_bytes'] / MEGABYTE:,.0f}",
            )
    console.print(table)
    for other in found["rounds"][0].keys() - {"ours"}:
        by_clock, by_processor = (ratio(found, other, kind) for kind in ("seconds", "processor_seconds"))
        console.print(f"{SIDES[other]}: {by_clock:.1f} × the seconds per clip, {by_processor:.1f} × the processor's")
    parts = Table("for one clip, one core", "ms", "clips/s on all cores if nothing else")
    for name, milliseconds in found["parts"].items():
        parts.add_row(name, f"{milliseconds:.3f}", f"{found['cores'] * 1e3 / milliseconds:,.0f}")
    console.print(parts)
    console.print(
        f"ingest again, nothing changed: {found['unchanged_seconds']:.2f} s; one file changed: "
        f"{found['one_changed_seconds']:.2f} s"
    )
    read = found["read"]
    console.print(
        f"whole clean store: {read['bytes'] / MEGABYTE:,.0f} MB of joints in {read['files']} files, read in "
        f"{read['seconds']:.3f} s: {read['bytes'] / MEGABYTE / read['seconds']:,.0f} MB/s"
    )


if __name__ == "__main__":
    main()
