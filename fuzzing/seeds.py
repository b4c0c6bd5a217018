"""Small whole recordings of every format to begin from, from the writers that the project has."""

import io
from typing import Any

import numpy as np
import scipy.io

from fuzzing.frames import read_frames, write_frames
from hacm.skeletons.topology import Topology
from pipeline.kinect_sim import SimulatorSettings, clips

STICK = Topology("stick-3", ("hip", "left hand", "right hand"), (-1, 0, 0), (0,), 0)
"""A skeleton for the formats that take any."""

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
    """Four frames of STICK, a line a joint with its confidence, one of them zero throughout."""
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
