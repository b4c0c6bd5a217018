"""NTU RGB+D's .skeleton text → Recording, against a parser that reads line by line as the format is described."""

import math
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hacm.errors import BadRecording
from hacm.recordings import Recording, skeleton_text
from hacm.recordings.decimals import BLANK, NEWLINE
from hacm.recordings.ntu import identify, parse
from hacm.recordings.text_masks import WIDTH
from tests.helpers.ntu_text import Frame, body, write
from tests.helpers.said import said

GOLDEN = Path(__file__).parents[2].parent / "shared" / "golden"
NAME = "S001C002P003R001A050.skeleton"


def read_plainly(text: bytes) -> tuple[int, dict[int, dict[int, NDArray[np.float32]]], int, int]:
    """(frames, joints by id and frame, repeated ids, non-finite body-frames): data.md §1, one line after the other."""
    lines = iter(text.decode().splitlines())
    tracks: dict[int, dict[int, NDArray[np.float32]]] = {}
    repeated = non_finite = 0
    frames = int(next(lines))
    for frame in range(frames):
        seen = set()
        for _ in range(int(next(lines))):
            body_id = int(next(lines).split()[0])
            joints = [[float(word) for word in next(lines).split()[:3]] for _ in range(int(next(lines)))]
            with np.errstate(over="ignore"):
                values = np.array(joints, dtype=np.float64).astype(np.float32)
            if body_id in seen:
                repeated += 1
            elif not np.isfinite(values).all():
                non_finite += 1
            else:
                tracks.setdefault(body_id, {})[frame] = values
            seen.add(body_id)
    assert next(lines, None) is None
    return frames, tracks, repeated, non_finite


def same_as_plain(text: bytes) -> Recording:
    recording = parse(text, NAME)
    frames, tracks, repeated, non_finite = read_plainly(text)
    expected = np.full((len(tracks), frames, 25, 3), np.nan, dtype=np.float32)
    for row, track in zip(expected, tracks.values(), strict=True):
        for frame, values in track.items():
            row[frame] = values
    np.testing.assert_array_equal(recording.bodies_MTVC, expected)
    assert recording.bodies_MTVC.dtype == np.float32
    assert sum("twice" in note and note.endswith(f": {repeated}") for note in said(recording)) == (repeated > 0)
    assert sum("finite" in note and note.endswith(f": {non_finite}") for note in said(recording)) == (non_finite > 0)
    return recording


def fails(data: bytes) -> str:
    with pytest.raises(BadRecording) as caught:
        parse(data, NAME)
    return str(caught.value)


# Names


@pytest.mark.parametrize("name", ["S017C003P040R002A060.skeleton", "nturgb+d_skeletons/S017C003P040R002A060"])
def test_name(name: str) -> None:
    identity = identify(name)
    assert identity.name == "S017C003P040R002A060"
    assert (identity.setup, identity.camera, identity.subject, identity.replication) == (17, 3, 40, 2)
    assert identity.action == 59


