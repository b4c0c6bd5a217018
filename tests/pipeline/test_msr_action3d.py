"""MSR Action3D: the authors' recordings, which of them are used, which side is left, and what confidence 0 is worth."""

import io
from functools import cache

import numpy as np
import pytest

from hacm.skeletons.shipped import MSR_ACTION3D as TOPOLOGY
from pipeline.datasets.msr_action3d import MSR_ACTION3D
from tests.helpers.open_archives import DATA, read_texts

ARCHIVE = "msr-action3d-skeleton.tar.xz"
USED = "files_used_in_cvpr12_paper.txt"
RIGHT_ARM = (0, 1, 2, 3, 4, 5, 6, 7, 8)  # high arm wave to draw circle
RIGHT_LEG = (13, 14)  # the kicks
DRAW_TICK = 7

real = pytest.mark.real
here = pytest.mark.skipif(not (DATA / ARCHIVE).exists(), reason="the real recordings are not here")


@cache
def texts() -> dict[str, bytes]:
    return {path.rsplit("/", 1)[-1]: data for path, data in read_texts(ARCHIVE)}


@cache
def used() -> dict[str, np.ndarray]:
    """(T, 20, 4) by recording, of those that the authors use, read by NumPy."""
    names = texts()[USED].decode().split()
    return {name: np.loadtxt(io.BytesIO(texts()[f"{name}_skeleton3D.txt"])).reshape(-1, 20, 4) for name in names}


def place(joint: str) -> int:
    return TOPOLOGY.joints.index(joint)


def moves(name: str, joint: str) -> float:
    """The variance of a joint's place against the hip centre, m²."""
    joints = used()[name][..., :3]
    joints = joints[joints.any(axis=(1, 2))]
    return float((joints[:, place(joint)] - joints[:, place("hip centre")]).var(axis=0).sum())


def test_facts() -> None:
    assert len(MSR_ACTION3D.member_checksums()) == MSR_ACTION3D.clips == 567
    assert len(MSR_ACTION3D.missing_names()) == 10
    assert MSR_ACTION3D.missing_names() <= MSR_ACTION3D.layout.members("data set")  # type: ignore[union-attr]
    assert [MSR_ACTION3D.class_name(label) for label in (0, 7, 19, 20)] == [
        "high arm wave", "draw tick", "pick up and throw", "action 21"
    ]  # fmt: skip


