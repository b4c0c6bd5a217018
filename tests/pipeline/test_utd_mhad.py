"""UTD-MHAD's .mat files → Recording."""

import io
import struct
import tarfile
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hacm.errors import BadRecording
from hacm.recordings.utd_mhad import identify, parse
from tests.helpers.said import said
from tests.helpers.utd_mhad_mat import mat, numbers

SHARED = Path(__file__).parents[2].parent / "shared"
ARCHIVE = SHARED / "data" / "utd-mhad-skeleton.tar.xz"
NAME = "a10_s3_t2_skeleton.mat"


@pytest.mark.parametrize("folder", ["", "utd-mhad/skeleton/", "Skeleton/", "/somewhere/else/"])
def test_name(folder: str) -> None:
    identity = identify(folder + "a10_s3_t2_skeleton.mat")
    assert (identity.name, identity.action, identity.subject, identity.replication) == ("a10_s3_t2", 9, 3, 2)
    assert identity.camera is None
    assert identity.setup is None


@pytest.mark.parametrize("name", ["a10_s3_t2_skeleton.txt", "a10_s3_t2.mat", "a0_s1_t1_skeleton.mat", "x.mat", ""])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(BadRecording, match="name"):
        identify(name)


@pytest.mark.parametrize("compress", [True, False])
def test_axes_and_values(compress: bool) -> None:
    values = numbers()
    recording = parse(mat(compress, d_skel=values), NAME)
    assert recording.bodies_MTVC.shape == (1, 4, 20, 3)
    assert recording.bodies_MTVC.dtype == np.float32
    assert recording.bodies_MTVC.flags.c_contiguous
    assert recording.bodies_MTVC[0, 2, 5, 1] == np.float32(values[5, 1, 2])
    assert (recording.topology.name, recording.fps, recording.notes) == ("kinect-v1-20", 30.0, ())
    assert recording.identity == identify(NAME)


@pytest.mark.parametrize("kind", ["f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
def test_numbers_of_any_width_after_other_variables(kind: str) -> None:
    values = np.arange(120).reshape(20, 3, 2).astype(kind)
    recording = parse(mat(other="text", d_skel=values), NAME)
    np.testing.assert_array_equal(recording.bodies_MTVC[0], values.transpose(2, 0, 1).astype(np.float32))


def test_big_endian_file() -> None:
    values = numbers(1)

    def element(kind: int, content: bytes) -> bytes:
        return struct.pack(">II", kind, len(content)) + content + bytes(-len(content) % 8)

    parts = element(6, struct.pack(">II", 6, 0)) + element(5, struct.pack(">3i", 20, 3, 1)) + element(1, b"d_skel")
    variable = element(14, parts + element(9, values.astype(">f8").tobytes(order="F")))
    data = b"MATLAB 5.0 MAT-file".ljust(124) + bytes([1, 0]) + b"MI" + variable
    np.testing.assert_array_equal(parse(data, NAME).bodies_MTVC[0, 0], values[:, :, 0].astype(np.float32))


def test_bomb_is_not_unpacked() -> None:
    packed = zlib.compress(bytes(100 * 2**20), 1)
    data = mat()[:128] + struct.pack("<II", 15, len(packed)) + packed
    tracemalloc.start()
    with pytest.raises(BadRecording, match="unpacks to over"):
        parse(data, NAME)
    assert tracemalloc.get_traced_memory()[1] < 150 * 2**20
    tracemalloc.stop()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_non_finite_frame_is_absent(bad: float) -> None:
    values = numbers()
    values[7, 1, 2] = bad
    recording = parse(mat(d_skel=values), NAME)
    assert np.isnan(recording.bodies_MTVC).all(axis=(0, 2, 3)).tolist() == [False, False, True, False]
    assert np.isfinite(recording.bodies_MTVC[:, [0, 1, 3]]).all()
    assert said(recording) == ("body-frames with non-finite coordinates taken as absent: 1",)


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"skeleton": numbers()}, "no variable d_skel; found: skeleton"),
        ({}, "no variable d_skel; found: none"),
        ({"d_skel": np.zeros((25, 3, 4))}, "shape"),
        ({"d_skel": np.zeros((20, 3))}, "shape"),
        ({"d_skel": np.zeros((20, 3, 0))}, "shape"),
        ({"d_skel": np.zeros((4, 20, 3))}, "shape"),
        ({"d_skel": np.array([[1, "text"]], dtype=object)}, "holds cell"),
        ({"d_skel": "text"}, "holds char"),
        ({"d_skel": {"x": 1}}, "holds struct"),
        ({"d_skel": numbers() * 1j}, "holds complex numbers"),
        ({"d_skel": numbers() > 3}, "holds logical"),
    ],
)
def test_other_content_is_refused(variables: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRecording, match=reason):
        parse(mat(**variables), NAME)


