"""What is fuzzed: for each format its seeds, how inputs are made from them, and what a reader may do with any of them.

A reader may refuse an input with BadRecording (a split file with UserError) and one line that says why. What it takes
must be recordings in the right shape, float32, each body in each frame finite or NaN throughout, and no larger than the
input can account for. Anything else is a bug.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from fuzzing import seeds
from fuzzing.elements import mutate_matlab
from fuzzing.frames import mutate_skeleton
from fuzzing.npz import mutate_npz
from fuzzing.words import NUMBERS, damage_beginning, mutate_text
from hacm.errors import BadRecording, UserError
from hacm.recordings import Excluded, RawFile, RawRecording, Recording, ntu, pku_mmd, ui_prmd, utd_mhad
from hacm.recordings.arrays import MOST_NUMBERS, ArrayReader
from hacm.recordings.frame_numbers import MOST_TIMES_LONGER
from hacm.recordings.joint_lines import JointLines
from hacm.recordings.matlab import MOST_UNPACKED_BYTES
from hacm.recordings.poses import PoseReader
from hacm.recordings.poses.reader import SKELETON
from hacm.skeletons.shipped import BODY_25, COCO_17, KINECT_V1, KINECT_V2, MEDIAPIPE_33, UI_PRMD
from hacm.skeletons.topology import Topology

LONGEST_REASON = 300
TAKEN = "taken"

LABEL_WORDS = (*NUMBERS, b"51", b"52", b"1,0,3,1", b"1,3,0,1", b"1,0,4,1", b"1,0,999999999", b"1,0,3,x,y")
SPLIT_WORDS = (
    b"Training videos:", b"Validataion videos:", b"validation", b"0002-L", b"0005-L", b"A01N01-R", b"A99N99-M",
    b"0002-L.txt", b"0002", b"-L", b",", b", ,", b"x" * 500, b"\xff\xfe", b"\0", b"", b"\r", b"\xc2\xb2002-L", b"\x0c",
)  # fmt: skip


@dataclass(frozen=True)
class Format:
    """seeds: inputs to begin from. mutate: another input made of one. read: what the reader makes of it.

    most_values: how many float32 an input of that many bytes can account for.
    """

    seeds: Callable[[], list[bytes]]
    mutate: Callable[[bytes, random.Random], bytes]
    read: Callable[[bytes], Iterator[Recording | Excluded]]
    topology: Topology
    most_values: Callable[[int], int]

    def check(self, data: bytes) -> str:
        """Why the reader refuses it, or TAKEN; AssertionError, or what it raised, where it does what it must not."""
        try:
            found = list(self.read(data))
        except (BadRecording, UserError) as refusal:
            _check_reason(str(refusal))
            return str(refusal)
        most_bytes = 4 * self.most_values(len(data))
        for one in found:
            if isinstance(one, Excluded):
                _check_reason(str(one.reason))
            else:
                self._check_recording(one, most_bytes)
        return next((str(one.reason) for one in found if isinstance(one, Excluded)), TAKEN)

    def _check_recording(self, recording: Recording, most_bytes: int) -> None:
        bodies_MTVC = recording.bodies_MTVC
        assert bodies_MTVC.dtype == np.float32
        assert bodies_MTVC.ndim == 4
        assert bodies_MTVC.shape[2:] == (len(self.topology.joints), 3)
        assert recording.topology == self.topology
        assert bodies_MTVC.nbytes <= most_bytes, f"{bodies_MTVC.nbytes} bytes, {most_bytes} can be accounted for"
        finite_MTV = np.isfinite(bodies_MTVC).all(axis=3)
        assert (finite_MTV | np.isnan(bodies_MTVC).all(axis=3)).all(), "a joint is neither finite nor missing"
        for note in recording.notes:
            _check_reason(note.text)


def _check_reason(reason: str) -> None:
    assert reason.strip(), "a reason must say something"
    assert reason.isprintable(), f"not one line of text: {reason!r}"
    assert len(reason) <= LONGEST_REASON, f"{len(reason)} characters"


def _read_skeleton(data: bytes) -> Iterator[Recording]:
    return ntu.read(RawRecording("S001C001P001R001A001", RawFile("S001C001P001R001A001.skeleton", data)))


def _most_skeleton_values(size: int) -> int:
    """Every body-frame may be a track of its own, over all frames: a body takes 626 bytes at the least, a frame 2."""
    return min((size // 600 + 1) * (size // 2 + 1), ntu.MOST_CELLS) * 75


VIDEO, LABELS, SPLIT = (make()[0] for make in (seeds.pku_videos, seeds.pku_labels, seeds.pku_splits))


def _read_pku(role: str, data: bytes) -> Iterator[Recording | Excluded]:
    files = {"video": VIDEO, "label": LABELS, "xsub": SPLIT, "xview": SPLIT} | {role: data}
    raw = {name: RawFile(f"{name}.txt", content) for name, content in files.items()}
    return pku_mmd.read(RawRecording("0002-L", raw.pop("video"), raw))


def _read_ui_prmd(data: bytes) -> Iterator[Recording]:
    positions, *rest = data.split(seeds.SEPARATOR)
    companions = {ui_prmd.ANGLES: RawFile("angles.txt", rest[0])} if rest else {}
    return ui_prmd.read(RawRecording("m01_s01_e01", RawFile("positions.txt", positions), companions))


JOINT_LINES = JointLines(seeds.STICK, ending=".txt", fps=15, metres=0.001, mirrored=True, confidence=True)


def _read_joint_lines(data: bytes) -> Iterator[Recording]:
    return JOINT_LINES.read(RawRecording("a01_s01_e01", RawFile("a01_s01_e01.txt", data)))


ARRAYS = ArrayReader(seeds.STICK, names="a{action}", fps=25)
CSV_WORDS = (
    *NUMBERS, b"hip x", b"hip y", b"left hand z", b"Left_Hand.Z", b"subject", b"action", b"fps", b'"', b'""', b'"a,b"',
    b"'", b",,,", b";", b"\t", b"frame", b"time", b"person", b"NA", b"1,5", b"hip x,hip y,hip z", b"x" * 200,
)  # fmt: skip


def _read_arrays(suffix: str, data: bytes) -> Iterator[Recording]:
    return ARRAYS.read(RawRecording("a1", RawFile(f"a1.{suffix}", data)))


POSES = {topology.name: PoseReader(topology, fps=30, nameless=True) for topology in (MEDIAPIPE_33, seeds.STICK)}
FLAT_POSES = {
    topology.name: PoseReader(topology, fps=30, dimensions=2, up="-y", nameless=True)
    for topology in (BODY_25, COCO_17, seeds.STICK)
}
JSON_WORDS = (
    *NUMBERS, b"null", b"true", b"[", b"]", b"{", b"}", b",", b":", b'"x"', b'"frame"', b'"keypoints"', b'"people"',
    b'"1.jpg"', b'"image_id"', b'"track_id"', b"[ ]", b"{ }", b"[" * 2000,
)  # fmt: skip
POSE_CSV_WORDS = (*CSV_WORDS, b"nose x", b"x1", b"y33", b"landmark", b"nose", b"x", b"y", b"world_x1")
TRACKED_WORDS = (
    *CSV_WORDS, b"scorer", b"individuals", b"bodyparts", b"coords", b"x", b"y", b"likelihood", b"hip", b"single",
    b"hip_x", b"hip_ncams", b"fnum",
)  # fmt: skip
CAPTURE_WORDS = (
    *NUMBERS, b"JOINT", b"End", b"Site", b"{", b"}", b"OFFSET", b"CHANNELS", b"MOTION", b"Frames:", b"Xposition",
    b"hip", b"mm", b"begin", b"end", b":root", b"root", b"left", b"dof", b"rx", b"axis", b"XYZ", b":units", b"name",
)  # fmt: skip


def _read_poses(reader: PoseReader, suffix: str, data: bytes) -> Iterator[Recording]:
    return reader.read(RawRecording("a", RawFile(f"a.{suffix}", data)))


def _read_acclaim(data: bytes) -> Iterator[Recording]:
    motion, *rest = data.split(seeds.SEPARATOR)
    companions = {SKELETON: RawFile("a.asf", rest[0])} if rest else {}
    reader = PoseReader(seeds.ACCLAIM, fps=120, nameless=True)
    return reader.read(RawRecording("a", RawFile("a.amc", motion), companions))


def _read_matlab(data: bytes) -> Iterator[Recording]:
    return utd_mhad.read(RawRecording("a1_s1_t1", RawFile("a1_s1_t1_skeleton.mat", data)))


def _one_value_in_two_bytes(size: int) -> int:
    return size // 2 + 1


def _people_with_gaps(size: int) -> int:
    """Every number may be a person's, of 8, with gaps in between; derived joints and a third dimension come on top."""
    return 2 * 8 * MOST_TIMES_LONGER * (size + 1)