@pytest.mark.parametrize(
    "name",
    ["", "S1C1P1R1A1.skeleton", "S001C001P001R001A000", "S001C001P001R001A001.txt", "xS001C001P001R001A001", "S001/x"],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(BadRecording, match="name"):
        identify(name)


# What a text says


def test_recording() -> None:
    recording = parse(write([[("7", body(1)), ("9", body(2))], [], [("9", body(3))]]), "folder/" + NAME)
    assert recording.bodies_MTVC.shape == (2, 3, 25, 3)
    assert recording.bodies_MTVC[0, 0, 4].tolist() == [5, 1, 3.5]
    assert recording.bodies_MTVC[1, 2, 0].tolist() == [3, 0, 3.5]
    present = ~np.isnan(recording.bodies_MTVC).all(axis=(2, 3))
    assert present.tolist() == [[True, False, False], [True, False, True]]
    assert (recording.fps, recording.topology.name, recording.notes) == (30.0, "kinect-v2-25", ())
    assert recording.identity.name == "S001C002P003R001A050"


@pytest.mark.parametrize("ends", ["\n", "\r\n", " \t\n"])
def test_line_ends(ends: str) -> None:
    frames: list[Frame] = [[("7", body(1))], [("7", body(2))]]
    text = write(frames, ends)
    for variant in (text, text.rstrip(), text + b" \r\n\n"):
        np.testing.assert_array_equal(parse(variant, NAME).bodies_MTVC, parse(write(frames), NAME).bodies_MTVC)


def test_mixed_line_ends_are_read_and_noted() -> None:
    text = write([[("7", body(1))]])
    mixed = text.replace(b"\n", b"\r\n", 3)
    assert said(parse(mixed, NAME)) == ("mixed line ends: 3 of 29 CRLF",)
    np.testing.assert_array_equal(parse(mixed, NAME).bodies_MTVC, parse(text, NAME).bodies_MTVC)


def test_recordings_without_bodies() -> None:
    assert parse(b"0\n", NAME).bodies_MTVC.shape == (0, 0, 25, 3)
    assert parse(b"3\n0\n0\n0", NAME).bodies_MTVC.shape == (0, 3, 25, 3)


def test_tracks_stand_in_order_of_first_appearance() -> None:
    recording = parse(write([[("50", body(1))], [("9", body(2)), ("50", body(3)), ("-3", body(4))]]), NAME)
    assert recording.bodies_MTVC[:, 1, 0, 0].tolist() == [3, 2, 4]


def test_ids_that_double_precision_cannot_tell_apart() -> None:
    ids = ("72057594042803871", "72057594042803872", "18446744073709551615", "18446744073709551614")
    recording = parse(write([[(body_id, body(place)) for place, body_id in enumerate(ids)]]), NAME)
    assert recording.bodies_MTVC[:, 0, 0, 0].tolist() == [0, 1, 2, 3]


def test_id_twice_in_a_frame_keeps_the_first() -> None:
    recording = parse(write([[("7", body(1)), ("7", body(2)), ("8", body(3)), ("7", body(4))], [("7", body(5))]]), NAME)
    assert recording.bodies_MTVC[0, :, 0, 0].tolist() == [1, 5]
    assert said(recording) == ("body id twice in a frame, first kept: 2",)


@pytest.mark.parametrize("word", ["nan", "NaN", "-nan", "inf", "-inf", "+Infinity", "1e39", "-3.5e38", "1e999"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_non_finite_coordinate_makes_the_body_absent(word: str, axis: int) -> None:
    broken = body(2)
    broken[24] = tuple(word if place == axis else "0" for place in range(3))  # type: ignore[assignment]
    first: Frame = [("8", body(1))]
    with_it = parse(write([[("7", broken), *first], [("7", body(3)), ("8", body(4))]]), NAME)
    without_it = parse(write([first, [("7", body(3)), ("8", body(4))]]), NAME)
    np.testing.assert_array_equal(with_it.bodies_MTVC, without_it.bodies_MTVC)
    assert said(with_it) == ("body-frames with non-finite coordinates taken as absent: 1",)
    assert parse(write([[("7", broken)]]), NAME).bodies_MTVC.shape == (0, 1, 25, 3)


def test_first_of_a_repeated_id_counts_even_if_it_is_not_finite() -> None:
    broken = [("nan", "0", "0")] * 25
    recording = parse(write([[("7", broken), ("7", body(1))], [("7", body(2))]]), NAME)
    assert np.isnan(recording.bodies_MTVC[0, 0]).all()
    assert recording.bodies_MTVC[0, 1, 0, 0] == 2
    assert len(recording.notes) == 2


# Decimals


def as_read(word: str) -> np.float32:
    value: np.float32 = parse(write([[("7", [("0", "0", "0")] * 24 + [("0", word, "0")])]]), NAME).bodies_MTVC[
        0, 0, 24, 1
    ]
    return value


WORDS_OF_ALL_KINDS = """
    0 -0 +1 1. .5 -.5 007 0.1 0.3 3.514517 1e3 1E-3 1.5e+2 -0.001946577 1024.6323 16777217
    9007199254740993 123456789012345678901234567890
    0.00000000000000000000000000000000000001 1e-45 1e-50 1e-400 0e999 1.17549435e-38
    3.4028234e38 0.1000000000000000055511151231257827 1e22 1e-22 00000000000000000000000000000000000000000000.25
"""


@pytest.mark.parametrize("word", WORDS_OF_ALL_KINDS.split())
def test_decimal(word: str) -> None:
    assert as_read(word) == np.float32(float(word))


@given(
    st.floats(width=32, allow_nan=False, allow_infinity=False), st.sampled_from(["{:.9g}", "{!r}", "{:.9e}", "{:.7f}"])
)
@settings(deadline=None)
def test_decimals(value: float, form: str) -> None:
    word = form.format(value)
    expected = np.float32(float(word))
    digits = sum(symbol.isdigit() for symbol in word.split("e")[0].lstrip("-0."))
    if digits <= 15:
        assert as_read(word) == expected
    else:
        assert abs(float(as_read(word)) - float(expected)) <= 2**-23 * abs(float(expected))


@pytest.mark.parametrize(
    "word",
    [
        "abc",
        "1,5",
        "1.2.3",
        "-",
        "+",
        ".",
        "e5",
        "1e",
        "1e+",
        "--1",
        "0x10",
        "1_0",
        "infinit",
        "nanny",
        "na",
        "1.#IND",
        "1f",
    ],
)
def test_what_is_no_decimal_is_refused(word: str) -> None:
    data = write([[("7", [("0", "0", "0")] * 24 + [("0", word, "0")])]])
    assert fails(data) == "line 29: a coordinate is not a number"


# Broken texts

GOOD = write([[("7", body(1)), ("8", body(2))], [], [("7", body(3))]])


def with_line(number: int, line: str) -> bytes:
    lines = GOOD.decode().split("\n")
    lines[number - 1] = line
    return "\n".join(lines).encode()


def test_numbers_of_lines_used_below() -> None:
    lines = GOOD.decode().split("\n")
    assert lines[:2] == ["3", "2"]
    assert lines[2].startswith("7 ")
    assert lines[3] == "25"
    assert lines[29].startswith("8 ")
    assert lines[56:58] == ["0", "1"]


@pytest.mark.parametrize(
    ("line", "text", "reason"),
    [
        (1, "2", "line 58: text after the last frame"),
        (1, "4", "line 86: the file ends early"),
        (1, "1000000000", "line 1: announces 1000000000, more than"),
        (1, "9" * 40, "line 1: announces 9999999999999999, more than"),
        (1, "-3", "line 1: expected one whole number"),
        (1, "3.0", "line 1: expected one whole number"),
        (1, "3 3", "line 1: expected one whole number"),
        (1, "", "line 1: expected one whole number"),
        (2, "3", "line 57: 1 fields"),
        (2, "-1", "line 2: expected one whole number"),
        (2, "50", "line 2: announces 50, more than"),
        (57, "1", "line 58: 1 fields"),
        (3, "7.5 0 1 1 0 0 0 0.15 -0.2 2", "line 3: a body id is not"),
        (3, "x 0 1 1 0 0 0 0.15 -0.2 2", "line 3: a body id is not"),
        (3, "18446744073709551616 0 1 1 0 0 0 0.15 -0.2 2", "line 3: a body id is not"),
        (3, "7 0 1 1 0 0 0 0.15 -0.2", "line 3: 9 fields"),
        (3, "7 0 1 1 0 0 0 0.15 -0.2 2 2", "line 3: 11 fields"),
        (4, "24", "line 4: announces 24 joints instead of 25"),
        (4, "26", "line 4: announces 26 joints instead of 25"),
        (4, "-25", "line 4: expected one whole number"),
        (5, "1 2", "line 5: 2 fields"),
        (5, "1 2 3 4 5 6 7 8 9 10 11", "line 5: 11 fields"),
        (5, "1 2 3 4 5 6 7 8 9 10 11 12 13", "line 5: 13 fields"),
        (5, "", "line 5: 0 fields"),
        (5, "1 2 3 4 5 6 7 8 9 10 11 ü", "line 5: a byte that is not plain text"),
        (5, "1 2 3 4 5 6 7 8 9 10 11 \0", "line 5: a byte that is not plain text"),
        (5, "1 ü 3 4 5 6 7 8 9 10 11 12", "line 5: a coordinate is not a number"),
    ],
)
def test_broken_line_is_named(line: int, text: str, reason: str) -> None:
    assert fails(with_line(line, text)).startswith(reason)


@pytest.mark.parametrize("data", [b"", b"\n", b" \r\n\r\n"])
def test_empty_file(data: bytes) -> None:
    assert fails(data) == "line 1: the file is empty"


def test_bytes_that_are_not_text() -> None:
    assert fails(b"\xff\xfe" + GOOD).startswith("line 1")
    assert fails(GOOD.decode().encode("utf-16")).startswith("line 1")
    assert fails(GOOD.replace(b"nan", b"n\xe4n", 1)) == "line 5: a byte that is not plain text"
    assert fails(GOOD + b"\x1a") == "line 86: text after the last frame"


def test_every_truncation_is_found() -> None:
    end = len(GOOD.rstrip())
    for size in range(1, end):
        assert fails(GOOD[:size]).startswith("line ")
    parse(GOOD[:end], NAME)


def test_huge_counts_cost_no_memory() -> None:
    assert "more than the rest of the file can hold" in fails(b"1000000000\n" + b"0\n" * 1000)
    new_ids: list[Frame] = [[(str(number), [("1", "2", "3")] * 25)] for number in range(1001)]
    assert fails(write(new_ids)) == "1001 body ids over 1001 frames: more than a recording can have"


# Properties

WORDS = ("0", "-0", "1", "-1.5", ".25", "3.", "1e-3", "2.5E2", "nan", "-inf", "0.1234567", "-0.00194657", "1e40", "+7")


@given(
    shape=st.lists(st.lists(st.sampled_from(["7", "72057594042803871", "0", "-5", "007"]), max_size=4), max_size=6),
    ends=st.sampled_from(["\n", "\r\n"]),
    seed=st.integers(0, 10**6),
)
@settings(deadline=None, max_examples=150)
def test_any_text_reads_as_the_plain_parser_reads_it(shape: list[list[str]], ends: str, seed: int) -> None:
    rng = random.Random(seed)

    def word() -> str:
        return rng.choice(WORDS) if rng.random() < 0.01 else f"{rng.gauss(0, 2):.{rng.randint(0, 9)}g}"

    frames: list[Frame] = [
        [(body_id, [(word(), word(), word()) for _ in range(25)]) for body_id in ids] for ids in shape
    ]
    same_as_plain(write(frames, ends))


def survives(data: bytes) -> None:
    reason = ""
    try:
        assert parse(data, NAME).bodies_MTVC.shape[2:] == (25, 3)
    except BadRecording as error:
        reason = str(error)
    assert "\n" not in reason


@given(st.one_of(st.binary(), st.text("0123456789 .-\r\n\tnaife+").map(str.encode)))
@example(b"1\n1\n")
@settings(deadline=None)
def test_any_bytes(data: bytes) -> None:
    survives(data)


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 3), st.integers(0, 255)), max_size=4))
@settings(deadline=None, max_examples=300)
def test_any_damage(changes: list[tuple[int, int, int]]) -> None:
    data = bytearray(GOOD)
    for position, removed, value in changes:
        data[position : position + removed] = bytes([value])
    survives(bytes(data))