@pytest.mark.parametrize("name", [b"d_ske\n", b"d_sk\0l", b"1_skel", b"d skel"])
def test_names_that_matlab_cannot_have_are_damage(name: bytes) -> None:
    """Messages repeat the names of what was found, and are one line."""
    with pytest.raises(BadRecording, match="the name of a variable is not readable"):
        parse(mat(False, d_skel=numbers()).replace(b"d_skel", name), NAME)


def test_only_some_of_many_names_are_listed() -> None:
    with pytest.raises(BadRecording) as caught:
        parse(mat(**{f"variable_{number}": 1.0 for number in range(500)}), NAME)
    assert str(caught.value).endswith("variable_4 and 495 more")


def test_many_packed_variables_share_one_limit() -> None:
    """A thousand bombs in one file cost no more time than one."""
    bomb = zlib.compress(struct.pack("<II", 9, 2**23 - 8) + bytes(2**23 - 8), 9)
    data = mat(x=1.0)[:128] + (struct.pack("<II", 15, len(bomb)) + bomb) * 1000
    with pytest.raises(BadRecording, match="unpacks to over"):
        parse(data, NAME)


def test_matlab_7_3_is_named() -> None:
    header = b"MATLAB 7.3 MAT-file".ljust(124) + bytes([0, 2]) + b"IM"
    with pytest.raises(BadRecording, match="-v7"):
        parse(header + bytes(512), NAME)


def test_truncated_files_are_refused() -> None:
    data = mat(d_skel=numbers(30))
    for size in range(0, len(data) - 8, 211):
        with pytest.raises(BadRecording):
            parse(data[:size], NAME)


def survives(data: bytes) -> None:
    reason = ""
    try:
        assert parse(data, NAME).bodies_MTVC.shape[2:] == (20, 3)
    except BadRecording as error:
        reason = str(error)
    assert "\n" not in reason


@given(st.binary(max_size=300))
@example(b"")
@settings(deadline=None, max_examples=60)
def test_any_bytes(data: bytes) -> None:
    survives(data)


VALID = (mat(True, d_skel=numbers()), mat(False, d_skel=numbers()))


@given(st.sampled_from(VALID), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4))
@settings(deadline=None, max_examples=1000)
def test_any_damage(data: bytes, changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(data)
    for position, value in changes:
        # Half of the changes go to the headers, where they matter.
        damaged[position % (len(data) if position % 2 else 240)] = value
    survives(bytes(damaged))


@pytest.mark.real
@pytest.mark.skipif(not ARCHIVE.exists(), reason="the real recordings are not here")
def test_all_real_recordings() -> None:
    names, subjects, actions = set(), set(), set()
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            if member.name.endswith(".mat"):
                content = archive.extractfile(member)
                assert content is not None
                data = content.read()
                recording = parse(data, member.name)
                expected = scipy.io.loadmat(io.BytesIO(data))["d_skel"]  # type: ignore[arg-type]
                np.testing.assert_array_equal(recording.bodies_MTVC[0], expected.transpose(2, 0, 1).astype(np.float32))
                assert recording.bodies_MTVC.shape[0] == 1
                assert not recording.notes
                names.add(recording.identity.name)
                subjects.add(recording.identity.subject)
                actions.add(recording.identity.action)
    assert len(names) == 861
    assert subjects == set(range(1, 9))
    assert actions == set(range(27))
