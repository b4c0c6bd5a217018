"""Recordings as plain arrays, .npz and .csv → Recording: what NumPy and the csv module write, and any bytes."""

import csv
import io
import struct
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hacm.errors import BadRecording, UserError
from hacm.recordings import Part, RawFile, RawRecording
from hacm.recordings.arrays import MOST_NUMBERS, ArrayReader
from hacm.recordings.bodies import UPRIGHT, Up, as_bodies
from hacm.skeletons.shipped import COCO_17, MEDIAPIPE_33
from hacm.skeletons.topology import Topology
from tests.helpers.said import said

BODY = Topology("stick-3", ("hip", "left hand", "right hand"), (-1, 0, 0), (0,), 0)
FOUR = Topology("stick-4", ("hip", "head", "left hand", "right hand"), (-1, 0, 0, 0), (0,), 0)
PLAIN = ArrayReader(BODY, fps=25)
NAMED = ArrayReader(BODY, names="s{subject}_a{action}", fps=25)
NAME = "s2_a3.npz"
WALK = np.arange(1, 37, dtype=np.float64).reshape(4, 3, 3) / 7


def npz(*, compress: bool = True, **content: Any) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(stream, **content)
    return stream.getvalue()


def repack(data: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """`data` as the array `joints` of a file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("joints.npy", data)
    return stream.getvalue()


def table(rows: Any, header: list[str] | None = None) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([header] if header else [])
    writer.writerows(np.reshape(rows, (-1, np.shape(rows)[-1])).tolist())
    return stream.getvalue().encode()


FLAT = table(WALK.reshape(4, 9))
COLUMNS = [f"{joint} {axis}" for joint in BODY.joints for axis in "xyz"]


def test_what_a_library_says_of_a_damaged_zip_is_cut_short() -> None:
    """zipfile repeats a name as it is where the member is stored, which may be all of the member."""
    data = bytearray(npz(compress=False, joints=WALK))
    data[26:28] = (len(data) - 200).to_bytes(2, "little")  # the length of that name
    with pytest.raises(BadRecording, match="damaged") as caught:
        NAMED.parse(bytes(data), NAME)
    assert len(str(caught.value)) < 200
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("kind", ["<f2", "<f4", ">f4", "<f8", ">f8", "i1", "<i2", ">i4", "<i8", "u1", "<u2"])
@pytest.mark.parametrize("compress", [True, False])
def test_numbers_of_any_width_and_order(kind: str, compress: bool) -> None:
    values = (WALK * 7).astype(kind)
    for stored in (values, np.asfortranarray(values)):
        recording = NAMED.parse(npz(joints=stored, compress=compress), NAME)
        np.testing.assert_array_equal(recording.bodies_MTVC, values[np.newaxis].astype(np.float32))
    assert recording.bodies_MTVC.dtype == np.float32
    assert recording.bodies_MTVC.flags.c_contiguous
    assert (recording.topology.name, recording.fps, recording.notes) == ("stick-3", 25.0, ())
    assert (recording.identity.name, recording.identity.subject, recording.identity.action) == ("s2_a3", 2, 2)


@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 5), st.just(3), st.just(3)),
                     elements=st.floats(-5, 5, width=32).filter(lambda value: value != 0)))  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_what_numpy_saves_comes_back(bodies: Any) -> None:
    np.testing.assert_array_equal(NAMED.parse(npz(joints=bodies), NAME).bodies_MTVC, bodies)
    if len(bodies) == 1:
        for rows in (table(bodies.reshape(-1, 9)), table(bodies.reshape(-1, 9), COLUMNS)):
            np.testing.assert_array_equal(NAMED.parse(rows, "s2_a3.csv").bodies_MTVC, bodies)


@pytest.mark.parametrize(
    ("names", "path", "name", "numbers"),
    [
        ("s{subject}_a{action}", "raw/s002_a10.npz", "s002_a10", (2, 9, None, None, None)),
        ("{subject}/{action}-{camera}", "lab.zip/day/7/3-1.csv", "7_3-1", (7, 2, 1, None, None)),
        ("{setup}.{action}.r{replication}", "4.1.r12.npz", "4.1.r12", (None, 0, None, 4, 12)),
        ("({action})+", "(1)+.npz", "(1)+", (None, 0, None, None, None)),
    ],
)
def test_names(names: str, path: str, name: str, numbers: tuple[int | None, ...]) -> None:
    reader = ArrayReader(BODY, names=names, fps=30)
    assert reader.part_of(path) == Part(name)
    identity = reader.parse(FLAT if path.endswith("csv") else npz(joints=WALK), path).identity
    found = (identity.subject, identity.action, identity.camera, identity.setup, identity.replication)
    assert (identity.name, found) == (name, numbers)


def test_other_files_are_nothing() -> None:
    assert [PLAIN.part_of(name) for name in ("a.txt", "readme.md", ".csv", "a", "")] == [None] * 5
    assert PLAIN.part_of("x/A.NPZ") == Part("A")


def test_numbers_inside() -> None:
    recording = PLAIN.parse(npz(joints=WALK, subject=7, action=[2], camera=3.0, fps=60), "take.npz")
    identity = recording.identity
    assert (identity.name, identity.subject, identity.action, identity.camera) == ("take", 7, 1, 3)
    assert recording.fps == 60
    rows = np.column_stack([np.full(4, 7), np.full(4, 2), WALK.reshape(4, 9)])
    same = PLAIN.parse(table(rows, ["subject", "Action", *COLUMNS]), "take.csv")
    assert (same.identity.subject, same.identity.action, same.fps) == (7, 1, 25)
    np.testing.assert_array_equal(same.bodies_MTVC, recording.bodies_MTVC)
    assert NAMED.parse(npz(joints=WALK, subject=2), NAME).identity.subject == 2
    assert ArrayReader(BODY, fps=9, first_action=0).parse(npz(joints=WALK, action=0), "a.npz").identity.action == 0


@given(st.permutations(range(10)))
@settings(deadline=None, max_examples=20)
def test_named_columns_come_in_any_order(order: list[int]) -> None:
    rows = np.column_stack([WALK.reshape(4, 9), np.arange(4)])[:, order]
    names = [name.title().replace(" ", "_") for name in COLUMNS] + ["frame"]
    recording = NAMED.parse(table(rows, [names[place] for place in order]), "s2_a3.csv")
    np.testing.assert_array_equal(recording.bodies_MTVC[0], WALK.astype(np.float32))
    assert said(recording) == ()


WORDS = ArrayReader(
    BODY, names="{subject}/{action}-{camera}", fps=30, actions=("wave", "kick", "kick high"), subjects=("anna", "ben"),
    cameras=("left", "far right"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("path", "name", "numbers"),
    [
        ("day/anna/wave-left.npz", "anna_wave-left", (1, 0, 1)),
        ("Ben/Kick_High-FAR right.npz", "Ben_Kick_High-FAR right", (2, 2, 2)),
        ("ben/kick-2.npz", "ben_kick-2", (2, 1, 2)),
        ("7/3-1.npz", "7_3-1", (7, 2, 1)),
    ],
)
def test_words_in_names_and_folders(path: str, name: str, numbers: tuple[int, ...]) -> None:
    assert WORDS.part_of(path) == Part(name)
    identity = WORDS.parse(npz(joints=WALK), path).identity
    assert (identity.subject, identity.action, identity.camera) == numbers


def test_words_without_digits_stand_beside_each_other() -> None:
    reader = ArrayReader(BODY, names="{action} {subject}", fps=30, actions=("kick", "kick high"), subjects=("ben",))
    assert reader.parse(npz(joints=WALK), "kick high ben.npz").identity.action == 1
    assert reader.parse(npz(joints=WALK), "kick ben.npz").identity.action == 0


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("carla/wave-left.npz", r"^subject 'carla' is unknown; known: anna, ben \(subjects\)$"),
        ("ben/wavy-left.npz", r"^action 'wavy' is unknown; known: wave, kick, kick high \(actions\)$"),
        ("ben/wave.npz", r"^name 'wave.npz' is not of the form"),
    ],
)
def test_unknown_words_in_names(path: str, reason: str) -> None:
    with pytest.raises(BadRecording, match=reason):
        WORDS.parse(npz(joints=WALK), path)


def test_words_inside() -> None:
    reader = ArrayReader(BODY, fps=30, actions=("wave", "kick"), subjects=("anna", "ben"))
    identity = reader.parse(npz(joints=WALK, action="Kick", subject=np.array(["ben"])), "a.npz").identity
    assert (identity.subject, identity.action) == (2, 1)
    lines = "\n".join(f"ben,{','.join(map(str, row))},kick" for row in WALK.reshape(4, 9).tolist())
    for separator in (",", ";", "\t"):
        text = f"subject,{','.join(COLUMNS)},action\n{lines}\n".replace(",", separator)
        recording = reader.parse(text.encode(), "a.csv")
        assert (recording.identity.subject, recording.identity.action) == (2, 1)
        np.testing.assert_array_equal(recording.bodies_MTVC[0], WALK.astype(np.float32))
    with pytest.raises(BadRecording, match=r"^line 3: action 'sit' is unknown; known: wave, kick \(actions\)$"):
        reader.parse(
            f"subject,{','.join(COLUMNS)},action\n{lines}".replace("kick", "sit").replace("sit", "kick", 1).encode(),
            "a.csv",
        )
    with pytest.raises(BadRecording, match=r"^action is 'kick', not a number; say the words where the reader is"):
        PLAIN.parse(npz(joints=WALK, action="kick"), "a.npz")


def test_words_that_cannot_be() -> None:
    for wrong, reason in (
        ({"actions": ("wave", "Wave")}, "actions: the words hold 'wave' twice"),
        ({"subjects": ("1",)}, "subjects: the words hold one that is a number or nothing"),
        ({"cameras": ("_",)}, "cameras: the words hold one that is a number or nothing"),
    ):
        with pytest.raises(UserError, match=reason):
            ArrayReader(BODY, **wrong)


def labelled(table: str, path: str, reader: ArrayReader = WORDS, **inside: Any) -> Any:
    table_file = RawFile("raw/labels.csv", table.encode())
    reader = replace(reader, names=None, folders=0)
    raw = RawRecording("x", RawFile(path, npz(joints=WALK, **inside)), {"labels": table_file})
    (recording,) = reader.read(raw)
    return recording.identity


TABLE = "name,action,subject,camera\ntake 1,Wave,anna,\nday 2/take 7.npz,kick,ben,left\n\nday 3/take 7,3,7,2\n"


def test_a_table_of_labels() -> None:
    assert WORDS.part_of("raw/labels.csv") == Part(None, "labels")
    assert WORDS.COMPANIONS == ("labels",)
    for separator in (",", ";", "\t"):
        table = TABLE.replace(",", separator)
        for path, numbers in {
            "take 1.npz": (1, 0, None), "raw/day 2/take 7.npz": (2, 1, 1), "raw/day 3/take 7.npz": (7, 2, 2),
        }.items():  # fmt: skip
            identity = labelled(table, path)
            assert (identity.subject, identity.action, identity.camera) == numbers
    assert labelled("file,subject\ntake 1,ben", "take 1.npz", action=1).subject == 2


def test_lines_that_speak_of_no_recording_are_told() -> None:
    table = RawFile("labels.csv", f"{TABLE}take 2,kick,,\nsit_take 3,kick,,\n".encode())
    reader = replace(WORDS, names=None, folders=1)
    paths = ["raw/take 1.npz", "raw/day 3/take 7.csv", "raw/day 2/take 7.npz", "raw/sit/take 3.npy"]
    assert reader.in_vain(table, paths) == ["line 6: take 2"]
    assert reader.in_vain(table, paths[1:2]) == [
        "line 2: take 1", "line 3: day 2/take 7.npz", "line 6: take 2", "line 7: sit_take 3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "kind", "reason"),
    [
        (
            TABLE.replace("anna", "carla"),
            UserError,
            r"^raw/labels.csv: line 2: subject 'carla' is unknown; known: anna, ben",
        ),
        (TABLE.replace("name,", "id,"), UserError, "line 1: one column must be called name"),
        (TABLE.replace("action,subject,camera", "a,b,c"), UserError, "line 1: one column must be called name"),
        (TABLE.replace(",anna,", ",anna"), UserError, "line 2: 3 fields instead of 4; mend the table"),
        (TABLE + "take 1,kick,,", UserError, "line 6: is like line 2, 'take 1'; mend"),
        (TABLE + "take 1.npz,kick,,", UserError, r"lines 2 and 6 both describe take 1\.npz; keep one"),
        (TABLE + ",kick,,", UserError, "line 6: names no recording"),
        ("", UserError, "line 1: one column must be called name.*found: nothing"),
        (TABLE.replace("Wave", ""), BadRecording, "its action is neither in its name"),
        (TABLE.replace("take 1", "take 2"), BadRecording, "its action is neither in its name"),
    ],
)
def test_tables_that_cannot_be_used(table: str, kind: type[Exception], reason: str) -> None:
    with pytest.raises(kind, match=reason):
        labelled(table, "take 1.npz")


def test_a_table_that_says_otherwise_than_the_recording() -> None:
    with pytest.raises(BadRecording, match=r"^action is 1 by labels\.csv, but 2 inside$"):
        labelled(TABLE, "take 1.npz", action=2)


def test_other_arrays_are_noted() -> None:
    recording = NAMED.parse(npz(joints=WALK, speed=np.arange(4), objects=np.array([{}])), NAME)
    assert said(recording) == ("not read: 'speed', 'objects'",)


def test_unit_and_axes() -> None:
    recording = ArrayReader(BODY, names="s{subject}_a{action}", fps=25, metres=0.001, up="z")
    bodies = recording.parse(npz(joints=np.full((1, 3, 3), [1000, 2000, 3000])), NAME).bodies_MTVC
    assert bodies[0, 0, 0].tolist() == [1.0, 3.0, -2.0]


UPWARDS = {"x": (1, 0, 0), "-x": (-1, 0, 0), "y": (0, 1, 0), "-y": (0, -1, 0), "z": (0, 0, 1), "-z": (0, 0, -1)}


@pytest.mark.parametrize("up", UPRIGHT)
def test_whatever_points_up_becomes_y_by_a_turn(up: Up) -> None:
    bodies, _ = as_bodies([np.concatenate([np.eye(3) * 2, [UPWARDS[up]]])[[3, 0, 1, 2]]], FOUR, up=up)
    upwards, turn = bodies[0, 0, 0], bodies[0, 0, 1:].T / 2
    assert upwards.tolist() == [0, 1, 0]
    assert np.linalg.det(turn) == pytest.approx(1)  # and no mirror: left stays left
    assert sorted(np.abs(turn).ravel().tolist()) == [0] * 6 + [1] * 3


def test_pictures_have_y_downwards() -> None:
    """x to the right, y down, z away from the camera: the point stays to the right and is now above and nearer."""
    assert as_bodies([[[1, -2, -3]] * 3], BODY, up="-y")[0][0, 0, 0].tolist() == [1, 2, 3]


def test_derived_joints_are_the_mean_of_their_sources() -> None:
    generator = np.random.default_rng(0)
    recorded = generator.normal(size=(2, 6, 17, 3))
    recorded[1, 2, 5] = np.nan  # a shoulder
    recorded[1, 3] = 0
    bodies, notes = as_bodies(recorded, COCO_17)
    assert bodies.shape == (2, 6, 19, 3)
    seen = ~np.isnan(bodies).all(axis=(2, 3))
    assert seen.tolist() == [[True] * 6, [True, True, True, False, True, True]]
    assert np.flatnonzero(np.isnan(bodies[1, 2]).all(axis=1)).tolist() == [5, 17]  # the shoulder, and so the neck
    np.testing.assert_array_equal(bodies[seen][:, :17], recorded.astype(np.float32)[seen])
    np.testing.assert_allclose(
        bodies[seen][:, 17], (recorded[:, :, 5] + recorded[:, :, 6])[seen] / 2, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        bodies[seen][:, 18], (recorded[:, :, 11] + recorded[:, :, 12])[seen] / 2, rtol=1e-5, atol=1e-6
    )
    assert notes == ()
    again, _ = as_bodies(bodies, COCO_17)  # a file may hold the derived ones as well
    np.testing.assert_array_equal(again, bodies)
    with pytest.raises(BadRecording, match=r"joints of shape \(6, 18, 3\) instead of \(frames, 17, 3\) or"):
        as_bodies(recorded[0, :, [*range(17), 0]].swapaxes(0, 1), COCO_17)


def test_mediapipe_tables_lack_the_middle_of_the_hips() -> None:
    """As people write them: a column for each landmark, y downwards, and its visibility, which is not read."""
    values = np.random.default_rng(0).uniform(size=(3, 33, 4)).round(4)
    header = [f"{joint.upper().replace(' ', '_')}_{part}" for joint in MEDIAPIPE_33.recorded
              for part in ("x", "y", "z", "visibility")]  # fmt: skip
    reader = ArrayReader(MEDIAPIPE_33, names="s{subject}_a{action}", fps=25, up="-y")
    recording = reader.parse(table(values.reshape(3, -1), header), "s2_a3.csv")
    assert recording.bodies_MTVC.shape == (1, 3, 35, 3)
    np.testing.assert_allclose(recording.bodies_MTVC[0, :, :33], values[..., :3] * (1, -1, -1), rtol=1e-6)
    hips = (values[:, 23, :3] + values[:, 24, :3]) / 2 * (1, -1, -1)
    np.testing.assert_allclose(recording.bodies_MTVC[0, :, 34], hips, rtol=1e-5)
    assert "visibility" in said(recording)[0]


MEDIAPIPE_CASES = Path(__file__).parents[2].parent / "shared" / "cases" / "own" / "30-mediapipe33-csv"


@pytest.mark.real
@pytest.mark.skipif(not MEDIAPIPE_CASES.exists(), reason="the cases are not here")
def test_people_in_mediapipe_tables_stand_upright_and_left_is_left() -> None:
    reader = ArrayReader(MEDIAPIPE_33, names="P{subject}_{action}", fps=25, up="-y")
    files = sorted(MEDIAPIPE_CASES.glob("*/*.csv"))
    assert len(files) == 12
    for file in files:
        body = reader.parse(file.read_bytes(), file.name).bodies_MTVC[0]
        body = body[np.isfinite(body).all(axis=(1, 2))]
        at = {name: body[:, joint] for joint, name in enumerate(MEDIAPIPE_33.joints)}
        assert (at["nose"][:, 1] > at["mid hip"][:, 1]).all()
        assert (at["mid hip"][:, 1] > at["left ankle"][:, 1]).all()
        # Facing the camera, which z points to: one's left is to the right of the picture.
        assert (at["left shoulder"][:, 0] > at["right shoulder"][:, 0]).mean() > 0.9


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_a_missing_joint_never_costs_the_body(bad: float) -> None:
    values = np.stack([WALK, WALK + 1, np.zeros_like(WALK)])
    values[1, 2, 1, 0] = bad
    values[0, 3] = 0
    recording = NAMED.parse(npz(joints=values), NAME)
    lost = np.isnan(recording.bodies_MTVC)
    wanted = np.zeros((2, 4, 3, 3), bool)  # the third body was never there
    wanted[0, 3] = wanted[1, 2, 1] = True
    np.testing.assert_array_equal(lost, wanted)
    np.testing.assert_array_equal(recording.bodies_MTVC[~wanted], values[:2][~wanted].astype(np.float32))
    infinite = "joints with infinite or too large coordinates taken as not seen: 1"
    assert said(recording) == (() if np.isnan(bad) else (infinite,))


@pytest.mark.parametrize(("unseen", "missing"), [((), 0), ((0,), 2), ((-1,), 3), ((0, -1), 5)])
def test_which_numbers_mean_not_seen(unseen: tuple[float, ...], missing: int) -> None:
    """In the file's own unit and axes, before anything is made of them; in all coordinates or in none."""
    values = 1000 * WALK
    values[0, 1] = values[3, 2] = 0
    values[1, 0] = values[1, 2] = values[2, 0] = -1
    values[2, 1] = (0, 0, 5)
    values[2, 2] = (-1, 0, -1)
    reader = ArrayReader(BODY, names="s{subject}_a{action}", fps=25, metres=0.001, up="z", unseen=unseen)
    bodies = reader.parse(npz(joints=values), NAME).bodies_MTVC
    lost = np.isnan(bodies[0]).all(axis=2)
    wanted = [point in [[number] * 3 for number in unseen] for point in values.reshape(-1, 3).tolist()]
    assert lost.ravel().tolist() == wanted
    assert lost.sum() == missing
    np.testing.assert_array_equal(np.isnan(bodies[0]).any(axis=2), lost)


def test_frames_in_which_no_joint_was_seen_are_absent() -> None:
    values = WALK.copy()
    values[:2] = -1
    bodies = ArrayReader(BODY, names="s{subject}_a{action}", fps=25, unseen=(-1,)).parse(npz(joints=values), NAME)
    assert np.isnan(bodies.bodies_MTVC).all(axis=(0, 2, 3)).tolist() == [True, True, False, False]
    assert bodies.notes == ()


SURENESS = np.array([[0.9, 0.2, 0.5], [np.nan, 0.9, 0.4], [0.49, 1, 1], [1, 1, 1]])


@pytest.mark.parametrize("least", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("word", ["confidence", "score", "visibility"])
def test_joints_of_little_confidence_were_not_seen(least: float, word: str) -> None:
    reader = ArrayReader(BODY, names="s{subject}_a{action}", fps=25, least_confidence=least)
    order = [2, 0, 3, 1]
    header = ["frame", *COLUMNS, *(f"{joint}_{word}" for joint in BODY.joints)]
    rows = np.concatenate([np.array(order)[:, None], WALK.reshape(4, 9), SURENESS], axis=1)[np.argsort(order)]
    lines = {
        "s2_a3.csv": table(rows, header),
        "s2_a3.npz": npz(joints=WALK[np.argsort(order)], **{word: SURENESS[np.argsort(order)]}),
    }
    expected = WALK[np.argsort(order)].astype(np.float32)
    if least:
        expected[~(SURENESS[np.argsort(order)] >= least)] = np.nan
    for path, data in lines.items():
        recording = reader.parse(data, path)
        np.testing.assert_array_equal(recording.bodies_MTVC, expected[np.newaxis])
        assert [note.kind.name for note in recording.notes] == ([] if least else ["NOT_READ"])


@pytest.mark.parametrize(
    ("path", "data", "reason"),
    [
        (NAME, npz(joints=WALK), "it has no confidence for its joints, which least_confidence needs"),
        (NAME, npz(joints=WALK, score=SURENESS[:, :2]), r"confidence of shape \(4, 2\) does not fit joints of shape"),
        ("s2_a3.csv", table(np.zeros((2, 10)), [*COLUMNS, "hip score"]), "no column of the confidence of 'left hand'"),
    ],
)
def test_confidences_that_are_not_there_are_told(path: str, data: bytes, reason: str) -> None:
    reader = ArrayReader(BODY, names="s{subject}_a{action}", fps=25, least_confidence=0.5)
    with pytest.raises(BadRecording, match=reason):
        reader.parse(data, path)


@pytest.mark.parametrize("empty", ["", " ", "nan", "NaN"])
@pytest.mark.parametrize("field", [0, 4, 8])
def test_an_empty_field_is_a_missing_value(empty: str, field: int) -> None:
    lines = [line.split(",") for line in FLAT.decode().splitlines()]
    lines[2][field] = empty
    for end in ("\n", "\r\n"):
        for last in (end, ""):
            text = end.join(",".join(line) for line in lines) + last
            recording = NAMED.parse(text.encode(), "s2_a3.csv")
            lost = np.isnan(recording.bodies_MTVC[0]).all(axis=2)
            assert np.argwhere(lost).tolist() == [[2, field // 3]]


def test_line_ends_marks_and_quotes_do_not_matter() -> None:
    headed = table(WALK.reshape(4, 9), COLUMNS)
    quoted = headed.replace(b"hip x,hip y", b'"hip x" , "hip y"')
    for text in (FLAT, FLAT.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + headed, FLAT.strip(), FLAT + b"\n", quoted):
        recording = NAMED.parse(text, "s2_a3.csv")
        np.testing.assert_array_equal(recording.bodies_MTVC[0], WALK.astype(np.float32))
        assert recording.notes == ()
    assert said(NAMED.parse(FLAT.replace(b"\n", b"\r\n", 2), "s2_a3.csv")) == ("mixed line ends: 2 of 4 CRLF",)


ROW = FLAT.splitlines()[0]
HEAD = ",".join(COLUMNS).encode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (HEAD, "line 2: no numbers follow the column names"),
        (FLAT + ROW + b",1\n", "line 5: 10 numbers instead of 9"),
        (FLAT + ROW.rsplit(b",", 1)[0], "line 5: 8 numbers instead of 9"),
        (HEAD + b"\n" + ROW + b"\n" + ROW + b",1", "line 3: 10 numbers instead of 9"),
        (ROW + b"\n\n" + ROW, "line 3: numbers after a blank line"),
        (ROW + b"\n" + ROW.replace(b",", b",x", 1), "line 2: field 2 is .*, not a number"),
        (ROW + b"\n" + ROW.replace(b",", b";"), "line 2: field 1 is .*, not a number"),
        (ROW + b"\r" + ROW + b"\r\n", "line 1: a carriage return alone"),
        (FLAT + b"\xff,\n", "line 5: not UTF-8 text"),
        (FLAT.decode().encode("utf-16"), "line 1: not UTF-8 text"),
        (HEAD.replace(b"hip x", b"hip_w") + b"\n" + ROW, "line 1: no column 'hip x' .of 1 missing.; found: 'hip_w'"),
        (HEAD.replace(b"hip x", b"hip y") + b"\n" + ROW, "line 1: two columns are called 'hip y'"),
        (HEAD + b",HIP_X\n" + ROW + b",1", "line 1: column names differ in capitals or punctuation only"),
        (HEAD + b",subject\n" + ROW + b",1\n" + ROW + b",2", "line 3: subject is 2, but 1 before"),
        (HEAD + b",subject\n" + ROW + b",3\n", "subject is 2 by its name, but 3 inside"),
        (HEAD + b",camera\n" + ROW + b",1.5\n", "camera is 1.5, not a whole number"),
        (HEAD + b",camera\n" + ROW + b",\n", "camera is nan, not a whole number"),
        (HEAD + b",fps\n" + ROW + b",0\n", "fps is 0, not positive"),
        (b'"' * 200_001, "line 1: "),
        (b"," * (MOST_NUMBERS + 1), "more than"),
    ],
)  # fmt: skip
def test_csv_of_other_content_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(BadRecording, match=reason):
        NAMED.parse(text, "s2_a3.csv")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "no array joints; found: none"),
        ({"skeleton": WALK}, "no array joints; found: 'skeleton'"),
        ({"joints": np.zeros((4, 2, 3))}, "joints of shape .4, 2, 3. instead of .frames, 3, 3."),
        ({"joints": np.zeros((3, 3))}, "shape"),
        ({"joints": np.zeros((0, 3, 3))}, "shape"),
        ({"joints": np.array(1.0)}, "shape"),
        ({"joints": np.array([{}, 1], dtype=object)}, "joints holds objects, not real numbers"),
        ({"joints": np.array(["a"])}, "joints holds text"),
        ({"joints": WALK > 0}, "joints holds truth values"),
        ({"joints": WALK * 1j}, "joints holds complex numbers"),
        ({"joints": WALK.astype(np.longdouble)}, "joints holds values of type f16"),
        ({"joints": WALK.astype([("x", "f4")])}, "its header does not describe"),
        ({"joints": WALK, "camera": [1, 2]}, "camera has shape .2,., not a single number"),
        ({"joints": WALK, "camera": -1}, "camera is -1, not a whole number"),
        ({"joints": WALK, "camera": 2**40}, "camera is 1.09951e.12, not a whole number"),
        ({"joints": WALK, "camera": np.nan}, "camera is nan"),
        ({"joints": WALK, "camera": "left"}, "camera is 'left', not a number; say the words where"),
        ({"joints": WALK, "action": 4}, "action is 3 by its name, but 4 inside"),
        ({"joints": WALK, "fps": np.inf}, "fps is inf, not positive"),
    ],
)
def test_npz_of_other_content_is_refused(content: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRecording, match=reason):
        NAMED.parse(npz(**content), NAME)


