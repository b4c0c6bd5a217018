"""What capture systems write: BVH, TRC, ASF and AMC. Kinematics against scipy's rotations.

The BVH below was also read by pybvh 0.9.0 (2026-12-01): the same places to the last digit shown.
"""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hacm.errors import BadRecording
from hacm.recordings import Excluded, Recording
from hacm.recordings.anywhere import Finder
from hacm.recordings.arrays import ArrayReader
from hacm.recordings.poses import PoseReader
from hacm.recordings.poses.reader import read_poses
from hacm.skeletons import Topology

BODY = Topology("three", ("Hips", "Spine", "Spine end"), (-1, 0, 1), (0,), 0)
ANGLES = np.round(np.random.default_rng(0).uniform(-170, 170, (4, 6)), 3)
PLACES = np.round(np.random.default_rng(1).uniform(-1, 1, (4, 3)), 3)


def bvh(frames=4, order="ZXY", text=None):
    channels = " ".join(f"{axis}rotation" for axis in order)
    rows = [" ".join(f"{value:g}" for value in (*place, *row)) for place, row in zip(PLACES, ANGLES, strict=True)]
    return (
        text
        or f"""HIERARCHY
ROOT Hips
{{
    OFFSET 0.0 0.0 0.0
    CHANNELS 6 Xposition Yposition Zposition {channels}
    JOINT Spine
    {{
        OFFSET 0.1 0.5 -0.2
        CHANNELS 3 {channels}
        End Site
        {{
            OFFSET 0.0 0.3 0.05
        }}
    }}
}}
MOTION
Frames: {frames}
Frame Time: 0.02
"""
    ) + "\n".join(rows) + "\n"  # fmt: skip


@pytest.mark.parametrize("order", ["ZXY", "XYZ", "YZX", "ZYX"])
def test_bvh_by_another_kinematics(order):
    poses = read_poses(bvh(order=order).encode(), "a.bvh")
    hips, spine = (Rotation.from_euler(order, ANGLES[:, one : one + 3], degrees=True) for one in (0, 3))
    at_spine = PLACES + hips.apply([0.1, 0.5, -0.2])
    at_end = at_spine + (hips * spine).apply([0, 0.3, 0.05])
    np.testing.assert_allclose(poses.values_MTVC[0], np.stack([PLACES, at_spine, at_end], axis=1), atol=1e-12)
    assert (poses.joints, poses.parents, poses.fps, poses.up) == (BODY.joints, (-1, 0, 1), 50.0, "y")


def test_bvh_by_hand():
    """A quarter turn to the left about z: what lay to the right lies up."""
    text = bvh().split("MOTION")[0].replace("0.1 0.5 -0.2", "1 0 0").replace("0.0 0.3 0.05", "1 0 0")
    data = text + "MOTION\nFrames: 1\nFrame Time: 1\n5 6 7 90 0 0 0 0 0\n"
    np.testing.assert_allclose(
        read_poses(data.encode(), "a.bvh").values_MTVC[0, 0], [[5, 6, 7], [5, 7, 7], [5, 8, 7]], atol=1e-12
    )