@real
@here
class TestRealRecordings:
    def test_all_are_read_as_numpy_reads_them(self) -> None:
        found = {}
        for name, data in texts().items():
            if name != USED:
                recording = MSR_ACTION3D.reader.parse(data, name)  # type: ignore[union-attr]
                expected = np.loadtxt(io.BytesIO(data)).reshape(-1, 20, 4)[..., :3].astype(np.float32)
                expected[~expected.any(axis=(1, 2))] = np.nan
                wanted = expected[np.newaxis] if np.isfinite(expected).any() else expected[np.newaxis][:0]
                np.testing.assert_array_equal(recording.bodies_MTVC, wanted)
                assert not recording.notes
                found[recording.identity.name] = recording.identity
        assert len(found) == 567
        assert {identity.subject for identity in found.values()} == set(range(1, 11))
        assert {identity.action for identity in found.values()} == set(range(20))

    def test_the_ten_that_the_authors_leave_out_are_excluded_by_name(self) -> None:
        names = {name.removesuffix("_skeleton3D.txt") for name in texts() if name != USED}
        assert len(used()) == 557
        assert names - set(used()) == MSR_ACTION3D.missing_names()

    def test_parts_of_the_literatures_split(self) -> None:
        train = MSR_ACTION3D.splits["xsub"].train
        counts = [sum((int(name[5:7]) in train) == part for name in used()) for part in (True, False)]
        assert tuple(counts) == MSR_ACTION3D.expected["xsub"] == (284, 273)

    def test_frames_of_zeros_throughout(self) -> None:
        absent = {name: int((~joints[..., :3].any(axis=(1, 2))).sum()) for name, joints in used().items()}
        assert sum(absent.values()) == 252
        assert sum(count > 0 for count in absent.values()) == 13
        assert absent["a20_s02_e01"] == 32
        lone = [
            (~joints[..., :3].any(axis=2)).any(axis=1) & joints[..., :3].any(axis=(1, 2)) for joints in used().values()
        ]
        assert not np.concatenate(lone).any()  # no joint is zero by itself

    def test_left_is_left_by_the_actions(self) -> None:
        """People were asked to use the right arm or leg where an action takes one."""
        by_arm = [moves(name, "right wrist") > moves(name, "left wrist")
                  for name in used() if int(name[1:3]) - 1 in RIGHT_ARM]  # fmt: skip
        by_leg = [moves(name, "right ankle") > moves(name, "left ankle")
                  for name in used() if int(name[1:3]) - 1 in RIGHT_LEG]  # fmt: skip
        assert (sum(by_arm), len(by_arm)) == (243, 244)
        assert (sum(by_leg), len(by_leg)) == (49, 49)

    def test_left_is_left_by_how_a_tick_is_written(self) -> None:
        """From one's own left to one's own right, whichever hand writes: here what is called right is to the right."""
        written = []
        for name, joints in used().items():
            if int(name[1:3]) - 1 == DRAW_TICK:
                across = (joints[:, place("right shoulder"), :3] - joints[:, place("left shoulder"), :3]).mean(axis=0)
                hand = joints[:, place("right wrist"), :3] - joints[:, place("hip centre"), :3]
                raised = np.flatnonzero(hand[:, 1] > (hand[:, 1].min() + hand[:, 1].max()) / 2)
                stroke = hand[raised[0] : raised[-1] + 1] @ (across / np.linalg.norm(across))
                quarter = max(len(stroke) // 4, 1)
                written.append(stroke[-quarter:].mean() - stroke[:quarter].mean())
        assert len(written) == 30
        assert min(written) > 0
        assert np.mean(written) == pytest.approx(0.33, abs=0.005)  # metres

    def test_coordinates_are_those_of_kinect(self) -> None:
        """Right-handed, y up: of people whose feet point to the sensor the right shoulder has the greater x."""
        joints = np.concatenate([joints[joints[..., :3].any(axis=(1, 2))] for joints in used().values()])
        toes = joints[:, [place("left foot"), place("right foot")], 2].mean()
        assert toes - joints[:, [place("left ankle"), place("right ankle")], 2].mean() == pytest.approx(-0.14, abs=0.01)
        right = joints[:, place("right shoulder"), 0] > joints[:, place("left shoulder"), 0]
        assert right.mean() == pytest.approx(0.986, abs=0.001)
        assert (joints[:, place("head"), 1] > joints[:, place("hip centre"), 1]).mean() > 0.99

    def test_confidence_0_mostly_means_inferred(self) -> None:
        """The bones of such rows are as long, and vary little more (docs/data.md)."""
        joints = np.concatenate([joints[joints[..., :3].any(axis=(1, 2))] for joints in used().values()])
        everything = np.concatenate(list(used().values()))
        assert (everything[..., 3] == 0).mean() == pytest.approx(0.267, abs=0.0005)
        assert (everything[:, place("spine"), 3] == 0).mean() == pytest.approx(0.97, abs=0.005)
        for joint, parent in TOPOLOGY.bones:
            lengths = np.linalg.norm(joints[:, joint, :3] - joints[:, parent, :3], axis=1)
            doubtful = (joints[:, [joint, parent], 3] == 0).any(axis=1)
            assert lengths[doubtful].mean() == pytest.approx(lengths[~doubtful].mean(), rel=0.09), TOPOLOGY.joints[
                joint
            ]
            assert lengths[doubtful].std() < 0.05
