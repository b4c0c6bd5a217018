"""The `.npz` of the NTU and PKU-MMD scripts (CTR-GCN, MAMP, STARS, SLiM): NTU60_CS.npz and its like.

    x_train, x_test   (N, frames, M·V·3): a frame is body 0, then body 1, joint after joint, x y z; zeros for a body
                      that is not there, and after the clip's end
    y_train, y_test   (N, classes), one-hot, or (N,), the class

There are no names: who performed and which camera saw it cannot be known. Files that this project exports have names
and numbers of frames beside these (names_…, frames_…), and are read back by them.
"""

import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hacm.archives.rules import EXPANSION_FLOOR_BYTES, MOST_EXPANSION, Entry
from hacm.archives.zips import read_zip_member
from hacm.errors import BadRecording
from hacm.recordings.impostors import LONGEST_BEGINNING as LONGEST_IMPOSTOR
from hacm.recordings.impostors import refuse_impostor
from hacm.recordings.npz import LONGEST_BEGINNING, SUFFIX, Header, check_size, parse_array, read_header
from hacm.recordings.prepared.clips import PreparedClip, PreparedReader, clip_entry, rows_of, tidy_name

PARTS = ("train", "test")
OF_A_PART = ("x", "y", "names", "frames", "bodies")
OF_THE_FILE = frozenset({"classes", "data_version"})
MOST_LABEL_BYTES = 2**28
"""NTU-120 has 63,026 training clips of 120 float64."""


@dataclass(frozen=True)
class NtuNpz(PreparedReader):
    """rule: the split rule that the file's two parts follow: `xsub` (CS, XSub) or `xview` (CV, XView, XSet)."""

    rule: Literal["xsub", "xview"] = "xsub"

    def holds_clips(self, file: str) -> bool:
        """Whether the file's name ends in .npz."""
        return file.lower().endswith(".npz")

    def list_clips(self, file: Path) -> Iterator[Entry]:
        """The clips of both parts, the training part first, without reading their joints."""
        with open(file, "rb") as stream:
            refuse_impostor(stream.read(LONGEST_IMPOSTOR))
        with zipfile.ZipFile(file) as archive:
            infos = {info.filename.removesuffix(SUFFIX): info for info in archive.infolist()}
            known = OF_THE_FILE | {f"{array}_{part}" for array in OF_A_PART for part in PARTS}
            unread = tuple(name[:40] for name in infos if name not in known)
            parts = [part for part in PARTS if f"x_{part}" in infos]
            if not parts:
                raise BadRecording(f"holds no x_train and x_test, but {', '.join(unread[:8]) or 'nothing'}")
            for part in parts:
                yield from self._list_part(archive, infos, part, unread)

    def _list_part(
        self, archive: zipfile.ZipFile, infos: dict[str, zipfile.ZipInfo], part: str, unread: tuple[str, ...]
    ) -> Iterator[Entry]:
        name = f"x_{part}"
        _check_member(infos[name], name)
        with archive.open(infos[name]) as stream:
            header = read_header(stream.read(LONGEST_BEGINNING), name)
            shape = self._clip_shape(header, name)
            check_size(header, infos[name].file_size - header.start, name)
            read = rows_of(stream, header.start, math.prod(shape) * header.dtype.itemsize)
            count = header.shape[0]
            labels = _read_labels(archive, infos, part, count)
            names = _read_beside(archive, infos, f"names_{part}", count, text=True)
            frames = _read_frames(archive, infos, f"frames_{part}", count)
            for number in range(count):
                called = f"{part}-{number:06}" if names is None else tidy_name(str(names[number]))
                label = int(labels[number])
                if label < 0:
                    yield Entry(called, f"y_{part} does not say one class in row {number}", bytes)
                    continue
                clip = PreparedClip(
                    "TMVC", shape, header.dtype.str, label, None if frames is None else int(frames[number]),
                    unread=unread,
                )  # fmt: skip
                clip = replace(clip, **{f"{self.rule}_part": part})  # type: ignore[arg-type]
                yield clip_entry(called, clip, partial(read, number))

    def _clip_shape(self, header: Header, name: str) -> tuple[int, ...]:
        """(T, M, V, C)."""
        joints, axes = len(self.topology.recorded), self.dimensions
        if len(header.shape) != 3 or header.shape[2] % (joints * axes) or 0 in header.shape[1:]:
            shown = str(header.shape)[:80]
            wanted = f"(clips, frames, bodies × {joints} joints × {axes})"
            raise BadRecording(f"{name} has shape {shown} instead of {wanted}")
        if header.fortran:
            raise BadRecording(f"{name} is in Fortran's order, clip after clip is not; save a copy made with order='C'")
        return header.shape[1], header.shape[2] // (joints * axes), joints, axes