@pytest.mark.parametrize(
    ("reader", "path", "content", "reason"),
    [
        (NAMED, "s2-a3.npz", {}, "name 's2-a3.npz' is not of the form s{subject}_a{action}.npz"),
        (NAMED, "s2_a0.npz", {}, "action is 0, but the first is 1"),
        (PLAIN, "a.npz", {}, "its action is neither in its name nor inside"),
        (ArrayReader(BODY), "a.npz", {"action": 1}, "its fps is not given"),
    ],
)
def test_what_is_not_said(reader: ArrayReader, path: str, content: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRecording, match=reason):
        list(reader.read(RawRecording("a", RawFile(path, npz(joints=WALK, **content)))))


@pytest.mark.parametrize(
    "wrong",
    [
        {"names": "take"}, {"names": "{who}"}, {"names": "{subject}{action}"}, {"names": "{action}_{action}"}, {"names": "{}"},
        {"fps": 0}, {"fps": np.nan}, {"metres": -1.0}, {"metres": np.inf}, {"up": "+y"},
    ],
)  # fmt: skip
def test_impossible_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"^(ArrayReader: )?{next(iter(wrong))} "):
        ArrayReader(BODY, **wrong)


def npy(header: bytes, values: bytes = b"", version: int = 1) -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + values


