"""PYSKL's and mmaction2's annotations of skeletons: ntu60_3danno.pkl, ntu60_hrnet.pkl and their like, read as data.

split         {name: [frame_dir]}, such as xsub_train and xsub_val
annotations   a list of {frame_dir: name, total_frames: T, label: class, keypoint: (M, T, V, C)}, where C is 3, or 2 for
              places in a picture; with these keypoint_score: (M, T, V), the joints' confidences
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from hacm.archives.rules import LIMIT_BYTES, Entry
from hacm.errors import BadRecording, name_some
from hacm.recordings.pickles import PickledArray, Span, read_pickle
from hacm.recordings.prepared.clips import PreparedClip, PreparedReader, as_label, clip_entry, read_exactly, tidy_name

TRAIN, TEST = "train", "test"
SCORE = "keypoint_score"
AXES = ("bodies", "frames", "joints")

Parts = dict[str, str]
"""A clip's name → the part that it is in."""


@dataclass(frozen=True)
class PysklAnnotations(PreparedReader):
    """A reader of PYSKL's annotation files.

    xsub, xview: the file's names of the two parts, training and test, of a split by subjects and of one by cameras or
    setups (`("xset_train", "xset_val")`); None if there is no such split.
    """

    xsub: tuple[str, str] | None = ("xsub_train", "xsub_val")
    xview: tuple[str, str] | None = None

    def holds_clips(self, file: str) -> bool:
        """Whether the file's name ends in .pkl or .pickle."""
        return file.lower().endswith((".pkl", ".pickle"))

    def list_clips(self, file: Path) -> Iterator[Entry]:
        """The annotations in the file's order, without reading their joints."""
        held = read_pickle(file)
        if not isinstance(held, dict) or not isinstance(held.get("annotations"), list):
            raise BadRecording("is not PYSKL's: it holds no list of annotations")
        xsub, xview = (_read_split(held.get("split"), parts) for parts in (self.xsub, self.xview))
        seen = set()
        with open(file, "rb") as stream:

            def read(contents: list[Span | bytes]) -> bytes:
                return b"".join(
                    one if isinstance(one, bytes) else read_exactly(stream, one.start, one.length) for one in contents
                )

            for number, annotation in enumerate(held["annotations"]):
                if not isinstance(annotation, dict) or not isinstance(annotation.get("frame_dir"), str):
                    raise BadRecording(f"annotation {number} has no frame_dir, its clip's name")
                said = annotation["frame_dir"]
                name = tidy_name(said)
                seen.add(said)
                try:
                    clip, contents = self._describe(annotation, xsub.get(said), xview.get(said))
                except BadRecording as reason:
                    yield Entry(name, str(reason), bytes)
                else:
                    yield clip_entry(name, clip, partial(read, contents))
        for said in sorted((xsub.keys() | xview.keys()) - seen):
            yield Entry(tidy_name(said), "is in a part of the split, but has no annotation", bytes)

    def _describe(
        self, annotation: dict[str, Any], xsub: str | None, xview: str | None
    ) -> tuple[PreparedClip, list[Span | bytes]]:
        """A clip, and where its values are."""
        keypoint = _values_of(annotation, "keypoint", *AXES, "coordinates")
        label = as_label(annotation.get("label"))
        if label is None:
            raise BadRecording("its annotation says no class (label)")
        frames = as_label(annotation.get("total_frames", keypoint.shape[1]))
        if frames != keypoint.shape[1]:
            raise BadRecording(f"has {keypoint.shape[1]} frames, but says total_frames {frames}")
        clip = PreparedClip("MTVC", keypoint.shape, keypoint.dtype.str, label, frames, xsub, xview)
        contents = [keypoint.content]
        if SCORE in annotation and self.least_confidence > 0:
            score = _values_of(annotation, SCORE, *AXES)
            if score.shape != keypoint.shape[:3]:
                raise BadRecording(f"its {SCORE} of shape {score.shape} does not fit keypoint of {keypoint.shape}")
            clip = replace(clip, confidence=score.dtype.str)
            contents.append(score.content)
        elif SCORE in annotation:
            clip = replace(clip, unread=(SCORE,))
        size = sum(map(_size, contents))
        if size > LIMIT_BYTES:
            raise BadRecording(f"{size} bytes, over the limit of {LIMIT_BYTES}")
        return clip, contents


def _read_split(split: Any, wanted: tuple[str, str] | None) -> Parts:
    """Which clips train and which test."""
    if wanted is None:
        return {}
    if not isinstance(split, dict) or not all(isinstance(split.get(name), list | tuple) for name in wanted):
        found = name_some(sorted(split)) if isinstance(split, dict) and split else "none"
        raise BadRecording(f"has no parts {' and '.join(wanted)}, but {found}; say xsub and xview where its reader is "
                           "defined")  # fmt: skip
    parts: Parts = {}
    for part, name in zip((TRAIN, TEST), wanted, strict=True):
        for clip in split[name]:
            if not isinstance(clip, str) or parts.setdefault(clip, part) != part:
                raise BadRecording(f"has in {name} what is no name, or in {wanted[0]} as well")
    return parts


def _values_of(annotation: dict[str, Any], key: str, *axes: str) -> PickledArray:
    """An array of an annotation, its axes as named; BadRecording if it is none that can be read."""
    array = annotation.get(key)
    if not isinstance(array, PickledArray) or len(array.shape) != len(axes):
        raise BadRecording(f"its annotation has no array {key} of the axes {', '.join(axes)}")
    if array.fortran or array.dtype.kind == "b":
        raise BadRecording(f"its {key} is in Fortran's order, or not of numbers")
    return array


def _size(content: Span | bytes) -> int:
    return content.length if isinstance(content, Span) else len(content)
