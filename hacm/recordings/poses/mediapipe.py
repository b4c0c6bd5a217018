"""MediaPipe's 33 landmarks, as people write them: it has no file format of its own.

CSV, a line per frame, under a line of names in any of these styles, 33 landmarks from 0 or from 1:
    NOSE_x, NOSE_y, NOSE_z, NOSE_visibility, LEFT_EYE_INNER_x, …
    x1, y1, z1, v1, x2, …
    landmark_0_x, landmark_0_y, …   (any word before the number)
or a line a landmark: frame, landmark, x, y, z, visibility, the landmark by number or by name.
JSON: a list of frames, or {fps, frames: [...]}; a frame is a list of 33 landmarks, {x, y, z, visibility} or [x, y, z,
visibility], a list of such lists (several people), or an object with them as `landmarks`, `pose_landmarks`,
`pose_world_landmarks`, … and maybe `frame` or `frame_id`.

World coordinates are metres from the middle of the hips; image coordinates shares of the picture's width and height, z
in the unit of x; y grows downwards in both. Where both are there, world coordinates are read.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording
from hacm.recordings.csv_table import BYTE_ORDER_MARK, LONGEST_NAMES, read_csv
from hacm.recordings.frame_numbers import FRAME_COLUMNS, PERSON_COLUMNS
from hacm.recordings.names import plain
from hacm.recordings.notes import Kind, Note
from hacm.recordings.poses.contents import MOST_NUMBERS, Poses, Sighting, gather
from hacm.recordings.poses.json_text import as_numbers, as_whole
from hacm.skeletons.shipped import MEDIAPIPE_33

JOINTS = MEDIAPIPE_33.recorded
COUNT = len(JOINTS)
HIPS = (JOINTS.index("left hip"), JOINTS.index("right hip"))
CENTRED = 0.02
"""Metres that the middle of the hips is off at most in world coordinates, in the median frame."""

VALUES = {"x": 0, "y": 1, "z": 2, "v": 3, "visibility": 3, "vis": 3, "confidence": 3, "score": 3, "presence": 4}
"""What a column's last, or first, word says of a landmark; presence is read where there is no visibility."""
LANDMARK_COLUMNS = (
    "landmark",
    "landmark id",
    "landmark index",
    "landmark name",
    "joint",
    "joint name",
    "name",
    "index",
    "id",
)
SINGLE = re.compile(r"(?:.*?[a-z ])?([0-9]{1,2}) ?([a-z]+)|([a-z]+) ?([0-9]{1,2})")
WORLD = re.compile(r"\b(?:world|w)\b ?")
LISTS = ("pose_world_landmarks", "world_landmarks", "poseWorldLandmarks", "worldLandmarks", "pose_landmarks",
         "landmarks", "poseLandmarks", "keypoints", "pose")  # fmt: skip
"""What an object calls its landmarks: the first that is there is read."""
FRAMES = ("frames", "results", "data", "poses")
NUMBERS = ("frame", "frame_id", "frame_index", "frame_number", "frameIndex")

Place = tuple[int, int]
"""Landmark and value."""


def fits_csv(data: bytes) -> bool:
    """Whether a text's first line names MediaPipe's landmarks."""
    first = data[:LONGEST_NAMES].removeprefix(BYTE_ORDER_MARK).partition(b"\n")[0].decode("latin-1")
    names = [plain(name.strip().strip('"')) for name in re.split("[,;\t]", first)]
    return bool(_columns(names)) or _is_long(names)


def read_csv_text(data: bytes) -> Poses:
    """The recording in such a CSV; BadRecording, naming the line, if it is damaged or of another kind."""

    def is_read(name: str) -> bool:
        return plain(name) in (*FRAME_COLUMNS, *PERSON_COLUMNS, *LANDMARK_COLUMNS) or _place_of(plain(name)) is not None

    def number_of(column: str, word: str) -> int | None:
        if plain(column) not in LANDMARK_COLUMNS:
            return None
        if plain(word) not in JOINTS:
            raise BadRecording(f"landmark {word[:40]!a} is none of MediaPipe's 33")
        return JOINTS.index(plain(word))

    names, table_RK, notes = read_csv(data, 4 * COUNT, MOST_NUMBERS, is_read, number_of)
    if names is None:
        raise BadRecording("line 1: no column names, which say what is MediaPipe's")
    named = [plain(name) for name in names]
    columns = _columns(named)
    if columns:
        return _read_wide(named, columns, table_RK, notes)
    if _is_long(named):
        return _read_long(named, table_RK, notes)
    raise BadRecording("line 1: columns that do not name x and y of MediaPipe's 33 landmarks")