def announce(shape: str, kind: str = "<f4") -> bytes:
    return f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()


@pytest.mark.parametrize("version", [1, 2, 3])
def test_headers_of_every_version(version: int) -> None:
    values = WALK.astype("<f4")
    recording = NAMED.parse(repack(npy(announce("(4, 3, 3)"), values.tobytes(), version)), NAME)
    np.testing.assert_array_equal(recording.bodies_MTVC[0], values)


@pytest.mark.parametrize(
    "content",
    [
        repack(npy(announce("(1000000000, 3, 3)"), bytes(36))),
        repack(npy(announce("(" + "9" * 5000 + ",)"))),
        repack(npy(announce(f"({', '.join(['1'] * 3000)},)"), bytes(4))),
        repack(npy(announce("(1, 3, 3)", "|O"), bytes(72))),
        repack(npy(b"(" * 60_000)),
        repack(npy(b"")),
        repack(b"\x93NUMPY"),
        repack(b""),
        repack(b"\x93NUMPY\x02\x00\xff\xff\xff\xff"),
        repack(bytes(300 * 2**20)),
        repack(bytes(2**20), zipfile.ZIP_BZIP2),
        repack(bytes(2**20), zipfile.ZIP_LZMA),
    ],
)
def test_bombs_and_lies_cost_nothing(content: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(BadRecording):
        NAMED.parse(content, NAME)
    assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    tracemalloc.stop()


def test_a_zip_that_lies_about_sizes_is_not_unpacked() -> None:
    data = bytearray(repack(npy(announce("(1, 3, 3)"), bytes(100 * 2**20))))
    for signature, distance in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = data.index(signature) + distance
        data[place : place + 4] = struct.pack("<I", 200)
    tracemalloc.start()
    with pytest.raises(BadRecording, match="damaged"):
        NAMED.parse(bytes(data), NAME)
    assert tracemalloc.get_traced_memory()[1] < 5 * 2**20
    tracemalloc.stop()


def test_more_arrays_than_anyone_has_are_refused() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in range(1001):
            archive.writestr(f"{number}", b"")
    with pytest.raises(BadRecording, match="more than 1000 arrays"):
        NAMED.parse(stream.getvalue(), NAME)


def survives(data: bytes, path: str) -> None:
    reason = ""
    try:
        assert NAMED.parse(data, path).bodies_MTVC.shape[2:] == (3, 3)
    except BadRecording as error:
        reason = str(error)
    assert "\n" not in reason


@given(st.binary(max_size=300), st.sampled_from(["s1_a1.npz", "s1_a1.csv"]))
@example(b"", "s1_a1.csv")
@example(b",\n", "s1_a1.csv")
@example(b"\xef\xbb\xbf", "s1_a1.csv")
@example(b"PK\x05\x06" + bytes(18), "s1_a1.npz")
@settings(deadline=None, max_examples=150)
def test_any_bytes(data: bytes, path: str) -> None:
    survives(data, path)


@given(st.text(alphabet='0123456789.,;-+e\n\r "\thipxyzn', max_size=200))
@settings(deadline=None, max_examples=150)
def test_any_text(text: str) -> None:
    survives(text.encode(), "s1_a1.csv")


VALID = (npz(joints=WALK, subject=1), npz(joints=WALK, subject=1, compress=False), FLAT, HEAD + b"\n" + FLAT)


@given(
    st.sampled_from(range(4)), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4)
)
@example(2, [(0, 0x1C)])  # a file separator before a number: a blank to a pattern, none to float
@settings(deadline=None, max_examples=500)
def test_any_damage(number: int, changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(VALID[number])
    for position, value in changes:
        damaged[position % len(damaged)] = value
    survives(bytes(damaged), "s1_a1.npz" if number < 2 else "s1_a1.csv")


@given(st.lists(st.tuples(st.integers(0, 79), st.integers(0, 255)), max_size=4), st.integers(0, 120))
@settings(deadline=None, max_examples=300)
def test_any_header_of_an_array(changes: list[tuple[int, int]], size: int) -> None:
    """Inside a whole zip: a damaged zip does not get so far."""
    damaged = bytearray(npy(announce("(1, 3, 3)"), bytes(range(1, 37))))
    for position, value in changes:
        damaged[position % len(damaged)] = value
    survives(repack(bytes(damaged[: size + 40])), NAME)


def test_truncated_files_are_refused() -> None:
    data = VALID[0]
    for size in range(0, len(data), 7):
        with pytest.raises(BadRecording):
            NAMED.parse(data[:size], NAME)


@pytest.mark.parametrize("joints", [[[1, 2], [3]], "text", None, [[["a", "b", "c"]]], WALK * 1j])
def test_what_is_no_array_of_numbers(joints: Any) -> None:
    with pytest.raises(BadRecording, match="joints "):
        as_bodies(joints, BODY)


NAMED_ROWS = HEAD + b"\n" + FLAT


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("form", ["{}", '"{}"', "{}.0", '"{}.0"', "{}.", " {}.000", "{:.18e}"])
@pytest.mark.parametrize("separator", [",", ";", "\t", " "])
def test_a_line_of_column_numbers_is_no_frame(start: int, form: str, separator: str) -> None:
    if separator == " ":
        form = form.strip('" ')  # quotes between blanks are refused
    numbers = separator.join(form.format(number) for number in range(start, start + 9)).encode()
    text = numbers + b"\r\n" + FLAT.replace(b",", separator.encode()).replace(b"\n", b"\r\n")
    np.testing.assert_array_equal(NAMED.parse(text, "s2_a3.csv").bodies_MTVC[0], WALK.astype(np.float32))


@pytest.mark.parametrize(
    "numbers", [[2, *range(3, 11)], [0.5, *range(1, 9)], [0, 1, 2, 3, 4, 5, 6, 7, 9], [0] * 8 + [1]]
)
def test_a_line_of_other_numbers_is_a_frame(numbers: list[float]) -> None:
    bodies = NAMED.parse(",".join(map(str, numbers)).encode() + b"\n" + FLAT, "s2_a3.csv").bodies_MTVC
    np.testing.assert_array_equal(bodies[0, 0].reshape(-1), np.array(numbers, np.float32))
    assert bodies.shape[1] == 5


def test_column_numbers_with_decimal_commas() -> None:
    numbers = b";".join(b"%d,0" % number for number in range(9))
    text = numbers + b"\n" + comma_decimals(FLAT, b";")
    np.testing.assert_array_equal(NAMED.parse(text, "s2_a3.csv").bodies_MTVC[0], WALK.astype(np.float32))


def comma_decimals(text: bytes, separator: bytes) -> bytes:
    return text.replace(b",", separator).replace(b".", b",")


@pytest.mark.parametrize(
    "text",
    [
        FLAT.replace(b",", b";"),
        FLAT.replace(b",", b"\t"),
        FLAT.replace(b",", b"  "),
        NAMED_ROWS.replace(b",", b";"),
        NAMED_ROWS.replace(b",", b"\t").replace(b"\n", b"\r\n"),
        comma_decimals(FLAT, b";"),
        comma_decimals(FLAT, b"\t"),
        comma_decimals(NAMED_ROWS, b";"),
        b"\n".join(b",".join(b'"' + one.replace(b".", b",") + b'"' for one in row.split(b",")) for row in FLAT.split()),
        b"\n".join(b",".join(b'"' + one + b'"' for one in row.split(b",")) for row in FLAT.split()),
        NAMED_ROWS.replace(b"\n", b",r\xe9gion\n", 1).replace(b"\n0", b"\n0").replace(
            FLAT, b"\n".join(row + b",arm" for row in FLAT.split())
        ),
    ],
)  # fmt: skip
def test_separators_decimal_commas_quotes_and_words(text: bytes) -> None:
    np.testing.assert_array_equal(NAMED.parse(text, "s2_a3.csv").bodies_MTVC[0], WALK.astype(np.float32))


@pytest.mark.parametrize("word", [b"NA", b"N/A", b"null", b"None", b"#N/A", b"<NA>"])
def test_words_for_a_missing_value(word: bytes) -> None:
    first = FLAT.split(b",")[0]
    recording = NAMED.parse(FLAT.replace(first, word, 1), "s2_a3.csv")
    assert np.argwhere(np.isnan(recording.bodies_MTVC[0]).all(axis=2)).tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (comma_decimals(ROW, b","), "twice as many: decimal commas between commas"),
        (b";".join([b"1,250"] * 9), "decimal commas are mixed with points or could be thousands"),
        (b";".join([b"1,25", b"1.5"] * 4 + [b"2"]), "decimal commas are mixed with points"),
        (HEAD + b",action\n" + ROW + b",wave", "line 2: 'action' is 'wave', not a number; write a number for it"),
        (HEAD + b",frame\n" + ROW + b",0\n" + ROW + b",0", "line 3: the same frame as line 2; several people need a column"),
        (HEAD + b",frame\n" + ROW + b",0\n" + ROW + b",1.5", "line 3: frame is 1.5, not a whole number"),
        (HEAD + b",frame\n" + ROW + b",0\n" + ROW + b",2\n" + ROW + b",4", "frames are numbered in steps of 2"),
        (HEAD + b",frame\n" + ROW + b",0\n" + ROW + b",1\n" + ROW + b",9999", "numbered over 10000, but only 3 are there"),
        (HEAD + b",time\n" + ROW + b",0\n" + ROW + b",0.0333", "its times are of 30 frames/s, fps is 25"),
        (HEAD + b",time\n" + ROW + b",0\n" + ROW + b",0", "line 3: the same frame as line 2"),
        (HEAD + b",person\n" + ROW + b",0\n" + ROW + b",1", "a person column, but none of frame numbers or times"),
        (HEAD + b",frame,person\n" + ROW + b",0,1\n" + ROW + b",0,1", "line 3: the same frame as line 2; each person once"),
        (b"\n".join([HEAD + b",frame,person", *(ROW + b",0,%d" % one for one in range(9))]), "9 persons: at most 8"),
        (b"<!DOCTYPE html><html>", "this is an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "this is a git-LFS pointer"),
        (bytes(400), "this is 400 NUL bytes"),
    ],
)  # fmt: skip
def test_what_is_told_with_its_remedy(text: bytes, reason: str) -> None:
    for path in ("s2_a3.csv",) if b"," in text or b";" in text else ("s2_a3.csv", "s2_a3.npz", "s2_a3.npy"):
        with pytest.raises(BadRecording, match=reason):
            NAMED.parse(text, path)