FORMATS = {
    "ntu": Format(seeds.skeletons, mutate_skeleton, _read_skeleton, KINECT_V2, _most_skeleton_values),
    "pku-skeleton": Format(
        seeds.pku_videos, mutate_text, partial(_read_pku, "video"), KINECT_V2, _one_value_in_two_bytes
    ),
    "pku-labels": Format(
        seeds.pku_labels, partial(mutate_text, words=LABEL_WORDS), partial(_read_pku, "label"), KINECT_V2, lambda _: 450
    ),
    "pku-splits": Format(
        seeds.pku_splits, partial(mutate_text, words=SPLIT_WORDS), partial(_read_pku, "xsub"), KINECT_V2, lambda _: 450
    ),
    "ui-prmd": Format(seeds.ui_prmd_pairs, mutate_text, _read_ui_prmd, UI_PRMD, _one_value_in_two_bytes),
    "joint-lines": Format(seeds.joint_lines, mutate_text, _read_joint_lines, seeds.STICK, _one_value_in_two_bytes),
    "csv": Format(
        seeds.csv_texts,
        partial(mutate_text, words=CSV_WORDS),
        partial(_read_arrays, "csv"),
        seeds.STICK,
        lambda n: 8 * MOST_TIMES_LONGER * (n + 1),  # every line may be a person's, with gaps in between
    ),
    "npz": Format(
        seeds.npz_files,
        mutate_npz,
        partial(_read_arrays, "npz"),
        seeds.STICK,
        lambda n: MOST_TIMES_LONGER * min(1100 * n, MOST_NUMBERS),
    ),
    "mediapipe-json": Format(
        seeds.mediapipe_json,
        partial(mutate_text, words=JSON_WORDS),
        partial(_read_poses, POSES["mediapipe-33"], "json"),
        MEDIAPIPE_33,
        _people_with_gaps,
    ),
    "mediapipe-csv": Format(
        seeds.mediapipe_csv,
        partial(mutate_text, words=POSE_CSV_WORDS),
        partial(_read_poses, POSES["mediapipe-33"], "csv"),
        MEDIAPIPE_33,
        _people_with_gaps,
    ),
    "openpose": Format(
        seeds.openpose_frames,
        partial(mutate_text, words=JSON_WORDS),
        partial(_read_poses, FLAT_POSES["body-25"], "json"),
        BODY_25,
        _people_with_gaps,
    ),
    "keypoint-lists": Format(
        seeds.keypoint_lists,
        partial(mutate_text, words=JSON_WORDS),
        partial(_read_poses, FLAT_POSES["coco-17"], "json"),
        COCO_17,
        _people_with_gaps,
    ),
    "deeplabcut": Format(
        seeds.deeplabcut_tables,
        partial(mutate_text, words=TRACKED_WORDS),
        partial(_read_poses, FLAT_POSES["stick-3"], "csv"),
        seeds.STICK,
        _people_with_gaps,
    ),
    "anipose": Format(
        seeds.anipose_tables,
        partial(mutate_text, words=TRACKED_WORDS),
        partial(_read_poses, POSES["stick-3"], "csv"),
        seeds.STICK,
        _people_with_gaps,
    ),
    "c3d": Format(
        seeds.c3d_files,
        damage_beginning,
        partial(_read_poses, POSES["stick-3"], "c3d"),
        seeds.STICK,
        _one_value_in_two_bytes,
    ),
    "bvh": Format(
        seeds.bvh_texts,
        partial(mutate_text, words=CAPTURE_WORDS),
        partial(_read_poses, POSES["stick-3"], "bvh"),
        seeds.STICK,
        lambda n: 3 * (n + 1),  # places follow from fewer angles
    ),
    "trc": Format(
        seeds.trc_texts,
        partial(mutate_text, words=CAPTURE_WORDS),
        partial(_read_poses, POSES["stick-3"], "trc"),
        seeds.STICK,
        _people_with_gaps,
    ),
    "acclaim": Format(
        seeds.acclaim_pairs,
        partial(mutate_text, words=CAPTURE_WORDS),
        _read_acclaim,
        seeds.ACCLAIM,
        lambda n: 3 * (n + 1),
    ),
    "matlab": Format(
        seeds.matlab_files, mutate_matlab, _read_matlab, KINECT_V1, lambda size: min(1100 * size, MOST_UNPACKED_BYTES)
    ),
}
