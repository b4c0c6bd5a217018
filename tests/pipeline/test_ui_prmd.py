"""UI-PRMD's pairs of texts → Recording: hand-computed values, a plain second implementation, any bytes."""

import math
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hacm.errors import BadRecording
from hacm.recordings import Part, RawFile, RawRecording, Recording
from hacm.recordings.ui_prmd import MOST_FRAMES, identify, part_of, place_joints, read
from hacm.skeletons.shipped import UI_PRMD
from tests.helpers.said import said

ARCHIVE = Path(__file__).parents[2].parent / "shared" / "data" / "ui-prmd-kinect.tar.bz2"
JOINTS = 22


def text(values: Any) -> bytes:
    return "".join(",".join(f"{value:.6f}" for value in row) + "\n" for row in np.reshape(values, (-1, 66))).encode()


def parse(positions: bytes, angles: bytes | None, name: str = "m03_s02_e10") -> Recording:
    companions = {} if angles is None else {"angles": RawFile("angles.txt", angles)}
    (recording,) = read(RawRecording(name, RawFile("positions.txt", positions), companions))
    return recording


def plainly(offsets: Any, angles: Any) -> list[list[float]]:
    """One frame, with lists and math alone: each joint is carried from frame to frame up to the camera's."""

    def turn(point: list[float], a: float, b: float, c: float) -> list[float]:
        x, y, z = point
        y, z = y * math.cos(a) - z * math.sin(a), y * math.sin(a) + z * math.cos(a)
        x, z = x * math.cos(b) + z * math.sin(b), -x * math.sin(b) + z * math.cos(b)
        return [x * math.cos(c) - y * math.sin(c), x * math.sin(c) + y * math.cos(c), z]

    places = []
    for joint in range(JOINTS):
        point = list(offsets[joint])
        above = UI_PRMD.parents[joint]
        while above >= 0:
            point = turn(point, *(math.radians(angle) for angle in angles[above]))
            point = [value + (offsets[above][axis]) for axis, value in enumerate(point)]
            above = UI_PRMD.parents[above]
        places.append(point)
    return places


COPY, AUTHORS = "ui-prmd-kinect.tar.bz2/kinect/", "data/"


@pytest.mark.parametrize(
    ("path", "part"),
    [
        (COPY + "correct/positions/m01_s02_e03_positions.txt", Part("m01_s02_e03")),
        (COPY + "correct/angles/m01_s02_e03_angles.txt", Part("m01_s02_e03", "angles")),
        (COPY + "incorrect/positions/m10_s02_e03_positions_inc.txt", Part("m10_s02_e03_inc")),
        (COPY + "incorrect/angles/m10_s02_e03_angles_inc.txt", Part("m10_s02_e03_inc", "angles")),
        (AUTHORS + "Segmented Movements/Kinect/Positions/m01_s02_e03_positions.txt", Part("m01_s02_e03")),
        (AUTHORS + "Segmented Movements/Kinect/Angles/m01_s02_e03_angles.txt", Part("m01_s02_e03", "angles")),
        ("Incorrect Segmented Movements.zip/Kinect/Positions/m01_s02_e03_positions_inc.txt", Part("m01_s02_e03_inc")),
        ("Incorrect Segmented Movements/Kinect/Angles/m01_s02_e03_angles.txt", Part("m01_s02_e03_inc", "angles")),
        ("Segmented Movements/Vicon/Positions/m01_s02_e03_positions.txt", None),
        ("Movements/Kinect/Positions/m01_s02_positions.txt", None),
        ("readme.txt", None),
    ],
)
def test_files_of_the_copy_and_of_the_authors(path: str, part: Part | None) -> None:
    assert part_of(path) == part


def test_name() -> None:
    identity = identify("m03_s02_e10_inc")
    assert (identity.action, identity.subject, identity.replication, identity.execution) == (2, 2, 10, "incorrect")
    assert identify("m03_s02_e10").execution == "correct"
    for name in ("m00_s01_e01", "m01_s01", "m01_s01_e01_positions", ""):
        with pytest.raises(BadRecording, match="name"):
            identify(name)


