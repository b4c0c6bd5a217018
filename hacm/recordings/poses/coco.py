"""COCO's keypoints: annotations of pictures, or the results of an estimator; and AlphaPose's results, of this form too.

annotations   {images: [{id, file_name, …}], annotations: [{image_id, keypoints: [x, y, v]·V, track_id}], categories}
results       [{image_id, category_id, keypoints: [x, y, confidence]·V, score}]; AlphaPose: image_id is a name,
              "12.jpg", and idx says who, where it tracked

v is 0 where a joint is not in the picture. Places are pixels, y downwards; nothing says a frame rate. A file is a
recording: a frame's number is the picture's `frame_id`, or the last number in its name, or its id.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording
from hacm.recordings.notes import Kind, Note
from hacm.recordings.poses.contents import Poses, Sighting, gather
from hacm.recordings.poses.json_text import as_whole
from hacm.recordings.poses.keypoints import FIRST_OF, read_flat, skeleton_of

WHO = ("track_id", "idx", "person_id", "instance_id")
NUMBERED = ("frame_id", "frame_index", "frame_number")
_LAST_NUMBER = re.compile(r"([0-9]{1,15})[^0-9]*$")


def fits(content: Any) -> bool:
    """Whether decoded JSON is of this form."""
    if isinstance(content, dict):
        return isinstance(content.get("annotations"), list) and isinstance(content.get("images"), list)
    first = content[0] if isinstance(content, list) and content else None
    return isinstance(first, dict) and "image_id" in first and "keypoints" in first


def read(content: Any) -> Poses:
    """The recording in such a file; BadRecording if it cannot be read as one."""
    if isinstance(content, dict):
        numbers = _number_images(content["images"])
        persons, names = content["annotations"], _named_joints(content.get("categories"))
    else:
        numbers, persons, names = {}, content, None
    folders: set[str] = set()
    sightings = []
    unmarked = 0
    for person in persons:
        if not isinstance(person, dict):
            raise BadRecording("an annotation is no JSON object")
        if not person.get("keypoints"):
            unmarked += 1  # a person, or another thing, whose keypoints nobody marked
            continue
        said = person.get("image_id")
        if isinstance(said, str):
            folders.add(str(PurePosixPath(said).parent))
        frame = numbers[said] if isinstance(said, int) and said in numbers else _number_of(said)
        if isinstance(content, dict) and said not in numbers:
            raise BadRecording(f"an annotation is of image {str(said)[:40]!a}, which is not among the images")
        sightings.append(Sighting(frame, _who(person), read_flat(person["keypoints"], "keypoints")))
    if len(folders) > 1:
        raise BadRecording(f"pictures of {len(folders)} folders in one file; write a file for each recording")
    counts = {len(one.values_VC) for one in sightings}
    if len(counts) > 1:
        raise BadRecording(f"people of {' and '.join(map(str, sorted(counts)))} keypoints in one file")
    values_MTVC, confidence_MTV, notes = gather(sightings, numbers.values())
    if unmarked:
        notes += (Note(Kind.NOT_READ, words=f"annotations without keypoints: {unmarked}"),)
    return first_joints(values_MTVC, confidence_MTV, notes, names)


def first_joints(
    values_MTVC: NDArray[np.float64],
    confidence_MTV: NDArray[np.float64],
    notes: tuple[Note, ...],
    names: tuple[str, ...] | None = None,
) -> Poses:
    """Keypoints in a known order, or of these names, as Poses; what a known skeleton has not is noted."""
    count, dimensions = values_MTVC.shape[-2:]
    if names is not None and len(names) == count and count not in FIRST_OF:
        joints = names
    else:
        joints = skeleton_of(count, dimensions).recorded
    kept = len(joints)
    if kept < count:
        notes += (Note(Kind.NOT_READ, words=f"keypoints behind the first {kept}: {count - kept}"),)
    flat = dimensions == 2
    return Poses(
        joints,
        values_MTVC[:, :, :kept],
        confidence_MTV[:, :, :kept],
        up="-y" if flat else "z",
        pictured=flat,
        notes=notes,
    )


def _number_images(images: list[Any]) -> Mapping[int, int]:
    """Each picture's id with the number of the frame that it is."""
    if not all(isinstance(image, dict) for image in images):
        raise BadRecording("an image is no JSON object")
    folders = {str(PurePosixPath(str(image.get("file_name", ""))).parent) for image in images}
    if len(folders) > 1:
        raise BadRecording(f"pictures of {len(folders)} folders in one file; write a file for each recording")
    numbers = {}
    for image in images:
        name = next((key for key in NUMBERED if image.get(key) is not None), None)
        file = image.get("file_name")
        of_name = _LAST_NUMBER.search(PurePosixPath(file).stem) if isinstance(file, str) else None
        identifier = as_whole(image.get("id"), "an image's id")
        numbers[identifier] = as_whole(image[name], name) if name else int(of_name[1]) if of_name else identifier
    if len(set(numbers.values())) < len(numbers):
        numbers = {identifier: identifier for identifier in numbers}  # numbers in names that count something else
    return numbers


def _number_of(image: Any) -> int:
    match = _LAST_NUMBER.search(PurePosixPath(image).stem) if isinstance(image, str) else None
    return int(match[1]) if match else as_whole(image, "image_id")


def _who(person: Mapping[str, Any]) -> int | None:
    said = next((person[key] for key in WHO if person.get(key) is not None), None)
    if isinstance(said, list) and said:
        said = said[0]  # AlphaPose's trackers write [1.0] too
    return None if said is None or said == -1 else as_whole(said, "who a person is")


def _named_joints(categories: Any) -> tuple[str, ...] | None:
    first = categories[0] if isinstance(categories, list) and categories else None
    names = first.get("keypoints") if isinstance(first, dict) else None
    if isinstance(names, list) and names and all(isinstance(name, str) and name for name in names):
        return tuple(names) if len(set(names)) == len(names) else None
    return None