def rows_with(column: str, values: list[Any], walk: Any = WALK) -> bytes:
    rows = walk.reshape(len(walk), 9)
    lines = [",".join([*map(str, row), str(value)]) for row, value in zip(rows.tolist(), values, strict=True)]
    return "\n".join([",".join([*COLUMNS, column]), *lines]).encode()


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("frame", [7, 8, 11, 12]),
        ("Frame_Number", [12, 13, 16, 17]),
        ("time", [0.5, 0.54, 0.66, 0.70]),
        ("timestamp", [1000, 1041, 1160, 1199]),
        ("timestamp", [0, 400000, 1600000, 2000000]),
    ],
)
def test_gaps_become_absent_frames(column: str, values: list[Any]) -> None:
    recordings = [NAMED.parse(rows_with(column, values), "s2_a3.csv")]
    if column != "Frame_Number":
        recordings.append(NAMED.parse(npz(joints=WALK, **{column: np.array(values)}), NAME))
    for recording in recordings:
        np.testing.assert_array_equal(recording.bodies_MTVC[0, [0, 1, 4, 5]], WALK.astype(np.float32))
        assert np.isnan(recording.bodies_MTVC[0, 2:4]).all()
        assert said(recording) == ("frames that its numbers or times leave out, taken as absent: 2 of 6",)


