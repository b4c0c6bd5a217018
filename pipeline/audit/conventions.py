"""Checks that the recordings follow the conventions that their reader states: which axis points up, which side is left,
whether coordinates are positions in an image, and which values only mean that a joint was not seen. Each finding names
the setting.

Joints are recognised by their landmark names; a skeleton with other names cannot be checked for up and left.
Legend: M bodies, T frames, V joints, C coordinates, N rows of bodies that are there, P points.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hacm.errors import name_some
from hacm.recordings.bodies import UPRIGHT
from hacm.skeletons.correspondence import find_landmarks
from hacm.skeletons.shipped import TOPOLOGIES
from hacm.skeletons.topology import Topology
from pipeline.audit.findings import Finding
from pipeline.datasets.definition import DataSet
from pipeline.store.losses import describe_share
from pipeline.store.store import SkeletonStore

UPPER = frozenset({"head", "nose", "neck", "eye", "ear", "shoulder"})
LOWER = frozenset({"knee", "ankle", "foot", "toe", "toes", "heel", "leg"})
"""Words of the names of joints that are at the upper and at the lower end of a body that stands."""

ALONG = 0.5
"""Bodies are along an axis if the mean of their directions, of length 1, is so long that way: half a right angle."""

LEAST_OF_SUBJECT = 3
"""Least recordings of a person from which the left side can be told; a single one may mislead by chance."""

LEAST_SIDED = 0.5
"""What speaks for left being left, less what speaks against it, as a share of both; nearer to 0 it says nothing. The
median is 1.0 in UTD-MHAD, UI-PRMD and MSR Action3D, whose recordings are all above 0, but for four of the last."""

PICTURE = (-0.25, 1.25)
"""Range of coordinates as fractions of an image, including what trackers place beyond its borders."""

WHOLE_PICTURE = 1.0
"""What bodies span less of in shares of a picture; people in metres span more."""

FEW_VALUES = 0.5
"""Coordinates that take fewer values than this share of their number are whole numbers of something."""

WHERE = "where the reader is defined"


@dataclass
class Seen:
    """What is gathered of a data set. upwards: by recording, the direction from its feet to its head, length 1 or less.

    sided: what speaks for left being left, from −1 to 1. least, most: of its coordinates. points: one point per
    recording that joints take again and again, and how often.
    """

    upwards: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    sided: dict[str, float] = field(default_factory=dict)
    subjects: dict[str, int | None] = field(default_factory=dict)
    least: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    most: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    sizes: dict[str, float] = field(default_factory=dict)
    points: dict[str, tuple[tuple[float, float, float], int]] = field(default_factory=dict)


def find_broken_conventions(recordings: SkeletonStore | None, dataset: DataSet) -> list[Finding]:
    """Findings in the recordings that the clips were made from; none if these are missing.

    NTU's format defines all of this itself and is skipped.
    """
    if recordings is None or dataset.in_ntu_format:
        return []
    seen = Seen()
    landmarks = Landmarks(recordings.topology)
    for row, bodies_MTVC in recordings.stream():
        look_at(row["name"], row["subject"], bodies_MTVC.astype(np.float64), landmarks, seen)
    reader, flat = dataset.reader_object, recordings.dimensions == 2
    up = getattr(reader, "up", None)
    mirrored = bool(getattr(reader, "mirrored", False))
    return [
        *_find_fallen(seen, up),
        *_find_mirrored(seen, mirrored=mirrored, flat=flat),
        *([] if flat else _find_pictures(seen, up or "y")),
        *_find_points(seen, up or "y", getattr(reader, "metres", 1.0), mirrored=mirrored, flat=flat),
    ]


class Landmarks:
    """Where in a skeleton the joints are that say which way is up and which side is left."""

    def __init__(self, topology: Topology) -> None:
        names = find_landmarks(topology) if TOPOLOGIES.get(topology.name) == topology else topology.joints
        self.number = {name: joint for joint, name in enumerate(names)}
        self.upper = [joint for name, joint in self.number.items() if UPPER & set(name.split())]
        self.lower = [joint for name, joint in self.number.items() if LOWER & set(name.split())]
        self.pairs = self._both("{} hip", "{} hip") + self._both("{} shoulder", "{} shoulder")

    def _both(self, *patterns: str) -> list[tuple[int, ...]]:
        """For left and right the numbers of the joints of these names, if both sides have them all."""
        sides = [tuple(self.number.get(pattern.format(side), -1) for pattern in patterns) for side in ("left", "right")]
        return [] if any(-1 in side for side in sides) else sides

    @property
    def left_and_right(self) -> tuple[list[int], list[int]]:
        """Hips and shoulders."""
        return [joints[0] for joints in self.pairs[::2]], [joints[0] for joints in self.pairs[1::2]]

    def point_forward(self, rows_NVC: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """(N, C) each: from ankle to toes, and from ear to nose. Knees bend too little to say it."""
        found = []
        for toes in ("foot", "foot index", "big toe"):
            for end, ankle in self._both(f"{{}} {toes}", "{} ankle"):
                found.append(rows_NVC[:, end] - rows_NVC[:, ankle])
        if "nose" in self.number:
            for (ear,) in self._both("{} ear"):
                found.append(rows_NVC[:, self.number["nose"]] - rows_NVC[:, ear])
        return found


def look_at(name: str, subject: int | None, bodies_MTVC: NDArray[np.float64], landmarks: Landmarks, seen: Seen) -> None:
    """Gather what one recording says."""
    rows_NVC = bodies_MTVC.reshape(-1, *bodies_MTVC.shape[2:])
    rows_NVC = rows_NVC[np.asarray(np.isfinite(rows_NVC).any(axis=(1, 2)))]
    seen_NV1 = np.asarray(np.isfinite(rows_NVC).all(axis=2, keepdims=True))
    if not len(rows_NVC):
        return
    seen.subjects[name] = subject
    least_NC = np.asarray(np.where(seen_NV1, rows_NVC, np.inf).min(axis=1))
    most_NC = np.asarray(np.where(seen_NV1, rows_NVC, -np.inf).max(axis=1))
    seen.least[name], seen.most[name] = least_NC.min(axis=0), most_NC.max(axis=0)
    seen.sizes[name] = float(np.median((most_NC - least_NC).max(axis=1)))
    point = find_repeated_point(bodies_MTVC)
    if point is not None:
        seen.points[name] = point
    if not (landmarks.upper and landmarks.lower):
        return
    upwards_NC = _middle(rows_NVC, landmarks.upper) - _middle(rows_NVC, landmarks.lower)
    lengths_N = np.linalg.norm(upwards_NC, axis=1)
    whole_N = lengths_N > 0  # not where it is NaN
    if not whole_N.any():
        return
    upwards_NC = upwards_NC[whole_N] / lengths_N[whole_N, np.newaxis]
    seen.upwards[name] = upwards_NC.mean(axis=0)
    sided = _tell_sides(rows_NVC[whole_N], upwards_NC, landmarks)
    if sided is not None:
        seen.sided[name] = sided


def _middle(rows_NVC: NDArray[np.float64], joints: Sequence[int]) -> NDArray[np.float64]:
    """(N, C): the mean of those of the joints that were seen; NaN where none was."""
    chosen_NVC = rows_NVC[:, list(joints)]
    count_NC = np.isfinite(chosen_NVC).sum(axis=1)
    return np.where(count_NC > 0, np.nansum(chosen_NVC, axis=1) / np.maximum(count_NC, 1), np.nan)


def _tell_sides(rows_NVC: NDArray[np.float64], upwards_NC: NDArray[np.float64], landmarks: Landmarks) -> float | None:
    """How much speaks for left being left: toes and nose point where left × up does."""
    left, right = landmarks.left_and_right
    if not left:
        return None
    across_NC = _middle(rows_NVC, left) - _middle(rows_NVC, right)
    ahead_NC = np.cross(across_NC, upwards_NC)
    with np.errstate(invalid="ignore", divide="ignore"):
        ahead_NC = ahead_NC / np.linalg.norm(ahead_NC, axis=1, keepdims=True)
    said = [np.einsum("nc,nc->n", forward_NC, ahead_NC) for forward_NC in landmarks.point_forward(rows_NVC)]
    values = np.concatenate(said) if said else np.zeros(0)
    values = values[np.isfinite(values)]
    total = np.abs(values).sum()
    return float(values.sum() / total) if total > 0 else None


def find_repeated_point(bodies_MTVC: NDArray[np.float64]) -> tuple[tuple[float, float, float], int] | None:
    """The point that joints of a recording take most often, and how often, if it stands for something else.

    That is a point that two joints take to the last bit, or one joint again after having left it, for two frames on end
    somewhere; or once, if it is one number three times, signs aside. A joint in which everything is centred never
    leaves its point. Whole numbers, as pixels are, come back by themselves: of these only one number three times says
    anything; of two dimensions (z is 0) one number twice, at a corner of all that the recording holds.
    """
    still_MTV = np.zeros(bodies_MTVC.shape[:3], bool)
    still_MTV[:, 1:] = (bodies_MTVC[:, 1:] == bodies_MTVC[:, :-1]).all(axis=3)
    if not still_MTV.any():
        return None
    points, counts = np.unique(bodies_MTVC[still_MTV], axis=0, return_counts=True)
    finite_PC = bodies_MTVC[np.isfinite(bodies_MTVC).all(axis=3)]
    whole = len(np.unique(finite_PC[:, 0])) < FEW_VALUES * len(finite_PC)
    one_number_P = _are_one_number(points, finite_PC)
    order = np.argsort(-counts, kind="stable")
    for number in (order[one_number_P[order]] if whole else order)[:8]:
        at_MTV = (bodies_MTVC == points[number]).all(axis=3)
        begins_MTV = at_MTV.copy()
        begins_MTV[:, 1:] &= ~at_MTV[:, :-1]
        always = (at_MTV == np.isfinite(bodies_MTVC).all(axis=3)).all(axis=1)[at_MTV.any(axis=1)].all()
        if (np.count_nonzero(begins_MTV) > 1 and not whole) or (one_number_P[number] and not always):
            x, y, z = (float(value) for value in points[number])
            return (x, y, z), int(np.count_nonzero(at_MTV))
    return None


def _are_one_number(points_PC: NDArray[np.float64], all_PC: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points are one number again and again, signs aside; of two dimensions those in a corner of all."""
    sizes_PC = np.abs(points_PC)
    if all_PC[:, 2].any():
        return np.asarray((sizes_PC == sizes_PC[:, :1]).all(axis=1))
    ends_PC = (points_PC == all_PC.min(axis=0)) | (points_PC == all_PC.max(axis=0))
    return np.asarray((sizes_PC[:, 0] == sizes_PC[:, 1]) & ends_PC.all(axis=1))