def test_hand_computed_places() -> None:
    """An arm of three bones of 10: straight, then with quarter turns at the waist and at the spine."""
    offsets, angles = np.zeros((3, JOINTS, 3)), np.zeros((3, JOINTS, 3))
    offsets[:, 0] = [1, 2, -300]
    offsets[:, 1] = offsets[:, 2] = [0, 10, 0]
    offsets[:, 3] = [0, 0, 10]
    angles[1, 0] = [0, 0, 90]  # about z: y goes to −x
    angles[2, 0] = [90, 0, 90]  # first about x: y goes to z; then about z, which leaves z
    angles[2, 1] = [0, 90, 0]  # about y in the waist's frame: z goes to x there
    joints_TVC = place_joints(offsets, angles)
    np.testing.assert_allclose(joints_TVC[0, :4], [[1, 2, -300], [1, 12, -300], [1, 22, -300], [1, 22, -290]])
    np.testing.assert_allclose(joints_TVC[1, :4], [[1, 2, -300], [-9, 2, -300], [-19, 2, -300], [-19, 2, -290]])
    np.testing.assert_allclose(joints_TVC[2, :4], [[1, 2, -300], [1, 2, -290], [1, 2, -280], [1, 12, -280]])


def test_places_as_a_plain_loop_finds_them() -> None:
    generator = np.random.default_rng(0)
    offsets, angles = generator.normal(0, 30, (6, JOINTS, 3)), generator.uniform(-180, 180, (6, JOINTS, 3))
    expected = [plainly(offsets[frame], angles[frame]) for frame in range(6)]
    np.testing.assert_allclose(place_joints(offsets, angles), expected, rtol=0, atol=1e-10)


def test_metres_and_shape() -> None:
    offsets = np.zeros((4, JOINTS, 3))
    offsets[:, 0] = [-3.5, 85.6, -235.88]
    recording = parse(text(offsets), text(np.zeros((4, 66))))
    assert recording.bodies_MTVC.shape == (1, 4, JOINTS, 3)
    assert recording.bodies_MTVC.dtype == np.float32
    assert recording.bodies_MTVC[0, 3, 21].tolist() == np.float32([-0.035, 0.856, -2.3588]).tolist()
    assert (recording.topology.name, recording.fps, recording.notes) == ("ui-prmd-22", 30.0, ())


@pytest.mark.parametrize("bad", ["nan", "inf", "1e300", "-1e42"])
@pytest.mark.parametrize("where", [0, 1])
def test_non_finite_frame_is_absent(bad: str, where: int) -> None:
    files = [text(np.ones((3, 66))), text(np.ones((3, 66)))]
    lines = files[where].split(b"\n")
    lines[1] = bad.encode() + lines[1][lines[1].index(b",") :]
    files[where] = b"\n".join(lines)
    recording = parse(*files)
    lost = np.isnan(recording.bodies_MTVC).all(axis=(0, 2, 3)).tolist()
    if where == 1 and bad in ("1e300", "-1e42"):
        assert lost == [False, False, False]  # an angle of any size is an angle
    else:
        assert lost == [False, True, False]
        assert said(recording) == ("body-frames with non-finite coordinates taken as absent: 1",)


FINE = text(np.ones((3, 66)))