@pytest.mark.parametrize(
    ("spellings", "values"),
    [
        (
            [
                "frame_num",
                "Frame#",
                "frame #",
                "frame_number",
                "Frame No.",
                "frame_id",
                "frameIndex",
                "frame-idx",
                "frames",
            ],
            [7, 8, 11, 12],
        ),
        (
            ["t", "Seconds", "sec", "time_s", "Time (s)", "time [s]", "Timestamp(s)", "t_sec", "times"],
            [0.5, 0.54, 0.66, 0.70],
        ),
        (["timestamp_ms", "time(ms)", "Time_ms"], [1000, 1041, 1160, 1199]),
        (["timestamp_us", "time ns"], [0, 40000, 160000, 200000]),
    ],
)
def test_other_spellings_of_frame_numbers_and_times(spellings: list[str], values: list[float]) -> None:
    for name in spellings:
        scale = 1000 if name.endswith("ns") else 1
        numbers = [value * scale for value in values]
        for path, data in (
            ("s2_a3.csv", rows_with(name, numbers)),
            (NAME, npz(joints=WALK, **{name: np.array(numbers)})),
        ):
            recording = NAMED.parse(data, path)
            np.testing.assert_array_equal(recording.bodies_MTVC[0, [0, 1, 4, 5]], WALK.astype(np.float32))
            assert said(recording) == ("frames that its numbers or times leave out, taken as absent: 2 of 6",), name


