"""Small whole recordings of every format to begin from, from the writers that the project has."""

import io
import json
from typing import Any

import numpy as np
import scipy.io

from fuzzing.frames import read_frames, write_frames
from hacm.skeletons.shipped import MEDIAPIPE_33
from hacm.skeletons.topology import Topology
from pipeline.kinect_sim import SimulatorSettings, clips

STICK = Topology("stick-3", ("hip", "left hand", "right hand"), (-1, 0, 0), (0,), 0)
"""A skeleton for the formats that take any."""

ACCLAIM = Topology("acclaim-3", ("root", "left", "right"), (-1, 0, 0), (0,), 0)
"""The same for ASF, whose root is called so."""

SEPARATOR = b"\x1e\n"
"""Between the two texts of an input that has two."""


def skeletons() -> list[bytes]:
    """Some frames of simulated recordings with one and with two bodies, and the shortest text that has a body."""
    settings = SimulatorSettings(performers=(1,), actions=(6, 58), cameras=(1,))
    simulated = [read_frames(data.replace(b"\r\n", b"\n")) for _, data in clips(settings)]
    pieces = [write_frames(frames[start : start + 2]) for frames in simulated for start in (0, 20)]
    body = [b"7 0 0 0 0 0 0 0 0 2", *[b"%d 0 1 0 0 0 0 0 0 0 0 2" % joint for joint in range(25)]]
    other = [b"8" + body[0][1:], *body[1:]]
    short = [write_frames([[body]]), write_frames([[], [body, other], [], [other]] * 3)]
    return [*pieces, *short, short[0].replace(b"\n", b"\r\n"), b"3\n0\n0\n0\n", b"0\n"]


def _table(rows: int, columns: int, separator: str, form: str) -> bytes:
    values = np.random.default_rng(rows).normal(0, 30, (rows, columns))
    return "".join(separator.join(form % value for value in row) + "\n" for row in values).encode()


def pku_videos() -> list[bytes]:
    """Three frames of two bodies, and three of one."""
    rows = _table(3, 75, " ", "%.6f").splitlines()
    return [
        _table(3, 150, " ", "%.6f"),
        b"".join(row + b" 0" * 75 + b"\n" for row in rows),
        (b"0 " * 150 + b"\n") * 3,
    ]


def pku_labels() -> list[bytes]:
    return [b"1,0,3,1\n51,1,2,2\n", b"7,0,1,1\r\n7,2,3,1\r\n", b"12,0,3"]


def pku_splits() -> list[bytes]:
    names = b"0002-L, 0002-M, A01N01-R"
    texts = [b"Training videos: \n%b\nValidataion videos: \n0005-L, 0005-M\n" % part for part in (names, names + b", ")]
    return [*texts, b"\xef\xbb\xbf" + texts[0].replace(b"\n", b"\r\n")]


def ui_prmd_pairs() -> list[bytes]:
    """Positions and angles."""
    tables = [_table(rows, 66, separator, form) for rows, separator, form in ((2, ",", "%.6f"), (2, ", ", "%.2f"))]
    tables.append((b",".join([b"1"] * 66) + b"\n") * 4)
    return [table + SEPARATOR + table for table in tables]


def joint_lines() -> list[bytes]:
    """Four frames of STICK, a line per joint with its confidence, one of them zero throughout."""
    rows = [row + b" 0.5" for row in _table(12, 3, " ", "%.4f").splitlines()]
    zeros = [*rows[:3], *[b"0.000000 0.000000 0.000000 0.000000"] * 3, *rows[6:]]
    return [b"\n".join(lines) + b"\n" for lines in (rows, zeros)] + [b"\r\n".join(rows)]


def csv_texts() -> list[bytes]:
    """Four frames of STICK, without and with column names, some in quotes, and with fields left empty."""
    rows = _table(4, 9, ",", "%.4f").decode().splitlines()
    names = [f"{joint} {axis}" for joint in STICK.joints for axis in "xyz"]
    plain = "\n".join(rows)
    named = "\n".join([",".join(names), *rows])
    facts = "\n".join([",".join((*names, "subject", "action", "note")), *(f"{row},3,1,{row[:3]}" for row in rows)])
    quoted = "\r\n".join([",".join(f'"{name}"' for name in names), *rows])
    placed = "\n".join(
        [",".join((*names, "frame", "person")), *(f"{row},{3 * number},7" for number, row in enumerate(rows))]
    )
    texts = [
        plain,
        named,
        facts,
        quoted,
        placed.replace(",3,7", ",1,7"),
        named.replace(",", ";").replace(".", ","),
        named.replace(",", "\t"),
        plain.replace("-", ",").replace(",,", ","),
        ",".join("1" * 9) + "\n,,,,,,,,\n",
    ]
    return [text.encode() for text in texts] + [b"\xef\xbb\xbf" + named.encode()]


