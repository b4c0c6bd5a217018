"""PKU-MMD's videos, labels and split files → Recordings."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hacm.cleaning import CleaningSettings, clean
from hacm.errors import BadRecording, UserError
from hacm.recordings import Excluded, Part, RawFile, RawRecording, Recording
from hacm.recordings.pku_mmd import MOST_FRAMES, MOST_LABELS, part_of, read, read_split
from pipeline.datasets.registry import find_shipped
from tests.helpers.said import said

AS_RELEASED = CleaningSettings(strategy="none", translate="none")
XSUB = b"Training videos: \n0002-L, 0002-M, 0003-R\nValidataion videos: \n0005-L, 0005-M\n"
XVIEW = b"Training videos: \n0005-L, 0003-L\nValidataion videos: \n0002-L, 0002-M\n"


def video(frames: int = 400, *, second: bool = False) -> Any:
    """(frames, 150): coordinate k of frame f is f + k / 1000; the second body zero, or in every other frame."""
    values = np.arange(frames)[:, np.newaxis] + 1 + np.arange(150) / 1000
    values[:, 75:] *= (np.arange(frames)[:, np.newaxis] % 2) * second
    return values


def text(values: Any) -> bytes:
    return "".join(" ".join(f"{value:.6f}" for value in row) + "\n" for row in values).encode()


def parse(data: bytes, labels: bytes | None, name: str = "0002-L", **splits: bytes | None) -> list[Any]:
    files = {"label": labels} | {"xsub": XSUB, "xview": XVIEW} | splits
    companions = {role: RawFile(f"{role}.txt", content) for role, content in files.items() if content is not None}
    return list(read(RawRecording(name, RawFile("video.txt", data), companions)))


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("skeleton/0002-L.txt", Part("0002-L")),
        ("label/0002-L.txt", Part("0002-L", "label")),
        ("PKU_Skeleton_Renew/0364-R.txt", Part("0364-R")),
        ("Train_Label_PKU_final/0364-R.txt", Part("0364-R", "label")),
        ("Label_PKUMMD.zip/0002-M.txt", Part("0002-M", "label")),
        ("Skeleton.zip/0002-M.txt", Part("0002-M")),
        ("PKUMMDv2/Data/Skeleton_v2/A01N01-L.txt", Part("A01N01-L")),
        ("PKUMMDv2/Label/Label_PKUMMD_v2/A01N01-L.txt", Part("A01N01-L", "label")),
        ("skeletons and labels.zip/skeletons/A01N01-L.txt", Part("A01N01-L")),
        ("skeletons and labels.zip/labels/A01N01-L.txt", Part("A01N01-L", "label")),
        ("Data/0002-L.txt", Part("0002-L")),
        *(
            (f"{folder}{cross}{gap}{word}{version}.txt", Part(None, role))
            for folder in ("", "Split/")
            for cross in ("cross", "Cross")
            for gap in "-_"
            for word, role in (("subject", "xsub"), ("view", "xview"))
            for version in ("", "_v2")
        ),
        ("skeleton/0002-X.txt", None),
        ("skeleton/0002-L.avi", None),
        ("RGB_VIDEO/readme.txt", None),
        ("cross_setup.txt", None),
        ("", None),
    ],
)
def test_files_of_both_phases(path: str, part: Part | None) -> None:
    assert part_of(path) == part


def test_a_label_cuts_a_clip() -> None:
    values = video(second=True)
    first, second = parse(text(values), b"51,10,20,2\r\n\n1,0,400,1\n")
    identity = first.identity
    assert (identity.name, identity.action, identity.camera, identity.setup) == ("0002-L-001", 50, 1, 2)
    assert (identity.subject, identity.xsub_part, identity.xview_part) == (None, "train", "test")
    assert (second.identity.name, second.identity.action) == ("0002-L-003", 0)
    assert first.bodies_MTVC.shape == (2, 10, 25, 3)
    np.testing.assert_array_equal(first.bodies_MTVC[0], values[10:20, :75].reshape(10, 25, 3).astype(np.float32))
    assert np.isnan(first.bodies_MTVC[1]).all(axis=(1, 2)).tolist() == [True, False] * 5
    clip = clean(first, AS_RELEASED)
    np.testing.assert_array_equal(clip.bodies_MTVC[1], values[10:20, 75:].reshape(10, 25, 3).astype(np.float32))


@pytest.mark.parametrize(("name", "camera", "setup"), [("0364-R", 3, 364), ("A02N10-M", 2, 210)])
def test_names_of_both_phases(name: str, camera: int, setup: int) -> None:
    (recording,) = parse(text(video(5)), b"1,0,5", name)
    assert (recording.identity.camera, recording.identity.setup) == (camera, setup)
    assert (recording.identity.xsub_part, recording.identity.xview_part) == ("test", "test")


def test_bodies_that_are_never_seen_go() -> None:
    values = video(30, second=True)
    values[:, 75:][:10] = 0
    values[:, :75][10:20] = 0
    values[20:] = 0
    first, second, third = parse(text(values), b"1,0,10,1\n1,10,20,1\n1,20,30,1\n")
    assert first.bodies_MTVC.shape == (1, 10, 25, 3)
    assert first.notes == ()
    assert second.bodies_MTVC.shape == (1, 10, 25, 3)
    assert said(second) == ("first body never seen: the second is alone",)
    assert third.bodies_MTVC.shape == (0, 10, 25, 3)
    with pytest.raises(BadRecording, match="no body in any frame"):
        clean(third, AS_RELEASED)


def test_long_clips_are_truncated_and_noted() -> None:
    (recording,) = parse(text(video()), b"1,0,310,1")
    clip = clean(recording, AS_RELEASED)
    assert clip.bodies_MTVC.shape == (1, 300, 25, 3)
    assert said(clip) == ("frames truncated: 310 to 300",)


@pytest.mark.parametrize("bad", ["nan", "-inf", "1e60"])
def test_non_finite_body_frame_is_absent(bad: str) -> None:
    lines = text(video(4)).split(b"\n")
    lines[2] = lines[2].replace(lines[2].split()[7], bad.encode(), 1)
    (recording,) = parse(b"\n".join(lines), b"1,0,4")
    assert np.isnan(recording.bodies_MTVC).all(axis=(0, 2, 3)).tolist() == [False, False, True, False]
    assert said(recording) == ("body-frames with non-finite coordinates taken as absent: 1",)


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("0,1,2,1", "action 0 is not in 1 to 51"),
        ("52,1,2,1", "action 52 is not in 1 to 51"),
        ("1,5,5,1", "ends at frame 5, not after its start at 5"),
        ("1,9,5,1", "ends at frame 5, not after its start at 9"),
        ("1,5,401,1", "ends at frame 401, but the video has 400"),
        ("1,999999999,1000000000,1", "not a label of the form"),
        ("1,-5,10,1", "not a label of the form"),
        ("1,5", "not a label of the form"),
        ("one,2,3,1", "not a label of the form"),
        ("1,2,3,4,5", "not a label of the form"),
        ("1,²,3,1", "not a label of the form"),
    ],
)
def test_a_bad_label_is_named_with_file_and_line(label: str, reason: str) -> None:
    fine, bad = parse(text(video()), f"1,0,10,1\n{label}\n".encode())
    assert isinstance(fine, Recording)
    assert isinstance(bad, Excluded)
    assert (bad.name, bad.source) == ("0002-L-002", "label.txt")
    assert str(bad.reason).startswith(f"line 2: {reason}")


@pytest.mark.parametrize(
    ("data", "labels", "reason"),
    [
        (text(video(5)), None, "its label file is not among the raw files"),
        (text(video(5)), b" \n", "label.txt: holds no label"),
        (text(video(5)), b"\xff\xfe", "label.txt: not plain text"),
        (text(video(5)), b"1,0,5,1\n" * (MOST_LABELS + 1), f"more than {MOST_LABELS}"),
        (b"", b"1,0,5,1", "the file is empty"),
        (text(video(5)[:, :149]), b"1,0,5,1", "line 1: 149 numbers instead of 150"),
        (text(video(5)) + b"1 2 x", b"1,0,5,1", "line 6: field 3 is not a number"),
        ((b"0 " * 150 + b"\n") * (MOST_FRAMES + 1), b"1,0,5,1", f"more than {MOST_FRAMES} lines"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_content_is_refused(data: bytes, labels: bytes | None, reason: str) -> None:
    with pytest.raises(BadRecording, match=reason):
        parse(data, labels)


@pytest.mark.parametrize(
    "content",
    [
        XSUB,
        XSUB.replace(b"\n", b"\r\n"),
        XSUB.replace(b"0003-R\n", b"0003-R, \n"),
        b"\xef\xbb\xbf" + XSUB.strip(),
        XSUB.replace(b", ", b","),
        XSUB.replace(b"0002-L", b"0002-L.txt"),
        XSUB.replace(b"Validataion", b"Validation").replace(b"videos: ", b"videos:"),
    ],
)
def test_split_file(content: bytes) -> None:
    assert read_split(RawFile("cross-subject.txt", content)) == {"0002-L", "0002-M", "0003-R"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "line 1: expected 'Training"),
        (b"0002-L, 0002-M", "line 1: expected 'Training"),
        (b"Training videos:\n0002-L\n", "line 3: expected 'Valid"),
        (b"Training videos:\n\nValidataion videos:\n0002-L", "line 2: no video is named"),
        (b"Training videos:\n0002-L\nValidataion videos:", "line 4: no video is named"),
        (XSUB.replace(b"0003-R", b"0003"), "line 2: '0003' names no video"),
        (XSUB.replace(b"0005-L", b"0002-L"), "0002-L stands in both parts"),
        (b"\xff" * 99, "line 1"),
    ],
)
def test_damaged_split_file_is_the_users_to_mend(content: bytes, reason: str) -> None:
    with pytest.raises(UserError, match=f"cross_view.txt: {reason}"):
        read_split(RawFile("cross_view.txt", content))


@pytest.mark.parametrize(("rule", "file"), [("xsub", "cross_subject.txt"), ("xview", "cross_view.txt")])
def test_missing_split_file_is_named(rule: str, file: str) -> None:
    with pytest.raises(UserError, match=f"no split file {file}"):
        parse(text(video(5)), b"1,0,5,1", **{rule: None})


SMALL = text(video(3))
LABEL = b"1,0,3,1\n2,1,2,1\n"


@given(st.binary(max_size=300), st.booleans())
@example(b"", True)
@example(b"1 " * 150, True)
@example(b"\n" * 9 + b"1,0,1,1", False)
@settings(deadline=None, max_examples=200)
def test_any_bytes(data: bytes, first: bool) -> None:
    survives(*((data, LABEL) if first else (SMALL, data)))


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4), st.booleans())
@settings(deadline=None, max_examples=500)
def test_any_damage(changes: list[tuple[int, int]], first: bool) -> None:
    damaged = bytearray(SMALL if first else LABEL)
    for position, value in changes:
        damaged[position % len(damaged)] = value
    survives(*((bytes(damaged), LABEL) if first else (SMALL, bytes(damaged))))


@given(st.text(alphabet="Training vdeosValt:\n,02-LMR", max_size=80))
@settings(deadline=None, max_examples=200)
def test_any_split_file(content: str) -> None:
    reason = ""
    try:
        assert read_split(RawFile("cross_view.txt", content.encode()))
    except UserError as error:
        reason = str(error)
    assert "\n" not in reason


def survives(data: bytes, labels: bytes) -> None:
    reason = ""
    try:
        for found in parse(data, labels):
            if isinstance(found, Recording):
                assert found.bodies_MTVC.shape[2:] == (25, 3)
            else:
                reason += str(found.reason)
    except BadRecording as error:
        reason = str(error)
    assert "\n" not in reason


def test_data_sets() -> None:
    for name, videos, clips in (("pku1", 1076, 21_545), ("pku2", 1009, None)):
        dataset = find_shipped()[name]
        assert (dataset.videos, dataset.clips, dataset.classes, dataset.gated) == (videos, clips, 51, True)
        assert dataset.class_name(50) == "writing"
        assert dataset.class_name(13) == "handshaking"
        assert {rule: split.column for rule, split in dataset.splits.items()} == {
            "xsub": "xsub_part",
            "xview": "xview_part",
        }