@pytest.mark.parametrize("name", ["confidence", "index", "time of day", "frame rate", "framework", "second", "ts", ""])
def test_columns_of_other_names_are_noted_as_not_read(name: str) -> None:
    recording = NAMED.parse(rows_with(name, [7, 8, 11, 12]), "s2_a3.csv")
    assert said(recording) == (f"not read: {name!r}",)
    assert recording.bodies_MTVC.shape[1] == 4


@pytest.mark.parametrize(
    ("other", "values", "unread"),
    [("frame_id", [0, 1, 2, 3], ("not read: 'frame_id'",)), ("t", [0, 0.04, 0.16, 0.2], ())],
)
def test_of_two_columns_of_frame_numbers_one_is_read(other: str, values: list[float], unread: tuple[str, ...]) -> None:
    rows = np.column_stack([WALK.reshape(4, 9), values, [7, 8, 11, 12]])
    recording = NAMED.parse(table(rows, [*COLUMNS, other, "frame"]), "s2_a3.csv")
    assert said(recording) == (*unread, "frames that its numbers or times leave out, taken as absent: 2 of 6")


@pytest.mark.parametrize("name", ["frames", "timestamp", "frame"])
@pytest.mark.parametrize("number", [4, [4], 1.5e9])
def test_a_single_number_of_an_npz_says_nothing_of_each_frame(name: str, number: Any) -> None:
    recording = NAMED.parse(npz(joints=WALK, **{name: np.array(number)}), NAME)
    assert said(recording) == (f"not read: {name!r}",)
    np.testing.assert_array_equal(recording.bodies_MTVC[0], WALK.astype(np.float32))


