"""OpenPose's JSON (`--write_json`): one file per frame, `NAME_000000000012_keypoints.json`, with all people in it.

people    a list of {pose_keypoints_2d: x, y and confidence of 25 (BODY_25) or 18 joints (COCO), pose_keypoints_3d: x,
          y, z and confidence, where it was run in 3-D; person_id: [number], or [-1] where nobody is tracked}

A joint that was not found is 0, 0, 0. Places are pixels, y downwards; it says no frame rate.
"""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from hacm.errors import BadRecording
from hacm.recordings.poses.contents import Poses, Sighting, gather
from hacm.recordings.poses.keypoints import read_flat
from hacm.skeletons.shipped import BODY_25, COCO_18

FLAT, DEEP = "pose_keypoints_2d", "pose_keypoints_3d"
OLD = "pose_keypoints"
"""What FLAT was called until version 1.1."""
SKELETONS = {25: BODY_25, 18: COCO_18}

_NAME = re.compile(r"(.*?)_?([0-9]{1,15})_keypoints\.json")


def frame_of(path: str) -> tuple[str, int] | None:
    """The recording, with its folders, and the number of a frame that a file is; None: by its name it is no frame."""
    place = PurePosixPath(path)
    match = _NAME.fullmatch(place.name)
    if match is None:
        return None
    name, number = match.groups()
    return (str(place.parent / name) if name else str(place.parent)), int(number)


def fits(content: Any) -> bool:
    """Whether decoded JSON is such a frame."""
    return isinstance(content, dict) and isinstance(content.get("people"), list)


def read_frame(content: Any, frame: int) -> list[Sighting]:
    """The people in a frame; BadRecording if it is none."""
    if not fits(content):
        raise BadRecording("no frame of OpenPose: it has no list of people")
    return [_read_person(person, frame) for person in content["people"]]


def read(content: Any) -> Poses:
    """A single frame as a recording."""
    return join(read_frame(content, 0))


def join(sightings: Iterable[Sighting], frames: Iterable[int] = ()) -> Poses:
    """The people of a recording, of these frames, together; BadRecording if there are none, or of several models."""
    found = list(sightings)
    shapes = {one.values_VC.shape for one in found}
    if len(shapes) > 1:
        said = " and ".join(f"{joints} joints of {columns - 1} dimensions" for joints, columns in sorted(shapes))
        raise BadRecording(f"its frames are of several models: {said}")
    values_MTVC, confidence_MTV, notes = gather(found, frames)
    pictured = values_MTVC.shape[-1] == 2
    joints = SKELETONS[values_MTVC.shape[2]].recorded
    return Poses(joints, values_MTVC, confidence_MTV, up="-y" if pictured else None, pictured=pictured, notes=notes)


def _read_person(person: Any, frame: int) -> Sighting:
    if not isinstance(person, dict):
        raise BadRecording("a person is no JSON object")
    flat = person.get(FLAT) or person.get(OLD)
    values_VC = read_flat(flat, FLAT) if flat else read_flat(person.get(DEEP) or [], DEEP, coordinates=3)
    if len(values_VC) not in SKELETONS:
        known = " and ".join(f"{count}" for count in SKELETONS)
        raise BadRecording(f"a person has {len(values_VC)} joints; known are the models of {known}")
    said = person.get("person_id")
    number = said[0] if isinstance(said, list) and said else said
    who = float(number) if isinstance(number, int | float) and 0 <= number < 2**53 else None
    return Sighting(frame, who, values_VC)