def _find_fallen(seen: Seen, up: str | None) -> list[Finding]:
    """Finds people who are not upright: all of them, along another axis; or some, who are upside down."""
    if not seen.upwards:
        return []
    mean_C = np.mean(list(seen.upwards.values()), axis=0)
    axis = int(np.argmax(np.abs(mean_C)))
    if abs(mean_C[axis]) > ALONG and not (axis == 1 and mean_C[1] > 0):
        way = f"{'-' if mean_C[axis] < 0 else ''}{'xyz'[axis]}"
        remedy = f"set up={_in_the_file(way, up)!r} {WHERE}" if up else "turn it in the reader"
        text = f"heads are towards {way} from the feet, where y should point up; {remedy}"
        return [Finding("upright", "error", (), text)]
    heads = tuple(sorted(name for name, upwards_C in seen.upwards.items() if upwards_C[1] < -ALONG))
    if not heads:
        return []
    share = describe_share(len(heads), len(seen.upwards), "recordings")
    text = (
        f"{share}: people on their heads; {name_some(heads)}; if they stood, turn these (up={_in_the_file('-y', up)!r})"
    )
    return [Finding("upright", "warning", heads, text)]


def _in_the_file(way: str, up: str | None) -> str:
    """An axis of the store, with its sign, as an axis of the file that was turned by `up`."""
    axis, sign = next((axis, sign) for known, (axis, sign) in zip("xyz", UPRIGHT[up or "y"], strict=True)  # type: ignore[index]
                      if known == way[-1])  # fmt: skip
    return f"{'-' if (sign < 0) != way.startswith('-') else ''}{'xyz'[axis]}"