@pytest.mark.parametrize("numbers", [[1, 2, 3], [[1, 2], [3, 4], [5, 6], [7, 8]]])
def test_numbers_of_other_frames_are_refused(numbers: Any) -> None:
    with pytest.raises(BadRecording, match=r"frames has shape .* instead of .4,., one number per frame"):
        NAMED.parse(npz(joints=WALK, frames=np.array(numbers)), NAME)


def test_two_arrays_for_the_same_numbers_are_refused() -> None:
    with pytest.raises(BadRecording, match="'frame_no', 'Frame No' differ in capitals or punctuation only"):
        NAMED.parse(npz(joints=WALK, frame_no=np.arange(4), **{"Frame No": np.arange(4)}), NAME)


@pytest.mark.parametrize(
    ("column", "values", "line", "said_"),
    [
        ("time", [2.0, 1.96, 1.92, 1.88], 1, "times go back (from 2 to 1.96)"),
        ("timestamp", [9.92, 9.96, 0.0, 0.04], 2, "times go back (from 9.96 to 0)"),
        ("frame", [3, 2, 1, 0], 1, "frame numbers go back (from 3 to 2)"),
        ("frame", [0, 2, 1, 3], 2, "frame numbers go back (from 2 to 1)"),
        ("frame", [0, 1, 0, 1], 2, "frame numbers go back (from 1 to 0)"),
        (
            "timestamp",
            [1700000000.04, 1700000000.08, 1700000000.0, 1700000000.12],
            2,
            "from 1700000000.08 to 1700000000)",
        ),
    ],
)
def test_numbers_and_times_that_go_back_are_refused(column: str, values: list[float], line: int, said_: str) -> None:
    """Neither is the order of lines changed in silence, nor a clock that was set back taken for another order."""
    content = {"s2_a3.csv": rows_with(column, values), NAME: npz(joints=WALK, **{column: np.array(values)})}
    for path, data in content.items():
        with pytest.raises(BadRecording) as caught:
            NAMED.parse(data, path)
        start, _, rest = str(caught.value).partition(": ")
        assert start == f"line {line + (2 if path.endswith('csv') else 1)}"
        assert said_ in rest
        assert "sort the file by them" in rest


