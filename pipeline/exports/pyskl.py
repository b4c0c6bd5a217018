"""PYSKL's annotation file (github.com/kennymckormick/pyskl, tools/data/README.md), as mmaction2 reads it too.

    split           {'xsub_train': [names], 'xsub_val': [names]}, after the split rule
    annotations     a list of {'frame_dir': name, 'label': class number, 'total_frames': T,
                    'keypoint': float32 (M, T, V, 3)}, in name order
    classes         the classes' names in number order; PYSKL does not look at it
    data_version    the store's version; likewise

It is a pickle because PYSKL reads nothing else. This project reads such files as data (hacm/recordings/pickles.py).
"""

import pickle
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hacm.files import replace_file
from pipeline.exports import LabelledClips

SUFFIX = ".pkl"
PROTOCOL = 4
"""Python 3.4 and later read it."""
SPLIT_NAMES = {"train": "train", "test": "val"}
"""PYSKL's names of the parts."""


def write(clips: LabelledClips, path: Path) -> None:
    """Write the file."""
    content = {
        "split": {f"{clips.rule}_{theirs}": clips.part(part)["name"].to_list() for part, theirs in SPLIT_NAMES.items()},
        "annotations": Streamed(annotate(clips)),
        "classes": clips.classes,
        "data_version": clips.data_version,
    }
    with replace_file(path) as temporary, open(temporary, "wb") as stream:
        StreamPickler(stream).dump(content)


def annotate(clips: LabelledClips) -> Iterator[dict[str, Any]]:
    """PYSKL's annotation of each clip."""
    for (name, number), bodies_MTVC in zip(
        clips.table.select("name", "class").iter_rows(), clips.stream(clips.table), strict=True
    ):
        yield {
            "frame_dir": name,
            "label": number,
            "total_frames": bodies_MTVC.shape[1],
            "keypoint": np.ascontiguousarray(bodies_MTVC, dtype="<f4"),
        }


class Streamed:
    """Items that are written one after another, and that a reader of the file gets as a list."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.items = items


class StreamPickler(pickle.Pickler):
    """Writes Streamed items without keeping them, and arrays in a form that every version of NumPy reads.

    NumPy's own form names a function that has moved between NumPy 1 and 2; this one names `numpy.ndarray`. The array
    stands on a bytearray, so that what is read can be written to.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__(stream, PROTOCOL)
        # Without a memo of what has been written: it would hold every clip, and its numbers depend on which equal
        # strings happen to be one object.
        self.fast = True

    def reducer_override(self, value: Any) -> Any:
        """How to write a value of a kind that is named above."""
        if isinstance(value, np.ndarray):
            return np.ndarray, (value.shape, value.dtype.str, bytearray(value))
        if isinstance(value, Streamed):
            return list, (), None, iter(value.items)
        return NotImplemented