def _find_mirrored(seen: Seen, *, mirrored: bool, flat: bool) -> list[Finding]:
    """Finds people whose left and right are swapped, by several recordings of each; not in two dimensions."""
    by_subject: dict[int | None, list[str]] = defaultdict(list)
    for name in seen.sided:
        by_subject[seen.subjects[name]].append(name)
    told = {who: names for who, names in by_subject.items() if len(names) >= LEAST_OF_SUBJECT} if not flat else {}
    wrong = {who: names for who, names in told.items()
             if np.median([seen.sided[name] for name in names]) < -LEAST_SIDED}  # fmt: skip
    if not wrong:
        return []
    names = tuple(sorted(name for names in wrong.values() for name in names))
    share = describe_share(len(wrong), len(told), "subjects")
    text = f"{share}: left and right are on the wrong sides of the body (toes and noses point backwards)"
    return [Finding("mirrored", "error", names, f"{text}; {name_some(names)}; set mirrored={not mirrored} {WHERE}")]


def _find_pictures(seen: Seen, up: str) -> list[Finding]:
    """Finds coordinates that are fractions of an image: x and y between 0 and 1, and no body spans more."""
    if not seen.sizes or np.median(list(seen.sizes.values())) >= WHOLE_PICTURE:
        return []
    least_C, most_C = np.min(list(seen.least.values()), axis=0), np.max(list(seen.most.values()), axis=0)
    for axis in "xy":
        way = _in_the_store(axis, up)
        place = "xyz".index(way[-1])
        low, high = (-most_C[place], -least_C[place]) if way.startswith("-") else (least_C[place], most_C[place])
        if low < PICTURE[0] or high > PICTURE[1]:
            return []
    size = float(np.median(list(seen.sizes.values())))
    text = (
        f"x and y lie between 0 and 1, and bodies span {size:.2f} (median), as shares of a picture do: use coordinates "
        f"in metres, or multiply by width and height and set dimensions=2 {WHERE}"
    )
    return [Finding("picture", "warning", (), text)]