def test_bvh_as_a_recording():
    recording = PoseReader(BODY, metres=0.01, nameless=True).parse(bvh().encode(), "a.bvh")
    assert (recording.fps, recording.bodies_MTVC.shape) == (50.0, (1, 4, 3, 3))
    np.testing.assert_allclose(recording.bodies_MTVC[0, :, 0], PLACES * 0.01, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("Frames: 4", "Frames: 5"), "4 frames, but line 17 says 5; is the file cut?"),
        (("MOTION", ""), "is not of a BVH's hierarchy"),
        (("OFFSET 0.1 0.5 -0.2", ""), "line 14: a joint without OFFSET"),
        (("OFFSET 0.1", "OFFSET x"), "line 8: 'x' is not a number"),
        (("CHANNELS 3 Z", "CHANNELS 4 Z"), "are no channels"),
        (("CHANNELS 3 Zrotation", "CHANNELS 3 Zrot"), "are no channels"),
        (("CHANNELS 3 Zrotation", "CHANNELS 1 Xposition\n        CHANNELS 3 Zrotation"), "are no channels"),
        (("JOINT Spine", "JOINT Hips"), "two joints are called 'Hips'"),
        (("Frame Time: 0.02", "Frame Time: 0"), "Frame Time is 0 seconds"),
        (("-0.2", "-0.2 7"), "'OFFSET' is not of a BVH's hierarchy"),
    ],
)
def test_a_damaged_bvh_is_one_line(change, reason):
    with pytest.raises(BadRecording) as caught:
        read_poses(bvh().replace(*change).encode(), "a.bvh")
    assert reason in str(caught.value)


def trc(
    unit="mm", rows=((1, "0.0", 1, 2, 3, 4, 5, 6), (2, "0.01", 7, 8, 9, "", "", ""), (4, "0.03", 1, 1, 1, 2, 2, 2))
):
    lines = "\n".join("\t".join(map(str, row)) for row in rows)
    return (
        "PathFileType\t4\t(X/Y/Z)\ttake.trc\n"
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames\n"
        f"100.00\t100.00\t{len(rows)}\t2\t{unit}\t100.00\t1\t{len(rows)}\n"
        "Frame#\tTime\tNose\t\t\tNeck\t\t\n\t\tX1\tY1\tZ1\tX2\tY2\tZ2\n\n" + lines + "\n"
    )


def test_trc_with_a_gap_and_a_marker_that_was_not_seen():
    poses = read_poses(trc().encode(), "a.trc")
    nan = [np.nan] * 3
    wanted = [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], nan], [nan, nan], [[1, 1, 1], [2, 2, 2]]]
    np.testing.assert_array_equal(poses.values_MTVC[0], wanted)
    assert (poses.joints, poses.fps, poses.metres, poses.up) == (("Nose", "Neck"), 100.0, 0.001, None)
    two = Topology("two", ("Neck", "Nose"), (-1, 0), (0,), 0)
    recording = PoseReader(two, up="z", nameless=True).parse(trc().encode(), "a.trc")
    np.testing.assert_allclose(recording.bodies_MTVC[0, 0], [[0.004, 0.006, -0.005], [0.001, 0.003, -0.002]], rtol=1e-6)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (trc("parsec"), "line 3: Units are 'parsec'; known: m, dm, cm, mm, in, ft"),
        (trc().replace("\tNeck", ""), "line 4: 1 names, some of them maybe twice, for 2 markers"),
        (trc()[: trc().index("\n4\t")], "2 frames, but line 3 says 3; is the file cut?"),
        (trc().replace("7\t8", "7\tx"), "line 8: 'x' is not a number"),
        (trc()[:60], "a TRC has 5 lines of heading; is the file cut?"),
    ],
)
def test_a_damaged_trc_is_one_line(data, reason):
    with pytest.raises(BadRecording) as caught:
        read_poses(data.encode(), "a.trc")
    assert reason in str(caught.value)


ASF = """# made up
:version 1.10
:units
  mass 1.0
  length 0.45
  angle deg
:root
  order TX TY TZ RX RY RZ
  axis XYZ
  position 0 1 0
  orientation 0 0 0
:bonedata
  begin
     id 1
     name thigh
     direction 0.0 -1.0 0.0
     length 7.5
     axis 10 20 30 XYZ
    dof rx ry rz
    limits (-160.0 20.0)
           (-70.0 70.0)
           (-60.0 70.0)
  end
  begin
     id 2
     name shin
     direction 0.6 -0.8 0.0
     length 7
     axis 0 0 40 XYZ
    dof rx
    limits (-10.0 170.0)
  end
:hierarchy
  begin
    root thigh
    thigh shin
  end
"""
AMC = "#!OML:ASF x.asf\n:FULLY-SPECIFIED\n:DEGREES\n" + "".join(
    f"{frame}\nroot {frame} 2 3 10 {frame} 30\nthigh 5 6 {7 * frame}\nshin {20 * frame}\n" for frame in (1, 2, 3)
)