@pytest.mark.parametrize(
    ("positions", "angles", "reason"),
    [
        (FINE, None, "its angles file is not among the raw files"),
        (FINE, text(np.ones((2, 66))), "3 frames of positions, but 2 of angles"),
        (b"", FINE, "positions.txt: the file is empty"),
        (FINE, b"\n \n", "angles.txt: the file is empty"),
        (FINE[:-12], FINE, "positions.txt: line 3: "),
        (FINE.replace(b"1.000000\n", b"1.0,1.0\n", 1), FINE, "line 1: 67 numbers instead of 66"),
        (FINE[: FINE.index(b"\n") - 9] + FINE[FINE.index(b"\n") :], FINE, "line 1: 65 numbers instead of 66"),
        (FINE, FINE.replace(b"1.000000\n", b"one\n", 1), "angles.txt: line 1: field 66 is not a number"),
        (FINE.replace(b"\n", b"\n\n", 1), FINE, "line 3: numbers after a blank line"),
        (b"0," * 66 * (MOST_FRAMES + 1), FINE, "line 1: "),
        ((b"0," * 66 + b"\n") * (MOST_FRAMES + 1), FINE, f"line {MOST_FRAMES + 1}: more than {MOST_FRAMES} lines"),
    ],
)
def test_other_content_is_refused(positions: bytes, angles: bytes | None, reason: str) -> None:
    with pytest.raises(BadRecording, match=reason):
        parse(positions, angles)


def test_line_ends_and_blanks_do_not_matter() -> None:
    expected = parse(FINE, FINE).bodies_MTVC
    for other in (FINE.replace(b"\n", b"\r\n"), FINE.replace(b",", b", "), FINE.strip(), FINE + b"\n\n"):
        np.testing.assert_array_equal(parse(other, FINE).bodies_MTVC, expected)


@given(st.binary(max_size=300), st.booleans())
@example(b"", True)
@example(b",\n", True)
@example(b"\0" * 66, True)
@example(b"1," * 65 + b"1\0", True)
@settings(deadline=None, max_examples=200)
def test_any_bytes(data: bytes, first: bool) -> None:
    survives(*((data, FINE) if first else (FINE, data)))


@given(st.lists(st.tuples(st.integers(0, len(FINE) - 1), st.integers(0, 255)), min_size=1, max_size=4))
@settings(deadline=None, max_examples=500)
def test_any_damage(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(FINE)
    for position, value in changes:
        damaged[position] = value
    survives(bytes(damaged), FINE)


def survives(positions: bytes, angles: bytes) -> None:
    reason = ""
    try:
        assert parse(positions, angles).bodies_MTVC.shape[2:] == (JOINTS, 3)
    except BadRecording as error:
        reason = str(error)
    assert "\n" not in reason


@pytest.mark.real
@pytest.mark.skipif(not ARCHIVE.exists(), reason="the real recordings are not here")
def test_all_real_recordings() -> None:
    pairs: dict[str, dict[str, RawFile]] = {}
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            part = part_of(member.name)
            if part is not None and part.recording is not None:
                content = archive.extractfile(member)
                assert content is not None
                pairs.setdefault(part.recording, {})[part.role] = RawFile(member.name, content.read())
    identities, frames = [], []
    for name, pair in pairs.items():
        (recording,) = read(RawRecording(name, pair["main"], {"angles": pair["angles"]}))
        offsets, angles = (
            [float(x) for x in pair[role].data.split(b"\n")[0].split(b",")] for role in ("main", "angles")
        )
        expected = 0.01 * np.array(plainly(np.reshape(offsets, (-1, 3)), np.reshape(angles, (-1, 3))))
        np.testing.assert_allclose(recording.bodies_MTVC[0, 0], expected, rtol=0, atol=3e-7)
        assert not recording.notes
        identities.append(recording.identity)
        frames.append(recording.bodies_MTVC.shape[1])
        head_above_feet = recording.bodies_MTVC[0, 0, 4, 1] - recording.bodies_MTVC[0, 0, 16, 1]
        assert 0.5 < head_above_feet < 2.0
    assert len(identities) == 2000
    assert {identity.subject for identity in identities} == set(range(1, 11))
    assert {identity.action for identity in identities} == set(range(10))
    assert sum(identity.execution == "incorrect" for identity in identities) == 1000
    assert (min(frames), max(frames)) == (28, 179)