def fits(content: Any) -> bool:
    """Whether decoded JSON is of this form: its first frame with somebody has 33 landmarks."""
    for frame in _frames(content)[:10_000]:
        persons = _persons(frame)
        if persons:
            return isinstance(persons[0], list) and len(persons[0]) == COUNT
    return False


def read(content: Any) -> Poses:
    """The recording in such JSON; BadRecording if it is damaged."""
    sightings, numbers = [], []
    for place, frame in enumerate(_frames(content)):
        number = next((frame[key] for key in NUMBERS if key in frame), place) if isinstance(frame, dict) else place
        whole = as_whole(number, "frame")
        numbers.append(whole)
        sightings += [Sighting(whole, None, _read_landmarks(person, place)) for person in _persons(frame)]
    fps = content.get("fps") if isinstance(content, dict) else None
    if fps is not None and not (isinstance(fps, int | float) and 0 < fps < 10**6):
        raise BadRecording(f"fps is {str(fps)[:40]!a}, not a positive number")
    return _finish(*gather(sightings, numbers), fps=None if fps is None else float(fps))


def _columns(names: Sequence[str]) -> dict[Place, int]:
    """Where each value of each landmark is, those of the world if there are any; empty if x or y of one is missing."""
    for world in (True, False):
        found: dict[Place, int] = {}
        numbers = set()
        for column, name in enumerate(names):
            if bool(WORLD.search(name)) != world:
                continue
            place = _place_of(name)
            if place is not None:
                found.setdefault(place, column)
                numbers.add(place[0])
        if numbers and min(numbers) == 1 and max(numbers) == COUNT:
            found = {(landmark - 1, value): column for (landmark, value), column in found.items()}
        found = {place: column for place, column in found.items() if place[0] < COUNT}
        if all((landmark, value) in found for landmark in range(COUNT) for value in (0, 1)):
            return found
    return {}


def _place_of(name: str) -> Place | None:
    """What a column is, by its name in small letters with blanks."""
    name = WORLD.sub("", name)
    joint, _, last = name.rpartition(" ")
    if joint in JOINTS and last in VALUES:
        return JOINTS.index(joint), VALUES[last]
    match = SINGLE.fullmatch(name)
    if match is None:
        return None
    number, word = (match[1], match[2]) if match[1] else (match[4], match[3])
    return (int(number), VALUES[word]) if word in VALUES and int(number) <= COUNT else None


def _is_long(names: Sequence[str]) -> bool:
    return {"x", "y"} <= set(names) and any(one in names for one in LANDMARK_COLUMNS) and any(
        one in names for one in FRAME_COLUMNS
    )  # fmt: skip


def _read_wide(
    names: Sequence[str], columns: Mapping[Place, int], table_RK: NDArray[np.float64], notes: tuple[Note, ...]
) -> Poses:
    values_RVC = np.full((len(table_RK), COUNT, 5), np.nan)
    for (landmark, value), column in columns.items():
        values_RVC[:, landmark, value] = table_RK[:, column]
    frame_R = _column(names, FRAME_COLUMNS, table_RK)
    person_R = _column(names, PERSON_COLUMNS, table_RK)
    sightings = [
        Sighting(
            float(row if frame_R is None else frame_R[row]),
            0.0 if person_R is None else float(person_R[row]),
            _settle(values_RVC[row]),
        )
        for row in range(len(table_RK))
        if np.isfinite(values_RVC[row, :, 0]).any()
    ]
    return _finish(*gather(sightings), notes=notes + _note_unread(names, columns.values()))


def _read_long(names: Sequence[str], table_RK: NDArray[np.float64], notes: tuple[Note, ...]) -> Poses:
    frame_R, landmark_R = (_column(names, known, table_RK) for known in (FRAME_COLUMNS, LANDMARK_COLUMNS))
    person_R = _column(names, PERSON_COLUMNS, table_RK)
    assert frame_R is not None
    assert landmark_R is not None
    columns = {VALUES[name]: column for column, name in enumerate(names) if name in VALUES}
    people: dict[tuple[float, float], NDArray[np.float64]] = {}
    for row, (frame, landmark) in enumerate(zip(frame_R.tolist(), landmark_R.tolist(), strict=True)):
        if landmark not in range(COUNT):
            raise BadRecording(f"line {row + 2}: landmark {landmark:g} is none of 0 to {COUNT - 1}")
        if not np.isfinite(frame):
            raise BadRecording(f"line {row + 2}: frame is {frame:g}, not a number")
        person = 0.0 if person_R is None else float(person_R[row])
        values_VC = people.setdefault((frame, person), np.full((COUNT, 5), np.nan))
        if np.isfinite(values_VC[int(landmark)]).any():
            raise BadRecording(f"line {row + 2}: landmark {landmark:g} occurs twice in frame {frame:g}; several people "
                               "need a column person")  # fmt: skip
        for value, column in columns.items():
            values_VC[int(landmark), value] = table_RK[row, column]
    sightings = [Sighting(frame, person, _settle(values)) for (frame, person), values in people.items()]
    return _finish(*gather(sightings), notes=notes)