def npz_files() -> list[bytes]:
    """Joints of STICK in several types, with one body and with two, and what may stand beside them."""
    joints = np.random.default_rng(0).normal(0, 1, (4, 3, 3))
    contents: list[dict[str, Any]] = [
        {"joints": (50 * joints).astype(kind)} for kind in ("<f8", ">f4", "i1", "<u2", "<f2")
    ]
    contents += [{"joints": np.stack([joints, joints]), "fps": 25.0, "action": 1, "camera": np.int8(2)}]
    contents += [{"joints": np.asfortranarray(joints), "note": "text"}]
    return [_save_npz(content, compress) for content in contents for compress in (False, True)]


def _save_npz(content: dict[str, Any], compress: bool) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(stream, **content)
    return stream.getvalue()


def matlab_files() -> list[bytes]:
    """UTD-MHAD's array, packed and not, in other number types, and what else a file may hold."""
    joints = np.arange(20 * 3 * 4, dtype=np.float64).reshape(20, 3, 4) / 7
    contents: list[dict[str, Any]] = [{"d_skel": joints.astype(kind)} for kind in ("f8", "f4", "i1", "u2")]
    contents += [{"x": 1.0, "d_skel": joints}, {"d_skel": np.array([[1, "a"]], dtype=object)}, {"d_skel": {"x": 1}}]
    contents += [{"d_skel": "text"}, {"d_skel": joints * 1j}, {"d_skel": joints > 3}]
    return [_save(content, compress) for content in contents for compress in (False, True)]


def _save(content: dict[str, Any], compress: bool) -> bytes:
    stream: Any = io.BytesIO()
    scipy.io.savemat(stream, content, do_compression=compress)
    return bytes(stream.getvalue())


def _json(content: Any) -> bytes:
    """JSON with a number a word, so that changes to words and lines reach each."""
    return json.dumps(content, indent=0, separators=(" , ", " : ")).encode()


def mediapipe_json() -> list[bytes]:
    """Two frames in several forms, one of them with nobody in a third."""
    values = np.random.default_rng(0).uniform(0.1, 0.9, (2, 33, 4)).round(3)
    frames = [[dict(zip(("x", "y", "z", "visibility"), row, strict=True)) for row in one] for one in values.tolist()]
    wrapped = {"fps": 25, "frames": [{"frame": at, "pose_landmarks": one} for at, one in enumerate([*frames, None])]}
    return [_json(content) for content in (values.tolist(), frames, wrapped, [[frames[0], frames[1]]])]


def mediapipe_csv() -> list[bytes]:
    """Two frames under names of each style, and a line a landmark."""
    values = np.random.default_rng(1).uniform(0.1, 0.9, (2, 33, 4)).round(3)
    names = [f"{joint} {axis}" for joint in MEDIAPIPE_33.recorded for axis in ("x", "y", "z", "visibility")]
    numbered = [f"{axis}{joint}" for joint in range(1, 34) for axis in "xyzv"]
    rows = [",".join(map(str, row)) for row in values.reshape(2, -1).tolist()]
    placed = ",".join(("frame", "person", *numbered)) + "\n" + "".join(f"{at},1,{row}\n" for at, row in enumerate(rows))
    wide = [",".join(header) + "\n" + "\n".join(rows) for header in (names, numbered)]
    lines = [f"{at},{joint},{','.join(map(str, values[at, joint].tolist()))}" for at in range(2) for joint in range(33)]
    return [text.encode() for text in (*wide, placed, "frame,landmark,x,y,z,visibility\n" + "\n".join(lines))]


def deeplabcut_tables() -> list[bytes]:
    """Three frames of one individual and of two, in a picture and in the room."""
    values = np.random.default_rng(4).uniform(100, 900, (3, 18)).round(2)
    found = []
    for individuals, coords in (((), ("x", "y", "likelihood")), (("a", "b"), ("x", "y", "likelihood")), ((), "xyz")):
        columns = [(who, joint, axis) for who in individuals or ("",) for joint in STICK.joints for axis in coords]
        names = dict(zip(("individuals", "bodyparts", "coords"), zip(*columns, strict=True), strict=True))
        rows = [",".join(("scorer", *["DLC"] * len(columns)))]
        rows += [",".join((level, *names[level])) for level in names if level != "individuals" or individuals]
        rows += [",".join(map(str, (frame, *row[: len(columns)]))) for frame, row in enumerate(values.tolist())]
        found.append("\n".join(rows).encode())
    return found


def anipose_tables() -> list[bytes]:
    """Three frames with and without what comes behind the joints."""
    values = np.random.default_rng(5).uniform(-500, 500, (3, 18)).round(2).tolist()
    names = [f"{joint}_{end}" for joint in STICK.joints for end in ("x", "y", "z", "error", "ncams", "score")]
    plain = [",".join(names), *(",".join(map(str, row)) for row in values)]
    numbered = [f"{plain[0]},M_00,fnum", *(f"{row},1.0,{frame}" for frame, row in enumerate(plain[1:], 7))]
    return ["\n".join(one).encode() for one in (plain, numbered, [*plain, plain[1].replace("-", "")])]