def _in_the_store(axis: str, up: str) -> str:
    """The inverse of _in_the_file."""
    ways = [f"{sign}{known}" for known in "xyz" for sign in ("", "-")]
    return next(way for way in ways if _in_the_file(way, up) == axis)


def _find_points(seen: Seen, up: str, metres: float, *, mirrored: bool, flat: bool) -> list[Finding]:
    """Finds a point that occurs again and again: what trackers write for a joint that they did not see."""
    if not seen.points:
        return []
    names = tuple(sorted(seen.points, key=lambda name: (-seen.points[name][1], name)))
    point, times = seen.points[names[0]]
    before = (-point[0], *point[1:]) if mirrored else point
    value = _name_number(before, up, metres, flat=flat)
    shown = ", ".join(f"{one:g}" for one in point)
    remedy = f"set unseen=({value:g},) {WHERE}" if value is not None else "make it NaN in the reader"
    share = describe_share(len(names), len(seen.sizes), "recordings")
    text = (
        f"{share}: joints return to one point to the last bit; most: {times} times ({shown}) m in {names[0]}; if that "
        f"says that they were not seen, {remedy}"
    )
    return [Finding("unseen", "warning", names, text)]


def _name_number(point: Sequence[float], up: str, metres: float, *, flat: bool) -> float | None:
    """The number in the file that all coordinates of the point are there; None if they differ."""
    file = []
    for axis in "xy" if flat else "xyz":
        way = _in_the_store(axis, up)
        value = point["xyz".index(way[-1])]
        file.append(-value if way.startswith("-") else value)
    if not np.allclose(file, file[0], rtol=1e-5, atol=0):
        return None
    # The unit of a picture is not known here: a number below 0 is then −1, which is what trackers write.
    return 0.0 if file[0] == 0 else float(np.sign(file[0])) if flat else float(f"{file[0] / metres:.5g}")
