"""MMPose's predictions of a video: what its inferencer and its demos save, one file per video.

[{frame_id, instances: [{keypoints: [[x, y], …], keypoint_scores: […]}]}], or that as `instance_info` of an object that
has `meta_info` beside it. Places are pixels, y downwards. `track_id` or `instance_id` says who, where it tracked.

Of three dimensions keypoints are [x, y, z] of a unit that is not said. Of the camera's x (to the right), y (down) and z
MMPose writes −x, z and −y (its pose3d_inferencer.py): z is up, and left and right are swapped, which is undone here.
The lowest joint of each frame is at 0, unless it was told otherwise (disable_rebase_keypoint).
"""

from dataclasses import replace
from typing import Any

import numpy as np

from hacm.errors import BadRecording
from hacm.recordings.notes import Kind, Note
from hacm.recordings.poses.coco import WHO, first_joints
from hacm.recordings.poses.contents import Poses, Sighting, gather
from hacm.recordings.poses.json_text import as_numbers, as_whole
from hacm.recordings.poses.keypoints import hide_unseen


def fits(content: Any) -> bool:
    """Whether decoded JSON is of this form."""
    frames = _frames(content)
    return bool(frames) and isinstance(frames[0], dict) and isinstance(frames[0].get("instances"), list)


def read(content: Any) -> Poses:
    """The recording in such a file; BadRecording if it cannot be read as one."""
    sightings, numbers = [], []
    for place, frame in enumerate(_frames(content)):
        if not isinstance(frame, dict) or not isinstance(frame.get("instances"), list):
            raise BadRecording(f"frame {place}: has no list of instances")
        number = as_whole(frame.get("frame_id", place), "frame_id")
        numbers.append(number)
        sightings += [_read_person(person, number) for person in frame["instances"]]
    if len({one.values_VC.shape for one in sightings}) > 1:
        raise BadRecording("people of several numbers of keypoints in one file")
    poses = first_joints(*gather(sightings, numbers))
    if poses.pictured:
        return poses
    words = "x turned about, which MMPose writes mirrored"
    return replace(
        poses, values_MTVC=poses.values_MTVC * [-1, 1, 1], notes=(*poses.notes, Note(Kind.REMARK, words=words))
    )


def _frames(content: Any) -> list[Any]:
    if isinstance(content, dict):
        content = content.get("instance_info")
    return content if isinstance(content, list) else []


def _read_person(person: Any, frame: int) -> Sighting:
    if not isinstance(person, dict):
        raise BadRecording(f"frame {frame}: a person is no JSON object")
    values_VC = as_numbers(person.get("keypoints"), "keypoints")
    scores_V = as_numbers(person.get("keypoint_scores"), "keypoint_scores")
    if values_VC.ndim != 2 or values_VC.shape[1] not in (2, 3) or scores_V.shape != values_VC.shape[:1]:
        raise BadRecording(f"frame {frame}: keypoints of shape {values_VC.shape}, keypoint_scores of {scores_V.shape}")
    said = next((person[key] for key in WHO if person.get(key) not in (None, -1)), None)
    who = None if said is None else as_whole(said, "who a person is")
    return Sighting(frame, who, hide_unseen(np.column_stack([values_VC, scores_V])))