def _check_member(info: zipfile.ZipInfo, name: str) -> None:
    """BadRecording unless it is packed in a way that is read piece by piece, and unpacks to what can be clips."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadRecording(f"{name} is packed in a way that NumPy does not use (type {info.compress_type})")
    if info.file_size > MOST_EXPANSION * info.compress_size + EXPANSION_FLOOR_BYTES:
        raise BadRecording(f"{name} unpacks to more than {MOST_EXPANSION} times its size")


def _read_small(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, *, text: bool = False) -> NDArray[Any]:
    _check_member(info, name)
    if info.file_size > MOST_LABEL_BYTES:
        raise BadRecording(f"{name} unpacks to {info.file_size} bytes, over the limit of {MOST_LABEL_BYTES}")
    return parse_array(read_zip_member(archive, info), name, text=text)


def _read_beside(
    archive: zipfile.ZipFile, infos: dict[str, zipfile.ZipInfo], name: str, count: int, *, text: bool = False
) -> NDArray[Any] | None:
    """What stands beside the clips, one value per clip; None if it is not there."""
    if name not in infos:
        return None
    array = _read_small(archive, infos[name], name, text=text)
    if array.shape != (count,):
        raise BadRecording(f"{name} has shape {str(array.shape)[:80]} instead of ({count},), one per clip")
    return array


def _read_frames(
    archive: zipfile.ZipFile, infos: dict[str, zipfile.ZipInfo], name: str, count: int
) -> NDArray[Any] | None:
    """How many frames each clip has; None if it is not said."""
    frames = _read_beside(archive, infos, name, count)
    if frames is not None and not ((frames >= 1) & (frames < 2**31) & (frames == np.floor(frames))).all():
        raise BadRecording(f"{name} does not say a number of frames for each clip")
    return frames


def _read_labels(
    archive: zipfile.ZipFile, infos: dict[str, zipfile.ZipInfo], part: str, count: int
) -> NDArray[np.int64]:
    """Each clip's class; −1 where its row says none, or more than one."""
    name = f"y_{part}"
    if name not in infos:
        raise BadRecording(f"holds x_{part} without {name}")
    labels = _read_small(archive, infos[name], name)
    if labels.shape[:1] != (count,) or labels.ndim > 2:
        raise BadRecording(f"{name} has shape {str(labels.shape)[:80]}, but x_{part} holds {count} clips")
    if labels.ndim == 2 and labels.shape[1] > 1:
        chosen = labels > 0
        return np.where(chosen.sum(axis=1) == 1, chosen.argmax(axis=1), -1)
    whole = np.asarray(labels, dtype=np.float64).reshape(-1)
    fit = (whole >= 0) & (whole < 2**31) & (whole == np.floor(whole))
    return np.where(fit, whole, -1).astype(np.int64)


def holds_parts(file: Path) -> bool:
    """Whether an `.npz` is one of these: other formats are called so as well."""
    try:
        with zipfile.ZipFile(file) as archive:
            return not {f"x_{part}{SUFFIX}" for part in PARTS}.isdisjoint(archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return False
