"""KARD: the authors' recordings, and which way its axes run."""

import io
from functools import cache

import numpy as np
import pytest

from hacm.skeletons.shipped import KARD_15
from pipeline.datasets.kard import KARD
from tests.helpers.open_archives import DATA, read_texts

ARCHIVE = "kard-realworld.tar.xz"
FORWARD_KICK, DRAW_TICK = 8, 6
RIGHT_ARM = (0, 1, 4, 5, 6, 14, 15)  # horizontal and high arm wave, high throw, draw x, draw tick, phone call, drink

real = pytest.mark.real
here = pytest.mark.skipif(not (DATA / ARCHIVE).exists(), reason="the real recordings are not here")


@cache
def recorded() -> dict[str, np.ndarray]:
    """(T, 15, 3) metres by recording, as the project reads them."""
    reader = KARD.reader_object
    read = [reader.parse(data, path) for path, data in read_texts(ARCHIVE)]
    return {recording.identity.name: recording.bodies_MTVC[0] for recording in read}


def place(joint: str) -> int:
    return KARD_15.joints.index(joint)


def against_the_torso(name: str, joint: str) -> np.ndarray:
    joints = recorded()[name]
    return joints[:, place(joint)] - joints[:, place("torso")]


def test_facts() -> None:
    assert len(KARD.member_checksums()) == KARD.clips == 540
    assert [KARD.class_name(label) for label in (0, 17, 18)] == ["horizontal arm wave", "stand up", "action 19"]


@real
@here
class TestRealRecordings:
    def test_all_are_read_as_numpy_reads_them(self) -> None:
        for path, data in read_texts(ARCHIVE):
            recording = KARD.reader_object.parse(data, path)
            expected = np.loadtxt(io.BytesIO(data)).reshape(-1, 15, 3) * np.array([-1, 1, 1])
            np.testing.assert_array_equal(recording.bodies_MTVC, (expected * 0.001).astype(np.float32)[np.newaxis])
            assert not recording.notes
        names = [tuple(int(part[1:]) for part in name.split("_")) for name in recorded()]
        assert sorted(names) == [(action, subject, take) for action in range(1, 19) for subject in range(1, 11)
                                 for take in range(1, 4)]  # fmt: skip
        frames = [len(joints) for joints in recorded().values()]
        assert (min(frames), max(frames), sum(frames)) == (42, 310, 63630)
        assert all(joints.any(axis=2).all() for joints in recorded().values())  # no joint is ever missing

    def test_parts_of_the_split(self) -> None:
        train = KARD.splits["xsub"].train
        counts = [sum((int(name[5:7]) in train) == part for name in recorded()) for part in (True, False)]
        assert tuple(counts) == KARD.expected["xsub"] == (270, 270)

    def test_what_is_called_right_is_right(self) -> None:
        """It writes a tick from one's own left to one's own right, and does what takes one arm."""
        for name in recorded():
            action = int(name[1:3]) - 1
            if action in RIGHT_ARM:
                right, left = (against_the_torso(name, f"{side} hand").var(axis=0).sum() for side in ("right", "left"))
                assert right > left, name
            if action == DRAW_TICK:
                joints, hand = recorded()[name], against_the_torso(name, "right hand")
                across = (joints[:, place("right shoulder")] - joints[:, place("left shoulder")]).mean(axis=0)
                raised = np.flatnonzero(hand[:, 1] > (hand[:, 1].min() + hand[:, 1].max()) / 2)
                stroke = hand[raised[0] : raised[-1] + 1] @ across
                quarter = len(stroke) // 4
                assert stroke[-quarter:].mean() > stroke[:quarter].mean(), name

    def test_coordinates_are_those_of_kinect(self) -> None:
        """Right-handed, y up, once x is turned about: who kicks towards the sensor has the right shoulder at greater x."""
        kicks = [against_the_torso(name, "right foot")[:, 2] for name in recorded()
                 if int(name[1:3]) - 1 == FORWARD_KICK]  # fmt: skip
        assert all(kick.min() < np.median(kick) - 0.3 for kick in kicks)
        joints = np.concatenate(list(recorded().values()))
        right = joints[:, place("right shoulder"), 0] > joints[:, place("left shoulder"), 0]
        assert right.mean() == pytest.approx(0.983, abs=0.001)
        assert (joints[:, place("head"), 1] > joints[:, place("torso"), 1]).mean() > 0.99

    def test_millimetres_have_become_metres(self) -> None:
        joints = np.concatenate(list(recorded().values()))
        mean = {
            name: np.linalg.norm(joints[:, joint] - joints[:, KARD_15.parents[joint]], axis=1).mean()
            for joint, name in enumerate(KARD_15.joints)
            if KARD_15.parents[joint] >= 0
        }
        wanted = {"head": 0.232, "neck": 0.213, "left elbow": 0.297, "left hand": 0.292, "left knee": 0.440}
        assert {name: mean[name] for name in wanted} == pytest.approx(wanted, abs=0.001)
        for name in mean:
            if name.startswith("left"):
                assert mean[name] == pytest.approx(mean[name.replace("left", "right")], rel=0.03)