@pytest.mark.skipif(not GOLDEN.exists(), reason="golden files are not here")
def test_golden_texts_read_as_the_plain_parser_reads_them() -> None:
    with zipfile.ZipFile(GOLDEN / "ntu_golden.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".skeleton")]
        assert len(names) == 72
        for name in names[::6]:
            recording = same_as_plain(archive.read(name))
            assert math.prod(recording.bodies_MTVC.shape) > 0


@given(st.lists(st.sampled_from([*b"0123 \t\r\n.-x", 0, 31, 127, 128, 255]), max_size=150), st.integers(0, 6))
@settings(max_examples=500, deadline=None)
def test_a_line_is_passed_over_at_once_as_byte_after_byte(line: list[int], wanted: int) -> None:
    text_N = np.full(len(line) + 2 + WIDTH, NEWLINE, dtype=np.uint8)
    text_N[0] = BLANK
    text_N[1 : len(line) + 1] = line
    text_N = text_N[: len(line) + 2]
    assert skeleton_text._rest_of_line(text_N, 0, wanted) == skeleton_text._find_fault(text_N, 0, wanted)


@given(st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b"x" * 61, b"x"]), max_size=60))
@settings(deadline=None)  # the first call compiles
def test_line_ends_are_counted(parts: list[bytes]) -> None:
    text = b"".join(parts)
    text_N = np.frombuffer(text + b"\n" * (1 + WIDTH), dtype=np.uint8)
    assert skeleton_text._count_line_ends(text_N, len(text)) == (text.count(b"\n"), text.count(b"\r\n"))