def _column(names: Sequence[str], known: Sequence[str], table_RK: NDArray[np.float64]) -> NDArray[np.float64] | None:
    return next((table_RK[:, names.index(name)] for name in known if name in names), None)


def _note_unread(names: Sequence[str], read: Any) -> tuple[Note, ...]:
    known = {*read, *(names.index(one) for one in (*FRAME_COLUMNS, *PERSON_COLUMNS) if one in names)}
    others = [ascii(name[:40]) for column, name in enumerate(names) if column not in known]
    if not others:
        return ()
    more = f", … ({len(others)})" if len(others) > 4 else ""
    return (Note(Kind.NOT_READ, words=", ".join(others[:4]) + more),)


def _settle(values_VC: NDArray[np.float64]) -> NDArray[np.float64]:
    """x, y, z and confidence (V, 4) of x, y, z, visibility and presence (V, 5)."""
    visibility_V, presence_V = values_VC[:, 3], values_VC[:, 4]
    return np.column_stack([values_VC[:, :3], np.where(np.isfinite(visibility_V), visibility_V, presence_V)])


def _finish(
    values_MTVC: NDArray[np.float64],
    confidence_MTV: NDArray[np.float64],
    gathered: tuple[Note, ...] = (),
    *,
    fps: float | None = None,
    notes: tuple[Note, ...] = (),
) -> Poses:
    """As Poses: two dimensions where z is nowhere, metres where the middle of the hips is the origin throughout."""
    if not np.isfinite(values_MTVC[..., 2]).any():
        values_MTVC = values_MTVC[..., :2]
    middle_MTC = values_MTVC[:, :, HIPS].mean(axis=2)
    seen = middle_MTC[np.isfinite(middle_MTC).all(axis=-1)]
    world = values_MTVC.shape[-1] == 3 and len(seen) > 0 and float(np.median(np.abs(seen).max(axis=-1))) < CENTRED
    return Poses(
        JOINTS,
        values_MTVC,
        confidence_MTV if np.isfinite(confidence_MTV).any() else None,
        fps=fps,
        metres=1.0 if world else None,
        up="-y",
        pictured=not world,
        notes=notes + gathered,
    )


def _frames(content: Any) -> list[Any]:
    if isinstance(content, dict):
        content = next((content[key] for key in FRAMES if isinstance(content.get(key), list)), None)
    return content if isinstance(content, list) else []


def _persons(frame: Any) -> list[Any]:
    """The lists of landmarks in a frame; none where nobody was seen."""
    if isinstance(frame, dict):
        frame = next((frame[key] for key in LISTS if frame.get(key)), None)
    if isinstance(frame, dict):
        frame = frame.get("landmark")  # as protocol buffers are turned into JSON
    if not isinstance(frame, list) or not frame:
        return []
    several = isinstance(frame[0], list) and bool(frame[0]) and isinstance(frame[0][0], list | dict)
    return [person for person in frame if person] if several else [frame]


def _read_landmarks(person: Any, place: int) -> NDArray[np.float64]:
    if not isinstance(person, list) or len(person) != COUNT:
        raise BadRecording(f"frame {place}: no list of {COUNT} landmarks")
    values_VC = np.full((COUNT, 5), np.nan)
    for number, landmark in enumerate(person):
        if isinstance(landmark, dict):
            said = {
                VALUES[key]: value
                for key, value in landmark.items()
                if key in ("x", "y", "z", "visibility", "presence")
            }
        elif isinstance(landmark, list) and 2 <= len(landmark) <= 5:
            said = dict(enumerate(landmark))
        else:
            raise BadRecording(f"frame {place}: landmark {number} is neither an object nor a list of 2 to 5 numbers")
        if not {0, 1} <= said.keys():
            raise BadRecording(f"frame {place}: landmark {number} has no x or no y")
        values_VC[number, list(said)] = as_numbers(list(said.values()), f"frame {place}: landmark {number}")
    return _settle(values_VC)