def test_asf_and_amc_by_another_kinematics():
    """Lower-case orders of scipy are about fixed axes, the first named first."""
    poses = read_poses(AMC.encode(), "x_01.amc", ASF.encode())
    wanted = []
    for frame in (1, 2, 3):
        root = Rotation.from_euler("xyz", [10, frame, 30], degrees=True)
        axis = Rotation.from_euler("xyz", [10, 20, 30], degrees=True)
        thigh = root * axis * Rotation.from_euler("xyz", [5, 6, 7 * frame], degrees=True) * axis.inv()
        axis = Rotation.from_euler("z", 40, degrees=True)
        shin = thigh * axis * Rotation.from_euler("x", 20 * frame, degrees=True) * axis.inv()
        hip = np.array([frame, 3, 3])
        knee = hip + thigh.apply([0, -7.5, 0])
        wanted.append([hip, knee, knee + shin.apply([4.2, -5.6, 0])])
    np.testing.assert_allclose(poses.values_MTVC[0], wanted, atol=1e-12)
    assert poses.metres == pytest.approx(0.0254 / 0.45)
    assert (poses.joints, poses.parents, poses.fps) == (("root", "thigh", "shin"), (-1, 0, 1), None)


@pytest.mark.parametrize(
    ("change", "skeleton", "reason"),
    [
        (("shin 60\n", ""), ("", ""), "frame 3 has no shin; is the file cut?"),
        (("shin 40", "shin 40 1"), ("", ""), "line 11: 'shin' with 2 numbers instead of 1 numbers"),
        (("\n2\n", "\n3\n"), ("", ""), "line 8: frame 3 instead of 2"),
        (("shin 40", "foot 40"), ("", ""), "'foot' with 1 numbers instead of a bone of the skeleton"),
        (("", ""), ("thigh shin", "thigh"), "its skeleton (.asf): 1 bones hang on nothing"),
        (("", ""), ("thigh shin", "thigh shin root"), "bone 'root' hangs on two others"),
        (("", ""), ("dof rx\n", "dof qx\n"), "'qx' are no channels"),
        (("", ""), ("length 7\n", "\n"), "a bone needs name, direction, length and axis"),
    ],
)
def test_a_damaged_asf_or_amc_is_one_line(change, skeleton, reason):
    with pytest.raises(BadRecording) as caught:
        read_poses(AMC.replace(*change).encode(), "a.amc", ASF.replace(*skeleton).encode())
    assert reason in str(caught.value)


def test_anywhere_an_amc_takes_the_skeleton_that_it_is_called_after(tmp_path):
    three = Topology("three", ("root", "thigh", "shin"), (-1, 0, 1), (0,), 0)
    other = ASF.replace("length 0.45", "length 0.9")
    for name, text in {"x.asf": ASF, "x_1.asf": other, "x_1_7.amc": AMC, "x_2.amc": AMC, "walk.bvh": bvh()}.items():
        (tmp_path / name).write_text(text)
    finder = Finder(ArrayReader(three, fps=120.0, nameless=True))
    walk, first, second = finder.find(tmp_path)
    assert isinstance(walk, Excluded)
    assert "no joint 'root' of three" in str(walk.reason)
    assert isinstance(first, Recording)
    assert isinstance(second, Recording)
    np.testing.assert_allclose(first.bodies_MTVC * 2, second.bodies_MTVC, rtol=1e-6)
    (alone,) = finder.find(tmp_path / "x_2.amc")
    assert isinstance(alone, Recording)
    np.testing.assert_array_equal(alone.bodies_MTVC, second.bodies_MTVC)
