"""How well untrimmed videos of PKU-MMD are segmented, as its authors measure it: mAP over actions and over videos.

    python -m benchmarks.pku_mmd FOLDER --model MODEL [--split FILE] [--json FILE]

FOLDER: the authors' skeleton texts and label texts, in folders whose names say which. MODEL: one whose classes are the
51 actions in the authors' order. --split: their file of a protocol; without it every video is taken for a test video.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import hacm
from hacm.archives.raw_file import RawFile
from hacm.errors import UserError
from hacm.files import write_json
from hacm.models.model import Model
from hacm.recordings import MAIN, RawRecording, Recording, pku_mmd
from hacm.segmentation import scores
from hacm.segmentation.segmenting import Settings, segment
from hacm.segmentation.spans import Span

OVERLAPS = (0.1, 0.3, 0.5, 0.7)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--model", required=True, help="a model's folder")
    parser.add_argument("--split", type=Path, metavar="FILE")
    parser.add_argument("--turn", type=float, default=0.0, metavar="DEGREES", help="as of hacm segment")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    model = hacm.load(options.model)
    if len(model.classes) != pku_mmd.ACTIONS:
        raise UserError(f"{model.name}: tells {len(model.classes)} classes apart, not the {pku_mmd.ACTIONS} of PKU-MMD")
    train = frozenset[str]() if options.split is None else read_split(options.split)
    settings = Settings(turn=options.turn, people="together", doubt="warn")
    found: list[Sequence[Span]] = []
    true: list[Sequence[Span]] = []
    for recording, labels in read(options.folder, train):
        found.append(spans_of(model, recording, settings))
        true.append([Span(start, stop, action, 1.0) for action, start, stop in labels])
    if not true:
        raise UserError(f"{options.folder}: no video with labels (texts named 0002-L.txt, in folders of both)")
    figures = {
        "videos": len(true),
        "actions": sum(map(len, true)),
        "mAP_a": {str(one): 100 * scores.mean_average_precision(found, true, one) for one in OVERLAPS},
        "mAP_v": {str(one): 100 * scores.mean_average_precision_of_videos(found, true, one) for one in OVERLAPS},
    }
    show(figures)
    if options.json:
        write_json(options.json, figures)


def read_split(path: Path) -> frozenset[str]:
    """The training videos."""
    return pku_mmd.read_split(RawFile(path.name, path.read_bytes()))


def read(folder: Path, train: frozenset[str]) -> Iterator[tuple[Recording, tuple[tuple[int, int, int], ...]]]:
    """Every video that has labels and does not train, with these."""
    files: dict[str, dict[str, RawFile]] = {}
    for path in sorted(folder.rglob("*.txt")):
        place = path.relative_to(folder).as_posix()
        part = pku_mmd.part_of(place)
        if part is not None and part.recording is not None and part.recording not in train:
            files.setdefault(part.recording, {})[part.role] = RawFile(place, path.read_bytes())
    for name, roles in files.items():
        if roles.keys() >= {MAIN, pku_mmd.LABELS}:
            yield pku_mmd.read_untrimmed(RawRecording(name, roles[MAIN], roles))


def spans_of(model: Model, recording: Recording, settings: Settings) -> Sequence[Span]:
    """Those of both people together, without those of nothing known."""
    (found,) = segment(model, recording, settings)
    return [span for span in found.spans if span.label is not None]


def show(figures: dict[str, Any]) -> None:
    table = Table(title=f"PKU-MMD, {figures['videos']} videos, {figures['actions']} actions; percent")
    for name in ("overlap", "mAP over actions", "mAP over videos"):
        table.add_column(name, justify="right")
    for overlap in map(str, OVERLAPS):
        table.add_row(overlap, f"{figures['mAP_a'][overlap]:.1f}", f"{figures['mAP_v'][overlap]:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