def test_each_person_goes_forward_and_one_may_follow_the_other() -> None:
    rows = np.column_stack([WALK.reshape(4, 9), [0, 1, 0, 1], [1, 1, 2, 2]])
    bodies = NAMED.parse(table(rows, [*COLUMNS, "frame", "person"]), "s2_a3.csv").bodies_MTVC
    np.testing.assert_array_equal(bodies, WALK.astype(np.float32).reshape(2, 2, 3, 3))
    rows[2:, 9] = 1, 0
    with pytest.raises(
        BadRecording, match=r"line 5: its frame numbers go back .from 1 to 0.; sort .* renumber the lines$"
    ):
        NAMED.parse(table(rows, [*COLUMNS, "frame", "person"]), "s2_a3.csv")


@pytest.mark.parametrize("name", ["person", "Body ID", "track"])
def test_two_people_in_lines_of_their_own(name: str) -> None:
    rows = np.column_stack([WALK.reshape(4, 9), [3, 3, 4, 5], [9, 2, 9, 2]])
    bodies = NAMED.parse(table(rows, [*COLUMNS, "frame", name]), "s2_a3.csv").bodies_MTVC
    walk = WALK.astype(np.float32)
    np.testing.assert_array_equal(bodies[0], [walk[0], walk[2], np.full_like(walk[0], np.nan)])
    np.testing.assert_array_equal(bodies[1], [walk[1], np.full_like(walk[0], np.nan), walk[3]])


def test_frames_before_bodies_are_refused() -> None:
    for shape in ((9, 1), (50, 2)):
        with pytest.raises(BadRecording, match=rf"{shape[0]} bodies of {shape[1]} frames: .* swap the first two axes"):
            NAMED.parse(npz(joints=np.ones((*shape, 3, 3))), NAME)
    many = ArrayReader(BODY, names="s{subject}_a{action}", fps=25, most_bodies=9)
    assert len(many.parse(npz(joints=np.ones((9, 1, 3, 3))), NAME).bodies_MTVC) == 9


def test_a_single_array_and_names_from_folders() -> None:
    stream = io.BytesIO()
    np.save(stream, WALK)
    np.testing.assert_array_equal(NAMED.parse(stream.getvalue(), "s2_a3.npy").bodies_MTVC[0], WALK.astype(np.float32))
    reader = ArrayReader(BODY, fps=25, folders=1)
    assert reader.part_of("day/session1/kick.npz") == Part("session1_kick")
    with pytest.raises(UserError, match="folders"):
        ArrayReader(BODY, names="{action}", folders=1)


def test_a_body_frame_without_any_number_is_no_loss() -> None:
    values = WALK.copy()
    values[1] = np.nan
    recording = NAMED.parse(npz(joints=values), NAME)
    assert np.isnan(recording.bodies_MTVC[0, 1]).all()
    assert recording.notes == ()


@pytest.mark.parametrize(
    ("times", "fps"),
    [
        ([0, 0.04, 0.08, 0.16], 25),
        ([1000, 1033, 1066, 1100], 30),  # milliseconds, cut to whole ones
        ([0, 333667, 667333], 30),  # 100 nanoseconds
        ([0, 1 / 12.5, 2 / 12.5], 12.5),
        ([0, 1, 2], 7),  # of no unit that makes a usual rate: what is given counts
    ],
)
def test_times_say_the_rate_where_they_may(times, fps):
    text, reader = rows_with("time", times, WALK[: len(times)]), replace(NAMED, fps=7.0, by_times=True)
    if fps == 7:
        with pytest.raises(BadRecording, match="fps is 7"):
            reader.parse(text, "s2_a3.csv")
    else:
        assert reader.parse(text, "s2_a3.csv").fps == pytest.approx(fps)