def c3d_files() -> list[bytes]:
    """Four frames of three markers, as float and as integers, with a marker that is not seen."""
    import c3d

    found: list[bytes] = []
    for scale, rate, unit in ((-1.0, 100, "mm"), (-1.0, 60, "m"), (0.1, 120, "mm")):
        writer = c3d.Writer(point_rate=rate, analog_rate=0, point_scale=scale)
        for frame in np.random.default_rng(6).uniform(-800, 800, (4, 3, 3)).round(1):
            points = np.column_stack([frame, np.zeros((3, 2))]).astype(np.float32)
            points[1, 3] = -1 if len(found) == 1 else 0
            writer.add_frames([(points, np.array([[]]))])
        writer.set_point_labels(list(STICK.joints))
        writer.point_group.set_str("UNITS", "", unit, len(unit))
        stream = io.BytesIO()
        writer.write(stream)
        found.append(stream.getvalue())
    return found


def openpose_frames() -> list[bytes]:
    """Frames of one and two people, of two and three dimensions."""
    values = np.random.default_rng(2).uniform(100, 900, (2, 25, 3)).round(1)
    flat = [
        {"person_id": [who], "pose_keypoints_2d": one.ravel().tolist()}
        for who, one in zip((-1, 4), values, strict=True)
    ]
    return [_json({"version": 1.3, "people": people}) for people in (flat, flat[:1], flat[1:] * 2)] + [
        _json({"people": [{"pose_keypoints": values[0].ravel().tolist()}]})
    ]


def keypoint_lists() -> list[bytes]:
    """COCO's annotations and results, AlphaPose's results, and MMPose's frames: two people in two pictures."""
    values = np.random.default_rng(3).uniform(100, 900, (2, 2, 17, 3)).round(1)
    places = [(frame, who) for frame in range(2) for who in range(2)]
    flat = {place: values[place].ravel().tolist() for place in places}
    results = [{"image_id": frame, "keypoints": flat[frame, who], "track_id": who} for frame, who in places]
    named = [{"image_id": f"{frame}.jpg", "keypoints": flat[frame, who], "idx": who} for frame, who in places]
    images = [{"id": frame, "file_name": f"a/{frame:03}.jpg"} for frame in range(2)]
    instances = [
        {"frame_id": frame, "instances": [
            {"keypoints": values[frame, who, :, :2].tolist(), "keypoint_scores": values[frame, who, :, 2].tolist()}
            for who in range(2)]}
        for frame in range(2)
    ]  # fmt: skip
    return [_json(one) for one in (results, named, {"images": images, "annotations": results}, instances)]


def bvh_texts() -> list[bytes]:
    """STICK, with two frames and with three, its root turned and moved."""
    joints = "".join(
        f"JOINT {name}\n{{\nOFFSET 0.1 {place} 0\nCHANNELS 3 Zrotation Xrotation Yrotation\n}}\n"
        for place, name in enumerate(STICK.joints[1:], 1)
    )
    head = (
        "HIERARCHY\nROOT hip\n{\nOFFSET 0 0 0\nCHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation\n"
    )
    texts = [
        f"{head}{joints}}}\nMOTION\nFrames: {frames}\nFrame Time: 0.02\n" + _table(frames, 12, " ", "%.2f").decode()
        for frames in (2, 3)
    ]
    return [text.encode() for text in (*texts, texts[0].replace("\n", "\r\n"))]


def trc_texts() -> list[bytes]:
    """Two and three frames of STICK's joints, one of them not seen in one."""
    names = "\t\t\t".join(STICK.joints)
    heads = [
        "PathFileType\t4\t(X/Y/Z)\ta.trc\nDataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\n"
        f"60\t60\t{frames}\t3\tmm\nFrame#\tTime\t{names}\n\t\tX1\tY1\tZ1\n"
        for frames in (2, 3)
    ]
    rows = [
        f"{at + 1}\t{at / 60:.3f}\t{row.decode()}\n" for at, row in enumerate(_table(3, 9, "\t", "%.1f").splitlines())
    ]
    texts = [
        heads[0] + "".join(rows[:2]),
        heads[1] + "".join(rows),
        heads[0] + rows[0] + "2\t0.017\t1\t2\t3\t\t\t\t4\t5\t6\n",
    ]
    return [text.encode() for text in texts]


def acclaim_pairs() -> list[bytes]:
    """A skeleton called as STICK's joints are, and an AMC of two and of three frames."""
    bones = "".join(
        f"begin\nid {at}\nname {name}\ndirection 0 1 {at}\nlength 2.5\naxis 10 0 20 XYZ\ndof rx rz\nend\n"
        for at, name in enumerate(("left", "right"))
    )
    skeleton = (
        ":units\nlength 0.45\nangle deg\n:root\norder TX TY TZ RX RY RZ\naxis XYZ\nposition 0 0 0\norientation 0 0 0\n"
        f":bonedata\n{bones}:hierarchy\nbegin\nroot left right\nend\n"
    )
    frames = [f"{at}\nroot 1 2 3 10 20 {at}\nleft 4 5\nright 6 {at}\n" for at in (1, 2, 3)]
    motions = [":FULLY-SPECIFIED\n:DEGREES\n" + "".join(frames[:count]) for count in (2, 3)]
    pairs = [motion.encode() + SEPARATOR + skeleton.encode() for motion in motions]
    return [*pairs, pairs[0].replace(b":DEGREES", b":RADIANS")]
