"""The `.npy` of ST-GCN, Shift-GCN, MS-G3D, CMD and USDRL: train_data.npy or train_data_joint.npy, and the same of val.

    train_data.npy        (N, 3, frames, V, M) float32, zeros for a body that is not there and after the clip's end
    train_label.pkl       (names, labels), or train_label.npy, the labels alone
    train_num_frame.npy   (N,) how many frames each clip has, where it was padded by repeating it (CMD, USDRL)

Bones and motions (train_data_bone.npy, …) follow from the joints, and are not read.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from hacm.archives.rules import Entry
from hacm.errors import BadRecording
from hacm.recordings.npz import LONGEST_BEGINNING, check_size, read_header, read_single_array
from hacm.recordings.pickles import PickledArray, read_pickle
from hacm.recordings.prepared.clips import PreparedClip, PreparedReader, as_label, clip_entry, rows_of, tidy_name

MOST_BYTES_BESIDE = 2**26
PARTS = {"train": "train", "val": "test", "test": "test", "eval": "test"}

_DATA = re.compile(r"(train|val|test|eval)_data(?:_joint)?\.npy")
_BESIDE = re.compile(r"(train|val|test|eval)_(?:label\.(?:pkl|npy)|num_frame\.npy)")


@dataclass(frozen=True)
class StGcnArrays(PreparedReader):
    """rule: the split rule that train and val follow."""

    rule: Literal["xsub", "xview"] = "xsub"

    def holds_clips(self, file: str) -> bool:
        """Whether the file is one of joints, `train_data.npy` or the like."""
        return _DATA.fullmatch(file) is not None

    def stands_beside(self, file: str) -> bool:
        """Whether the file holds the labels, or the numbers of frames, that belong to a file of joints."""
        return _BESIDE.fullmatch(file) is not None

    def list_clips(self, file: Path) -> Iterator[Entry]:
        """The clips in the file's order, with their labels, without reading their joints."""
        match = _DATA.fullmatch(file.name)
        assert match is not None
        called = match[1]
        with open(file, "rb") as stream:
            header = read_header(stream.read(LONGEST_BEGINNING), file.name)
            joints = len(self.topology.recorded)
            shown = str(header.shape)[:80]
            if (
                len(header.shape) != 5
                or (header.shape[1], header.shape[3]) != (self.dimensions, joints)
                or 0 in header.shape[1:]
            ):
                wanted = f"(clips, {self.dimensions}, frames, {joints} joints, bodies)"
                raise BadRecording(f"has shape {shown} instead of {wanted}")
            if header.fortran:
                raise BadRecording("is in Fortran's order, clip after clip is not; save a copy made with order='C'")
            check_size(header, file.stat().st_size - header.start, file.name)
            count, *shape = header.shape
            read = rows_of(stream, header.start, math.prod(shape) * header.dtype.itemsize)
            names, labels = _read_labels(file, called, count)
            frames = _read_numbers(file.with_name(f"{called}_num_frame.npy"), count)
            for number in range(count):
                name = f"{called}-{number:06}" if names is None else tidy_name(names[number])
                label = as_label(labels[number])
                if label is None:
                    yield Entry(name, f"{called}_label does not say a class in row {number}", bytes)
                    continue
                clip = PreparedClip(
                    "CTVM", tuple(shape), header.dtype.str, label, None if frames is None else frames[number]
                )
                clip = replace(clip, **{f"{self.rule}_part": PARTS[called]})  # type: ignore[arg-type]
                yield clip_entry(name, clip, partial(read, number))


def _read_labels(file: Path, part: str, count: int) -> tuple[list[str] | None, list[Any]]:
    """The clips' names, if they are said, and labels."""
    pickled, plain = (file.with_name(f"{part}_label.{ending}") for ending in ("pkl", "npy"))
    names = None
    if pickled.exists():
        names, labels = _read_pickled(pickled)
    elif plain.exists():
        labels = read_single_array(plain.read_bytes(), plain.name, MOST_BYTES_BESIDE).reshape(-1).tolist()
    else:
        raise BadRecording(f"neither {pickled.name} nor {plain.name} is beside it, to say its labels")
    if len(labels) != count or (names is not None and len(names) != count):
        raise BadRecording(f"holds {count} clips, but {part}_label says {len(labels)}")
    return names, labels


def _read_pickled(file: Path) -> tuple[list[str] | None, list[Any]]:
    """(names, labels), maybe with more after these, or labels alone."""
    try:
        content = read_pickle(file)
    except BadRecording as reason:
        raise BadRecording(f"{file.name} beside it {reason}") from reason
    parts = content if isinstance(content, tuple | list) else [content]
    if len(parts) >= 2 and all(isinstance(one, list | tuple | PickledArray) for one in parts[:2]):
        names, labels = _listed(parts[0], file), _listed(parts[1], file)
        if not all(isinstance(name, str) for name in names):
            raise BadRecording(f"{file.name} beside it has names that are no text")
        return names, labels
    return None, _listed(content, file)


def _listed(values: Any, file: Path) -> list[Any]:
    if isinstance(values, PickledArray):
        return list(values.read(file).reshape(-1).tolist())
    if not isinstance(values, list | tuple):
        raise BadRecording(f"{file.name} beside it is not (names, labels)")
    return list(values)


def _read_numbers(file: Path, count: int) -> list[int] | None:
    if not file.exists():
        return None
    numbers = [as_label(one) for one in read_single_array(file.read_bytes(), file.name, MOST_BYTES_BESIDE).tolist()]
    whole = [number for number in numbers if number]
    if len(whole) != count:
        raise BadRecording(f"{file.name} beside it does not say a number of frames for each of {count} clips")
    return whole
